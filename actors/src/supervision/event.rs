//! What is told about a child.

use actix::prelude::*;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Names one child, for as long as the process lives: a number that is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(u64);

impl ChildId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an actor is no longer running.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It stopped: by itself, because it was told to, because nobody has its address, or with its arbiter.
    Stopped,
    /// It panicked, with this message.
    Panicked(Arc<str>),
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
        }
    }
}

/// Sent by the task that supervises a child to the child's parent: something happened to it.
///
/// No reply. Overflow: delivered without regard to the mailbox's capacity; there are two for each restart that
/// the child's budget grants, and one for its end.
#[derive(Clone, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct ChildEvent {
    /// Which child.
    pub child: ChildId,
    /// The name it was given.
    pub name: Arc<str>,
    /// What happened.
    pub what: ChildEventKind,
}

impl fmt::Display for ChildEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

/// What happened to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildEventKind {
    /// It ended, and will be restarted.
    Restarting {
        /// The how-manieth restart of its life this will be, from 1.
        attempt: u64,
        /// Why it ended.
        reason: ExitReason,
        /// How long it rests before.
        wait: Duration,
    },
    /// `restarting` has returned, and `started` is next. Whatever the new incarnation sends comes after this.
    Restarted {
        /// As in `Restarting`.
        attempt: u64,
    },
    /// It ended, and nobody cures it: its budget is spent, its policy or its own wish to finish forbids a restart
    /// after a panic, or its arbiter is gone. Nothing follows.
    GaveUp {
        /// Why it ended.
        reason: ExitReason,
    },
    /// It ended as it should. Nothing follows.
    Finished,
}

impl fmt::Display for ChildEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restarting { attempt, reason, wait } => {
                write!(f, "restarting ({attempt}) in {wait:?}: {reason}")
            }
            Self::Restarted { attempt } => write!(f, "restarted ({attempt})"),
            Self::GaveUp { reason } => write!(f, "gave up: {reason}"),
            Self::Finished => f.write_str("finished"),
        }
    }
}

/// Sent by the task that supervises a child to whoever watches it: the child has ended for good.
///
/// No reply. Overflow: delivered without regard to the mailbox's capacity; there is one for each call of
/// [`Child::watch`](super::Child::watch).
#[derive(Clone, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct Down {
    /// Which child.
    pub child: ChildId,
    /// The name it was given.
    pub name: Arc<str>,
    /// As in [`ChildEventKind::GaveUp`]; `Stopped` when it finished.
    pub reason: ExitReason,
}
