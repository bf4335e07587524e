//! The HappyEyeballs actor: when it acts.
//
// Handlers only take note. What is to be done is done in one place, after the mailbox is empty, so that what happens
// in one moment has no order: the race is told all of it before it decides.

use super::attempts::Attempts;
use super::changes::{Changes, WATCHES_AFTER};
use super::messages::{Landed, Reached};
use super::ranking::Ranking;
use super::resolving::Resolving;
use crate::census::{Counted, Kind};
use crate::clock::Clock;
use crate::flow::{self, RaceOutcome};
use crate::name_resolver::Answered;
use crate::supervision::{ChildEvent, ChildEventKind, Plan, Supervise};
use crate::transport::Services;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow_core::policy::Request;
use neatflow_core::racing::{Output, Race};
use neatflow_core::{EstablishmentFailure, Time};
use slog::{Logger, o, warn};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context as Cx, Poll, Waker};
use std::time::Duration;
use tokio::time::{Sleep, sleep_until};

/// What supervision calls a race; made once, not for each.
static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "race".into());

/// What a race is for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Arc<Request>,
    pub(crate) timeout: Option<Duration>,
    /// Where the outcome goes. The race is cancelled when nobody waits for it any more.
    pub(crate) outcome: oneshot::Sender<RaceOutcome>,
    /// Whose race it is, for the record of one that is cancelled.
    pub(crate) shared: Weak<flow::Shared>,
}

/// Starts a race on this arbiter.
pub(crate) fn start(order: Order, services: &Arc<Services>, logger: &Logger) {
    let logger = logger.new(o!("actor" => "race"));
    let counted = services.census.count(Kind::Race);
    Supervise::new(Plan::temporary())
        .name(NAME.clone())
        .parent(services.parent.clone())
        .logger(logger.clone())
        .start(|_| HappyEyeballs {
            request: order.request,
            timeout: order.timeout,
            outcome: Some(order.outcome),
            shared: order.shared,
            clock: Clock::start(),
            race: None,
            services: services.clone(),
            resolving: Resolving::default(),
            ranking: Ranking::default(),
            attempts: Attempts::default(),
            // To look at the timeout.
            due: true,
            watches: services.monitor.is_none(),
            changes: Changes::default(),
            wakes: None,
            waker: None,
            logger,
            _counted: counted,
        });
}

pub(crate) struct HappyEyeballs {
    pub(super) request: Arc<Request>,
    /// The application's.
    pub(super) timeout: Option<Duration>,
    /// `None` when it is over.
    pub(super) outcome: Option<oneshot::Sender<RaceOutcome>>,
    pub(super) shared: Weak<flow::Shared>,
    pub(super) clock: Clock,
    /// Once call 1 is answered.
    pub(super) race: Option<Box<Race>>,
    pub(super) services: Arc<Services>,
    pub(super) resolving: Resolving,
    pub(super) ranking: Ranking,
    pub(super) attempts: Attempts,
    /// Whether something has happened that the race was told and not asked about.
    pub(super) due: bool,
    /// Whether it asked to be told of changes of the network.
    pub(super) watches: bool,
    pub(super) changes: Changes,
    /// When the race wants to act next.
    wakes: Option<Time>,
    /// Of the task this actor runs in.
    waker: Option<Waker>,
    pub(super) logger: Logger,
    _counted: Counted,
}

impl Actor for HappyEyeballs {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Turn { sleep: None });
        self.ask_what_is_eligible(ctx);
    }
}

impl Supervised for HappyEyeballs {}

impl Drop for HappyEyeballs {
    /// However it ends, no attempt outlives it.
    fn drop(&mut self) {
        self.attempts.stop();
    }
}

impl HappyEyeballs {
    /// A future of this actor has told the race something: its turn comes again.
    pub(super) fn rouse(&mut self) {
        self.due = true;
        self.waker.as_ref().map(Waker::wake_by_ref);
    }

    /// Does what is due, and what the race puts out.
    fn act(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        self.give_up_questions(now);
        if self.race.is_none() {
            if let Some(timeout) = self.timeout.filter(|timeout| now >= Time::from_origin(*timeout)) {
                return self.time_out(timeout, ctx);
            }
            self.wakes = self.timeout.map(Time::from_origin);
        }
        let wait = loop {
            let Some(race) = &mut self.race else { return };
            match race.poll(now) {
                Output::Wait(until) => break until,
                output => self.obey(output, ctx),
            }
        };
        self.ask_questions(now, ctx);
        if !self.watches && now >= WATCHES_AFTER {
            self.watch(ctx);
        }
        let watches = (!self.watches).then_some(WATCHES_AFTER);
        self.wakes = [wait, self.resolving.next_moment(), watches].into_iter().flatten().min();
    }

    fn obey(&mut self, output: Output, ctx: &mut Context<Self>) {
        match output {
            Output::Query(query) => self.resolving.asking.push(query),
            Output::Rank => self.rank(ctx),
            Output::Start { attempt, candidate, held } => self.attempt(attempt, candidate, held, ctx),
            Output::Secure(id) => self.secure(id),
            Output::Cancel(id) => self.attempts.cancel(id),
            Output::Won(id) => self.win(id, ctx),
            Output::Lost(loss) => self.lost(loss, ctx),
            output => warn!(self.logger, "nobody does this"; "output" => ?output),
        }
    }
}

/// Gives the race its turns: when something has happened, and when its time has come. Ends it when nobody waits for its
/// outcome any more.
struct Turn {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl ActorFuture<HappyEyeballs> for Turn {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        race: &mut HappyEyeballs,
        ctx: &mut Context<HappyEyeballs>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        if race.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            race.waker = Some(cx.waker().clone());
        }
        loop {
            let Some(outcome) = &mut race.outcome else { return Poll::Ready(()) };
            if outcome.poll_canceled(cx).is_ready() {
                race.lose(EstablishmentFailure::Cancelled, ctx);
                return Poll::Ready(());
            }
            if std::mem::take(&mut race.due) {
                race.act(ctx);
                continue;
            }
            let Some(wakes) = race.wakes.map(|wakes| race.clock.instant(wakes)) else {
                self.sleep = None;
                return Poll::Pending;
            };
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(wakes)));
            if sleep.deadline() != wakes {
                sleep.as_mut().reset(wakes);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // What has come to others in this moment is heard before the race decides.
            (self.sleep, race.wakes, race.due) = (None, None, true);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
    }
}

impl Handler<Answered> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, answer: Answered, _: &mut Self::Context) {
        self.answered(answer);
    }
}

impl Handler<Reached> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, Reached { id, stage }: Reached, _: &mut Self::Context) {
        self.reached(id, stage);
    }
}

impl Handler<Landed> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, Landed { id, news }: Landed, _: &mut Self::Context) {
        news.into_iter().flatten().for_each(|stage| self.reached(id, stage));
        self.landed(id);
    }
}

impl Handler<ChildEvent> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, _: &mut Self::Context) {
        if let ChildEventKind::GaveUp { reason } = event.what {
            self.gave_up(event.child, reason);
        }
    }
}
