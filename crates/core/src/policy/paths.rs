//! Which paths are eligible, and in which order.

use super::inventory::{InterfaceRow, Inventory};
use super::refusal::Refusal;
use super::request::Request;
use crate::candidate::Protocol;
use crate::endpoint::{self, LocalEndpoint};
use crate::properties::{Preference, Role, SelectionProperties};
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

/// A path, and the only protocol it is for, if its local endpoint names one (RFC 9622 §6.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) path: Path,
    protocol: Option<Protocol>,
}

impl Way {
    pub(super) fn is_for(&self, protocol: &Protocol) -> bool {
        endpoint::is_for(self.protocol.as_ref(), protocol)
    }
}

/// The eligible paths: preferred interfaces first, avoided ones last, within that the local endpoints in the order
/// given.
///
/// *Errors*: there is none, and why.
pub(super) fn eligible(request: &Request, inventory: &Inventory, role: Role) -> Result<Vec<Way>, Refusal> {
    let wishes = Wishes::new(&request.properties.selection, inventory, role)?;
    let anywhere = [LocalEndpoint::new()];
    let locals = if request.locals.is_empty() { &anywhere[..] } else { &request.locals[..] };

    let mut ranked: Vec<(Rank, Way)> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for local in locals {
        match wishes.slots_of(local, inventory) {
            Ok(slots) => ranked.extend(slots.iter().map(|slot| (slot.rank, slot.way(local)))),
            Err(why) => refused.push(why),
        }
    }
    // One local endpoint that is gone does not matter while there is another.
    if ranked.is_empty() {
        refused.truncate(MAX_NAMED);
        return Err(Refusal::no_path(refused.join("; ")));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut ways: Vec<Way> = Vec::with_capacity(ranked.len());
    for (_, way) in ranked {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    Ok(ways)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Wanted,
    Neutral,
    Avoided,
}

/// A way out: an interface, or whichever the routing table chooses.
#[derive(Clone, Copy)]
struct Slot<'a> {
    rank: Rank,
    row: Option<&'a InterfaceRow>,
}

impl Slot<'_> {
    fn way(&self, local: &LocalEndpoint) -> Way {
        let interface = self.row.map(|row| row.name.clone());
        let path = Path { interface, address: local.literal(), port: local.port.unwrap_or(0) };
        Way { path, protocol: local.protocol.clone() }
    }
}

/// What the interface property says of the interfaces there are (RFC 9622 §6.2.11).
struct Wishes<'a> {
    required: Option<&'a InterfaceRow>,
    /// For each interface of the inventory.
    preferences: Vec<Preference>,
    slots: Vec<Slot<'a>>,
}

impl<'a> Wishes<'a> {
    fn new(said: &SelectionProperties, inventory: &'a Inventory, role: Role) -> Result<Self, Refusal> {
        let required = |set: &[(Preference, Arc<str>)]| {
            set.iter()
                .find(|(preference, _)| *preference == Preference::Require)
                .map(|(_, name)| name.clone())
        };
        if let Some(name) = required(said.pvds()) {
            return Err(Refusal::no_path(format!("required provisioning domain {name} is not known here")));
        }
        let required = match required(said.interfaces()) {
            Some(name) => Some(usable(inventory, &name).map_err(Refusal::no_path)?),
            None => None,
        };
        let preferences: Vec<_> =
            inventory.interfaces.iter().map(|row| preference(said, inventory, row, role)).collect();
        let mut wishes = Self { required, preferences, slots: Vec::new() };
        wishes.slots = wishes.all_slots(inventory);
        if wishes.slots.is_empty() {
            return Err(Refusal::no_path("every interface that is up is prohibited".to_owned()));
        }
        Ok(wishes)
    }

