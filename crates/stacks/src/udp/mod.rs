//! UDP over IPv4 and IPv6 (RFC 768), as RFC 9623 §10.3 maps it.
//!
//! A message is a datagram and a datagram a message, empty ones included; none is ever cut. What does not fit one is
//! refused by itself, and the connection goes on.
//!
//! # Many at once
//!
//! On Linux one call receives up to 16 datagrams, or a train of up to 64, which the system has joined (GRO). A batch is
//! sent as a train, which the system cuts (GSO), as far as it can; what it cannot is sent one by one. Neither shows on
//! the network or at the peer. Whether a datagram may be fragmented does not change: it may.
//!
//! Each thread has one buffer to receive into, of up to 1 MiB, of which only what was ever needed takes memory. What
//! came is copied out of it in its true size. Small datagrams of a train share allocations of up to 2 KiB, so a message
//! that is kept holds no more than that, or its own size.
//!
//! # What the network reports
//!
//! Establishing sends nothing, so a connection is Ready once it has a port and a path, whether or not anybody is there.
//! That nobody is shows when the first message comes back as an ICMP error. It is told as a SoftError (RFC 9622
//! §8.3.1), always and as nothing more: also when nothing was ever received from the peer. It might be forged, it may
//! be of the moment (the server restarts), and RFC 9623 §10.3 has UDP end in a ConnectionError only when it was aborted.
//! So a program that sends to a closed port sees Ready, Sent, and a SoftError that says *connection refused*; it
//! decides whether to go on. Whoever closes right after sending may be gone before the report comes. Those who avoid or
//! prohibit `softErrorNotify` are told nothing.
//!
//! # Ends
//!
//! UDP has no end of a connection. `final` adds nothing to the datagram; nothing is sent after it. Closing is done once
//! the system has taken what was queued. A connection that was opened here never sees the peer's end; one that was
//! accepted sees it after both sides were silent for [`Limits::idle`]. Whatever comes from its source after that, or
//! after it was closed, is a new connection.

mod connect;
mod datagram;
mod demux;
mod flow;
#[cfg(target_os = "linux")]
mod gather;
mod hub;
mod incoming;
mod listen;
#[cfg(target_os = "linux")]
mod notes;
mod offers;
mod outgoing;
mod reports;
mod wire;

// What only Linux can tell and do; `other.rs` has the same functions for everybody else.
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "other.rs")]
mod system;

pub use demux::Limits;

use crate::progress::Progress;
use crate::stack::{Acceptor, Established, ListenOn, Stack};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use neatflow_core::{Candidate, Failure, Offers, Protocol};
use std::sync::Arc;

/// UDP over IPv4 and IPv6.
///
/// A listener is one socket, which its flows share; they stay on its arbiter. It turns new sources away beyond
/// [`Limits`] and keeps serving those it has. Its port is free again when it and all its flows are gone.
///
/// Needs a tokio runtime with I/O and time enabled.
#[derive(Clone, Debug, Default)]
pub struct Udp {
    limits: Limits,
}

impl Udp {
    /// The stack, with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, and each listener holds no more than this.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Stack for Udp {
    fn protocol(&self) -> Protocol {
        Protocol::UDP
    }

    fn offers(&self) -> Offers {
        offers::offered()
    }

    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        let candidate = candidate.clone();
        async move { connect::connect(&candidate, &progress) }.boxed_local()
    }

    fn listen(&self, on: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        Ok(Box::new(listen::UdpAcceptor::listen(on, &self.limits)?))
    }
}
