//! Whether a path leads to an address.

use super::inventory::{InterfaceRow, Inventory};
use super::paths::Path;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

/// The two ends and the interface of a path that leads to an address.
#[derive(Clone)]
pub(super) struct Fit {
    pub(super) interface: Option<Arc<str>>,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: SocketAddr,
}

/// Why a path does not lead to an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Misfit {
    Unspecified,
    NoPort {
        service: Arc<str>,
    },
    /// Temporary addresses are required, and IPv4 has none (RFC 9622 §6.2.13).
    NoTemporaryAddress,
    /// They are required, and there is none to leave from.
    NoneTemporary,
    OtherFamily {
        local: IpAddr,
    },
    NoSource {
        interface: Arc<str>,
    },
    ThisHost {
        interface: Arc<str>,
    },
    OtherHost {
        interface: Arc<str>,
    },
    NoScope,
    UnknownScope {
        interface: Arc<str>,
    },
    OtherScope {
        interface: Arc<str>,
    },
    /// A policy, or what is known of the peer, rules it out.
    RuledOut,
}

/// Fits a path to the address of a remote endpoint whose scope is `zone`.
pub(super) fn fit(
    path: &Path,
    address: IpAddr,
    port: u16,
    zone: Option<&Arc<str>>,
    inventory: &Inventory,
) -> Result<Fit, Misfit> {
    if address.is_unspecified() {
        return Err(Misfit::Unspecified);
    }
    if let Some(local) = path.address.filter(|local| local.is_ipv4() != address.is_ipv4()) {
        return Err(Misfit::OtherFamily { local });
    }
    let row = path.interface.as_deref().and_then(|name| inventory.interface(name));
    if let Some(row) = row {
        leads(row, address, inventory)?;
    }
    let local = path.local_for(address, inventory);
    let (IpAddr::V6(v6), true) = (address, needs_scope(address)) else {
        return Ok(Fit { interface: path.interface.clone(), local, remote: SocketAddr::new(address, port) });
    };
    let scope = scope(path, zone, inventory)?;
    let remote = SocketAddrV6::new(v6, port, 0, scope.index).into();
    Ok(Fit { interface: Some(scope.name.clone()), local, remote })
}

impl Path {
    /// What to bind to in order to reach this address; nothing, if nothing was said.
    fn local_for(&self, remote: IpAddr, inventory: &Inventory) -> Option<SocketAddr> {
        match (self.address, self.port) {
            (Some(address), _) => Some(self.bound(address, inventory)),
            (None, 0) => None,
            (None, port) if remote.is_ipv4() => Some((Ipv4Addr::UNSPECIFIED, port).into()),
            (None, port) => Some((Ipv6Addr::UNSPECIFIED, port).into()),
        }
    }

    /// This local address, with its scope if it needs one.
    pub(super) fn bound(&self, address: IpAddr, inventory: &Inventory) -> SocketAddr {
        let IpAddr::V6(v6) = address else { return (address, self.port).into() };
        let named = self.interface.as_deref().and_then(|name| inventory.interface(name));
        let row = if needs_scope(address) { named.or_else(|| inventory.owner(address)) } else { None };
        SocketAddrV6::new(v6, self.port, 0, row.map_or(0, |row| row.index)).into()
    }
}

/// Whether an interface leads to an address: to this host only through loopback, to others only if it has an address
/// to speak from.
fn leads(row: &InterfaceRow, to: IpAddr, inventory: &Inventory) -> Result<(), Misfit> {
    let interface = || row.name.clone();
    if row.loopback {
        return if to.is_loopback() || inventory.owner(to).is_some() {
            Ok(())
        } else {
            Err(Misfit::OtherHost { interface: interface() })
        };
    }
    if to.is_loopback() {
        return Err(Misfit::ThisHost { interface: interface() });
    }
    if row.has_source_for(to) { Ok(()) } else { Err(Misfit::NoSource { interface: interface() }) }
}

/// The interface that a link-local address is meant on: what the remote endpoint says (RFC 9622 §6.1.2), else what
/// the path is bound to.
fn scope<'a>(
    path: &Path,
    zone: Option<&Arc<str>>,
    inventory: &'a Inventory,
) -> Result<&'a InterfaceRow, Misfit> {
    let name = zone.or(path.interface.as_ref()).ok_or(Misfit::NoScope)?;
    let row = inventory.interface(name).ok_or_else(|| Misfit::UnknownScope { interface: name.clone() })?;
    match &path.interface {
        Some(bound) if *bound != row.name => Err(Misfit::OtherScope { interface: bound.clone() }),
        _ => Ok(row),
    }
}

/// Whether an address means something else on every interface: link-local, unicast or multicast (RFC 4007 §4).
fn needs_scope(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.segments()[0] & 0xff0f == 0xff02,
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspecified => f.write_str("it names no host"),
            Self::NoPort { service } => write!(f, "its service {service} has not been resolved"),
            Self::NoTemporaryAddress => f.write_str("temporary addresses are required, and IPv4 has none"),
            Self::NoneTemporary => f.write_str("temporary addresses are required, and there is none"),
            Self::OtherFamily { local } => write!(f, "the local address {local} is of the other family"),
            Self::NoSource { interface } => write!(f, "{interface} has no address to reach it from"),
            Self::ThisHost { interface } => write!(f, "it is this host, and {interface} leads elsewhere"),
            Self::OtherHost { interface } => write!(f, "{interface} leads to this host only"),
            Self::NoScope => f.write_str("it is link-local and needs an interface (address%interface)"),
            Self::UnknownScope { interface } => write!(f, "there is no interface {interface}"),
            Self::RuledOut => f.write_str("a policy rules it out"),
            Self::OtherScope { interface } => write!(f, "{interface} is not the interface it is on"),
        }
    }
}
