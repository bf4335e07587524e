//! When a child is restarted, and how often.

use super::event::ExitReason;
use neatflow_core::Intensity;

/// After what a child is restarted.
///
/// Whatever the policy, a child is not restarted when nobody has its address any more, when it was told to stop,
/// or when it said that it has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restart {
    /// After a panic, and after it stopped by itself: it is there for as long as it is wanted. What accepts for a listener.
    Permanent,
    /// After a panic only: it stops when its work is done. A candidate of a race.
    Transient,
    /// Never. A panic is still caught and reported. A race, which nobody could take up half-way.
    Temporary,
}

impl Restart {
    /// Whether a child with this policy wants to be restarted after this.
    pub(super) fn follows(self, reason: &ExitReason) -> bool {
        match (self, reason) {
            (Self::Permanent, _) | (Self::Transient, ExitReason::Panicked(_)) => true,
            (Self::Transient, ExitReason::Stopped) | (Self::Temporary, _) => false,
        }
    }
}

/// How a child is supervised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    /// After what it is restarted.
    pub restart: Restart,
    /// How often, and how soon. Default: 5 in 10 s, after 50 ms, 100 ms, .. up to 5 s.
    pub intensity: Intensity,
}

impl Plan {
    /// With this policy, and the default intensity.
    pub fn new(restart: Restart) -> Self {
        Self { restart, intensity: Intensity::default() }
    }

    /// Restarted after a panic, and after it stopped by itself.
    pub fn permanent() -> Self {
        Self::new(Restart::Permanent)
    }

    /// Restarted after a panic only.
    pub fn transient() -> Self {
        Self::new(Restart::Transient)
    }

    /// Never restarted; a panic is caught and reported.
    pub fn temporary() -> Self {
        Self::new(Restart::Temporary)
    }

    /// How often it is restarted, and how soon.
    pub fn intensity(self, intensity: Intensity) -> Self {
        Self { intensity, ..self }
    }
}

impl From<Restart> for Plan {
    fn from(restart: Restart) -> Self {
        Self::new(restart)
    }
}
