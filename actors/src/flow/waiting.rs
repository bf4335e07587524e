//! The same events and answers as futures and streams, for code that has no actor.

use super::guarded::Core;
use super::shared::{Accepted, End, Shared};
use crate::events::Event;
use crate::subscription::{Kinds, Mouth, Subscriber};
use crate::watchers::Place;
use futures::Stream;
use futures::task::AtomicWaker;
use neatflow_core::{Error, EstablishmentFailure, Message, MessageId, ReceiveFailure, SendFailure};
use std::collections::VecDeque;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// A message on its way. Await it to learn its fate, or drop it: the message is sent all the same.
#[derive(Debug)]
pub struct Sending<'a> {
    shared: &'a Arc<Shared>,
    outcome: Result<Accepted, (SendFailure, Message)>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, outcome: Result<Accepted, (SendFailure, Message)>) -> Self {
        Self { shared, outcome }
    }

    /// The id that Sent or SendError will carry; `None` if the connection is Closed and there is no event.
    pub fn id(&self) -> Option<MessageId> {
        self.outcome.as_ref().ok().map(|accepted| accepted.id)
    }

    /// Why the message was refused at once, if it was.
    pub fn refused(&self) -> Option<&SendFailure> {
        match &self.outcome {
            Ok(accepted) => accepted.refused.as_ref(),
            Err((reason, _)) => Some(reason),
        }
    }

    /// Whether the queue is above its high-water mark now: a polite sender waits for Writable, which comes when it has
    /// fallen below half of it. From twice the mark on messages are refused.
    pub fn is_high(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|accepted| accepted.is_high)
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
            Ok(Accepted { id, refused: None, .. }) => Ok(id),
            Ok(Accepted { refused: Some(reason), .. }) | Err((reason, _)) => Err(reason),
        };
        let mut future = SentFuture { watch: Watch::new(self.shared), known, asked: false };
        future.ask();
        future
    }
}

/// A future's place among those who wait for something to change; it leaves when it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Place,
}

impl Watch {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), place: None }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.shared.lock().leave(self.place);
        }
    }
}

/// Waits for the fate of a message. *Cancel safety*: dropping it does not unsend the message.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SentFuture {
    watch: Watch,
    known: Result<MessageId, SendFailure>,
    /// Whether the fate is remembered for us.
    asked: bool,
}

impl SentFuture {
    /// Has the fate remembered from now on, however late the first poll comes; keeps it if it is known already.
    fn ask(&mut self) {
        let Ok(id) = self.known else { return };
        let mut core = self.watch.shared.lock();
        match core.fates.of(id) {
            Some(Err(reason)) => self.known = Err(reason),
            Some(Ok(())) | None => {
                core.fates.ask(id);
                self.asked = true;
            }
        }
    }
}

impl Drop for SentFuture {
    fn drop(&mut self) {
        if let (true, Ok(id)) = (self.asked, &self.known) {
            self.watch.shared.lock().fates.leave(*id);
        }
    }
}

impl Future for SentFuture {
    type Output = Result<(), SendFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { watch, known, .. } = self.get_mut();
        let id = match known {
            Ok(id) => *id,
            Err(reason) => return Poll::Ready(Err(reason.clone())),
        };
        let mut core = watch.shared.lock();
        if let Some(fate) = core.fates.of(id) {
            return Poll::Ready(fate);
        }
        match &core.end {
            None => {}
            Some(Ok(())) => return Poll::Ready(Err(SendFailure::Closed)),
            Some(Err(end)) => return Poll::Ready(Err(end.of_message())),
        }
        core.watch(&mut watch.place, cx.waker());
        Poll::Pending
    }
}

/// Waits until a connection is established.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReadyFuture(Watch);

impl ReadyFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Watch::new(shared))
    }
}

