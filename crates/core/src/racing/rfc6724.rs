//! The order of destination addresses (RFC 6724 §6), with what was learned of them (RFC 8305 §4).
//
// The rules are a key that is compared from the first part to the last. Between rules 8 and 9 stand the round-trip
// time and whether the address was used, within a family alone: history never puts IPv4 before IPv6.

use super::address::{Address, Family};
use super::memory::Memory;
use super::network::{Network, Source};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// What decided that an address comes after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AddressRule {
    /// Rule 1: avoid unusable destinations.
    Unusable,
    /// Rule 2: prefer matching scope.
    MatchingScope,
    /// Rule 3: avoid deprecated addresses.
    Deprecated,
    /// Rule 4: prefer home addresses.
    Home,
    /// Rule 5: prefer matching label.
    MatchingLabel,
    /// Rule 6: prefer higher precedence.
    Precedence,
    /// Rule 7: prefer native transport.
    Native,
    /// Rule 8: prefer smaller scope.
    SmallerScope,
    /// The family that is preferred, where all rules so far found them equal.
    Family,
    /// A shorter round-trip time was seen (RFC 8305 §4).
    RoundTrip,
    /// It was used before (RFC 8305 §4).
    Used,
    /// Rule 9: longest matching prefix.
    LongestPrefix,
    /// Rule 10: as listed.
    Listed,
}

/// A destination: where it is, for the rules, and where one connects to reach it. The two differ behind a NAT64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) logical: Address,
    pub(super) connect: Address,
}

impl Destination {
    pub(super) fn family(&self) -> Family {
        self.logical.family()
    }
}

/// Sorts destinations; with each goes the rule that put it after its predecessor.
pub(super) fn sort(
    destinations: Vec<Destination>,
    network: &Network,
    preferred: Family,
    memory: &Memory,
) -> Vec<(Destination, AddressRule)> {
    let mut keyed: Vec<(Key, Destination)> = destinations
        .into_iter()
        .map(|destination| (Key::of(&destination, network, preferred, memory), destination))
        .collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other)); // stable: rule 10
    let mut before: Option<Key> = None;
    keyed
        .into_iter()
        .map(|(key, destination)| {
            let rule = before.replace(key.clone()).map_or(AddressRule::Listed, |before| before.decides(&key));
            (destination, rule)
        })
        .collect()
}

/// Lower comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    unusable: bool,
    other_scope: bool,
    deprecated: bool,
    away: bool,
    other_label: bool,
    precedence: Reverse<u8>,
    encapsulated: bool,
    scope: u8,
    other_family: bool,
    round_trip: Duration,
    unused: bool,
    prefix: Reverse<u8>,
}

impl Key {
    fn of(destination: &Destination, network: &Network, preferred: Family, memory: &Memory) -> Self {
        let to = destination.logical.ip();
        let family = destination.family();
        // Through a NAT64 the packets carry another destination, and an IPv6 source that suits it.
        let translated = destination.logical != destination.connect;
        let source = (!translated).then(|| select(&network.sources, to)).flatten();
        let known = |address: &Address| memory.round_trips.get(&address.ip()).copied();
        let used = |address: &Address| memory.used.contains(&address.ip());
        let round_trip = known(&destination.logical).or_else(|| known(&destination.connect));
        Self {
            unusable: source.is_none() && !translated && !network.sources.is_empty(),
            other_scope: source.is_some_and(|source| scope(source.address) != scope(to)),
            deprecated: source.is_some_and(|source| source.deprecated),
            away: source.is_some_and(|source| !source.home),
            other_label: source.is_some_and(|source| policy(source.address).1 != policy(to).1),
            precedence: Reverse(precedence(to, preferred)),
            encapsulated: source.is_some_and(|source| source.encapsulated),
            scope: scope(to),
            other_family: family != preferred,
            round_trip: round_trip.unwrap_or(Duration::MAX),
            unused: !used(&destination.logical) && !used(&destination.connect),
            prefix: Reverse(source.map_or(0, |source| common_prefix(source, to))),
        }
    }

    /// The first rule that tells the two apart.
    fn decides(&self, after: &Self) -> AddressRule {
        let rules = [
            (self.unusable != after.unusable, AddressRule::Unusable),
            (self.other_scope != after.other_scope, AddressRule::MatchingScope),
            (self.deprecated != after.deprecated, AddressRule::Deprecated),
            (self.away != after.away, AddressRule::Home),
            (self.other_label != after.other_label, AddressRule::MatchingLabel),
            (self.precedence != after.precedence, AddressRule::Precedence),
            (self.encapsulated != after.encapsulated, AddressRule::Native),
            (self.scope != after.scope, AddressRule::SmallerScope),
            (self.other_family != after.other_family, AddressRule::Family),
            (self.round_trip != after.round_trip, AddressRule::RoundTrip),
            (self.unused != after.unused, AddressRule::Used),
            (self.prefix != after.prefix, AddressRule::LongestPrefix),
        ];
        rules.into_iter().find(|(differs, _)| *differs).map_or(AddressRule::Listed, |(_, rule)| rule)
    }
}

