//! Whom a race is to reach.

use super::address::Address;
use super::svcb::carrier;
use crate::candidate::Protocol;
use std::fmt;
use std::sync::Arc;

/// Whom a race is to reach, and how it may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// Where.
    pub host: Host,
    /// The port, where no service names another.
    pub port: u16,
    /// Whether service bindings are asked for (HTTPS records, RFC 9460). Default: no.
    pub services: bool,
    /// What is tried where no service says what the peer speaks. Default: TCP.
    pub transports: Vec<Protocol>,
    /// The application protocols that are wanted, for services. Default: none.
    pub alpn: Vec<Arc<str>>,
    /// What Encrypted Client Hello is worth. Default: nothing.
    pub ech: Ech,
    /// Whether answers of the name servers cannot be forged on the way: encrypted, or signed. Default: no.
    pub secure_dns: bool,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, which is asked about.
    Name(Arc<str>),
    /// An address: nothing is asked.
    Literal(Address),
}

/// What Encrypted Client Hello (RFC 9849) is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ech {
    /// It is not used.
    #[default]
    Off,
    /// It is used where a service has it; with secure DNS, no security handshake begins before that is known
    /// (draft-ietf-happy-happyeyeballs-v3 §6.3).
    Opportunistic,
    /// Besides, services that have it go before those that have not (§5.1).
    Prefer,
}

impl Target {
    /// A name, or an address in text.
    pub fn named(host: &str, port: u16) -> Self {
        Self::at(host.parse().map_or_else(|_| Host::Name(host.into()), Host::Literal), port)
    }

    /// A name, or an address.
    pub fn at(host: Host, port: u16) -> Self {
        Self {
            host,
            port,
            services: false,
            transports: vec![Protocol::TCP],
            alpn: Vec::new(),
            ech: Ech::Off,
            secure_dns: false,
        }
    }

    /// Asks for service bindings.
    #[must_use]
    pub fn with_services(mut self) -> Self {
        self.services = true;
        self
    }

    /// The transports to try where no service says what the peer speaks.
    #[must_use]
    pub fn transports(mut self, transports: Vec<Protocol>) -> Self {
        self.transports = transports;
        self
    }

    /// The application protocols that are wanted.
    #[must_use]
    pub fn alpn<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.alpn = names.into_iter().map(Into::into).collect();
        self
    }

    /// Without the application protocols that none of these transports carries.
    #[must_use]
    pub fn carried_by(mut self, transports: &[Protocol]) -> Self {
        self.alpn.retain(|name| transports.contains(&carrier(name)));
        self
    }

    /// What Encrypted Client Hello is worth.
    #[must_use]
    pub fn ech(mut self, ech: Ech) -> Self {
        self.ech = ech;
        self
    }

    /// Whether answers of the name servers cannot be forged on the way.
    #[must_use]
    pub fn secure_dns(mut self, secure: bool) -> Self {
        self.secure_dns = secure;
        self
    }

    /// Whether the security handshake relies on what a service binding says.
    pub(super) fn relies_on_services(&self) -> bool {
        self.services && self.secure_dns && self.ech != Ech::Off
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Literal(address) if address.ip().is_ipv6() => write!(f, "[{address}]:{}", self.port),
            Host::Literal(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
