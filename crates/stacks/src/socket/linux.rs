//! Socket options of Linux.

use super::failure;
use neatflow_core::{Failure, Offer};
use socket2::Socket;
use std::ffi::c_int;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Temporary addresses can be asked for, and told from others.
pub(crate) const TEMPORARY_ADDRESSES: Offer = Offer::Optional;

/// Lets several sockets listen on one address; connections are spread over them.
pub(crate) fn share_port(socket: &Socket) -> Result<(), Failure> {
    socket.set_reuse_port(true).map_err(failure)
}

/// Binds to an interface, by name (`SO_BINDTODEVICE`).
///
/// *Errors*: [`Failure::NoSuchInterface`]; [`Failure::NotPermitted`] before Linux 5.7 without a capability.
pub(crate) fn bind_interface(socket: &Socket, _: SocketAddr, name: &Arc<str>) -> Result<(), Failure> {
    // The system would cut a longer name, and takes an empty one to mean "any".
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
        return Err(Failure::NoSuchInterface(name.clone()));
    }
    socket.bind_device(Some(name.as_bytes())).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => Failure::NoSuchInterface(name.clone()),
        _ => failure(error),
    })
}

/// Lets `bind` to port 0 leave the choice of the port to `connect`. Without it each bind reserves a port for
/// all peers, and the search for a free one dominates when many connections are opened.
#[cfg(feature = "tcp")]
pub(crate) fn set_bind_address_no_port(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Sets the traffic class of IPv6 packets.
pub(crate) fn set_traffic_class(socket: &Socket, octet: u32) -> io::Result<()> {
    socket.set_tclass_v6(octet)
}

/// Asks for a temporary source address, or for a public one (RFC 5014 §5; IPv6 alone).
pub(crate) fn prefer_temporary(socket: &Socket, temporary: bool) -> io::Result<()> {
    let which = if temporary { libc::IPV6_PREFER_SRC_TMP } else { libc::IPV6_PREFER_SRC_PUBLIC };
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_ADDR_PREFERENCES, which)
}

/// Whether an address of ours is temporary (RFC 8981).
pub(crate) fn is_temporary(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    // What cannot be temporary needs no look-up.
    if address.is_loopback() || address.is_unicast_link_local() || address.to_ipv4_mapped().is_some() {
        return false;
    }
    std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|table| listed_as_temporary(&table, address))
}

/// Reads the kernel's table: address, index, prefix length, scope, flags, name; the numbers in hexadecimal.
fn listed_as_temporary(table: &str, address: Ipv6Addr) -> bool {
    const IFA_F_TEMPORARY: u32 = 0x01;
    let wanted = format!("{:032x}", address.to_bits());
    table.lines().any(|line| {
        let mut columns = line.split_whitespace();
        columns.next() == Some(&wanted)
            && columns
                .nth(3)
                .and_then(|flags| u32::from_str_radix(flags, 16).ok())
                .is_some_and(|flags| flags & IFA_F_TEMPORARY != 0)
    })
}

/// Sets an option that socket2 has no method for and whose value is an int.
pub(crate) fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `socket` owns an open descriptor for as long as it is borrowed; the pointer is to a live int, and
    // `size` is its size; the system only reads it.
    #[expect(unsafe_code, reason = "socket2 has no safe method for these options")]
    let status =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_with_the_temporary_flag_is_temporary() {
        let table = "fd000000000000000000000000000002 04 40 00 80     eth0\n\
                     20010db8000000000000000000000001 04 40 00 01     eth0\n\
                     20010db8000000000000000000000002 04 40 00 21     eth0\n\
                     cut short\n";
        assert!(!listed_as_temporary(table, "fd00::2".parse().unwrap()));
        assert!(listed_as_temporary(table, "2001:db8::1".parse().unwrap()));
        assert!(listed_as_temporary(table, "2001:db8::2".parse().unwrap()));
        assert!(!listed_as_temporary(table, "2001:db8::3".parse().unwrap()));
    }
}
