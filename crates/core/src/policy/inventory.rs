//! What there is to choose from: the stacks of this build, and the interfaces, addresses and routes of this host.

use super::paths::Path;
use super::request::Request;
use crate::candidate::Protocol;
use crate::properties::Offers;
use crate::racing::{Family, Network, Source};
use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

/// What there is to choose from, at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The protocol stacks, in the order of their registration.
    pub stacks: Vec<StackRow>,
    /// The interfaces, in the order of the system.
    pub interfaces: Vec<InterfaceRow>,
    /// The routes that lead beyond the networks this host is on, the preferred ones first. `None` (the default): not
    /// known.
    pub routes: Option<Vec<Route>>,
}

/// A registered protocol stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRow {
    /// Its name.
    pub protocol: Protocol,
    /// What it offers.
    pub offers: Offers,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceRow {
    /// Its name.
    pub name: Arc<str>,
    /// Its index, which is the scope of its link-local addresses.
    pub index: u32,
    /// Its addresses; none when they are not known.
    pub addresses: Vec<IpAddr>,
    /// The same addresses with their states. Default: none, the states are not known.
    pub sources: Vec<Source>,
    /// Whether it is up, and has a carrier where that can be told.
    pub up: bool,
    /// Whether it leads back to this host.
    pub loopback: bool,
}

/// A route for everything that no nearer one is for (`0.0.0.0/0`, `::/0`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// What it is for.
    pub family: Family,
    /// The index of the interface it leaves by.
    pub interface: u32,
    /// The router, if there is one.
    pub gateway: Option<IpAddr>,
    /// Of two routes the one with the lower metric is used.
    pub metric: u32,
}

impl Route {
    /// The default route of this family, by this interface, with no router and metric 0.
    pub fn new(family: Family, interface: u32) -> Self {
        Self { family, interface, gateway: None, metric: 0 }
    }
}

impl Inventory {
    /// The interface of this name, or of this index in digits.
    pub fn interface(&self, name: &str) -> Option<&InterfaceRow> {
        let named = self.interfaces.iter().find(|row| &*row.name == name);
        named.or_else(|| {
            let index = name.parse::<u32>().ok()?;
            self.interfaces.iter().find(|row| row.index == index)
        })
    }

    /// Whether the interfaces and addresses of ours that a request names are here, and up.
    pub fn has_what_is_named(&self, request: &Request) -> bool {
        let up = |name: &str| self.interface(name).is_some_and(|row| row.up);
        let ours = |address: IpAddr| {
            address.is_unspecified() || address.is_loopback() || self.owner(address).is_some_and(|row| row.up)
        };
        let said = request.properties.selection.interfaces();
        said.iter().all(|(_, name)| up(name))
            && request
                .locals
                .iter()
                .all(|local| local.interface.as_deref().is_none_or(up) && local.literal().is_none_or(ours))
    }

    /// The first interface that has this address.
    pub fn owner(&self, address: IpAddr) -> Option<&InterfaceRow> {
        self.interfaces.iter().find(|row| row.has(address))
    }

    /// The interface by which packets to this address leave, as far as can be told: the loopback interface for this
    /// host, the one that is on the address's network, the one of the default route, or the only one there is.
    pub fn towards(&self, address: IpAddr) -> Option<&InterfaceRow> {
        let address = address.to_canonical();
        if address.is_loopback() || self.owner(address).is_some() {
            return self.interfaces.iter().find(|row| row.loopback);
        }
        let on_link = self.outward().filter_map(|row| Some((row.prefix_over(address)?, row)));
        if let Some((_, row)) = on_link.min_by_key(|(prefix, _)| Reverse(*prefix)) {
            return Some(row);
        }
        let family = family_of(&address);
        if let Some(routes) = &self.routes {
            let mut routes = routes.iter().filter(|route| route.family == family);
            return routes.find_map(|route| self.outward().find(|row| row.index == route.interface));
        }
        let mut rows = self.outward().filter(|row| row.has_source_for(address));
        rows.next().filter(|_| rows.next().is_none())
    }

    /// As [`towards`](Self::towards), but only where no route that is not known here can lead elsewhere: to this host, to
    /// the network of an interface, and where there is one interface alone.
    pub fn surely_towards(&self, address: IpAddr) -> Option<&InterfaceRow> {
        let address = address.to_canonical();
        let likely = self.towards(address)?;
        let mut others =
            self.outward().filter(|row| row.index != likely.index && row.has_source_for(address));
        let is_sure = likely.loopback || likely.prefix_over(address).is_some() || others.next().is_none();
        is_sure.then_some(likely)
    }

    /// What names the network that connections to a peer use: the interface they are bound to, else the one that
    /// usually is used, and the routers of its default routes, so that two networks a laptop visits are not taken for
    /// one. Empty where nothing is known.
    pub fn network_name(&self, bound_to: Option<&str>, peer: Option<IpAddr>) -> Arc<str> {
        let row = match (bound_to, peer) {
            (Some(name), _) => match self.interface(name) {
                Some(row) => Some(row),
                None => return name.into(),
            },
            (None, Some(peer)) if peer.is_loopback() || self.owner(peer).is_some() => self.towards(peer),
            (None, _) => self.usual(),
        };
        row.map(|row| self.name_behind(row)).unwrap_or_default()
    }

