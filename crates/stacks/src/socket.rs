//! What sockets of every protocol have in common: opening, binding, marking, and what their errors mean.
//!
//! What only Linux can do is in `socket/linux.rs`; `socket/other.rs` has the same functions for everybody else.

use crate::network::interface_index;
use neatflow_core::properties::CapacityProfile;
use neatflow_core::{Candidate, Failure, Preference, SelectionProperty};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::runtime::Handle;

#[cfg(target_os = "linux")]
#[path = "socket/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "socket/other.rs"]
mod system;

#[cfg(feature = "tcp")]
pub(crate) use system::set_bind_address_no_port;
#[cfg(all(feature = "udp", target_os = "linux"))]
pub(crate) use system::set_option;
pub(crate) use system::{TEMPORARY_ADDRESSES, bind_interface, is_temporary, prefer_temporary, share_port};

/// Opens a non-blocking stream socket of the family of `address`; a child process will not inherit it.
///
/// *Errors*: [`Failure::Unreachable`] when the family is switched off.
#[cfg(feature = "tcp")]
pub(crate) fn open_stream(address: SocketAddr, protocol: Protocol) -> Result<Socket, Failure> {
    open(address, Type::STREAM, protocol)
}

/// Opens a non-blocking datagram socket of the family of `address`; a child process will not inherit it.
///
/// *Errors*: [`Failure::Unreachable`] when the family is switched off.
#[cfg(feature = "udp")]
pub(crate) fn open_datagram(address: SocketAddr, protocol: Protocol) -> Result<Socket, Failure> {
    open(address, Type::DGRAM, protocol)
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> Result<Socket, Failure> {
    // Where the system can make it non-blocking at once, that saves two calls.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol)).map_err(failure);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol)).map_err(failure)?;
        socket.set_nonblocking(true).map_err(failure)?;
        Ok(socket)
    }
}

/// Whom to reach.
///
/// *Errors*: `InvalidInput` for port 0.
pub(crate) fn remote_of(candidate: &Candidate) -> Result<SocketAddr, Failure> {
    if candidate.port() == 0 {
        return Err(Failure::Io {
            kind: io::ErrorKind::InvalidInput,
            os: None,
            text: Arc::from("nobody can be reached at port 0"),
        });
    }
    Ok(candidate.remote)
}

/// Tells the system which kind of source address is wished for. A wish it cannot grant is no error here: what was
/// obtained tells, and is checked against what was required.
pub(crate) fn choose_source(socket: &Socket, candidate: &Candidate, remote: SocketAddr) {
    let temporary =
        match candidate.properties.selection.preference(SelectionProperty::UseTemporaryLocalAddress) {
            Preference::Require | Preference::Prefer => true,
            Preference::Avoid | Preference::Prohibit => false,
            Preference::NoPreference => return,
        };
    if remote.is_ipv6() {
        let _ = prefer_temporary(socket, temporary);
    }
}

/// Binds to a local address.
///
/// *Errors*: [`Failure::LocalAddress`], [`Failure::NotPermitted`].
pub(crate) fn bind(socket: &Socket, local: SocketAddr) -> Result<(), Failure> {
    socket.bind(&SockAddr::from(local)).map_err(|error| match error.kind() {
        // An IPv4 address for an IPv6 socket, or a link-local address without its interface.
        io::ErrorKind::InvalidInput => Failure::LocalAddress(Arc::from(error.to_string())),
        _ => failure(error),
    })
}

/// The address with the scope of the interface, if it is link-local and has none (RFC 4007 §6).
///
/// *Errors*: [`Failure::NoSuchInterface`]; [`Failure::Unreachable`] for a link-local address without an
/// interface: the system could not know which link is meant.
pub(crate) fn scoped(address: SocketAddr, interface: Option<&Arc<str>>) -> Result<SocketAddr, Failure> {
    let SocketAddr::V6(mut v6) = address else { return Ok(address) };
    if !v6.ip().is_unicast_link_local() || v6.scope_id() != 0 {
        return Ok(address);
    }
    let Some(name) = interface else {
        return Err(Failure::Unreachable(Arc::from(format!(
            "{} is link-local and needs an interface",
            v6.ip()
        ))));
    };
    v6.set_scope_id(interface_index(name).map_err(|_| Failure::NoSuchInterface(name.clone()))?);
    Ok(v6.into())
}

