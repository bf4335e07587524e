//! What an application asks for.

use super::inventory::StackRow;
use super::refusal::Refusal;
use crate::candidate::Protocol;
use crate::endpoint::{LocalEndpoint, RemoteEndpoint};
use crate::framing::Framers;
use crate::properties::{Offer, Offers, SelectionProperty, TransportProperties};
use crate::racing::{Ech, Endpoint};
use crate::security::{Security, SecurityParameters};
use std::net::IpAddr;
use std::sync::Arc;

/// What an application asks for: its properties, and those inferred from its endpoints (NEAT's set-up, step 3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// From where, or where to listen; names and services are resolved already ([`LocalEndpoint::resolved`],
    /// [`LocalEndpoint::served_at`]). None to initiate:
    /// from anywhere.
    pub locals: Vec<LocalEndpoint>,
    /// Whom to reach; the same service, whichever is reached. Their services are resolved before call 2.
    pub remotes: Vec<RemoteEndpoint>,
    /// What the transport shall be like.
    pub properties: Arc<TransportProperties>,
    /// What makes messages of bytes. Default: nothing does. RFC 9622 §9.1.2.1.
    pub framers: Framers,
    /// What is spoken over it, where service bindings tell how (RFC 9460). Default: they are not asked for.
    pub application: Option<Arc<Application>>,
}

/// What is spoken over a connection, for service bindings (SVCB and HTTPS records, RFC 9460).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// The application protocols, by their ALPN names. Default: none, so that no service is used.
    pub alpn: Vec<Arc<str>>,
    /// What is tried where no service says what the peer speaks, as far as it is eligible. Default: TCP.
    pub transports: Vec<Protocol>,
    /// What Encrypted Client Hello is worth. Default: nothing.
    pub ech: Ech,
}

impl Application {
    /// These protocols, over TCP where no service says otherwise.
    pub fn new<'a>(alpn: impl IntoIterator<Item = &'a str>) -> Self {
        let alpn = alpn.into_iter().map(Into::into).collect();
        Self { alpn, transports: vec![Protocol::TCP], ech: Ech::Off }
    }

    /// What these security parameters name; nothing if they name no application protocol, or want no security.
    pub fn secured(security: &SecurityParameters) -> Option<Self> {
        let alpn = security.alpn.as_ref().filter(|_| security.security != Security::Disabled)?;
        // Names that are no text are in no record that could be compared.
        Some(Self::new(alpn.iter().filter_map(|name| std::str::from_utf8(name).ok())))
    }

    /// Over these, where no service says what the peer speaks.
    #[must_use]
    pub fn transports(mut self, transports: Vec<Protocol>) -> Self {
        self.transports = transports;
        self
    }

    /// What Encrypted Client Hello is worth.
    #[must_use]
    pub fn ech(mut self, ech: Ech) -> Self {
        self.ech = ech;
        self
    }
}

fn with_framers(offers: &Offers) -> Offers {
    offers.clone().with(SelectionProperty::PreserveMsgBoundaries, Offer::Always)
}

/// The stacks, together with framers.
pub(super) fn framed(stacks: &[StackRow]) -> Vec<StackRow> {
    let framed = |row: &StackRow| StackRow { offers: with_framers(&row.offers), ..row.clone() };
    stacks.iter().map(framed).collect()
}

/// The addresses of one remote endpoint, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// Which one, by its place in [`Request::remotes`].
    pub remote: usize,
    /// The interface over which it was resolved; `None` serves every path that has no answer of its own.
    pub interface: Option<Arc<str>>,
    /// What is known of it.
    pub known: Known,
}

/// What is known of a remote endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Addresses, in the order of preference within each family (RFC 6724): the families take turns.
    Addresses(Vec<IpAddr>),
    /// What a race [found](crate::racing::Race::found), each for one transport; its order holds.
    Endpoints(Vec<Endpoint>),
}

impl Resolved {
    /// This remote endpoint has these addresses.
    pub fn addresses(remote: usize, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { remote, interface: None, known: Known::Addresses(addresses.into_iter().collect()) }
    }

    /// This was found of this remote endpoint.
    pub fn endpoints(remote: usize, endpoints: Vec<Endpoint>) -> Self {
        Self { remote, interface: None, known: Known::Endpoints(endpoints) }
    }

    /// Over this interface.
    #[must_use]
    pub fn over(mut self, interface: impl Into<Option<Arc<str>>>) -> Self {
        self.interface = interface.into();
        self
    }
}

impl Request {
    /// What a stack offers together with the framers: with any, it keeps the boundaries of messages.
    pub fn framed(&self, offers: &Offers) -> Offers {
        if self.framers.is_empty() { offers.clone() } else { with_framers(offers) }
    }

    /// Whether a connection could be opened like this at all.
    pub(super) fn check_to_initiate(&self) -> Result<(), Refusal> {
        self.properties.validate()?;
        if self.remotes.is_empty() {
            return Err(Refusal::Invalid("there is no remote endpoint".into()));
        }
        for remote in &self.remotes {
            remote.validate()?;
            match (remote.port, remote.literal()) {
                (None, _) if remote.service.is_none() => {
                    return Err(Refusal::Invalid(format!("remote endpoint {remote} has no port").into()));
                }
                (Some(0), _) => {
                    return Err(Refusal::Invalid(format!("remote endpoint {remote} has port 0").into()));
                }
                (_, Some(address)) if address.is_unspecified() => {
                    return Err(Refusal::Invalid(format!("remote endpoint {remote} names no host").into()));
                }
                _ => {}
            }
        }
        self.check_locals()
    }

    /// Whether one could listen like this at all.
    pub(super) fn check_to_listen(&self) -> Result<(), Refusal> {
        self.properties.validate()?;
        if self.locals.is_empty() {
            return Err(Refusal::Invalid("listening needs a local endpoint".into()));
        }
        self.check_locals()
    }

    fn check_locals(&self) -> Result<(), Refusal> {
        for local in &self.locals {
            local.validate()?;
            if local.unresolved().is_some() || local.unresolved_service().is_some() {
                return Err(Refusal::Invalid(format!("local endpoint {local} has not been resolved").into()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_asked_for_where_security_names_application_protocols() {
        let security = SecurityParameters::new();
        assert_eq!(Application::secured(&security), None);
        let security = security.alpn(["h2", "http/1.1"]);
        assert_eq!(Application::secured(&security), Some(Application::new(["h2", "http/1.1"])));
        let disabled = SecurityParameters { security: Security::Disabled, ..security };
        assert_eq!(Application::secured(&disabled), None);
    }
}
