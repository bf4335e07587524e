//! Why framing failed.

use super::FramerStack;
use std::sync::Arc;
use thiserror::Error;

/// Why a message could not be framed, or what came could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FramingFailure {
    /// A message is longer than its framer takes, or says that it will be.
    #[error("a message is longer than {limit} bytes")]
    TooLong {
        /// The longest that would have been taken, in bytes.
        limit: u64,
    },
    /// What came is not what the framer understands.
    #[error("malformed: {0}")]
    Malformed(Arc<str>),
    /// The framing cannot express this message.
    #[error("cannot be framed: {0}")]
    Unframeable(Arc<str>),
    /// The end came in the middle of a message, or before the framers were ready.
    #[error("ended in the middle of a message")]
    Truncated,
    /// A framer left more unparsed than [`Limits::unparsed`](super::Limits::unparsed).
    #[error("more than {limit} bytes came that make no message")]
    Unparsed {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A framer went on and on without advancing its cursor.
    #[error("a framer makes no progress")]
    Stuck,
    /// It needs every framer to be ready, which they are not yet, or no longer.
    #[error("the framers are not ready")]
    NotReady,
    /// A framer that is ready wanted another one above it.
    #[error("a framer was prepended to one that is ready")]
    PrependedLate,
    /// More framers would be on top of each other than there may be.
    #[error("more than {} framers", FramerStack::DEEPEST)]
    TooDeep,
    /// A framer panicked.
    #[error("a framer panicked: {0}")]
    Panicked(Arc<str>),
    /// Any other reason a framer gives.
    #[error("{0}")]
    Other(Arc<str>),
}

impl FramingFailure {
    /// What came is not what the framer understands.
    pub fn malformed(why: impl Into<Arc<str>>) -> Self {
        Self::Malformed(why.into())
    }

    /// The framing cannot express this message.
    pub fn unframeable(why: impl Into<Arc<str>>) -> Self {
        Self::Unframeable(why.into())
    }

    /// Any other reason.
    pub fn other(why: impl Into<Arc<str>>) -> Self {
        Self::Other(why.into())
    }
}
