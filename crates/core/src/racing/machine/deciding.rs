//! What a race decides in a moment, but for starts; and when it wants to act next.

use super::{Race, State};
use crate::racing::input::{Loss, Output};
use crate::racing::pace::NEVER;
use crate::racing::resolution::Gate;
use crate::racing::source::Source;
use crate::racing::timeline::TimerCause;
use crate::time::Time;

impl Race {
    /// Does all that is due but starting.
    pub(super) fn decide(&mut self, now: Time) {
        if self.unwanted {
            return self.finish(State::Cancelled, now);
        }
        if let Source::Names(names) = &self.source
            && names.is_fatal()
        {
            return self.lose(Loss::ServiceBindings, now);
        }
        if let Some(&winner) = self.connected.first() {
            return self.win(winner, now);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            return self.lose(Loss::Deadline, now);
        }
        self.expire(now);
        self.relist(now);
        self.release(now);
        self.open(now);
        if self.rounds.begins(now) {
            self.tried.clear();
            self.untried = self.list.iter().cloned().collect();
            self.pace.new_round(now, &self.config);
        }
        self.rest_or_lose(now);
    }

    /// Opens the gate, for good, when enough is known.
    pub(super) fn open(&mut self, now: Time) {
        if self.open || self.untried.is_empty() || self.is_ranking() {
            return;
        }
        match self.gate() {
            Gate::Open => self.open = true,
            Gate::At(at) if at <= now => self.open = true,
            Gate::At(at) => {
                if !self.timeline.timers.iter().any(|timer| timer.cause == TimerCause::ResolutionDelay) {
                    self.timeline.timer(now, at, TimerCause::ResolutionDelay);
                }
            }
            Gate::Closed => {}
        }
        if self.open {
            self.pace.begin(now);
        }
    }

    pub(super) fn gate(&self) -> Gate {
        match &self.source {
            Source::Names(names) => names.gate(&self.config),
            Source::Given { .. } => Gate::Open,
        }
    }

    /// Lets security handshakes begin that waited for service information.
    pub(super) fn release(&mut self, now: Time) {
        if self.holds_security() {
            return;
        }
        for id in std::mem::take(&mut self.held) {
            if let Some(attempt) = self.running_mut(id) {
                attempt.released = Some(now);
                self.undrained.push_back(Output::Secure(id));
            }
        }
    }

    /// Whether the list does not show yet what is known: nothing starts until it does.
    pub(super) fn is_ranking(&self) -> bool {
        matches!(&self.source, Source::Names(names) if names.is_ranking)
    }

    pub(super) fn holds_security(&self) -> bool {
        matches!(&self.source, Source::Names(names) if names.holds_security())
    }

    pub(super) fn rest_or_lose(&mut self, now: Time) {
        let open = match &self.source {
            Source::Given { more_may_come } => *more_may_come,
            Source::Names(names) => names.is_open(),
        };
        if open || self.running > 0 || !self.untried.is_empty() || self.rounds.rests_until.is_some() {
            return;
        }
        if self.timeline.attempts.is_empty() {
            return self.lose(Loss::NoCandidates, now);
        }
        match self.rounds.rest(now, &self.config) {
            Some(until) => self.timeline.timer(now, until, TimerCause::Backoff),
            None => self.lose(Loss::AllFailed, now),
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        Some(self.since? + self.config.deadline?)
    }

    /// The next moment at which there is something to do.
    pub(super) fn wakes(&self, now: Time) -> Option<Time> {
        if self.state != State::Racing {
            return None;
        }
        let waits = !self.open && !self.untried.is_empty() && !self.is_ranking();
        let gate = match waits.then(|| self.gate()) {
            Some(Gate::At(at)) => Some(at),
            _ => None,
        };
        let next = self.next().filter(|_| self.open && self.has_slot() && !self.is_ranking());
        let start = next.and_then(|place| Some(self.pace.due(self.untried.get(place)?, &self.config).0));
        let expiry = self
            .config
            .attempt_timeout
            .and_then(|timeout| self.timeline.running().map(|attempt| attempt.started + timeout).min());
        [gate, start, expiry, self.deadline(), self.rounds.rests_until]
            .into_iter()
            .flatten()
            .filter(|moment| *moment > now && *moment < NEVER)
            .min()
    }
}
