//! The text form of an endpoint: `identity%interface:port`, where all but the identity may be missing, and the
//! identity of a local endpoint too. In place of the port may stand a service whose name begins with a letter or an
//! underscore; others take the builder, so that a slip in a port is found at once.

use super::EndpointError;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// A name has at most this many bytes, its last dot not counted (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
/// A label of a name has at most this many bytes (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;
/// The same of a name in any script: more than any of [`MAX_NAME`] bytes in ASCII has.
const MAX_INTERNATIONAL: usize = 1024;
/// The name of an interface has at most this many bytes: more than any system allows.
const MAX_INTERFACE: usize = 255;
/// An error repeats at most this many characters of what was wrong.
const MAX_EXCERPT: usize = 64;

/// The identifiers of an endpoint.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) host: Option<Arc<str>>,
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) service: Option<Arc<str>>,
    pub(super) interface: Option<Arc<str>>,
}

/// Whether an endpoint may identify nobody (`*:80`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    Accepted,
    Refused,
}

pub(super) fn parse(text: &str, nothing: Nothing) -> Result<Parts, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    let split = split(text)?;
    let service = split.port.filter(|text| text.starts_with(begins_service) && is_service(text));
    let port = split.port.filter(|_| service.is_none()).map(port).transpose()?;
    let (identity, zone) = match split.identity.split_once('%') {
        Some((identity, zone)) => (identity, Some(zone)),
        None => (split.identity, None),
    };
    if let Some(zone) = zone.filter(|zone| !is_interface(zone)) {
        return Err(EndpointError::Interface(excerpt(zone)));
    }
    let (service, interface) = (service.map(Arc::from), zone.map(Arc::from));
    let mut parts = Parts { port, service, interface, ..Parts::default() };
    match identity {
        _ if split.bracketed => {
            let address = identity.parse::<Ipv6Addr>().map_err(|_| EndpointError::Host(excerpt(text)))?;
            parts.address = Some(address.into());
        }
        "" | "*" if nothing == Nothing::Accepted => {}
        "" | "*" => return Err(EndpointError::Empty),
        _ => match identity.parse() {
            Ok(address) => parts.address = Some(address),
            Err(_) if is_host(identity) => parts.host = Some(identity.into()),
            Err(_) => return Err(EndpointError::Host(excerpt(identity))),
        },
    }
    Ok(parts)
}

/// An address with or without a zone, or else a host name, unchecked.
pub(super) fn identity_of(text: &str) -> Parts {
    let (identity, zone) = match text.split_once('%') {
        Some((identity, zone)) => (identity, Some(zone)),
        None => (text, None),
    };
    match identity.parse() {
        Ok(address) => Parts { address: Some(address), interface: zone.map(Arc::from), ..Parts::default() },
        Err(_) => Parts { host: Some(text.into()), ..Parts::default() },
    }
}

/// Whether identifiers that were set one by one go together.
pub(super) fn check(
    host: Option<&Arc<str>>,
    address: Option<IpAddr>,
    interface: Option<&Arc<str>>,
) -> Result<(), EndpointError> {
    if let (Some(host), Some(address)) = (host, address) {
        return Err(EndpointError::HostAndAddress { host: excerpt(host), address });
    }
    if let Some(host) = host.filter(|host| !is_host(host) && host.parse::<IpAddr>().is_err()) {
        return Err(EndpointError::Host(excerpt(host)));
    }
    match interface.filter(|name| !is_interface(name)) {
        Some(name) => Err(EndpointError::Interface(excerpt(name))),
        None => Ok(()),
    }
}

/// Whether there is one way to the port, and one that can be gone.
pub(super) fn check_port(port: Option<u16>, service: Option<&Arc<str>>) -> Result<(), EndpointError> {
    match (port, service) {
        (_, Some(service)) if !is_service(service) => Err(EndpointError::Service(excerpt(service))),
        (Some(port), Some(service)) => Err(EndpointError::PortAndService { port, service: excerpt(service) }),
        _ => Ok(()),
    }
}

pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    host: Option<&str>,
    address: Option<IpAddr>,
    port: Option<u16>,
    service: Option<&str>,
    interface: Option<&str>,
) -> fmt::Result {
    let v6 = match host {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => matches!(address, Some(IpAddr::V6(_))),
    };
    let bracketed = v6 && (port.is_some() || service.is_some());
    if bracketed {
        f.write_str("[")?;
    }
    match (host, address) {
        (Some(host), _) => f.write_str(host)?,
        (None, Some(address)) => write!(f, "{address}")?,
        (None, None) => f.write_str("*")?,
    }
    if let Some(interface) = interface {
        write!(f, "%{interface}")?;
    }
    if bracketed {
        f.write_str("]")?;
    }
    match (port, service) {
        (Some(port), _) => write!(f, ":{port}"),
        (None, Some(service)) => write!(f, ":{service}"),
        (None, None) => Ok(()),
    }
}

struct Split<'a> {
    identity: &'a str,
    bracketed: bool,
    port: Option<&'a str>,
}

/// Finds the port. One colon separates it; several are those of an IPv6 address, which takes a port only in
/// brackets.
fn split(text: &str) -> Result<Split<'_>, EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (identity, after) = rest.split_once(']').ok_or_else(|| EndpointError::Host(excerpt(text)))?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(EndpointError::Port(excerpt(after))),
        };
        return Ok(Split { identity, bracketed: true, port });
    }
    match text.split_once(':') {
        Some((identity, port)) if !port.contains(':') => {
            Ok(Split { identity, bracketed: false, port: Some(port) })
        }
        _ => Ok(Split { identity: text, bracketed: false, port: None }),
    }
}

fn port(text: &str) -> Result<u16, EndpointError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| EndpointError::Port(excerpt(text)))
}

/// Whether it is a host name that can be asked for: ASCII letters, digits, hyphens and underscores, in labels; a last
/// dot makes the name absolute. A name whose last label is a number would be taken for an address somewhere on its way
/// (RFC 1123 §2.1), so it is none. An internationalised name (RFC 5890) is judged in its ASCII form.
///
/// *Errors*: what is wrong with it.
pub fn check_host_name(text: &str) -> Result<(), &'static str> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err("empty");
    }
    if name.len() > MAX_NAME {
        return Err("longer than 253 octets");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for label in name.split('.') {
        if !label.bytes().all(allowed) {
            return Err("a character that no host name has");
        }
        if !(1..=MAX_LABEL).contains(&label.len()) {
            return Err("a label is empty or too long");
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("ends in a number and is not an address");
    }
    Ok(())
}

/// Whether it may be a host name. What an internationalised name is in ASCII, and whether it is one, is found out by
/// whoever resolves it.
fn is_host(text: &str) -> bool {
    if text.is_ascii() {
        return check_host_name(text).is_ok();
    }
    let wrong = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')
    };
    text.len() <= MAX_INTERNATIONAL && !text.contains(wrong)
}

const fn begins_service(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// The name of a service (RFC 6335 §5.1), in which systems allow a plus as well, or of an SRV record
/// (`_sip._udp`, RFC 2782). One of digits only is a port.
fn is_service(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'.');
    (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(allowed) && text.contains(begins_service)
}

fn is_interface(text: &str) -> bool {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '%' | '[' | ']');
    (1..=MAX_INTERFACE).contains(&text.len()) && !text.contains(wrong)
}

