//! What a transport counts of the races that have ended.

use neatflow_core::racing::Tally;
use std::sync::{Mutex, PoisonError};

/// Counted by races on any of its arbiters.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Tally>);

/// What a transport has counted since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Measured {
    /// Races that have ended, and what they hid.
    pub racing: Tally,
}

impl Metrics {
    /// A panic in the middle leaves a count behind, not a wrong one.
    pub(crate) fn note(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self) -> Measured {
        Measured { racing: self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}
