//! Slow readers: everything arrives, in little memory.

use super::support::{Peer, assert_same, client, neatflow, noise, read_slowly};
use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

/// What a transfer may take, whatever its size, in MiB.
#[cfg(target_os = "linux")]
const MEMORY: u64 = 32;

#[test]
fn a_peer_that_reads_slowly_gets_everything() {
    let data = noise(64 << 20);
    let peer = Peer::new(|stream| {
        thread::sleep(Duration::from_secs(2));
        read_slowly(stream, Duration::from_millis(10))
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    let (mut stdin, all) = (client.stdin(), data.clone());
    let feeding = thread::spawn(move || {
        stdin.write_all(&all).unwrap();
        stdin
    });
    // Not ended yet, so that the process is there to be measured.
    let stdin = feeding.join().unwrap();
    #[cfg(target_os = "linux")]
    assert!(client.most_memory() < MEMORY, "{} MiB", client.most_memory());
    drop(stdin);
    client.finish().expect(0);
    assert_same(&peer.done(), &data);
}

#[test]
fn a_slow_reader_of_standard_output_gets_everything() {
    let data = noise(64 << 20);
    let all = data.clone();
    let peer = Peer::new(move |mut stream| stream.write_all(&all).unwrap());
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]);
    thread::sleep(Duration::from_millis(500));
    #[cfg(target_os = "linux")]
    assert!(client.most_memory() < MEMORY, "{} MiB", client.most_memory());
    drop(client.stdin());
    assert_same(&read_slowly(client.stdout(), Duration::from_millis(10)), &data);
    client.finish().expect(0);
    peer.done();
}

#[test]
fn while_standard_output_is_blocked_input_still_flows() {
    let (up, down) = (noise(4 << 20), noise(8 << 20));
    let all = down.clone();
    let peer = Peer::new(move |stream| {
        let writer = stream.try_clone().unwrap();
        let sending = thread::spawn(move || {
            (&writer).write_all(&all).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let got = read_slowly(&stream, Duration::ZERO);
        (got, sending)
    });
    let mut client = neatflow(&["connect", "127.0.0.1", &peer.port()]).fed(&up);
    let (got, sending) = peer.done();
    assert_same(&got, &up);
    assert_same(&read_slowly(client.stdout(), Duration::ZERO), &down);
    sending.join().unwrap();
    client.finish().expect(0);
}

#[test]
fn an_echo_server_reads_no_further_than_its_peer_does() {
    let data = noise(64 << 20);
    let mut server = neatflow(&["listen", "--echo", "--max", "1", "127.0.0.1", "0"]);
    let stream = client(server.port(true));
    let (writer, all) = (stream.try_clone().unwrap(), data.clone());
    let sending = thread::spawn(move || {
        (&writer).write_all(&all).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    thread::sleep(Duration::from_millis(500));
    #[cfg(target_os = "linux")]
    assert!(server.most_memory() < MEMORY, "{} MiB", server.most_memory());
    assert!(!sending.is_finished());
    assert_same(&read_slowly(&stream, Duration::ZERO), &data);
    sending.join().unwrap();
    server.finish().expect(0);
}
