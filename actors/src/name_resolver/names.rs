//! What a host string is: an address, this host, or a name to look up.

use hickory_resolver::proto::rr::Name;
use neatflow_core::endpoint::check_host_name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host string, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A literal address.
    Address(IpAddr),
    /// `localhost`, or a name under it: this host (RFC 6761 §6.3).
    Loopback,
    /// Any other name.
    Name(HostName),
}

/// What every name under `localhost` stands for, IPv6 first.
pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

impl Host {
    /// Reads a host string.
    ///
    /// Refused: brackets and ports (they belong to URLs), zone identifiers (an answer has no place for them), and
    /// names that end in a number, which are mistyped addresses (RFC 1123 §2.1).
    ///
    /// *Errors*: what is wrong with it, for `BadName`.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        // A name of 253 octets is shorter than this in any script; longer input is not worth a look.
        if text.len() > 1024 {
            return Err("too long");
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            // An IPv4-mapped address is the IPv4 address that it maps.
            return Ok(Self::Address(IpAddr::to_canonical(&address)));
        }
        if text.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok()) {
            return Err("a zone identifier is no part of a name: require an interface instead");
        }
        let name = HostName::read(text)?;
        match name.text.rsplit('.').next() {
            Some("localhost") => Ok(Self::Loopback),
            _ => Ok(Self::Name(name)),
        }
    }
}

/// A name of ours; the root, if it is none.
pub(super) fn absolute(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap_or_else(|_| Name::root());
    name.set_fqdn(true);
    name
}

/// A name that can be asked for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    name: Name,
    text: String,
}

impl HostName {
    fn read(text: &str) -> Result<Self, &'static str> {
        if text.is_ascii() {
            check_host_name(text)?;
        } else if text.contains('\\') {
            // The parser of names would read it as an escape.
            return Err("a character that no host name has");
        }
        let name = if text.is_ascii() { Name::from_ascii(text) } else { Name::from_utf8(text) };
        let name = name.map_err(|_| "not a name in any script")?.to_lowercase();
        // Judged after the conversion to ASCII, which maps some characters to dots, digits and blanks.
        check_host_name(&name.to_ascii())?;
        let text = name.to_ascii();
        let text = text.strip_suffix('.').unwrap_or(&text).to_owned();
        Ok(Self { name, text })
    }

    /// The name itself, whatever the search list.
    pub(super) fn absolute(&self) -> Name {
        let mut name = self.name.clone();
        name.set_fqdn(true);
        name
    }

    /// The name in ASCII and lower case, without a final dot.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names to ask for, in order: with a final dot only itself; otherwise itself and itself in each search
    /// domain, itself first if it has `ndots` dots or more, else last.
    pub(super) fn candidates(&self, search: &[Name], ndots: usize) -> Vec<Name> {
        let itself = self.absolute();
        if self.name.is_fqdn() {
            return vec![itself];
        }
        let in_domains = search.iter().filter_map(|domain| {
            // A name that gets too long there does not exist there.
            let mut name = self.name.clone().append_domain(domain).ok()?;
            name.set_fqdn(true);
            Some(name)
        });
        let enough_dots = usize::from(self.name.num_labels()) > ndots;
        let mut names: Vec<_> = if enough_dots {
            std::iter::once(itself).chain(in_domains).collect()
        } else {
            in_domains.chain(std::iter::once(itself)).collect()
        };
        let mut seen = Vec::with_capacity(names.len());
        names.retain(|name| {
            let new = !seen.contains(name);
            if new {
                seen.push(name.clone());
            }
            new
        });
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HostName {
        match Host::read(text) {
            Ok(Host::Name(name)) => name,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn candidates(text: &str, search: &[&str], ndots: usize) -> Vec<String> {
        let search: Vec<_> = search.iter().map(|domain| Name::from_ascii(domain).unwrap()).collect();
        name(text).candidates(&search, ndots).iter().map(Name::to_ascii).collect()
    }

    #[test]
    fn addresses_are_read_as_addresses() {
        for text in ["192.0.2.1", "2001:db8::1", "::"] {
            assert_eq!(Host::read(text), Ok(Host::Address(text.parse().unwrap())));
        }
        assert_eq!(Host::read("::ffff:192.0.2.1"), Host::read("192.0.2.1"));
    }

    #[test]
    fn what_only_looks_like_an_address_is_refused() {
        for text in [
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.",
            "127.1",
            "[::1]",
            "fe80::1%eth0",
            "::1:::",
            "1.2.3.4:80",
            "１.２.３.４",
        ] {
            assert!(Host::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn localhost_is_found_in_any_writing() {
        for text in ["localhost", "LocalHost", "localhost.", "a.b.localhost", "ｌｏｃａｌｈｏｓｔ"] {
            assert_eq!(Host::read(text), Ok(Host::Loopback), "{text}");
        }
        assert_eq!(name("localhost.example").as_str(), "localhost.example");
        assert_eq!(name("mylocalhost").as_str(), "mylocalhost");
    }

    #[test]
    fn names_lose_case_and_final_dot() {
        assert_eq!(name("WWW.Example.ORG.").as_str(), "www.example.org");
        assert_eq!(name("bücher.example").as_str(), "xn--bcher-kva.example");
        assert_eq!(name("_service.a-b.example").as_str(), "_service.a-b.example");
    }

    #[test]
    fn what_nobody_could_be_called_is_refused() {
        let label = "a".repeat(64);
        let long = vec!["a".repeat(60); 5].join(".");
        let huge = "a.".repeat(1_000_000);
        let bad = [
            "", ".", "..", ".a", "a..b", "a b", "a\0b", "a\tb", "a\\.b", "a\\", "a/b", "a:1", "a*", "🦀 x",
            &label, &long, &huge,
        ];
        for text in bad {
            assert!(Host::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_longest_name_is_accepted_and_one_more_octet_is_not() {
        let longest = [&"a".repeat(63)[..], &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].join(".");
        assert_eq!(longest.len(), 253);
        assert_eq!(name(&longest).as_str(), longest);
        assert!(Host::read(&format!("{longest}d")).is_err());
    }

    #[test]
    fn a_final_dot_switches_search_off() {
        assert_eq!(candidates("www.", &["corp.example"], 1), ["www."]);
    }

    #[test]
    fn few_dots_search_first_and_enough_dots_search_last() {
        let search = ["corp.example", "example."];
        assert_eq!(candidates("www", &search, 1), ["www.corp.example.", "www.example.", "www."]);
        assert_eq!(candidates("a.b", &search, 1), ["a.b.", "a.b.corp.example.", "a.b.example."]);
        assert_eq!(candidates("a.b", &search, 2), ["a.b.corp.example.", "a.b.example.", "a.b."]);
    }

    #[test]
    fn the_same_name_is_asked_once() {
        assert_eq!(candidates("www", &["corp.", "corp", "."], 1), ["www.corp.", "www."]);
    }

    #[test]
    fn a_domain_in_which_the_name_gets_too_long_is_left_out() {
        let long = vec!["a".repeat(60); 4].join(".");
        assert_eq!(candidates(&long, &["a.very.long.domain.example"], 1), [format!("{long}.")]);
    }
}
