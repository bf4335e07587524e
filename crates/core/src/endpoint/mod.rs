//! Endpoints: who to reach, and from where (RFC 9622 §6.1).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use thiserror::Error;

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// There is nothing in it.
    #[error("an endpoint needs a host name or an address")]
    Empty,
    /// The port is not a number from 0 to 65535.
    #[error("not a port: {0}")]
    Port(Arc<str>),
    /// It is neither an address nor a host name.
    #[error("neither an address nor a host name: {0}")]
    Host(Arc<str>),
}

/// Whom to reach: a host name or an address, a port, and the interface through which the name or a link-local
/// address is meant (RFC 9622 §6.1). One identifier of each type at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteEndpoint {
    /// The host name.
    pub host: Option<Arc<str>>,
    /// The address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: Option<u16>,
    /// The interface.
    pub interface: Option<Arc<str>>,
}

/// From where to reach, or where to listen (RFC 9622 §6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalEndpoint {
    /// The address.
    pub address: Option<IpAddr>,
    /// The port; `None` and 0 let the system choose.
    pub port: Option<u16>,
    /// The interface.
    pub interface: Option<Arc<str>>,
}

impl From<SocketAddr> for RemoteEndpoint {
    fn from(to: SocketAddr) -> Self {
        Self { address: Some(to.ip()), port: Some(to.port()), ..Self::default() }
    }
}

impl From<SocketAddr> for LocalEndpoint {
    fn from(at: SocketAddr) -> Self {
        Self { address: Some(at.ip()), port: Some(at.port()), ..Self::default() }
    }
}
