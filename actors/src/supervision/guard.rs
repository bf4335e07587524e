//! The task that supervises one child.

use super::event::ExitReason;
use super::incarnation::Incarnation;
use super::report::Report;
use actix::prelude::*;
use neatflow_core::{Budget, Time};
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Between two incarnations everybody else on the arbiter gets a turn, even with a back-off of zero. A
/// millisecond is the resolution of the timer.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// Owns the actor and gives it its turns; when it ends, restarts it as planned, or takes it down and reports.
///
/// ```text
///               it ended, and the budget grants a restart
///   +---------+ ----------------------------------------> +---------+
///   | running |                                           | resting |
///   +---------+ <---------------------------------------- +---------+
///        |                waited, restarted                    |
///        | it ended, and is not to be restarted                | told to stop, or nobody has its address
///        +-----------------------> ended <---------------------+
/// ```
pub(super) struct Guard<A: Supervised + Actor<Context = Context<A>>> {
    /// `None` when the child has ended.
    actor: Option<Incarnation<A>>,
    /// What only those have that were to be restarted once.
    restarts: Option<Box<Restarts>>,
    told_to_stop: bool,
    report: Report,
}

struct Restarts {
    /// The wait before the next; `None` while the actor runs.
    rest: Option<Pin<Box<Sleep>>>,
    budget: Budget,
    origin: Instant,
    attempt: u64,
}

impl<A: Supervised + Actor<Context = Context<A>>> Guard<A> {
    pub(super) fn new(actor: Incarnation<A>, report: Report) -> Self {
        Self { actor: Some(actor), restarts: None, told_to_stop: false, report }
    }

    /// An incarnation has ended: is there to be another?
    fn after(&mut self, reason: ExitReason) {
        let wanted = !self.told_to_stop
            && self.report.plan().restart.follows(&reason)
            && self.actor.as_mut().is_some_and(|actor| actor.connected() && !actor.finished());
        if !wanted {
            return match reason {
                ExitReason::Stopped => self.finish(),
                ExitReason::Panicked(_) => self.give_up(reason),
            };
        }
        let intensity = self.report.plan().intensity;
        let restarts = self.restarts.get_or_insert_with(|| {
            let (budget, origin) = (Budget::new(intensity), Instant::now());
            Box::new(Restarts { rest: None, budget, origin, attempt: 0 })
        });
        match restarts.budget.ask(Time::from_origin(restarts.origin.elapsed())) {
            None => self.give_up(reason),
            Some(wait) => {
                let wait = wait.max(SHORTEST_REST);
                restarts.attempt += 1;
                restarts.rest = Some(Box::pin(sleep(wait)));
                self.report.restarting(restarts.attempt, reason, wait);
            }
        }
    }

    fn finish(&mut self) {
        self.take_down();
        self.report.finished();
    }

    fn give_up(&mut self, reason: ExitReason) {
        self.take_down();
        self.report.gave_up(reason);
    }

    /// Before the end is told: who hears of it finds what the actor held released.
    fn take_down(&mut self) {
        if let Some(Err(message)) = self.actor.take().map(Incarnation::end) {
            self.report.panicked_at_its_end(&message);
        }
    }
}

impl<A: Supervised + Actor<Context = Context<A>>> Future for Guard<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        while let Some(actor) = &mut this.actor {
            if this.report.link.told_to_stop(cx.waker()) {
                this.told_to_stop = true;
                actor.stop();
            }
            let restarts = this.restarts.as_deref_mut();
            let resting = restarts.and_then(|restarts| Some((restarts.rest.as_mut()?, restarts.attempt)));
            let reason = if let Some((rest, attempt)) = resting {
                if this.told_to_stop || !actor.connected() {
                    this.finish();
                    continue;
                }
                ready!(rest.as_mut().poll(cx));
                if let Some(restarts) = &mut this.restarts {
                    restarts.rest = None;
                }
                match actor.restart() {
                    Ok(true) => {
                        this.report.restarted(attempt);
                        continue;
                    }
                    Ok(false) => {
                        this.finish();
                        continue;
                    }
                    Err(message) => ExitReason::Panicked(message),
                }
            } else {
                ready!(actor.poll(cx))
            };
            this.after(reason);
        }
        Poll::Ready(())
    }
}

impl<A: Supervised + Actor<Context = Context<A>>> Drop for Guard<A> {
    /// The arbiter stops with the child on it: the actor still hears `stopped`, and the report tells the rest.
    fn drop(&mut self) {
        self.take_down();
    }
}
