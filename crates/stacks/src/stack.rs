//! The trait every protocol stack implements.

use crate::progress::Progress;
use crate::wire::{Path, Wire};
use futures::future::LocalBoxFuture;
use neatflow_core::{Candidate, Failure, Offers, Protocol, TransportProperties};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A protocol stack: how neatflow reaches the network over one transport protocol.
///
/// The stack itself is shared by every arbiter; what it makes (attempts, acceptors, wires) stays on the arbiter
/// that asked for it and need not be `Send`. One instance may hold what its flows share: tickets, a QUIC
/// endpoint for each arbiter, the associations of an SCTP port.
pub trait Stack: fmt::Debug + Send + Sync + 'static {
    /// The name candidates call it by.
    fn protocol(&self) -> Protocol;

    /// What it offers, in the words of the selection properties. The policy manager selects by it, before any
    /// packet is sent.
    fn offers(&self) -> Offers;

    /// Tries one candidate. Whoever needs it for longer keeps the `Arc`: a race has many attempts at once.
    ///
    /// Properties that are options of the socket are in `candidate.properties`. A setting the candidate requires
    /// and the stack cannot give is an error; one it merely prefers is left out, and the difference shows in
    /// [`Established::offers`].
    ///
    /// *Cancel safety*: dropping the future ends the attempt and closes what it had opened, at once.
    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>>;

    /// Listens on one address.
    ///
    /// *Errors*: [`Failure::LocalAddress`] when it is taken or not ours, [`Failure::NoSuchInterface`],
    /// [`Failure::NotPermitted`].
    fn listen(&self, on: &ListenOn) -> Result<Box<dyn Acceptor>, Failure>;

    /// Whether several sockets may listen on one address ([`ListenOn::shared`]) and everything a peer sends keeps
    /// reaching the socket its connection was accepted by, whichever of the others are opened or closed meanwhile.
    /// Where it is false a listener stays on one arbiter. Default: false.
    fn spreads(&self) -> bool {
        false
    }
}

/// Where and how to listen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOn {
    /// The address and port; port 0 lets the system choose. An IPv6 address never takes IPv4 traffic
    /// (`IPV6_V6ONLY`): each family has its own socket.
    pub local: SocketAddr,
    /// The interface to bind to.
    pub interface: Option<Arc<str>>,
    /// How many handshakes may wait to be accepted. Default: 1,024.
    pub backlog: u32,
    /// Whether several sockets may listen on this address, one for each arbiter (`SO_REUSEPORT`).
    /// Default: false.
    pub shared: bool,
    /// What the application asked for; accepted connections are run accordingly.
    pub properties: Arc<TransportProperties>,
}

impl ListenOn {
    /// Listens on this address, with the defaults.
    pub fn new(local: SocketAddr, properties: Arc<TransportProperties>) -> Self {
        Self { local, interface: None, backlog: 1024, shared: false, properties }
    }
}

/// What a successful attempt, or an accepted connection, hands over.
pub struct Established {
    /// One flow's bytes or messages.
    pub wire: Wire,
    /// What was obtained, which may be less than what the stack can offer: every `Optional` is decided. Checked
    /// against the requirements before the flow is handed to the application.
    pub offers: Offers,
    /// Where it runs.
    pub path: Path,
    /// The stream, for transports that carry several flows.
    pub stream: Option<u64>,
    /// The transport connection the stream belongs to, for transports that carry several flows; handed over with
    /// its first stream.
    pub association: Option<Box<dyn Association>>,
}

impl Established {
    /// A transport connection that carries one flow.
    pub fn single(wire: Wire, offers: Offers, path: Path) -> Self {
        Self { wire, offers, path, stream: None, association: None }
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established")
            .field("path", &self.path)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// A transport connection that carries several flows (QUIC, SCTP): more streams can be opened, and the peer may
/// open some.
pub trait Association: 'static {
    /// Opens another stream. *Cancel safety*: dropping the future opens nothing.
    fn open(&self) -> LocalBoxFuture<'static, Result<Established, Failure>>;

    /// A stream that the peer opened; `None` once there will be no more.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Established>>;

    /// Ends it and all its streams, undelivered data included.
    fn abort(self: Box<Self>);
}

/// A listening socket. Dropping it stops listening.
pub trait Acceptor: 'static {
    /// Where it listens; never port 0.
    fn local(&self) -> SocketAddr;

    /// The next connection whose handshake is done.
    ///
    /// *Errors*: of one connection, or of the moment (too many open files): the next call may succeed.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Established, Failure>>;

    /// How many messages of new peers were turned away for lack of room; 0 where the system does not tell.
    fn refused(&self) -> u64 {
        0
    }
}
