//! The networks this host is on, as they are at one moment, and what became different between two.

use super::inventory::{InterfaceRow, Inventory, Route};
use crate::racing::Family;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The networks this host is on, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostNetwork {
    /// The interfaces, in the order of the system.
    pub interfaces: Vec<InterfaceRow>,
    /// The routes that lead beyond the networks this host is on, the preferred ones first. `None`: not known.
    pub routes: Option<Vec<Route>>,
}

/// Something of the networks that became different.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkChange {
    /// An interface can be used now: it came, it was switched on, or it has a carrier.
    Up {
        /// Its name.
        interface: Arc<str>,
    },
    /// An interface cannot be used any more: it is gone, switched off, or without a carrier.
    Down {
        /// Its name.
        interface: Arc<str>,
    },
    /// An interface that is up has another address.
    AddressAdded {
        /// Its name.
        interface: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// An address is gone, or its interface is down.
    AddressRemoved {
        /// The name of its interface.
        interface: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// An address is not to be used for new connections any more; those that use it go on (RFC 4862 §5.5.4).
    AddressDeprecated {
        /// The name of its interface.
        interface: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// What leads to everywhere else is another interface or another router.
    DefaultRoute {
        /// For which family.
        family: Family,
        /// The interface it leaves by; `None` if there is none any more.
        interface: Option<Arc<str>>,
        /// The router, if there is one.
        gateway: Option<IpAddr>,
    },
}

impl HostNetwork {
    /// These interfaces, with routes that are not known.
    pub fn new(interfaces: Vec<InterfaceRow>) -> Self {
        Self { interfaces, routes: None }
    }

    /// With these routes.
    #[must_use]
    pub fn routed(mut self, routes: Vec<Route>) -> Self {
        self.routes = Some(routes);
        self
    }

    /// What became different since `earlier`: interfaces first, then their addresses, then routes.
    pub fn changes_since(&self, earlier: &Self) -> Vec<NetworkChange> {
        let mut changes = Vec::new();
        for row in up(&earlier.interfaces) {
            if self.up(&row.name).is_none() {
                changes.push(NetworkChange::Down { interface: row.name.clone() });
            }
        }
        for row in up(&self.interfaces) {
            if earlier.up(&row.name).is_none() {
                changes.push(NetworkChange::Up { interface: row.name.clone() });
            }
        }
        for row in up(&earlier.interfaces) {
            let here = self.up(&row.name);
            for &address in row.addresses.iter().filter(|&&old| here.is_none_or(|row| !row.has(old))) {
                changes.push(NetworkChange::AddressRemoved { interface: row.name.clone(), address });
            }
        }
        for row in up(&self.interfaces) {
            let before = earlier.up(&row.name);
            for &address in row.addresses.iter().filter(|&&new| before.is_none_or(|row| !row.has(new))) {
                changes.push(NetworkChange::AddressAdded { interface: row.name.clone(), address });
            }
            let was_fine = |address| before.is_some_and(|row| row.is_preferred(address));
            for source in row.sources.iter().filter(|source| source.deprecated && was_fine(source.address)) {
                let (interface, address) = (row.name.clone(), source.address);
                changes.push(NetworkChange::AddressDeprecated { interface, address });
            }
        }
        for family in [Family::V6, Family::V4] {
            let (before, now) = (earlier.default_route(family), self.default_route(family));
            if before != now {
                let (interface, gateway) = now.unzip();
                changes.push(NetworkChange::DefaultRoute { family, interface, gateway: gateway.flatten() });
            }
        }
        changes
    }

    fn up(&self, name: &str) -> Option<&InterfaceRow> {
        up(&self.interfaces).find(|row| *row.name == *name)
    }

    /// Where the preferred route of a family leads.
    fn default_route(&self, family: Family) -> Option<(Arc<str>, Option<IpAddr>)> {
        let mut routes = self.routes.iter().flatten().filter(|route| route.family == family);
        routes.find_map(|route| {
            let row = up(&self.interfaces).find(|row| row.index == route.interface)?;
            Some((row.name.clone(), route.gateway))
        })
    }
}

fn up(interfaces: &[InterfaceRow]) -> impl Iterator<Item = &InterfaceRow> {
    interfaces.iter().filter(|row| row.up)
}

impl Inventory {
    /// The same stacks on these networks.
    pub fn on(&mut self, network: &HostNetwork) {
        self.interfaces.clone_from(&network.interfaces);
        self.routes.clone_from(&network.routes);
    }
}

impl NetworkChange {
    /// Whether a connection from this address is concerned: the address is gone, or not to be used any more.
    pub fn concerns(&self, local: IpAddr) -> bool {
        match self {
            Self::AddressRemoved { address, .. } | Self::AddressDeprecated { address, .. } => {
                *address == local.to_canonical()
            }
            _ => false,
        }
    }
}

impl fmt::Display for NetworkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { interface } => write!(f, "{interface} is up"),
            Self::Down { interface } => write!(f, "{interface} is down"),
            Self::AddressAdded { interface, address } => write!(f, "{interface} has {address}"),
            Self::AddressRemoved { interface, address } => write!(f, "{interface} has {address} no more"),
            Self::AddressDeprecated { interface, address } => {
                write!(f, "{address} on {interface} is deprecated")
            }
            Self::DefaultRoute { family, interface, gateway } => {
                write!(f, "{family} leaves by ")?;
                match interface {
                    None => f.write_str("nothing"),
                    Some(interface) => f.write_str(interface),
                }?;
                gateway.map_or(Ok(()), |gateway| write!(f, " via {gateway}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::racing::Source;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn row(name: &str, index: u32, addresses: &[&str]) -> InterfaceRow {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| ip(text)).collect();
        let sources = addresses.iter().copied().map(Source::new).collect();
        InterfaceRow { name: name.into(), index, addresses, sources, up: true, loopback: false }
    }

    fn home() -> HostNetwork {
        let route = |family, gateway| Route { gateway: Some(ip(gateway)), ..Route::new(family, 2) };
        HostNetwork::new(vec![row("lo", 1, &["127.0.0.1"]), row("eth0", 2, &["192.0.2.2", "2001:db8::2"])])
            .routed(vec![route(Family::V6, "fe80::1"), route(Family::V4, "192.0.2.1")])
    }

    fn told(before: &HostNetwork, after: &HostNetwork) -> Vec<String> {
        after.changes_since(before).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_told_of_what_stays() {
        assert_eq!(told(&home(), &home()), [""; 0]);
        let mut reordered = home();
        reordered.interfaces.reverse();
        reordered.interfaces[0].addresses.reverse();
        assert_eq!(told(&home(), &reordered), [""; 0]);
    }

    #[test]
    fn an_interface_without_carrier_takes_its_addresses_and_routes_along() {
        let mut unplugged = home();
        unplugged.interfaces[1].up = false;
        let gone = [
            "eth0 is down",
            "eth0 has 192.0.2.2 no more",
            "eth0 has 2001:db8::2 no more",
            "IPv6 leaves by nothing",
            "IPv4 leaves by nothing",
        ];
        assert_eq!(told(&home(), &unplugged), gone);
        assert!(unplugged.changes_since(&home())[1].concerns(ip("::ffff:192.0.2.2")));
        let here = [
            "eth0 is up",
            "eth0 has 192.0.2.2",
            "eth0 has 2001:db8::2",
            "IPv6 leaves by eth0 via fe80::1",
            "IPv4 leaves by eth0 via 192.0.2.1",
        ];
        assert_eq!(told(&unplugged, &home()), here);
    }

    #[test]
    fn addresses_come_go_and_are_deprecated_once() {
        let mut later = home();
        later.interfaces[1] = row("eth0", 2, &["192.0.2.3", "2001:db8::2"]);
        later.interfaces[1].sources[1].deprecated = true;
        let expected =
            ["eth0 has 192.0.2.2 no more", "eth0 has 192.0.2.3", "2001:db8::2 on eth0 is deprecated"];
        assert_eq!(told(&home(), &later), expected);
        assert_eq!(told(&later, &later.clone()), [""; 0]);
    }

    #[test]
    fn another_router_is_told() {
        let mut moved = home();
        moved.routes.as_mut().unwrap()[1].gateway = Some(ip("192.0.2.254"));
        assert_eq!(told(&home(), &moved), ["IPv4 leaves by eth0 via 192.0.2.254"]);
    }
}
