//! What a protocol stack offers, in the words of the selection properties.

use super::{Preference, SelectionProperties, SelectionProperty};
use std::collections::BTreeMap;

/// Whether a stack gives a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// It cannot.
    Never,
    /// It can, with or without.
    Optional,
    /// It cannot do without.
    Always,
}

/// What a protocol stack offers for each selection property; [`Offer::Never`] where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers(BTreeMap<SelectionProperty, Offer>);

impl Offers {
    /// A stack that offers nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same, and this property is offered so.
    #[must_use]
    pub fn with(mut self, property: SelectionProperty, offer: Offer) -> Self {
        self.0.insert(property, offer);
        self
    }

    /// What is offered for a property.
    pub fn offer(&self, property: SelectionProperty) -> Offer {
        self.0.get(&property).copied().unwrap_or(Offer::Never)
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
}
