//! Whatever the pattern of failures, a budget keeps its promise.

use neatflow_core::{Budget, Intensity, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult};
use std::time::Duration;

/// A budget, and the gaps between the failures that ask it.
#[derive(Clone, Debug)]
struct Story {
    intensity: Intensity,
    gaps: Vec<Duration>,
}

impl Arbitrary for Story {
    fn arbitrary(g: &mut Gen) -> Self {
        let within = u64::arbitrary(g) % 200;
        let intensity = Intensity {
            restarts: usize::arbitrary(g) % 6,
            within: Duration::from_millis(within),
            backoff: Duration::from_millis(u64::arbitrary(g) % 40),
            max_backoff: Duration::from_millis(u64::arbitrary(g) % 500),
        };
        // Bursts, the edges of the window, and everything between: a uniform gap would hardly ever hit the edge.
        let gaps = (0..usize::arbitrary(g) % 60)
            .map(|_| match u8::arbitrary(g) % 5 {
                0 | 1 => 0,
                2 => within,
                3 => within.saturating_sub(1),
                _ => u64::arbitrary(g) % (within + 2),
            })
            .map(Duration::from_millis)
            .collect();
        Self { intensity, gaps }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let intensity = self.intensity;
        let fewer = intensity.restarts.shrink().map({
            let gaps = self.gaps.clone();
            move |restarts| Self { intensity: Intensity { restarts, ..intensity }, gaps: gaps.clone() }
        });
        Box::new(self.gaps.shrink().map(move |gaps| Self { intensity, gaps }).chain(fewer))
    }
}

impl Story {
    /// When each failure happened, and what the budget said.
    fn told(&self) -> Vec<(Time, Option<Duration>)> {
        let mut budget = Budget::new(self.intensity);
        let mut now = Time::ZERO;
        self.gaps
            .iter()
            .map(|gap| {
                now += *gap;
                (now, budget.ask(now))
            })
            .collect()
    }
}

/// How many of these moments lie less than `within` before `now`, or at it.
fn recent(granted: &[Time], now: Time, within: Duration) -> usize {
    granted.iter().filter(|then| now - **then < within).count()
}

fn check(property: fn(Story) -> TestResult) {
    QuickCheck::new().quickcheck(property);
}

#[test]
fn no_window_holds_more_restarts_than_the_budget() {
    fn property(story: Story) -> TestResult {
        let Intensity { restarts, within, .. } = story.intensity;
        if within.is_zero() {
            return TestResult::discard();
        }
        let granted: Vec<_> =
            story.told().iter().filter(|(_, wait)| wait.is_some()).map(|(at, _)| *at).collect();
        // A fullest window ends at a restart.
        TestResult::from_bool(
            granted.iter().enumerate().all(|(n, end)| recent(&granted[..=n], *end, within) <= restarts),
        )
    }
    check(property);
}

#[test]
fn a_restart_is_refused_only_when_the_window_is_full() {
    fn property(story: Story) -> TestResult {
        let mut granted = Vec::new();
        for (now, wait) in story.told() {
            let room = recent(&granted, now, story.intensity.within) < story.intensity.restarts;
            if room != wait.is_some() {
                return TestResult::error(format!("at {now:?} room: {room}, wait: {wait:?}"));
            }
            granted.extend(wait.map(|_| now));
        }
        TestResult::passed()
    }
    check(property);
}

#[test]
fn waits_grow_while_no_restart_leaves_the_window_and_none_exceeds_the_cap() {
    fn property(story: Story) -> TestResult {
        let within = story.intensity.within;
        let mut granted: Vec<(Time, Duration)> = Vec::new();
        for (now, wait) in story.told() {
            let Some(wait) = wait else { continue };
            if wait > story.intensity.max_backoff {
                return TestResult::error(format!("{wait:?} is above the cap"));
            }
            let all_in_window = granted.first().is_none_or(|(first, _)| now - *first < within);
            if all_in_window && granted.last().is_some_and(|(_, before)| wait < *before) {
                return TestResult::error(format!("{wait:?} after {granted:?}"));
            }
            if recent(&granted.iter().map(|(at, _)| *at).collect::<Vec<_>>(), now, within) == 0
                && wait != story.intensity.backoff.min(story.intensity.max_backoff)
            {
                return TestResult::error(format!("first wait is {wait:?}"));
            }
            granted.push((now, wait));
        }
        TestResult::passed()
    }
    check(property);
}
