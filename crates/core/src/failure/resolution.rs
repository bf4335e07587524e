//! Why a name has no addresses.

use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolutionFailure {
    /// The name does not exist (NXDOMAIN).
    #[error("no such name: {name}")]
    NoSuchName {
        /// The name.
        name: Arc<str>,
    },
    /// The name exists and has no addresses (NODATA).
    #[error("{name} has no addresses")]
    NoAddresses {
        /// The name.
        name: Arc<str>,
    },
    /// The name has no service bindings (RFC 9460).
    #[error("{name} has no service bindings")]
    NoServices {
        /// The name.
        name: Arc<str>,
    },
    /// A name server answered with an error (SERVFAIL, REFUSED, ...).
    #[error("name server failed for {name}: {code}")]
    ServerFailure {
        /// The name.
        name: Arc<str>,
        /// The response code.
        code: Arc<str>,
    },
    /// No name server answered in time.
    #[error("no name server answered for {name} within {:?}", in_millis(.after))]
    TimedOut {
        /// The name.
        name: Arc<str>,
        /// How long was waited.
        after: Duration,
    },
    /// This system knows no port of this service.
    #[error("no such service: {name}")]
    NoSuchService {
        /// The service.
        name: Arc<str>,
    },
    /// The name is not one that could be asked for.
    #[error("not a host name: {name}: {why}")]
    BadName {
        /// The name.
        name: Arc<str>,
        /// What is wrong with it.
        why: Arc<str>,
    },
    /// Any other failure.
    #[error("cannot resolve {name}: {why}")]
    Other {
        /// The name.
        name: Arc<str>,
        /// What went wrong.
        why: Arc<str>,
    },
}

/// As exact as anybody needs it.
fn in_millis(after: &Duration) -> Duration {
    Duration::from_millis(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
}

impl ResolutionFailure {
    /// The name that it is about.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::NoSuchName { name }
            | Self::NoAddresses { name }
            | Self::NoServices { name }
            | Self::ServerFailure { name, .. }
            | Self::TimedOut { name, .. }
            | Self::NoSuchService { name }
            | Self::BadName { name, .. }
            | Self::Other { name, .. } => name,
        }
    }

    /// The same failure, of this name: the one that was asked for, in place of one that it stands for.
    #[must_use]
    pub fn of(mut self, host: &Arc<str>) -> Self {
        match &mut self {
            Self::NoSuchName { name }
            | Self::NoAddresses { name }
            | Self::NoServices { name }
            | Self::ServerFailure { name, .. }
            | Self::TimedOut { name, .. }
            | Self::NoSuchService { name }
            | Self::BadName { name, .. }
            | Self::Other { name, .. } => name.clone_from(host),
        }
        self
    }
}
