//! Any error of this library, for programs that pass them on.

use crate::endpoint::EndpointError;
use crate::failure::{
    ConnectionFailure, EstablishmentFailure, ListenFailure, ReceiveFailure, ResolutionFailure, SendFailure,
};
use crate::policy::neat::PolicyError;
use crate::properties::PropertyError;
use crate::security::SecurityError;
use std::fmt;
use std::io;
use std::sync::Arc;
use thiserror::Error as ThisError;

/// Any error of this library.
#[derive(Clone, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A text is not an endpoint, or an endpoint contradicts itself.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A property has no such name or value, or properties contradict each other.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// A text in NEAT's language is not what it should be.
    #[error(transparent)]
    Policy(#[from] Arc<PolicyError>),
    /// Security parameters make no sense.
    #[error("{0}")]
    Security(#[from] SecurityError),
    /// A name has no addresses.
    #[error(transparent)]
    Resolution(#[from] ResolutionFailure),
    /// No connection was established.
    #[error(transparent)]
    Establishment(#[from] Arc<EstablishmentFailure>),
    /// A listener could not listen, or stopped.
    #[error(transparent)]
    Listen(#[from] ListenFailure),
    /// A connection ended badly.
    #[error(transparent)]
    Connection(#[from] ConnectionFailure),
    /// A message was not sent.
    #[error(transparent)]
    Send(#[from] SendFailure),
    /// No message was received.
    #[error(transparent)]
    Receive(#[from] ReceiveFailure),
    /// The transport has stopped.
    #[error("the transport has stopped")]
    Stopped,
}

/// In words, like Display: this is what a `main` that returns it prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PolicyError> for Error {
    fn from(error: PolicyError) -> Self {
        Self::Policy(Arc::new(error))
    }
}

impl From<EstablishmentFailure> for Error {
    fn from(failure: EstablishmentFailure) -> Self {
        Self::Establishment(Arc::new(failure))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        use io::ErrorKind as Kind;
        let kind = match &error {
            Error::Endpoint(_) | Error::Property(_) | Error::Policy(_) | Error::Security(_) => {
                Kind::InvalidInput
            }
            Error::Resolution(ResolutionFailure::TimedOut { .. }) => Kind::TimedOut,
            Error::Resolution(_) => Kind::NotFound,
            Error::Establishment(failure) => Self::from(&**failure).kind(),
            Error::Listen(ListenFailure::Bind { reason, .. }) => Self::from(reason).kind(),
            Error::Connection(failure)
            | Error::Send(SendFailure::Connection(failure))
            | Error::Receive(ReceiveFailure::Connection(failure)) => Self::from(failure).kind(),
            Error::Receive(ReceiveFailure::Finished) => Kind::UnexpectedEof,
            Error::Send(SendFailure::QueueFull) => Kind::WouldBlock,
            Error::Send(_) | Error::Receive(_) => Kind::NotConnected,
            Error::Listen(_) | Error::Stopped => Kind::Other,
        };
        Self::new(kind, error.to_string())
    }
}
