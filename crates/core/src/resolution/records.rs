//! Questions and answers.

use super::srv::Service;
use crate::failure::ResolutionFailure;
use crate::racing::{Address, Answer, NoAnswer, RecordKind, ServiceRecord};
use std::fmt;

/// How many records of one answer count, those that came first: a name with more gains nothing by them.
pub const MAX_RECORDS: usize = 256;

/// A set of record types.
///
/// ```
/// # use neatflow_core::{racing::RecordKind, resolution::Kinds};
/// let kinds = Kinds::ADDRESSES.with(RecordKind::Https);
/// assert_eq!(kinds, Kinds::ALL);
/// assert!(kinds.iter().eq([RecordKind::Https, RecordKind::Aaaa, RecordKind::A]));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    /// No type.
    pub const NONE: Self = Self(0);
    /// Service bindings (RFC 9460).
    pub const HTTPS: Self = Self(1);
    /// IPv6 addresses.
    pub const AAAA: Self = Self(2);
    /// IPv4 addresses.
    pub const A: Self = Self(4);
    /// Addresses of both families.
    pub const ADDRESSES: Self = Self(6);
    /// Everything.
    pub const ALL: Self = Self(7);

    /// These, and one more.
    #[must_use]
    pub const fn with(self, kind: RecordKind) -> Self {
        Self(self.0 | Self::of(kind).0)
    }

    /// These, without one.
    #[must_use]
    pub const fn without(self, kind: RecordKind) -> Self {
        Self(self.0 & !Self::of(kind).0)
    }

    /// Whether it is one of them.
    pub const fn contains(self, kind: RecordKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// They, in the order in which they are asked for (draft-ietf-happy-happyeyeballs-v3 §4.1).
    pub fn iter(self) -> impl Iterator<Item = RecordKind> {
        [RecordKind::Https, RecordKind::Aaaa, RecordKind::A]
            .into_iter()
            .filter(move |&kind| self.contains(kind))
    }

    const fn of(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Https => Self::HTTPS,
            RecordKind::Aaaa => Self::AAAA,
            RecordKind::A => Self::A,
        }
    }
}

impl From<RecordKind> for Kinds {
    fn from(kind: RecordKind) -> Self {
        Self::of(kind)
    }
}

impl FromIterator<RecordKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = RecordKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a name has of one type: never nothing, and never more than [`MAX_RECORDS`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Records {
    /// Addresses, in the order of the source.
    Addresses(Vec<Address>),
    /// Service bindings, in the order of the source.
    Services(Vec<ServiceRecord>),
    /// Who provides a service (SRV), in the order of the source.
    Providers(Vec<Service>),
}

impl Records {
    /// The addresses; none if these are services.
    pub fn addresses(&self) -> &[Address] {
        match self {
            Self::Addresses(addresses) => addresses,
            _ => &[],
        }
    }

    /// The service bindings; none if these are addresses.
    pub fn services(&self) -> &[ServiceRecord] {
        match self {
            Self::Services(services) => services,
            _ => &[],
        }
    }

    /// Who provides a service; nobody if these are other records.
    pub fn providers(&self) -> &[Service] {
        match self {
            Self::Providers(providers) => providers,
            _ => &[],
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.addresses().len() + self.services().len() + self.providers().len()
    }

    /// Whether there are none, which no resolver says.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a race is told of a question that was answered like this.
pub fn answer(result: Result<Records, ResolutionFailure>) -> Answer {
    match result {
        Ok(Records::Addresses(addresses)) => Answer::Addresses(addresses),
        Ok(Records::Services(services)) => Answer::Services(services),
        // A race asks nobody for them.
        Ok(Records::Providers(_)) => Answer::Nothing(NoAnswer::NoData),
        Err(failure) => Answer::Nothing(NoAnswer::from(&failure)),
    }
}

impl From<&ResolutionFailure> for NoAnswer {
    fn from(failure: &ResolutionFailure) -> Self {
        match failure {
            ResolutionFailure::NoSuchName { .. } => Self::NxDomain,
            ResolutionFailure::NoAddresses { .. } | ResolutionFailure::NoServices { .. } => Self::NoData,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        for kind in Kinds::ALL.iter() {
            assert!(Kinds::NONE.with(kind).contains(kind) && !Kinds::ALL.without(kind).contains(kind));
            assert_eq!(Kinds::from(kind).len(), 1);
        }
        assert_eq!(Kinds::ALL.without(RecordKind::Https), Kinds::ADDRESSES);
        assert_eq!([RecordKind::A, RecordKind::Aaaa].into_iter().collect::<Kinds>(), Kinds::ADDRESSES);
        assert!(Kinds::NONE.is_empty());
        assert_eq!(format!("{:?}", Kinds::ADDRESSES), "{Aaaa, A}");
    }

    /// DNS-6.
    #[test]
    fn a_race_is_told_whether_there_is_nothing_or_nobody_knows() {
        let name = "x.example";
        let nothing = |failure| answer(Err(failure));
        let told = Answer::Nothing(NoAnswer::NoData);
        assert_eq!(nothing(ResolutionFailure::NoAddresses { name: name.into() }), told);
        assert_eq!(nothing(ResolutionFailure::NoServices { name: name.into() }), told);
        let told = nothing(ResolutionFailure::NoSuchName { name: name.into() });
        assert_eq!(told, Answer::Nothing(NoAnswer::NxDomain));
        let told = nothing(ResolutionFailure::ServerFailure { name: name.into(), code: "SERVFAIL".into() });
        assert_eq!(told, Answer::Nothing(NoAnswer::Failed));
    }
}