/// The beginning of what was wrong, safe to print.
fn excerpt(text: &str) -> Arc<str> {
    text.chars().take(MAX_EXCERPT).flat_map(char::escape_debug).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::super::{LocalEndpoint, RemoteEndpoint};
    use super::*;
    use crate::candidate::Protocol;
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6};

    fn remote(text: &str) -> RemoteEndpoint {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> EndpointError {
        text.parse::<RemoteEndpoint>().unwrap_err()
    }

    #[test]
    fn every_documented_form_is_understood() {
        let new = RemoteEndpoint::new;
        let zoned = new().address("fe80::1".parse::<IpAddr>().unwrap()).interface("eth0");
        for (text, meant) in [
            ("localhost:7000", new().host("localhost").port(7000)),
            ("example.org", new().host("example.org")),
            ("example.org.", new().host("example.org.")),
            ("münchen.de:80", new().host("münchen.de").port(80)),
            ("_sip.example.org.:5060", new().host("_sip.example.org.").port(5060)),
            ("127.0.0.1:80", new().address([127, 0, 0, 1]).port(80)),
            ("127.0.0.1", new().address([127, 0, 0, 1])),
            ("[::1]:80", new().address(Ipv6Addr::LOCALHOST).port(80)),
            ("[::1]", new().address(Ipv6Addr::LOCALHOST)),
            ("::1", new().address(Ipv6Addr::LOCALHOST)),
            ("::", new().address(Ipv6Addr::UNSPECIFIED)),
            ("[fe80::1%eth0]:80", zoned.clone().port(80)),
            ("fe80::1%eth0", zoned),
            ("printer.local%eth0:631", new().host("printer.local").interface("eth0").port(631)),
        ] {
            assert_eq!(remote(text), meant, "{text}");
        }
    }

    #[test]
    fn a_service_stands_in_place_of_the_port() {
        let https = RemoteEndpoint::new().host("example.org").service("https");
        assert_eq!(remote("example.org:https"), https);
        assert_eq!(https.to_string(), "example.org:https");
        assert_eq!(remote("[::1%lo]:_sip._udp").service.as_deref(), Some("_sip._udp"));
        assert_eq!(remote("[::1%lo]:_sip._udp").to_string(), "[::1%lo]:_sip._udp");
        assert_eq!(https.validate(), Ok(()));
        assert_eq!(https.unresolved_service().map(|name| &**name), Some("https"));
        let resolved = https.served_at(443);
        assert_eq!(
            (resolved.to_string(), resolved.unresolved_service()),
            ("example.org:443".to_owned(), None)
        );
        assert_eq!(LocalEndpoint::new().service("3com-amp3").to_string(), "*:3com-amp3");
    }

    #[test]
    fn a_port_and_a_service_in_one_endpoint_are_an_error() {
        let both = remote("example.org:443").service("https");
        assert!(matches!(both.validate(), Err(EndpointError::PortAndService { port: 443, .. })));
        assert!(matches!(
            LocalEndpoint::new().port(0).service("https").validate(),
            Err(EndpointError::PortAndService { .. })
        ));
        for service in ["", "443", "a b", "ä", "http/", &"a".repeat(64)] {
            let refused = LocalEndpoint::new().service(service).validate();
            assert!(matches!(refused, Err(EndpointError::Service(_))), "{service}: {refused:?}");
        }
    }

    #[test]
    fn an_endpoint_may_be_for_one_protocol_only() {
        let quic = remote("example.org:8443").protocol("QUIC");
        assert!(quic.is_for(&Protocol::named("quic")) && !quic.is_for(&Protocol::TCP));
        assert!(remote("example.org:443").is_for(&Protocol::TCP));
        assert_eq!(remote("example.org:443").protocol(Protocol::TCP).hop_limit(8).hop_limit, Some(8));
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_reason() {
        use EndpointError as E;
        for text in ["", "*", ":80", "%eth0"] {
            assert_eq!(refused(text), E::Empty, "{text}");
        }
        for text in ["host:", "host:65536", "host:+80", "host:8o", "[::1]80", "[::1]:", "[::1]:-1"] {
            assert!(matches!(refused(text), E::Port(_)), "{text}: {:?}", refused(text));
        }
        for text in [
            "[::1",
            "[127.0.0.1]:80",
            "[]",
            "a..b",
            ".",
            ".org",
            "a b",
            "münchen de",
            "münchen/de",
            "256.0.0.1",
            "1.2.3",
            "7000",
            "::1::",
            "1:2:3",
            "http://example.org",
            "a/b",
            "user@host",
        ] {
            assert!(matches!(refused(text), E::Host(_) | E::Port(_)), "{text}: {:?}", refused(text));
        }
        for text in ["fe80::1%", "fe80::1%a b", "fe80::1%a/b", "[fe80::1%a%b]:80"] {
            assert!(matches!(refused(text), E::Interface(_)), "{text}: {:?}", refused(text));
        }
    }

    #[test]
    fn a_name_has_labels_of_63_and_253_bytes_in_all() {
        let label = "a".repeat(63);
        let longest = [&label[..], &label, &label, &"a".repeat(61)].join(".");
        assert_eq!(longest.len(), 253);
        assert_eq!(remote(&longest).host.as_deref(), Some(&longest[..]));
        assert!(format!("{longest}.").parse::<RemoteEndpoint>().is_ok(), "the last dot is not counted");
        assert!(format!("{longest}a").parse::<RemoteEndpoint>().is_err());
        assert!("a".repeat(64).parse::<RemoteEndpoint>().is_err());
    }

    #[test]
    fn a_local_endpoint_may_name_nothing() {
        let local = |text: &str| text.parse::<LocalEndpoint>().unwrap();
        assert_eq!(local("*"), LocalEndpoint::new());
        assert_eq!(local(":7000"), LocalEndpoint::new().port(7000));
        assert_eq!(local("*%eth0:7000"), LocalEndpoint::new().interface("eth0").port(7000));
        assert_eq!(local("*%eth0:7000").to_string(), "*%eth0:7000");
        assert_eq!("".parse::<LocalEndpoint>(), Err(EndpointError::Empty));
    }

    #[test]
    fn a_host_and_an_address_in_one_endpoint_are_an_error() {
        let both = RemoteEndpoint::new().host("example.org").address([192, 0, 2, 1]);
        assert!(matches!(both.validate(), Err(EndpointError::HostAndAddress { .. })));
        assert_eq!(RemoteEndpoint::new().port(80).validate(), Err(EndpointError::Empty));
        assert!(matches!(RemoteEndpoint::new().host("a b").validate(), Err(EndpointError::Host(_))));
        assert!(matches!(
            RemoteEndpoint::new().host("a").interface("").validate(),
            Err(EndpointError::Interface(_))
        ));
        assert_eq!(RemoteEndpoint::new().host("a").host("b").host.as_deref(), Some("b"));
    }

    #[test]
    fn an_address_in_text_form_needs_no_look_up() {
        let literal = Some(IpAddr::from([192, 0, 2, 1]));
        assert_eq!(RemoteEndpoint::new().host("192.0.2.1").literal(), literal);
        assert_eq!(RemoteEndpoint::new().host("192.0.2.1").validate(), Ok(()));
        assert_eq!(RemoteEndpoint::new().host("::1").port(80).to_string(), "[::1]:80");
        assert_eq!(RemoteEndpoint::from(("192.0.2.1", 80)).address, literal);
        assert_eq!(RemoteEndpoint::from(("::ffff:192.0.2.1", 80)).literal(), literal);
        assert_eq!(RemoteEndpoint::from(("example.org", 80)).literal(), None);
        assert_eq!(RemoteEndpoint::from((Ipv4Addr::LOCALHOST, 80)), remote("127.0.0.1:80"));
    }

    #[test]
    fn the_scope_of_a_socket_address_becomes_the_interface() {
        let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 3));
        assert_eq!(RemoteEndpoint::from(scoped).to_string(), "[fe80::1%3]:80");
    }

    #[test]
    fn an_error_repeats_little_and_nothing_unprintable() {
        let EndpointError::Host(repeated) = refused(&format!("\u{1b}[2J{}", " ".repeat(10_000))) else {
            panic!("not a host");
        };
        assert!(repeated.len() < 400 && !repeated.contains('\u{1b}'), "{repeated}");
    }
}
