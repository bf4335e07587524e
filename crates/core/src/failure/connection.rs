//! Why an established connection, or something that was asked of it, failed.

use super::transport::Failure;
use crate::framing::FramingFailure;
use crate::properties::Contradiction;
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// Why an established connection ended in an error (RFC 9622 §10).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// The application aborted it.
    #[error("aborted by the application")]
    AbortedLocally,
    /// The peer aborted it.
    #[error("aborted by the peer")]
    AbortedByPeer,
    /// Data stayed unacknowledged for too long.
    #[error("timed out")]
    TimedOut,
    /// Code of a stack or a framer panicked; the panic ended this connection only.
    #[error("panicked: {0}")]
    Panicked(Arc<str>),
    /// What ran it has stopped.
    #[error("{0}")]
    Stopped(Arc<str>),
    /// The framers failed: what came is not what they understand, or one of them panicked.
    #[error("framing failed: {0}")]
    Framing(FramingFailure),
    /// A message of which the transport had taken a part did not go on: its last part was never given, or one of them
    /// found no room.
    #[error("a message was left incomplete")]
    Incomplete,
    /// The transport failed.
    #[error("transport failed: {0}")]
    Transport(Failure),
}

impl From<Failure> for ConnectionFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reset => Self::AbortedByPeer,
            Failure::TimedOut => Self::TimedOut,
            Failure::Panicked(what) => Self::Panicked(what),
            Failure::Framing(reason) => Self::Framing(reason),
            other => Self::Transport(other),
        }
    }
}

impl From<&ConnectionFailure> for io::Error {
    fn from(failure: &ConnectionFailure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            ConnectionFailure::AbortedLocally | ConnectionFailure::Incomplete => Kind::ConnectionAborted,
            ConnectionFailure::AbortedByPeer => Kind::ConnectionReset,
            ConnectionFailure::TimedOut => Kind::TimedOut,
            ConnectionFailure::Framing(_) => Kind::InvalidData,
            ConnectionFailure::Panicked(_) | ConnectionFailure::Stopped(_) => Kind::Other,
            ConnectionFailure::Transport(reason) => Self::from(reason).kind(),
        };
        Self::new(kind, failure.to_string())
    }
}

/// Why a message was not sent (RFC 9622 §9.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendFailure {
    /// The connection is closing or closed.
    #[error("the connection is closed")]
    Closed,
    /// A final message was sent before.
    #[error("a final message was sent before")]
    AfterFinal,
    /// Its lifetime ran out before it was handed to the network.
    #[error("its lifetime ran out")]
    Expired,
    /// Twice the high-water mark is already queued.
    #[error("the send queue is full")]
    QueueFull,
    /// Another part of its message was not sent, or the last one was never given.
    #[error("the message is incomplete")]
    Incomplete,
    /// What is said of the message contradicts what was said of its connection, or what that can do.
    #[error("the message's properties: {0}")]
    Properties(Contradiction),
    /// No connection was established.
    #[error("the connection was not established")]
    NotEstablished,
    /// The message is larger than the transport can take in one piece.
    #[error("the message is too large: the limit is {limit} bytes")]
    TooLarge {
        /// How many bytes it would have taken.
        limit: usize,
    },
    /// A framer would not take this message; others it may.
    #[error("not framed: {0}")]
    Framing(FramingFailure),
    /// The transport would not take this message; others it may.
    #[error("not sent: {0}")]
    Transport(Failure),
    /// The connection failed before the message was handed to the network.
    #[error("{0}")]
    Connection(ConnectionFailure),
    /// It may have been sent, or not: nobody had asked by then, and of so many that were not sent since it is not known
    /// any more.
    #[error("it is not known any more whether it was sent")]
    Unknown,
}

/// Why a `receive` got no message (RFC 9622 §9.3.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiveFailure {
    /// The peer has sent everything it will ever send, and all of it was delivered.
    #[error("the peer has finished sending")]
    Finished,
    /// The connection is closing or closed on our side.
    #[error("the connection is closed")]
    Closed,
    /// No connection was established.
    #[error("the connection was not established")]
    NotEstablished,
    /// A message is longer than whoever takes only whole ones is given. It is thrown away; others may come.
    #[error("a message is longer than {limit} bytes, and was to come whole")]
    TooLong {
        /// The longest that would have come, in bytes.
        limit: usize,
    },
    /// Of the message that is next a part was delivered already; the rest is for those who take parts.
    #[error("the message was received in part already")]
    InParts,
    /// What came could not be parsed, and is thrown away; others may come.
    #[error("not parsed: {0}")]
    Framing(FramingFailure),
    /// The connection failed.
    #[error("{0}")]
    Connection(ConnectionFailure),
}
