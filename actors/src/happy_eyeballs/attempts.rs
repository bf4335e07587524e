//! The attempts of a race.

use super::actor::HappyEyeballs;
use super::candidate::Attempt as Attempting;
use crate::census::Kind;
use crate::flow::Obtained;
use crate::supervision::catch::contain;
use neatflow_core::racing::{AttemptId, Fault, Input};
use neatflow_core::{Attempt, Candidate, CandidateId, Failure};
use neatflow_stacks::{Handshake, Permit};
use slog::debug;
use std::task::{Context, Poll};

/// Who runs, what became of the others.
#[derive(Default)]
pub(super) struct Attempts {
    /// Few at a time, in the order of their starts; those that have connected, too, until the race has decided.
    running: Vec<Attempting>,
    obtained: Vec<(AttemptId, Obtained)>,
    pub(super) failures: Vec<(AttemptId, Attempt)>,
}

impl Attempts {
    /// Whatever it had obtained is dropped, and so closed.
    pub(super) fn cancel(&mut self, id: AttemptId) {
        drop(self.take(id));
        discard(self.take_obtained(id));
    }

    /// Who runs, as what.
    pub(super) fn running(&self) -> Vec<(AttemptId, CandidateId)> {
        self.running.iter().map(|running| (running.id, running.candidate)).collect()
    }

    /// Stops everybody.
    pub(super) fn stop(&mut self) {
        self.running.clear();
        self.obtained.drain(..).for_each(discard);
    }

    /// The candidate of an attempt that runs no more.
    pub(super) fn end(&mut self, id: AttemptId) -> Option<CandidateId> {
        self.take(id).map(|running| running.candidate)
    }

    /// What an attempt has obtained.
    pub(super) fn take_obtained(&mut self, id: AttemptId) -> Option<Obtained> {
        let place = self.obtained.iter().position(|(of, _)| *of == id)?;
        Some(self.obtained.remove(place).1)
    }

    fn take(&mut self, id: AttemptId) -> Option<Attempting> {
        let place = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.remove(place))
    }
}

/// A wire is foreign code: a panic when it is closed changes nothing.
fn discard<T>(obtained: T) {
    let _ = contain(|| drop(obtained));
}

impl HappyEyeballs {
    pub(super) fn attempt(&mut self, id: AttemptId, of: CandidateId, held: bool) {
        let Some(candidate) = self.ranking.candidate(of) else { return };
        let Some(stack) = self.services.registry.get(&candidate.transport).cloned() else {
            let reason = Failure::NoSuchStack(candidate.transport.as_str().into());
            return self.failed(id, of, reason);
        };
        debug!(self.logger, "attempt"; "candidate" => %candidate, "id" => %of, "held" => held);
        let permit = if held { Permit::held() } else { Permit::granted(handshake(candidate)) };
        let counted = self.services.census.count(Kind::Candidate);
        self.attempts.running.push(Attempting::new(id, of, stack, permit, counted));
    }

    /// All of them go on, and the race is told what became of them.
    pub(super) fn poll_attempts(&mut self, cx: &mut Context<'_>) {
        let mut place = 0;
        while let Some(running) = self.attempts.running.get_mut(place) {
            let Some(candidate) = self.ranking.candidate(running.candidate).filter(|_| !running.is_done())
            else {
                place += 1;
                continue;
            };
            let restarts = self.services.candidate_restarts;
            let polled = running.poll(candidate, &self.request, restarts, &self.logger, cx);
            let (id, of, reached) = (running.id, running.candidate, running.take_reached());
            for stage in reached {
                self.tell(Input::Reached(id, stage));
            }
            match polled {
                Poll::Pending => place += 1,
                Poll::Ready(Ok(obtained)) => {
                    place += 1;
                    self.attempts.obtained.push((id, obtained));
                    self.tell(Input::Connected(id));
                }
                Poll::Ready(Err(failure)) => {
                    self.attempts.running.remove(place);
                    self.failed(id, of, failure);
                }
            }
        }
    }

    /// Its security handshake may begin, with what is known now.
    pub(super) fn secure(&mut self, id: AttemptId) {
        let Some(running) = self.attempts.running.iter().find(|running| running.id == id) else { return };
        let Some(candidate) = self.ranking.candidate(running.candidate) else { return };
        let found = self.race.as_ref().and_then(|race| self.ranking.find(race, candidate));
        let handshake = match found {
            Some(found) => Handshake::default().alpn(found.alpn).ech(found.ech),
            None => handshake(candidate),
        };
        running.permit.grant(handshake);
    }

    pub(super) fn failed(&mut self, id: AttemptId, of: CandidateId, reason: Failure) {
        let words = reason.to_string();
        let fault = if is_local(&reason) { Fault::local(words) } else { Fault::new(words) };
        if let Some(candidate) = self.ranking.candidate(of) {
            debug!(self.logger, "attempt failed"; "candidate" => %candidate, "reason" => %reason);
            self.attempts.failures.push((id, Attempt::new(candidate.clone(), reason)));
        }
        self.tell(Input::Failed(id, fault));
    }

    /// Tells the race; it acts on it once everything of this moment is told.
    pub(super) fn tell(&mut self, input: Input) {
        if let Some(race) = &mut self.race {
            race.handle(input, self.clock.now());
            self.due = true;
        }
    }
}

fn handshake(candidate: &Candidate) -> Handshake {
    Handshake::default().alpn(candidate.alpn.clone()).ech(candidate.ech.clone())
}

/// Whether it failed before anything was sent.
fn is_local(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::LocalAddress(_)
            | Failure::NoSuchInterface(_)
            | Failure::NotPermitted(_)
            | Failure::NoSuchStack(_)
    )
}
