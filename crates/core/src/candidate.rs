//! A candidate: one way to reach the peer, ready to be tried.

use crate::policy::neat::Properties;
use crate::properties::TransportProperties;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Names a candidate within one establishment; ids rise in the order in which candidates were formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CandidateId(pub u32);

impl fmt::Display for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The name of a transport protocol, as its stack registers it: lower case, `tcp`, `udp`, `quic`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(Cow<'static, str>);

impl Protocol {
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(Cow::Borrowed("tcp"));

    /// UDP (RFC 768).
    pub const UDP: Self = Self(Cow::Borrowed("udp"));

    /// No protocol: nothing carries the connection yet.
    pub const NONE: Self = Self(Cow::Borrowed("none"));

    /// The protocol of this name.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Protocol {
    fn from(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl From<String> for Protocol {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One way to reach the peer: NEAT's seven fields (transport, interface, port, local address, remote address,
/// priority, properties), an id to speak of it, and the name that was resolved, for stacks that must present it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Names it within its race.
    pub id: CandidateId,
    /// The stack that will carry it.
    pub transport: Protocol,
    /// The interface it is bound to; `None` leaves the choice to the routing table.
    pub interface: Option<Arc<str>>,
    /// The peer's address and port (NEAT keeps them apart: [`port`](Self::port)). For a link-local IPv6 address
    /// the scope is the interface's.
    pub remote: SocketAddr,
    /// The address to bind to; port 0 lets the system choose one. `None` binds nothing.
    pub local: Option<SocketAddr>,
    /// A lower value starts earlier.
    pub priority: u32,
    /// What the application asked for.
    pub properties: Arc<TransportProperties>,
    /// The host name the address came from, if any.
    pub host: Option<Arc<str>>,
    /// The application protocols that both sides speak, as far as a service binding told, best first; for the stack's
    /// security handshake.
    pub alpn: Vec<Arc<str>>,
    /// The configuration for Encrypted Client Hello (RFC 9849), if it is to be used. May come while the attempt is held.
    pub ech: Option<Arc<[u8]>>,
    /// What the policy lookup made of it: its properties in NEAT's language, socket options (`so/...`) among them.
    pub policy: Arc<Properties>,
}

impl Candidate {
    /// A candidate bound to nothing, of priority 0.
    pub fn new(
        id: CandidateId,
        transport: Protocol,
        remote: SocketAddr,
        properties: Arc<TransportProperties>,
    ) -> Self {
        Self {
            id,
            transport,
            interface: None,
            remote,
            local: None,
            priority: 0,
            properties,
            host: None,
            alpn: Vec::new(),
            ech: None,
            policy: Arc::default(),
        }
    }

    /// The peer's port.
    pub fn port(&self) -> u16 {
        self.remote.port()
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.remote)?;
        if let Some(local) = self.local {
            write!(f, " from {local}")?;
        }
        if let Some(interface) = &self.interface {
            write!(f, " on {interface}")?;
        }
        Ok(())
    }
}
