//! How a race is run.

use super::address::Family;
use crate::candidate::Protocol;
use std::time::Duration;

/// No two attempts start closer together than this: 10 ms (RFC 8305 §5, MUST).
pub const MIN_SPACING: Duration = Duration::from_millis(10);

/// A list of candidates is never longer than this, whatever the configuration says.
pub const MAX_LIST: usize = 1024;

/// How a race is run. Values that break a MUST are raised when the race begins.
///
/// The fields from `resolution_delay_from` on are where RFC 8305 and its successor leave the choice; `docs/RACING.md`
/// has the reasons for the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long known addresses wait for answers about the preferred family and about services (default 50 ms,
    /// RFC 8305 §3).
    pub resolution_delay: Duration,
    /// The family that is waited for, where there are both (default IPv6).
    pub preferred_family: Family,
    /// How many addresses of the first family go before the first of the other (default 1, RFC 8305 §8).
    pub first_family_count: usize,
    /// How transports and services are mixed (default [`Ordering::RoundRobin`]).
    pub ordering: Ordering,
    /// The transports, best first (default QUIC, TCP); those not named come after, in the order they are offered.
    pub transports: Vec<Protocol>,
    /// How long an attempt runs alone before the next one joins it, where nothing was learned of its address
    /// (default 250 ms, RFC 8305 §5).
    pub attempt_delay: Duration,
    /// No attempt delay is shorter (default 100 ms, RFC 8305 §5; not less than `min_spacing`).
    pub min_attempt_delay: Duration,
    /// No attempt delay is longer (default 2 s, RFC 8305 §5).
    pub max_attempt_delay: Duration,
    /// The attempt delay before a candidate on another interface (RFC 9623 §4.3.2: longer). Default: the usual one.
    pub interface_delay: Option<Duration>,
    /// How far apart two starts are at least, even when attempts fail at once (default and least value:
    /// [`MIN_SPACING`]).
    pub min_spacing: Duration,
    /// What starts an attempt (default [`Mode::Staggered`]).
    pub mode: Mode,
    /// How many attempts run at a time; the next one waits, none is stopped for it. Default: any number.
    pub max_parallel: Option<usize>,
    /// How long one attempt may take. Default: as long as its stack lets it.
    pub attempt_timeout: Option<Duration>,
    /// How long the whole race may take. Default: for ever.
    pub deadline: Option<Duration>,
    /// What to do when everything has failed (default: nothing).
    pub retry: Retry,
    /// How many candidates a list has at most (default 64, at most [`MAX_LIST`]).
    pub max_list: usize,
    /// Randomness, for services of equal priority and for the jitter of retries. Default: none, services stay in the
    /// order of the resolver.
    pub seed: Option<u64>,
    /// F1: what the resolution delay counts from (default: the first address).
    pub resolution_delay_from: DelayFrom,
    /// F2: whose failure starts the next attempt at once (default: the latest one's).
    pub next_after: NextAfter,
    /// F3: whether a finished transport handshake of the latest attempt restarts the timer
    /// (draft-ietf-happy-happyeyeballs-v3 §6.1; default: yes).
    pub extend: bool,
    /// F4: whether the spacing holds although the attempt before failed without a packet (default: yes).
    pub space_local_failures: bool,
    /// F5: whether `first_family_count` addresses go before *each* one of the other family (default: before the first).
    pub repeat_first_family: bool,
    /// F8: whether a negative answer leaves the hints of a service in use (default: no).
    pub keep_hints: bool,
    /// F9: whether addresses of the name itself may start the race while the services' names are unresolved
    /// (default: yes).
    pub start_with_owner: bool,
}

/// How transports and services are mixed. Within all of it the families take turns (RFC 8305 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ordering {
    /// Service by service; within one, each transport and family gives one address in turn. The fallback comes soon.
    #[default]
    RoundRobin,
    /// All of the first transport over all services, then the next transport.
    Grouped,
    /// Service by service; within one all of the first transport, then the next.
    ServiceFirst,
}

/// What starts an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The attempt delay, or a failure (RFC 8305 §5, RFC 9623 §4.3.2).
    #[default]
    Staggered,
    /// A failure only (RFC 9623 §4.3.3).
    Failover,
    /// Everything known starts at once (RFC 9623 §4.3.1, which advises against it).
    Simultaneous,
    /// Each at its own time, `priority` times this after the start of the race; failures change nothing (NEAT, which
    /// has 10 ms).
    Neat(Duration),
}

