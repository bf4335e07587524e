//! A protocol stack without a network: what becomes of each attempt is written down beforehand.
//!
//! ```text
//!   actors ──connect──▶ ScriptedStack ──Outcome──▶ Wire ◀──Link──▶ Peer ◀── the test
//!          ──listen───▶ acceptor ◀──dial──────────────────────────────────┘
//! ```

mod acceptor;
mod association;
mod attempt;
mod link;
mod outcome;
mod peer;
mod wire;

pub use attempt::{AttemptEnd, Attempted};
pub use link::Operation;
pub use outcome::Outcome;
pub use peer::Peer;

use acceptor::{Backlog, ScriptedAcceptor, Waiting};
use association::Trunk;
use attempt::Running;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use link::Link;
use neatflow_core::{Candidate, Failure, Offer, Offers, Protocol, SelectionProperty};
use neatflow_stacks::{Acceptor, Established, ListenOn, Path, Progress, Stack};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// What every scripted panic says, for [`quiet_panics`](crate::quiet_panics).
pub const SCRIPTED_PANIC: &str = "panicked as scripted";

/// A protocol stack whose network is a script. Everything happens on tokio's clock, so time may be paused.
///
/// Cheap to clone; the clones are one. Give one to a transport and keep one, to say what happens and to see what
/// was done. Make it where it is used, so that it reads the same clock.
///
/// ```
/// use neatflow_testing::stack::{Outcome, ScriptedStack};
/// use std::time::Duration;
///
/// let network = ScriptedStack::new()
///     .to("[2001:db8::1]:443", Outcome::silent())
///     .to("192.0.2.1:443", Outcome::connects_after(Duration::from_millis(20)))
///     .otherwise(Outcome::refused());
/// assert_eq!(network.alive(), 0);
/// ```
#[derive(Clone)]
pub struct ScriptedStack {
    protocol: Protocol,
    offers: Arc<Offers>,
    obtains: Arc<Offers>,
    kind: Kind,
    net: Arc<Net>,
}

/// What an attempt obtains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One stream of bytes.
    Stream,
    /// One flow of messages.
    Messages,
    /// An association of several streams.
    Streams,
}

/// What becomes of an attempt, given how often its candidate was tried before.
type Deciding = Arc<dyn Fn(&Candidate, usize) -> Outcome + Send + Sync>;

/// The network of one stack.
struct Net {
    state: Mutex<NetState>,
    origin: Instant,
}

struct NetState {
    scripts: BTreeMap<SocketAddr, VecDeque<Outcome>>,
    deciding: Option<Deciding>,
    otherwise: Outcome,
    attempts: Vec<Attempted>,
    /// Transport connections that are alive.
    alive: usize,
    /// The far ends of connections that nobody has taken yet.
    peers: VecDeque<Peer>,
    waiting: Vec<Waker>,
    backlogs: Vec<Arc<Backlog>>,
    unbindable: Vec<(IpAddr, Failure)>,
    listening_panics: usize,
    next_port: u16,
}

impl ScriptedStack {
    /// A stack of byte streams that offers what TCP does and calls itself `scripted`. Every attempt connects at
    /// once.
    pub fn new() -> Self {
        let offers = [
            SelectionProperty::Reliability,
            SelectionProperty::PreserveOrder,
            SelectionProperty::CongestionControl,
            SelectionProperty::FullChecksumSend,
            SelectionProperty::FullChecksumRecv,
        ]
        .into_iter()
        .fold(Offers::none(), |offers, property| offers.with(property, Offer::Always));
        let offers = Arc::new(offers);
        let state = NetState {
            scripts: BTreeMap::new(),
            deciding: None,
            otherwise: Outcome::connects(),
            attempts: Vec::new(),
            alive: 0,
            peers: VecDeque::new(),
            waiting: Vec::new(),
            backlogs: Vec::new(),
            unbindable: Vec::new(),
            listening_panics: 0,
            next_port: 49152,
        };
        Self {
            protocol: Protocol::named("scripted"),
            obtains: offers.clone(),
            offers,
            kind: Kind::Stream,
            net: Arc::new(Net { state: Mutex::new(state), origin: Instant::now() }),
        }
    }

