//! One target's names: what is asked, what is known, and whether that is enough to begin.
//
// draft-ietf-happy-happyeyeballs-v3 §4. Questions about the host go out at the start; those about a TargetName as soon
// as a record names it. A name's addresses are its records, or, until there are any, the hints of a service.

use super::address::{Address, Family};
use super::config::{Config, DelayFrom};
use super::dice;
use super::dns::{Answer, NoAnswer, Query, QueryId, RecordKind};
use super::network::Network;
use super::svcb::{self, MAX_ALIASES, MAX_SERVICES, ServiceRecord};
use super::target::{Ech, Host, Target};
use crate::candidate::Protocol;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// At most this many addresses of one answer are looked at, in the order of the resolver.
pub const MAX_ADDRESSES: usize = 1024;

/// At most this many names are asked about for one target: a zone that names ever more of them is left alone.
pub const MAX_NAMES: usize = 1 + MAX_ALIASES + MAX_SERVICES;

/// What is known of a target.
#[derive(Clone, Debug)]
pub(super) struct Resolution {
    target: Target,
    /// The host first; none for a literal.
    names: Vec<Name>,
    /// The last name of the alias chain, as far as it is known.
    owner: usize,
    /// Those that we can use, by priority, and the names that serve them.
    services: Vec<Service>,
    binding: Binding,
    unasked: VecDeque<(usize, RecordKind)>,
    asked: BTreeMap<QueryId, (usize, RecordKind)>,
    first_answer: Option<Time>,
    first_address: Option<Time>,
}

#[derive(Clone, Debug)]
struct Name {
    name: Arc<str>,
    https: Slot<Result<Vec<ServiceRecord>, NoAnswer>>,
    v6: Slot<Vec<Address>>,
    v4: Slot<Vec<Address>>,
}

/// What became of a question.
#[derive(Clone, Debug)]
enum Slot<T> {
    Unasked,
    Open,
    Answered(T),
}

#[derive(Clone, Debug)]
struct Service {
    record: ServiceRecord,
    transports: Vec<Protocol>,
    name: usize,
}

/// Whether service information is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    Pending,
    /// It is, or there is none.
    Concluded,
    /// It could not be had, and its lack cannot be told from an attack (RFC 9460 §3.1).
    Fatal,
}

/// Addresses that are tried in the same way.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The place of that name.
    place: Option<usize>,
    /// The name they are of.
    pub(super) name: Option<Arc<str>>,
    pub(super) transports: Vec<Protocol>,
    pub(super) port: u16,
    pub(super) alpn: Vec<Arc<str>>,
    pub(super) ech: Option<Arc<[u8]>>,
    pub(super) addresses: Vec<Address>,
}

/// When the race may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    At(Time),
    Closed,
}

impl Resolution {
    pub(super) fn new(target: Target, network: &Network) -> Self {
        let mut resolution = Self {
            names: Vec::new(),
            owner: 0,
            services: Vec::new(),
            binding: Binding::Concluded,
            unasked: VecDeque::new(),
            asked: BTreeMap::new(),
            first_answer: None,
            first_address: None,
            target,
        };
        if let Host::Name(host) = resolution.target.host.clone() {
            resolution.name(&host, resolution.target.services, network);
            resolution.follow(network);
        }
        resolution
    }

    /// Its address, if it needs no question.
    pub(super) fn literal(&self) -> Option<&Address> {
        match &self.target.host {
            Host::Literal(address) => Some(address),
            Host::Name(_) => None,
        }
    }

    /// The next question to ask, under this id, for the target of this place.
    pub(super) fn ask(&mut self, id: QueryId, target: usize) -> Option<Query> {
        let (place, kind) = self.unasked.pop_front()?;
        self.asked.insert(id, (place, kind));
        Some(Query::new(id, target, self.names.get(place)?.name.clone(), kind))
    }

    /// Takes note of an answer; false if it is to no question of this target.
    pub(super) fn answer(&mut self, id: QueryId, answer: Answer, network: &Network, now: Time) -> bool {
        let Some(&(place, kind)) = self.asked.get(&id) else { return false };
        let Some(name) = self.names.get_mut(place) else { return false };
        match (kind, answer) {
            (RecordKind::Https, Answer::Services(mut records)) => {
                records.truncate(MAX_SERVICES);
                name.https = Slot::Answered(Ok(records));
            }
            (RecordKind::Https, Answer::Nothing(why)) => name.https = Slot::Answered(Err(why)),
            // An answer to another question is none to this one.
            (RecordKind::Https, Answer::Addresses(_)) => name.https = Slot::Answered(Err(NoAnswer::Failed)),
            (RecordKind::Aaaa, answer) => name.v6 = Slot::Answered(addresses_in(answer)),
            (RecordKind::A, answer) => name.v4 = Slot::Answered(addresses_in(answer)),
        }
        if kind == RecordKind::Https {
            self.follow(network);
        }
        self.first_answer.get_or_insert(now);
        true
    }

    /// Asks what this network lets one ask and the one before did not.
    pub(super) fn network_changed(&mut self, network: &Network) {
        for place in 0..self.names.len() {
            self.ask_for_addresses(place, network);
        }
    }