/// The source address that packets to this destination would have (RFC 6724 §5, without the rules about interfaces:
/// all sources are those of one network).
fn select(sources: &[Source], to: IpAddr) -> Option<&Source> {
    sources
        .iter()
        .filter(|source| source.address.is_ipv4() == to.is_ipv4())
        // A link-local source reaches only its link.
        .filter(|source| scope(source.address) != LINK_LOCAL || scope(to) == LINK_LOCAL || to.is_ipv4())
        .min_by_key(|source| {
            let (own, wanted) = (scope(source.address), scope(to));
            let by_scope = if own >= wanted { (false, own) } else { (true, u8::MAX - own) };
            (
                source.address != to,                     // rule 1
                by_scope,                                 // rule 2
                source.deprecated,                        // rule 3
                !source.home,                             // rule 4
                policy(source.address).1 != policy(to).1, // rule 6
                !source.temporary,                        // rule 7
                Reverse(common_prefix(source, to)),       // rule 8
            )
        })
}

const LINK_LOCAL: u8 = 0x2;
const SITE_LOCAL: u8 = 0x5;
const GLOBAL: u8 = 0xe;

/// RFC 6724 §3.1 and §3.2: unique local addresses and private IPv4 ones are of global scope.
fn scope(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() => LINK_LOCAL,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(v6) if v6.is_multicast() => v6.octets()[1] & 0xf,
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unicast_link_local() => LINK_LOCAL,
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => SITE_LOCAL,
        IpAddr::V6(_) => GLOBAL,
    }
}

