//! What the kernel tells by rtnetlink.

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt, TryStreamExt};
use neatflow_core::policy::{HostNetwork, InterfaceRow, Route};
use neatflow_core::racing::{Family, Source};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHopFlags, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::SocketAddr;
use rtnetlink::{Error, Handle, IpVersion, MulticastGroup, RouteMessageBuilder, new_multicast_connection};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::task::JoinHandle;

/// What is told of by itself.
const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];

/// A host has at most this many default routes that are looked at.
const MAX_ROUTES: usize = 256;

/// The kernel, as somebody who can be asked and tells of changes.
#[derive(Debug)]
pub(super) struct Kernel {
    handle: Handle,
    news: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        let (connection, handle, news) = new_multicast_connection(&GROUPS)?;
        Ok(Self { handle, news, task: tokio::spawn(connection) })
    }

    /// Waits until something has changed that matters; more of the same is taken together.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        loop {
            let (message, _) = self.news.next().await.ok_or(io::ErrorKind::BrokenPipe)?;
            let mut matters = matters(&message);
            while let Ok((message, _)) = self.news.try_recv() {
                matters |= self::matters(&message);
            }
            if matters {
                return Ok(());
            }
        }
    }

    /// Everything, as it is now.
    pub(super) async fn look(&self) -> io::Result<HostNetwork> {
        let links: Vec<LinkMessage> =
            self.handle.link().get().execute().try_collect().await.map_err(failed)?;
        let mut interfaces: Vec<InterfaceRow> = links.iter().filter_map(interface).collect();
        interfaces.sort_unstable_by_key(|row| row.index);
        let tunnels: Vec<u32> = links.iter().filter(is_tunnel).map(|link| link.header.index).collect();
        let mut addresses = self.handle.address().get().execute();
        while let Some(address) = addresses.try_next().await.map_err(failed)? {
            let Ok(at) = interfaces.binary_search_by_key(&address.header.index, |row| row.index) else {
                continue;
            };
            if let Some(mut source) = source(&address) {
                source.encapsulated = tunnels.contains(&interfaces[at].index);
                interfaces[at].addresses.push(source.address);
                interfaces[at].sources.push(source);
            }
        }
        let mut routes = self.routes(IpVersion::V6).await?;
        routes.extend(self.routes(IpVersion::V4).await?);
        Ok(HostNetwork::new(interfaces).routed(routes))
    }

    /// The default routes of a family, the preferred ones first.
    async fn routes(&self, version: IpVersion) -> io::Result<Vec<Route>> {
        let ask = match version {
            IpVersion::V4 => RouteMessageBuilder::<Ipv4Addr>::new().build(),
            IpVersion::V6 => RouteMessageBuilder::<Ipv6Addr>::new().build(),
        };
        let mut found: Vec<Route> = Vec::new();
        let mut routes = std::pin::pin!(self.handle.route().get(ask).execute());
        while let Some(route) = routes.try_next().await.map_err(failed)? {
            if found.len() < MAX_ROUTES && is_default(&route) {
                found.extend(hops(&route));
            }
        }
        // The kernel lists routes of one metric in the order in which it tries them.
        found.sort_by_key(|route| route.metric);
        Ok(found)
    }
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}

/// Whether a message tells of something that can change what we know. Of routes only the default ones can: a router may
/// learn of thousands of others each second.
fn matters(message: &NetlinkMessage<RouteNetlinkMessage>) -> bool {
    use RouteNetlinkMessage as M;
    match &message.payload {
        NetlinkPayload::InnerMessage(message) => match message {
            M::NewLink(_) | M::DelLink(_) | M::NewAddress(_) | M::DelAddress(_) => true,
            M::NewRoute(route) | M::DelRoute(route) => is_default(route),
            _ => false,
        },
        // Some were lost: anything may have changed.
        NetlinkPayload::Overrun(_) => true,
        _ => false,
    }
}

fn interface(link: &LinkMessage) -> Option<InterfaceRow> {
    let name = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })?;
    let flags = link.header.flags;
    Some(InterfaceRow {
        name: name.into(),
        index: link.header.index,
        // Running: it has a carrier, or nobody can tell.
        up: flags.contains(LinkFlags::Up | LinkFlags::Running),
        loopback: flags.contains(LinkFlags::Loopback),
        ..InterfaceRow::default()
    })
}

/// Whether what it carries is packed into other packets on its way (RFC 6724 §6, rule 7).
fn is_tunnel(link: &&LinkMessage) -> bool {
    use LinkLayerType as L;
    matches!(link.header.link_layer_type, L::Sit | L::Tunnel | L::Tunnel6 | L::Ipgre | L::Ip6gre)
}

/// An address of ours; `None` if it cannot be used (yet).
fn source(message: &AddressMessage) -> Option<Source> {
    let (mut address, mut local) = (None, None);
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Address(ip) => address = Some(*ip),
            // On a point-to-point link the other one is the peer's.
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    let unproven = flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic);
    if unproven || flags.contains(AddressFlags::Dadfailed) {
        return None;
    }
    let ip = local.or(address)?;
    let mut source = Source::new(ip);
    source.prefix = message.header.prefix_len;
    source.deprecated = flags.contains(AddressFlags::Deprecated);
    // The same bit says of an IPv4 address that it is not its network's first one.
    source.temporary = ip.is_ipv6() && flags.contains(AddressFlags::Secondary);
    Some(source)
}

/// Whether a route leads everywhere that no other one leads, for everybody (the main table).
fn is_default(route: &RouteMessage) -> bool {
    let table = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    route.header.destination_prefix_length == 0
        && route.header.source_prefix_length == 0
        && route.header.kind == RouteType::Unicast
        && table.unwrap_or_else(|| route.header.table.into()) == u32::from(RouteHeader::RT_TABLE_MAIN)
}

/// Where a route leads; more than one way if it has several.
fn hops(message: &RouteMessage) -> Vec<Route> {
    let family = match message.header.address_family {
        AddressFamily::Inet => Family::V4,
        AddressFamily::Inet6 => Family::V6,
        _ => return Vec::new(),
    };
    let (mut metric, mut ways) = (0, Vec::new());
    let oif = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    ways.extend(oif.map(|index| (index, gateway(&message.attributes))));
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Priority(priority) => metric = *priority,
            RouteAttribute::MultiPath(hops) => {
                let dead = RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown;
                let alive = hops.iter().filter(|hop| !hop.flags.intersects(dead));
                ways.extend(alive.map(|hop| (hop.interface_index, gateway(&hop.attributes))));
            }
            _ => {}
        }
    }
    let route = |(interface, gateway)| {
        let mut route = Route::new(family, interface);
        (route.gateway, route.metric) = (gateway, metric);
        route
    };
    ways.into_iter().map(route).collect()
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(v4)) | RouteAttribute::Via(RouteVia::Inet(v4)) => {
            Some(IpAddr::from(*v4))
        }
        RouteAttribute::Gateway(RouteAddress::Inet6(v6)) | RouteAttribute::Via(RouteVia::Inet6(v6)) => {
            Some(IpAddr::from(*v6))
        }
        _ => None,
    })
}