    /// Notes when the first address was known that one could connect to.
    pub(super) fn addresses_are_known(&mut self, now: Time) {
        self.first_address.get_or_insert(now);
    }

    /// Whether more may become known.
    pub(super) fn is_open(&self) -> bool {
        let open = |name: &Name| name.https.is_open() || name.v6.is_open() || name.v4.is_open();
        self.names.iter().any(open)
    }

    /// Whether service information could not be had although it must be.
    pub(super) fn is_fatal(&self) -> bool {
        self.binding == Binding::Fatal
    }

    /// Whether security handshakes wait for service information.
    pub(super) fn holds_security(&self) -> bool {
        self.binding == Binding::Pending && self.target.relies_on_services()
    }

    /// Whether enough is known to begin, given that there is something to start.
    pub(super) fn gate(&self, network: &Network, config: &Config) -> Gate {
        if matches!(self.target.host, Host::Literal(_)) {
            return Gate::Open;
        }
        // One name with addresses is enough, if the preferred family of that name is known.
        let preferred = network.preferred(config.preferred_family);
        let answered = self.groups(config).iter().any(|group| {
            let known = |address: &Address| network.reach(address).is_some();
            group.addresses.iter().any(known) && self.knows(group.place, preferred)
        });
        let waits_for_names = !config.start_with_owner && self.services_are_unresolved();
        if answered && self.binding == Binding::Concluded && !waits_for_names {
            return Gate::Open;
        }
        let since = match config.resolution_delay_from {
            DelayFrom::Address => self.first_address,
            DelayFrom::Answer => self.first_answer,
        };
        since.map_or(Gate::Closed, |since| Gate::At(since + config.resolution_delay))
    }

    /// Whether this name's addresses of a family are known, or known not to be, or hinted at.
    fn knows(&self, place: Option<usize>, family: Family) -> bool {
        let Some(name) = place.and_then(|place| self.names.get(place)) else { return true };
        let hinted =
            |service: &Service| Some(service.name) == place && !hints(&service.record, family).is_empty();
        name.slot(family).is_answered() || self.services.iter().any(hinted)
    }

    /// What is known, in the order in which it is to be tried; within a group the addresses are as the resolver gave
    /// them.
    pub(super) fn groups(&self, config: &Config) -> Vec<Group> {
        if let Host::Literal(address) = &self.target.host {
            return vec![Group { addresses: vec![address.clone()], ..self.plain(None) }];
        }
        let mut services: Vec<&Service> = self.services.iter().collect();
        services.sort_by_key(|service| {
            let worse = self.target.ech == Ech::Prefer && service.record.ech.is_none();
            let chance = |seed| dice::roll(seed, service.record.target.as_bytes());
            (worse, service.record.priority, config.seed.map(chance))
        });
        let mut groups: Vec<Group> =
            services.into_iter().map(|service| self.group(service, config)).collect();
        // The end of the alias chain and the host itself come last, where no service of theirs is known
        // (draft-ietf-happy-happyeyeballs-v3 §5.2, RFC 9460 §3).
        let ends = [Some(self.owner), (self.owner != 0).then_some(0)];
        for place in ends.into_iter().flatten() {
            if !self.services.iter().any(|service| service.name == place) {
                groups.push(self.without_service(place));
            }
        }
        groups
    }

    fn group(&self, service: &Service, config: &Config) -> Group {
        let name = self.names.get(service.name);
        let of = |family: Family| {
            let hints = hints(&service.record, family);
            match name.map(|name| name.slot(family)) {
                Some(Slot::Answered(records)) if !records.is_empty() || !config.keep_hints => records,
                _ => hints,
            }
        };
        Group {
            place: Some(service.name),
            name: name.map(|name| name.name.clone()),
            transports: service.transports.clone(),
            port: service.record.port.unwrap_or(self.target.port),
            alpn: self.common_alpn(&service.record),
            ech: service.record.ech.clone().filter(|_| self.target.ech != Ech::Off),
            addresses: [of(Family::V6).as_slice(), of(Family::V4).as_slice()].concat(),
        }
    }

    fn without_service(&self, place: usize) -> Group {
        let Some(name) = self.names.get(place) else { return self.plain(None) };
        let addresses = [Family::V6, Family::V4].into_iter().filter_map(|family| match name.slot(family) {
            Slot::Answered(records) => Some(records.as_slice()),
            Slot::Unasked | Slot::Open => None,
        });
        Group {
            addresses: addresses.flatten().cloned().collect(),
            ..self.plain(Some((place, name.name.clone())))
        }
    }

    /// The target as it is, without addresses.
    fn plain(&self, name: Option<(usize, Arc<str>)>) -> Group {
        Group {
            place: name.as_ref().map(|(place, _)| *place),
            name: name.map(|(_, name)| name),
            transports: self.target.transports.clone(),
            port: self.target.port,
            alpn: self.target.alpn.clone(),
            ech: None,
            addresses: Vec::new(),
        }
    }

