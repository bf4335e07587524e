//! What was said of interfaces and provisioning domains (RFC 9622 §6.2.11, §6.2.12), and which interfaces it is about.

use super::cib::Cib;
use super::inventory::{InterfaceRow, Inventory};
use super::neat::{Properties, Property, Text};
use super::refusal::Refusal;
use super::wishes::{AVOID_PATH, PREFER_PATH, wish};
use crate::properties::{Preference, Role, SelectionProperties};
use std::sync::Arc;

/// One wish for a place.
pub(super) struct Place {
    /// `interface/eth0` or `pvd/work`: true where a path leads through it.
    key: Text,
    pub(super) preference: Preference,
    pub(super) what: String,
    /// The interfaces it is about, by their places in the inventory.
    members: Vec<usize>,
}

impl Place {
    pub(super) fn is(&self, interface: usize) -> bool {
        self.members.contains(&interface)
    }
}

/// The wishes for places that there are; an interface that is named twice, by name and by index, has the strongest
/// refusal. A listener listens on all it may, so what it would merely like does not matter.
///
/// *Errors*: something is required that is not there.
pub(super) fn places(
    said: &SelectionProperties,
    inventory: &Inventory,
    cib: &Cib,
    role: Role,
) -> Result<Vec<Place>, Refusal> {
    let mut places: Vec<Place> = Vec::new();
    for (preference, name) in said.pvds() {
        let members = domain(name, inventory, cib);
        if *preference == Preference::Require && members.is_empty() {
            return Err(Refusal::no_path(format!("required provisioning domain {name} is not known here")));
        }
        let what = format!("provisioning domain {name}");
        let place = Place { key: format!("pvd/{name}").into(), preference: *preference, what, members };
        places.extend((!place.members.is_empty()).then_some(place));
    }
    for (preference, name) in said.interfaces() {
        if *preference == Preference::Require {
            usable(inventory, name).map_err(Refusal::no_path)?;
        }
        let Some(member) = place_of(inventory, name) else { continue };
        let name: &Arc<str> = &inventory.interfaces[member].name;
        let key: Text = format!("interface/{name}").into();
        match places.iter_mut().find(|place| place.key == key) {
            Some(place) => place.preference = place.preference.min(*preference),
            None => {
                let what = name.to_string();
                places.push(Place { key, preference: *preference, what, members: vec![member] });
            }
        }
    }
    let mild = |preference| matches!(preference, Preference::Prefer | Preference::Avoid);
    places.retain(|place| role != Role::Listen || !mild(place.preference));
    Ok(places)
}

/// What is wished for, as properties.
pub(super) fn wishes(places: &[Place]) -> Properties {
    let wish = |place: &Place| Some((place.key.clone(), wish(place.preference, PREFER_PATH, AVOID_PATH)?));
    places.iter().filter_map(wish).collect()
}

/// The row of a path: its interface and address, and which of the wishes it is about. A path that the routing table
/// chooses is not known to lead through any of them.
pub(super) fn row(
    places: &[Place],
    interface: Option<(usize, &InterfaceRow)>,
    address: Option<std::net::IpAddr>,
) -> Properties {
    let mut row = Properties::new();
    for place in places {
        let through = interface.is_some_and(|(member, _)| place.is(member));
        row.insert(place.key.clone(), Property::immutable(through));
    }
    if let Some((_, interface)) = interface {
        row.insert(Text::fixed("interface"), Property::immutable(Text::from(interface.name.clone())));
    }
    if let Some(address) = address.filter(|address| !address.is_unspecified()) {
        row.insert(Text::fixed("local_ip"), Property::immutable(Text::from(address.to_string())));
    }
    row
}

pub(super) fn usable<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a InterfaceRow, String> {
    match inventory.interface(name) {
        None => Err(format!("there is no interface {name}")),
        Some(row) if !row.up => Err(format!("interface {name} is down")),
        Some(row) => Ok(row),
    }
}

/// The place in the inventory of the interface of this name or index.
pub(super) fn place_of(inventory: &Inventory, name: &str) -> Option<usize> {
    let named = inventory.interface(name)?;
    inventory.interfaces.iter().position(|row| row.name == named.name)
}

/// The interfaces that nodes of the CIB say belong to a provisioning domain.
fn domain(name: &str, inventory: &Inventory, cib: &Cib) -> Vec<usize> {
    let domain = Properties::new().with(Text::fixed("pvd"), Property::requested(name));
    let here = |row: &InterfaceRow| {
        let through =
            domain.clone().with(Text::fixed("interface"), Property::requested(Text::from(row.name.clone())));
        cib.rows().iter().any(|known| known.properties.contains(&through))
    };
    let interfaces = inventory.interfaces.iter().enumerate();
    interfaces.filter(|(_, row)| here(row)).map(|(place, _)| place).collect()
}