    /// Another name.
    #[must_use]
    pub fn named(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// What it promises, and what attempts obtain unless they are told otherwise.
    #[must_use]
    pub fn promising(self, offers: Offers) -> Self {
        let offers = Arc::new(offers);
        Self { obtains: offers.clone(), offers, ..self }
    }

    /// What attempts and accepted connections obtain, whatever was promised.
    #[must_use]
    pub fn obtaining(self, obtains: Offers) -> Self {
        Self { obtains: Arc::new(obtains), ..self }
    }

    /// It carries messages, whose boundaries it keeps.
    #[must_use]
    pub fn messages(self) -> Self {
        let keeps = |offers: Arc<Offers>| {
            let offers = Arc::unwrap_or_clone(offers);
            Arc::new(offers.with(SelectionProperty::PreserveMsgBoundaries, Offer::Always))
        };
        Self { kind: Kind::Messages, offers: keeps(self.offers), obtains: keeps(self.obtains), ..self }
    }

    /// It carries several streams in each transport connection.
    #[must_use]
    pub fn streams(self) -> Self {
        let many = |offers: Arc<Offers>| {
            let offers = Arc::unwrap_or_clone(offers);
            Arc::new(offers.with(SelectionProperty::Multistreaming, Offer::Always))
        };
        Self { kind: Kind::Streams, offers: many(self.offers), obtains: many(self.obtains), ..self }
    }

    /// What becomes of the next attempt to reach this address (`192.0.2.1:443`, `[2001:db8::1]:443`). Said several
    /// times, each attempt takes the next; the last one stands for all that follow. It may be said at any time.
    ///
    /// # Panics
    /// When it is not an address and a port.
    #[must_use]
    #[track_caller]
    pub fn to(self, remote: impl ToString, outcome: Outcome) -> Self {
        self.net.lock().scripts.entry(address(remote)).or_default().push_back(outcome);
        self
    }

    /// What becomes of attempts to reach any other address. Default: they connect at once.
    #[must_use]
    pub fn otherwise(self, outcome: Outcome) -> Self {
        self.net.lock().otherwise = outcome;
        self
    }

    /// What becomes of every attempt, whatever else was said: a function of the candidate, and of how often it was tried
    /// before.
    #[must_use]
    pub fn deciding(self, decide: impl Fn(&Candidate, usize) -> Outcome + Send + Sync + 'static) -> Self {
        self.net.lock().deciding = Some(Arc::new(decide));
        self
    }

    /// Listening on this address fails.
    ///
    /// # Panics
    /// When it is not an address.
    #[must_use]
    #[track_caller]
    pub fn cannot_listen_on(self, local: impl ToString, failure: Failure) -> Self {
        let text = local.to_string();
        let Ok(local) = text.parse() else { panic!("not an address: {text}") };
        self.net.lock().unbindable.push((local, failure));
        self
    }

    /// The next so many attempts to listen panic.
    #[must_use]
    pub fn panics_listening(self, times: usize) -> Self {
        self.net.lock().listening_panics = times;
        self
    }
}

/// What was done, and the far ends of what is open.
impl ScriptedStack {
    /// The far end of the next connection that was opened from here and not taken yet; waits for it.
    ///
    /// # Panics
    /// When none is opened within a (virtual) hour.
    pub async fn peer(&self) -> Peer {
        let next = poll_fn(|cx| {
            let mut state = self.net.lock();
            let peer = state.peers.pop_front();
            if peer.is_none() {
                state.waiting.push(cx.waker().clone());
            }
            peer.map_or(Poll::Pending, Poll::Ready)
        });
        match tokio::time::timeout(Duration::from_secs(3600), next).await {
            Ok(peer) => peer,
            Err(_) => panic!("nobody connected; attempts: {:#?}", self.attempts()),
        }
    }

