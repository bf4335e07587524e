//! What an attempt tells its race while it runs.

use std::fmt;
use std::rc::Rc;

pub use neatflow_core::racing::Stage;

/// Where an attempt reports how far it has come. Stays on the attempt's arbiter.
#[derive(Clone, Default)]
pub struct Progress(Option<Rc<dyn Fn(Stage)>>);

impl Progress {
    /// Calls `report` for each stage.
    pub fn new(report: impl Fn(Stage) + 'static) -> Self {
        Self(Some(Rc::new(report)))
    }

    /// Nobody listens.
    pub fn ignored() -> Self {
        Self(None)
    }

    /// The attempt has reached this stage.
    pub fn reached(&self, stage: Stage) {
        if let Some(report) = &self.0 {
            report(stage);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("watched", &self.0.is_some()).finish()
    }
}
