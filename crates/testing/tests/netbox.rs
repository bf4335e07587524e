//! The box itself, with plain sockets: it does what it is told, no more, and leaves nothing behind.
#![cfg(all(feature = "netbox", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use neatflow_testing::dns::{RecordType, Reply};
use neatflow_testing::netbox::{self, Interface, NetBox, Rule, Tls, Unreachable, User};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

const PORT: u16 = 7000;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs a test in a box, or says why not.
fn run(name: &str, user: User, test: impl FnOnce()) {
    if let Err(unavailable) = netbox::run(name, user, test) {
        skip(name, &unavailable.to_string());
    }
}

fn skip(name: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
    _ = io::stderr().write_all(format!("SKIPPED {name}: {why}\n").as_bytes());
}

fn connect(address: &str) -> (io::Result<TcpStream>, Duration) {
    let began = Instant::now();
    let address: SocketAddr = address.parse().unwrap();
    let result = TcpStream::connect_timeout(&address, ms(400));
    (result, began.elapsed())
}

/// A busy machine may take its time, but nothing may be early.
fn assert_took(what: &str, took: Duration, wanted: u64) {
    assert!(ms(wanted) <= took && took < ms(wanted + 60), "{what} took {took:?} instead of {wanted} ms");
}

fn every_outcome() {
    let net = NetBox::start().unwrap();
    let server = net.echo(PORT).unwrap();
    net.rules([
        Rule::to("192.0.2.2").tcp().delay(ms(40)),
        Rule::to("2001:db8::2").tcp().delay(ms(40)),
        Rule::to("192.0.2.3").tcp().refused(ms(60)),
        Rule::to("2001:db8::3").tcp().refused(ms(60)),
        Rule::to("192.0.2.4").unreachable(Unreachable::Host, ms(80)),
        Rule::to("2001:db8::4").unreachable(Unreachable::Network, ms(80)),
        Rule::to("192.0.2.5").dropped(),
        Rule::to("2001:db8::5").dropped(),
    ]);
    for (address, takes) in [("192.0.2.1", 0), ("2001:db8::1", 0), ("192.0.2.2", 40), ("2001:db8::2", 40)] {
        let target = SocketAddr::new(address.parse().unwrap(), PORT).to_string();
        let (stream, took) = connect(&target);
        let mut stream = stream.unwrap();
        assert_took(address, took, takes);
        stream.write_all(b"through").unwrap();
        let mut back = [0; 7];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"through");
    }
    for (address, kind, takes) in [
        ("192.0.2.3:7000", ErrorKind::ConnectionRefused, 60),
        ("[2001:db8::3]:7000", ErrorKind::ConnectionRefused, 60),
        ("192.0.2.4:7000", ErrorKind::HostUnreachable, 80),
        ("[2001:db8::4]:7000", ErrorKind::NetworkUnreachable, 80),
        ("192.0.2.5:7000", ErrorKind::TimedOut, 400),
        ("[2001:db8::5]:7000", ErrorKind::TimedOut, 400),
        // Nobody is there.
        ("192.0.2.1:7001", ErrorKind::ConnectionRefused, 0),
        ("[2001:db8::1]:7001", ErrorKind::ConnectionRefused, 0),
    ] {
        let (result, took) = connect(address);
        assert_eq!(result.unwrap_err().kind(), kind, "{address}");
        assert_took(address, took, takes);
    }
    let seen = net.seen();
    let first = seen.iter().find(|seen| seen.syn).unwrap();
    assert_eq!((first.destination, first.from_client), ("192.0.2.1:7000".parse().unwrap(), true));
    let accepted = server.accepted();
    assert_eq!(accepted.len(), 4);
    assert_eq!(accepted[1].local, "[2001:db8::1]:7000".parse().unwrap());
    assert_eq!(accepted[1].peer.ip(), "2001:db8:ffff::10".parse::<std::net::IpAddr>().unwrap());
}

#[test]
fn every_outcome_comes_at_its_time() {
    run("every_outcome_comes_at_its_time", User::Same, every_outcome);
}

#[test]
fn every_outcome_comes_at_its_time_to_an_ordinary_user() {
    run("every_outcome_comes_at_its_time_to_an_ordinary_user", User::Ordinary, every_outcome);
}

