//! What a connection's handles, driver and actor have in common.

use super::handle::{Connection, ConnectionId, ConnectionRef};
use super::messages::Inspect;
use super::refusals::Refusals;
use crate::credit::Credit;
use crate::events::{
    Aborted, AllWritten, Closed, ConnectionError, EstablishmentError, Event, EventKind, Messages, Ready,
    ReceiveError, Received, SendError, Sent, SoftError, Timeout,
};
use crate::happy_eyeballs::RaceRecord;
use crate::subscription::{Subscriber, SubscriptionId, Subscriptions};
use crate::watchers::{Place, Watchers};
use actix::Recipient;
use futures::task::AtomicWaker;
use neatflow_core::connection::{self, Asker, Input, Machine, Output, Role};
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Message, MessageId, Protocol, SendFailure, TransportProperties,
};
use neatflow_stacks::{Established, Path};
use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

/// How many Received events a subscriber may hold at first, before the flow stops reading.
pub(crate) const WINDOW: usize = 16;

pub(crate) struct Shared {
    pub(crate) id: ConnectionId,
    pub(crate) properties: Arc<TransportProperties>,
    /// Wakes the driver.
    pub(crate) waker: Arc<AtomicWaker>,
    /// Application handles; those inside queued events do not count.
    handles: AtomicUsize,
    carrier: OnceLock<Carrier>,
    inspector: OnceLock<Recipient<Inspect>>,
    record: OnceLock<Arc<RaceRecord>>,
    user_data: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    core: Mutex<Core>,
}

/// What carries an established connection.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    pub(crate) protocol: Protocol,
    pub(crate) path: Path,
    pub(crate) stream: Option<u64>,
}

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) machine: Machine,
    pub(crate) subscribers: Subscriptions,
    /// How many Received events each subscriber may hold.
    pub(crate) window: usize,
    /// Whether Ready was told, or the connection was accepted.
    pub(crate) is_ready: bool,
    /// How it ended, once the terminal event was told.
    pub(crate) end: Option<Result<(), End>>,
    /// The last message that was sent; messages are sent in the order of their ids.
    pub(crate) sent_through: Option<MessageId>,
    /// Messages that were not sent, for whoever waits for their fate.
    pub(crate) refusals: Refusals,
    /// Futures that wait for something to change.
    pub(crate) watchers: Watchers,
    /// What is to be woken and dropped when the lock is gone: it may run an application's code.
    leaving: Leaving,
}

/// What leaves the lock.
#[derive(Debug, Default)]
struct Leaving {
    woken: Vec<Waker>,
    /// Not to be woken: a future polled with a new waker each time would be polled for ever.
    forgotten: Vec<Waker>,
    events: Vec<Event>,
    subscribers: Vec<Subscriptions>,
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

impl Shared {
    pub(crate) fn new(
        role: Role,
        properties: Arc<TransportProperties>,
        subscribers: &[Subscriber],
    ) -> Arc<Self> {
        let waker = Arc::new(AtomicWaker::new());
        Arc::new(Self {
            id: ConnectionId::next(),
            properties,
            handles: AtomicUsize::new(0),
            carrier: OnceLock::new(),
            inspector: OnceLock::new(),
            record: OnceLock::new(),
            user_data: Mutex::new(None),
            core: Mutex::new(Core {
                machine: Machine::new(role),
                subscribers: Subscriptions::new(subscribers, &waker),
                window: WINDOW,
                is_ready: role == Role::Accepted,
                end: None,
                sent_through: None,
                refusals: Refusals::default(),
                watchers: Watchers::default(),
                leaving: Leaving::default(),
            }),
            waker,
        })
    }

    /// Queues a message and wakes the driver. The id, and why it was refused if it was; or, on a closed connection, the
    /// message.
    #[expect(clippy::result_large_err, reason = "the message comes back as it went in")]
    pub(crate) fn send(
        &self,
        message: Message,
    ) -> Result<(MessageId, Option<SendFailure>), (SendFailure, Message)> {
        let mut core = self.lock();
        let refused = core.machine.outbox().refusal();
        let id = core.machine.send(message)?;
        drop(core);
        self.waker.wake();
        Ok((id, refused))
    }

    /// A handle that counts.
    pub(crate) fn handle(self: &Arc<Self>) -> Connection {
        Connection::counted(self.clone())
    }

