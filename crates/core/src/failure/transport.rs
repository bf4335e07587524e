//! Why a transport failed.

use super::words::Names;
use crate::framing::FramingFailure;
use crate::properties::SelectionProperty;
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// Why a transport failed: the reason of one attempt, or of an established connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The peer refused: nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The peer ended the connection without delivering what was outstanding.
    #[error("connection reset by peer")]
    Reset,
    /// Nothing was heard from the peer for too long.
    #[error("timed out")]
    TimedOut,
    /// There is no way to the address: no route, an address family that is switched off, or a router said so.
    #[error("unreachable: {0}")]
    Unreachable(Arc<str>),
    /// The local address does not exist here, or is taken.
    #[error("local address not available: {0}")]
    LocalAddress(Arc<str>),
    /// There is no interface of this name.
    #[error("no such interface: {0}")]
    NoSuchInterface(Arc<str>),
    /// The system does not permit it.
    #[error("not permitted: {0}")]
    NotPermitted(Arc<str>),
    /// No stack of this name is registered.
    #[error("no such stack: {0}")]
    NoSuchStack(Arc<str>),
    /// The stack does not do what is required of it, as the properties in NEAT's language say: it was not even tried.
    #[error("the protocol does not do what is required: {0}")]
    NotOffered(Arc<str>),
    /// What was obtained lacks something that was required, or has something that was prohibited.
    #[error("obtained transport does not fulfil {}", Names(.0))]
    Unfulfilled(Vec<SelectionProperty>),
    /// What was obtained is not bound as the candidate asked.
    #[error("obtained transport is bound elsewhere: {0}")]
    Misbound(Arc<str>),
    /// Code of a stack, a framer or a filter panicked.
    #[error("panicked: {0}")]
    Panicked(Arc<str>),
    /// The framers failed while they started.
    #[error("framing failed: {0}")]
    Framing(FramingFailure),
    /// It was cancelled from this side.
    #[error("cancelled")]
    Cancelled,
    /// Any other error of the operating system.
    #[error("{text}")]
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// Its number, where there is one.
        os: Option<i32>,
        /// Its text.
        text: Arc<str>,
    },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let text = || Arc::from(error.to_string());
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => Self::Reset,
            Kind::TimedOut => Self::TimedOut,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => Self::Unreachable(text()),
            Kind::AddrNotAvailable | Kind::AddrInUse => Self::LocalAddress(text()),
            Kind::PermissionDenied => Self::NotPermitted(text()),
            kind => Self::Io { kind, os: error.raw_os_error(), text: text() },
        }
    }
}

impl From<&Failure> for io::Error {
    fn from(failure: &Failure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            Failure::Refused => Kind::ConnectionRefused,
            Failure::Reset => Kind::ConnectionReset,
            Failure::TimedOut => Kind::TimedOut,
            Failure::Unreachable(_) => Kind::HostUnreachable,
            Failure::LocalAddress(_) => Kind::AddrNotAvailable,
            Failure::NoSuchInterface(_) => Kind::NotFound,
            Failure::NotPermitted(_) => Kind::PermissionDenied,
            Failure::Framing(_) => Kind::InvalidData,
            Failure::Io { kind, .. } => *kind,
            _ => Kind::Other,
        };
        Self::new(kind, failure.to_string())
    }
}
