//! The one place that knows how actix's context behaves around panics and restarts.

use super::catch::contain;
use super::event::ExitReason;
use actix::dev::ContextFut;
use actix::dev::channel::AddressReceiver;
use actix::prelude::*;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

/// The actor has finished: it stops, and whatever its policy, it is not restarted.
///
/// For the actor itself, from a handler; for others there is [`Child::stop`](super::Child::stop). Like
/// `ctx.stop()` it leaves queued mail unhandled. Of an actor that is not supervised it is `ctx.stop()`.
pub fn finish<A: Actor<Context = Context<A>>>(ctx: &mut Context<A>) {
    FINISHED.set(true);
    ctx.stop();
}

thread_local! {
    /// Whether the actor whose turn it is on this thread said [`finish`] in this turn.
    static FINISHED: Cell<bool> = const { Cell::new(false) };
}

/// How many futures a restart spawns at most to keep new futures safe from old cancellations; 24 B each, briefly.
const SKIPPED_HANDLES: usize = 1024;

/// An actor with its context and its mailbox. No panic leaves it.
pub(super) struct Incarnation<A: Actor<Context = Context<A>>> {
    future: ContextFut<A, Context<A>>,
    /// Polled since the last start or restart: actix has called `started`.
    started: bool,
    finished: bool,
}

impl<A: Supervised + Actor<Context = Context<A>>> Incarnation<A> {
    /// Makes the actor. A panic of `make` comes back as its message, and closes the mailbox.
    pub(super) fn new(
        mailbox: AddressReceiver<A>,
        make: impl FnOnce(&mut Context<A>) -> A,
    ) -> Result<Self, Arc<str>> {
        let before = FINISHED.replace(false);
        let future = contain(|| {
            let mut ctx = Context::with_receiver(mailbox);
            let actor = make(&mut ctx);
            ctx.into_future(actor)
        });
        let finished = FINISHED.replace(before);
        Ok(Self { future: future?, started: false, finished })
    }

    /// Gives the actor its turn, until it ends.
    pub(super) fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<ExitReason> {
        self.started = true;
        match self.turn(|future| Pin::new(future).poll(cx)) {
            Ok(turn) => turn.map(|()| ExitReason::Stopped),
            Err(message) => Poll::Ready(ExitReason::Panicked(message)),
        }
    }

    /// Makes an actor that has ended ready to be polled again. False when nobody has its address any more.
    pub(super) fn restart(&mut self) -> Result<bool, Arc<str>> {
        self.started = false;
        let last = self.future.ctx().spawn(Nothing);
        let restarted = self.turn(ContextFut::restart)?;
        self.skip_handles(last);
        Ok(restarted)
    }

    /// Asks the actor to stop in its next turn.
    pub(super) fn stop(&mut self) {
        self.future.ctx().stop();
    }

    /// Whether anybody has its address.
    pub(super) fn connected(&mut self) -> bool {
        self.future.ctx().connected()
    }

    /// Whether it said [`finish`].
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// Takes the actor down: `stopping` and `stopped`, unless actix has called them, then its drop.
    pub(super) fn end(mut self) -> Result<(), Arc<str>> {
        let farewell = self.farewell();
        // The drop of a context that is not terminated polls it, and would start an actor that never started.
        self.future.ctx().terminate();
        let dropped = contain(|| drop(self.future));
        farewell.and(dropped)
    }

    fn farewell(&mut self) -> Result<(), Arc<str>> {
        if !self.started || self.future.ctx().state() == ActorState::Stopped {
            return Ok(());
        }
        // An actor may refuse in `stopping`; then this keeps it from its mail and its futures, some of which may
        // have panicked.
        self.future.ctx().wait(Never);
        self.future.ctx().stop();
        let mut cx = task::Context::from_waker(Waker::noop());
        self.turn(|future| Pin::new(future).poll(&mut cx)).map(|_| ())
    }

    /// Runs a piece of the actor, and notes whether it has finished.
    fn turn<T>(&mut self, piece: impl FnOnce(&mut ContextFut<A, Context<A>>) -> T) -> Result<T, Arc<str>> {
        let before = FINISHED.replace(false);
        let result = contain(|| piece(&mut self.future));
        self.finished |= FINISHED.replace(before);
        result
    }

    /// A restart makes actix count spawned futures from 1 again, yet it keeps the cancellations that were not
    /// carried out before the panic: a cancelled timer of the old incarnation would take a timer of the new one
    /// with it. So the handles that the old one used are used up, by futures that do nothing, before `started`.
    fn skip_handles(&mut self, last: SpawnHandle) {
        for _ in 0..SKIPPED_HANDLES {
            if self.future.ctx().spawn(Nothing) == last {
                break;
            }
        }
    }
}

/// A future that is ready.
struct Nothing;

impl<A: Actor> ActorFuture<A> for Nothing {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut A, _: &mut A::Context, _: &mut task::Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// A future that is never ready.
struct Never;

impl<A: Actor> ActorFuture<A> for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut A, _: &mut A::Context, _: &mut task::Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
