//! When the next attempt may start.
//
//   a start at t                                    due := t + delay of that attempt
//   the transport handshake of the latest is done   due := now + delay of that attempt, unless it is due already
//   the latest attempt fails                        due := now, if that is earlier
//   always                                          due >= t + min spacing
//
// A new list never moves it (draft-ietf-happy-happyeyeballs-v3 §7). With nothing untried it merely passes: the
// candidate that comes too late for it starts at once.

use super::config::{Config, Mode, NextAfter};
use super::input::Entry;
use super::timeline::{AttemptId, Cause, TimerCause};
use crate::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// Where a boundless delay ends.
pub(super) const NEVER: Time = Time::from_origin(Duration::MAX);

/// When the next attempt may start.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    latest: Option<Latest>,
    /// When the round began, once it has.
    begun: Option<Time>,
    /// What is remembered of the round before: nothing starts earlier.
    not_before: Time,
    /// The list was empty when the next one's turn came.
    late: bool,
    /// No slot was free when the next one's turn came.
    queued: bool,
}

#[derive(Clone, Debug)]
struct Latest {
    id: AttemptId,
    started: Time,
    /// What its delay counts from.
    base: Time,
    extended: bool,
    delay: Duration,
    interface: Option<Arc<str>>,
    /// Since when a failure allows the next start.
    owed: Option<Time>,
}

impl Pace {
    /// There is something to start, for the first time.
    pub(super) fn begin(&mut self, now: Time) {
        self.begun.get_or_insert(now);
    }

    /// All have failed; the next start is the first of a new round.
    pub(super) fn new_round(&mut self, now: Time, config: &Config) {
        let not_before =
            self.latest.as_ref().map_or(self.not_before, |latest| latest.started + config.min_spacing);
        *self = Self { begun: Some(now), not_before, ..Self::default() };
    }

    /// When this one may start, and what allows it.
    pub(super) fn due(&self, next: &Entry, config: &Config) -> (Time, Cause) {
        let begun = self.begun.unwrap_or_default();
        match config.mode {
            Mode::Simultaneous => return (begun, Cause::Planned),
            Mode::Neat(step) => return (begun + step.saturating_mul(next.priority), Cause::Planned),
            Mode::Staggered | Mode::Failover => {}
        }
        let (due, cause) = self.staggered(next, config);
        let cause = if self.late {
            Cause::Late
        } else if self.queued {
            Cause::Slot
        } else {
            cause
        };
        (due, cause)
    }

    fn staggered(&self, next: &Entry, config: &Config) -> (Time, Cause) {
        let Some(latest) = &self.latest else { return (self.not_before, Cause::First) };
        let timer = latest.timer(next, config);
        match latest.owed {
            Some(owed) if owed <= timer => (owed, Cause::Failure),
            _ if latest.extended => (timer, Cause::Extended),
            _ => (timer, Cause::Timer),
        }
    }

    /// This one has started; the next, if it is known already, is due when its delay is over.
    pub(super) fn started(&mut self, id: AttemptId, entry: &Entry, now: Time, config: &Config) {
        self.latest = Some(Latest {
            id,
            started: now,
            base: now,
            extended: false,
            delay: config.clamp(entry.delay.unwrap_or(config.attempt_delay)),
            interface: entry.interface.clone(),
            owed: None,
        });
        (self.late, self.queued) = (false, false);
    }

    /// A transport handshake is done. A start that is owed already, by the timer or by a failure, stays owed.
    pub(super) fn transport(
        &mut self,
        id: AttemptId,
        next: Option<&Entry>,
        now: Time,
        config: &Config,
    ) -> bool {
        let Some(latest) = self.latest.as_mut().filter(|latest| latest.id == id) else { return false };
        let due = next.map_or(latest.base + latest.delay, |next| latest.timer(next, config));
        if !config.extend || latest.owed.is_some() || due <= now {
            return false;
        }
        (latest.base, latest.extended) = (now, true);
        true
    }

    /// An attempt has failed; `alone`: nothing runs any more. Returns when the next may start, if that is news.
    pub(super) fn failed(
        &mut self,
        id: AttemptId,
        alone: bool,
        sent: bool,
        now: Time,
        config: &Config,
    ) -> Option<Time> {
        let latest = self.latest.as_mut()?;
        let counts = latest.id == id || alone || config.next_after == NextAfter::Any;
        if !counts || latest.owed.is_some() {
            return None;
        }
        let spaced = sent || config.space_local_failures;
        let earliest = if spaced { latest.started + config.min_spacing } else { now };
        latest.owed = Some(now.max(earliest));
        latest.owed
    }

    /// Candidates have come where there were none.
    pub(super) fn resupplied(&mut self, next: &Entry, alone: bool, now: Time, config: &Config) {
        if self.latest.is_some() && (alone || self.staggered(next, config).0 <= now) {
            self.late = true;
        }
    }

    /// The next one is due and has to wait for a slot.
    pub(super) fn queue(&mut self) {
        self.queued = true;
    }

    /// The timer that runs now, for the record.
    pub(super) fn timer(&self, next: &Entry, config: &Config) -> Option<(Time, TimerCause)> {
        let latest = self.latest.as_ref().filter(|_| config.mode == Mode::Staggered)?;
        let cause = if latest.extended {
            TimerCause::Extension
        } else if latest.changes_interface(next, config).is_some() {
            TimerCause::InterfaceDelay
        } else {
            TimerCause::AttemptDelay
        };
        Some((latest.timer(next, config), cause))
    }
}

impl Latest {
    fn timer(&self, next: &Entry, config: &Config) -> Time {
        if config.mode == Mode::Failover {
            return NEVER;
        }
        let delay = self.changes_interface(next, config).unwrap_or(self.delay);
        self.base + delay.max(config.min_spacing)
    }

    fn changes_interface(&self, next: &Entry, config: &Config) -> Option<Duration> {
        config.interface_delay.filter(|_| self.interface != next.interface)
    }
}
