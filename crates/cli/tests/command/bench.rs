//! `bench`: between two processes of ours, and against programs that nobody here wrote.

use super::programs::Program;
use super::support::{Finished, Peer, Refusing, Running, neatflow, run};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const DATAGRAMS: [&str; 2] = ["--profile", "unreliable-datagram"];

/// A server, and its port.
fn server(args: &[&str]) -> (Running, String) {
    let mut server = neatflow(&[&["bench", "server"], args, &["127.0.0.1", "0"]].concat());
    let port = server.port(true).to_string();
    (server, port)
}

/// What a client measures with the server at this port.
fn measure(args: &[&str], port: &str) -> (Finished, Value) {
    let client = run(&[&["bench", "client", "--json"], args, &["127.0.0.1", port]].concat());
    let result = result(&client);
    (client, result)
}

/// The one object that it prints.
#[track_caller]
fn result(of: &Finished) -> Value {
    let text = std::str::from_utf8(&of.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{of:?}");
    let result: Value = serde_json::from_str(text).unwrap();
    assert_eq!(result["type"], "result");
    result
}

/// What a server says that it has served, once it is told to stop.
#[cfg(unix)]
fn served(server: Running) -> String {
    server.signal("-INT");
    String::from_utf8(server.finish().expect(0).stdout).unwrap()
}

/// The result holds together, and nothing went wrong.
#[track_caller]
fn sound(result: &Value, stack: &str, flows: u64, messages: u64, size: u64) {
    assert_eq!(result["failures"], Value::Array(Vec::new()), "{result}");
    assert_eq!((&result["flows"], &result["established"]), (&flows.into(), &flows.into()), "{result}");
    assert_eq!(result["stacks"][stack], flows, "{result}");
    assert_eq!(result["messages"], messages, "{result}");
    assert_eq!(result["sent"], messages, "{result}");
    assert_eq!(result["bytes"], messages * size, "{result}");
    assert_eq!((&result["lost"], &result["stray"]), (&0.into(), &0.into()), "{result}");
    assert_eq!(result["interrupted"], false);
    let (seconds, rate) = (result["seconds"].as_f64().unwrap(), result["bits_per_second"].as_f64().unwrap());
    assert!(seconds > 0.0 && (rate * seconds / (8 * messages * size) as f64 - 1.0).abs() < 1e-6, "{result}");
}

/// Every percentile is there, and no smaller one is larger.
#[track_caller]
fn ascending(result: &Value) {
    let names = ["p50", "p90", "p99", "p99.9", "max"];
    let latencies = names.map(|name| result["latency_us"][name].as_f64().unwrap());
    assert!(latencies[0] > 0.0 && latencies.is_sorted(), "{result}");
}

// ---------- Between two of ours

#[test]
fn every_byte_comes_back_over_tcp_whatever_the_sizes() {
    let (_server, port) = server(&[]);
    for (flows, size, count, depth) in
        [(1, 1, 100, 1), (3, 64, 1_000, 7), (2, 70_000, 50, 9), (1, 2_000_000, 5, 2)]
    {
        let said = [flows, size, count, depth].map(|number: u64| number.to_string());
        let args = ["--flows", &said[0], "--size", &said[1], "--count", &said[2], "--depth", &said[3]];
        let (client, result) = measure(&args, &port);
        client.expect(0);
        sound(&result, "tcp", flows, flows * count, size);
        ascending(&result);
        assert_eq!((&result["mode"], &result["depth"]), (&"echo".into(), &depth.into()));
    }
}

#[test]
fn datagrams_are_counted_one_by_one() {
    let (_server, port) = server(&[]);
    // One at a time overruns no buffer on loopback; each flow has its own.
    for (flows, size, count) in [(1, 1, 300), (4, 100, 200), (1, 9_000, 20)] {
        let said = [flows, size, count].map(|number: u64| number.to_string());
        let args = ["--flows", &said[0], "--size", &said[1], "--count", &said[2], "--wait", "10"];
        let (client, result) = measure(&[&DATAGRAMS[..], &args].concat(), &port);
        client.expect(0);
        sound(&result, "udp", flows, flows * count, size);
        ascending(&result);
    }
}

#[cfg(unix)]
#[test]
fn what_is_discarded_was_read_to_the_last_byte() {
    let (server, port) = server(&["--discard", "--json"]);
    let mut sent = 0;
    for (flows, size, count) in [(1, 64, 100_000), (5, 1_500, 1_000), (2, 300_000, 20)] {
        let said = [flows, size, count].map(|number: u64| number.to_string());
        let args = ["--mode", "discard", "--flows", &said[0], "--size", &said[1], "--count", &said[2]];
        let (client, result) = measure(&args, &port);
        client.expect(0);
        sound(&result, "tcp", flows, flows * count, size);
        assert_eq!(result["latency_us"], Value::Null);
        sent += flows * count * size;
    }
    let told = served(server);
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((&last["bytes"], &last["stacks"]["tcp"]), (&sent.into(), &8.into()), "{told}");
    assert_eq!((&last["mode"], &last["failures"]), (&"discard".into(), &Value::Array(Vec::new())), "{told}");
}

#[test]
fn a_server_ends_by_itself_when_its_time_is_over() {
    let since = Instant::now();
    let server =
        neatflow(&["bench", "server", "--duration", "0.2", "127.0.0.1", "0"]).fed(b"").finish().expect(0);
    assert!(since.elapsed() >= Duration::from_millis(200));
    let told = String::from_utf8(server.stdout).unwrap();
    assert!(told.starts_with("listening on 127.0.0.1:") && told.contains("echo served\n"), "{told}");
}

#[test]
fn a_duration_ends_the_sending_and_what_is_on_the_way_still_counts() {
    let (_server, port) = server(&["--require", "reliability"]);
    let (client, result) = measure(&["--duration", "0.3", "--depth", "100", "--flows", "3"], &port);
    client.expect(0);
    let messages = result["messages"].as_u64().unwrap();
    assert!(messages > 0);
    sound(&result, "tcp", 3, messages, 64);
    assert!(result["seconds"].as_f64().unwrap() > 0.2, "{result}");
}

#[test]
fn for_people_the_result_is_text_and_no_bar_is_drawn_where_nobody_sees_it() {
    let (_server, port) = server(&[]);
    let client = run(&["bench", "client", "--count", "10", "localhost", &port]).expect(0);
    let text = String::from_utf8(client.stdout).unwrap();
    for told in ["echo of 64 bytes", "1 of 1 established", "1 over tcp", "10 echoed", "640: ", "p99.9", " us"]
    {
        assert!(text.contains(told), "{told} in: {text}");
    }
    assert_eq!(client.stderr, "");
}

// ---------- With others

#[test]
fn it_drives_what_socat_echoes() {
    let listen = "TCP4-LISTEN:0,bind=127.0.0.1,fork";
    let Some((_socat, port)) = Program::listening("socat", &["-dd", listen, "PIPE"], " 127.0.0.1:") else {
        return;
    };
    let (client, result) =
        measure(&["--flows", "3", "--size", "1000", "--count", "100", "--depth", "5"], &port);
    client.expect(0);
    sound(&result, "tcp", 3, 300, 1_000);
    ascending(&result);

    // It has to be told a port, and serves one peer.
    let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let listen = format!("UDP4-LISTEN:{},bind=127.0.0.1", free.port());
    let Some((_socat, port)) = Program::listening("socat", &["-dd", &listen, "PIPE"], " 127.0.0.1:") else {
        return;
    };
    let (client, result) = measure(&[&DATAGRAMS[..], &["--count", "100", "--wait", "10"]].concat(), &port);
    client.expect(0);
    sound(&result, "udp", 1, 100, 64);
}

const PYTHON: &str = "
import socket, threading
listener = socket.create_server(('127.0.0.1', 0), backlog=128)
print('port', listener.getsockname()[1], flush=True)
def read(peer):
    total = 0
    while data := peer.recv(65536):
        total += len(data)
    print(total, flush=True)
    peer.close()
while True:
    threading.Thread(target=read, args=(listener.accept()[0],)).start()
";

#[test]
fn it_drives_what_python_discards() {
    let Some((mut python, port)) = Program::listening("python3", &["-c", PYTHON], "port ") else { return };
    let args = ["--mode", "discard", "--flows", "4", "--size", "777", "--count", "10000"];
    let (client, result) = measure(&args, &port);
    client.expect(0);
    sound(&result, "tcp", 4, 40_000, 777);
    for _ in 0..4 {
        assert_eq!(python.line(), "7770000");
    }
}

/// Answers every other datagram, the last ones too late.
#[test]
fn lost_datagrams_are_counted_and_waited_for_no_longer_than_said() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 100];
        for n in 0.. {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            if n % 2 == 0 {
                socket.send_to(&buffer[..length], from).unwrap();
            }
        }
    });
    let since = Instant::now();
    let args = ["--count", "20", "--depth", "4", "--wait", "0.2"];
    let (client, result) = measure(&[&DATAGRAMS[..], &args].concat(), &port);
    client.expect(0);
    assert_eq!((&result["sent"], &result["messages"], &result["lost"]), (&20.into(), &10.into(), &10.into()));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn datagrams_that_are_never_answered_are_a_failure_after_a_bounded_wait() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let args = ["--count", "3", "--wait", "0.1"];
    let (client, result) = measure(&[&DATAGRAMS[..], &args].concat(), &port);
    client.expect(3);
    assert_eq!(result["failures"][0]["reason"], "not one datagram came back");
    assert_eq!(result["lost"], 3);
}

