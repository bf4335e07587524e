//! The actors' clock: core's [`Time`], read from tokio's, which a test may pause.

use neatflow_core::Time;
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
}
