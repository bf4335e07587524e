//! Why nothing is eligible, whoever asked.

use crate::endpoint::EndpointError;
use crate::failure::{EstablishmentFailure, ListenFailure};
use crate::properties::{PropertyError, SelectionProperty};

pub(super) enum Refusal {
    /// What was asked for makes no sense.
    Invalid(String),
    /// Nothing here can satisfy it.
    Nothing { properties: Vec<SelectionProperty>, why: String },
}

impl Refusal {
    /// Endpoints or interfaces are to blame.
    pub(super) fn no_path(why: String) -> Self {
        Self::Nothing { properties: Vec::new(), why }
    }
}

impl From<EndpointError> for Refusal {
    fn from(error: EndpointError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<PropertyError> for Refusal {
    fn from(error: PropertyError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<Refusal> for EstablishmentFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::InvalidConfiguration(why.into()),
            Refusal::Nothing { properties, why } => Self::NoCandidates { properties, why: why.into() },
        }
    }
}

impl From<Refusal> for ListenFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::InvalidConfiguration(why.into()),
            Refusal::Nothing { properties, why } => Self::NoCandidates { properties, why: why.into() },
        }
    }
}
