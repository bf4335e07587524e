//! Socket options of systems other than Linux: what they have of them, and what they cannot do.

use neatflow_core::{Failure, Offer};
use socket2::Socket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Temporary addresses can be neither asked for nor told from others.
pub(crate) const TEMPORARY_ADDRESSES: Offer = Offer::Never;

/// Lets several sockets listen on one address.
#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
pub(crate) fn share_port(socket: &Socket) -> Result<(), Failure> {
    socket.set_reuse_port(true).map_err(super::failure)
}

/// Cannot let several sockets listen on one address.
#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
pub(crate) fn share_port(_: &Socket) -> Result<(), Failure> {
    Err(super::unsupported("several listeners on one address"))
}

/// Binds to an interface, by its index (`IP_BOUND_IF`, `IPV6_BOUND_IF`).
///
/// *Errors*: [`Failure::NoSuchInterface`].
#[cfg(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris"))]
pub(crate) fn bind_interface(socket: &Socket, address: SocketAddr, name: &Arc<str>) -> Result<(), Failure> {
    let index = crate::interfaces::interface_index(name).ok().and_then(std::num::NonZeroU32::new);
    let Some(index) = index else { return Err(Failure::NoSuchInterface(name.clone())) };
    match address {
        SocketAddr::V4(_) => socket.bind_device_by_index_v4(Some(index)),
        SocketAddr::V6(_) => socket.bind_device_by_index_v6(Some(index)),
    }
    .map_err(super::failure)
}

/// Cannot bind to an interface.
///
/// *Errors*: [`Failure::NoSuchInterface`]; `Unsupported` when there is one.
#[cfg(not(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris")))]
pub(crate) fn bind_interface(_: &Socket, _: SocketAddr, name: &Arc<str>) -> Result<(), Failure> {
    match crate::interfaces::interface_index(name) {
        Ok(_) => Err(super::unsupported("binding to an interface")),
        Err(_) => Err(Failure::NoSuchInterface(name.clone())),
    }
}

/// Nothing to do: the port is chosen by `bind`.
#[cfg(feature = "tcp")]
pub(crate) fn set_bind_address_no_port(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Sets the traffic class of IPv6 packets.
#[cfg(any(target_os = "macos", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
pub(crate) fn set_traffic_class(socket: &Socket, octet: u32) -> io::Result<()> {
    socket.set_tclass_v6(octet)
}

/// Cannot mark IPv6 packets; the profile is advice, so they go unmarked.
#[cfg(not(any(target_os = "macos", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd")))]
pub(crate) fn set_traffic_class(_: &Socket, _: u32) -> io::Result<()> {
    Ok(())
}

/// Cannot ask for a temporary source address.
pub(crate) fn prefer_temporary(_: &Socket, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Cannot tell; no address counts as temporary.
pub(crate) fn is_temporary(_: IpAddr) -> bool {
    false
}
