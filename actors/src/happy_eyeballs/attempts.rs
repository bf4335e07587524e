//! The attempts of a race.

use super::actor::HappyEyeballs;
use super::candidate::{Attempt as Attempting, Shore, lacking};
use crate::census::Kind;
use crate::flow::Obtained;
use crate::supervision::{Child, ChildId, ExitReason, Supervise};
use actix::prelude::*;
use neatflow_core::racing::{AttemptId, Fault, Input, Stage};
use neatflow_core::{Attempt, Candidate, CandidateId, Failure};
use neatflow_stacks::{Handshake, Permit};
use slog::debug;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

/// What supervision calls an attempt; made once, not for each.
static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "candidate".into());

/// Who runs, what became of the others.
#[derive(Default)]
pub(super) struct Attempts {
    /// Few at a time, in the order of their starts.
    running: Vec<Running>,
    /// Once there was one.
    common: Option<Common>,
    pub(super) failures: Vec<(AttemptId, Attempt)>,
}

/// What all of them are started with.
struct Common {
    supervise: Supervise,
    shore: Rc<Shore>,
}

struct Running {
    id: AttemptId,
    candidate: CandidateId,
    child: Child<Attempting>,
    permit: Permit,
}

impl Attempts {
    /// Whatever it had obtained is dropped, and so closed.
    pub(super) fn cancel(&mut self, id: AttemptId) {
        if let Some(running) = self.take(id) {
            running.child.stop();
        }
        drop(self.obtained(id));
    }

    /// Who runs, as what.
    pub(super) fn running(&self) -> Vec<(AttemptId, CandidateId)> {
        self.running.iter().map(|running| (running.id, running.candidate)).collect()
    }

    /// Stops everybody.
    pub(super) fn stop(&mut self) {
        self.running.drain(..).for_each(|running| running.child.stop());
        self.common.iter().for_each(|common| common.shore.clear());
    }

    /// Takes what an attempt has left.
    pub(super) fn obtained(&self, id: AttemptId) -> Option<Result<Obtained, Failure>> {
        self.common.as_ref()?.shore.take(id)
    }

    /// The candidate of an attempt that runs no more.
    pub(super) fn end(&mut self, id: AttemptId) -> Option<CandidateId> {
        self.take(id).map(|running| running.candidate)
    }

    fn take(&mut self, id: AttemptId) -> Option<Running> {
        let place = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.remove(place))
    }

    fn find(&self, is_it: impl Fn(&Running) -> bool) -> Option<&Running> {
        self.running.iter().find(|running| is_it(running))
    }
}

impl HappyEyeballs {
    pub(super) fn attempt(&mut self, id: AttemptId, of: CandidateId, held: bool, ctx: &mut Context<Self>) {
        let Some(candidate) = self.ranking.candidate(of).cloned() else { return };
        let Some(stack) = self.services.registry.get(&candidate.transport).cloned() else {
            let reason = Failure::NoSuchStack(candidate.transport.as_str().into());
            return self.failed(id, of, reason);
        };
        // The last door: whoever ranked it, nothing leaves over a stack that does not do what must be.
        if let Some(lacks) = lacking(&candidate, &stack.offers()) {
            return self.failed(id, of, Failure::NotOffered(lacks));
        }
        debug!(self.logger, "attempt"; "candidate" => %candidate, "id" => %of, "held" => held);
        let permit = if held { Permit::held() } else { Permit::granted(handshake(&candidate)) };
        let common = self.attempts.common.get_or_insert_with(|| Common {
            supervise: Supervise::new(self.services.candidate_plan)
                .name(NAME.clone())
                .parent(ctx.address().downgrade().recipient())
                .logger(self.logger.clone()),
            shore: Rc::new(Shore::new(ctx.address(), self.request.clone())),
        });
        let attempting = Attempting {
            id,
            candidate,
            permit: permit.clone(),
            stack,
            shore: common.shore.clone(),
            _counted: self.services.census.count(Kind::Candidate),
        };
        let child = common.supervise.clone().start(|_| attempting);
        self.attempts.running.push(Running { id, candidate: of, child, permit });
    }

    /// Its security handshake may begin, with what is known now.
    pub(super) fn secure(&mut self, id: AttemptId) {
        let Some(running) = self.attempts.find(|running| running.id == id) else { return };
        let Some(candidate) = self.ranking.candidate(running.candidate) else { return };
        let found = self.race.as_ref().and_then(|race| self.ranking.find(race, candidate));
        let handshake = match found {
            Some(found) => Handshake::default().alpn(found.alpn).ech(found.ech),
            None => handshake(candidate),
        };
        running.permit.grant(handshake);
    }

    pub(super) fn reached(&mut self, id: AttemptId, stage: Stage) {
        self.tell(Input::Reached(id, stage));
    }

    /// An attempt has ended; how is in the landing.
    pub(super) fn landed(&mut self, id: AttemptId) {
        match self.attempts.common.as_ref().and_then(|common| common.shore.fate(id)) {
            Some(Ok(())) => self.tell(Input::Connected(id)),
            Some(Err(failure)) => {
                if let Some(candidate) = self.attempts.end(id) {
                    self.failed(id, candidate, failure);
                }
            }
            // Cancelled meanwhile.
            None => {}
        }
    }

    /// The code of a stack panicked once too often.
    pub(super) fn gave_up(&mut self, child: ChildId, reason: ExitReason) {
        let Some(running) = self.attempts.find(|running| running.child.id() == child) else { return };
        let (id, candidate) = (running.id, running.candidate);
        let what = match reason {
            ExitReason::Panicked(what) => what,
            ExitReason::Stopped => "the attempt stopped without a result".into(),
        };
        self.attempts.end(id);
        self.failed(id, candidate, Failure::Panicked(what));
    }

    pub(super) fn failed(&mut self, id: AttemptId, of: CandidateId, reason: Failure) {
        let words = reason.to_string();
        let fault = if is_local(&reason) { Fault::local(words) } else { Fault::new(words) };
        if let Some(candidate) = self.ranking.candidate(of) {
            debug!(self.logger, "attempt failed"; "candidate" => %candidate, "reason" => %reason);
            self.attempts.failures.push((id, Attempt::new(Candidate::clone(candidate), reason)));
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
            | Failure::NotOffered(_)
    )
}
