//! A policy manager elsewhere: one daemon for a host, or for a site, decides for many transports.
//!
//! The transport's own policy manager says first what is eligible here, as always; the daemon then rules out, reorders
//! and adds, over NEAT's socket and in its JSON, for both calls ([`neatflow_core::policy::remote`]). So nothing it says
//! breaks a Require or a Prohibit, and what is built in holds in both places. Listeners ask the transport's own alone, as
//! libneat's do.

mod actor;
mod client;

pub use actor::RemotePolicy;
pub use client::{AskError, ask};

use std::path::PathBuf;
use std::time::Duration;

/// Which daemon is asked, and what holds when it does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Its `neat_pm_socket`.
    pub socket: PathBuf,
    /// How long each of its answers may take. Default: 1 s; libneat waits for 3.
    pub timeout: Duration,
    /// What holds when it does not answer. Default: [`Absent::Fail`].
    pub absent: Absent,
}

/// What holds when a policy daemon does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Absent {
    /// Nothing is established: `PolicyUnavailable`. Policies are there to be kept.
    #[default]
    Fail,
    /// The transport's own policy manager decides alone, and a warning is logged. As libneat does.
    Alone,
}

impl Config {
    /// The daemon at this `neat_pm_socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), timeout: Duration::from_secs(1), absent: Absent::default() }
    }

    /// Gives each answer so long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What holds when it does not answer.
    #[must_use]
    pub fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }
}
