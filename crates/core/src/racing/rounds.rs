//! Rounds: the whole list once more, after a while, when everything has failed.

use super::config::Config;
use super::dice;
use crate::time::Time;
use std::time::Duration;

/// A race has at most this many more rounds, whatever the configuration says.
pub const MAX_ROUNDS: u32 = 100;

/// Which round it is, and until when the race rests before the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    pub(super) now: u32,
    pub(super) rests_until: Option<Time>,
}

impl Rounds {
    /// Everything has failed: rests, if there is another round. Returns until when.
    pub(super) fn rest(&mut self, now: Time, config: &Config) -> Option<Time> {
        if self.now >= config.retry.rounds.min(MAX_ROUNDS) {
            return None;
        }
        let backoff = config.retry.backoff.as_secs_f64() * config.retry.factor.powf(f64::from(self.now));
        let backoff = Duration::try_from_secs_f64(backoff).unwrap_or(Duration::MAX);
        let jitter = |seed| dice::part_of(config.retry.jitter, seed, &self.now.to_be_bytes());
        let until = now + backoff + config.seed.map(jitter).unwrap_or_default();
        self.rests_until = Some(until);
        self.rests_until
    }

    /// Whether the next round begins now.
    pub(super) fn begins(&mut self, now: Time) -> bool {
        let due = self.rests_until.is_some_and(|until| until <= now);
        if due {
            self.rests_until = None;
            self.now += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Retry;
    use super::*;

    fn rests(config: &Config) -> Vec<u64> {
        let mut rounds = Rounds::default();
        let mut rests = Vec::new();
        while let Some(until) = rounds.rest(Time::ZERO, config) {
            rests.push(until.since_origin().as_millis() as u64);
            assert!(rounds.begins(until));
        }
        rests
    }

    /// API-5.
    #[test]
    fn the_back_off_grows_and_ends() {
        let mut config = Config::default();
        assert_eq!(rests(&config), [] as [u64; 0]);
        config.retry = Retry::new(3, Duration::from_millis(100));
        assert_eq!(rests(&config), [100, 200, 400]);
        config.retry.jitter = Duration::from_millis(50);
        config.seed = Some(7);
        let jittered = rests(&config);
        assert!(jittered.iter().zip([100, 200, 400]).all(|(rest, least)| (least..least + 50).contains(rest)));
        assert_ne!(jittered, [100, 200, 400]);
    }

    #[test]
    fn rounds_are_bounded_even_where_the_wait_is_boundless() {
        let retry = Retry { factor: 1e300, ..Retry::new(u32::MAX, Duration::MAX) };
        let config = Config { retry, ..Config::default() };
        assert_eq!(rests(&config).len(), 100);
    }
}
