//! How a race is run.

use std::time::Duration;

/// No two attempts start closer together than this: 10 ms (RFC 8305 §5, MUST).
pub const MIN_SPACING: Duration = Duration::from_millis(10);

/// How a race is run. Values that break a MUST are raised when the race begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long an attempt runs alone before the next one joins it (default 250 ms, RFC 8305 §5). Not less than
    /// `min_spacing`. [`Duration::MAX`] never starts a second attempt beside a running one (RFC 9623 §4.3.3).
    pub attempt_delay: Duration,
    /// How far apart two starts are at least, even when attempts fail at once (default and least value:
    /// [`MIN_SPACING`]).
    pub min_spacing: Duration,
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

    /// The same, with every value that breaks a MUST raised.
    pub(super) fn lawful(mut self) -> Self {
        self.min_spacing = self.min_spacing.max(MIN_SPACING);
        self.attempt_delay = self.attempt_delay.max(self.min_spacing);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { attempt_delay: Duration::from_millis(250), min_spacing: MIN_SPACING }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CON-3.
    #[test]
    fn the_spacing_cannot_be_configured_away() {
        let config = Config::default().attempt_delay(Duration::ZERO).min_spacing(Duration::ZERO).lawful();
        assert_eq!((config.attempt_delay, config.min_spacing), (MIN_SPACING, MIN_SPACING));
    }

    /// CON-2.
    #[test]
    fn the_default_delay_is_that_of_rfc_8305() {
        assert_eq!(Config::default().lawful().attempt_delay, Duration::from_millis(250));
    }
}
