//! Whom to reach.

use super::{EndpointError, parse};
use crate::candidate::Protocol;
use std::net::IpAddr;
use std::sync::Arc;

/// Whom to reach: a host name or an address, a port, and the interface through which the name or a link-local
/// address is meant (RFC 9622 §6.1). One identifier of each type at most.
///
/// ```
/// # use neatflow_core::RemoteEndpoint;
/// let by_name = RemoteEndpoint::new().host("example.org").port(443);
/// assert_eq!(by_name, "example.org:443".parse()?);
/// let link_local: RemoteEndpoint = "[fe80::1%eth0]:80".parse()?;
/// assert_eq!(link_local.interface.as_deref(), Some("eth0"));
/// # Ok::<(), neatflow_core::EndpointError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteEndpoint {
    /// The host name.
    pub host: Option<Arc<str>>,
    /// The address.
    pub address: Option<IpAddr>,
    /// The port.
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

impl RemoteEndpoint {
    /// An endpoint without identifiers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it identifies someone. The port is not looked at: it may come later.
    ///
    /// *Errors*: nothing to reach, a host name together with an address, a port together with a service, a host, a service
    /// or an interface that cannot be one.
    pub fn validate(&self) -> Result<(), EndpointError> {
        if self.host.is_none() && self.address.is_none() {
            return Err(EndpointError::Empty);
        }
        parse::check(self.host.as_ref(), self.address, self.interface.as_ref())?;
        parse::check_port(self.port, self.service.as_ref())
    }
}

endpoint_conversions!(RemoteEndpoint, parse::Nothing::Refused);
