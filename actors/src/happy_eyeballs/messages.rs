//! What may be said to a race.

use actix::prelude::*;
use neatflow_core::racing::{AttemptId, Stage};

// ---------- Said by a candidate

/// The attempt has come this far.
///
/// Overflow: two for each attempt at most, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Reached {
    pub(crate) id: AttemptId,
    pub(crate) stage: Stage,
}

/// The attempt has ended; how is in the landing, because what it obtained stays on its arbiter.
///
/// Overflow: one for each attempt, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Landed {
    pub(crate) id: AttemptId,
    /// What stages it has reached that were not told.
    pub(crate) news: [Option<Stage>; 2],
}
