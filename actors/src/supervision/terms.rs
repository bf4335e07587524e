//! On which terms a child lives.

use super::event::ChildEvent;
use super::plan::Plan;
use actix::WeakRecipient;
use slog::Logger;
use std::sync::{Arc, LazyLock};

/// What is said of a child before it starts, and holds as long as it lives; children that were started alike share it.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) plan: Plan,
    /// Empty: that of the actor's type.
    pub(super) name: Arc<str>,
    pub(super) parent: Option<WeakRecipient<ChildEvent>>,
    /// Its parent's: one of its own, made for each child, would cost more than all it ever logs.
    pub(super) log: Option<Logger>,
}

impl Terms {
    pub(super) fn new(plan: Plan) -> Self {
        static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
        Self { plan, name: NAMELESS.clone(), parent: None, log: None }
    }
}