/// Marks what is sent to `peer` with the code point of the profile (RFC 9622 §8.1.6). The default profile
/// leaves the system's marking alone.
pub(crate) fn mark(socket: &Socket, peer: IpAddr, profile: CapacityProfile) -> Result<(), Failure> {
    if profile == CapacityProfile::Default {
        return Ok(());
    }
    // The lower two bits of the octet are ECN's.
    let octet = u32::from(profile.dscp()) << 2;
    match peer.to_canonical() {
        // An IPv4-mapped peer is reached by IPv4 packets.
        IpAddr::V4(_) => socket.set_tos_v4(octet).map_err(failure),
        IpAddr::V6(_) => system::set_traffic_class(socket, octet).map_err(failure),
    }
}

/// Fails where sockets could not be registered, instead of panicking there.
pub(crate) fn reactor() -> Result<(), Failure> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Io {
            kind: io::ErrorKind::NotConnected,
            os: None,
            text: Arc::from(error.to_string()),
        }),
    }
}

/// A feature of the system that is missing here.
#[cfg_attr(
    any(target_os = "linux", target_vendor = "apple"),
    expect(dead_code, reason = "these systems lack nothing that is asked for")
)]
pub(crate) fn unsupported(what: &str) -> Failure {
    Failure::Io {
        kind: io::ErrorKind::Unsupported,
        os: None,
        text: Arc::from(format!("not supported by this system: {what}")),
    }
}

/// What an error of a socket means.
pub(crate) fn failure(error: io::Error) -> Failure {
    if error.raw_os_error().is_some_and(says_unreachable) {
        return Failure::Unreachable(Arc::from(error.to_string()));
    }
    Failure::from(error)
}

/// Errors without a kind of their own that say that there is no way to the address: its family or the protocol is
/// switched off here, or a neighbour said so.
#[cfg(unix)]
fn says_unreachable(number: i32) -> bool {
    matches!(number, libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::EHOSTDOWN)
}

#[cfg(not(unix))]
fn says_unreachable(_: i32) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn of(number: i32) -> Failure {
        failure(io::Error::from_raw_os_error(number))
    }

    #[test]
    fn every_error_a_route_can_give_says_unreachable() {
        for number in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::ENETDOWN, libc::EAFNOSUPPORT] {
            assert!(matches!(of(number), Failure::Unreachable(_)), "{number}: {:?}", of(number));
        }
    }

    #[test]
    fn errors_that_have_a_name_keep_it() {
        assert_eq!(of(libc::ETIMEDOUT), Failure::TimedOut);
        assert_eq!(of(libc::ECONNREFUSED), Failure::Refused);
        assert_eq!(of(libc::ECONNRESET), Failure::Reset);
        assert_eq!(of(libc::EPIPE), Failure::Reset);
        assert!(matches!(of(libc::EADDRINUSE), Failure::LocalAddress(_)));
        assert!(matches!(of(libc::EADDRNOTAVAIL), Failure::LocalAddress(_)));
        assert!(matches!(of(libc::EACCES), Failure::NotPermitted(_)));
        assert!(matches!(of(libc::EPERM), Failure::NotPermitted(_)));
        assert!(matches!(of(libc::EMFILE), Failure::Io { os: Some(libc::EMFILE), .. }));
    }

    #[test]
    fn a_link_local_address_takes_the_scope_of_its_interface() {
        let Some(loopback) = crate::interfaces().unwrap().into_iter().find(|found| found.loopback) else {
            panic!("no loopback interface");
        };
        let name: Arc<str> = Arc::from(loopback.name);
        let address: SocketAddr = "[fe80::1]:7".parse().unwrap();
        let SocketAddr::V6(found) = scoped(address, Some(&name)).unwrap() else { panic!("still IPv6") };
        assert_eq!(found.scope_id(), loopback.index);
        assert!(matches!(scoped(address, None), Err(Failure::Unreachable(_))));

        let explicit: SocketAddr = "[fe80::1%77]:7".parse().unwrap();
        assert_eq!(scoped(explicit, Some(&name)).unwrap(), explicit);
        let global: SocketAddr = "[2001:db8::1]:7".parse().unwrap();
        assert_eq!(scoped(global, Some(&name)).unwrap(), global);
    }
}
