//! `neatflow connect`, when all goes well.

use super::support::{Names, Peer, assert_same, neatflow, noise, read_all};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

#[test]
fn megabytes_come_back_from_an_echo_server_of_both_families() {
    let data = noise(6 << 20);
    let mut server = neatflow(&["listen", "--echo", "0"]);
    let port = server.port(true).to_string();
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    for host in ["127.0.0.1", "::1", "localhost"].iter().filter(|host| **host != "::1" || v6) {
        let client = neatflow(&["connect", host, &port]).fed(&data).finish().expect(0);
        assert_same(&client.stdout, &data);
        assert_eq!(client.stderr, "");
    }
}

#[test]
fn the_end_of_input_is_told_and_the_answer_is_still_read() {
    let peer = Peer::new(|mut stream| {
        let question = read_all(&stream);
        // Long after our end was sent.
        thread::sleep(Duration::from_millis(100));
        stream.write_all(b"an answer").unwrap();
        question
    });
    let client = neatflow(&["connect", "127.0.0.1", &peer.port()]).fed(b"a question").finish().expect(0);
    assert_eq!(client.stdout, b"an answer");
    assert_eq!(peer.done(), b"a question");
}

#[test]
fn a_peer_that_ends_first_still_gets_what_comes_later() {
    let peer = Peer::new(|stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(stream)
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let mut stdin = client.stdin();
    thread::sleep(Duration::from_millis(300));
    assert!(client.is_running());
    stdin.write_all(b"late").unwrap();
    drop(stdin);
    client.finish().expect(0);
    assert_eq!(peer.done(), b"late");
}

#[test]
fn with_quit_nobody_waits_for_an_input_that_never_ends() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(stream)
    });
    let mut client = neatflow(&["connect", "--quit", "0.2", "127.0.0.1", &peer.port()]);
    let mut stdin = client.stdin();
    stdin.write_all(b"before").unwrap();
    let client = client.finish().expect(0);
    assert_eq!(client.stdout, b"bye");
    assert_eq!(peer.done(), b"before");
    drop(stdin);
}

#[test]
fn what_comes_is_written_at_once() {
    let peer = Peer::new(|mut stream| {
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(&question).unwrap();
        read_all(stream)
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let (mut stdin, mut stdout) = (client.stdin(), client.stdout());
    stdin.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
    drop(stdin);
    client.finish().expect(0);
    assert_eq!(peer.done(), b"");
}

#[test]
fn a_name_is_asked_of_the_given_name_server() {
    let names = Names::new();
    let peer = Peer::new(read_all);
    let client = ["connect", "--dns", &names.address, "two.example", &peer.port()];
    neatflow(&client).fed(b"by name").finish().expect(0);
    assert_eq!(peer.done(), b"by name");
}

#[cfg(target_os = "linux")]
#[test]
fn the_local_address_and_the_interface_are_those_given() {
    let peer = Peer::new(|stream| stream.peer_addr().unwrap().ip().to_string());
    let client = ["connect", "--local", "127.0.0.1", "--interface", "lo", "127.0.0.1", &peer.port()];
    neatflow(&client).fed(b"").finish().expect(0);
    assert_eq!(peer.done(), "127.0.0.1");

    let peer = Peer::new(|stream| stream.peer_addr().unwrap().ip().to_string());
    neatflow(&["connect", "--local", "127.0.0.2", "127.0.0.1", &peer.port()]).fed(b"").finish().expect(0);
    assert_eq!(peer.done(), "127.0.0.2");
}