    fn common_alpn(&self, record: &ServiceRecord) -> Vec<Arc<str>> {
        let implied = |name: &str| name == "http/1.1" && !record.no_default_alpn;
        let spoken = |name: &&Arc<str>| record.alpn.contains(name) || implied(name);
        self.target.alpn.iter().filter(spoken).cloned().collect()
    }

    /// Follows the records from the host to the services, and asks about whom they name.
    fn follow(&mut self, network: &Network) {
        self.services.clear();
        let mut place = 0;
        self.binding = Binding::Concluded;
        for _ in 0..=MAX_ALIASES {
            self.owner = place;
            let records = match self.names.get(place).map(|name| &name.https) {
                Some(Slot::Open) => return self.binding = Binding::Pending,
                Some(Slot::Answered(Err(NoAnswer::Failed))) if self.target.secure_dns => {
                    return self.binding = Binding::Fatal;
                }
                Some(Slot::Answered(Ok(records))) => records.clone(),
                _ => return,
            };
            match svcb::alias(&records).cloned() {
                None => return self.serve(&records, place, network),
                Some(alias) if alias.is_owner() => return,
                Some(alias) => match self.name(&alias.target, true, network) {
                    Some(next) => place = next,
                    None => return,
                },
            }
        }
    }

    fn serve(&mut self, records: &[ServiceRecord], owner: usize, network: &Network) {
        // Whoever is named first is asked about first, whatever the priority.
        let places: BTreeMap<Arc<str>, usize> = records
            .iter()
            .filter(|record| !record.transports(&self.target).is_empty())
            .map(|record| record.target.clone())
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|target| {
                let owned = matches!(&*target, "." | "");
                let place = if owned { Some(owner) } else { self.name(&target, false, network) };
                Some((target, place?))
            })
            .collect();
        self.services = svcb::usable(records, &self.target)
            .into_iter()
            .filter_map(|(record, transports)| {
                let name = *places.get(&record.target)?;
                Some(Service { record, transports, name })
            })
            .collect();
    }

    /// The place of a name, which is asked about if it is new; `None` if there are too many.
    fn name(&mut self, name: &str, services: bool, network: &Network) -> Option<usize> {
        let same = |known: &Name| bare(&known.name).eq_ignore_ascii_case(bare(name));
        let place = match self.names.iter().position(same) {
            Some(place) => place,
            None if self.names.len() < MAX_NAMES => {
                let (https, v6, v4) = (Slot::Unasked, Slot::Unasked, Slot::Unasked);
                self.names.push(Name { name: name.into(), https, v6, v4 });
                self.names.len() - 1
            }
            None => return None,
        };
        let known = self.names.get_mut(place)?;
        if services && matches!(known.https, Slot::Unasked) {
            known.https = Slot::Open;
            self.unasked.push_back((place, RecordKind::Https));
        }
        self.ask_for_addresses(place, network);
        Some(place)
    }

    fn ask_for_addresses(&mut self, place: usize, network: &Network) {
        for (family, kind) in [(Family::V6, RecordKind::Aaaa), (Family::V4, RecordKind::A)] {
            let Some(name) = self.names.get_mut(place) else { return };
            let slot = name.slot_mut(family);
            if network.asks(family) && matches!(slot, Slot::Unasked) {
                *slot = Slot::Open;
                self.unasked.push_back((place, kind));
            }
        }
    }

    /// Whether there are services, and of none of them an address, and some answer is still to come.
    fn services_are_unresolved(&self) -> bool {
        let known = |service: &Service| {
            [Family::V6, Family::V4].iter().any(|&family| {
                let records = self.names.get(service.name).map(|name| name.slot(family));
                matches!(records, Some(Slot::Answered(records)) if !records.is_empty())
                    || !hints(&service.record, family).is_empty()
            })
        };
        let open = |service: &Service| {
            self.names.get(service.name).is_some_and(|name| name.v6.is_open() || name.v4.is_open())
        };
        !self.services.iter().any(known) && self.services.iter().any(open)
    }
}

impl Name {
    fn slot(&self, family: Family) -> &Slot<Vec<Address>> {
        match family {
            Family::V6 => &self.v6,
            Family::V4 => &self.v4,
        }
    }

    fn slot_mut(&mut self, family: Family) -> &mut Slot<Vec<Address>> {
        match family {
            Family::V6 => &mut self.v6,
            Family::V4 => &mut self.v4,
        }
    }
}

impl<T> Slot<T> {
    fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    fn is_answered(&self) -> bool {
        matches!(self, Self::Answered(_))
    }
}

fn hints(record: &ServiceRecord, family: Family) -> &Vec<Address> {
    match family {
        Family::V6 => &record.v6_hints,
        Family::V4 => &record.v4_hints,
    }
}

fn addresses_in(answer: Answer) -> Vec<Address> {
    match answer {
        Answer::Addresses(mut addresses) => {
            addresses.truncate(MAX_ADDRESSES);
            addresses
        }
        Answer::Services(_) | Answer::Nothing(_) => Vec::new(),
    }
}

/// Without the dot at its end.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
