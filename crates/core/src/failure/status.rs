//! What an outcome is, in one word.

use super::connection::{ConnectionFailure, ReceiveFailure, SendFailure};
use super::establishment::{EstablishmentFailure, ListenFailure};
use super::transport::Failure;
use crate::framing::FramingFailure;
use std::fmt;

/// The outcome an event reports, in one word; the reasons of RFC 9623 appendix B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// All is well.
    Ok,
    /// What was asked for makes no sense.
    InvalidConfiguration,
    /// Nothing can satisfy the requirements.
    NoCandidates,
    /// A name could not be resolved.
    ResolutionFailed,
    /// Every candidate failed.
    EstablishmentFailed,
    /// One side ended it early.
    ConnectionAborted,
    /// It took too long.
    Timeout,
    /// The protocol, or the code that runs it, failed.
    ProtocolFailed,
    /// It is over: nothing more is taken, or comes.
    Closed,
    /// More is outstanding than may be.
    Overflow,
    /// The message is larger than the transport can take.
    MessageTooLarge,
    /// What is said of the message is not what its connection can do.
    InvalidMessageProperties,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl EstablishmentFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::InvalidConfiguration(_) => Status::InvalidConfiguration,
            Self::NoCandidates { .. } => Status::NoCandidates,
            Self::ResolutionFailed(_) => Status::ResolutionFailed,
            Self::EstablishmentFailed { .. } | Self::Stopped(_) | Self::PolicyUnavailable { .. } => {
                Status::EstablishmentFailed
            }
            Self::Timeout { .. } => Status::Timeout,
            Self::Cancelled => Status::ConnectionAborted,
        }
    }
}

impl ListenFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::InvalidConfiguration(_) => Status::InvalidConfiguration,
            Self::NoCandidates { .. } => Status::NoCandidates,
            Self::ResolutionFailed(_) => Status::ResolutionFailed,
            Self::Bind { .. } | Self::Stopped(_) => Status::EstablishmentFailed,
        }
    }
}

impl ConnectionFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::AbortedLocally | Self::AbortedByPeer => Status::ConnectionAborted,
            Self::TimedOut => Status::Timeout,
            Self::Framing(reason) => reason.status(),
            Self::Incomplete => Status::ConnectionAborted,
            Self::Panicked(_) | Self::Stopped(_) | Self::Transport(_) => Status::ProtocolFailed,
        }
    }
}

impl SendFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::Closed | Self::AfterFinal => Status::Closed,
            Self::Incomplete => Status::ConnectionAborted,
            Self::Properties(_) => Status::InvalidMessageProperties,
            Self::QueueFull | Self::Unknown => Status::Overflow,
            Self::Expired => Status::Timeout,
            Self::NotEstablished => Status::EstablishmentFailed,
            Self::TooLarge { .. } => Status::MessageTooLarge,
            Self::Framing(reason) => reason.status(),
            Self::Connection(reason) => reason.status(),
            Self::Transport(reason) => reason.status(),
        }
    }
}

impl Failure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        ConnectionFailure::from(self.clone()).status()
    }
}

impl ReceiveFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::Finished | Self::Closed => Status::Closed,
            Self::NotEstablished => Status::EstablishmentFailed,
            Self::TooLong { .. } => Status::MessageTooLarge,
            Self::InParts => Status::InvalidConfiguration,
            Self::Framing(reason) => reason.status(),
            Self::Connection(reason) => reason.status(),
        }
    }
}

impl FramingFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::TooLong { .. } => Status::MessageTooLarge,
            _ => Status::ProtocolFailed,
        }
    }
}
