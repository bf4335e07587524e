//! UDP on Linux: what comes with a datagram, what the network says of others, and options that are its own.

use super::datagram::{Manner, Reported};
use super::notes::{Notes, bytes};
use crate::socket::{failure, set_option};
use socket2::{MsgHdr, MsgHdrMut, SockAddr, SockRef, Socket};
use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;
use tokio::net::UdpSocket;

pub(super) use super::gather::{MOST, Room, receive};

/// How many datagrams a train may have (the kernel's `UDP_MAX_SEGMENTS` was never less).
pub(super) const LONGEST_TRAIN: usize = 64;

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
    usize::try_from(option(socket, level, name)?).ok().filter(|mtu| *mtu > 0)
}

/// Has the kernel join datagrams of one sender and one size that come together (`UDP_GRO`). Before Linux 5.0 it
/// cannot, and each comes singly.
pub(super) fn join_trains(socket: &Socket) {
    let _ = set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
}

/// Whether the kernel cuts a train into datagrams. Before Linux 4.18 it would send it as one.
pub(super) fn cuts_trains(socket: &UdpSocket) -> bool {
    static CUTS: OnceLock<bool> = OnceLock::new();
    let asked = || option(SockRef::from(socket), libc::SOL_UDP, libc::UDP_SEGMENT);
    *CUTS.get_or_init(|| asked().is_some())
}

/// Whether the kernel says that this cannot go as a train. EIO: the path cannot; EINVAL and EMSGSIZE: its datagrams
/// exceed a packet, or the socket cannot.
pub(super) fn refuses_train(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE))
}

/// The value of an option that is an int.
fn option(socket: SockRef<'_>, level: c_int, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `socket` borrows an open descriptor; `value` has room for the `size` bytes of an int, and the system
    // writes no more than that.
    #[expect(unsafe_code, reason = "socket2 has no safe method for these options")]
    let status =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) };
    (status == 0).then_some(value)
}

/// Takes the next report of the network.
///
/// *Errors*: `WouldBlock` when there is none.
pub(super) fn next_report(socket: &UdpSocket) -> io::Result<Reported> {
    loop {
        let mut notes = Notes::new();
        let remote = take_report(socket, &mut notes)?;
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

/// From now on the kernel cuts no datagram of this socket and marks each as not to be cut (`DF`); or again, as it does by
/// default, those that exceed a packet are.
pub(super) fn keep_whole(socket: &UdpSocket, family: SocketAddr, whole: bool) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let (level, name, value) = match (family, whole) {
        (SocketAddr::V4(_), true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        (SocketAddr::V4(_), false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_WANT),
        (SocketAddr::V6(_), true) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        (SocketAddr::V6(_), false) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_WANT),
    };
    set_option(&socket, level, name, value)
}

/// Sends to the peer of a connected socket: one datagram, or a train of datagrams of this size.
pub(super) fn send(
    socket: &UdpSocket,
    data: &[u8],
    each: Option<usize>,
    remote: SocketAddr,
    manner: Manner,
) -> io::Result<()> {
    if each.is_none() && manner.octet.is_none() {
        return SockRef::from(socket).send(data).map(drop);
    }
    let mut notes = Notes::new();
    if let Some(size) = each {
        notes.put_size(size);
    }
    if let Some(octet) = manner.octet {
        notes.put_octet(remote.is_ipv4(), octet);
    }
    let pieces = [IoSlice::new(data)];
    let message = MsgHdr::new().with_buffers(&pieces).with_control(notes.written());
    SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

/// Sends to this peer one datagram, or a train of datagrams of this size; from this address of ours, or from one that
/// the system chooses.
pub(super) fn send_to(
    socket: &UdpSocket,
    data: &[u8],
    each: Option<usize>,
    remote: SocketAddr,
    local: Option<IpAddr>,
    manner: Manner,
) -> io::Result<()> {
    let is_v4 = remote.is_ipv4();
    let remote = SockAddr::from(remote);
    let mut notes = Notes::new();
    if let Some(local) = local {
        notes.put_source(local);
    }
    if let Some(size) = each {
        notes.put_size(size);
    }
    if let Some(octet) = manner.octet {
        notes.put_octet(is_v4, octet);
    }
    let pieces = [IoSlice::new(data)];
    let mut message = MsgHdr::new().with_addr(&remote).with_buffers(&pieces);
    if !notes.written().is_empty() {
        message = message.with_control(notes.written());
    }
    SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

/// Takes the notes of a report, and whose address came with it.
fn take_report(socket: &UdpSocket, notes: &mut Notes) -> io::Result<Option<SocketAddr>> {
    // Has room for an address of either family; port 0, which nobody has, shows that none was written.
    let mut address = SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
    // The datagram it is about would come with it; nobody wants it back.
    let mut message = MsgHdrMut::new().with_addr(&mut address).with_control(to_fill(notes.room()));
    SockRef::from(socket).recvmsg(&mut message, libc::MSG_ERRQUEUE)?;
    let written = message.control_len();
    notes.wrote(written);
    Ok(address.as_socket().filter(|address| address.port() != 0))
}

/// The same bytes, for the system to write into.
fn to_fill(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
    // SAFETY: the slice is the same memory for the same time, and `MaybeUninit<u8>` has the layout of `u8`. Whoever
    // had it could make bytes uninitialised; the use above hands it to a system call, which writes values.
    #[expect(unsafe_code, reason = "socket2 takes buffers of this type alone")]
    unsafe {
        std::slice::from_raw_parts_mut(start, len)
    }
}