/// What the resolution delay counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DelayFrom {
    /// The first address, from a record or a hint.
    #[default]
    Address,
    /// The first answer, even a negative one.
    Answer,
}

/// Whose failure starts the next attempt at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NextAfter {
    /// The latest one's: an older one's says nothing about the attempt that the timer is for.
    #[default]
    Latest,
    /// Any.
    Any,
}

/// What to do when everything has failed: wait, then try the whole list again.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// How many more times (default 0).
    pub rounds: u32,
    /// How long to wait before the first of them (default 1 s).
    pub backoff: Duration,
    /// How much longer before each one after (default 2). Not less than 1.
    pub factor: f64,
    /// Up to this much is added to each wait, by `seed` (default 0).
    pub jitter: Duration,
}

impl Eq for Retry {}

impl Retry {
    /// So many more rounds, this long apart at first.
    #[must_use]
    pub fn new(rounds: u32, backoff: Duration) -> Self {
        Self { rounds, backoff, ..Self::default() }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { rounds: 0, backoff: Duration::from_secs(1), factor: 2.0, jitter: Duration::ZERO }
    }
}

impl Config {
    /// How long an attempt runs alone before the next one joins it.
    #[must_use]
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = delay;
        self
    }

    /// How far apart two starts are at least.
    #[must_use]
    pub fn min_spacing(mut self, spacing: Duration) -> Self {
        self.min_spacing = spacing;
        self
    }

    /// What starts an attempt.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same, with every value that breaks a MUST raised.
    pub(super) fn lawful(mut self) -> Self {
        self.min_spacing = self.min_spacing.max(MIN_SPACING);
        self.min_attempt_delay = self.min_attempt_delay.max(self.min_spacing);
        self.max_attempt_delay = self.max_attempt_delay.max(self.min_attempt_delay);
        self.first_family_count = self.first_family_count.max(1);
        self.max_parallel = self.max_parallel.map(|most| most.max(1));
        self.max_list = self.max_list.clamp(1, MAX_LIST);
        if !self.retry.factor.is_finite() || self.retry.factor < 1.0 {
            self.retry.factor = 1.0;
        }
        self
    }

    /// An attempt delay within its bounds.
    pub(super) fn clamp(&self, delay: Duration) -> Duration {
        delay.clamp(self.min_attempt_delay, self.max_attempt_delay)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resolution_delay: Duration::from_millis(50),
            preferred_family: Family::V6,
            first_family_count: 1,
            ordering: Ordering::default(),
            transports: vec![Protocol::named("quic"), Protocol::TCP],
            attempt_delay: Duration::from_millis(250),
            min_attempt_delay: Duration::from_millis(100),
            max_attempt_delay: Duration::from_secs(2),
            interface_delay: None,
            min_spacing: MIN_SPACING,
            mode: Mode::default(),
            max_parallel: None,
            attempt_timeout: None,
            deadline: None,
            retry: Retry::default(),
            max_list: 64,
            seed: None,
            resolution_delay_from: DelayFrom::default(),
            next_after: NextAfter::default(),
            extend: true,
            space_local_failures: true,
            repeat_first_family: false,
            keep_hints: false,
            start_with_owner: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CON-3, CON-4, CON-5.
    #[test]
    fn the_bounds_cannot_be_configured_away() {
        let mut config = Config::default().min_spacing(Duration::ZERO);
        config.min_attempt_delay = Duration::ZERO;
        config.max_attempt_delay = Duration::ZERO;
        let config = config.lawful();
        assert_eq!((config.min_spacing, config.clamp(Duration::ZERO)), (MIN_SPACING, MIN_SPACING));
        let config = Config::default().lawful();
        assert_eq!(config.clamp(Duration::ZERO), Duration::from_millis(100));
        assert_eq!(config.clamp(Duration::MAX), Duration::from_secs(2));
    }

    /// CON-2.
    #[test]
    fn the_default_delay_is_that_of_rfc_8305() {
        let config = Config::default().lawful();
        assert_eq!(config.clamp(config.attempt_delay), Duration::from_millis(250));
    }

    #[test]
    fn numbers_that_make_no_sense_become_the_least_that_do() {
        let config = Config {
            first_family_count: 0,
            max_parallel: Some(0),
            max_list: usize::MAX,
            retry: Retry { factor: f64::NAN, ..Retry::default() },
            ..Config::default()
        };
        let config = config.lawful();
        assert_eq!((config.first_family_count, config.max_parallel, config.max_list), (1, Some(1), MAX_LIST));
        assert_eq!(config.retry.factor, 1.0);
    }
}
