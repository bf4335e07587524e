//! An engine on its way to another arbiter.

use super::engine::Duty;
use super::shared::Shared;
use neatflow_core::connection::Input;
use neatflow_stacks::Portable;
use std::fmt;
use std::sync::Arc;

/// An engine without what binds it to its arbiter. Dropped on the way, it ends as an engine does.
pub(crate) struct Moving {
    /// Before `duty`, as in an engine.
    pub(super) parcel: Parcel,
    pub(super) finishing: bool,
    pub(super) fact: Option<Input>,
    pub(super) duty: Duty,
}

/// The wire, if there is one.
pub(super) struct Parcel {
    wire: Option<Box<dyn Portable>>,
    shared: Arc<Shared>,
}

impl Parcel {
    pub(super) fn new(wire: Option<Box<dyn Portable>>, shared: &Arc<Shared>) -> Self {
        Self { wire, shared: shared.clone() }
    }

    /// It has arrived.
    pub(super) fn open(mut self) -> Option<Box<dyn Portable>> {
        self.wire.take()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        let Some(wire) = self.wire.take() else { return };
        // What was not written must not look like a whole stream.
        if !self.shared.lock().machine.outbox().is_empty() {
            wire.abort();
        }
    }
}

impl fmt::Debug for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moving").field("shared", &self.duty.shared).finish_non_exhaustive()
    }
}
