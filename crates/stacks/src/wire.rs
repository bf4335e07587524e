//! One flow's bytes or messages, as its engine sees them.

use neatflow_core::connection::Batch;
use neatflow_core::framing::Below;
use neatflow_core::{Failure, Message, SendFailure};
use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::ReadBuf;

/// One flow of an established transport connection. It stays on its arbiter, unless it can be
/// [detached](WireControl::detach). Dropping it closes it at once, without waiting for what is outstanding.
pub enum Wire {
    /// Bytes without boundaries: TCP, TLS, MPTCP, a QUIC stream.
    Stream(Box<dyn StreamWire>),
    /// Messages with boundaries: UDP, UDP-Lite, DTLS, SCTP, QUIC datagrams.
    Messages(Box<dyn MessageWire>),
}

/// What both kinds of wire can do.
pub trait WireControl: 'static {
    /// Sends our end: the peer will see that nothing more comes. Reading goes on.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Ready once the peer has acknowledged every byte, and our end if it was sent. Immediately ready where the
    /// protocol has no acknowledgements.
    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Ready when the transport has failed, found out without reading; used while nobody wants to read. A wire
    /// that cannot tell stays pending.
    fn poll_failed(&mut self, cx: &mut Context<'_>) -> Poll<Failure>;

    /// An error that the network reported and that does not end the transport (ICMP), told once; several may be
    /// told as one. Asked for all the time, wanted or not, so that reports do not pile up. A wire that hears of none
    /// stays pending. RFC 9622 §8.3.1.
    fn poll_soft_error(&mut self, _: &mut Context<'_>) -> Poll<Failure> {
        Poll::Pending
    }

    /// Ends it at once; the peer is told that data may be missing (RST, reset).
    fn abort(self: Box<Self>);

    /// Where it runs now.
    fn path(&self) -> Path;

    /// What the transport measures.
    fn report(&self) -> Report {
        Report::default()
    }

    /// Makes it ready to move to another arbiter; `None` if it is bound to this one, and then the wire is as it
    /// was.
    fn detach(&mut self) -> Option<Box<dyn Portable>> {
        None
    }
}

/// Bytes without boundaries.
pub trait StreamWire: WireControl {
    /// Reads into `buf`; ready with nothing read means the peer has sent its end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Failure>>;

    /// Writes some of `data`, at least one byte of it; how many bytes were taken.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<Result<usize, Failure>>;
}

/// Messages with boundaries.
pub trait MessageWire: WireControl {
    /// Takes what has come: pushes one message or more, which may be empty, onto `into`; ready with nothing pushed
    /// means the peer has sent its end. How many one call pushes is bounded: about 64, unless more were at hand
    /// anyway.
    fn poll_recv(&mut self, cx: &mut Context<'_>, into: &mut Vec<Message>) -> Poll<Result<(), Failure>>;

    /// Hands messages, whole, to the transport: those of one batch, from its front. How many were taken, at least
    /// one.
    ///
    /// *Errors*: of the first message of the batch alone, and then the next may be sent; or of the wire. None of the
    /// batch was taken.
    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &Batch<'_>) -> Poll<Result<usize, NotSent>>;
}

/// Why a message wire did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It will not take this one; it may take the next.
    Message(SendFailure),
    /// It has failed, and takes none.
    Wire(Failure),
}

impl From<Failure> for NotSent {
    fn from(failure: Failure) -> Self {
        Self::Wire(failure)
    }
}

/// A wire on its way to another arbiter.
pub trait Portable: Send + 'static {
    /// Settles on the arbiter it is called on.
    fn attach(self: Box<Self>) -> Result<Wire, Failure>;

    /// Ends it on the way; the peer is told that data may be missing.
    fn abort(self: Box<Self>);
}

impl Wire {
    /// What it is to framers above it.
    pub fn below(&self) -> Below {
        match self {
            Self::Stream(_) => Below::Stream,
            Self::Messages(_) => Below::Messages,
        }
    }

    /// What both kinds can do.
    pub fn control(&mut self) -> &mut dyn WireControl {
        match self {
            Self::Stream(wire) => &mut **wire,
            Self::Messages(wire) => &mut **wire,
        }
    }

    /// Where it runs now.
    pub fn path(&self) -> Path {
        match self {
            Self::Stream(wire) => wire.path(),
            Self::Messages(wire) => wire.path(),
        }
    }

    /// What the transport measures.
    pub fn report(&self) -> Report {
        match self {
            Self::Stream(wire) => wire.report(),
            Self::Messages(wire) => wire.report(),
        }
    }

    /// Ends it at once; the peer is told that data may be missing.
    pub fn abort(self) {
        match self {
            Self::Stream(wire) => wire.abort(),
            Self::Messages(wire) => wire.abort(),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Stream(_) => "Stream",
            Self::Messages(_) => "Messages",
        };
        f.debug_tuple(kind).field(&self.path()).finish()
    }
}

/// Where a flow runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Path {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// The interface it is bound to, if it is bound to one.
    pub interface: Option<Arc<str>>,
}

impl Path {
    /// From here to there, bound to no interface.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, interface: None }
    }
}

/// What a transport measures of one flow; `None` where it cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// How much the round-trip time varies.
    pub rtt_variation: Option<Duration>,
    /// The congestion window, in bytes.
    pub congestion_window: Option<u64>,
    /// The rate of delivery, in bytes a second.
    pub delivery_rate: Option<u64>,
    /// Segments or packets sent again.
    pub retransmissions: Option<u64>,
    /// Bytes handed to the transport and not acknowledged yet.
    pub unacknowledged: Option<u64>,
    /// The largest message that travels in one packet now, in bytes (RFC 9622 §8.1.11.4,
    /// `singularTransmissionMsgMaxLen`).
    pub max_singular: Option<usize>,
    /// The largest message that can be sent, in bytes (RFC 9622 §8.1.11.5, `sendMsgMaxLen`).
    pub max_send: Option<usize>,
    /// Messages that came and found no room, and are lost.
    pub dropped: Option<u64>,
}
