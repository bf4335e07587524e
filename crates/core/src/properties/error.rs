//! Why a property could not be set or read.

use super::descriptor::List;
use crate::failure::{EstablishmentFailure, ListenFailure};
use std::sync::Arc;
use thiserror::Error;

/// Why a property could not be set or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// There is no property of this name.
    #[error("no such property: {name}{}", Suggestion(nearest))]
    Unknown {
        /// The name that was asked for.
        name: Arc<str>,
        /// The known names that are nearest to it, if any are near; the nearest first.
        nearest: Vec<&'static str>,
    },
    /// A connection, or a message that was received, has this property; it can be read from them and set nowhere
    /// (RFC 9622 §8.1.11, §9.3.3).
    #[error("{0} is read from a connection or a received message and cannot be set")]
    ReadOnly(&'static str),
    /// The value is not one the property can have.
    #[error("{property} cannot be {value:?}: {fault}")]
    Value {
        /// The property.
        property: &'static str,
        /// The value, or its beginning.
        value: Arc<str>,
        /// What is wrong with it.
        fault: ValueFault,
    },
    /// Too many properties of vendors are kept already.
    #[error("no more than {limit} properties of vendors are kept")]
    TooMany {
        /// So many may be kept.
        limit: usize,
    },
    /// The name or the value of a vendor's property is too long.
    #[error("names and values of vendors have at most {limit} bytes")]
    TooLong {
        /// So many bytes it may have.
        limit: usize,
    },
    /// Two properties contradict each other, so that nothing could satisfy both.
    #[error("contradiction: {0}")]
    Contradiction(Arc<str>),
}

/// What is wrong with the value of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueFault {
    /// It is no number.
    #[error("not a number")]
    NotANumber,
    /// It is a fraction, and the property counts.
    #[error("not an integer")]
    NotAnInteger,
    /// It is below zero.
    #[error("negative")]
    Negative,
    /// It is zero, and the property is positive.
    #[error("zero; it must be positive")]
    Zero,
    /// It does not fit.
    #[error("too large")]
    TooLarge,
    /// It is neither true nor false.
    #[error("neither true nor false")]
    NotABoolean,
    /// It is not one of these words.
    #[error("not one of {}", List(.0))]
    NotOneOf(&'static [&'static str]),
    /// It is not a list such as `eth0=Require, wlan0=Avoid`.
    #[error("not a list of name=preference")]
    NotASet,
    /// It has a shape no property has.
    #[error("neither a number, a text nor a truth value")]
    NotAValue,
}

impl From<PropertyError> for EstablishmentFailure {
    fn from(error: PropertyError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}

impl From<PropertyError> for ListenFailure {
    fn from(error: PropertyError) -> Self {
        Self::InvalidConfiguration(error.to_string().into())
    }
}

struct Suggestion<'a>(&'a [&'static str]);

impl std::fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, nearest) in self.0.iter().enumerate() {
            write!(f, "{}{nearest}", if n == 0 { "; did you mean " } else { " or " })?;
        }
        f.write_str(if self.0.is_empty() { "" } else { "?" })
    }
}
