//! UDP on Linux: what comes with a datagram, what the network says of others, and options that are its own.

use super::datagram::{Arrived, Reported};
use super::notes::{Notes, bytes};
use crate::socket::{failure, set_option};
use neatflow_core::Ecn;
use socket2::{MaybeUninitSlice, MsgHdr, MsgHdrMut, SockAddr, SockRef, Socket};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use tokio::net::UdpSocket;

/// What the network reports has a queue of its own beside the datagrams.
pub(super) const REPORTS_ARE_QUEUED: bool = true;

/// Has the kernel tell the ECN of each datagram.
pub(super) fn tell_ecn(socket: &Socket, family: SocketAddr) -> io::Result<()> {
    match family {
        SocketAddr::V4(_) => socket.set_recv_tos_v4(true),
        SocketAddr::V6(_) => socket.set_recv_tclass_v6(true),
    }
}

/// Has the kernel tell to which of our addresses each datagram was sent.
pub(super) fn tell_destination(socket: &Socket, family: SocketAddr) -> io::Result<()> {
    match family {
        SocketAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        SocketAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}

/// Has the kernel keep what the network reports (`IP_RECVERR`). Without it a connected socket hears of refusals
/// alone, and any other of nothing.
pub(super) fn keep_reports(socket: &Socket, family: SocketAddr) -> io::Result<()> {
    match family {
        SocketAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1),
        SocketAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1),
    }
}

/// The largest packet that goes unfragmented to the peer of a connected socket, as far as the kernel knows.
pub(super) fn path_mtu(socket: SockRef<'_>, family: SocketAddr) -> Option<usize> {
    let (level, name) = match family {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let mut mtu: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `socket` borrows an open descriptor; `mtu` has room for the `size` bytes of an int, and the system
    // writes no more than that.
    #[expect(unsafe_code, reason = "socket2 has no safe method for this option")]
    let status =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut mtu).cast(), &raw mut size) };
    usize::try_from(mtu).ok().filter(|mtu| status == 0 && *mtu > 0)
}

/// Takes the next datagram; none is cut as long as `buffer` has room for the longest.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrived> {
    let mut notes = Notes::new();
    let (len, from) = receive_message(socket, buffer, &mut notes, 0)?;
    let Some(from) = from else { return Err(io::ErrorKind::InvalidData.into()) };
    let mut arrived = Arrived { len, from, to: None, ecn: None };
    for (level, kind, data) in notes.iter() {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_TOS) => arrived.ecn = data.first().copied().map(Ecn::of_octet),
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                arrived.ecn = bytes(data, 0).map(|class| Ecn::of_octet(c_int::from_ne_bytes(class) as u8));
            }
            // `in_pktinfo`: the interface, our address to answer from, and the address in the packet, which may be
            // one of many machines.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                arrived.to = bytes(data, 4).map(|address: [u8; 4]| Ipv4Addr::from(address).into());
            }
            // `in6_pktinfo`: the address in the packet, the interface.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let address = bytes(data, 0).map(|address: [u8; 16]| Ipv6Addr::from(address));
                arrived.to = address.filter(|address| !address.is_multicast()).map(IpAddr::V6);
            }
            _ => {}
        }
    }
    Ok(arrived)
}

/// Takes the next report of the network.
///
/// *Errors*: `WouldBlock` when there is none.
pub(super) fn next_report(socket: &UdpSocket) -> io::Result<Reported> {
    loop {
        let mut notes = Notes::new();
        // The datagram it is about would come with it; nobody wants it back.
        let (_, remote) = receive_message(socket, &mut [], &mut notes, libc::MSG_ERRQUEUE)?;
        if let Some(error) = notes.iter().find_map(from_the_network) {
            return Ok(Reported { remote, reason: failure(error) });
        }
    }
}

/// Reads a `sock_extended_err`. What this machine itself has to say, whoever sent was told at once.
fn from_the_network((level, kind, data): (c_int, c_int, &[u8])) -> Option<io::Error> {
    const ORIGIN: usize = 4;
    let report = matches!(
        (level, kind),
        (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    );
    let icmp = matches!(data.get(ORIGIN), Some(&(libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6)));
    let number = bytes(data, 0).filter(|_| report && icmp)?;
    Some(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
}

/// Sends one datagram to the peer of a connected socket.
pub(super) fn send(socket: &UdpSocket, data: &[u8]) -> io::Result<()> {
    SockRef::from(socket).send(data).map(drop)
}

/// Sends one datagram to this peer; from this address of ours, or from one that the system chooses.
pub(super) fn send_to(
    socket: &UdpSocket,
    data: &[u8],
    remote: SocketAddr,
    local: Option<IpAddr>,
) -> io::Result<()> {
    let remote = SockAddr::from(remote);
    let mut notes = Notes::new();
    if let Some(local) = local {
        notes.put_source(local);
    }
    let pieces = [IoSlice::new(data)];
    let mut message = MsgHdr::new().with_addr(&remote).with_buffers(&pieces);
    if local.is_some() {
        message = message.with_control(notes.written());
    }
    SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

/// One `recvmsg`: how much came, and whose address came with it.
fn receive_message(
    socket: &UdpSocket,
    buffer: &mut [u8],
    notes: &mut Notes,
    flags: c_int,
) -> io::Result<(usize, Option<SocketAddr>)> {
    // Has room for an address of either family; port 0, which nobody has, shows that none was written.
    let mut address = SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
    let mut pieces = [MaybeUninitSlice::new(to_fill(buffer))];
    let mut message = MsgHdrMut::new()
        .with_addr(&mut address)
        .with_buffers(&mut pieces)
        .with_control(to_fill(notes.room()));
    let len = SockRef::from(socket).recvmsg(&mut message, flags)?;
    let written = message.control_len();
    notes.wrote(written);
    Ok((len, address.as_socket().filter(|address| address.port() != 0)))
}

/// The same bytes, for the system to write into.
fn to_fill(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
    // SAFETY: the slice is the same memory for the same time, and `MaybeUninit<u8>` has the layout of `u8`. Whoever
    // had it could make bytes uninitialised; the two uses above hand it to a system call, which writes values.
    #[expect(unsafe_code, reason = "socket2 takes buffers of this type alone")]
    unsafe {
        std::slice::from_raw_parts_mut(start, len)
    }
}
