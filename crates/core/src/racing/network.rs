//! The network a race runs on.

use super::address::{Address, Family};
use super::pref64::Pref64;
use super::rfc6724::Destination;
use std::net::IpAddr;

/// The network a race runs on, as far as it matters to the order and to what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// Whether it has IPv6: an address and a route that are neither loopback nor link-local
    /// (draft-ietf-happy-happyeyeballs-v3 §4.1). Default: yes.
    pub v6: bool,
    /// Whether it has IPv4, in the same sense. Default: yes.
    pub v4: bool,
    /// The prefix of its NAT64. Default: it has none.
    pub pref64: Option<Pref64>,
    /// The addresses packets may come from, for RFC 6724. None (the default): not known, and the rules that need them
    /// say nothing.
    pub sources: Vec<Source>,
}

/// An address of this host and its states (RFC 6724 §5). New ones are preferred, at home, and native.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The address.
    pub address: IpAddr,
    /// How many of its bits name its network. Default: 64, and 24 of an IPv4 address.
    pub prefix: u8,
    /// Whether its preferred lifetime is over (RFC 4862).
    pub deprecated: bool,
    /// Whether it is temporary (RFC 8981).
    pub temporary: bool,
    /// Whether it is a home address, or nothing is mobile (RFC 6275).
    pub home: bool,
    /// Whether it belongs to an encapsulating interface: 6to4, Teredo, ISATAP, a tunnel.
    pub encapsulated: bool,
}

impl Source {
    /// This address, preferred, at home and native.
    pub fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv6() { 64 } else { 24 };
        Self { address, prefix, deprecated: false, temporary: false, home: true, encapsulated: false }
    }

    /// Whether an address is on its network.
    pub fn covers(&self, address: IpAddr) -> bool {
        let shift = |length: u8, all: u8| u32::from(all - length.min(all));
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = shift(self.prefix, 32);
                (own.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = shift(self.prefix, 128);
                (own.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { v6: true, v4: true, pref64: None, sources: Vec::new() }
    }
}

impl Network {
    /// A network of these families.
    #[must_use]
    pub fn families(mut self, v6: bool, v4: bool) -> Self {
        (self.v6, self.v4) = (v6, v4);
        self
    }

    /// With a NAT64 of this prefix.
    #[must_use]
    pub fn pref64(mut self, prefix: impl Into<Option<Pref64>>) -> Self {
        self.pref64 = prefix.into();
        self
    }

    /// With these source addresses.
    #[must_use]
    pub fn sources(mut self, sources: Vec<Source>) -> Self {
        self.sources = sources;
        self
    }

    /// Whether addresses of this family are asked for (draft-ietf-happy-happyeyeballs-v3 §4.1): AAAA with IPv6, A with
    /// IPv4 or a NAT64.
    pub fn asks(&self, family: Family) -> bool {
        match family {
            Family::V6 => self.v6,
            Family::V4 => self.v4 || self.v6 && self.pref64.is_some(),
        }
    }

    /// The family that is waited for: the one preferred, where it is asked for.
    pub(super) fn preferred(&self, wish: Family) -> Family {
        let has = |family| match family {
            Family::V6 => self.v6,
            Family::V4 => self.v4,
        };
        if has(wish) || !has(wish.other()) { wish } else { wish.other() }
    }

    /// Where one connects to reach this address; `None` if that is not possible from here. What a DNS64 synthesised is
    /// the IPv4 address again (draft-ietf-happy-happyeyeballs-v3 §8.2), and an IPv4 address is synthesised where there
    /// is no IPv4 (§8.3).
    pub(super) fn reach(&self, address: &Address) -> Option<Destination> {
        let logical = match (address.ip(), self.pref64) {
            (IpAddr::V6(v6), Some(pref64)) => {
                pref64.extract(v6).map_or_else(|| address.clone(), Address::from)
            }
            _ => address.clone(),
        };
        if logical.ip().is_loopback() {
            return Some(Destination { connect: logical.clone(), logical });
        }
        let connect = match (logical.ip(), self.pref64) {
            (IpAddr::V6(_), _) if self.v6 => logical.clone(),
            (IpAddr::V4(_), _) if self.v4 => logical.clone(),
            (IpAddr::V4(v4), Some(pref64)) if self.v6 => pref64.synthesise(v4)?.into(),
            _ => return None,
        };
        Some(Destination { logical, connect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(network: &Network, text: &str) -> Option<String> {
        network.reach(&text.parse().unwrap()).map(|destination| destination.connect.to_string())
    }

    /// N64-2, N64-3.
    #[test]
    fn a_nat64_is_used_only_where_there_is_no_ipv4() {
        let both = Network::default().pref64(Pref64::WELL_KNOWN);
        assert_eq!(connect(&both, "64:ff9b::c000:201").unwrap(), "192.0.2.1");
        let only_v6 = both.families(true, false);
        assert_eq!(connect(&only_v6, "192.0.2.1").unwrap(), "64:ff9b::c000:201");
        assert_eq!(connect(&only_v6, "64:ff9b::c000:201").unwrap(), "64:ff9b::c000:201");
        assert_eq!(connect(&only_v6, "169.254.0.1"), None);
        assert_eq!(connect(&only_v6, "127.0.0.1").unwrap(), "127.0.0.1", "this host needs no network");
        let without = Network::default().families(true, false);
        assert_eq!(connect(&without, "192.0.2.1"), None);
    }

    /// DNS-1, DNS-16.
    #[test]
    fn what_is_asked_and_preferred_follows_the_families() {
        let network = |v6, v4| Network::default().families(v6, v4);
        let nat64 = network(true, false).pref64(Pref64::WELL_KNOWN);
        for (network, asks_v6, asks_v4, preferred) in [
            (network(true, true), true, true, Family::V6),
            (network(true, false), true, false, Family::V6),
            (network(false, true), false, true, Family::V4),
            (nat64, true, true, Family::V6),
        ] {
            assert_eq!((network.asks(Family::V6), network.asks(Family::V4)), (asks_v6, asks_v4));
            assert_eq!(network.preferred(Family::V6), preferred);
        }
    }
}