    /// As [`peer`](Self::peer), without waiting.
    pub fn try_peer(&self) -> Option<Peer> {
        self.net.lock().peers.pop_front()
    }

    /// Every attempt so far, in the order of their starts.
    pub fn attempts(&self) -> Vec<Attempted> {
        self.net.lock().attempts.clone()
    }

    /// How many attempts have ended so; `None` counts those under way.
    pub fn ended(&self, end: Option<AttemptEnd>) -> usize {
        self.net.lock().attempts.iter().filter(|attempt| attempt.end == end).count()
    }

    /// How many transport connections are open at our end: connected or accepted, and not dropped.
    pub fn alive(&self) -> usize {
        self.net.lock().alive
    }

    /// Where somebody listens.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.net.lock().backlogs.iter().map(|backlog| backlog.local).collect()
    }

    /// Connects to a listener, from an address in 198.51.100.0/24 or 2001:db8:ffff::/48. The far end is there at
    /// once; the connection waits in the listener's backlog until it is accepted.
    ///
    /// *Errors*: nobody listens there.
    pub fn dial(&self, to: impl ToString) -> Result<Peer, Failure> {
        let to = address(to);
        let host: IpAddr = if to.is_ipv4() {
            Ipv4Addr::new(198, 51, 100, 1).into()
        } else {
            Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1).into()
        };
        let port = self.net.lock().port();
        self.dial_from(SocketAddr::new(host, port), to)
    }

    /// As [`dial`](Self::dial), from this address.
    ///
    /// *Errors*: nobody listens there.
    pub fn dial_from(&self, from: impl ToString, to: impl ToString) -> Result<Peer, Failure> {
        let (from, to) = (address(from), address(to));
        let backlog = self.backlog(to)?;
        let link = Link::new(Path::new(to, from), None);
        backlog.push(Waiting::Link(link.clone()));
        Ok(Peer::new(link, None))
    }

    /// The next time the listener on this address accepts, it gets this failure.
    ///
    /// *Errors*: nobody listens there.
    pub fn trouble(&self, at: impl ToString, failure: Failure) -> Result<(), Failure> {
        self.backlog(address(at))?.push(Waiting::Failure(failure));
        Ok(())
    }

    /// The next time the listener on this address accepts, the stack panics.
    ///
    /// *Errors*: nobody listens there.
    pub fn panic_accepting(&self, at: impl ToString) -> Result<(), Failure> {
        self.backlog(address(at))?.push(Waiting::Panic);
        Ok(())
    }

    fn backlog(&self, to: SocketAddr) -> Result<Arc<Backlog>, Failure> {
        let state = self.net.lock();
        state.backlogs.iter().find(|backlog| backlog.takes(to)).cloned().ok_or(Failure::Refused)
    }

    fn established(&self, path: Path, obtains: Offers, candidate: Option<Arc<Candidate>>) -> Established {
        let trunk = Trunk::new(self.net.clone(), path.clone(), obtains);
        let stream = (self.kind == Kind::Streams).then_some(0);
        let link = Link::new(path, stream);
        let peer = Peer::new(link.clone(), candidate);
        self.net.arrived(match self.kind {
            Kind::Streams => peer.with_trunk(&trunk),
            _ => peer,
        });
        self.carry(link, trunk)
    }

    fn carry(&self, link: Arc<Link>, trunk: Rc<Trunk>) -> Established {
        match self.kind {
            Kind::Stream => trunk.single(link, wire::stream),
            Kind::Messages => trunk.single(link, wire::messages),
            Kind::Streams => trunk.several(link),
        }
    }
}

impl Default for ScriptedStack {
    fn default() -> Self {
        Self::new()
    }
}

impl Stack for ScriptedStack {
    fn protocol(&self) -> Protocol {
        self.protocol.clone()
    }

