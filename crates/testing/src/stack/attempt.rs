//! What was attempted.

use super::{Net, SCRIPTED_PANIC};
use neatflow_core::Candidate;
use neatflow_stacks::Handshake;
use std::sync::Arc;
use std::time::Duration;

/// An attempt that was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempted {
    /// What was tried.
    pub candidate: Arc<Candidate>,
    /// When it began, since the stack was made.
    pub at: Duration,
    /// When its security handshake began, since the stack was made; `None` if it did not, or there is none.
    pub secured_at: Option<Duration>,
    /// What its security handshake was to use.
    pub handshake: Option<Handshake>,
    /// How it ended; `None` while it is under way.
    pub end: Option<AttemptEnd>,
    /// When it ended, since the stack was made.
    pub ended_at: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// It connected.
    Connected,
    /// It failed.
    Failed,
    /// It was dropped while it was under way.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// An attempt under way. Dropped before its end it was cancelled.
pub(super) struct Running {
    net: Arc<Net>,
    index: usize,
}

impl Running {
    pub(super) fn start(net: &Arc<Net>, candidate: &Arc<Candidate>) -> Self {
        let at = net.origin.elapsed();
        let attempted = Attempted {
            candidate: candidate.clone(),
            at,
            secured_at: None,
            handshake: None,
            end: None,
            ended_at: None,
        };
        let mut state = net.lock();
        state.attempts.push(attempted);
        Self { net: net.clone(), index: state.attempts.len() - 1 }
    }

    pub(super) fn secures(&self, handshake: Handshake) {
        let now = self.net.origin.elapsed();
        if let Some(attempt) = self.net.lock().attempts.get_mut(self.index) {
            (attempt.secured_at, attempt.handshake) = (Some(now), Some(handshake));
        }
    }

    pub(super) fn end(&self, end: AttemptEnd) {
        let now = self.net.origin.elapsed();
        if let Some(attempt) = self.net.lock().attempts.get_mut(self.index)
            && attempt.end.is_none()
        {
            attempt.end = Some(end);
            attempt.ended_at = Some(now);
        }
    }

    pub(super) fn panic(&self) -> ! {
        self.end(AttemptEnd::Panicked);
        panic!("{SCRIPTED_PANIC}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(AttemptEnd::Cancelled);
    }
}
