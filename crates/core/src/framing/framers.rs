//! Which framers a connection gets.

use super::words::{Below, Limits};
use super::{Framer, FramerStack};
use std::fmt;
use std::sync::Arc;

/// The framers of connections to be, in the order in which they were added (RFC 9622 §9.1.2.1).
///
/// The last one added runs first on the way out, and last on the way in. Every attempt to establish a connection, and
/// every connection that is accepted, gets a stack of framers of its own. Cheap to clone.
#[derive(Clone, Default)]
pub struct Framers {
    makers: Vec<Maker>,
    limits: Limits,
}

type Maker = Arc<dyn Fn() -> Box<dyn Framer> + Send + Sync>;

impl Framers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a framer; connections get clones of it. RFC 9622 §9.1.2.1, `AddFramer`.
    pub fn add(&mut self, framer: impl Framer + Clone + Sync + 'static) -> &mut Self {
        self.add_with(move || framer.clone())
    }

    /// Adds a framer that is made anew for each connection, which matters if it must not be cloned.
    pub fn add_with<F: Framer + 'static>(
        &mut self,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) -> &mut Self {
        self.makers.push(Arc::new(move || Box::new(make())));
        self
    }

    /// Says how much the framers of a connection keep.
    pub fn limit(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.makers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.makers.is_empty()
    }

    /// A stack of fresh framers, which has not been started. This runs the code of whoever added them.
    pub fn stack(&self, below: Below) -> FramerStack {
        FramerStack::new(self.makers.iter().map(|make| make()), below, self.limits)
    }
}

impl fmt::Debug for Framers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framers").field("len", &self.len()).field("limits", &self.limits).finish()
    }
}
