//! Turns names into addresses.
//!
//! A question is answered by the first of these that knows the name:
//!
//! 1. the name itself, when it is a literal address, or one under `localhost` (RFC 6761 §6.3);
//! 2. the hosts file;
//! 3. name servers: HTTPS, AAAA and A are asked back to back, as far as they are wanted, and each answer is passed on
//!    as it comes (RFC 8305 §3, draft-ietf-happy-happyeyeballs-v3 §4.1).
//!
//! The first costs neither a wait nor a place in the queue. Whatever happens, a question ends within
//! [`Config::timeout`], with exactly one [`Answered`] for each type that was asked for, the final one `last`.
//!
//! [`NameResolver`] decides where a question goes, `names` reads host names, `lookup` follows one question, `hosts`
//! and `servers` are the sources, `upstream` is one name server, `runtime` opens the sockets to it, `records` reads
//! what it says, `watched` sees files change, `failure` names what went wrong.

mod actor;
mod failure;
mod gather;
mod hosts;
mod lookup;
mod names;
mod records;
mod runtime;
mod servers;
mod services;
mod upstream;
mod watched;

pub mod messages;

pub use actor::NameResolver;
pub(crate) use gather::{settle, settle_remotes};
pub use messages::{Answered, DnsProtocol, Origin, QueryId, Resolve};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a [`NameResolver`] resolves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The name servers; `None` (default): the system's, followed when they change.
    pub servers: Option<Vec<SocketAddr>>,
    /// The domains in which a name that is not absolute is looked for.
    /// `None` (default): the system's with the system's `servers`, none with others.
    pub search: Option<Vec<Arc<str>>>,
    /// How long one question may take, its wait for a place included. Default 5 s; at most 10 min.
    ///
    /// The tries with the name servers share it, in equal parts: a lost answer leaves time to ask again.
    pub timeout: Duration,
    /// The hosts file, read again when it changes. Default: the system's.
    ///
    /// Its first 8 MiB count, and the first 64 addresses of each name.
    pub hosts_file: PathBuf,
    /// How many questions may be with the name servers at once; more wait in order. Default 64; 1 to 4,096.
    ///
    /// A question has up to twelve sockets open while its servers are silent (two families, two servers, three
    /// transmissions) and usually two: the default stays below the usual limit of 1,024 descriptors.
    pub in_flight: usize,
    /// How many questions may wait for that; more fail at once, as `Other`. Default 4,096.
    pub waiting: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: None,
            search: None,
            timeout: Duration::from_secs(5),
            hosts_file: hosts::system_path(),
            in_flight: 64,
            waiting: 4096,
        }
    }
}

impl Config {
    /// [`Config::timeout`] within its bounds: far times overflow clocks.
    fn bounded_timeout(&self) -> Duration {
        self.timeout.min(Duration::from_secs(600))
    }

    /// [`Config::in_flight`] within its bounds: with none, nothing would ever be asked.
    fn bounded_in_flight(&self) -> usize {
        self.in_flight.clamp(1, 4096)
    }
}
