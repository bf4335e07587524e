//! UDP on systems other than Linux: datagrams come with less, and reports of the network come as errors of the next
//! call.

use super::datagram::{LONGEST, Manner, Reported};
use super::incoming::Arrived;
use crate::socket::failure;
use socket2::{SockRef, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

/// How many datagrams one call takes.
pub(super) const MOST: usize = 1;

/// How many datagrams a train may have: there are none.
pub(super) const LONGEST_TRAIN: usize = 1;

/// What the network reports comes as the error of another call, and has no queue.
pub(super) const REPORTS_ARE_QUEUED: bool = false;

/// Nothing tells the ECN of a datagram.
pub(super) fn tell_ecn(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// Nothing tells where a datagram was sent to: answers leave from the address that the system chooses.
pub(super) fn tell_destination(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// A connected socket hears of refusals without being told to; no other hears of anything.
pub(super) fn keep_reports(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// Cannot tell.
pub(super) fn path_mtu(_: SockRef<'_>, _: SocketAddr) -> Option<usize> {
    None
}

/// Nothing joins datagrams.
pub(super) fn join_trains(_: &Socket) {}

/// Nothing cuts trains.
pub(super) fn cuts_trains(_: &UdpSocket) -> bool {
    false
}

/// Nobody sends any.
pub(super) fn refuses_train(_: &io::Error) -> bool {
    false
}

/// Where a datagram is put: as many bytes as the longest may have, so that none is cut.
pub(super) struct Room(Box<[u8]>);

impl Room {
    pub(super) fn new() -> Self {
        Self(vec![0; LONGEST].into_boxed_slice())
    }
}

/// Takes the next datagram.
///
/// *Errors*: `WouldBlock`; any other is of a datagram that was sent earlier.
pub(super) fn receive(
    socket: &UdpSocket,
    room: &mut Room,
    _: usize,
    mut each: impl FnMut(Arrived, &[u8]),
) -> io::Result<()> {
    let (len, from) = socket.try_recv_from(&mut room.0)?;
    each(Arrived { from, to: None, ecn: None, stride: None }, &room.0[..len]);
    Ok(())
}

/// Takes the error that is pending, if one is.
///
/// *Errors*: `WouldBlock` when there is none.
pub(super) fn next_report(socket: &UdpSocket) -> io::Result<Reported> {
    match SockRef::from(socket).take_error()? {
        Some(error) => Ok(Reported { remote: None, reason: failure(error) }),
        None => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Nothing keeps datagrams whole.
pub(super) fn keep_whole(_: &UdpSocket, _: SocketAddr, _: bool) -> io::Result<()> {
    Ok(())
}

/// Sends one datagram to the peer of a connected socket, as all others are.
pub(super) fn send(
    socket: &UdpSocket,
    data: &[u8],
    _: Option<usize>,
    _: SocketAddr,
    _: Manner,
) -> io::Result<()> {
    SockRef::from(socket).send(data).map(drop)
}

/// Sends one datagram to this peer, from an address that the system chooses.
pub(super) fn send_to(
    socket: &UdpSocket,
    data: &[u8],
    _: Option<usize>,
    remote: SocketAddr,
    _: Option<IpAddr>,
    _: Manner,
) -> io::Result<()> {
    SockRef::from(socket).send_to(data, &remote.into()).map(drop)
}
