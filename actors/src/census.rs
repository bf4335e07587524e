//! How many of whom are alive.

use futures::channel::oneshot;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the actors of one transport.
#[derive(Debug)]
pub(crate) struct Census {
    alive: [AtomicUsize; 4],
    /// Dropped with the last who is counted, and the transport itself.
    _life: oneshot::Sender<()>,
}

/// Who is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Flow,
    Race,
    Candidate,
    Listener,
}

/// One who is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    census: Arc<Census>,
    kind: Kind,
}

/// How many actors of one transport are alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Connections that have not ended.
    pub flows: usize,
    /// Establishments under way.
    pub races: usize,
    /// Attempts under way.
    pub candidates: usize,
    /// Listeners that have not stopped.
    pub listeners: usize,
}

impl Census {
    /// A census, and what is cancelled when nobody is left.
    pub(crate) fn new() -> (Arc<Self>, oneshot::Receiver<()>) {
        let (life, end) = oneshot::channel();
        (Arc::new(Self { alive: Default::default(), _life: life }), end)
    }

    pub(crate) fn count(self: &Arc<Self>, kind: Kind) -> Counted {
        self.alive[kind as usize].fetch_add(1, Ordering::AcqRel);
        Counted { census: self.clone(), kind }
    }

    pub(crate) fn read(&self) -> Count {
        let of = |kind: Kind| self.alive[kind as usize].load(Ordering::Acquire);
        Count {
            flows: of(Kind::Flow),
            races: of(Kind::Race),
            candidates: of(Kind::Candidate),
            listeners: of(Kind::Listener),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.alive[self.kind as usize].fetch_sub(1, Ordering::AcqRel);
    }
}
