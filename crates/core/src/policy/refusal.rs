//! Why nothing is eligible, whoever asked.

use crate::endpoint::EndpointError;
use crate::failure::{EstablishmentFailure, ListenFailure};
use crate::properties::{PropertyError, SelectionProperty};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// What was asked for makes no sense.
    Invalid(Arc<str>),
    /// Nothing here can satisfy it.
    Nothing { properties: Vec<SelectionProperty>, why: Arc<str> },
}

impl Refusal {
    /// Endpoints or interfaces are to blame.
    pub(super) fn no_path(why: String) -> Self {
        Self::Nothing { properties: Vec::new(), why: why.into() }
    }
}

impl From<EndpointError> for Refusal {
    fn from(error: EndpointError) -> Self {
        Self::Invalid(error.to_string().into())
    }
}

impl From<PropertyError> for Refusal {
    fn from(error: PropertyError) -> Self {
        Self::Invalid(error.to_string().into())
    }
}

impl From<Refusal> for EstablishmentFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::InvalidConfiguration(why),
            Refusal::Nothing { properties, why } => Self::NoCandidates { properties, why },
        }
    }
}

impl From<Refusal> for ListenFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::InvalidConfiguration(why),
            Refusal::Nothing { properties, why } => Self::NoCandidates { properties, why },
        }
    }
}
