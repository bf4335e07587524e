//! What a connection's handles, engine and actor have in common.

use super::actor::Flow;
use super::attached::{Attached, Claim};
use super::buffers;
use super::fates::Fates;
use super::handle::{Connection, ConnectionId, ConnectionRef};
use super::heard::Heard;
use super::set::{self, Seat};
use crate::clock::Clock;
use crate::credit::Credit;
use crate::events::{
    Aborted, AllWritten, Closed, ConnectionError, EstablishmentError, Event, EventKind, Expired,
    NetworkStatusChanged, Readable, Ready, ReceiveError, Received, ReceivedPartial, SendError, Sent,
    SoftError, Stalled, Timeout, Writable,
};
use crate::happy_eyeballs::RaceRecord;
use crate::network_monitor::Audience;
use crate::subscription::{Subscriber, Subscription, SubscriptionId, Subscriptions};
use crate::watchers::{Place, Watchers};
use actix::Addr;
use futures::channel::oneshot;
use futures::task::AtomicWaker;
use neatflow_core::connection::{self, Asker, Framed, Input, Machine, Output, Queued, Role, Room, Through};
use neatflow_core::policy::NetworkChange;
use neatflow_core::properties::MessageRules;
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Message, MessageId, Messages, Protocol, SendFailure, Time,
    TransportProperties,
};
use neatflow_stacks::{Established, Path, Report, Wire};
use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::ThreadId;
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

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) machine: Machine,
    pub(crate) subscribers: Subscriptions,
    /// The actor that drives the connection in its own turn, or is about to.
    pub(crate) attached: Option<Box<Attached>>,
    /// That actor asks for the engine.
    pub(crate) claim: Option<Box<Claim>>,
    /// The arbiter where the engine is, once it runs.
    pub(crate) home: Option<ThreadId>,
    /// Who waits for a report of the transport.
    pub(crate) inspections: Vec<oneshot::Sender<Report>>,
    /// Whether Ready was told, or the connection was accepted.
    pub(crate) is_ready: bool,
    /// How it ended, once the terminal event was told.
    pub(crate) end: Option<Result<(), End>>,
    /// What became of messages, for whoever waits for it.
    pub(crate) fates: Fates,
    /// Futures that wait for something to change.
    pub(crate) watchers: Watchers,
    /// What is to be woken and dropped when the lock is gone: it may run an application's code.
    leaving: Option<Box<Leaving>>,
}

/// What leaves the lock.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    woken: Vec<Waker>,
    /// Not to be woken: a future polled with a new waker each time would be polled for ever.
    forgotten: Vec<Waker>,
    pub(crate) events: Vec<Event>,
    pub(crate) subscriptions: Vec<Subscription>,
    messages: Vec<Message>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.woken.drain(..).for_each(Waker::wake);
    }
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
        let seat = core.fall_back(&mut Heard::default());
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

/// The lock, held. What may run an application's code (wakers, and destructors of messages and subscriptions) is woken
/// and dropped when the lock is gone: fields are dropped in their order.
pub(crate) struct Locked<'a> {
    core: MutexGuard<'a, Core>,
    queued: &'a AtomicUsize,
    leaving: Option<Box<Leaving>>,
}

impl Deref for Locked<'_> {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.queued.store(self.core.machine.outbox().pending(), Ordering::Relaxed);
        if self.core.machine.has_spent() {
            let spent = self.core.machine.take_spent();
            self.core.leaving().messages = spent;
        }
        self.leaving = self.core.leaving.take();
    }
}

impl Core {
    /// Tells the subscribers, and remembers what futures will ask for.
    pub(crate) fn tell(&mut self, shared: &Arc<Shared>, event: connection::Event) {
        let terminal = event.is_terminal();
        if let connection::Event::Sent(ids) = event {
            return self.tell_of_sent(shared, ids);
        }
        if let Some(kind) = unremembered(&event).filter(|kind| !self.is_wanted(*kind)) {
            debug_assert!(!terminal, "{kind} must be remembered");
            return;
        }
        let event = self.address(ConnectionRef::new(shared.clone()), event);
        self.deliver(event);
        if terminal {
            let left = self.subscribers.take_all();
            self.let_go(left);
        }
    }

