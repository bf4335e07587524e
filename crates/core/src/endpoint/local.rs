//! From where to reach, or where to listen.

use super::{EndpointError, parse};
use crate::candidate::Protocol;
use std::net::IpAddr;
use std::sync::Arc;

/// From where to reach, or where to listen (RFC 9622 §6.1). One identifier of each type at most; one that has
/// none leaves everything to the system, and is written `*`.
///
/// ```
/// # use neatflow_core::LocalEndpoint;
/// assert_eq!(LocalEndpoint::new().port(7000), "*:7000".parse()?);
/// assert_eq!(LocalEndpoint::new().interface("eth0"), "*%eth0".parse()?);
/// # Ok::<(), neatflow_core::EndpointError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalEndpoint {
    /// The host name; it is resolved to addresses of this host before it is used.
    pub host: Option<Arc<str>>,
    /// The address.
    pub address: Option<IpAddr>,
    /// The port; `None` and 0 let the system choose.
    pub port: Option<u16>,
    /// The service whose port it is, in place of the port.
    pub service: Option<Arc<str>>,
    /// The interface.
    pub interface: Option<Arc<str>>,
    /// The only protocol it is for; `None` = any.
    pub protocol: Option<Protocol>,
    /// Over how many routers packets may travel; `None` leaves it to the system.
    pub hop_limit: Option<u8>,
}

impl LocalEndpoint {
    /// An endpoint without identifiers: any address, any port.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether its identifiers go together.
    ///
    /// *Errors*: a host name together with an address, a port together with a service, a host, a service
    /// or an interface that cannot be one.
    pub fn validate(&self) -> Result<(), EndpointError> {
        parse::check(self.host.as_ref(), self.address, self.interface.as_ref())?;
        parse::check_port(self.port, self.service.as_ref())
    }
}

endpoint_conversions!(LocalEndpoint, parse::Nothing::Accepted);
