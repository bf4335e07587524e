//! What holds a flow back: how many events a subscriber may have that it is not done with.

use futures::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many events that hold credit one subscriber has.
#[derive(Debug)]
pub(crate) struct Window {
    outstanding: AtomicUsize,
    /// Woken when there is room again.
    waker: Arc<AtomicWaker>,
}

impl Window {
    pub(crate) fn new(waker: &Arc<AtomicWaker>) -> Arc<Self> {
        Arc::new(Self { outstanding: AtomicUsize::new(0), waker: waker.clone() })
    }

    /// Whether there is room for one more, given a window of `size`.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        self.outstanding.load(Ordering::Acquire) < size
    }

    /// A place in it.
    pub(crate) fn credit(self: &Arc<Self>) -> Credit {
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        Credit(Some(Arc::new(Place(self.clone()))))
    }
}

/// A place in a subscriber's window, given back when the last copy is dropped. Keep it (or the event it came in)
/// as long as the message still occupies you, and the flow will not run ahead of you.
#[derive(Clone, Debug, Default)]
pub struct Credit(#[expect(dead_code, reason = "held for its Drop")] Option<Arc<Place>>);

#[derive(Debug)]
struct Place(Arc<Window>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.outstanding.fetch_sub(1, Ordering::AcqRel);
        self.0.waker.wake();
    }
}
