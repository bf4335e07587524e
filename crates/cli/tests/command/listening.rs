//! `neatflow listen`.

use super::support::{assert_same, client, neatflow, noise, read_all};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

#[test]
fn both_families_are_listened_on_with_one_port() {
    let mut server = neatflow(&["listen", "--echo", "--max", "1", "0"]);
    let port = server.port(true);
    drop(client(port));
    let told = String::from_utf8(server.finish().expect(0).stdout).unwrap();
    assert!(told.lines().any(|line| line == format!("listening on 0.0.0.0:{port} tcp")), "{told}");
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert!(told.lines().any(|line| line == format!("listening on [::]:{port} tcp")), "{told}");
    }
}

#[test]
fn the_first_connection_is_joined_to_standard_input_and_output() {
    let (down, up) = (noise(4 << 20), noise(5 << 20));
    let mut server = neatflow(&["listen", "0"]).fed(&down).read();
    let port = server.port(false).to_string();
    let client = neatflow(&["connect", "localhost", &port]).fed(&up).finish().expect(0);
    assert_same(&client.stdout, &down);
    let server = server.finish().expect(0);
    assert_same(&server.stdout, &up);
    assert!(server.stderr.lines().all(|line| line.starts_with("listening on ")), "{}", server.stderr);
}

#[test]
fn a_joined_connection_that_is_reset_is_a_failure() {
    let mut server = neatflow(&["listen", "127.0.0.1", "0"]);
    let mut stream = client(server.port(false));
    stream.write_all(b"half").unwrap();
    // It has arrived when it is out again.
    let mut stdout = server.stdout();
    stdout.read_exact(&mut [0; 4]).unwrap();
    super::support::reset(stream);
    let server = server.finish().expect(3);
    assert!(server.stderr.contains("failed: aborted by the peer"), "{}", server.stderr);
}

#[test]
fn after_max_connections_the_others_are_refused_and_those_there_are_are_served() {
    let mut server = neatflow(&["listen", "--echo", "--max", "2", "127.0.0.1", "0"]);
    let port = server.port(true);
    let clients = [client(port), client(port)];
    for mut stream in &clients {
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    }
    // The socket is closed soon after; until then somebody may get as far as the backlog.
    while let Ok(mut third) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        assert!(!matches!(third.read(&mut [0; 1]), Ok(1..)), "a third connection was served");
    }
    for mut stream in &clients {
        stream.write_all(b"still here").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(stream), b"still here");
    }
    server.finish().expect(0);
}

#[test]
fn discard_says_nothing_and_takes_all() {
    let mut server = neatflow(&["listen", "--discard", "--max", "1", "127.0.0.1", "0"]);
    let mut stream = client(server.port(true));
    stream.write_all(&noise(8 << 20)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(stream), b"");
    server.finish().expect(0);
}

#[test]
fn hundreds_are_served_at_once_and_one_that_is_reset_harms_none() {
    const CLIENTS: usize = 300;
    let mut server = neatflow(&["listen", "--echo", "127.0.0.1", "--max", "300", "0"]);
    let port = server.port(true);
    let clients: Vec<_> = (0..CLIENTS).map(|_| client(port)).collect();
    let clients: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, mut stream)| {
            thread::spawn(move || {
                let data = noise(10_000 + number);
                stream.write_all(&data).unwrap();
                if number % 10 == 0 {
                    return super::support::reset(stream);
                }
                stream.shutdown(Shutdown::Write).unwrap();
                assert_same(&read_all(stream), &data);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    server.finish().expect(0);
}
