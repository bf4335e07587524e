//! How a name resolver resolves.

use super::hosts;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a [`NameResolver`](super::NameResolver) resolves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The name servers, in the order in which they are asked; `None` (default): the system's, followed when they
    /// change, those with IPv6 addresses first.
    pub servers: Option<Vec<NameServer>>,
    /// Who vouches for name servers that are asked over TLS or HTTPS. Default: whom the system trusts.
    pub roots: Roots,
    /// The domains in which a name that is not absolute is looked for.
    /// `None` (default): the system's with the system's `servers`, none with others.
    pub search: Option<Vec<Arc<str>>>,
    /// How long one question may take, its wait for a place included. Default 5 s; at most 10 min.
    ///
    /// All servers get their turn in it: one that is silent is waited for a second at most before the next is asked
    /// as well.
    pub timeout: Duration,
    /// The hosts file, read again when it changes. Default: the system's.
    ///
    /// Its first 8 MiB count, and the first 64 addresses of each name.
    pub hosts_file: PathBuf,
    /// Where the system says which its name servers and its search domains are, where it has such a file; read again
    /// when it changes. Default: `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// How many lookups, each of one type of one name, may be with the name servers at once; more wait in order.
    /// Default 64; 1 to 4,096.
    ///
    /// A lookup has up to nine sockets open while its servers are silent (three servers, three transmissions) and
    /// usually one: the default stays below the usual limit of 1,024 descriptors.
    pub in_flight: usize,
    /// How many more questions than that may be open; more fail at once, as `Other`. Default 4,096.
    pub waiting: usize,
    /// How many answers are kept for their time to live, which counts for a day at most; that there is nothing is
    /// kept for what the zone says, five minutes at most. Default 1,024; 0: none, but questions are still shared.
    pub cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: None,
            roots: Roots::System,
            search: None,
            timeout: Duration::from_secs(5),
            hosts_file: hosts::system_path(),
            resolv_conf: "/etc/resolv.conf".into(),
            in_flight: 64,
            waiting: 4096,
            cache: 1024,
        }
    }
}

impl Config {
    /// Whether what these servers say cannot be forged on the way: all of them are asked over TLS or HTTPS.
    pub fn is_secure(&self) -> bool {
        let servers = self.servers.as_deref().unwrap_or_default();
        !servers.is_empty() && servers.iter().all(|server| !matches!(server.via, Via::Plain))
    }

    /// [`Config::timeout`] within its bounds: far times overflow clocks.
    pub(super) fn bounded_timeout(&self) -> Duration {
        self.timeout.min(Duration::from_secs(600))
    }

    /// [`Config::in_flight`] within its bounds: with none, nothing would ever be asked.
    pub(super) fn bounded_in_flight(&self) -> usize {
        self.in_flight.clamp(1, 4096)
    }
}

/// A name server, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct NameServer {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is asked.
    pub via: Via,
}

/// How a name server is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Via {
    /// In datagrams, and over TCP for what is too long for them.
    Plain,
    /// Over TLS (RFC 7858).
    Tls {
        /// The name, or the address, that its certificate must have.
        name: Arc<str>,
    },
    /// Over HTTP/2 and TLS (RFC 8484).
    Https {
        /// The name, or the address, that its certificate must have.
        name: Arc<str>,
        /// The path of its URL.
        path: Arc<str>,
    },
}

impl NameServer {
    /// A server that is asked over TLS, usually at port 853. Its certificate must have this name, which may be an
    /// address.
    pub fn tls(address: SocketAddr, name: impl Into<Arc<str>>) -> Self {
        Self { address, via: Via::Tls { name: name.into() } }
    }

    /// A server that is asked over HTTPS, usually at port 443, under `/dns-query`. Its certificate must have this
    /// name, which may be an address.
    pub fn https(address: SocketAddr, name: impl Into<Arc<str>>) -> Self {
        Self { address, via: Via::Https { name: name.into(), path: "/dns-query".into() } }
    }

    /// Under another path, if it is asked over HTTPS.
    #[must_use]
    pub fn path(mut self, new: impl Into<Arc<str>>) -> Self {
        if let Via::Https { path, .. } = &mut self.via {
            *path = new.into();
        }
        self
    }
}

/// Asked in datagrams, and over TCP for what is too long for them.
impl From<SocketAddr> for NameServer {
    fn from(address: SocketAddr) -> Self {
        Self { address, via: Via::Plain }
    }
}

/// Who vouches for the identity of a name server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// Whom the system trusts.
    #[default]
    System,
    /// These authorities and no others: their certificates, in DER.
    Only(Vec<Vec<u8>>),
}
