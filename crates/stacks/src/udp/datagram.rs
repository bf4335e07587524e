//! One datagram: how large it may be, and why it was not sent.

use super::system;
use crate::socket::{bind, failure, open_datagram};
use crate::wire::NotSent;
use neatflow_core::properties::{Contradiction, MessageProperties};
use neatflow_core::{Failure, SendFailure};
use socket2::{Protocol, SockRef};
use std::io;
use std::net::SocketAddr;

/// Longer than any datagram without a jumbo payload, which UDP over IPv4 and IPv6 does not have here.
pub(super) const LONGEST: usize = 64 * 1024;

const UDP_HEADER: usize = 8;

/// What the network reported of a datagram that was sent.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    /// Whom it was sent to, where the system tells.
    pub(super) remote: Option<SocketAddr>,
    pub(super) reason: Failure,
}

/// How a message asks to be sent, where that is not as all others are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// The octet of its packet that says how the network should treat it, without ECN (RFC 9622 §9.1.3.8).
    pub(super) octet: Option<u8>,
    /// In one packet or not at all (RFC 9622 §9.1.3.9, §9.1.3.10): UDP does not cut messages itself.
    pub(super) whole: bool,
}

impl Manner {
    /// What is asked for of messages of which this holds.
    ///
    /// *Errors*: what a datagram cannot be.
    pub(super) fn of(properties: &MessageProperties) -> Result<Self, NotSent> {
        let refused = |what| Err(NotSent::Message(SendFailure::Properties(what)));
        match properties {
            MessageProperties { safely_replayable: Some(false), .. } => refused(Contradiction::Replayed),
            MessageProperties { msg_reliable: Some(true), .. } => refused(Contradiction::Unreliable),
            MessageProperties { msg_ordered: Some(true), .. } => refused(Contradiction::Unordered),
            _ => Ok(Self {
                octet: properties.msg_capacity_profile.map(|profile| profile.dscp() << 2),
                whole: properties.forbids_fragmentation(),
            }),
        }
    }
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

/// The same of a peer to whom no socket is connected: another is, for the moment, and sends nothing.
pub(super) fn longest_unfragmented_to(remote: SocketAddr, mut local: SocketAddr) -> Option<usize> {
    let socket = open_datagram(remote, Protocol::UDP).ok()?;
    local.set_port(0);
    bind(&socket, local).ok()?;
    socket.connect(&remote.into()).ok()?;
    longest_unfragmented(SockRef::from(&socket), remote)
}

/// Refuses what no datagram can hold.
pub(super) fn check_size(size: usize, limit: usize) -> Result<(), NotSent> {
    if size <= limit { Ok(()) } else { Err(too_large(limit)) }
}

/// Why the system would not send a message of this size; the socket is as good as before.
pub(super) fn not_sent(error: io::Error, size: usize, unfragmented: Option<usize>) -> NotSent {
    if !says_too_large(&error) {
        return NotSent::Message(SendFailure::Transport(failure(error)));
    }
    // The system has a limit of its own; all it says is that this message exceeds it.
    let smaller = size.saturating_sub(1);
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

    #[cfg(unix)]
    #[test]
    fn the_limit_of_the_system_is_below_the_message_it_refused() {
        for (unfragmented, limit) in [(Some(1_472), 1_472), (Some(65_507), 2_999), (None, 2_999)] {
            let error = io::Error::from_raw_os_error(libc::EMSGSIZE);
            assert_eq!(not_sent(error, 3_000, unfragmented), too_large(limit));
        }
    }
}