impl Future for ReadyFuture {
    type Output = Result<(), Arc<EstablishmentFailure>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let watch = &mut self.get_mut().0;
        let mut core = watch.shared.lock();
        match &core.end {
            Some(Err(End::NotEstablished(reason))) => return Poll::Ready(Err(reason.clone())),
            Some(_) => return Poll::Ready(Ok(())),
            None if core.is_ready => return Poll::Ready(Ok(())),
            None => {}
        }
        core.watch(&mut watch.place, cx.waker());
        Poll::Pending
    }
}

/// Waits for a message and takes it.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReceivedFuture {
    watch: Watch,
    /// Whether the flow knows that we wait.
    waits: bool,
}

impl ReceivedFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { watch: Watch::new(shared), waits: false }
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
        let shared = this.watch.shared.clone();
        let mut core = shared.lock();
        let pulled = core.machine.pull();
        let news = !this.waits || pulled.is_some();
        this.wait(&mut core, pulled.is_none());
        if pulled.is_none() {
            core.watch(&mut this.watch.place, cx.waker());
        }
        if news {
            // Either the flow has to read, or it may have to tell of an end that this message held up.
            shared.rouse(core);
        } else {
            drop(core);
        }
        pulled.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for ReceivedFuture {
    fn drop(&mut self) {
        if self.waits {
            let shared = self.watch.shared.clone();
            let mut core = shared.lock();
            self.wait(&mut core, false);
            // What it waited for may be for others now.
            shared.rouse(core);
        }
    }
}

/// Waits until a connection has ended.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ClosedFuture(Watch);

impl ClosedFuture {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Watch::new(shared))
    }
}

impl Future for ClosedFuture {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let watch = &mut self.get_mut().0;
        let mut core = watch.shared.lock();
        match &core.end {
            Some(Ok(())) => return Poll::Ready(Ok(())),
            Some(Err(End::NotEstablished(reason))) => return Poll::Ready(Err(reason.clone().into())),
            Some(Err(End::Failed(reason))) => return Poll::Ready(Err(reason.clone().into())),
            None => {}
        }
        core.watch(&mut watch.place, cx.waker());
        Poll::Pending
    }
}

/// A connection's events as a stream, which ends after the terminal one. Each Received in it holds credit until
/// it is dropped; the other events in it are bounded by what the application asked for.
#[derive(Debug)]
pub struct EventStream(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    state: Mutex<Queued>,
    waker: AtomicWaker,
    /// Wakes whoever drives the flow.
    driver: Arc<AtomicWaker>,
}

#[derive(Debug, Default)]
struct Queued {
    events: VecDeque<Event>,
    ended: bool,
    /// Nobody takes events out any more.
    abandoned: bool,
}

impl EventStream {
    /// A stream, and who fills it; `driver` is woken when it is dropped.
    pub(crate) fn new(driver: &Arc<AtomicWaker>) -> (Self, Subscriber) {
        let (state, waker) = (Mutex::default(), AtomicWaker::new());
        let queue = Arc::new(Queue { state, waker, driver: driver.clone() });
        (Self(queue.clone()), Subscriber::new(Kinds::all(), queue))
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mouth for Queue {
    fn deliver(&self, event: Event) {
        let mut state = self.lock();
        if state.abandoned {
            return;
        }
        state.ended |= event.is_terminal();
        state.events.push_back(event);
        drop(state);
        self.waker.wake();
    }

    fn is_alive(&self) -> bool {
        !self.lock().abandoned
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.waker.register(cx.waker());
        let mut state = self.0.lock();
        match state.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if state.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.abandoned = true;
        let events = std::mem::take(&mut state.events);
        drop(state);
        // Outside the lock: a message may be made of what is the application's, with its destructor.
        drop(events);
        // It may have been the one that had no room.
        self.0.driver.wake();
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
        let (stream, subscriber) = EventStream::new(&shared.waker);
        let tell = || subscriber.tell(&AllWritten { connection: ConnectionRef::new(shared.clone()) }.into());
        tell();
        assert_eq!(Arc::strong_count(&shared), 2, "the stream holds the event");
        drop(stream);
        tell();
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
