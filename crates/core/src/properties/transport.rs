//! Everything an application asks of a transport, in one value.

use super::{
    ConnectionProperties, Direction, MessageProperties, Multipath, Preference, SelectionProperties, Selector,
    VendorProperties,
};
use crate::policy::neat::Alternatives;
use std::fmt;

/// Everything an application asks of a transport: how to choose it, and how to run it.
///
/// ```
/// # use neatflow_core::properties::{Interface, SelectionProperty, TransportProperties};
/// let wanted = TransportProperties::new()
///     .require(SelectionProperty::Reliability)
///     .prefer(SelectionProperty::Multistreaming)
///     .prohibit(Interface::named("wwan0"));
/// assert_eq!(wanted.get_by_name("multistreaming")?, "Prefer");
/// # Ok::<(), neatflow_core::properties::PropertyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TransportProperties {
    /// How to choose paths and protocols (RFC 9622 §6.2).
    pub selection: SelectionProperties,
    /// How to run what was chosen (RFC 9622 §8.1).
    pub connection: ConnectionProperties,
    /// What holds for every message of which nothing else is said (RFC 9622 §9.1.3).
    pub message: MessageProperties,
    /// What no RFC knows (RFC 9622 §4.1).
    pub vendor: VendorProperties,
    /// What is asked for in NEAT's language, besides. It is part of no other text or JSON of properties.
    pub neat: Alternatives,
}

impl TransportProperties {
    /// Every property at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Select only what has it. RFC 9622 appendix B.1 (`Require`).
    #[must_use]
    pub fn require(self, what: impl Into<Selector>) -> Self {
        self.with(what, Preference::Require)
    }

    /// Rather with it. RFC 9622 appendix B.1 (`Prefer`).
    #[must_use]
    pub fn prefer(self, what: impl Into<Selector>) -> Self {
        self.with(what, Preference::Prefer)
    }

    /// Either way. RFC 9622 appendix B.1 (`NoPreference`).
    #[must_use]
    pub fn no_preference(self, what: impl Into<Selector>) -> Self {
        self.with(what, Preference::NoPreference)
    }

    /// Rather without it. RFC 9622 appendix B.1 (`Avoid`).
    #[must_use]
    pub fn avoid(self, what: impl Into<Selector>) -> Self {
        self.with(what, Preference::Avoid)
    }

    /// Select only what does not have it. RFC 9622 appendix B.1 (`Prohibit`).
    #[must_use]
    pub fn prohibit(self, what: impl Into<Selector>) -> Self {
        self.with(what, Preference::Prohibit)
    }

    /// Whatever it is when nothing is said: the RFC's default for a property, no preference for an interface or a
    /// provisioning domain. NEATPy calls it `default`, which is taken here.
    #[must_use]
    pub fn with_default(mut self, what: impl Into<Selector>) -> Self {
        match what.into() {
            Selector::Property(property) => self.selection.unset(property),
            place => self.set(place, Preference::NoPreference),
        }
        self
    }

    /// The preference for a property, an interface or a provisioning domain; it overrides an earlier one.
    #[must_use]
    pub fn with(mut self, what: impl Into<Selector>, preference: Preference) -> Self {
        self.set(what, preference);
        self
    }

    /// Sets the preference for a property, an interface or a provisioning domain; it overrides an earlier one.
    pub fn set(&mut self, what: impl Into<Selector>, preference: Preference) {
        match what.into() {
            Selector::Property(property) => self.selection.set(property, preference),
            Selector::Interface(interface) => self.selection.set_interface(interface.name, preference),
            Selector::Pvd(pvd) => self.selection.set_pvd(pvd.name, preference),
        }
    }

    /// What is asked for in NEAT's language, besides: its property files read so
    /// ([`Alternatives::from_json`]). It replaces what was said so before.
    #[must_use]
    pub fn with_neat(mut self, neat: impl Into<Alternatives>) -> Self {
        self.neat = neat.into();
        self
    }

    /// Whether, and how, several paths are used. RFC 9622 §6.2.14.
    #[must_use]
    pub fn multipath(mut self, multipath: Multipath) -> Self {
        self.selection.set_multipath(multipath);
        self
    }

    /// Whether the peer is told of other addresses. Default: false. RFC 9622 §6.2.15.
    #[must_use]
    pub fn advertises_altaddr(mut self, advertises: bool) -> Self {
        self.selection.set_advertises_altaddr(advertises);
        self
    }

    /// In which direction data will flow. Default: Bidirectional. RFC 9622 §6.2.16.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.selection.set_direction(direction);
        self
    }
}

impl fmt::Display for TransportProperties {
    /// Writes what was said: `reliability=Require; connTimeout=2.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.said().enumerate() {
            write!(f, "{}{name}={value}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{Interface, SelectionProperty};

    #[test]
    fn a_default_is_as_if_nothing_had_been_said() {
        let said = TransportProperties::new()
            .prohibit(SelectionProperty::Reliability)
            .require(Interface::named("eth0"));
        assert_eq!(said.to_string(), "reliability=Prohibit; interface=eth0=Require");
        let unsaid = said.with_default(SelectionProperty::Reliability).with_default(Interface::named("eth0"));
        assert_eq!(unsaid, TransportProperties::new());
        assert_eq!(unsaid.to_string(), "");
    }
}
