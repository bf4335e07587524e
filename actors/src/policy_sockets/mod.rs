//! NEAT's three sockets, so that whoever speaks its JSON is served by a policy manager of ours: libneat unmodified,
//! scripts, and [transports elsewhere](crate::policy_manager).
//!
//! | socket | what is sent | the answer |
//! |---|---|---|
//! | `neat_pm_socket` | a request | candidates |
//! | `neat_pib_socket` | policies and profiles | what was taken in |
//! | `neat_cib_socket` | nodes | what was taken in |
//!
//! One exchange for each connection: JSON, ended by a newline or by shutting down the sending side; then one line of
//! JSON. What is wrong is answered as `{"error": ".."}`. NEAT has no answer to policies and nodes; libneat does not
//! read it. The sockets are for their owner alone (mode 0600, in a directory of mode 0700).

mod actor;
mod exchange;
mod files;

pub use actor::PolicySockets;
pub use files::{CIB_SOCKET, PIB_SOCKET, PM_SOCKET, SocketFiles, SocketsError};

use std::time::Duration;

/// How clients are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long a client has to tell its request, and again to take the answer. Default: 5 s; libneat waits for 3.
    pub patience: Duration,
    /// How many may be at a socket at a time; when there are more, whoever came first has to go. Default:
    /// [`MAX_VISITORS`](neatflow_core::policy::daemon::MAX_VISITORS).
    pub visitors: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { patience: Duration::from_secs(5), visitors: neatflow_core::policy::daemon::MAX_VISITORS }
    }
}
