//! What a connection's handles, engine and actor have in common.

use super::actor::Flow;
use super::fates::Fates;
use super::guarded::{Core, Locked};
use super::handle::{Connection, ConnectionId, ConnectionRef};
use super::heard::Heard;
use super::set;
use crate::clock::Clock;
use crate::credit::Credit;
use crate::events::{EventKind, NetworkStatusChanged};
use crate::happy_eyeballs::RaceRecord;
use crate::network_monitor::Audience;
use crate::subscription::{Subscriber, Subscriptions};
use crate::watchers::Watchers;
use actix::Addr;
use futures::task::AtomicWaker;
use neatflow_core::connection::{self, Framed, Input, Machine, Output, Queued, Role};
use neatflow_core::policy::NetworkChange;
use neatflow_core::properties::MessageRules;
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Message, MessageId, Protocol, SendFailure, Time,
    TransportProperties,
};
use neatflow_stacks::{Established, Path, Wire};
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::time::Instant;

/// How many Received events a subscriber may hold at first, before the flow stops reading.
const WINDOW: usize = 16;

pub(crate) struct Shared {
    pub(crate) id: ConnectionId,
    pub(crate) properties: Arc<TransportProperties>,
    /// Wakes whoever drives it.
    pub(crate) waker: Arc<AtomicWaker>,
    clock: Clock,
    /// Whoever drives it is going to look at what is new; there is no need to wake it. Changed under the lock alone.
    awake: AtomicBool,
    /// Whether somebody has changed something since an actor began to hear past the queues. Changed under the lock alone.
    roused: AtomicBool,
    /// How many bytes are queued, as of the last time it was unlocked.
    queued: AtomicUsize,
    /// Application handles; those inside queued events do not count.
    handles: AtomicUsize,
    carrier: OnceLock<Carrier>,
    /// Its Flow; both keep each other, until the connection has ended.
    flow: OnceLock<Addr<Flow>>,
    record: OnceLock<Arc<RaceRecord>>,
    user_data: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// Who hears of the networks; whether somebody here is to; and whether it was said that they are.
    audience: OnceLock<Arc<Audience>>,
    minds_network: AtomicBool,
    in_audience: AtomicBool,
    core: Mutex<Core>,
}

/// What carries an established connection.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    pub(crate) protocol: Protocol,
    pub(crate) path: Path,
    pub(crate) stream: Option<u64>,
    /// Whether a message arrives as it was sent.
    pub(crate) preserves_boundaries: bool,
}

/// A bad end.
#[derive(Clone, Debug)]
pub(crate) enum End {
    NotEstablished(Arc<EstablishmentFailure>),
    Failed(ConnectionFailure),
}

impl End {
    /// Why a message without a fate of its own was not sent.
    pub(crate) fn of_message(&self) -> SendFailure {
        match self {
            Self::NotEstablished(_) => SendFailure::NotEstablished,
            Self::Failed(reason) => SendFailure::Connection(reason.clone()),
        }
    }
}

impl Shared {
    pub(crate) fn new(
        role: Role,
        properties: Arc<TransportProperties>,
        subscribers: &[Subscriber],
    ) -> Arc<Self> {
        let waker = Arc::new(AtomicWaker::new());
        let rules = MessageRules::of(&properties.selection);
        let machine = Machine::new(role).with_usual(&properties.message).with_rules(rules);
        Arc::new(Self {
            id: ConnectionId::next(),
            properties,
            awake: AtomicBool::new(false),
            roused: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            handles: AtomicUsize::new(0),
            carrier: OnceLock::new(),
            flow: OnceLock::new(),
            record: OnceLock::new(),
            user_data: Mutex::new(None),
            audience: OnceLock::new(),
            minds_network: AtomicBool::new(subscribers.iter().any(Subscriber::minds_network)),
            in_audience: AtomicBool::new(false),
            core: Mutex::new(Core {
                machine,
                subscribers: Subscriptions::new(WINDOW, subscribers, &waker),
                attached: None,
                claim: None,
                home: None,
                inspections: Vec::new(),
                is_ready: role == Role::Accepted,
                end: None,
                fates: Fates::default(),
                watchers: Watchers::default(),
                leaving: None,
            }),
            waker,
            clock: Clock::start(),
        })
    }

