//! NAT64: IPv4 addresses inside IPv6 ones.

use std::fmt;
use std::net::{AddrParseError, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use thiserror::Error;

/// The prefix with which a network's NAT64 reaches IPv4 (RFC 6052, RFC 8781), as a router advertisement or
/// `ipv4only.arpa` told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pref64 {
    prefix: Ipv6Addr,
    length: u8,
}

/// Why a text or a prefix is no NAT64 prefix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Pref64Error {
    /// There is no `address/length`.
    #[error("a NAT64 prefix is written like 64:ff9b::/96")]
    Form,
    /// The part before the slash is no IPv6 address.
    #[error(transparent)]
    Address(#[from] AddrParseError),
    /// RFC 6052 §2.2 has no such length.
    #[error("a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits, not {0}")]
    Length(u8),
    /// Bits 64 to 71 of a prefix must be zero, and so must all beyond its length (RFC 6052 §2.2).
    #[error("{0} has bits where a NAT64 prefix must have none")]
    Bits(Ipv6Addr),
}

impl Pref64 {
    /// The well-known prefix, 64:ff9b::/96 (RFC 6052 §2.1).
    pub const WELL_KNOWN: Self = Self { prefix: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), length: 96 };

    /// This prefix.
    ///
    /// *Errors*: a length that RFC 6052 §2.2 does not have; bits where there must be none.
    pub fn new(prefix: Ipv6Addr, length: u8) -> Result<Self, Pref64Error> {
        if !matches!(length, 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(Pref64Error::Length(length));
        }
        let beyond = prefix.to_bits() << length;
        if beyond != 0 || prefix.octets()[8] != 0 {
            return Err(Pref64Error::Bits(prefix));
        }
        Ok(Self { prefix, length })
    }

    /// The prefix with which these addresses of `ipv4only.arpa` were synthesised, the first if there are several
    /// (RFC 7050 §3); `None` if they were not.
    ///
    /// ```
    /// # use neatflow_core::racing::Pref64;
    /// let addresses = ["2001:db8:64::c000:aa".parse().unwrap()];
    /// assert_eq!(Pref64::among(&addresses), "2001:db8:64::/96".parse().ok());
    /// ```
    pub fn among(addresses: &[Ipv6Addr]) -> Option<Self> {
        // What the name has where nothing is synthesised (RFC 7050 §2.2).
        let well_known = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];
        let of = |address: &Ipv6Addr| {
            let mut found = [96_u8, 64, 56, 48, 40, 32].into_iter().filter_map(|length| {
                let prefix = address.to_bits() & (u128::MAX << (128 - u32::from(length)));
                let pref64 = Self::new(prefix.into(), length).ok()?;
                let v4 = Ipv4Addr::from(pref64.places().map(|place| address.octets()[place]));
                well_known.contains(&v4).then_some(pref64)
            });
            // An address in which it stands twice says nothing (RFC 7050 §3).
            found.next().filter(|_| found.next().is_none())
        };
        addresses.iter().find_map(of)
    }

    /// Where the four octets of an IPv4 address go: octet 8 is left out (RFC 6052 §2.2).
    fn places(self) -> [usize; 4] {
        let first = usize::from(self.length / 8);
        let mut places = [0; 4];
        for (place, octet) in places.iter_mut().zip((first..16).filter(|&octet| octet != 8)) {
            *place = octet;
        }
        places
    }

    /// The IPv6 address under which this network's NAT64 reaches an IPv4 address; `None` for those that are never
    /// behind one: 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 and 255.255.255.255
    /// (draft-ietf-happy-happyeyeballs-v3 §8.3).
    pub fn synthesise(self, v4: Ipv4Addr) -> Option<Ipv6Addr> {
        if v4.octets()[0] == 0 || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() {
            return None;
        }
        let mut octets = self.prefix.octets();
        for (place, octet) in self.places().into_iter().zip(v4.octets()) {
            octets[place] = octet;
        }
        Some(octets.into())
    }

    /// The IPv4 address that was synthesised into this one; `None` if none was.
    pub fn extract(self, v6: Ipv6Addr) -> Option<Ipv4Addr> {
        let octets = v6.octets();
        let v4 = Ipv4Addr::from(self.places().map(|place| octets[place]));
        (self.synthesise(v4) == Some(v6)).then_some(v4)
    }
}

impl FromStr for Pref64 {
    type Err = Pref64Error;

    fn from_str(text: &str) -> Result<Self, Pref64Error> {
        let (prefix, length) = text.split_once('/').ok_or(Pref64Error::Form)?;
        Self::new(prefix.parse()?, length.parse().map_err(|_| Pref64Error::Form)?)
    }
}

impl fmt::Display for Pref64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.prefix, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of RFC 6052 §2.4.
    #[test]
    fn the_examples_of_rfc_6052_come_out() {
        let v4 = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let pref64: Pref64 = prefix.parse().unwrap();
            let v6: Ipv6Addr = address.parse().unwrap();
            assert_eq!(pref64.synthesise(v4), Some(v6), "{prefix}");
            assert_eq!(pref64.extract(v6), Some(v4), "{prefix}");
            assert_eq!(pref64.to_string(), prefix);
        }
    }

    /// N64-1.
    #[test]
    fn a_prefix_is_found_in_what_a_dns64_makes_of_a_well_known_name() {
        let among = |texts: &[&str]| {
            let addresses: Vec<Ipv6Addr> = texts.iter().map(|text| text.parse().unwrap()).collect();
            Pref64::among(&addresses).map(|pref64| pref64.to_string())
        };
        for prefix in [
            "64:ff9b::/96",
            "2001:db8:122:344::/64",
            "2001:db8:122:300::/56",
            "2001:db8:122::/48",
            "2001:db8::/32",
        ] {
            let pref64: Pref64 = prefix.parse().unwrap();
            for last in [170, 171] {
                let address = pref64.synthesise(Ipv4Addr::new(192, 0, 0, last)).unwrap().to_string();
                assert_eq!(among(&["2001:db8::1", &address]).as_deref(), Some(prefix));
            }
        }
        assert_eq!(among(&["2001:db8::1", "64:ff9b::c000:ac"]), None, "that is 192.0.0.172");
        assert_eq!(among(&["2001:db8:c000:aa:c0:0:c000:aa"]), None);
        assert_eq!(among(&[]), None);
    }

    /// N64-6.
    #[test]
    fn what_is_never_behind_a_nat64_is_not_synthesised() {
        for v4 in ["0.1.2.3", "127.0.0.1", "169.254.1.1", "255.255.255.255"] {
            assert_eq!(Pref64::WELL_KNOWN.synthesise(v4.parse().unwrap()), None, "{v4}");
        }
        let synthesised = "64:ff9b::7f00:1".parse().unwrap();
        assert_eq!(Pref64::WELL_KNOWN.extract(synthesised), None);
    }

    /// N64-5.
    #[test]
    fn a_native_address_is_not_taken_for_a_synthesised_one() {
        for native in ["2001:db8::1", "64:ff9b:1::c000:201", "::1"] {
            assert_eq!(Pref64::WELL_KNOWN.extract(native.parse().unwrap()), None, "{native}");
        }
    }

    #[test]
    fn a_prefix_of_another_form_is_refused() {
        for text in
            ["64:ff9b::", "64:ff9b::/95", "64:ff9b::1/96", "x/96", "64:ff9b::/x", "2001:db8:0:0:ff00::/96"]
        {
            assert!(text.parse::<Pref64>().is_err(), "{text}");
        }
    }
}
