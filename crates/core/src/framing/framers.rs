//! Which framers a connection gets.

use super::contain::contain;
use super::words::{Below, Limits};
use super::{Framer, FramerStack, FramingFailure};
use crate::connection::Framed;
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

    /// A stack of fresh framers, which has not been started. This runs the code of whoever added them; should it
    /// panic, the stack fails.
    pub fn stack(&self, below: Below) -> FramerStack {
        let made = contain(|| self.makers.iter().map(|make| make()).collect::<Vec<_>>());
        match made {
            Ok(framers) => FramerStack::new(framers, below, self.limits),
            Err(what) => FramerStack::failing(below, self.limits, FramingFailure::Panicked(what)),
        }
    }

    /// The same for a connection, started. `None` if there are no framers: then nothing is between a connection and
    /// its transport.
    pub fn start(&self, below: Below) -> Option<Framed> {
        let mut framed = (!self.is_empty()).then(|| Framed::new(self.stack(below), below))?;
        framed.start();
        Some(framed)
    }
}

/// Two are equal if they make the same framers, as far as that can be told: those that were added by the same calls.
impl PartialEq for Framers {
    fn eq(&self, other: &Self) -> bool {
        self.limits == other.limits
            && self.makers.len() == other.makers.len()
            && self.makers.iter().zip(&other.makers).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

impl fmt::Debug for Framers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framers").field("len", &self.len()).field("limits", &self.limits).finish()
    }
}
