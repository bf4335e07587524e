//! The HappyEyeballs actor.

use super::candidate::{Attempt as Attempting, Landing};
use super::messages::{Landed, Reached};
use super::record::{RaceRecord, is_cancelled};
use super::telling::tell;
use crate::census::{Counted, Kind};
use crate::clock::Clock;
use crate::flow::{Obtained, RaceOutcome};
use crate::name_resolver::{Answered, Origin, QueryId, Resolve, settle};
use crate::policy_manager::messages::{Eligibility, Eligible, Rank, Ranked};
use crate::supervision::{Child, ChildEvent, ChildEventKind, ChildId, ExitReason, Plan, Supervise};
use crate::transport::Services;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow_core::policy::{Branch, Request, Resolved, Roster};
use neatflow_core::racing::{Address, AttemptId, Entry, Fault, Input, Output, Race, RecordKind};
use neatflow_core::resolution::Kinds;
use neatflow_core::{
    Attempt, Candidate, CandidateId, EstablishmentFailure, Failure, ResolutionFailure, Time,
};
use slog::{Logger, debug, o, warn};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};
use std::time::Duration;

/// What a race is for.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Arc<Request>,
    pub(crate) timeout: Option<Duration>,
    /// Where the outcome goes. The race is cancelled when nobody waits for it any more.
    pub(crate) outcome: oneshot::Sender<RaceOutcome>,
}

/// Starts a race on this arbiter.
pub(crate) fn start(order: Order, services: &Arc<Services>, logger: &Logger) {
    let logger = logger.new(o!("actor" => "race"));
    let counted = services.census.count(Kind::Race);
    Supervise::new(Plan::temporary())
        .name("race")
        .parent(services.parent.clone())
        .logger(logger.clone())
        .start(|_| HappyEyeballs {
            request: order.request,
            timeout: order.timeout,
            outcome: Some(order.outcome),
            clock: Clock::start(),
            race: Race::new(services.racing.clone()),
            services: services.clone(),
            branches: Arc::from([]),
            roster: Roster::default(),
            resolved: Vec::new(),
            unanswered: BTreeMap::new(),
            ranking: 0,
            candidates: Vec::new(),
            why_none: None,
            known: BTreeMap::new(),
            running: BTreeMap::new(),
            landing: Landing::default(),
            failures: Vec::new(),
            unresolved: Vec::new(),
            timer: None,
            logger,
            _counted: counted,
        });
}

pub(crate) struct HappyEyeballs {
    request: Arc<Request>,
    timeout: Option<Duration>,
    outcome: Option<oneshot::Sender<RaceOutcome>>,
    clock: Clock,
    race: Race,
    services: Arc<Services>,
    branches: Arc<[Branch]>,
    roster: Roster,
    resolved: Vec<Resolved>,
    /// Questions to the name resolver that are open, and their names.
    unanswered: BTreeMap<QueryId, Arc<str>>,
    /// Calls to the policy manager that are open.
    ranking: usize,
    /// As last ranked.
    candidates: Vec<Candidate>,
    /// Why there were none, when last ranked.
    why_none: Option<EstablishmentFailure>,
    /// Every candidate there ever was: one that ran may be ranked no more.
    known: BTreeMap<CandidateId, Candidate>,
    running: BTreeMap<AttemptId, (CandidateId, Child<Attempting>)>,
    landing: Landing,
    failures: Vec<Attempt>,
    unresolved: Vec<ResolutionFailure>,
    timer: Option<SpawnHandle>,
    logger: Logger,
    _counted: Counted,
}

impl Actor for HappyEyeballs {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Cancellation);
        if let Some(timeout) = self.timeout {
            ctx.run_later(timeout, move |race, ctx| race.time_out(timeout, ctx));
        }
        let eligible = eligible(self.services.clone(), self.request.clone());
        ctx.spawn(eligible.into_actor(self).map(|reply, race, ctx| match reply {
            Ok((request, eligibility)) => race.resolve(request, eligibility, ctx),
            Err(failure) => race.lose(failure, ctx),
        }));
    }
}

impl Supervised for HappyEyeballs {}

impl Drop for HappyEyeballs {
    /// However it ends, no attempt outlives it.
    fn drop(&mut self) {
        self.running.values().for_each(|(_, child)| child.stop());
    }
}