    fn offers(&self) -> Offers {
        Offers::clone(&self.offers)
    }

    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        let outcome = self.net.outcome(candidate);
        let running = Running::start(&self.net, candidate);
        if outcome.panics_at_once() {
            running.panic();
        }
        // There may be thousands of these: all that has to be there is the attempt.
        if outcome.is_silence() {
            return async move {
                let _running = running;
                std::future::pending().await
            }
            .boxed_local();
        }
        let (stack, candidate) = (self.clone(), candidate.clone());
        async move {
            outcome.wait(&progress, |handshake| running.secures(handshake)).await;
            let bound = match outcome.result() {
                Err(None) => running.panic(),
                Err(Some(failure)) => {
                    running.end(AttemptEnd::Failed);
                    return Err(failure);
                }
                Ok(bound) => bound,
            };
            running.end(AttemptEnd::Connected);
            let local = bound.unwrap_or_else(|| stack.net.local(&candidate));
            let mut path = Path::new(local, candidate.remote);
            path.interface.clone_from(&candidate.interface);
            let obtains = outcome.obtained().unwrap_or_else(|| Offers::clone(&stack.obtains));
            Ok(stack.established(path, obtains, Some(candidate)))
        }
        .boxed_local()
    }

    fn listen(&self, on: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        let mut state = self.net.lock();
        if state.listening_panics > 0 {
            state.listening_panics -= 1;
            drop(state);
            panic!("{SCRIPTED_PANIC}");
        }
        if let Some((_, failure)) = state.unbindable.iter().find(|(local, _)| *local == on.local.ip()) {
            return Err(failure.clone());
        }
        let mut local = on.local;
        if local.port() == 0 {
            local.set_port(state.port());
        }
        if state.backlogs.iter().any(|backlog| backlog.local == local) {
            return Err(Failure::LocalAddress(format!("{local} is taken").into()));
        }
        let backlog = Backlog::new(local);
        state.backlogs.push(backlog.clone());
        drop(state);
        Ok(Box::new(ScriptedAcceptor::new(self.clone(), backlog)))
    }
}

impl Net {
    fn lock(&self) -> MutexGuard<'_, NetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next attempt to reach this address.
    fn outcome(&self, candidate: &Candidate) -> Outcome {
        let mut state = self.lock();
        let remote = candidate.remote;
        if let Some(decide) = state.deciding.clone() {
            let same = |one: &&Attempted| {
                one.candidate.remote == remote && one.candidate.interface == candidate.interface
            };
            let before = state.attempts.iter().filter(same).count();
            drop(state);
            return decide(candidate, before);
        }
        let otherwise = state.otherwise.clone();
        match state.scripts.get_mut(&remote) {
            Some(script) if script.len() > 1 => script.pop_front().unwrap_or(otherwise),
            Some(script) => script.front().cloned().unwrap_or(otherwise),
            None => otherwise,
        }
    }

    /// Where an attempt comes from, if nothing is said.
    fn local(&self, candidate: &Candidate) -> SocketAddr {
        let asked = candidate.local;
        let host = asked.map(|local| local.ip()).filter(|host| !host.is_unspecified());
        let host = host.unwrap_or_else(|| match candidate.remote {
            SocketAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 100).into(),
            SocketAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100).into(),
        });
        let port = asked.map(|local| local.port()).filter(|port| *port != 0);
        SocketAddr::new(host, port.unwrap_or_else(|| self.lock().port()))
    }

    fn arrived(&self, peer: Peer) {
        let mut state = self.lock();
        state.peers.push_back(peer);
        state.waiting.drain(..).for_each(Waker::wake);
    }
}

impl NetState {
    fn port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(49152);
        port
    }
}

impl fmt::Debug for ScriptedStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedStack").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

#[track_caller]
fn address(text: impl ToString) -> SocketAddr {
    let text = text.to_string();
    text.parse().unwrap_or_else(|_| panic!("not an address and a port: {text}"))
}
