//! How many of whom are alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the actors of one transport.
#[derive(Debug, Default)]
pub(crate) struct Census([AtomicUsize; 4]);

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
    pub(crate) fn count(self: &Arc<Self>, kind: Kind) -> Counted {
        self.0[kind as usize].fetch_add(1, Ordering::AcqRel);
        Counted { census: self.clone(), kind }
    }

    pub(crate) fn read(&self) -> Count {
        let of = |kind: Kind| self.0[kind as usize].load(Ordering::Acquire);
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
        self.census.0[self.kind as usize].fetch_sub(1, Ordering::AcqRel);
    }
}
