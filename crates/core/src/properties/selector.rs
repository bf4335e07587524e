//! What a preference can be about.

use super::SelectionProperty;
use std::sync::Arc;

/// What a preference can be about: a feature of a transport, or a place in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// A feature.
    Property(SelectionProperty),
    /// An interface.
    Interface(Interface),
    /// A provisioning domain.
    Pvd(Pvd),
}

/// A network interface (RFC 9622 §6.2.11).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    pub(super) name: Arc<str>,
}

/// A provisioning domain: a consistent set of network properties (RFC 9622 §6.2.12, RFC 7556).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pvd {
    pub(super) name: Arc<str>,
}

impl Interface {
    /// The interface of this name, as the system calls it (`eth0`), or of this index in digits.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into() }
    }
}

impl Pvd {
    /// The provisioning domain of this name (a domain name, where RFC 8801 announces it).
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into() }
    }
}

impl From<SelectionProperty> for Selector {
    fn from(property: SelectionProperty) -> Self {
        Self::Property(property)
    }
}

impl From<Interface> for Selector {
    fn from(interface: Interface) -> Self {
        Self::Interface(interface)
    }
}

impl From<Pvd> for Selector {
    fn from(pvd: Pvd) -> Self {
        Self::Pvd(pvd)
    }
}
