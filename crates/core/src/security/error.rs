//! Why security parameters make no sense.

use crate::failure::{EstablishmentFailure, ListenFailure};
use std::sync::Arc;
use thiserror::Error;

/// An error repeats at most this many characters of what was wrong.
const MAX_EXCERPT: usize = 64;

/// Why security parameters make no sense. Parameters are named as in RFC 9622 §6.3.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// A list was given and has nothing in it, so that nothing would be allowed.
    #[error("{0} is empty: nothing would be allowed")]
    NothingAllowed(&'static str),
    /// A list is too long.
    #[error("{parameter} has more than {limit} entries")]
    TooMany {
        /// The parameter.
        parameter: &'static str,
        /// So many it may have.
        limit: usize,
    },
    /// It is no name of the kind that is wanted.
    #[error("{parameter} cannot have {name:?}")]
    Name {
        /// The parameter.
        parameter: &'static str,
        /// The name, or its beginning.
        name: Arc<str>,
    },
    /// A certificate chain without a certificate, a certificate or a key without a byte, or a file without a path.
    #[error("{0} has something in it that is empty")]
    Empty(&'static str),
    /// The identity or the key of a pre-shared key has a length it cannot have.
    #[error("the {part} of preSharedKey has {length} bytes; it has 1 to {limit}")]
    PreSharedKey {
        /// `identity` or `key`.
        part: &'static str,
        /// So many bytes it has.
        length: usize,
        /// So many it may have.
        limit: usize,
    },
    /// A time that is zero.
    #[error("cachedSessionLifetimeSeconds is zero; it must be positive")]
    Zero,
    /// Two parameters contradict each other.
    #[error("contradiction: {0}")]
    Contradiction(Arc<str>),
}

impl SecurityError {
    pub(super) fn name(parameter: &'static str, name: &str) -> Self {
        Self::Name { parameter, name: name.chars().take(MAX_EXCERPT).collect::<String>().into() }
    }
}

impl From<SecurityError> for EstablishmentFailure {
    fn from(error: SecurityError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}

impl From<SecurityError> for ListenFailure {
    fn from(error: SecurityError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}
