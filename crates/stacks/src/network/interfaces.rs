//! The network interfaces of this machine.

use std::io;
use std::net::IpAddr;

/// A network interface, as it was when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name: `eth0`.
    pub name: String,
    /// Its number; the scope of link-local IPv6 addresses.
    pub index: u32,
    /// Its addresses, in the order of the system; it may have none.
    pub addresses: Vec<IpAddr>,
    /// Whether it is switched on, and has a carrier where that can be told.
    pub up: bool,
    /// Whether it leads back to this machine.
    pub loopback: bool,
}

/// The interfaces of this machine, in the order of their numbers. One that has neither an IP address nor a
/// hardware address is not listed.
///
/// *Errors*: those of the system.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    use getifaddrs::InterfaceFlags as Flags;
    let mut found: Vec<Interface> = Vec::new();
    for entry in getifaddrs::getifaddrs()? {
        // Gone since the listing began.
        let Some(index) = entry.index else { continue };
        let at = found.binary_search_by_key(&index, |known| known.index).unwrap_or_else(|at| {
            found.insert(
                at,
                Interface {
                    name: entry.name,
                    index,
                    addresses: Vec::new(),
                    up: entry.flags.contains(Flags::UP | Flags::RUNNING),
                    loopback: entry.flags.contains(Flags::LOOPBACK),
                },
            );
            at
        });
        found[at].addresses.extend(entry.address.ip_addr());
    }
    Ok(found)
}

/// The number of the interface of this name.
///
/// *Errors*: when there is none of this name.
pub fn interface_index(name: &str) -> io::Result<u32> {
    getifaddrs::if_nametoindex(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_listed_once_with_its_address_and_number() {
        let loopbacks: Vec<_> = interfaces().unwrap().into_iter().filter(|found| found.loopback).collect();
        let [loopback] = loopbacks.as_slice() else { panic!("one loopback interface: {loopbacks:?}") };
        assert!(loopback.up);
        assert!(loopback.addresses.iter().any(|address| address.is_loopback() && address.is_ipv4()));
        assert_eq!(interface_index(&loopback.name).unwrap(), loopback.index);
    }

    #[test]
    fn numbers_are_unique_and_rise() {
        let indices: Vec<_> = interfaces().unwrap().into_iter().map(|found| found.index).collect();
        assert!(indices.is_sorted_by(|one, next| one < next), "{indices:?}");
    }

    #[test]
    fn a_name_nobody_has_is_an_error() {
        for name in ["", "no-such-if", "a name longer than any interface may have", "lo\0", "\0"] {
            assert!(interface_index(name).is_err(), "{name:?}");
        }
    }
}