#[test]
fn a_closed_port_of_udp_is_told_after_its_time() {
    run("a_closed_port_of_udp_is_told_after_its_time", User::Same, || {
        let net = NetBox::start().unwrap();
        net.rules([Rule::all().udp().port(443).refused(ms(25))]);
        for (own, target) in [("0.0.0.0:0", "192.0.2.1:443"), ("[::]:0", "[2001:db8::1]:443")] {
            let socket = UdpSocket::bind(own).unwrap();
            socket.connect(target).unwrap();
            let began = Instant::now();
            socket.send(b"hello").unwrap();
            let error = socket.recv(&mut [0; 16]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{target}");
            assert_took(target, began.elapsed(), 25);
        }
    });
}

#[test]
fn a_megabyte_survives_loss_and_takes_the_time_of_its_rate() {
    run("a_megabyte_survives_loss_and_takes_the_time_of_its_rate", User::Same, || {
        let net = NetBox::start().unwrap();
        net.rules([Rule::v6().rate(20_000_000).loss(0.005)]);
        let _server = net.echo(PORT).unwrap();
        let mut stream = TcpStream::connect("[2001:db8::1]:7000").unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let began = Instant::now();
        let mut writing = stream.try_clone().unwrap();
        let back = std::thread::scope(|scope| {
            scope.spawn(|| {
                writing.write_all(&sent).unwrap();
                writing.shutdown(std::net::Shutdown::Write).unwrap();
            });
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            back
        });
        assert!(back == sent, "something else came back");
        // 8 Mbit at 20 Mbit/s.
        assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
    });
}

#[test]
fn each_interface_is_a_way_of_its_own_until_it_is_cut_or_removed() {
    run("each_interface_is_a_way_of_its_own_until_it_is_cut_or_removed", User::Same, || {
        let net = NetBox::with(["wlan0", "wwan0"].map(Interface::new)).unwrap();
        let _server = net.echo(PORT).unwrap();
        net.rules([Rule::all().over("wlan0").delay(ms(20))]);
        let way = || {
            let (stream, took) = connect("192.0.2.1:7000");
            (stream.map(|stream| stream.local_addr().unwrap().ip().to_string()), took)
        };
        let (local, took) = way();
        assert_eq!(local.unwrap(), "198.51.100.10");
        assert_took("wlan0", took, 20);
        net.cut("wlan0");
        assert_eq!(way().0.unwrap_err().kind(), ErrorKind::TimedOut);
        net.mend("wlan0");
        assert_eq!(way().0.unwrap(), "198.51.100.10");
        net.remove("wlan0").unwrap();
        let (local, took) = way();
        assert_eq!(local.unwrap(), "198.51.100.11");
        assert_took("wwan0", took, 0);
        assert_eq!(net.seen().iter().filter(|seen| seen.syn && seen.interface == "wwan0").count(), 1);
        net.remove("wlan0").unwrap_err();
    });
}

#[test]
fn the_name_server_in_the_box_takes_its_time_for_each_type() {
    run("the_name_server_in_the_box_takes_its_time_for_each_type", User::Same, || {
        let net = NetBox::start().unwrap();
        net.dns().on("dual.example", RecordType::AAAA, Reply::addresses(["2001:db8::1"]).after(ms(70)));
        net.dns().on("dual.example", RecordType::A, Reply::addresses(["192.0.2.1"]).after(ms(30)));
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(net.name_server()).unwrap();
        for (kind, takes) in [(28, 70), (1, 30)] {
            let mut question = vec![0, kind, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            question.extend(b"\x04dual\x07example\0\0");
            question.extend([kind, 0, 1]);
            let began = Instant::now();
            socket.send(&question).unwrap();
            let mut answer = [0; 512];
            let length = socket.recv(&mut answer).unwrap();
            assert_took("the answer", began.elapsed(), takes);
            assert_eq!((answer[1], answer[7]), (kind, 1), "{:?}", &answer[..length]);
        }
    });
}

/// What `openssl s_client` says of a server, and whether it is content; it has half a second.
fn ask_openssl(certificates: &std::path::Path, more: &[&str]) -> (String, bool) {
    let mut command = Command::new("timeout");
    command.args(["0.5", "openssl", "s_client", "-connect", "192.0.2.1:443", "-servername", "www.example"]);
    command.args(["-verify_return_error", "-verify_hostname", "www.example", "-CAfile"]).arg(certificates);
    let output = command.args(more).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (said.concat(), output.status.success())
}

#[test]
fn tls_fails_in_every_way_and_openssl_notices_each() {
    let name = "tls_fails_in_every_way_and_openssl_notices_each";
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        return skip(name, "there is no openssl");
    }
    run(name, User::Ordinary, || {
        let net = NetBox::start().unwrap();
        let certificates =
            std::env::temp_dir().join(format!("neatflow-authority-{}.pem", net.elapsed().as_nanos()));
        std::fs::write(&certificates, net.authority().unwrap()).unwrap();
        for tls in Tls::ALL {
            let server = net.tls(443, "www.example", tls, ms(30)).unwrap();
            let began = Instant::now();
            let (said, content) = ask_openssl(&certificates, &["-alpn", "h2"]);
            let took = began.elapsed();
            let wanted: &[&str] = match tls {
                Tls::Works => &["ALPN protocol: h2"],
                // Before or after it has said something.
                Tls::ClosesAtOnce => &["errno", "unexpected eof"],
                Tls::Resets => &["errno"],
                Tls::Closes | Tls::Truncates => &["unexpected eof"],
                Tls::Alerts(_) => &["handshake failure"],
                Tls::Garbage => &["wrong version number"],
                // It was ended before it said anything.
                Tls::Silent | Tls::Stalls => &[""],
                Tls::Corrupts => &["bad record mac"],
                Tls::WrongName => &["hostname mismatch"],
                Tls::SelfSigned => &["self-signed certificate"],
                Tls::Expired => &["certificate has expired"],
                Tls::NotYetValid => &["certificate is not yet valid"],
                Tls::NoCommonProtocol => &["no application protocol"],
                other => panic!("{other:?} is not tested"),
            };
            assert!(wanted.iter().any(|wanted| said.contains(wanted)), "{tls:?}: {said}");
            assert_eq!(content, tls == Tls::Works, "{tls:?}: {said}");
            if tls != Tls::ClosesAtOnce {
                assert!(took >= ms(30), "{tls:?} after {took:?}");
            }
            let hangs = took >= ms(500);
            assert_eq!(hangs, matches!(tls, Tls::Silent | Tls::Stalls), "{tls:?} after {took:?}");
            assert_eq!(server.accepted().len(), 1, "{tls:?}");
        }
        std::fs::remove_file(certificates).unwrap();
    });
}

/// What the box adds to a round trip: measured, and far below what scenarios allow.
#[test]
fn the_box_adds_little() {
    run("the_box_adds_little", User::Same, || {
        let net = NetBox::start().unwrap();
        let _server = net.echo(PORT).unwrap();
        let mut took: Vec<Duration> = (0..200).map(|_| connect("[2001:db8::1]:7000").1).collect();
        took.sort_unstable();
        let (half, most) = (took[took.len() / 2], took[took.len() - 1]);
        eprintln!("netbox: a handshake takes {half:?}, at most {most:?}; late {:?}", net.take_late());
        assert!(half < ms(5), "{half:?}");
    });
}

#[test]
fn a_box_is_only_for_a_namespace_of_its_own() {
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap();
    if interfaces.contains("eth") {
        let error = NetBox::start().unwrap_err();
        assert!(error.to_string().contains("a namespace of its own"), "{error}");
    }
}

#[test]
fn a_name_that_no_test_has_is_told() {
    let told = std::panic::catch_unwind(|| netbox::run("no_such_test", User::Same, || {}));
    if let Err(panic) = told {
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.contains("there is no test \"no_such_test\""), "{said}");
    }
}

/// The outer process is told what the inner one said.
#[test]
fn a_test_that_fails_in_its_box_fails() {
    let name = "a_test_that_fails_in_its_box_fails";
    let told = std::panic::catch_unwind(|| run(name, User::Same, || panic!("on purpose")));
    if std::env::var_os("NEATFLOW_NETBOX").is_some() {
        std::panic::resume_unwind(told.unwrap_err());
    }
    if netbox::available(User::Same).is_ok() {
        let panic = told.unwrap_err();
        let said = panic.downcast_ref::<String>().unwrap();
        assert!(said.contains("failed in its box") && said.contains("on purpose"), "{said}");
    }
}
