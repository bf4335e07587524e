//! Why no connection was established, or nobody can listen.

use super::resolution::ResolutionFailure;
use super::transport::Failure;
use super::words::{Blame, List, Tried};
use crate::candidate::Candidate;
use crate::properties::SelectionProperty;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// One attempt of a failed establishment: what was tried, and why it failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// What was tried.
    pub candidate: Candidate,
    /// Why it failed; `Cancelled` if it was still running when the race ended.
    pub reason: Failure,
}

impl Attempt {
    /// This candidate failed for this reason.
    pub fn new(candidate: Candidate, reason: Failure) -> Self {
        Self { candidate, reason }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.candidate, self.reason)
    }
}

/// Why no connection was established (RFC 9622 §7.1, reasons of RFC 9623 appendix B).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EstablishmentFailure {
    /// What was asked for makes no sense. Nothing was sent.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(Arc<str>),
    /// Nothing here can satisfy the requirements. Nothing was sent.
    #[error("no candidates: {why}{}", Blame(properties))]
    NoCandidates {
        /// The properties in conflict; empty when endpoints or interfaces are to blame.
        properties: Vec<SelectionProperty>,
        /// In words.
        why: Arc<str>,
    },
    /// No name of the remote endpoints has an address.
    #[error("resolution failed: {}", List(.0))]
    ResolutionFailed(Vec<ResolutionFailure>),
    /// Every candidate failed.
    #[error("establishment failed: {}", List(attempts))]
    EstablishmentFailed {
        /// Every candidate that was tried, in the order of their starts, with its reason.
        attempts: Vec<Attempt>,
        /// Names that could not be resolved.
        unresolved: Vec<ResolutionFailure>,
    },
    /// The application's timeout passed first.
    #[error("timed out after {after:?}: {}", Tried(attempts, unresolved))]
    Timeout {
        /// The timeout.
        after: Duration,
        /// What had been tried by then.
        attempts: Vec<Attempt>,
        /// Names that had not been resolved.
        unresolved: Vec<ResolutionFailure>,
    },
    /// The application closed, aborted or dropped the connection first.
    #[error("cancelled by the application")]
    Cancelled,
    /// An actor that was needed is gone, or gave up.
    #[error("the transport has stopped: {0}")]
    Stopped(Arc<str>),
    /// The policy daemon that was to be asked did not answer, and nobody was to answer in its place.
    #[error("no answer from the policy daemon at {socket}: {why}")]
    PolicyUnavailable {
        /// Where it was asked.
        socket: Arc<str>,
        /// In words.
        why: Arc<str>,
    },
}

impl EstablishmentFailure {
    /// Every candidate that was tried, in the order of their starts, with its reason.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::EstablishmentFailed { attempts, .. } | Self::Timeout { attempts, .. } => attempts,
            _ => &[],
        }
    }

    /// The names that could not be resolved.
    pub fn unresolved(&self) -> &[ResolutionFailure] {
        match self {
            Self::ResolutionFailed(unresolved)
            | Self::EstablishmentFailed { unresolved, .. }
            | Self::Timeout { unresolved, .. } => unresolved,
            _ => &[],
        }
    }

    /// The properties in conflict, when requirements are to blame.
    pub fn properties(&self) -> &[SelectionProperty] {
        match self {
            Self::NoCandidates { properties, .. } => properties,
            _ => &[],
        }
    }
}

impl From<&EstablishmentFailure> for io::Error {
    fn from(failure: &EstablishmentFailure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            EstablishmentFailure::InvalidConfiguration(_) => Kind::InvalidInput,
            EstablishmentFailure::NoCandidates { .. } => Kind::Unsupported,
            EstablishmentFailure::ResolutionFailed(_) => Kind::NotFound,
            EstablishmentFailure::Timeout { .. } => Kind::TimedOut,
            EstablishmentFailure::Cancelled => Kind::Interrupted,
            EstablishmentFailure::EstablishmentFailed { attempts, .. } => {
                attempts.last().map_or(Kind::Other, |last| Self::from(&last.reason).kind())
            }
            EstablishmentFailure::Stopped(_) | EstablishmentFailure::PolicyUnavailable { .. } => Kind::Other,
        };
        Self::new(kind, failure.to_string())
    }
}

/// Why a listener could not listen, or stopped (RFC 9622 §7.2).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ListenFailure {
    /// What was asked for makes no sense.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(Arc<str>),
    /// Nothing here can satisfy the requirements.
    #[error("no candidates: {why}{}", Blame(properties))]
    NoCandidates {
        /// The properties in conflict; empty when endpoints or interfaces are to blame.
        properties: Vec<SelectionProperty>,
        /// In words.
        why: Arc<str>,
    },
    /// A local endpoint could not be resolved.
    #[error("resolution failed: {0}")]
    ResolutionFailed(#[from] ResolutionFailure),
    /// No local endpoint could be bound.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        reason: Failure,
    },
    /// The listener's actor gave up, or the transport has stopped.
    #[error("the listener has stopped: {0}")]
    Stopped(Arc<str>),
}
