//! One way to reach a target, and its number.

use super::address::Address;
use super::order::Rule;
use super::resolution::Group;
use super::rfc6724::Destination;
use crate::candidate::{CandidateId, Protocol};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One way to reach a target, as the race formed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where to connect: behind a NAT64 the synthesised address.
    pub address: Address,
    /// The address that names it in records, in front of a NAT64.
    pub logical: Address,
    /// The port: the service's, or the target's.
    pub port: u16,
    /// What carries it.
    pub transport: Protocol,
    /// The name whose address this is; `None` for a literal.
    pub name: Option<Arc<str>>,
    /// The application protocols that both sides speak, as far as that is known; best first.
    pub alpn: Vec<Arc<str>>,
    /// The configuration for Encrypted Client Hello, if it is to be used. May come while an attempt is held.
    pub ech: Option<Arc<[u8]>>,
}

/// An endpoint on the list of what was found of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// What was found.
    pub endpoint: Endpoint,
    /// What put it after the one before it.
    pub rule: Rule,
    /// How long an attempt there runs alone, if that was learned.
    pub delay: Option<Duration>,
}

/// What makes an endpoint the same one: what goes over the wire.
pub(super) type Key = (Address, u16, Protocol);

impl Endpoint {
    pub(super) fn new(destination: &Destination, transport: Protocol, group: &Group) -> Self {
        Self {
            address: destination.connect.clone(),
            logical: destination.logical.clone(),
            port: group.port,
            transport,
            name: group.name.clone(),
            alpn: group.alpn.clone(),
            ech: group.ech.clone(),
        }
    }

    pub(super) fn key(&self) -> Key {
        (self.address.clone(), self.port, self.transport.clone())
    }

    /// Whether its first packet begins the security handshake.
    pub fn secures_at_once(&self) -> bool {
        secures_at_once(&self.transport)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.ip().is_ipv6() {
            write!(f, "{} [{}]:{}", self.transport, self.address, self.port)
        } else {
            write!(f, "{} {}:{}", self.transport, self.address, self.port)
        }
    }
}

/// Whether the first packet of this transport begins the security handshake.
pub(super) fn secures_at_once(transport: &Protocol) -> bool {
    transport.as_str() == "quic"
}

/// A race has at most this many endpoints in all, those no longer listed included.
pub const MAX_ENDPOINTS: usize = 4096;

/// Numbers endpoints: the same one keeps its number, whatever list it is on.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    ids: BTreeMap<Key, CandidateId>,
    endpoints: Vec<Endpoint>,
}

impl Field {
    /// The number of this endpoint, whose description is brought up to date; `None` if there are too many.
    pub(super) fn admit(&mut self, endpoint: Endpoint) -> Option<CandidateId> {
        if let Some(&id) = self.ids.get(&endpoint.key()) {
            if let Some(known) = self.endpoints.get_mut(id.0 as usize) {
                *known = endpoint;
            }
            return Some(id);
        }
        if self.endpoints.len() >= MAX_ENDPOINTS {
            return None;
        }
        let id = CandidateId(u32::try_from(self.endpoints.len()).ok()?);
        self.ids.insert(endpoint.key(), id);
        self.endpoints.push(endpoint);
        Some(id)
    }

    pub(super) fn get(&self, id: CandidateId) -> Option<&Endpoint> {
        self.endpoints.get(id.0 as usize)
    }
}
