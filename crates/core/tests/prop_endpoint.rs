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
