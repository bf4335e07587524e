//! The order of a whole list: services, transports, families, addresses.

use super::address::Family;
use super::config::{Config, Ordering};
use super::endpoint::Endpoint;
use super::memory::Memory;
use super::network::Network;
use super::resolution::Group;
use super::rfc6724::{self, AddressRule, Destination};
use crate::candidate::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// What put a candidate after the one before it in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Nothing: it is the first.
    First,
    /// It is of a service that comes later, or of none (draft-ietf-happy-happyeyeballs-v3 §5.2).
    Service,
    /// Its transport comes later (§5.1).
    Transport,
    /// The families take turns (RFC 8305 §4).
    Family,
    /// The order of addresses.
    Address(AddressRule),
    /// Its transport failed here lately.
    Penalty,
    /// The winner of an earlier race went before it.
    Cached,
    /// It leaves this host over another path, which the policy manager likes less.
    Path,
    /// It belongs to another of the remote endpoints.
    Target,
    /// Whoever ranked the candidates.
    Given,
}

/// A group whose addresses are in order.
struct Sorted<'a> {
    group: &'a Group,
    first: Family,
    addresses: Vec<(Destination, AddressRule)>,
}

/// The addresses of one family, to be tried over one transport, best first.
type Queue<'a> = (&'a Protocol, Family, VecDeque<&'a (Destination, AddressRule)>);

/// An endpoint in the making: where it is from.
struct Dealt {
    endpoint: Endpoint,
    group: usize,
    family: Family,
    address: AddressRule,
}

/// Who has the last word on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastWord {
    /// The last winner comes first, and transports that failed lately come last.
    History,
    /// Whoever ranks what was found.
    Others,
}

/// Everything that can be tried, in order, and what decided it. Nothing is there twice, and no more than `max_list`.
pub(super) fn arrange(
    groups: &[Group],
    network: &Network,
    memory: &Memory,
    last_word: LastWord,
    config: &Config,
) -> Vec<(Endpoint, Rule)> {
    if let ([group], LastWord::Others) = (groups, last_word)
        && let [address] = group.addresses.as_slice()
    {
        return of_one(group, network.reach(address), config);
    }
    let sorted: Vec<Sorted<'_>> =
        groups.iter().map(|group| Sorted::new(group, network, memory, config)).collect();
    let all = by_preference(sorted.iter().flat_map(|sorted| &sorted.group.transports), config);
    let mut list = Vec::new();
    match config.ordering {
        Ordering::RoundRobin => {
            for (place, sorted) in sorted.iter().enumerate() {
                sorted.deal(place, &by_preference(&sorted.group.transports, config), config, &mut list);
            }
        }
        Ordering::ServiceFirst => {
            for (place, sorted) in sorted.iter().enumerate() {
                for transport in by_preference(&sorted.group.transports, config) {
                    sorted.deal(place, &[transport], config, &mut list);
                }
            }
        }
        Ordering::Grouped => {
            for transport in &all {
                for (place, sorted) in sorted.iter().enumerate() {
                    if sorted.group.transports.contains(transport) {
                        sorted.deal(place, std::slice::from_ref(transport), config, &mut list);
                    }
                }
            }
        }
    }
    if list.len() > 1 {
        let mut seen = BTreeSet::new();
        list.retain(|dealt: &Dealt| seen.insert(dealt.endpoint.key()));
    }
    match last_word {
        LastWord::History => remember(list, memory, config),
        LastWord::Others => remember(list, &Memory::default(), config),
    }
}

/// As [`arrange`], where there is one address: nothing is to be sorted but the transports.
fn of_one(group: &Group, destination: Option<Destination>, config: &Config) -> Vec<(Endpoint, Rule)> {
    let Some(destination) = destination else { return Vec::new() };
    let transports = by_preference(&group.transports, config).into_iter().take(config.max_list);
    let rule = |place| if place == 0 { Rule::First } else { Rule::Transport };
    let endpoint = |(place, transport)| (Endpoint::new(&destination, transport, group), rule(place));
    transports.enumerate().map(endpoint).collect()
}

/// The last word is history's; what is too much is cut off after it.
fn remember(list: Vec<Dealt>, memory: &Memory, config: &Config) -> Vec<(Endpoint, Rule)> {
    let mut list: Vec<(Dealt, usize)> = list.into_iter().zip(0..).collect();
    memory.reorder(&mut list, |(dealt, _)| (dealt.endpoint.address.ip(), &dealt.endpoint.transport));
    list.truncate(config.max_list);
    let mut before: Option<(Dealt, usize)> = None;
    let mut arranged = Vec::with_capacity(list.len());
    for (dealt, place) in list {
        let rule = match &before {
            None => Rule::First,
            Some((_, earlier)) if *earlier > place && arranged.len() == 1 => Rule::Cached,
            Some((earlier, _)) => earlier.decides(&dealt, memory),
        };
        arranged.push((dealt.endpoint.clone(), rule));
        before = Some((dealt, place));
    }
    arranged
}