    /// Once it has started: where it is told of the networks, if anybody here wants to hear.
    pub(crate) fn listens_among(self: &Arc<Self>, audience: &Arc<Audience>) {
        // There is one for each transport.
        let _ = self.audience.set(audience.clone());
        if self.minds_network.load(Ordering::SeqCst) {
            self.join_audience();
        }
    }

    /// Somebody has subscribed.
    pub(crate) fn has_subscriber(self: &Arc<Self>, minds_network: bool) {
        if minds_network {
            self.minds_network.store(true, Ordering::SeqCst);
            self.join_audience();
        }
    }

    fn join_audience(self: &Arc<Self>) {
        if let Some(audience) = self.audience.get()
            && !self.in_audience.swap(true, Ordering::AcqRel)
        {
            audience.add(self);
        }
    }

    /// Tells of the networks.
    pub(crate) fn network_changed(self: &Arc<Self>, changes: &Arc<[NetworkChange]>) {
        let local = self.carrier().map(|carrier| carrier.path.local.ip());
        let concerned = local.is_some_and(|local| changes.iter().any(|change| change.concerns(local)));
        let mut core = self.lock();
        // Nothing follows the terminal event.
        if core.end.is_none() && core.is_wanted(EventKind::NetworkStatusChanged) {
            let (connection, changes) = (ConnectionRef::new(self.clone()), changes.clone());
            let credit = Credit::default();
            core.deliver(NetworkStatusChanged { connection, changes, concerned, credit }.into());
        }
        self.rouse(core);
    }

