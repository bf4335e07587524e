//! The handle of a connection.

use super::messages::Inspect;
use super::partial::PartialMessage;
use super::sender::Sender;
use super::set::FlowSet;
use super::shared::Shared;
use super::waiting::{ClosedFuture, EventStream, ReadyFuture, ReceivedFuture, Sending};
use super::writer::Writer;
use crate::happy_eyeballs::RaceRecord;
use crate::subscription::{EventSet, Subscriber, SubscriptionId};
use actix::prelude::*;
use neatflow_core::connection::{Input, ReceiveLimits, State};
use neatflow_core::properties::{PropertyError, Value};
use neatflow_core::{Message, MessageContext, Protocol, ReceiveFailure, ReceiveId, TransportProperties};
use neatflow_stacks::{Path, Report};
use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the events of a connection are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Nobody is subscribed.
    Nobody,
    /// By mailboxes.
    Mailbox,
    /// To one actor in its own turn; to others, if there are any, by their mailboxes.
    Attached,
}

/// Names a connection within this process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A connection, as an application holds it (RFC 9622 §3).
///
/// A handle is cheap to clone and may be used from any thread. Dropping the last one closes an established
/// connection gracefully, as [`close`](Self::close) does, and cancels one that is still being established.
#[must_use = "dropping the last handle of a connection closes it"]
pub struct Connection {
    shared: Arc<Shared>,
    /// Whether it keeps the connection open.
    counts: bool,
}

impl Connection {
    pub(crate) fn counted(shared: Arc<Shared>) -> Self {
        shared.count_handle();
        Self { shared, counts: true }
    }

    /// Its name within this process.
    pub fn id(&self) -> ConnectionId {
        self.shared.id
    }

    /// Where it is in its life (RFC 9622 §8.1.11.1, `connState`).
    pub fn state(&self) -> State {
        self.shared.lock().machine.state()
    }

    /// Whether a message would be taken now (RFC 9622 §8.1.11.2, `canSend`).
    pub fn can_send(&self) -> bool {
        self.shared.lock().machine.can_send()
    }

    /// Whether a message may still come (RFC 9622 §8.1.11.3, `canReceive`).
    pub fn can_receive(&self) -> bool {
        self.shared.lock().machine.can_receive()
    }

    /// What it was asked to be.
    pub fn properties(&self) -> &TransportProperties {
        &self.shared.properties
    }

