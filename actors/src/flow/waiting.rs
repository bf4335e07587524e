//! The same events and answers as futures and streams, for code that has no actor.

use super::shared::{Core, End, Shared};
use crate::events::Event;
use crate::subscription::{Kinds, Mouth, Subscriber};
use futures::Stream;
use futures::task::AtomicWaker;
use neatflow_core::{Error, EstablishmentFailure, Message, MessageId, ReceiveFailure, SendFailure};
use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// A message on its way. Await it to learn its fate, or drop it: the message is sent all the same.
#[derive(Debug)]
pub struct Sending<'a> {
    shared: &'a Arc<Shared>,
    outcome: Result<(MessageId, Option<SendFailure>), (SendFailure, Message)>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        outcome: Result<(MessageId, Option<SendFailure>), (SendFailure, Message)>,
    ) -> Self {
        Self { shared, outcome }
    }

    /// The id that Sent or SendError will carry; `None` if the connection is Closed and there is no event.
    pub fn id(&self) -> Option<MessageId> {
        self.outcome.as_ref().ok().map(|(id, _)| *id)
    }

    /// Why the message was refused at once, if it was.
    pub fn refused(&self) -> Option<&SendFailure> {
        match &self.outcome {
            Ok((_, refused)) => refused.as_ref(),
            Err((reason, _)) => Some(reason),
        }
    }

    /// The message, if the connection is Closed and no event will give it back.
    pub fn into_unsent(self) -> Option<Message> {
        self.outcome.err().map(|(_, message)| message)
    }
}

impl IntoFuture for Sending<'_> {
    type Output = Result<(), SendFailure>;
    type IntoFuture = SentFuture;

    fn into_future(self) -> SentFuture {
        let known = match self.outcome {
            Ok((id, None)) => Ok(id),
            Ok((_, Some(reason))) | Err((reason, _)) => Err(reason),
        };
        SentFuture { shared: self.shared.clone(), known }
    }
}

/// Waits for the fate of a message. *Cancel safety*: dropping it does not unsend the message.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SentFuture {
    shared: Arc<Shared>,
    known: Result<MessageId, SendFailure>,
}

impl Future for SentFuture {
    type Output = Result<(), SendFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = match &self.known {
            Ok(id) => *id,
            Err(reason) => return Poll::Ready(Err(reason.clone())),
        };
        let mut core = self.shared.lock();
        if let Some(reason) = core.refusals.of(id) {
            return Poll::Ready(Err(reason.clone()));
        }
        if core.sent_through.is_some_and(|last| id <= last) {
            return Poll::Ready(Ok(()));
        }
        match &core.end {
            None => {}
            Some(Ok(())) => return Poll::Ready(Err(SendFailure::Closed)),
            Some(Err(End::NotEstablished(_))) => return Poll::Ready(Err(SendFailure::NotEstablished)),
            Some(Err(End::Failed(reason))) => {
                return Poll::Ready(Err(SendFailure::Connection(reason.clone())));
            }
        }
        core.watch(cx.waker());
        Poll::Pending
    }
}

/// Waits until a connection is established.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReadyFuture(Arc<Shared>);

impl ReadyFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(shared.clone())
    }
}

impl Future for ReadyFuture {
    type Output = Result<(), Arc<EstablishmentFailure>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut core = self.0.lock();
        match &core.end {
            Some(Err(End::NotEstablished(reason))) => return Poll::Ready(Err(reason.clone())),
            Some(_) => return Poll::Ready(Ok(())),
            None if core.is_ready => return Poll::Ready(Ok(())),
            None => {}
        }
        core.watch(cx.waker());
        Poll::Pending
    }
}

/// Waits for a message and takes it.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReceivedFuture {
    shared: Arc<Shared>,
    /// Whether the flow knows that we wait.
    waits: bool,
}

impl ReceivedFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), waits: false }
    }

    fn wait(&mut self, core: &mut Core, wait: bool) {
        match (self.waits, wait) {
            (false, true) => core.machine.begin_pull(),
            (true, false) => core.machine.end_pull(),
            _ => return,
        }
        self.waits = wait;
    }
}

impl Future for ReceivedFuture {
    type Output = Result<Message, ReceiveFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let shared = this.shared.clone();
        let mut core = shared.lock();
        let pulled = core.machine.pull();
        let news = !this.waits || pulled.is_some();
        this.wait(&mut core, pulled.is_none());
        if pulled.is_none() {
            core.watch(cx.waker());
        }
        drop(core);
        if news {
            // Either the flow has to read, or it may have to tell of an end that this message held up.
            shared.waker.wake();
        }
        pulled.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for ReceivedFuture {
    fn drop(&mut self) {
        if self.waits {
            let shared = self.shared.clone();
            self.wait(&mut shared.lock(), false);
            // What it waited for may be for others now.
            shared.waker.wake();
        }
    }
}

/// Waits until a connection has ended.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ClosedFuture(Arc<Shared>);

impl ClosedFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(shared.clone())
    }
}

impl Future for ClosedFuture {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut core = self.0.lock();
        match &core.end {
            Some(Ok(())) => return Poll::Ready(Ok(())),
            Some(Err(End::NotEstablished(reason))) => return Poll::Ready(Err(reason.clone().into())),
            Some(Err(End::Failed(reason))) => return Poll::Ready(Err(reason.clone().into())),
            None => {}
        }
        core.watch(cx.waker());
        Poll::Pending
    }
}

/// A connection's events as a stream, which ends after the terminal one. Each Received in it holds credit until
/// it is dropped; the other events in it are bounded by what the application asked for.
#[derive(Debug)]
pub struct EventStream(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    events: Mutex<VecDeque<Event>>,
    waker: AtomicWaker,
    ended: AtomicBool,
    abandoned: AtomicBool,
}

impl EventStream {
    pub(crate) fn new() -> (Self, Subscriber) {
        let queue = Arc::new(Queue::default());
        (Self(queue.clone()), Subscriber::new(Kinds::all(), queue))
    }
}

impl Mouth for Queue {
    fn deliver(&self, event: &Event) {
        let ends = event.is_terminal();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody would ever take it out again.
        if !self.is_alive() {
            return;
        }
        events.push_back(event.clone());
        drop(events);
        self.ended.fetch_or(ends, Ordering::AcqRel);
        self.waker.wake();
    }

    fn is_alive(&self) -> bool {
        !self.abandoned.load(Ordering::Acquire)
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.waker.register(cx.waker());
        // Read before the queue: what ended the stream is in the queue by then.
        let ended = self.0.ended.load(Ordering::Acquire);
        match self.0.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let mut events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.abandoned.store(true, Ordering::Release);
        let left = std::mem::take(&mut *events);
        drop(events);
        // Dropped outside the lock: it gives back credit and may close a connection.
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::AllWritten;
    use crate::flow::ConnectionRef;
    use neatflow_core::connection::Role;

    #[test]
    fn a_stream_that_was_dropped_keeps_no_event() {
        let shared = Shared::new(Role::Accepted, Arc::default(), &[]);
        let (stream, subscriber) = EventStream::new();
        let tell = || subscriber.tell(&AllWritten { connection: ConnectionRef::new(shared.clone()) }.into());
        tell();
        assert_eq!(Arc::strong_count(&shared), 2, "the stream holds the event");
        drop(stream);
        tell();
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
