//! Endpoints: no text makes the parser panic, and what it accepts survives a round trip.

use neatflow_core::{LocalEndpoint, RemoteEndpoint};
use quickcheck::{Arbitrary, Gen, quickcheck};
use std::net::{IpAddr, SocketAddr};

/// A text made of the pieces endpoints are made of, in any order: far more often nearly right than random text.
#[derive(Clone, Debug)]
struct Jumble(Vec<String>);

const PIECES: &[&str] = &[
    "[",
    "]",
    ":",
    "::",
    ".",
    "%",
    "*",
    "-",
    "_",
    " ",
    "\0",
    "é",
    "a",
    "example",
    "org",
    "eth0",
    "0",
    "80",
    "65535",
    "65536",
    "127.0.0.1",
    "::1",
    "fe80::1",
    "::ffff:1.2.3.4",
    "1.2.3",
    "https",
    "_sip._udp",
    "+",
];

impl Arbitrary for Jumble {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = usize::arbitrary(g) % 10;
        Self((0..length).filter_map(|_| g.choose(PIECES)).map(ToString::to_string).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

/// Accepted texts name valid endpoints whose own text is read as the same endpoint.
fn accepted_texts_round_trip(text: &str) -> bool {
    let remote = match text.parse::<RemoteEndpoint>() {
        Ok(endpoint) => endpoint.validate().is_ok() && endpoint.to_string().parse() == Ok(endpoint),
        Err(error) => error.to_string().len() < 1_000,
    };
    let local = match text.parse::<LocalEndpoint>() {
        Ok(endpoint) => endpoint.validate().is_ok() && endpoint.to_string().parse() == Ok(endpoint),
        Err(error) => error.to_string().len() < 1_000,
    };
    remote && local
}

#[test]
fn any_text_is_read_or_refused() {
    fn prop(text: String) -> bool {
        accepted_texts_round_trip(&text)
    }
    quickcheck(prop as fn(String) -> bool);
}

#[test]
fn any_nearly_right_text_is_read_or_refused() {
    fn prop(jumble: Jumble) -> bool {
        accepted_texts_round_trip(&jumble.0.concat())
    }
    quickcheck::QuickCheck::new().tests(5_000).quickcheck(prop as fn(Jumble) -> bool);
}

#[test]
fn a_socket_address_is_the_endpoint_of_the_same_text() {
    fn prop(address: IpAddr, port: u16) -> bool {
        let address = SocketAddr::new(address, port);
        address.to_string().parse() == Ok(RemoteEndpoint::from(address))
            && address.to_string().parse() == Ok(LocalEndpoint::from(address))
    }
    quickcheck(prop as fn(IpAddr, u16) -> bool);
}

#[test]
fn what_is_built_is_refused_or_survives_its_text() {
    fn prop(host: Jumble, port: Option<u16>, service: Jumble, interface: Option<Jumble>) -> bool {
        let mut endpoint = RemoteEndpoint::new().host(host.0.concat());
        endpoint.port = port;
        endpoint.service =
            Some(service.0.concat().into()).filter(|name: &std::sync::Arc<str>| !name.is_empty());
        endpoint.interface = interface.map(|name| name.0.concat().into());
        if let Err(error) = endpoint.validate() {
            return error.to_string().len() < 1_000;
        }
        let said = |endpoint: &RemoteEndpoint| {
            let host = endpoint.unresolved().cloned();
            (host, endpoint.literal(), endpoint.port, endpoint.service.clone(), endpoint.interface.clone())
        };
        match endpoint.to_string().parse() {
            Ok(read) => said(&read) == said(&endpoint),
            // A service that begins with neither a letter nor an underscore has no text form.
            Err(_) => {
                endpoint.service.is_some_and(|name| name.starts_with(['0', '6', '8', '+', '.', '-', '1']))
            }
        }
    }
    quickcheck::QuickCheck::new()
        .tests(5_000)
        .quickcheck(prop as fn(Jumble, Option<u16>, Jumble, Option<Jumble>) -> bool);
}
