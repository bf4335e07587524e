//! What there is to choose from: the policy information base.

use crate::candidate::Protocol;
use crate::properties::Offers;
use std::net::IpAddr;
use std::sync::Arc;

/// What there is to choose from, at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The protocol stacks, in the order of their registration.
    pub stacks: Vec<StackRow>,
    /// The interfaces, in the order of the system.
    pub interfaces: Vec<InterfaceRow>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceRow {
    /// Its name.
    pub name: Arc<str>,
    /// Its index, which is the scope of its link-local addresses.
    pub index: u32,
    /// Its addresses; none when they are not known.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it leads back to this host.
    pub loopback: bool,
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

    /// The first interface that has this address.
    pub fn owner(&self, address: IpAddr) -> Option<&InterfaceRow> {
        self.interfaces.iter().find(|row| row.has(address))
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
}
