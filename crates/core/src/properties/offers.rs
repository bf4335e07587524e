//! What a protocol stack offers, in the words of the selection properties.

use super::{Direction, Multipath, Preference, Role, SelectionProperties, SelectionProperty};

/// Whether a stack gives a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Offer {
    /// It cannot.
    #[default]
    Never,
    /// It can, with or without.
    Optional,
    /// It cannot do without.
    Always,
}

/// What a protocol stack offers for each selection property; [`Offer::Never`] where nothing is said, one path at a
/// time, both directions, every message at most once, and in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// By the number of the property: every accepted connection has one of these, so it is flat.
    features: [Offer; SelectionProperty::ALL.len()],
    multipath: Offer,
    direction: Direction,
    duplicates: bool,
    security: Offer,
}

impl Offers {
    /// A stack that offers nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same, and this property is offered so.
    #[must_use]
    pub fn with(mut self, property: SelectionProperty, offer: Offer) -> Self {
        self.features[property as usize] = offer;
        self
    }

    /// The same, and several paths at a time are offered so. RFC 9622 §6.2.14.
    #[must_use]
    pub fn with_multipath(mut self, offer: Offer) -> Self {
        self.multipath = offer;
        self
    }

    /// The same, and data flows this way only. RFC 9622 §6.2.16.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The same, and a message may arrive more than once (`true`), as over UDP: only applications whose messages are
    /// all safely replayable can use it. RFC 9622 §9.1.3.4.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: bool) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// The same, and what is sent is secured so: encrypted, and to a peer whose identity can be verified. It is not a
    /// selection property, but NEAT's `security`. RFC 9622 §6.3.
    #[must_use]
    pub fn with_security(mut self, offer: Offer) -> Self {
        self.security = offer;
        self
    }

    /// What is offered for a property.
    pub fn offer(&self, property: SelectionProperty) -> Offer {
        self.features[property as usize]
    }

    /// Whether several paths at a time are offered.
    pub fn multipath(&self) -> Offer {
        self.multipath
    }

    /// Which way data can flow.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether a message may arrive more than once. RFC 9622 §9.1.3.4.
    pub fn duplicates(&self) -> bool {
        self.duplicates
    }

    /// Whether what is sent is secured.
    pub fn security(&self) -> Offer {
        self.security
    }

    /// The properties whose Require or Prohibit these offers cannot satisfy, in the order of the RFC.
    pub fn violations(&self, wanted: &SelectionProperties) -> Vec<SelectionProperty> {
        let violated = |property: &SelectionProperty| {
            let offer = self.offer(*property);
            match wanted.preference(*property) {
                Preference::Require => offer == Offer::Never,
                Preference::Prohibit => offer == Offer::Always,
                _ => false,
            }
        };
        SelectionProperty::ALL.iter().copied().filter(violated).collect()
    }

    /// Whether data can flow the way that is wanted: both ways serve everyone.
    pub fn carries(&self, wanted: Direction) -> bool {
        self.direction == Direction::Bidirectional || self.direction == wanted
    }

    /// Whether one path at a time is possible, or more are wanted: `Disabled` does not rule out a stack that merely
    /// could use several (RFC 9622 §6.2.14).
    pub fn suits(&self, wanted: Multipath) -> bool {
        wanted != Multipath::Disabled || self.multipath != Offer::Always
    }

    /// Whether every Require and Prohibit can be satisfied, and direction and multipath too.
    pub fn satisfies(&self, wanted: &SelectionProperties, role: Role) -> bool {
        self.carries(wanted.direction())
            && self.suits(wanted.multipath(role))
            && self.violations(wanted).is_empty()
    }
}