    /// What leaves the lock.
    pub(crate) fn leaving(&mut self) -> &mut Leaving {
        self.leaving.get_or_insert_default()
    }

    /// These subscriptions leave the lock.
    pub(crate) fn let_go(&mut self, gone: Vec<Subscription>) {
        if !gone.is_empty() {
            self.leaving().subscriptions.extend(gone);
        }
    }

    fn tell_of_sent(&mut self, shared: &Arc<Shared>, ids: RangeInclusive<MessageId>) {
        self.fates.sent(&ids);
        if self.is_wanted(EventKind::Sent) {
            for id in ids.start().0..=ids.end().0 {
                let connection = ConnectionRef::new(shared.clone());
                self.deliver(Sent { connection, id: MessageId(id) }.into());
            }
        }
    }

    fn is_wanted(&self, kind: EventKind) -> bool {
        self.subscribers.wants(kind) || self.attached.as_ref().is_some_and(|attached| attached.wants(kind))
    }

    fn deliver(&mut self, event: Event) {
        self.subscribers.deliver(&event);
        // Perhaps nobody else has the message in it.
        let left = match &mut self.attached {
            Some(attached) => attached.deliver(event),
            None => Some(event),
        };
        if let Some(left) = left.filter(Event::has_message) {
            self.leaving().events.push(left);
        }
    }

    /// Ends the attachment: what the actor is to hear comes by its mailbox from now on, and so does what it was to hear
    /// already, `heard` first. The place that it had.
    pub(crate) fn fall_back(&mut self, heard: &mut Heard) -> Option<Seat> {
        let attached = self.attached.take()?;
        let seat = attached.seat;
        self.claim = None;
        let (subscription, events) = attached.fall_back();
        let events = heard.chain(events);
        if subscription.is_alive() {
            events.for_each(|event| subscription.deliver(event));
        } else {
            self.leaving().events.extend(events);
        }
        if self.end.is_none() && subscription.is_alive() {
            let dead = self.subscribers.admit(subscription);
            self.let_go(dead);
        } else {
            self.leaving().subscriptions.push(subscription);
        }
        Some(seat)
    }

    /// Lets lifetimes and patience run out; when the next one will.
    pub(crate) fn keep_time(&mut self, shared: &Arc<Shared>) -> Option<Time> {
        if self.machine.deadline().is_none() && self.subscribers.are_patient() {
            return None;
        }
        let now = shared.now();
        self.machine.expire(now);
        let stall = self.drop_stalled(shared, now);
        self.machine.deadline().into_iter().chain(stall).min()
    }

    /// Drops subscribers that have been without room for too long; when the next one will have been.
    fn drop_stalled(&mut self, shared: &Arc<Shared>, now: Time) -> Option<Time> {
        let (stalled, next) = self.subscribers.stalled(now);
        for subscription in stalled {
            let connection = ConnectionRef::new(shared.clone());
            if subscription.wants(EventKind::Stalled) {
                subscription.deliver(Stalled { connection, subscription: subscription.id() }.into());
            }
            self.leaving().subscriptions.push(subscription);
        }
        next
    }

    /// A buffer for what is about to be sent, if there is none.
    pub(crate) fn lend(&mut self) {
        if self.machine.outbox().is_empty() {
            self.machine.lend(buffers::take());
        }
    }

    /// The terminal event, for whoever subscribes after it.
    pub(crate) fn last_words(&self, shared: &Arc<Shared>) -> Option<Event> {
        let connection = ConnectionRef::new(shared.clone());
        Some(match self.end.clone()? {
            Ok(()) => Closed { connection }.into(),
            Err(End::NotEstablished(reason)) => EstablishmentError { connection, reason }.into(),
            Err(End::Failed(reason)) => ConnectionError { connection, reason }.into(),
        })
    }