/// NEAT's steps 5 to 8: names to addresses, addresses to candidates.
impl HappyEyeballs {
    fn resolve(&mut self, request: Arc<Request>, eligibility: Eligibility, ctx: &mut Context<Self>) {
        self.branches = eligibility.branches.into();
        self.request = request.clone();
        for (index, remote) in request.remotes.iter().enumerate() {
            if let Some(address) = remote.literal() {
                self.resolved.push(Resolved::addresses(index, [address]));
            } else if let Some(host) = remote.unresolved() {
                self.ask(QueryId(index as u64), host.clone(), ctx);
            }
        }
        self.rank(ctx);
    }

    fn ask(&mut self, query: QueryId, host: Arc<str>, ctx: &mut Context<Self>) {
        self.unanswered.insert(query, host.clone());
        // The resolver keeps its own time and can say more; this is for one that does not, or that is gone.
        let patience = self.services.patience;
        ctx.run_later(patience, move |race, ctx| {
            race.answer_for(query, ctx, |name| ResolutionFailure::TimedOut { name, after: patience })
        });
        let question = Resolve::new(query, host, Kinds::ADDRESSES, ctx.address().recipient());
        let asking = self.services.resolver.send(question);
        ctx.spawn(asking.into_actor(self).map(move |asked, race, ctx| {
            if let Err(gone) = asked {
                let why = format!("the name resolver is gone: {gone}").into();
                race.answer_for(query, ctx, |name| ResolutionFailure::Other { name, why });
            }
        }));
    }

    /// Answers a question that the resolver has left open.
    fn answer_for(
        &mut self,
        query: QueryId,
        ctx: &mut Context<Self>,
        why: impl FnOnce(Arc<str>) -> ResolutionFailure,
    ) {
        if let Some(name) = self.unanswered.get(&query) {
            let result = Err(why(name.clone()));
            let (kind, origin) = (RecordKind::A, Origin::Nobody);
            self.answered(Answered { query, kind, result, origin, last: true }, ctx);
        }
    }

    fn answered(&mut self, answer: Answered, ctx: &mut Context<Self>) {
        if !self.unanswered.contains_key(&answer.query) {
            return;
        }
        match answer.result {
            Ok(records) => {
                let addresses = records.addresses().iter().map(Address::ip);
                self.resolved.push(Resolved::addresses(answer.query.0 as usize, addresses));
            }
            Err(failure) => {
                debug!(self.logger, "name not resolved"; "reason" => %failure);
                if !self.unresolved.iter().any(|known| is_same(known, &failure)) {
                    self.unresolved.push(failure);
                }
            }
        }
        if answer.last {
            self.unanswered.remove(&answer.query);
        }
        self.rank(ctx);
    }

    fn rank(&mut self, ctx: &mut Context<Self>) {
        self.ranking += 1;
        let call = self.services.policy.send(Rank {
            request: self.request.clone(),
            branches: self.branches.clone(),
            resolved: self.resolved.clone(),
            roster: self.roster.clone(),
        });
        ctx.spawn(call.into_actor(self).map(|reply, race, ctx| match reply {
            Ok(ranked) => race.ranked(ranked, ctx),
            Err(gone) => race.lose(stopped("policy manager", &gone), ctx),
        }));
    }

    fn ranked(&mut self, Ranked { candidates, roster, why_none }: Ranked, ctx: &mut Context<Self>) {
        self.ranking -= 1;
        self.roster = roster;
        self.why_none = why_none;
        self.known.extend(candidates.iter().map(|candidate| (candidate.id, candidate.clone())));
        let entries = candidates.iter().map(Entry::from).collect();
        self.candidates = candidates;
        self.race.handle(Input::Candidates(entries), self.clock.now());
        if self.unanswered.is_empty() && self.ranking == 0 {
            self.race.handle(Input::NoMoreCandidates, self.clock.now());
        }
        self.run(ctx);
    }
}

/// NEAT's steps 9 to 11: the race itself.
impl HappyEyeballs {
    /// Does what the race puts out.
    fn run(&mut self, ctx: &mut Context<Self>) {
        loop {
            match self.race.poll(self.clock.now()) {
                Output::Start { attempt, candidate, .. } => self.attempt(attempt, candidate, ctx),
                Output::Cancel(id) => self.cancel(id),
                Output::Won(id) => return self.win(id, ctx),
                Output::Lost(_) => return self.lost(ctx),
                Output::Wait(until) => return self.wait(until, ctx),
                // A race that is given its candidates asks nothing and holds nobody.
                output => warn!(self.logger, "nobody does this"; "output" => ?output),
            }
        }
    }

    fn wait(&mut self, until: Option<Time>, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = until.map(|until| {
            ctx.run_later(until.since(self.clock.now()), |race, ctx| {
                race.timer = None;
                race.run(ctx);
            })
        });
    }

