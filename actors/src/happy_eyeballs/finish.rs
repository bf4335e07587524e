//! The end of a race: exactly one outcome, and the record.

use super::actor::HappyEyeballs;
use super::record::{RaceEnd, RaceRecord, is_cancelled};
use super::telling::tell;
use crate::flow::{Obtained, RaceOutcome};
use crate::policy_manager::messages::Observe;
use actix::prelude::*;
use neatflow_core::policy::{Observation, Outcome};
use neatflow_core::racing::{AttemptId, Input, Loss, Output, Reason, Record, Timeline};
use neatflow_core::{Attempt, Candidate, EstablishmentFailure, Failure, Protocol, ResolutionFailure};
use slog::warn;
use std::sync::Arc;
use std::time::Duration;

impl HappyEyeballs {
    pub(super) fn win(&mut self, attempt: AttemptId, ctx: &mut Context<Self>) {
        let id = self.attempts.end(attempt);
        let landed = self.attempts.obtained(attempt);
        let candidate = id.and_then(|id| self.ranking.candidate(id));
        let (Some(candidate), Some(Ok(obtained))) = (candidate, landed) else {
            warn!(self.logger, "the winner is missing"; "attempt" => %attempt);
            return self.lost(Loss::AllFailed, ctx);
        };
        let protocol = candidate.transport.clone();
        self.finish(RaceEnd::Won, Ok((protocol, obtained)), ctx);
    }

    pub(super) fn lost(&mut self, loss: Loss, ctx: &mut Context<Self>) {
        let deadline = [self.services.racing.deadline, self.timeout].into_iter().flatten().min();
        let failure = match deadline.filter(|_| loss == Loss::Deadline) {
            Some(after) => self.too_late(after),
            None => self.all_failed(),
        };
        self.finish(RaceEnd::Lost(loss), Err(failure), ctx);
    }

    /// The application's time is over before there is a race.
    pub(super) fn time_out(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let failure = self.too_late(after);
        self.finish(RaceEnd::Lost(Loss::Deadline), Err(failure), ctx);
    }

    /// Ends the race, whatever state it is in.
    pub(super) fn lose(&mut self, failure: EstablishmentFailure, ctx: &mut Context<Self>) {
        if let Some(race) = &mut self.race {
            let now = self.clock.now();
            race.handle(Input::Cancel, now);
            while let Output::Cancel(id) = race.poll(now) {
                self.attempts.cancel(id);
            }
        }
        self.finish(RaceEnd::Abandoned, Err(failure), ctx);
    }

    fn too_late(&mut self, after: Duration) -> EstablishmentFailure {
        let attempts = self.tried();
        let open: Vec<_> = self.resolving.open().cloned().collect();
        for name in open {
            self.resolving.note(ResolutionFailure::TimedOut { name, after });
        }
        let unresolved = self.resolving.unresolved.clone();
        // Nothing could be tried because nobody knew where: that is not the peer's fault. If the application has set the
        // limit it is told of that; the names are told of in either case.
        let by_application = self.timeout == Some(after);
        if attempts.is_empty() && !unresolved.is_empty() && !by_application {
            return EstablishmentFailure::ResolutionFailed(unresolved);
        }
        EstablishmentFailure::Timeout { after, attempts, unresolved }
    }

    fn all_failed(&mut self) -> EstablishmentFailure {
        let attempts = self.tried();
        let unresolved = self.resolving.unresolved.clone();
        if !attempts.is_empty() {
            EstablishmentFailure::EstablishmentFailed { attempts, unresolved }
        } else if !unresolved.is_empty() {
            EstablishmentFailure::ResolutionFailed(unresolved)
        } else {
            self.ranking.why_none.take().unwrap_or_else(|| EstablishmentFailure::NoCandidates {
                properties: Vec::new(),
                why: "there is nothing to try".into(),
            })
        }
    }

    /// What was tried, in the order of the starts.
    fn tried(&self) -> Vec<Attempt> {
        let Some(race) = &self.race else { return Vec::new() };
        let attempt = |(id, record): (u32, &Record)| {
            let failed = self.attempts.failures.iter().find(|(failed, _)| failed.0 == id);
            let reason = || match record.end.map(|end| end.reason) {
                Some(Reason::Expired) => Failure::TimedOut,
                _ => Failure::Cancelled,
            };
            let unfinished =
                || Some(Attempt::new(Candidate::clone(self.ranking.candidate(record.id)?), reason()));
            failed.map(|(_, attempt)| attempt.clone()).or_else(unfinished)
        };
        (0..).zip(&race.timeline().attempts).filter_map(attempt).collect()
    }

    fn finish(
        &mut self,
        end: RaceEnd,
        result: Result<(Protocol, Obtained), EstablishmentFailure>,
        ctx: &mut Context<Self>,
    ) {
        self.attempts.stop();
        let Some(outcome) = self.outcome.take() else { return };
        let race = self.race.take();
        let untried = race.as_ref().map(|race| race.unstarted().collect()).unwrap_or_default();
        let timeline = race.map(|race| race.into_timeline()).unwrap_or_default();
        let failures = std::mem::take(&mut self.attempts.failures);
        let record = Arc::new(RaceRecord {
            end,
            untried,
            timeline,
            candidates: self.ranking.take_candidates(),
            failures: failures.into_iter().map(|(_, attempt)| attempt).collect(),
            unresolved: std::mem::take(&mut self.resolving.unresolved),
        });
        let why = result.as_ref().err().cloned();
        self.services.metrics.note(|tally| record.count_in(tally, is_cancelled(why.as_ref())));
        if let Err(unwanted) = outcome.send(RaceOutcome { record: record.clone(), result }) {
            // What was obtained is dropped, and so closed; what happened can still be looked at.
            drop(unwanted.result);
            if let Some(shared) = self.shared.upgrade() {
                shared.raced(unwanted.record);
            }
        }
        tell(&self.logger, &record, why.as_ref());
        self.observe(&record);
        ctx.stop();
    }

    /// Tells the policy manager how it went. Whoever isolates a session says nothing (RFC 9622 §8.1.10).
    fn observe(&self, record: &RaceRecord) {
        if self.request.properties.connection.isolate_session {
            return;
        }
        let observations = observations(record);
        if !observations.is_empty() {
            #[expect(clippy::disallowed_methods, reason = "one for each race")]
            self.services.calls.observe.do_send(Observe(observations));
        }
    }
}

/// One for each attempt that came to an end of its own. What was cancelled because another one was faster says nothing.
fn observations(record: &RaceRecord) -> Vec<Observation> {
    let observation = |attempt: &Record| {
        let candidate = record.candidate(attempt.id)?;
        let end = attempt.end?;
        let outcome = match end.reason {
            // A handshake of the transport is a round trip.
            Reason::Won => {
                Outcome::Established { rtt: Some(attempt.transport.unwrap_or(end.at).since(attempt.started)) }
            }
            Reason::Failed => Outcome::Failed { reason: attempt.why.as_deref().unwrap_or_default().into() },
            Reason::Expired => Outcome::Failed { reason: "it took too long".into() },
            _ => return None,
        };
        Some(Observation {
            network: candidate.interface.clone(),
            host: candidate.host.clone(),
            remote: candidate.remote,
            transport: candidate.transport.clone(),
            outcome,
        })
    };
    let Timeline { attempts, .. } = &record.timeline;
    attempts.iter().filter_map(observation).collect()
}