    /// What to do next. Messages wait for room; nothing else does.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        if self.machine.is_quiet() {
            return None;
        }
        let room = self.room();
        self.machine.poll(room)
    }

    fn room(&self) -> Room {
        match self.may_receive() {
            false => Room::None,
            true if self.machine.may_receive_parts() && !self.is_wanted(EventKind::ReceivedPartial) => {
                Room::Whole
            }
            true => Room::Parts,
        }
    }

    /// Messages came: if they are for the attached actor alone, and nothing is before them, here is what it is to
    /// hear.
    pub(crate) fn hand(&mut self, shared: &Arc<Shared>, messages: Messages) -> Option<Event> {
        let straight = !shared.is_awake() && self.subscribers.is_empty();
        let ear = self.attached.as_ref().filter(|attached| straight && attached.is_all_ears());
        let Some((attached, asker)) =
            ear.and_then(|ear| Some((ear, self.machine.pass(&messages, Room::Parts)?)))
        else {
            self.feed(shared, Input::Arrived(messages));
            return None;
        };
        let (connection, credit) = (ConnectionRef::new(shared.clone()), attached.credit());
        shared.stay_awake(true);
        shared.roused.store(false, Ordering::Relaxed);
        self.notify();
        Some(Received { connection, receive: request(asker), messages, credit }.into())
    }

    /// Whether nothing is to be seen to but what the attached actor alone hears and sends.
    pub(crate) fn is_calm(&self) -> bool {
        self.machine.is_calm()
            && self.subscribers.is_empty()
            && self.claim.is_none()
            && self.inspections.is_empty()
            && self.attached.as_ref().is_some_and(|attached| attached.events.is_empty())
    }

    /// Feeds the machine what the network has done, and tells what follows and waits in no queue.
    pub(crate) fn feed(&mut self, shared: &Arc<Shared>, fact: Input) {
        let through = match fact {
            Input::Arrived(messages) => {
                match self.machine.pass(&messages, self.room()) {
                    Some(asker) => self.tell(shared, connection::Event::Received { asker, messages }),
                    None => self.machine.handle(Input::Arrived(messages)),
                }
                Through::default()
            }
            Input::Written(bytes) => self.machine.written(bytes),
            Input::FrontTaken(count) => self.machine.front_taken(count),
            fact => {
                self.machine.handle(fact);
                Through::default()
            }
        };
        if let Some(ids) = through.sent {
            self.tell_of_sent(shared, ids);
        }
        if through.writable {
            self.tell(shared, connection::Event::Writable);
        }
        if through.all_written {
            self.tell(shared, connection::Event::AllWritten);
        }
        self.notify();
    }

    /// Whether the next Received may go out: somebody wants it, and all who do have room.
    pub(crate) fn may_receive(&self) -> bool {
        const RECEIVED: EventKind = EventKind::Received;
        let attached = self.attached.as_ref().filter(|attached| attached.wants(RECEIVED));
        (attached.is_some() || self.subscribers.wants(RECEIVED))
            && attached.is_none_or(|attached| attached.has_room())
            && self.subscribers.have_room(RECEIVED)
            && (!self.machine.may_receive_parts() || self.subscribers.have_room(EventKind::ReceivedPartial))
    }

    /// Whether the transport should be read.
    pub(crate) fn may_read(&self) -> bool {
        self.machine.wants_read()
            && (self.may_receive()
                || self.machine.is_pulled()
                || self.machine.is_watched()
                || self.machine.is_framing_up()
                || self.machine.state() == connection::State::Closing)
    }

    /// Wakes every future that waits for something to change, once the lock is gone.
    pub(crate) fn notify(&mut self) {
        if !self.watchers.is_empty() {
            let left = self.watchers.take();
            self.leaving().woken.extend(left);
        }
    }

    /// Wakes the future at this place when something changes.
    pub(crate) fn watch(&mut self, place: &mut Place, waker: &Waker) {
        if let Some(left) = self.watchers.watch(place, waker) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Whoever had this place waits no longer.
    pub(crate) fn leave(&mut self, place: Place) {
        if let Some(left) = self.watchers.leave(place) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Adds a subscriber, in place of those that have died.
    pub(crate) fn subscribe(&mut self, subscriber: Subscriber, waker: &Arc<AtomicWaker>) {
        let dead = self.subscribers.add(subscriber, waker);
        self.let_go(dead);
    }

    /// How many events that hold credit each subscriber may have, from now on.
    pub(crate) fn resize_windows(&mut self, size: usize) {
        self.subscribers.resize_windows(size);
        if let Some(attached) = &self.attached {
            attached.resize_window(size);
        }
    }

    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        let removed = self.subscribers.remove(id);
        self.let_go(removed);
        // A claim stands: whoever made it drives the connection, though it hears nothing.
        if let Some(attached) = self.attached.take_if(|attached| attached.id() == id) {
            let (subscription, events) = attached.fall_back();
            self.leaving().subscriptions.push(subscription);
            self.leaving().events.extend(events);
        }
    }

    /// Gives an event of the machine its RFC 9622 name and its connection.
    fn address(&mut self, connection: ConnectionRef, event: connection::Event) -> Event {
        use connection::Event as E;
        match event {
            E::Ready => {
                self.is_ready = true;
                Ready { connection }.into()
            }
            E::EstablishmentError(reason) => {
                let reason = Arc::new(reason);
                self.end = Some(Err(End::NotEstablished(reason.clone())));
                EstablishmentError { connection, reason }.into()
            }
            E::Sent(ids) => Sent { connection, id: *ids.end() }.into(),
            E::Expired { id, message } => {
                self.fates.refused(id, &SendFailure::Expired);
                Expired { connection, id, message }.into()
            }
            E::SendError { id, message, reason } => {
                self.fates.refused(id, &reason);
                SendError { connection, id, message, reason }.into()
            }
            E::Writable => Writable { connection }.into(),
            E::AllWritten => AllWritten { connection }.into(),
            E::Readable => Readable { connection }.into(),
            E::Received { asker, messages } => {
                Received { connection, receive: request(asker), messages, credit: Credit::default() }.into()
            }
            E::ReceivedPartial { asker, part } => {
                let message = Message { data: part.data, context: part.context };
                let (receive, end_of_message) = (request(asker), part.end_of_message);
                let credit = Credit::default();
                ReceivedPartial { connection, receive, message, end_of_message, credit }.into()
            }
            E::ReceiveError { asker, reason } => {
                ReceiveError { connection, receive: request(asker), reason }.into()
            }
            E::SoftError(reason) => SoftError { connection, reason, credit: Credit::default() }.into(),
            E::Aborted => Aborted { connection }.into(),
            E::Timeout => Timeout { connection }.into(),
            E::Closed => {
                self.end = Some(Ok(()));
                Closed { connection }.into()
            }
            E::ConnectionError(reason) => {
                self.end = Some(Err(End::Failed(reason.clone())));
                ConnectionError { connection, reason }.into()
            }
        }
    }
}

/// The kind of an event that is of no interest unless somebody wants it.
fn unremembered(event: &connection::Event) -> Option<EventKind> {
    use connection::Event as E;
    match event {
        E::Writable => Some(EventKind::Writable),
        E::AllWritten => Some(EventKind::AllWritten),
        E::Readable => Some(EventKind::Readable),
        _ => None,
    }
}

fn request(asker: Asker) -> Option<neatflow_core::ReceiveId> {
    match asker {
        Asker::Request(id) => Some(id),
        Asker::Stream => None,
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("id", &self.id).field("carrier", &self.carrier).finish_non_exhaustive()
    }
}