    fn attempt(&mut self, attempt: AttemptId, id: CandidateId, ctx: &mut Context<Self>) {
        let Some(candidate) = self.known.get(&id).cloned() else { return };
        let Some(stack) = self.services.registry.get(&candidate.transport).cloned() else {
            let reason = Failure::NoSuchStack(candidate.transport.as_str().into());
            return self.attempt_failed(attempt, id, reason);
        };
        debug!(self.logger, "attempt"; "candidate" => %candidate, "id" => %id);
        let attempting = Attempting {
            id: attempt,
            candidate,
            request: self.request.clone(),
            stack,
            landing: self.landing.clone(),
            reached: ctx.address().recipient(),
            landed: ctx.address().recipient(),
            _counted: self.services.census.count(Kind::Candidate),
        };
        let child = Supervise::new(self.services.candidate_plan)
            .name(format!("candidate {id}"))
            .parent(ctx.address().downgrade().recipient())
            .logger(self.logger.new(o!("candidate" => id.0)))
            .start(|_| attempting);
        self.running.insert(attempt, (id, child));
    }

    /// Whatever it had obtained is dropped, and so closed.
    fn cancel(&mut self, id: AttemptId) {
        if let Some((_, child)) = self.running.remove(&id) {
            child.stop();
        }
        self.landing.borrow_mut().remove(&id);
    }

    fn attempt_failed(&mut self, attempt: AttemptId, id: CandidateId, reason: Failure) {
        self.running.remove(&attempt);
        let fault = Fault::new(reason.to_string());
        if let Some(candidate) = self.known.get(&id) {
            debug!(self.logger, "attempt failed"; "candidate" => %candidate, "reason" => %reason);
            self.failures.push(Attempt::new(candidate.clone(), reason));
        }
        self.race.handle(Input::Failed(attempt, fault), self.clock.now());
    }

    fn win(&mut self, attempt: AttemptId, ctx: &mut Context<Self>) {
        let id = self.running.remove(&attempt).map(|(id, _)| id);
        let landed = self.landing.borrow_mut().remove(&attempt);
        let candidate = id.and_then(|id| self.known.get(&id));
        let (Some(candidate), Some(Ok(obtained))) = (candidate, landed) else {
            warn!(self.logger, "the winner is missing"; "attempt" => %attempt);
            return self.lost(ctx);
        };
        let protocol = candidate.transport.clone();
        self.finish(Ok((protocol, obtained)), ctx);
    }

    /// What was tried, in the order of the starts.
    fn attempts(&self) -> Vec<Attempt> {
        let attempt = |id| {
            let failed = self.failures.iter().find(|attempt| attempt.candidate.id == id);
            failed.cloned().or_else(|| Some(Attempt::new(self.known.get(&id)?.clone(), Failure::Cancelled)))
        };
        self.race.timeline().attempts.iter().filter_map(|record| attempt(record.id)).collect()
    }

    fn lost(&mut self, ctx: &mut Context<Self>) {
        let attempts = self.attempts();
        let unresolved = self.unresolved.clone();
        let failure = if !attempts.is_empty() {
            EstablishmentFailure::EstablishmentFailed { attempts, unresolved }
        } else if !unresolved.is_empty() {
            EstablishmentFailure::ResolutionFailed(unresolved)
        } else {
            self.why_none.take().unwrap_or_else(|| EstablishmentFailure::NoCandidates {
                properties: Vec::new(),
                why: "there is nothing to try".into(),
            })
        };
        self.lose(failure, ctx);
    }

    fn time_out(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let attempts = self.attempts();
        let unresolved = self.unresolved.clone();
        self.lose(EstablishmentFailure::Timeout { after, attempts, unresolved }, ctx);
    }

    fn lose(&mut self, failure: EstablishmentFailure, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        self.race.handle(Input::Cancel, now);
        while let Output::Cancel(id) = self.race.poll(now) {
            self.cancel(id);
        }
        self.finish(Err(failure), ctx);
    }