    /// What is behind the lock. No code of an application runs while it is held, so poison is impossible but for
    /// a bug of ours, and then the machine's own state is still sound: it is changed by whole steps.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { core: self.core.lock().unwrap_or_else(PoisonError::into_inner), leaving: Leaving::default() }
    }

    /// Feeds the machine and wakes the driver.
    pub(crate) fn command(&self, input: Input) {
        self.lock().machine.handle(input);
        self.waker.wake();
    }

    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        self.carrier.get()
    }

    /// Notes what carries it; before Ready or ConnectionReceived is told.
    pub(crate) fn carried_by(&self, protocol: Protocol, established: &Established) {
        let (path, stream) = (established.path.clone(), established.stream);
        // A second carrier would be a second winner: the first one stays.
        let _ = self.carrier.set(Carrier { protocol, path, stream });
    }

    /// Who answers for it, once its Flow has started.
    pub(crate) fn inspector(&self) -> Option<&Recipient<Inspect>> {
        self.inspector.get()
    }

    pub(crate) fn inspected_by(&self, flow: Recipient<Inspect>) {
        // The address stays the same over restarts.
        let _ = self.inspector.set(flow);
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

    /// Ends a connection that has no driver (any more): every fate, answer and terminal event is told here.
    pub(crate) fn give_up(self: &Arc<Self>, why: &str) {
        let mut core = self.lock();
        core.machine.handle(Input::EstablishmentFailed(EstablishmentFailure::Stopped(why.into())));
        core.machine.handle(Input::Failed(ConnectionFailure::Stopped(why.into())));
        while let Some(output) = core.next_output() {
            if let Output::Event(event) = output {
                core.tell(self, event);
            }
        }
        core.notify();
    }
}

/// The lock, held. What may run an application's code (wakers, and destructors of messages and subscriptions) is woken
/// and dropped when the lock is gone: fields are dropped in their order.
pub(crate) struct Locked<'a> {
    core: MutexGuard<'a, Core>,
    leaving: Leaving,
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
        self.leaving = std::mem::take(&mut self.core.leaving);
        self.leaving.messages = self.core.machine.take_spent();
    }
}

impl Core {
    /// Tells the subscribers, and remembers what futures will ask for.
    pub(crate) fn tell(&mut self, shared: &Arc<Shared>, event: connection::Event) {
        let terminal = event.is_terminal();
        let event = self.address(ConnectionRef::new(shared.clone()), event);
        self.subscribers.deliver(&event);
        if matches!(event, Event::SendError(_) | Event::Received(_)) {
            // Perhaps nobody else has the message.
            self.leaving.events.push(event);
        }
        if terminal {
            self.leaving.subscribers.push(std::mem::take(&mut self.subscribers));
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
        let room = self.may_receive();
        self.machine.poll(room)
    }

    /// Whether the next Received may go out: somebody wants it, and all who do have room.
    pub(crate) fn may_receive(&self) -> bool {
        self.subscribers.wants(EventKind::Received)
            && self.subscribers.have_room(EventKind::Received, self.window)
    }

    /// Wakes every future that waits for something to change, once the lock is gone.
    pub(crate) fn notify(&mut self) {
        self.leaving.woken.extend(self.watchers.take());
    }

    /// Wakes the future at this place when something changes.
    pub(crate) fn watch(&mut self, place: &mut Place, waker: &Waker) {
        self.leaving.forgotten.extend(self.watchers.watch(place, waker));
    }

    /// Whoever had this place waits no longer.
    pub(crate) fn leave(&mut self, place: Place) {
        self.leaving.forgotten.extend(self.watchers.leave(place));
    }

    /// Adds a subscriber, in place of those that have died.
    pub(crate) fn subscribe(&mut self, subscriber: Subscriber, waker: &Arc<AtomicWaker>) {
        let dead = self.subscribers.add(subscriber, waker);
        self.leaving.subscribers.extend(dead);
    }

    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        let removed = self.subscribers.remove(id);
        self.leaving.subscribers.extend(removed);
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
            E::Sent(id) => {
                self.sent_through = Some(id);
                Sent { connection, id }.into()
            }
            E::SendError { id, message, reason } => {
                self.refusals.note(id, &reason);
                SendError { connection, id, message, reason }.into()
            }
            E::AllWritten => AllWritten { connection }.into(),
            E::Received { asker, message } => Received {
                connection,
                receive: request(asker),
                messages: Messages::one(message),
                credit: Credit::default(),
            }
            .into(),
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
