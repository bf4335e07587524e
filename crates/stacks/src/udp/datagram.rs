//! One datagram: how large it may be, how it is received, and how it is sent.

use super::system;
use crate::socket::failure;
use crate::wire::NotSent;
use bytes::Bytes;
use neatflow_core::{Ecn, Failure, Message, SendFailure};
use socket2::SockRef;
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

/// Longer than any datagram without a jumbo payload, which UDP over IPv4 and IPv6 does not have here.
const LONGEST: usize = 64 * 1024;

const UDP_HEADER: usize = 8;

/// How often a datagram is tried again when the system answers with an error, which may be of an earlier datagram.
const RETRIES: usize = 2;

thread_local! {
    /// One buffer for each thread; what was received is copied out of it in its true size.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; LONGEST].into_boxed_slice());
}

/// What one receive brought, beside the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    /// Our address that it was sent to, or to answer from; where the system tells.
    pub(super) to: Option<IpAddr>,
    pub(super) ecn: Option<Ecn>,
}

/// What the network reported of a datagram that was sent.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    /// Whom it was sent to, where the system tells.
    pub(super) remote: Option<SocketAddr>,
    pub(super) reason: Failure,
}

/// The largest message that can be sent to this peer: what fits a packet of 65,535 bytes, of which IPv4 counts its
/// own header and IPv6 does not.
pub(super) const fn longest_message(remote: SocketAddr) -> usize {
    match remote {
        SocketAddr::V4(_) => 65_535 - 20 - UDP_HEADER,
        SocketAddr::V6(_) => 65_535 - UDP_HEADER,
    }
}

/// The largest message that travels to the peer of this connected socket in one packet.
pub(super) fn longest_unfragmented(socket: SockRef<'_>, remote: SocketAddr) -> Option<usize> {
    let headers = UDP_HEADER + if remote.is_ipv4() { 20 } else { 40 };
    let fits = system::path_mtu(socket, remote)?.checked_sub(headers)?;
    Some(fits.min(longest_message(remote)))
}

/// Takes the next datagram off the socket.
///
/// *Errors*: `WouldBlock`; any other is of a datagram that was sent earlier, and the next call may succeed.
pub(super) fn receive(socket: &UdpSocket) -> io::Result<(Arrived, Message)> {
    BUFFER.with_borrow_mut(|buffer| {
        let arrived = system::receive(socket, buffer)?;
        let mut message = Message::new(Bytes::copy_from_slice(&buffer[..arrived.len]));
        message.context.ecn = arrived.ecn;
        Ok((arrived, message))
    })
}

/// Sends, and again after an error: the system answers with what the network reported of an earlier datagram, and
/// then this one was not sent.
pub(super) fn send(mut once: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut retries = 0;
    loop {
        match once() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if retries < RETRIES => retries += 1,
            result => return result,
        }
    }
}

/// Refuses what no datagram can hold.
pub(super) fn check_size(message: &Message, limit: usize) -> Result<(), NotSent> {
    if message.len() <= limit { Ok(()) } else { Err(too_large(limit)) }
}

/// Why the system would not send this message; the socket is as good as before.
pub(super) fn not_sent(error: io::Error, message: &Message, unfragmented: Option<usize>) -> NotSent {
    if !says_too_large(&error) {
        return NotSent::Message(SendFailure::Transport(failure(error)));
    }
    // The system has a limit of its own; all it says is that this message exceeds it.
    let smaller = message.len().saturating_sub(1);
    too_large(unfragmented.unwrap_or(smaller).min(smaller))
}

const fn too_large(limit: usize) -> NotSent {
    NotSent::Message(SendFailure::TooLarge { limit })
}

#[cfg(unix)]
fn says_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}

#[cfg(windows)]
fn says_too_large(error: &io::Error) -> bool {
    const WSAEMSGSIZE: i32 = 10040;
    error.raw_os_error() == Some(WSAEMSGSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_an_earlier_datagram_costs_no_message() {
        let mut answers =
            vec![Ok(()), Err(io::ErrorKind::ConnectionRefused), Err(io::ErrorKind::Interrupted)];
        let mut calls = 0;
        let sent = send(|| {
            calls += 1;
            answers.pop().unwrap().map_err(io::Error::from)
        });
        assert!(sent.is_ok() && calls == 3);
    }

    #[test]
    fn an_error_that_stays_is_of_this_message_and_soon_told() {
        let mut calls = 0;
        let sent = send(|| {
            calls += 1;
            Err(io::ErrorKind::PermissionDenied.into())
        });
        assert!(sent.is_err() && calls == 1 + RETRIES);
        let refused = not_sent(sent.unwrap_err(), &Message::new("text"), None);
        assert!(matches!(refused, NotSent::Message(SendFailure::Transport(Failure::NotPermitted(_)))));
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_of_the_system_is_below_the_message_it_refused() {
        let message = Message::new(vec![0; 3_000]);
        for (unfragmented, limit) in [(Some(1_472), 1_472), (Some(65_507), 2_999), (None, 2_999)] {
            let error = io::Error::from_raw_os_error(libc::EMSGSIZE);
            assert_eq!(not_sent(error, &message, unfragmented), too_large(limit));
        }
    }
}