    fn finish(
        &mut self,
        result: Result<(neatflow_core::Protocol, Obtained), EstablishmentFailure>,
        ctx: &mut Context<Self>,
    ) {
        // Those that are ranked no more come last.
        let mut candidates = std::mem::take(&mut self.candidates);
        for candidate in &candidates {
            self.known.remove(&candidate.id);
        }
        candidates.extend(std::mem::take(&mut self.known).into_values());
        let record = Arc::new(RaceRecord {
            candidates,
            timeline: self.race.timeline().clone(),
            failures: std::mem::take(&mut self.failures),
            unresolved: std::mem::take(&mut self.unresolved),
        });
        let why = result.as_ref().err().cloned();
        self.services.metrics.note(|tally| record.count_in(tally, is_cancelled(why.as_ref())));
        if let Some(outcome) = self.outcome.take() {
            // Nobody waits: what was obtained is dropped here, and so closed.
            let _ = outcome.send(RaceOutcome { record: record.clone(), result });
        }
        tell(&self.logger, &record, why.as_ref());
        for (_, child) in std::mem::take(&mut self.running).into_values() {
            child.stop();
        }
        self.landing.borrow_mut().clear();
        ctx.stop();
    }
}

impl Handler<Answered> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, answer: Answered, ctx: &mut Self::Context) {
        self.answered(answer, ctx);
    }
}

impl Handler<Reached> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, Reached { id, stage }: Reached, ctx: &mut Self::Context) {
        self.race.handle(Input::Reached(id, stage), self.clock.now());
        self.run(ctx);
    }
}

impl Handler<Landed> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, Landed { id }: Landed, ctx: &mut Self::Context) {
        let failure = match self.landing.borrow().get(&id) {
            Some(Ok(_)) => None,
            Some(Err(failure)) => Some(failure.clone()),
            // Cancelled meanwhile.
            None => return,
        };
        match failure {
            None => self.race.handle(Input::Connected(id), self.clock.now()),
            Some(failure) => {
                self.landing.borrow_mut().remove(&id);
                let Some(candidate) = self.running.get(&id).map(|(candidate, _)| *candidate) else { return };
                self.attempt_failed(id, candidate, failure);
            }
        }
        self.run(ctx);
    }
}

impl Handler<ChildEvent> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, ctx: &mut Self::Context) {
        let ChildEventKind::GaveUp { reason } = event.what else { return };
        if let Some((attempt, id)) = self.attempt_of(event.child) {
            let what = match reason {
                ExitReason::Panicked(what) => what,
                ExitReason::Stopped => "the attempt stopped without a result".into(),
            };
            self.attempt_failed(attempt, id, Failure::Panicked(what));
            self.run(ctx);
        }
    }
}

impl HappyEyeballs {
    fn attempt_of(&self, child: ChildId) -> Option<(AttemptId, CandidateId)> {
        let (attempt, (id, _)) = self.running.iter().find(|(_, (_, running))| running.id() == child)?;
        Some((*attempt, *id))
    }
}

/// NEAT's step 3, call 1; names among the local endpoints are resolved before, unless nothing could be used anyway.
async fn eligible(
    services: Arc<Services>,
    request: Arc<Request>,
) -> Result<(Arc<Request>, Eligibility), EstablishmentFailure> {
    if request.locals.iter().any(|local| local.unresolved().is_some()) {
        let anywhere = Request { locals: Vec::new(), ..Request::clone(&request) };
        call_1(&services, Arc::new(anywhere)).await?;
    }
    let request = settle(services.resolver.clone(), services.patience, request)
        .await
        .map_err(|failure| EstablishmentFailure::ResolutionFailed(vec![failure]))?;
    let eligibility = call_1(&services, request.clone()).await?;
    Ok((request, eligibility))
}

async fn call_1(services: &Services, request: Arc<Request>) -> Result<Eligibility, EstablishmentFailure> {
    let reply = services.policy.send(Eligible { request }).await;
    reply.map_err(|gone| stopped("policy manager", &gone))?
}

/// Whether the second says no more than the first: how long two questions for one name took differs by chance.
fn is_same(one: &ResolutionFailure, other: &ResolutionFailure) -> bool {
    use ResolutionFailure::TimedOut;
    match (one, other) {
        (TimedOut { name: one, .. }, TimedOut { name: other, .. }) => one == other,
        _ => one == other,
    }
}

fn stopped(who: &str, gone: &MailboxError) -> EstablishmentFailure {
    EstablishmentFailure::Stopped(format!("{who}: {gone}").into())
}

/// Ends the race when nobody waits for its outcome any more.
struct Cancellation;

impl ActorFuture<HappyEyeballs> for Cancellation {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        race: &mut HappyEyeballs,
        ctx: &mut Context<HappyEyeballs>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        if let Some(outcome) = &mut race.outcome {
            ready!(outcome.poll_canceled(cx));
            race.lose(EstablishmentFailure::Cancelled, ctx);
        }
        Poll::Ready(())
    }
}