// ---------- What goes wrong

#[test]
fn where_nobody_listens_the_reasons_are_told_and_the_result_all_the_same() {
    let refusing = Refusing::new();
    let (client, result) = measure(&["--flows", "3"], &refusing.port());
    let client = client.expect(1);
    assert_eq!(result["established"], 0);
    assert_eq!(result["failures"][0]["flows"], 3, "{result}");
    assert!(client.stderr.contains("connection refused"), "{}", client.stderr);
}

#[test]
fn a_peer_that_does_not_echo_is_found_out() {
    let ends = |serve: fn(std::net::TcpStream)| {
        let peer = Peer::new(serve);
        let (client, result) = measure(&["--count", "10", "--size", "10", "--wait", "0.5"], &peer.port());
        client.expect(3);
        assert_eq!(result["failures"].as_array().unwrap().len(), 1, "{result}");
        result["failures"][0]["reason"].as_str().unwrap().to_owned()
    };
    let wrong = ends(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(wrong, "what came back is not what was sent");
    let ended = ends(|mut stream| {
        stream.read_exact(&mut [0; 10]).unwrap();
    });
    assert_eq!(ended, "the peer ended before everything was answered");
    let silent = ends(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(silent, "nothing moved for 500ms");
}

#[test]
fn a_datagram_that_is_too_large_is_told_with_the_limit() {
    let (_server, port) = server(&[]);
    let (client, result) = measure(&[&DATAGRAMS[..], &["--size", "70000"]].concat(), &port);
    client.expect(3);
    let reason = result["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("too large") && reason.contains("65507"), "{reason}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_client_tells_what_it_has_measured() {
    let (echoed, enough) = mpsc::channel();
    let peer = Peer::new(move |mut stream| {
        let mut buffer = [0; 64];
        let mut count = 0;
        while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {
            count += 1;
            if count == 100 {
                echoed.send(()).unwrap();
            }
        }
    });
    let client =
        neatflow(&["bench", "client", "--json", "--duration", "600", "127.0.0.1", &peer.port()]).fed(b"");
    enough.recv_timeout(Duration::from_secs(30)).unwrap();
    client.signal("-INT");
    let result = result(&client.finish().expect(0));
    assert_eq!(result["interrupted"], true);
    assert!(result["messages"].as_u64().unwrap() >= 99, "{result}");
    assert_eq!(result["failures"], Value::Array(Vec::new()), "an interruption is no failure: {result}");
}

#[cfg(target_os = "linux")]
#[test]
fn hundreds_of_peers_that_do_not_read_cost_a_bounded_amount_of_memory() {
    const FLOWS: usize = 400;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (came, all) = mpsc::channel();
    thread::spawn(move || {
        let peers: Vec<_> = listener.incoming().take(FLOWS).collect();
        came.send(peers).unwrap();
    });
    let flows = FLOWS.to_string();
    let args = ["--mode", "discard", "--flows", &flows, "--size", "500", "--wait", "60", "--json"];
    let client = neatflow(&[&["bench", "client"], &args[..], &["127.0.0.1", &port]].concat()).fed(b"");
    let _peers = all.recv_timeout(Duration::from_secs(30)).unwrap();
    thread::sleep(Duration::from_secs(2));
    let most = client.most_memory();
    client.signal("-INT");
    let result = result(&client.finish().expect(0));
    assert_eq!(result["established"], FLOWS as u64, "{result}");
    assert!(result["sent"].as_u64().unwrap() > 0, "{result}");
    assert!(most < 160, "{most} MiB");
}