    /// The ways out for a local endpoint that names none.
    fn all_slots(&self, inventory: &'a Inventory) -> Vec<Slot<'a>> {
        if let Some(row) = self.required {
            return self.slot_of(inventory, row).into_iter().collect();
        }
        let rows = || inventory.interfaces.iter().zip(&self.preferences);
        let up_and = |wanted: Preference| {
            rows().filter(move |(row, said)| row.up && **said == wanted).map(|(row, _)| row)
        };
        let bound = |rank: Rank| move |row: &'a InterfaceRow| Slot { rank, row: Some(row) };

        let mut slots: Vec<_> = up_and(Preference::Prefer).map(bound(Rank::Wanted)).collect();
        // The routing table may choose what is prohibited or avoided, so every other interface is named instead.
        let prohibited = rows().any(|(_, said)| *said == Preference::Prohibit);
        if !prohibited && up_and(Preference::Avoid).next().is_none() {
            slots.push(Slot { rank: Rank::Neutral, row: None });
            return slots;
        }
        let others = |loopback: bool| {
            up_and(Preference::NoPreference)
                .filter(move |row| row.loopback == loopback && !row.addresses.is_empty())
                .map(bound(Rank::Neutral))
        };
        slots.extend(others(false));
        slots.extend(others(true));
        slots.extend(up_and(Preference::Avoid).map(bound(Rank::Avoided)));
        slots
    }

    /// The ways out for this local endpoint.
    fn slots_of(&self, local: &LocalEndpoint, inventory: &'a Inventory) -> Result<Vec<Slot<'a>>, String> {
        let mut slots = match &local.interface {
            None => self.slots.clone(),
            Some(name) => vec![self.slot_on(name, inventory)?],
        };
        let Some(address) = local.literal().filter(|address| !address.is_unspecified()) else {
            return Ok(slots);
        };
        if !address.is_loopback() && inventory.owner(address).is_none() {
            return Err(format!("no interface has the local address {address}"));
        }
        slots.retain(|slot| slot.row.is_none_or(|row| row.has(address)));
        if slots.is_empty() {
            return Err(format!("the local address {address} is on no interface that may be used"));
        }
        Ok(slots)
    }

    fn slot_on(&self, name: &str, inventory: &'a Inventory) -> Result<Slot<'a>, String> {
        let row = usable(inventory, name)?;
        if let Some(required) = self.required.filter(|required| required.name != row.name) {
            return Err(format!("local interface {name} is not the required {}", required.name));
        }
        self.slot_of(inventory, row).ok_or_else(|| format!("local interface {name} is prohibited"))
    }

    /// The way out through this interface, if it is not prohibited.
    fn slot_of(&self, inventory: &Inventory, row: &'a InterfaceRow) -> Option<Slot<'a>> {
        let place = inventory.interfaces.iter().position(|known| known.name == row.name)?;
        let rank = match self.preferences.get(place)? {
            Preference::Prohibit => return None,
            Preference::Avoid => Rank::Avoided,
            Preference::NoPreference => Rank::Neutral,
            Preference::Prefer | Preference::Require => Rank::Wanted,
        };
        Some(Slot { rank, row: Some(row) })
    }
}

/// What was said of an interface, by its name or its index; the strongest refusal counts. A listener listens on all
/// it may, so what it would merely like does not matter.
fn preference(
    said: &SelectionProperties,
    inventory: &Inventory,
    row: &InterfaceRow,
    role: Role,
) -> Preference {
    let about = |name: &str| inventory.interface(name).is_some_and(|named| named.name == row.name);
    let preferences =
        said.interfaces().iter().filter(|(_, name)| about(name)).map(|(preference, _)| *preference);
    match preferences.min().unwrap_or_default() {
        Preference::Prefer | Preference::Avoid if role == Role::Listen => Preference::NoPreference,
        preference => preference,
    }
}

fn usable<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a InterfaceRow, String> {
    match inventory.interface(name) {
        None => Err(format!("there is no interface {name}")),
        Some(row) if !row.up => Err(format!("interface {name} is down")),
        Some(row) => Ok(row),
    }
}