    /// The interface of the preferred default route, or the only one there is.
    fn usual(&self) -> Option<&InterfaceRow> {
        let mut routes = self.routes.iter().flatten();
        let routed = routes.find_map(|route| self.outward().find(|row| row.index == route.interface));
        let mut rows = self.outward();
        routed.or_else(|| rows.next().filter(|_| rows.next().is_none()))
    }

    fn name_behind(&self, row: &InterfaceRow) -> Arc<str> {
        self.routed_name(row).unwrap_or_else(|| row.name.clone())
    }

    /// What names the network behind an interface that has a router: both together.
    pub fn routed_name(&self, row: &InterfaceRow) -> Option<Arc<str>> {
        let here = |route: &&Route| route.interface == row.index;
        let mut gateways: Vec<IpAddr> =
            self.routes.iter().flatten().filter(here).filter_map(|route| route.gateway).collect();
        if gateways.is_empty() {
            return None;
        }
        gateways.sort_unstable();
        gateways.dedup();
        let gateways: Vec<String> = gateways.iter().map(ToString::to_string).collect();
        Some(format!("{} via {}", row.name, gateways.join(" ")).into())
    }

    /// The network that paths lead to, for a race: which families it has, and where packets may come from. A family is
    /// there with an address that is neither loopback nor link-local, on an interface that is up, and a route: one to
    /// its own network will do, and where routes are not known the address alone. Where that leaves none, both count as
    /// there: an attempt can tell better what is wrong.
    pub fn network<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) -> Network {
        // One path that is bound to no interface may lead anywhere.
        let bound: Option<Vec<&str>> = paths.into_iter().map(|path| path.interface.as_deref()).collect();
        let bound = bound.unwrap_or_default();
        let may = |row: &&InterfaceRow| bound.is_empty() || bound.contains(&&*row.name);
        let has = |family| self.outward().filter(may).any(|row| self.has_family(row, family));
        let (v6, v4) = (has(Family::V6), has(Family::V4));
        let neither = !v6 && !v4;
        let rows = self.interfaces.iter().filter(|row| row.up && (row.loopback || may(row)));
        let sources = rows.flat_map(|row| row.sources.iter().cloned()).collect();
        Network::default().families(v6 || neither, v4 || neither).sources(sources)
    }

    /// Whether a connection over this path can have an address that is not used for long (RFC 8981); true where the
    /// states of addresses are not known.
    pub(super) fn may_have_temporary(&self, path: &Path) -> bool {
        let address = path.address.filter(|address| !address.is_unspecified());
        let suits = |source: &Source| {
            source.temporary && !source.deprecated && address.is_none_or(|address| source.address == address)
        };
        let here = |row: &&InterfaceRow| path.interface.as_deref().is_none_or(|name| *row.name == *name);
        let mut rows = self.outward().filter(here);
        rows.any(|row| row.sources.is_empty() || row.sources.iter().any(suits))
    }

    fn has_family(&self, row: &InterfaceRow, family: Family) -> bool {
        let counts = |address: &IpAddr| family_of(address) == family && is_global(address);
        let routed = || self.routes.iter().flatten().any(|route| route.family == family);
        let on_network = |source: &Source| {
            counts(&source.address) && source.prefix < if family == Family::V6 { 128 } else { 32 }
        };
        row.addresses.iter().any(counts)
            && (self.routes.is_none() || row.sources.iter().any(on_network) || routed())
    }

    /// What is up and leads elsewhere.
    fn outward(&self) -> impl Iterator<Item = &InterfaceRow> {
        self.interfaces.iter().filter(|row| row.up && !row.loopback)
    }
}

impl InterfaceRow {
    /// Whether it has this address. The loopback interface has all of 127.0.0.0/8 (RFC 1122 §3.2.1.3), and `::1`.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.loopback && address.is_loopback()
    }

    /// Whether it has an address from which this one could be reached; true when its addresses are not known. A
    /// link-local IPv6 address reaches only others of its kind.
    pub(super) fn has_source_for(&self, remote: IpAddr) -> bool {
        let suits = |address: &IpAddr| match (address, remote) {
            (IpAddr::V4(_), IpAddr::V4(_)) => true,
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                !from.is_unicast_link_local() || to.is_unicast_link_local() || to.is_multicast()
            }
            _ => false,
        };
        self.addresses.is_empty() || self.addresses.iter().any(suits)
    }

    /// Whether it says the same as another look at it, as far as both know.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let (all, others) = (&self.addresses, &other.addresses);
        self.name == other.name
            && self.index == other.index
            && self.up == other.up
            && all.iter().all(|address| others.contains(address))
            && others.iter().all(|address| all.contains(address))
    }

    /// Whether this is an address of its own that new connections may use.
    pub(super) fn is_preferred(&self, address: IpAddr) -> bool {
        self.sources.iter().any(|source| source.address == address && !source.deprecated)
    }

    /// The length of the longest prefix it shares with an address that is on its network.
    fn prefix_over(&self, address: IpAddr) -> Option<u8> {
        self.sources.iter().filter(|source| source.covers(address)).map(|source| source.prefix).max()
    }
}

