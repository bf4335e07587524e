//! What holds a flow back: how many events a subscriber may have that it is not done with.

use futures::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many soft errors a subscriber may hold; those it misses say no more than those it has.
const SOFT_ERRORS: usize = 16;

/// How many events that hold credit one subscriber has.
#[derive(Debug)]
pub(crate) struct Window {
    /// How many it may have.
    size: AtomicUsize,
    outstanding: AtomicUsize,
    /// Soft errors are counted apart: a subscriber busy with messages is to hear of them.
    soft_errors: AtomicUsize,
    /// Woken when there is room again.
    waker: Arc<AtomicWaker>,
}

/// Which part of a window a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Outstanding,
    SoftErrors,
}

impl Window {
    pub(crate) fn new(size: usize, waker: &Arc<AtomicWaker>) -> Arc<Self> {
        Arc::new(Self {
            size: AtomicUsize::new(size),
            outstanding: AtomicUsize::new(0),
            soft_errors: AtomicUsize::new(0),
            waker: waker.clone(),
        })
    }

    /// From now on it holds this many. Whoever makes room by it wakes the flow.
    pub(crate) fn resize(&self, size: usize) {
        self.size.store(size, Ordering::Release);
    }

    /// Whether there is room for one more, besides so many that are to come.
    pub(crate) fn has_room_besides(&self, others: usize) -> bool {
        self.outstanding.load(Ordering::Acquire).saturating_add(others) < self.size.load(Ordering::Acquire)
    }

    /// A place in it.
    pub(crate) fn credit(self: &Arc<Self>) -> Credit {
        self.take(Share::Outstanding)
    }

    /// A place for a soft error; `None` when the subscriber holds too many already.
    pub(crate) fn credit_for_soft_error(self: &Arc<Self>) -> Option<Credit> {
        let room = self.soft_errors.load(Ordering::Acquire) < SOFT_ERRORS;
        room.then(|| self.take(Share::SoftErrors))
    }

    fn take(self: &Arc<Self>, share: Share) -> Credit {
        Credit(Some(Place::new(self, share)))
    }

    fn counter(&self, share: Share) -> &AtomicUsize {
        match share {
            Share::Outstanding => &self.outstanding,
            Share::SoftErrors => &self.soft_errors,
        }
    }
}

/// A place in a subscriber's window, given back when it is dropped; a copy has a place of its own. Keep it (or the
/// event it came in) as long as the message still occupies you, and the flow will not run ahead of you.
#[derive(Clone, Debug, Default)]
pub struct Credit(#[expect(dead_code, reason = "held for its Drop")] Option<Place>);

#[derive(Debug)]
struct Place {
    window: Arc<Window>,
    share: Share,
}

impl Place {
    fn new(window: &Arc<Window>, share: Share) -> Self {
        window.counter(share).fetch_add(1, Ordering::AcqRel);
        Self { window: window.clone(), share }
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        Self::new(&self.window, self.share)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.window.counter(self.share).fetch_sub(1, Ordering::AcqRel);
        // Nothing waits for room for soft errors; and for room that was there before, nobody waits either.
        if self.share == Share::Outstanding && before >= self.window.size.load(Ordering::Acquire) {
            self.window.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_back_when_the_last_copy_is_dropped() {
        let window = Window::new(1, &Arc::default());
        let credit = window.credit();
        let copy = credit.clone();
        drop(credit);
        assert!(!window.has_room_besides(0));
        drop(copy);
        assert!(window.has_room_besides(0));
    }
}
