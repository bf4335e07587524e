//! Endpoints: who to reach, and from where (RFC 9622 §6.1).
//!
//! An endpoint has at most one identifier of each type: a host name *or* an address, a port *or* a service, an
//! interface, a protocol, a hop limit. Its text form is `identity%interface:port`; an IPv6 address followed by a port
//! stands in brackets. Protocol and hop limit are not part of it.

#[macro_use]
mod conversions;
mod local;
mod parse;
mod remote;

pub use local::LocalEndpoint;
pub use parse::check_host_name;
pub use remote::RemoteEndpoint;

use crate::candidate::Protocol;
use crate::failure::{EstablishmentFailure, ListenFailure};
use std::convert::Infallible;
use std::sync::Arc;
use thiserror::Error;

/// Why a text, or a set of identifiers, is not an endpoint.
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
    /// The interface (the zone id of an address) is not a name an interface can have.
    #[error("not an interface name: {0}")]
    Interface(Arc<str>),
    /// It cannot be the name of a service.
    #[error("not the name of a service: {0}")]
    Service(Arc<str>),
    /// Port and service in one endpoint: the service could have another port.
    #[error("an endpoint has a port or a service, not both: {port} and {service}")]
    PortAndService {
        /// The port.
        port: u16,
        /// The service.
        service: Arc<str>,
    },
    /// Host name and address in one endpoint: the name could mean other addresses. Use two endpoints.
    #[error("an endpoint has a host name or an address, not both: {host} and {address}")]
    HostAndAddress {
        /// The host name.
        host: Arc<str>,
        /// The address.
        address: std::net::IpAddr,
    },
}

/// Whether what is for the named protocol only, or for any, is for this one.
pub(crate) fn is_for(named: Option<&Protocol>, protocol: &Protocol) -> bool {
    named.is_none_or(|named| named.as_str().eq_ignore_ascii_case(protocol.as_str()))
}

impl From<Infallible> for EndpointError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<EndpointError> for EstablishmentFailure {
    fn from(error: EndpointError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}

impl From<EndpointError> for ListenFailure {
    fn from(error: EndpointError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}
