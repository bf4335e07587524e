//! The attempts of a race: who starts when, what becomes of each, and how all of them end.

use super::{Race, State};
use crate::racing::config::Mode;
use crate::racing::input::{Entry, Fault, Loss, Output, Stage};
use crate::racing::timeline::{AttemptId, Cause, End, Reason, Record, TimerCause};
use crate::room::make_room;
use crate::time::Time;

impl Race {
    /// The one whose turn it is. What begins with its security handshake waits for service information.
    pub(super) fn next(&self) -> Option<usize> {
        if self.rounds.rests_until.is_some() && self.untried.is_empty() {
            return None;
        }
        let holds = self.holds_security();
        let waits = |entry: &Entry| holds && entry.secures_at_once;
        self.untried.iter().position(|entry| !waits(entry))
    }

    pub(super) fn has_slot(&self) -> bool {
        self.config.max_parallel.is_none_or(|most| self.running < most)
    }

    pub(super) fn start_next(&mut self, now: Time) -> Option<Output> {
        let place = self.next().filter(|_| self.open && !self.is_ranking())?;
        let (due, cause) = self.pace.due(self.untried.get(place)?, &self.config);
        if now < due {
            return None;
        }
        if !self.has_slot() {
            self.pace.queue();
            return None;
        }
        let entry = self.untried.remove(place)?;
        let attempt = AttemptId(u32::try_from(self.timeline.attempts.len()).ok()?);
        let cause = if cause == Cause::First && self.rounds.now > 0 { Cause::Round } else { cause };
        let held = self.holds_security();
        if held {
            self.held.insert(attempt);
        }
        self.rounds.rests_until = None;
        self.tried.insert(entry.id);
        self.running += 1;
        let round = self.rounds.now;
        make_room(&mut self.timeline.attempts);
        self.timeline.attempts.push(Record { round, ..Record::new(entry.id, cause, now) });
        self.pace.started(attempt, &entry, now, &self.config);
        self.note_timer(now);
        Some(Output::Start { attempt, candidate: entry.id, held })
    }

    pub(super) fn note_timer(&mut self, now: Time) {
        let Some(next) = self.untried.front() else { return };
        if let Some((due, cause)) = self.pace.timer(next, &self.config) {
            self.timeline.timer(now, due, cause);
        }
    }

    pub(super) fn reached(&mut self, id: AttemptId, stage: Stage, now: Time) {
        let Some(attempt) = self.running_mut(id) else { return };
        let reached = match stage {
            Stage::Transport => &mut attempt.transport,
            Stage::Security => &mut attempt.security,
        };
        if reached.is_some() {
            return;
        }
        *reached = Some(now);
        if stage == Stage::Transport && self.pace.transport(id, self.untried.front(), now, &self.config) {
            self.note_timer(now);
        }
    }

    pub(super) fn failed(&mut self, id: AttemptId, fault: Fault, now: Time) {
        // Whoever has connected in this moment has not failed.
        if self.connected.contains(&id) || !self.end(id, Reason::Failed, now) {
            return;
        }
        if let Some(attempt) = self.timeline.attempts.get_mut(id.0 as usize) {
            attempt.why = Some(fault.why);
        }
        self.owe(id, !fault.local, now);
    }

    /// An attempt came to nothing: the next may be due.
    pub(super) fn owe(&mut self, id: AttemptId, sent: bool, now: Time) {
        let alone = self.running == 0;
        if let Some(due) = self.pace.failed(id, alone, sent, now, &self.config)
            && matches!(self.config.mode, Mode::Staggered | Mode::Failover)
        {
            self.timeline.timer(now, due, TimerCause::Failure);
        }
    }

    /// Ends the attempts that take too long.
    pub(super) fn expire(&mut self, now: Time) {
        let Some(timeout) = self.config.attempt_timeout else { return };
        let late = |(_, attempt): &(u32, &Record)| attempt.is_running() && attempt.started + timeout <= now;
        let expired: Vec<AttemptId> =
            (0..).zip(&self.timeline.attempts).filter(late).map(|(id, _)| AttemptId(id)).collect();
        for id in expired {
            self.end(id, Reason::Expired, now);
            self.owe(id, true, now);
            self.undrained.push_back(Output::Cancel(id));
        }
    }

    pub(super) fn connected(&mut self, id: AttemptId) {
        if self.running_mut(id).is_some() {
            self.connected.insert(id);
        } else {
            self.connected_in_vain(id);
        }
    }

    /// It connected while its cancel, or the winner's `Connected`, was on its way.
    pub(super) fn connected_in_vain(&mut self, id: AttemptId) {
        let stopped = self.timeline.attempts.get(id.0 as usize).is_some_and(|attempt| {
            matches!(attempt.end, Some(End { reason: Reason::Cancelled | Reason::Expired, .. }))
        });
        if stopped && !self.undrained.contains(&Output::Cancel(id)) {
            self.undrained.push_back(Output::Cancel(id));
        }
    }

    pub(super) fn win(&mut self, id: AttemptId, now: Time) {
        self.end(id, Reason::Won, now);
        self.finish(State::Won, now);
        self.undrained.push_back(Output::Won(id));
    }

    pub(super) fn lose(&mut self, loss: Loss, now: Time) {
        self.finish(State::Lost, now);
        self.undrained.push_back(Output::Lost(loss));
    }

    /// Leaves the race: cancels what runs, forgets what is untried.
    pub(super) fn finish(&mut self, state: State, now: Time) {
        self.state = state;
        self.untried.clear();
        self.held.clear();
        self.connected.clear();
        self.running = 0;
        for (id, attempt) in (0..).zip(&mut self.timeline.attempts) {
            if attempt.is_running() {
                attempt.end = Some(End::new(now, Reason::Cancelled));
                self.undrained.push_back(Output::Cancel(AttemptId(id)));
            }
        }
    }

    /// Ends a running attempt; false if it does not run.
    pub(super) fn end(&mut self, id: AttemptId, reason: Reason, now: Time) -> bool {
        let Some(attempt) = self.running_mut(id) else { return false };
        attempt.end = Some(End::new(now, reason));
        self.running -= 1;
        self.held.remove(&id);
        true
    }

    pub(super) fn running_mut(&mut self, id: AttemptId) -> Option<&mut Record> {
        self.timeline.attempts.get_mut(id.0 as usize).filter(|attempt| attempt.is_running())
    }
}