impl Dealt {
    fn decides(&self, after: &Self, memory: &Memory) -> Rule {
        let penalised = |dealt: &Self| memory.penalties.contains(&dealt.endpoint.transport);
        if penalised(self) != penalised(after) {
            Rule::Penalty
        } else if self.group != after.group {
            Rule::Service
        } else if self.endpoint.transport != after.endpoint.transport {
            Rule::Transport
        } else if self.family != after.family {
            Rule::Family
        } else {
            Rule::Address(after.address)
        }
    }
}

impl<'a> Sorted<'a> {
    fn new(group: &'a Group, network: &Network, memory: &Memory, config: &Config) -> Self {
        let mut known = BTreeSet::new();
        let destinations: Vec<Destination> = group
            .addresses
            .iter()
            .filter_map(|address| network.reach(address))
            .filter(|destination| known.insert(destination.connect.clone()))
            .collect();
        let preferred = network.preferred(config.preferred_family);
        let addresses = rfc6724::sort(destinations, network, preferred, memory);
        let first = addresses.first().map_or(preferred, |(destination, _)| destination.family());
        Self { group, first, addresses }
    }

    /// Deals one address in turn from each queue, by transport and family; from the first family's at first as many as
    /// the configuration says.
    fn deal(&self, place: usize, transports: &[Protocol], config: &Config, list: &mut Vec<Dealt>) {
        let mut queues: Vec<Queue<'_>> = Vec::new();
        for transport in transports {
            for family in [self.first, self.first.other()] {
                let of_family =
                    |(destination, _): &&(Destination, AddressRule)| destination.family() == family;
                queues.push((transport, family, self.addresses.iter().filter(of_family).collect()));
            }
        }
        let mut favoured = true;
        while queues.iter().any(|(_, _, queue)| !queue.is_empty()) {
            for (transport, family, queue) in &mut queues {
                let many = if favoured && *family == self.first { config.first_family_count } else { 1 };
                for (destination, address) in queue.drain(..many.min(queue.len())) {
                    list.push(Dealt {
                        endpoint: Endpoint::new(destination, transport.clone(), self.group),
                        group: place,
                        family: *family,
                        address: *address,
                    });
                }
            }
            favoured = config.repeat_first_family;
        }
    }
}

/// Each transport once, in the configured order; those it does not name after them, as they came.
fn by_preference<'a>(transports: impl IntoIterator<Item = &'a Protocol>, config: &Config) -> Vec<Protocol> {
    let mut unique: Vec<Protocol> = Vec::new();
    for transport in transports {
        if !unique.contains(transport) {
            unique.push(transport.clone());
        }
    }
    let rank = |transport: &Protocol| {
        config.transports.iter().position(|named| named == transport).unwrap_or(config.transports.len())
    };
    unique.sort_by_key(rank);
    unique
}

#[cfg(test)]
mod tests {
    use super::super::resolution::Resolution;
    use super::super::target::Target;
    use super::*;

    /// There is a shorter way where one address is all there is; it leads to the same.
    #[test]
    fn one_address_is_arranged_as_many_are() {
        let names = ["tcp", "quic", "udp", "tcp"];
        let transports = |names: &[&'static str]| names.iter().map(|name| Protocol::named(name)).collect();
        let memory = Memory::default();
        for (network, ordering, literal) in [
            (Network::default(), Ordering::RoundRobin, "192.0.2.1"),
            (Network::default(), Ordering::Grouped, "2001:db8::1"),
            (Network::default().families(true, false), Ordering::ServiceFirst, "192.0.2.1"),
            (Network::default(), Ordering::RoundRobin, "::ffff:192.0.2.1"),
        ] {
            let mut config = Config { ordering, ..Config::default() };
            for preferred in [&["udp", "tcp"][..], &["quic"], &[]] {
                config.transports = transports(preferred);
                let target = Target::named(literal, 443).transports(transports(&names));
                let groups = Resolution::new(target, &network).groups(&config);
                let short = arrange(&groups, &network, &memory, LastWord::Others, &config);
                assert_eq!(
                    short,
                    arrange(&groups, &network, &memory, LastWord::History, &config),
                    "{literal}"
                );
            }
        }
    }
}