fn family_of(address: &IpAddr) -> Family {
    if address.is_ipv6() { Family::V6 } else { Family::V4 }
}

/// Whether an address is for others than this host and this link.
fn is_global(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, index: u32, addresses: &[(&str, u8)]) -> InterfaceRow {
        let source =
            |(text, prefix): &(&str, u8)| Source { prefix: *prefix, ..Source::new(text.parse().unwrap()) };
        let sources: Vec<Source> = addresses.iter().map(source).collect();
        let addresses = sources.iter().map(|source| source.address).collect();
        InterfaceRow { name: name.into(), index, addresses, sources, up: true, loopback: name == "lo" }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A cable with both families and a radio with IPv4, each with a router; the cable's is preferred.
    fn laptop() -> Inventory {
        let route = |family, interface, gateway: &str, metric| Route {
            gateway: Some(ip(gateway)),
            metric,
            ..Route::new(family, interface)
        };
        Inventory {
            interfaces: vec![
                row("lo", 1, &[("127.0.0.1", 8), ("::1", 128)]),
                row("eth0", 2, &[("192.0.2.10", 24), ("2001:db8:1::10", 64), ("fe80::10", 64)]),
                row("wlan0", 3, &[("198.51.100.20", 25)]),
            ],
            routes: Some(vec![
                route(Family::V4, 2, "192.0.2.1", 100),
                route(Family::V4, 3, "198.51.100.1", 600),
                route(Family::V6, 2, "fe80::1", 100),
            ]),
            ..Inventory::default()
        }
    }

    #[test]
    fn packets_leave_by_the_network_an_address_is_on_and_else_by_the_default_route() {
        let laptop = laptop();
        for (to, by) in [
            ("127.0.0.1", "lo"),
            ("192.0.2.10", "lo"),
            ("192.0.2.99", "eth0"),
            ("198.51.100.21", "wlan0"),
            ("198.51.100.200", "eth0"),
            ("203.0.113.1", "eth0"),
            ("2001:db8:2::1", "eth0"),
        ] {
            assert_eq!(laptop.towards(ip(to)).map(|row| &*row.name), Some(by), "{to}");
        }
        let mut without = laptop;
        without.routes = Some(Vec::new());
        assert_eq!(without.towards(ip("203.0.113.1")), None, "nothing leads there");
        without.routes = None;
        assert_eq!(without.towards(ip("203.0.113.1")), None, "either could");
        assert_eq!(&*without.towards(ip("2001:db8:2::1")).unwrap().name, "eth0", "only one has the family");
    }

    #[test]
    fn a_family_is_there_with_an_address_and_a_route() {
        let path = |name: &str| Path { interface: Some(name.into()), ..Path::default() };
        let families = |inventory: &Inventory, paths: &[Path]| {
            let network = inventory.network(paths);
            (network.v6, network.v4)
        };
        let mut laptop = laptop();
        assert_eq!(families(&laptop, &[Path::default()]), (true, true));
        assert_eq!(families(&laptop, &[path("wlan0")]), (false, true));
        assert_eq!(families(&laptop, &[path("wlan0"), path("eth0")]), (true, true));
        laptop.interfaces[1].up = false;
        assert_eq!(families(&laptop, &[Path::default()]), (false, true));
        laptop.interfaces[2].up = false;
        assert_eq!(
            families(&laptop, &[Path::default()]),
            (true, true),
            "nothing is there: let attempts tell"
        );
    }

    #[test]
    fn a_network_without_a_router_is_one_and_a_lone_address_is_not() {
        let mut host = Inventory {
            interfaces: vec![row("eth0", 1, &[("192.0.2.10", 24), ("2001:db8::1", 128)])],
            routes: Some(Vec::new()),
            ..Inventory::default()
        };
        let network = host.network(&[]);
        assert_eq!((network.v6, network.v4), (false, true));
        host.routes = Some(vec![Route::new(Family::V6, 1)]);
        assert!(host.network(&[]).v6);
    }

    #[test]
    fn the_same_interface_with_another_router_is_another_network() {
        let mut laptop = laptop();
        let home = laptop.network_name(Some("wlan0"), None);
        assert_eq!(&*home, "wlan0 via 198.51.100.1");
        assert_eq!(&*laptop.network_name(None, Some(ip("203.0.113.1"))), "eth0 via 192.0.2.1 fe80::1");
        assert_eq!(&*laptop.network_name(None, Some(ip("::1"))), "lo");
        laptop.routes.as_mut().unwrap()[1].gateway = Some(ip("198.51.100.2"));
        assert_ne!(laptop.network_name(Some("wlan0"), None), home);
        assert_eq!(&*laptop.network_name(Some("gone0"), None), "gone0");
        assert_eq!(&*Inventory::default().network_name(None, None), "");
    }
}
