//! Which paths there are for a request.

use super::inventory::{InterfaceRow, Inventory};
use super::neat::Properties;
use super::places::{Place, place_of, row, usable};
use super::refusal::Refusal;
use super::request::Request;
use crate::candidate::Protocol;
use crate::endpoint::{self, LocalEndpoint};
use crate::properties::Preference;
use std::net::IpAddr;
use std::sync::Arc;

/// An error names at most this many local endpoints.
const MAX_NAMED: usize = 8;

/// Where a connection leaves this host, or arrives at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Path {
    /// The interface it is bound to; `None` leaves the choice to the routing table.
    pub interface: Option<Arc<str>>,
    /// The local address it is bound to; `None` lets the system choose.
    pub address: Option<IpAddr>,
    /// The local port; 0 lets the system choose.
    pub port: u16,
}

/// A path with its row, and the only protocol it is for, if its local endpoint names one (RFC 9622 §6.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) path: Path,
    pub(super) row: Properties,
    protocol: Option<Protocol>,
}

impl Way {
    pub(super) fn is_for(&self, protocol: &Protocol) -> bool {
        endpoint::is_for(self.protocol.as_ref(), protocol)
    }

    /// The same path, bound to this interface.
    pub(super) fn through(&self, interface: &InterfaceRow) -> Self {
        let path = Path { interface: Some(interface.name.clone()), ..self.path.clone() };
        Self { path, ..self.clone() }
    }
}

/// The paths that are not prohibited, in the order of the local endpoints, and for each of them those that were named
/// before the others. Which of them is wanted most is a matter of their rows.
///
/// *Errors*: there is none, and why.
pub(super) fn ways(request: &Request, inventory: &Inventory, places: &[Place]) -> Result<Vec<Way>, Refusal> {
    let slots = Slots::new(inventory, places)?;
    let anywhere = [LocalEndpoint::new()];
    let locals = if request.locals.is_empty() { &anywhere[..] } else { &request.locals[..] };

    let mut ways: Vec<Way> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for local in locals {
        match slots.of(local) {
            Ok(found) => {
                for way in found.into_iter().map(|slot| slots.way(slot, local)) {
                    if !ways.contains(&way) {
                        ways.push(way);
                    }
                }
            }
            Err(why) => refused.push(why),
        }
    }
    // One local endpoint that is gone does not matter while there is another.
    if ways.is_empty() {
        refused.truncate(MAX_NAMED);
        return Err(Refusal::no_path(refused.join("; ")));
    }
    Ok(ways)
}

/// A way out: an interface, by its place in the inventory, or whichever the routing table chooses.
type Slot = Option<usize>;

/// The ways out of this host.
struct Slots<'a> {
    inventory: &'a Inventory,
    places: &'a [Place],
    slots: Vec<Slot>,
}

impl<'a> Slots<'a> {
    fn new(inventory: &'a Inventory, places: &'a [Place]) -> Result<Self, Refusal> {
        let mut slots = Self { inventory, places, slots: Vec::new() };
        slots.slots = slots.all();
        if slots.slots.is_empty() {
            let required = places.iter().find(|place| place.preference == Preference::Require);
            return Err(Refusal::no_path(required.map_or_else(
                || "every interface that is up is prohibited".to_owned(),
                |place| format!("every interface of the required {} is down or prohibited", place.what),
            )));
        }
        Ok(slots)
    }

    /// What was said of an interface: the strongest refusal counts.
    fn said_of(&self, interface: usize) -> Preference {
        let about = self.places.iter().filter(|place| place.is(interface));
        about.map(|place| place.preference).min().unwrap_or_default()
    }

    fn required(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.preference == Preference::Require)
    }

    /// The ways out for a local endpoint that names none.
    fn all(&self) -> Vec<Slot> {
        let interfaces = &self.inventory.interfaces;
        let up_and = |wanted: fn(Preference) -> bool| {
            (0..interfaces.len())
                .filter(move |place| interfaces[*place].up && wanted(self.said_of(*place)))
                .collect::<Vec<_>>()
        };
        if self.required().next().is_some() {
            let allowed = up_and(|said| said != Preference::Prohibit);
            let named = |place: &usize| self.required().all(|required| required.is(*place));
            return allowed.into_iter().filter(named).map(Some).collect();
        }
        let mut slots: Vec<Slot> = up_and(|said| said == Preference::Prefer).into_iter().map(Some).collect();
        // The routing table may choose what is prohibited or avoided, so every other interface is named instead.
        let prohibited = (0..interfaces.len()).any(|place| self.said_of(place) == Preference::Prohibit);
        let avoided = up_and(|said| said == Preference::Avoid);
        if !prohibited && avoided.is_empty() {
            slots.push(None);
            return slots;
        }
        let neutral = up_and(|said| said == Preference::NoPreference);
        let others = |loopback: bool| {
            let fits = move |place: &&usize| {
                let row = &interfaces[**place];
                row.loopback == loopback && !row.addresses.is_empty()
            };
            neutral.iter().filter(fits).copied().map(Some).collect::<Vec<_>>()
        };
        slots.extend(others(false));
        slots.extend(others(true));
        slots.extend(avoided.into_iter().map(Some));
        slots
    }

    /// The ways out for this local endpoint.
    fn of(&self, local: &LocalEndpoint) -> Result<Vec<Slot>, String> {
        let mut slots = match &local.interface {
            None => self.slots.clone(),
            Some(name) => vec![Some(self.on(name)?)],
        };
        let Some(address) = local.literal().filter(|address| !address.is_unspecified()) else {
            return Ok(slots);
        };
        if !address.is_loopback() && self.inventory.owner(address).is_none() {
            return Err(format!("no interface has the local address {address}"));
        }
        slots.retain(|slot| slot.is_none_or(|place| self.inventory.interfaces[place].has(address)));
        if slots.is_empty() {
            return Err(format!("the local address {address} is on no interface that may be used"));
        }
        Ok(slots)
    }

    /// The interface that a local endpoint names.
    fn on(&self, name: &str) -> Result<usize, String> {
        usable(self.inventory, name)?;
        let place = place_of(self.inventory, name).unwrap_or_default();
        if let Some(required) = self.required().find(|required| !required.is(place)) {
            return Err(format!("local interface {name} is not the required {}", required.what));
        }
        if self.said_of(place) == Preference::Prohibit {
            return Err(format!("local interface {name} is prohibited"));
        }
        Ok(place)
    }

    fn way(&self, slot: Slot, local: &LocalEndpoint) -> Way {
        let interface = slot.map(|place| (place, &self.inventory.interfaces[place]));
        let path = Path {
            interface: interface.map(|(_, row)| row.name.clone()),
            address: local.literal(),
            port: local.port.unwrap_or(0),
        };
        Way { row: row(self.places, interface, path.address), path, protocol: local.protocol.clone() }
    }
}
