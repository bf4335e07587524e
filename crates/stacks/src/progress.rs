//! What an attempt tells its race while it runs.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

pub use neatflow_core::racing::Stage;

/// Where an attempt reports how far it has come: each stage once, however often it is reached. Stays on the
/// attempt's arbiter.
#[derive(Clone, Default)]
pub struct Progress(Option<Rc<Watched>>);

struct Watched {
    report: Box<dyn Fn(Stage)>,
    /// The furthest stage that was reported.
    furthest: Cell<Option<Stage>>,
}

impl Progress {
    /// Calls `report` for each stage.
    pub fn new(report: impl Fn(Stage) + 'static) -> Self {
        Self(Some(Rc::new(Watched { report: Box::new(report), furthest: Cell::new(None) })))
    }

    /// Nobody listens.
    pub fn ignored() -> Self {
        Self(None)
    }

    /// The attempt has reached this stage.
    pub fn reached(&self, stage: Stage) {
        if let Some(watched) = self.0.as_ref().filter(|watched| watched.furthest.get() < Some(stage)) {
            watched.furthest.set(Some(stage));
            (watched.report)(stage);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("watched", &self.0.is_some()).finish()
    }
}
