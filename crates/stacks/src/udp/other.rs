//! UDP on systems other than Linux: datagrams come with less, and reports of the network come as errors of the next
//! call.

use super::datagram::{Arrived, Reported};
use crate::socket::failure;
use socket2::{SockRef, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

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

/// Takes the next datagram; none is cut as long as `buffer` has room for the longest.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrived> {
    let (len, from) = socket.try_recv_from(buffer)?;
    Ok(Arrived { len, from, to: None, ecn: None })
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

/// Sends one datagram to the peer of a connected socket.
pub(super) fn send(socket: &UdpSocket, data: &[u8]) -> io::Result<()> {
    SockRef::from(socket).send(data).map(drop)
}

/// Sends one datagram to this peer, from an address that the system chooses.
pub(super) fn send_to(
    socket: &UdpSocket,
    data: &[u8],
    remote: SocketAddr,
    _: Option<IpAddr>,
) -> io::Result<()> {
    SockRef::from(socket).send_to(data, &remote.into()).map(drop)
}
