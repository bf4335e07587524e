//! `neatflow connect`, when something goes wrong.

use super::support::{Names, Peer, Refusing, Silent, neatflow, noise, reset, run};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn when_all_refuse_each_reason_is_told_at_once() {
    let (names, refusing) = (Names::new(), Refusing::new());
    let port = refusing.port();
    let since = Instant::now();
    let client = run(&["connect", "--dns", &names.address, "two.example", &port]).expect(1);
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(client.stdout, b"");
    for address in ["127.0.0.1", "127.0.0.2"] {
        let about = format!("tcp {address}:{port}: ");
        let line = client.stderr.lines().find(|line| line.trim_start().starts_with(&about));
        assert!(line.is_some_and(|line| line.ends_with(" connection refused")), "{}", client.stderr);
    }
    assert!(client.stderr.contains("hint: nobody listens there"), "{}", client.stderr);
}

#[test]
fn a_name_that_does_not_exist_is_told() {
    let names = Names::new();
    let client = run(&["connect", "--dns", &names.address, "unknown.example", "80"]).expect(1);
    assert_eq!(client.stdout, b"");
    assert!(client.stderr.contains("\n  no such name: unknown.example\n"), "{}", client.stderr);
    assert!(client.stderr.contains("--dns"), "{}", client.stderr);
}

#[test]
fn nobody_waits_longer_than_the_timeout() {
    let silent = Silent::new();
    let since = Instant::now();
    let client = run(&["connect", "--timeout", "0.7", "127.0.0.1", &silent.port()]).expect(1);
    assert!((700..5_000).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    assert!(client.stderr.contains("not established within 700ms"), "{}", client.stderr);
    assert!(
        client.stderr.contains(&format!("tcp 127.0.0.1:{}:  no answer by then", silent.port())),
        "{}",
        client.stderr
    );
    assert!(client.stderr.contains("--timeout"), "{}", client.stderr);
}

#[test]
fn an_interface_that_does_not_exist_is_told_with_those_that_do() {
    let refusing = Refusing::new();
    for args in [
        ["connect", "--interface", "nope0", "127.0.0.1", &refusing.port()],
        ["listen", "--interface", "nope0", "127.0.0.1", "0"],
    ] {
        let command = run(&args).expect(1);
        assert!(command.stderr.contains("there is no interface nope0"), "{}", command.stderr);
        assert!(command.stderr.contains("127.0.0.1"), "{}", command.stderr);
    }
}

#[test]
fn a_local_address_that_is_not_ours_is_told() {
    let refusing = Refusing::new();
    let client = run(&["connect", "--local", "192.0.2.1", "127.0.0.1", &refusing.port()]).expect(1);
    assert!(client.stderr.contains("192.0.2.1"), "{}", client.stderr);
}

#[test]
fn a_reset_in_mid_transfer_is_a_failure_and_what_came_before_is_kept() {
    let peer = Peer::new(|mut stream| {
        stream.write_all(b"half an ans").unwrap();
        let mut some = vec![0; 1 << 20];
        stream.read_exact(&mut some).unwrap();
        reset(stream);
    });
    let client = neatflow(&["connect", "127.0.0.1", &peer.port()]).fed(&noise(32 << 20)).finish().expect(3);
    assert_eq!(client.stdout, b"half an ans");
    assert!(client.stderr.contains("failed: aborted by the peer"), "{}", client.stderr);
    peer.done();
}

#[test]
fn a_reset_ends_it_though_standard_input_never_ends() {
    let peer = Peer::new(|mut stream| {
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).unwrap();
        reset(stream);
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let mut stdin = client.stdin();
    stdin.write_all(b"hello").unwrap();
    peer.done();
    client.finish().expect(3);
    drop(stdin);
}

#[test]
fn a_peer_that_is_gone_ends_an_endless_input() {
    // Everything it was sent is read, so the close is an end, not a reset; that comes when more is sent.
    let peer = Peer::new(|mut stream| stream.read_exact(&mut [0; 5]).unwrap());
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let mut stdin = client.stdin();
    stdin.write_all(b"hello").unwrap();
    peer.done();
    let endless = thread::spawn(move || {
        while stdin.write_all(b"more").is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    client.finish().expect(3);
    endless.join().unwrap();
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let peer = Peer::new(|mut stream| {
        let data = noise(1 << 20);
        // An error is the end that is wanted.
        while stream.write_all(&data).is_ok() {}
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let stdin = client.stdin();
    client.stdout().read_exact(&mut [0; 1000]).unwrap();
    let client = client.finish().expect(3);
    assert_eq!(client.stderr, "");
    peer.done();
    drop(stdin);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let mut first = neatflow(&["listen", "--echo", "127.0.0.1", "0"]);
    let port = first.port(true).to_string();
    let second = run(&["listen", "--echo", "127.0.0.1", &port]).expect(1);
    assert_eq!(second.stdout, b"");
    assert!(second.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", second.stderr);
}
