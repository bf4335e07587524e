//! Signals.

#![cfg(unix)]

use super::support::{client, neatflow, read_all};
use std::io::{Read, Write};

#[test]
fn a_server_ends_gracefully_and_so_do_its_connections() {
    for signal in ["-TERM", "-INT"] {
        let mut server = neatflow(&["listen", "--echo", "127.0.0.1", "0"]);
        let mut stream = client(server.port(true));
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        server.signal(signal);
        // The end, not a reset.
        assert_eq!(read_all(&stream), b"");
        drop(stream);
        server.finish().expect(0);
    }
}

#[test]
fn a_listener_ends_before_anybody_has_come() {
    for mode in ["--echo", "--discard", "--verbose"] {
        let mut server = neatflow(&["listen", mode, "127.0.0.1", "0"]);
        server.port(mode != "--verbose");
        let stdin = server.stdin();
        server.signal("-TERM");
        server.finish().expect(0);
        drop(stdin);
    }
}

#[test]
fn a_joined_connection_is_closed_though_standard_input_never_ends() {
    let mut server = neatflow(&["listen", "127.0.0.1", "0"]);
    let mut stdin = server.stdin();
    let stream = client(server.port(false));
    stdin.write_all(b"hello").unwrap();
    (&stream).read_exact(&mut [0; 5]).unwrap();
    server.signal("-TERM");
    assert_eq!(read_all(&stream), b"");
    drop(stream);
    server.finish().expect(0);
    drop(stdin);
}

#[test]
fn a_peer_that_does_not_end_holds_up_nobody_for_long() {
    let mut server = neatflow(&["listen", "--echo", "127.0.0.1", "0"]);
    let mut stream = client(server.port(true));
    // More than fits on the way, so its echo is stuck, and with it the end.
    stream.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    while stream.write(&[0; 65_536]).is_ok() {}
    server.signal("-TERM");
    server.finish().expect(0);
}
