//! What a race asks the name servers, and what they say.

use super::address::Address;
use super::svcb::ServiceRecord;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Names a question within one race; ids rise in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u32);

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Names it.
    pub id: QueryId,
    /// For which of the race's targets, by its place.
    pub target: usize,
    /// About whom.
    pub name: Arc<str>,
    /// What is asked for.
    pub kind: RecordKind,
}

impl Query {
    pub(super) fn new(id: QueryId, target: usize, name: Arc<str>, kind: RecordKind) -> Self {
        Self { id, target, name, kind }
    }
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordKind {
    /// Service bindings (RFC 9460).
    Https,
    /// IPv6 addresses.
    Aaaa,
    /// IPv4 addresses.
    A,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "HTTPS",
            Self::Aaaa => "AAAA",
            Self::A => "A",
        })
    }
}

/// What the name servers say. A second answer to a question replaces the first (a record expired, or more came in).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses, in the order of the resolver.
    Addresses(Vec<Address>),
    /// These service bindings, in the order of the resolver.
    Services(Vec<ServiceRecord>),
    /// Nothing.
    Nothing(NoAnswer),
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoAnswer {
    /// The name has no records of this type.
    NoData,
    /// There is no such name.
    NxDomain,
    /// The question was not answered: SERVFAIL, an authentication failure, a timeout, a transport error.
    Failed,
}