    /// Now, by the connection's clock.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The same moment, by tokio's.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.clock.instant(time)
    }

    /// Queues the message of `initiate_with_send`.
    pub(crate) fn send_first(&self, message: Message) {
        let now = self.now();
        let mut core = self.lock();
        let copied = core.machine.send_first(message, now);
        drop(core);
        drop(copied);
    }

    /// Queues a message. The id, why it was refused if it was, and whether a polite sender waits now; or, on a closed
    /// connection, the message.
    #[expect(clippy::result_large_err, reason = "the message comes back as it went in")]
    pub(crate) fn send(&self, message: Message) -> Result<Accepted, (SendFailure, Message)> {
        // The clock costs more than the rest, and few messages ask for it.
        let timed = message.context.properties.or(&self.properties.message).msg_lifetime.is_some();
        let now = if timed { self.now() } else { Time::ZERO };
        let mut core = self.lock();
        core.lend();
        let Queued { id, refused, copied } = core.machine.send(message, now)?;
        let is_high = core.machine.outbox().is_high();
        self.rouse(core);
        drop(copied);
        Ok(Accepted { id, refused, is_high })
    }

    /// Queues a part of a message, as [`send`](Self::send) does; `of`: the id of its first part, if this is another.
    #[expect(clippy::result_large_err, reason = "the message comes back as it went in")]
    pub(crate) fn send_part(
        &self,
        of: Option<MessageId>,
        message: Message,
        ends: bool,
    ) -> Result<Accepted, (SendFailure, Message)> {
        let now = self.now();
        let mut core = self.lock();
        let Queued { id, refused, copied } = core.machine.send_part(of, message, ends, now)?;
        let is_high = core.machine.outbox().is_high();
        self.rouse(core);
        drop(copied);
        Ok(Accepted { id, refused, is_high })
    }

    /// The last part of this message will not be given.
    pub(crate) fn abandon(&self, of: MessageId) {
        let mut core = self.lock();
        core.machine.abandon(of);
        self.rouse(core);
    }

    /// Lets go of the lock, and wakes whoever drives the connection, unless it is awake.
    pub(crate) fn rouse(&self, core: Locked<'_>) {
        let slept = !self.is_awake();
        self.stay_awake(true);
        self.roused.store(true, Ordering::Relaxed);
        drop(core);
        if slept {
            self.waker.wake();
        }
    }

    /// Whether whoever drives it is going to look at what is new, or there is something new; without the lock that may
    /// have changed meanwhile.
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    /// Whether somebody has changed something since an actor began to hear past the queues. Under the lock.
    pub(crate) fn is_roused(&self) -> bool {
        self.roused.load(Ordering::Relaxed)
    }

    /// An actor begins to hear past the queues. Under the lock.
    pub(super) fn listens(&self) {
        self.stay_awake(true);
        self.roused.store(false, Ordering::Relaxed);
    }

    /// To be called under the lock.
    pub(crate) fn stay_awake(&self, awake: bool) {
        self.awake.store(awake, Ordering::Relaxed);
    }

    /// How many bytes are queued, or were a moment ago.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// A handle that counts.
    pub(crate) fn handle(self: &Arc<Self>) -> Connection {
        Connection::counted(self.clone())
    }

    /// What is behind the lock. No code of an application runs while it is held, so poison is impossible but for
    /// a bug of ours, and then the machine's own state is still sound: it is changed by whole steps.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked {
            core: self.core.lock().unwrap_or_else(PoisonError::into_inner),
            queued: &self.queued,
            leaving: None,
        }
    }

    /// Feeds the machine and wakes whoever drives the connection.
    pub(crate) fn command(&self, input: Input) {
        let mut core = self.lock();
        core.machine.handle(input);
        self.rouse(core);
    }

    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        self.carrier.get()
    }

    /// Notes what carries it; before Ready or ConnectionReceived is told.
    pub(crate) fn carried_by(&self, protocol: Protocol, established: &Established) {
        let (path, stream) = (established.path.clone(), established.stream);
        let preserves_boundaries = matches!(established.wire, Wire::Messages(_));
        if preserves_boundaries {
            self.lock().machine.keep_boundaries();
        }
        // A second carrier would be a second winner: the first one stays.
        let _ = self.carrier.set(Carrier { protocol, path, stream, preserves_boundaries });
    }

    /// Who answers for it, once its Flow has started.
    pub(crate) fn flow(&self) -> Option<&Addr<Flow>> {
        self.flow.get()
    }

    /// Its framers, before anybody hears of it.
    pub(crate) fn framed_by(&self, framed: Framed) {
        self.lock().machine.frame(framed);
    }

    pub(crate) fn supervised_by(&self, flow: Addr<Flow>) {
        // The address stays the same over restarts.
        let _ = self.flow.set(flow);
    }

    /// What its race did, once it is over.
    pub(crate) fn record(&self) -> Option<&Arc<RaceRecord>> {
        self.record.get()
    }

    pub(crate) fn raced(&self, record: Arc<RaceRecord>) {
        // There is one race for each establishment.
        let _ = self.record.set(record);
    }

    pub(crate) fn user_data(&self) -> MutexGuard<'_, Option<Arc<dyn Any + Send + Sync>>> {
        self.user_data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.command(Input::Release);
        }
    }

    /// Ends a connection that nobody drives (any more): every fate, answer and terminal event is told here.
    pub(crate) fn give_up(self: &Arc<Self>, why: &str) {
        let mut core = self.lock();
        if core.machine.state() != connection::State::Closed {
            core.machine.handle(Input::EstablishmentFailed(EstablishmentFailure::Stopped(why.into())));
            core.machine.handle(Input::Failed(ConnectionFailure::Stopped(why.into())));
        }
        while let Some(output) = core.next_output() {
            if let Output::Event(event) = output {
                core.tell(self, event);
            }
        }
        // Nobody will take it into its turn any more.
        let seat = core.fall_back(&mut Heard::default(), None);
        core.notify();
        drop(core);
        if let Some(seat) = seat {
            set::vacate(seat, self);
        }
    }
}

/// What became of a message that was given to be sent.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) id: MessageId,
    /// Why it was refused at once, if it was.
    pub(crate) refused: Option<SendFailure>,
    /// Whether the queue is above its high-water mark.
    pub(crate) is_high: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("id", &self.id).field("carrier", &self.carrier).finish_non_exhaustive()
    }
}