/// Precedence and label (RFC 6724 §2.1), the longest prefix first.
const TABLE: [(Ipv6Addr, u8, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
];

fn policy(ip: IpAddr) -> (u8, u8) {
    let bits = mapped(ip).to_bits();
    TABLE
        .iter()
        .find(|(prefix, length, ..)| same_bits(bits, prefix.to_bits()) >= *length)
        .map_or((40, 1), |&(_, _, precedence, label)| (precedence, label))
}

/// Where IPv4 is preferred its precedence is above that of all IPv6 prefixes, as administrators set it
/// (RFC 6724 §10.3).
fn precedence(ip: IpAddr, preferred: Family) -> u8 {
    if ip.is_ipv4() && preferred == Family::V4 { 100 } else { policy(ip).0 }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn same_bits(one: u128, other: u128) -> u8 {
    u8::try_from((one ^ other).leading_zeros()).unwrap_or(128)
}

/// CommonPrefixLen of RFC 6724 §2.2, in bits of the source's own family.
fn common_prefix(source: &Source, to: IpAddr) -> u8 {
    let shift = if to.is_ipv4() { 96 } else { 0 };
    same_bits(mapped(source.address).to_bits(), mapped(to).to_bits()).saturating_sub(shift).min(source.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressRule::{
        Deprecated, Home, Listed, LongestPrefix, MatchingLabel, Native, Precedence, RoundTrip, Unusable, Used,
    };

    fn destination(text: &str) -> Destination {
        let address: Address = text.parse().unwrap();
        Destination { logical: address.clone(), connect: address }
    }

    fn sorted_for(
        destinations: &[&str],
        sources: Vec<Source>,
        preferred: Family,
        memory: &Memory,
    ) -> Vec<(String, AddressRule)> {
        let network = Network { sources, ..Network::default() };
        let destinations = destinations.iter().map(|text| destination(text)).collect();
        sort(destinations, &network, preferred, memory)
            .into_iter()
            .map(|(destination, rule)| (destination.connect.to_string(), rule))
            .collect()
    }

    fn sorted(destinations: &[&str], sources: &[&str]) -> Vec<(String, AddressRule)> {
        let sources = sources.iter().map(|text| Source::new(text.parse().unwrap())).collect();
        sorted_for(destinations, sources, Family::V6, &Memory::default())
    }

    fn is(order: &[(&str, AddressRule)]) -> Vec<(String, AddressRule)> {
        order.iter().map(|(text, rule)| ((*text).to_owned(), *rule)).collect()
    }

    /// The first six examples of RFC 6724 §10.2.
    #[test]
    fn the_examples_of_rfc_6724_come_out() {
        for (destinations, sources, first) in [
            (
                ["198.51.100.121", "2001:db8:1::1"],
                vec!["2001:db8:1::2", "fe80::1", "169.254.13.78"],
                "2001:db8:1::1",
            ),
            (["2001:db8:1::1", "198.51.100.121"], vec!["fe80::1", "198.51.100.117"], "198.51.100.121"),
            (["10.1.2.3", "2001:db8:1::1"], vec!["2001:db8:1::2", "fe80::1", "10.1.2.4"], "2001:db8:1::1"),
            (["2001:db8:1::1", "fe80::1"], vec!["2001:db8:1::2", "fe80::2"], "fe80::1"),
        ] {
            assert_eq!(sorted(&destinations, &sources)[0].0, first, "{sources:?}");
        }
    }

    #[test]
    fn a_destination_without_a_source_comes_last() {
        assert_eq!(
            sorted(&["2001:db8::1", "192.0.2.1"], &["192.0.2.200"]),
            is(&[("192.0.2.1", Listed), ("2001:db8::1", Unusable)])
        );
    }

    /// SORT-1: a network with only unique local addresses does not reach the world over IPv6.
    #[test]
    fn a_label_that_does_not_match_loses() {
        assert_eq!(
            sorted(&["2001:db8::1", "192.0.2.1"], &["fd00:1::10", "192.0.2.200"]),
            is(&[("192.0.2.1", Listed), ("2001:db8::1", MatchingLabel)])
        );
    }

    #[test]
    fn states_of_the_source_decide_rules_3_4_and_7() {
        let source = |text: &str| Source::new(text.parse().unwrap());
        let v4 = || source("192.0.2.200");
        let to = ["2001:db8::1", "192.0.2.1"];
        for (v6, rule) in [
            (Source { deprecated: true, ..source("2001:db8::10") }, Deprecated),
            (Source { home: false, ..source("2001:db8::10") }, Home),
        ] {
            let sorted = sorted_for(&to, vec![v6, v4()], Family::V6, &Memory::default());
            assert_eq!(sorted, is(&[("192.0.2.1", Listed), ("2001:db8::1", rule)]));
        }
        let tunnel = Source { encapsulated: true, ..source("2001:db8:1::10") };
        let sources = vec![tunnel, source("2001:db8:f000::10")];
        let sorted =
            sorted_for(&["2001:db8:1::1", "2001:db8:f000::1"], sources, Family::V6, &Memory::default());
        assert_eq!(sorted, is(&[("2001:db8:f000::1", Listed), ("2001:db8:1::1", Native)]));
    }

    #[test]
    fn precedence_needs_no_source() {
        assert_eq!(
            sorted(&["fd00::1", "2002:c000:204::1", "192.0.2.1", "2001:db8::1"], &[]),
            is(&[
                ("2001:db8::1", Listed),
                ("192.0.2.1", Precedence),
                ("2002:c000:204::1", Precedence),
                ("fd00::1", Precedence)
            ])
        );
    }

    #[test]
    fn where_ipv4_is_preferred_it_comes_first() {
        let sorted = sorted_for(&["2001:db8::1", "192.0.2.1"], Vec::new(), Family::V4, &Memory::default());
        assert_eq!(sorted, is(&[("192.0.2.1", Listed), ("2001:db8::1", Precedence)]));
    }

    /// Not beyond the prefix of the source: the rest names an interface, and says nothing of nearness.
    #[test]
    fn the_longest_matching_prefix_is_the_ninth_rule() {
        assert_eq!(
            sorted(&["2001:db8:2::1", "2001:db8:1::9", "2001:db8:1::1"], &["2001:db8:1::10"]),
            is(&[("2001:db8:1::9", Listed), ("2001:db8:1::1", Listed), ("2001:db8:2::1", LongestPrefix)])
        );
    }

    /// SORT-2, SORT-3.
    #[test]
    fn history_decides_within_a_family_only() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut memory = Memory::default();
        memory.round_trips.insert(ip("2001:db8::3"), Duration::from_millis(90));
        memory.round_trips.insert(ip("2001:db8::4"), Duration::from_millis(20));
        memory.round_trips.insert(ip("192.0.2.1"), Duration::from_millis(1));
        memory.used.insert(ip("2001:db8::2"));
        let to = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "192.0.2.1"];
        assert_eq!(
            sorted_for(&to, Vec::new(), Family::V6, &memory),
            is(&[
                ("2001:db8::4", Listed),
                ("2001:db8::3", RoundTrip),
                ("2001:db8::2", RoundTrip),
                ("2001:db8::1", Used),
                ("192.0.2.1", Precedence)
            ])
        );
    }
}
