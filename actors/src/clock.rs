//! The actors' clock: core's [`Time`], read from tokio's, which a test may pause.

use neatflow_core::Time;
use std::time::Duration;
use tokio::time::Instant;

/// Counts from its creation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Time {
        Time::from_origin(self.0.elapsed())
    }

    /// The same moment, as tokio tells it; the far end of time is very far.
    pub(crate) fn instant(self, time: Time) -> Instant {
        const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
        self.0 + time.since_origin().min(FAR)
    }
}