    /// A property by its name in RFC 9622, or NEATPy's. Those that tell of the connection are read now
    /// (`connState`, `canSend`, `canReceive`); how large messages may be is in its [`report`](Self::report); the others
    /// read as they were asked for. RFC 9622 §8.
    ///
    /// *Errors*: an unknown name, with the nearest known ones; a name that only received messages know.
    pub fn property(&self, name: &str) -> Result<Value, PropertyError> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("connState") {
            Ok(Value::Text(self.state().to_string().into()))
        } else if is("canSend") {
            Ok(Value::Boolean(self.can_send()))
        } else if is("canReceive") {
            Ok(Value::Boolean(self.can_receive()))
        } else {
            self.properties().get(name)
        }
    }

    /// The protocol stack that carries it; [`Protocol::NONE`] until it is established.
    pub fn stack(&self) -> &Protocol {
        self.shared.carrier().map_or(&Protocol::NONE, |carrier| &carrier.protocol)
    }

    /// Where it runs, once it is established.
    pub fn path(&self) -> Option<&Path> {
        self.shared.carrier().map(|carrier| &carrier.path)
    }

    /// Our address, once it is established.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.path().map(|path| path.local)
    }

    /// The peer's address, once it is established.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.path().map(|path| path.remote)
    }

    /// The stream it is, on a transport that carries several.
    pub fn stream_id(&self) -> Option<u64> {
        self.shared.carrier().and_then(|carrier| carrier.stream)
    }

    /// Whether a message arrives as it was sent, whole or not at all (RFC 9622 §6.2.2, `preserveMsgBoundaries`); on a
    /// byte stream it does not. `None` until it is established.
    pub fn preserves_boundaries(&self) -> Option<bool> {
        self.shared.carrier().map(|carrier| carrier.preserves_boundaries)
    }

    /// What its race did, once it is over; `None` before, and for accepted connections.
    pub fn race(&self) -> Option<&RaceRecord> {
        self.shared.record().map(|record| &**record)
    }

    /// Sends a message. It may be called before Ready: the message waits.
    ///
    /// Its fate is told exactly once: Sent, or SendError with the message. The value returned can be awaited for
    /// the same, or dropped. On a closed connection no event may follow the terminal one; there the returned
    /// value alone tells. RFC 9622 §9.2.
    pub fn send(&self, message: impl Into<Message>) -> Sending<'_> {
        Sending::new(&self.shared, self.shared.send(message.into()))
    }

    /// Begins a message that is sent in parts, of which this is said. RFC 9622 §9.2.3.
    ///
    /// ```no_run
    /// # use neatflow_actors::flow::Connection;
    /// # use neatflow_core::MessageContext;
    /// # async fn example(connection: Connection) -> Result<(), neatflow_core::SendFailure> {
    /// let mut message = connection.send_partial(MessageContext::default());
    /// message.send("hel");
    /// message.last("lo").await
    /// # }
    /// ```
    pub fn send_partial(&self, context: impl Into<MessageContext>) -> PartialMessage {
        PartialMessage::new(self.shared.handle(), context.into())
    }

    /// Asks for one message; the answer is exactly one Received or ReceiveError that carries the same id, or
    /// ReceivedPartial where messages come in parts. `None`
    /// if the connection is Closed: then there is no answer. The flow reads the network only while somebody asks.
    /// RFC 9622 §9.3.1.
    pub fn receive(&self) -> Option<ReceiveId> {
        self.receive_with(ReceiveLimits::default())
    }

    /// Asks for one message or, by its limits, for a part of one: the answer is exactly one Received, ReceivedPartial
    /// or ReceiveError. With `min_incomplete` so many bytes of a message whose end has not come are delivered, and of
    /// a message that is longer than `max` the first `max` bytes; ask again for more of it. `None` if the connection is
    /// Closed. RFC 9622 §9.3.1, `Receive(minIncompleteLength, maxLength)`.
    ///
    /// On a byte stream without a framer a message is what one read brought, and `max` cuts it up. More than 256 KiB
    /// is not kept until `min_incomplete` is reached.
    pub fn receive_with(&self, limits: ReceiveLimits) -> Option<ReceiveId> {
        let mut core = self.shared.lock();
        let asked = core.machine.receive_with(limits).ok();
        self.shared.rouse(core);
        asked
    }

    /// Asks for every message that comes, without a request for each. `window` is how many Received events a
    /// subscriber may hold (as long as it keeps the event, or its credit) before the flow stops reading; 0 ends
    /// the stream. One ReceiveError tells when the peer has finished.
    pub fn stream(&self, window: usize) {
        let mut core = self.shared.lock();
        if window > 0 {
            core.resize_windows(window);
        }
        core.machine.handle(Input::Stream(window > 0));
        self.shared.rouse(core);
    }

    /// Takes a message that has come, without waiting; `None` if there is none, and then Readable tells, once, when
    /// there is. No more is read ahead than one read brings. For code that pulls: who has asked with `receive` or
    /// `stream` goes first. NEAT `neat_read`.
    ///
    /// *Errors*: why no message will come; `Finished` after the peer's end.
    pub fn try_read(&self) -> Result<Option<Message>, ReceiveFailure> {
        let mut core = self.shared.lock();
        let pulled = core.machine.try_pull();
        // There is room for the next, or it is to be looked for.
        self.shared.rouse(core);
        pulled.transpose()
    }

    /// How long a subscriber may be without room for a message before it is subscribed no longer, and hears Stalled;
    /// until then nobody gets more. Default, and `None`: for ever. False if it is not subscribed by its mailbox.
    pub fn stall_timeout(&self, subscription: SubscriptionId, timeout: Option<Duration>) -> bool {
        let mut core = self.shared.lock();
        let known = core.subscribers.be_patient(subscription, timeout);
        self.shared.rouse(core);
        known
    }

    /// Writes many small messages as one batch, which is queued when the writer is dropped: the cheapest way to send.
    pub fn writer(&self) -> Writer<'_> {
        Writer::new(&self.shared)
    }

    /// Sends what is written into the batch together: nothing of it leaves before all of it is queued, unless it is more
    /// than 64 KiB, and it is written at once. RFC 9622 §9.2.4.
    pub fn batch<T>(&self, fill: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        fill(&mut self.writer())
    }

    /// Sends by polling, at the pace of the network: what sinks and writers of other libraries are made of.
    pub fn sender(&self) -> Sender {
        Sender::new(&self.shared)
    }

    /// Ends it gracefully: what was sent is delivered first. Closed tells when the peer has acknowledged all of
    /// it. What the peer still sends is discarded. While it is being established and nothing was sent, it is
    /// cancelled. RFC 9622 §10.
    pub fn close(&self) {
        self.shared.command(Input::Close);
    }

    /// Ends it now: messages that are queued come back as SendError, and ConnectionError tells of the end; the
    /// peer sees a reset. RFC 9622 §10.
    pub fn abort(&self) {
        self.shared.command(Input::Abort);
    }

    /// From now on, delivers the events of the set `S` to the actor's mailbox. The subscription holds the actor
    /// until the terminal event, [`unsubscribe`](Self::unsubscribe), or its death.
    pub fn subscribe<S: EventSet<A>, A: Actor>(&self, actor: &Addr<A>) -> SubscriptionId {
        self.add(Subscriber::mailbox::<S, A>(actor))
    }

    /// From now on, delivers the events of the set `S` to the actor whose context this is, in its own turn: the same
    /// handlers run, without a mailbox between, and without what that costs. The flow moves to the actor's arbiter.
    ///
    /// One actor can be attached to a connection; another that attaches gets its events by its mailbox, and so does one
    /// on another arbiter than that of a transport which cannot move. [`delivery`](Self::delivery) tells. When the
    /// actor's context ends in a restart, what it has not heard, and what comes after that, is delivered to its
    /// mailbox; `started` may attach again. The event during which a handler panicked is not told again.
    ///
    /// Events wait while the actor waits (`ctx.wait`), as its mail does. The connection keeps the actor alive until the
    /// terminal event.
    pub fn attach<S: EventSet<A>, A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut Context<A>,
    ) -> SubscriptionId {
        FlowSet::of(ctx).attach::<S>(self, ctx)
    }

    /// How its events are delivered.
    pub fn delivery(&self) -> Delivery {
        let core = self.shared.lock();
        if core.attached.is_some() {
            Delivery::Attached
        } else if core.subscribers.is_empty() {
            Delivery::Nobody
        } else {
            Delivery::Mailbox
        }
    }

    /// Withdraws a subscription. Events that are in the actor's mailbox already will still be handled.
    pub fn unsubscribe(&self, subscription: SubscriptionId) {
        let mut core = self.shared.lock();
        core.unsubscribe(subscription);
        self.shared.rouse(core);
    }

    /// The events from now on, as a stream that ends after the terminal one. It counts as a subscriber to
    /// Received.
    pub fn events(&self) -> EventStream {
        let (stream, subscriber) = EventStream::new(&self.shared.waker);
        self.add(subscriber);
        stream
    }

    /// Waits until it is established.
    ///
    /// *Errors*: why it was not. *Cancel safety*: safe; nothing is lost.
    pub fn ready(&self) -> ReadyFuture {
        ReadyFuture::new(&self.shared)
    }

    /// Waits for a message, as `receive` does, and takes it: no subscriber is told of it. A message that comes in
    /// parts is waited for until it is complete. From its first poll on the next message is kept for it, also while
    /// nobody polls it: drop a future that is not to be polled any more, or it holds up the subscribers.
    ///
    /// *Errors*: [`Finished`](ReceiveFailure::Finished) once the peer has sent its end;
    /// [`TooLong`](ReceiveFailure::TooLong) for a message that comes in parts and is longer than 1 MiB;
    /// [`InParts`](ReceiveFailure::InParts) while somebody else has received a part of the message that is next;
    /// [`Framing`](ReceiveFailure::Framing) for one that could not be parsed.
    /// *Cancel safety*: safe; a message that has come stays for whoever asks next.
    pub fn received(&self) -> ReceivedFuture {
        ReceivedFuture::new(&self.shared)
    }

    /// Waits until it has ended.
    ///
    /// *Errors*: why, if it ended badly. *Cancel safety*: safe.
    pub fn closed(&self) -> ClosedFuture {
        ClosedFuture::new(&self.shared)
    }

    /// What the transport measures; empty while there is none.
    ///
    /// *Cancel safety*: safe.
    pub fn report(&self) -> impl Future<Output = Report> + Send + use<> {
        let flow = self.shared.flow().cloned();
        async move {
            match flow {
                Some(flow) => flow.send(Inspect).await.unwrap_or_default(),
                None => Report::default(),
            }
        }
    }

    /// Keeps a value of the application's with the connection, in place of any earlier one.
    pub fn set_user_data<T: Any + Send + Sync>(&self, data: T) {
        // The earlier value is dropped after the lock is gone: its destructor is the application's code.
        let _earlier = self.shared.user_data().replace(Arc::new(data));
    }

    /// The value kept with the connection, if it has this type.
    pub fn user_data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.shared.user_data().clone().and_then(|data| data.downcast().ok())
    }

    fn add(&self, subscriber: Subscriber) -> SubscriptionId {
        let id = subscriber.id();
        let minds_network = subscriber.minds_network();
        let mut core = self.shared.lock();
        if let Some(last) = core.last_words(&self.shared) {
            // Too late for anything else: whoever subscribes hears the terminal event.
            subscriber.tell(&last);
        } else {
            core.subscribe(subscriber, &self.shared.waker);
        }
        self.shared.rouse(core);
        self.shared.has_subscriber(minds_network);
        id
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Clone for Connection {
    /// Another handle that keeps the connection open.
    fn clone(&self) -> Self {
        Self::counted(self.shared.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.counts {
            self.shared.drop_handle();
        }
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Connection {}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// The connection an event speaks of. It can do all a [`Connection`] can, but does not keep it open, so that an
/// event waiting in a mailbox does not; [`keep`](Self::keep) makes a handle that does.
pub struct ConnectionRef(Connection);

impl ConnectionRef {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Connection { shared, counts: false })
    }

    /// A handle that keeps the connection open.
    pub fn keep(&self) -> Connection {
        self.0.clone()
    }
}

impl Deref for ConnectionRef {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Clone for ConnectionRef {
    fn clone(&self) -> Self {
        Self::new(self.0.shared.clone())
    }
}

impl fmt::Debug for ConnectionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
