//! Wakes the acceptances that wait until somebody wants connections.

use crate::watchers::{Place, Watchers};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Rung when more connections may be wanted than before. Acceptances that wait for peers do not hear it: the socket
/// wakes those.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<Watchers>);

impl Bell {
    /// The next ring wakes the acceptance at this place.
    pub(super) fn listen(&self, place: &mut Place, waker: &Waker) {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).watch(place, waker);
        drop(before);
    }

    pub(super) fn ring(&self) {
        let woken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        woken.for_each(Waker::wake);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
