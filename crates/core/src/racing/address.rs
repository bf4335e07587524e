//! Addresses as a race knows them.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv6.
    V6,
    /// IPv4.
    V4,
}

impl Family {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::V6 => Self::V4,
            Self::V4 => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V6 => "IPv6",
            Self::V4 => "IPv4",
        })
    }
}

/// An address, and the zone of a link-local one (RFC 4007 §11). Never an IPv4-mapped IPv6 address: that is the IPv4
/// address it maps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    ip: IpAddr,
    zone: Option<Arc<str>>,
}

impl Address {
    /// This address, in no particular zone.
    pub fn new(ip: IpAddr) -> Self {
        Self { ip: ip.to_canonical(), zone: None }
    }

    /// The same address in this zone (an interface's name or index). Only IPv6 link-local addresses have one; for
    /// others it says nothing, and is dropped.
    #[must_use]
    pub fn in_zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        let zoned = matches!(self.ip, IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_multicast());
        self.zone = zoned.then(|| zone.into());
        self
    }

    /// Without its zone.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its zone.
    pub fn zone(&self) -> Option<&Arc<str>> {
        self.zone.as_ref()
    }

    /// Its family.
    pub fn family(&self) -> Family {
        if self.ip.is_ipv6() { Family::V6 } else { Family::V4 }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self::new(ip)
    }
}

impl From<Ipv4Addr> for Address {
    fn from(ip: Ipv4Addr) -> Self {
        Self::new(ip.into())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(ip: Ipv6Addr) -> Self {
        Self::new(ip.into())
    }
}

/// `2001:db8::1`, `192.0.2.1`, `fe80::1%eth0`; brackets around an IPv6 address are allowed.
impl FromStr for Address {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match bare.split_once('%') {
            Some((ip, zone)) if !zone.is_empty() => Ok(Self::from(ip.parse::<Ipv6Addr>()?).in_zone(zone)),
            _ => Ok(Self::new(bare.parse()?)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.ip),
            None => write!(f, "{}", self.ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_address_it_maps() {
        let mapped: Address = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(mapped, Address::from(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(mapped.family(), Family::V4);
    }

    #[test]
    fn a_zone_belongs_to_link_local_addresses_only() {
        for (text, shown) in [
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("[fe80::1%2]", "fe80::1%2"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for text in ["192.0.2.1%eth0", "fe80::1%", "host", "", "[]"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_address_in_two_zones_is_two_addresses() {
        let one: Address = "fe80::1%eth0".parse().unwrap();
        assert_ne!(one, "fe80::1%eth1".parse().unwrap());
    }
}
