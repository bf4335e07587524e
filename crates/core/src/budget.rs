//! How often, and how soon, something that failed may be started again.
//!
//! A [`Budget`] counts restarts in a sliding window, not between quiet gaps: whatever the pattern of failures, at
//! most [`Intensity::restarts`] are granted in any window of length [`Intensity::within`]. Each grant comes with
//! a wait that doubles with every restart still in the window, so that the first failure costs little, and a
//! failure that repeats costs its neighbours nothing.

use crate::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// How many restarts are allowed, and how they are spaced. Default: 5 in 10 s, after 50 ms, 100 ms, .. up to 5 s.
///
/// The window should be longer than the waits of its restarts together: waits as long as the window let old
/// restarts leave it, and the budget is then never spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// The most restarts in any window. Default 5; 0 means never.
    pub restarts: usize,
    /// The length of the window. A restart that is this old no longer counts. Default 10 s.
    pub within: Duration,
    /// The wait before a restart when the window holds no other. Default 50 ms.
    pub backoff: Duration,
    /// No wait is longer than this. Default 5 s.
    pub max_backoff: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self {
            restarts: 5,
            within: Duration::from_secs(10),
            backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(5),
        }
    }
}

impl Intensity {
    /// The wait when this many restarts are in the window.
    fn wait(&self, recent: usize) -> Duration {
        if self.backoff.is_zero() {
            return Duration::ZERO;
        }
        u32::try_from(recent)
            .ok()
            .and_then(|doublings| 2_u32.checked_pow(doublings))
            .and_then(|factor| self.backoff.checked_mul(factor))
            .map_or(self.max_backoff, |wait| wait.min(self.max_backoff))
    }
}

/// Grants restarts until too many fall into one window.
///
/// Memory: one [`Time`] for each restart in the window, [`Intensity::restarts`] at most.
#[derive(Clone, Debug)]
pub struct Budget {
    intensity: Intensity,
    /// When the restarts in the window were granted, oldest first.
    granted: VecDeque<Time>,
}

impl Budget {
    /// A budget from which nothing has been spent.
    pub const fn new(intensity: Intensity) -> Self {
        Self { intensity, granted: VecDeque::new() }
    }

    /// Asks for a restart: how long to wait before it, or `None` when the budget is spent.
    ///
    /// A refusal costs nothing, and may be followed by a grant once the oldest restart has left the window.
    /// A `now` earlier than the last grant counts as that moment.
    pub fn ask(&mut self, now: Time) -> Option<Duration> {
        let now = self.granted.back().map_or(now, |last| now.max(*last));
        while self.granted.front().is_some_and(|oldest| now - *oldest >= self.intensity.within) {
            self.granted.pop_front();
        }
        let recent = self.granted.len();
        if recent >= self.intensity.restarts {
            return None;
        }
        self.granted.push_back(now);
        Some(self.intensity.wait(recent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn by_default_five_failures_in_ten_seconds_are_forgiven() {
        let mut budget = Budget::new(Intensity::default());
        let waits: Vec<_> = (0..6).map(|n| budget.ask(Time::from_millis(n))).collect();
        assert_eq!(waits, [Some(ms(50)), Some(ms(100)), Some(ms(200)), Some(ms(400)), Some(ms(800)), None]);
    }

    #[test]
    fn a_restart_leaves_the_window_when_it_is_as_old_as_the_window() {
        let mut budget = Budget::new(Intensity { restarts: 1, within: ms(100), ..Intensity::default() });
        assert_eq!(budget.ask(Time::from_millis(7)), Some(ms(50)));
        assert_eq!(budget.ask(Time::from_millis(106)), None);
        assert_eq!(budget.ask(Time::from_millis(107)), Some(ms(50)));
    }

    #[test]
    fn a_quiet_gap_is_not_needed_for_the_window_to_slide() {
        let mut budget = Budget::new(Intensity { restarts: 2, within: ms(100), ..Intensity::default() });
        for n in 0..50 {
            assert!(budget.ask(Time::from_millis(n * 50)).is_some(), "restart {n}");
        }
    }

    #[test]
    fn waits_are_capped_however_many_restarts_there_were() {
        let intensity = Intensity {
            restarts: usize::MAX,
            within: Duration::MAX,
            backoff: Duration::MAX / 3,
            max_backoff: Duration::MAX / 2,
        };
        let mut budget = Budget::new(intensity);
        assert_eq!(budget.ask(Time::ZERO), Some(Duration::MAX / 3));
        for _ in 0..100 {
            assert_eq!(budget.ask(Time::ZERO), Some(Duration::MAX / 2));
        }
    }

    #[test]
    fn no_backoff_means_no_wait() {
        let mut budget =
            Budget::new(Intensity { restarts: 100, backoff: Duration::ZERO, ..Intensity::default() });
        assert!((0..100).all(|_| budget.ask(Time::ZERO) == Some(Duration::ZERO)));
    }

    #[test]
    fn a_clock_that_goes_back_gains_no_restart() {
        let mut budget = Budget::new(Intensity { restarts: 1, within: ms(100), ..Intensity::default() });
        assert!(budget.ask(Time::from_millis(500)).is_some());
        assert_eq!(budget.ask(Time::ZERO), None);
    }
}
