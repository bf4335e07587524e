//! UDP: one echo for both protocols, and a connection without end.

use super::programs::{Program, skip};
use super::support::{PATIENCE, Running, neatflow, run};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

fn echo(args: &[&str]) -> (Running, String) {
    let mut server = neatflow(&[&["listen", "--echo"], args].concat());
    let port = server.port(true).to_string();
    (server, port)
}

/// A peer that sends nothing unless told to.
fn peer() -> (UdpSocket, String) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    (socket, port)
}

fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

fn datagrams(port: &str) -> Running {
    neatflow(&["connect", "--profile", "unreliable-datagram", "127.0.0.1", port])
}

#[test]
fn one_echo_answers_socat_over_both_protocols_and_families() {
    let (_server, port) = echo(&["0"]);
    for (family, loopback) in [("4", "127.0.0.1"), ("6", "[::1]")] {
        if TcpListener::bind((loopback.trim_matches(['[', ']']), 0)).is_err() {
            skip(&format!("this machine has no {loopback}"));
            continue;
        }
        for protocol in ["TCP", "UDP"] {
            let peer = format!("{protocol}{family}:{loopback}:{port}");
            // It waits for so long after its input has ended, and over UDP always.
            let Some(mut socat) = Program::start("socat", &["-t2", "-", &peer]) else { return };
            socat.says(peer.as_bytes());
            assert_eq!(socat.hears(), peer);
        }
    }
}

#[test]
fn each_datagram_comes_back_as_one() {
    let (_server, port) = echo(&["127.0.0.1", "0"]);
    let (socket, _) = peer();
    socket.connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    for length in [5, 0, 1_200, 9_000, 1] {
        let sent = vec![7; length];
        socket.send(&sent).unwrap();
        assert!(hear(&socket).0 == sent, "{length} bytes");
    }
}

#[test]
fn max_counts_flows_whatever_their_protocol() {
    let (server, port) = echo(&["-v", "--max", "2", "127.0.0.1", "0"]);
    let (socket, _) = peer();
    let here = (Ipv4Addr::LOCALHOST, port.parse::<u16>().unwrap());
    for word in ["one", "flow"] {
        socket.send_to(word.as_bytes(), here).unwrap();
        assert_eq!(hear(&socket).0, word.as_bytes());
    }
    neatflow(&["connect", "127.0.0.1", &port]).fed(b"two").finish().expect(0);
    server.wait_for_stderr(" ms  Stopped");
}

#[test]
fn a_datagram_is_answered_and_a_second_later_it_is_over() {
    let (_server, port) = echo(&["127.0.0.1", "0"]);
    let since = Instant::now();
    let client = datagrams(&port).fed(b"hi").finish().expect(0);
    assert!((1_000..10_000).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
    assert_eq!(client.stdout, b"hi");
    assert_eq!(client.stderr, "");
}

#[test]
fn each_read_is_a_datagram_and_each_answer_begins_the_wait_again() {
    let (socket, port) = peer();
    let mut client = datagrams(&port);
    let mut stdin = client.stdin();
    let mut from = None;
    for word in ["one", "two"] {
        stdin.write_all(word.as_bytes()).unwrap();
        let (heard, whence) = hear(&socket);
        assert_eq!(heard, word.as_bytes());
        from = Some(whence);
    }
    drop(stdin);
    let since = Instant::now();
    for word in ["three ", "four ", "five"] {
        std::thread::sleep(Duration::from_millis(600));
        socket.send_to(word.as_bytes(), from.unwrap()).unwrap();
    }
    assert_eq!(client.finish().expect(0).stdout, b"three four five");
    assert!(since.elapsed() >= Duration::from_millis(2_800), "{:?}", since.elapsed());
}

#[test]
fn quit_says_how_long_to_wait_for_an_answer() {
    let (_socket, port) = peer();
    let since = Instant::now();
    let args = ["connect", "--profile", "unreliable-datagram", "--quit", "0.1", "127.0.0.1", &port];
    let client = neatflow(&args).fed(b"anybody?").finish().expect(0);
    assert_eq!(client.stdout, b"");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn where_nobody_listens_and_nobody_answered_it_fails() {
    let (socket, port) = peer();
    drop(socket);
    let args = ["connect", "-v", "--profile", "unreliable-datagram", "127.0.0.1", &port];
    let mut client = neatflow(&args);
    let mut stdin = client.stdin();
    stdin.write_all(b"anybody?").unwrap();
    // Though standard input never ends.
    let client = client.finish().expect(3);
    drop(stdin);
    assert!(client.stderr.contains(" ms  SoftError "), "{}", client.stderr);
    let told = format!("127.0.0.1:{port} never answered, and the network reports: connection refused");
    assert!(client.stderr.contains(&told), "{}", client.stderr);
    assert!(client.stderr.contains("hint: nobody listens there"), "{}", client.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_refusal_after_an_answer_ends_nothing() {
    let (socket, port) = peer();
    let mut client = datagrams(&port);
    let (mut stdin, mut stdout) = (client.stdin(), client.stdout());
    stdin.write_all(b"hello").unwrap();
    let (_, from) = hear(&socket);
    socket.send_to(b"hi", from).unwrap();
    std::io::Read::read_exact(&mut stdout, &mut [0; 2]).unwrap();
    drop(socket);
    stdin.write_all(b"still there?").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(client.is_running());
    drop(stdin);
    client.finish().expect(0);
}

#[test]
fn the_first_flow_that_is_joined_may_be_of_datagrams() {
    let mut server = neatflow(&["listen", "127.0.0.1", "0"]).fed(b"down");
    let port = server.port(false).to_string();
    let client = datagrams(&port).fed(b"up").finish().expect(0);
    assert_eq!(client.stdout, b"down");
    assert_eq!(server.finish().expect(0).stdout, b"up");
}

#[cfg(unix)]
#[test]
fn whoever_says_what_is_needed_is_listened_to_with_nothing_else() {
    for (args, expected) in
        [(["--require", "reliability"], "tcp"), (["--profile", "unreliable-datagram"], "udp")]
    {
        let server = neatflow(&[&["listen", "-v"], &args[..], &["127.0.0.1", "0"]].concat());
        server.wait_for_stderr("listening on ");
        server.wait_for_stderr("\n");
        server.signal("-TERM");
        let told = server.fed(b"").finish().expect(0).stderr;
        let listening = told.lines().filter(|line| line.starts_with("listening on "));
        let protocols: Vec<_> = listening.filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(protocols, [expected], "{told}");
    }
}

#[test]
fn a_need_that_nothing_meets_is_told_with_the_properties() {
    for (args, names) in [
        (&["connect", "--profile", "reliable-message", "127.0.0.1", "9"][..], &["preserveMsgBoundaries"][..]),
        (&["listen", "--require", "multistreaming", "0"], &["multistreaming"]),
        (
            &["listen", "--require", "per-msg-reliability", "--prohibit", "reliability", "0"],
            &["contradiction", "perMsgReliability", "reliability"],
        ),
        (
            &["connect", "--set", "minSendRate=9", "--set", "maxSendRate=8", "127.0.0.1", "9"],
            &["minSendRate", "maxSendRate"],
        ),
        (&["connect", "--require", "interface:nope0", "127.0.0.1", "9"], &["nope0"]),
    ] {
        let command = run(args).expect(1);
        for name in names {
            assert!(command.stderr.contains(name), "{name} in: {}", command.stderr);
        }
    }
}
