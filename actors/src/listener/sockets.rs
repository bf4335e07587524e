//! The sockets of a listener, which outlive its restarts.

use neatflow_core::policy::ListenSpec;
use neatflow_core::{Failure, ListenFailure, Protocol, TransportProperties};
use neatflow_stacks::{Acceptor, Established, ListenOn, Path, Stack};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::registry::Registry;

/// A connection that a peer has opened, before it is accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Incoming {
    /// The protocol it came by.
    pub protocol: Protocol,
    /// From where to where.
    pub path: Path,
}

/// Decides whether a connection is accepted. It runs in the listener's own turn and must not block; a panic in it
/// restarts the listener, and a connection over which it panics twice is refused.
#[derive(Clone)]
pub struct AcceptFilter(Arc<dyn Fn(&Incoming) -> bool + Send + Sync>);

impl AcceptFilter {
    /// Accepts what this function says yes to.
    pub fn new(accept: impl Fn(&Incoming) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(accept))
    }

    /// Accepts connections from these addresses only.
    pub(super) fn from_addresses(addresses: Vec<IpAddr>) -> Self {
        Self::new(move |incoming| addresses.contains(&incoming.path.remote.ip()))
    }

    pub(super) fn accepts(&self, incoming: &Incoming) -> bool {
        (self.0)(incoming)
    }
}

impl fmt::Debug for AcceptFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptFilter")
    }
}

/// What a listener listens on, and the connection it is looking at.
#[derive(Default)]
pub(super) struct Sockets {
    acceptors: Acceptors,
    /// Who is asked first, so that a flood on one socket does not starve the others.
    turn: usize,
    held: Option<Held>,
}

/// With whom its sockets share their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// With nobody.
    None,
    /// With those that are opened after them.
    First,
    /// With the first ones.
    Further,
}

type Acceptors = Vec<(Protocol, Box<dyn Acceptor>)>;

/// A connection between its handshake and the filter's verdict.
pub(super) struct Held {
    pub(super) incoming: Incoming,
    pub(super) established: Established,
    /// How often it was looked at; more than once means that a look ended in a panic.
    pub(super) looks: u32,
}

impl Sockets {
    /// Opens every socket, or none; what was opened, with ports. Sockets without a port get one, the same for all.
    ///
    /// One address family of a wildcard may be missing on this machine; that is no error while the other is there.
    pub(super) fn open(
        &mut self,
        specs: &[ListenSpec],
        company: Company,
        properties: &Arc<TransportProperties>,
        registry: &Registry,
    ) -> Result<Vec<ListenSpec>, ListenFailure> {
        /// How often a free port is sought that is free on every socket.
        const TRIES: usize = 16;
        let mut last = None;
        for _ in 0..TRIES {
            match open_all(specs, company, properties, registry) {
                Ok((opened, acceptors)) => {
                    self.acceptors = acceptors;
                    return Ok(opened);
                }
                Err(failure @ ListenFailure::Bind { reason: Failure::LocalAddress(_), .. })
                    if specs.len() > 1 && specs.iter().any(|spec| spec.local.port() == 0) =>
                {
                    last = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(nowhere))
    }

    /// Ready when there is a connection at hand to look at.
    pub(super) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.held.is_none() {
            self.held = Some(ready!(self.poll_accept(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    /// The connection at hand.
    pub(super) fn held(&mut self) -> Option<&mut Held> {
        self.held.as_mut()
    }

    pub(super) fn take(&mut self) -> Option<Held> {
        self.held.take()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Held, Failure>> {
        for _ in 0..self.acceptors.len() {
            self.turn = (self.turn + 1) % self.acceptors.len();
            let (protocol, acceptor) = &mut self.acceptors[self.turn];
            if let Poll::Ready(accepted) = acceptor.poll_accept(cx) {
                let protocol = protocol.clone();
                return Poll::Ready(accepted.map(|established| Held {
                    incoming: Incoming { protocol, path: established.path.clone() },
                    established,
                    looks: 0,
                }));
            }
        }
        Poll::Pending
    }
}

fn open_all(
    specs: &[ListenSpec],
    company: Company,
    properties: &Arc<TransportProperties>,
    registry: &Registry,
) -> Result<(Vec<ListenSpec>, Acceptors), ListenFailure> {
    let mut opened = Vec::<ListenSpec>::new();
    let mut acceptors = Acceptors::new();
    let mut absent = None;
    for spec in specs {
        let mut local = spec.local;
        if let (0, Some(first)) = (local.port(), opened.first()) {
            local.set_port(first.local.port());
        }
        let bind = |reason| ListenFailure::Bind { address: local, reason };
        let stack = registry
            .get(&spec.protocol)
            .ok_or_else(|| bind(Failure::NoSuchStack(spec.protocol.as_str().into())))?;
        let mut on = ListenOn::new(local, properties.clone());
        on.interface.clone_from(&spec.interface);
        match listen(&**stack, on, company) {
            Ok(acceptor) => {
                let mut spec = spec.clone();
                spec.local = acceptor.local();
                acceptors.push((spec.protocol.clone(), acceptor));
                opened.push(spec);
            }
            Err(reason @ Failure::Unreachable(_)) if local.ip().is_unspecified() => {
                absent = Some(bind(reason))
            }
            Err(reason) => return Err(bind(reason)),
        }
    }
    if acceptors.is_empty() { Err(absent.unwrap_or_else(nowhere)) } else { Ok((opened, acceptors)) }
}

fn listen(stack: &dyn Stack, mut on: ListenOn, company: Company) -> Result<Box<dyn Acceptor>, Failure> {
    on.shared = company != Company::None && stack.spreads();
    if on.shared && company == Company::First && on.local.port() != 0 {
        // The system would let us join whoever shares this port already, another listener of this user say.
        on.shared = false;
        drop(stack.listen(&on)?);
        on.shared = true;
    }
    stack.listen(&on)
}

fn nowhere() -> ListenFailure {
    ListenFailure::NoCandidates { properties: Vec::new(), why: "there is nowhere to listen".into() }
}
