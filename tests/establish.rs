//! Connections are established: over both families, past addresses that refuse, and with programs nobody here wrote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::programs::Program;
use common::*;
use neatflow::events::EventKind;
use neatflow::prelude::*;
use neatflow::racing::{Cause, Reason};
use neatflow::resolution::Service;
use neatflow::{Error, EstablishmentFailure, Failure, Message, ReceiveFailure, State};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

#[test]
fn hello_world_goes_over_ipv4() {
    run(hello_world(V4));
}

#[test]
fn hello_world_goes_over_ipv6() {
    if has(V6) {
        run(hello_world(V6));
    }
}

async fn hello_world(family: IpAddr) {
    let server = echo(family).await;
    let transport = Transport::start();
    let (probe, mut events) = probe();
    let connection = Preconnection::new(&transport)
        .remote(server)
        .require(Reliability)
        .prefer(Multistreaming)
        .subscribe::<Event, _>(&probe)
        .initiate()
        .unwrap();
    assert_eq!(connection.state(), State::Establishing);
    assert_eq!(connection.stack().as_str(), "none");
    connection.send("hello, ");
    connection.send("world");
    within(connection.ready()).await.unwrap();
    assert_eq!(connection.state(), State::Established);
    assert_eq!(connection.stack().as_str(), "tcp");
    assert_eq!(receive_bytes(&connection, 12).await, b"hello, world");
    connection.close();
    within(connection.closed()).await.unwrap();
    assert_eq!(connection.state(), State::Closed);
    let told = kinds(&events.until_terminal().await);
    use EventKind as E;
    assert_eq!(told, [E::Ready, E::Sent, E::Sent, E::AllWritten, E::Closed]);
}

/// Sockets on both families of one port: IPv6 only held, so that it refuses, and IPv4 listening.
fn on_ipv4_only() -> (Socket, std::net::TcpListener) {
    for _ in 0..32 {
        let listener = std::net::TcpListener::bind((V4, 0)).unwrap();
        let holder = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        holder.set_only_v6(true).unwrap();
        let same = SocketAddr::new(V6, listener.local_addr().unwrap().port());
        if holder.bind(&same.into()).is_ok() {
            return (holder, listener);
        }
    }
    panic!("no port is free in both families");
}

#[test]
fn localhost_costs_ten_milliseconds_when_ipv6_is_refused() {
    if !has(V6) {
        return;
    }
    run(async {
        let (_holder, listener) = on_ipv4_only();
        let port = listener.local_addr().unwrap().port();
        let transport = Transport::start();
        let connection = Preconnection::new(&transport).remote(("localhost", port)).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(SocketAddr::new(V4, port)));

        let race = connection.race().unwrap();
        let [first, second] = &race.timeline.attempts[..] else { panic!("{race:?}") };
        assert_eq!(race.candidate(first.id).unwrap().remote, SocketAddr::new(V6, port));
        assert_eq!(first.end.unwrap().reason, Reason::Failed);
        assert_eq!(race.failures[0].reason, Failure::Refused);
        assert_eq!((second.cause, second.end.unwrap().reason), (Cause::Failure, Reason::Won));
        let waited = second.started.since(first.started);
        // Far below the attempt delay of 250 ms, and with room for a busy machine.
        let allowed = Duration::from_millis(10)..Duration::from_millis(150);
        assert!(allowed.contains(&waited), "the second attempt came after {waited:?}");
    });
}

#[test]
fn several_remote_endpoints_are_alternatives_in_their_order() {
    run(async {
        let (_holder, refusing) = vacant(V4);
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = Preconnection::new(&transport).remote(refusing).remote(server).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(server));
        assert_eq!(connection.race().unwrap().failures.len(), 1);
    });
}

#[test]
fn a_name_is_resolved_by_the_servers_given() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("neat.example", RecordType::A, Reply::addresses(["127.0.0.1"]));
        dns.on("neat.example", RecordType::AAAA, Reply::no_data());
        let server = echo(V4).await;
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let text = format!("neat.example:{}", server.port());
        let connection = Preconnection::new(&transport).remote(text.as_str()).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(server));
    });
}

#[test]
fn a_service_is_provided_by_whoever_the_dns_names_in_their_order() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        let (_holder, refusing) = vacant(V4);
        let server = echo(V4).await;
        let provider = |priority, at: SocketAddr, target: &str| Service {
            priority,
            weight: 0,
            port: at.port(),
            target: target.into(),
        };
        let providers = [provider(2, server, "there.example"), provider(1, refusing, "first.example")];
        dns.on("_neat._tcp.example.org", RecordType::SRV, Reply::providers(providers));
        for host in ["first.example", "there.example"] {
            dns.on(host, RecordType::A, Reply::addresses(["127.0.0.1"]));
            dns.on(host, RecordType::AAAA, Reply::no_data());
        }
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let connection = Preconnection::new(&transport).remote("example.org:_neat._tcp").initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(server));
        assert_eq!(connection.race().unwrap().failures.len(), 1, "the first was tried first");

        let nobody = Preconnection::new(&transport).remote("example.net:_neat._tcp").initiate().unwrap();
        let Err(Error::Establishment(failure)) = within(nobody.closed()).await else { panic!("nobody") };
        assert!(failure.to_string().contains("_neat._tcp.example.net"), "{failure}");
    });
}

#[test]
fn an_internationalised_name_is_asked_for_as_it_is_in_ascii() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("xn--bcher-kva.example", RecordType::A, Reply::addresses(["127.0.0.1"]));
        dns.on("xn--bcher-kva.example", RecordType::AAAA, Reply::no_data());
        let server = echo(V4).await;
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let text = format!("Bücher.example:{}", server.port());
        let connection = Preconnection::new(&transport).remote(text.as_str()).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(server));
    });
}

#[test]
fn a_local_endpoint_is_where_the_connection_comes_from() {
    run(async {
        let server = echo(V4).await;
        let (holder, local) = vacant(V4);
        drop(holder);
        let transport = Transport::start();
        let connection = Preconnection::new(&transport).local(local).remote(server).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.local_addr(), Some(local));
    });
}

#[test]
fn a_first_message_goes_with_the_establishment() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe);
        let connection = preconnection.initiate_with_send("first").unwrap();
        assert_eq!(receive_bytes(&connection, 5).await, b"first");
        connection.close();
        let told = kinds(&events.until_terminal().await);
        assert_eq!(told, [EventKind::Ready, EventKind::Sent, EventKind::AllWritten, EventKind::Closed]);
    });
}

#[test]
fn the_application_may_limit_how_long_establishing_takes() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("slow.example", RecordType::A, Reply::silence());
        dns.on("slow.example", RecordType::AAAA, Reply::silence());
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let (probe, mut events) = probe();
        for limit in [Duration::ZERO, Duration::from_millis(50)] {
            let preconnection = Preconnection::new(&transport).remote("slow.example:80").timeout(limit);
            let connection = preconnection.subscribe::<Event, _>(&probe).initiate().unwrap();
            let Err(Error::Establishment(failure)) = within(connection.closed()).await else {
                panic!("nobody is there")
            };
            assert!(
                matches!(&*failure, EstablishmentFailure::Timeout { after, .. } if *after == limit),
                "{failure}"
            );
            assert_eq!(events.end().await.kind(), EventKind::EstablishmentError);
        }
        // A limit beyond the end of time is none.
        let server = echo(V4).await;
        let connection =
            Preconnection::new(&transport).remote(server).timeout(Duration::MAX).initiate().unwrap();
        within(connection.ready()).await.unwrap();
    });
}

#[test]
fn the_web_server_of_python_answers_a_get() {
    let here = env!("CARGO_MANIFEST_DIR");
    let arguments = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", here];
    let Some(mut python) = Program::start("python3", &arguments) else { return };
    let port = python.port_on_stdout(" port ");
    run(async {
        let transport = Transport::start();
        let connection = Preconnection::new(&transport).remote(("localhost", port)).initiate().unwrap();
        connection.send("GET /Cargo.toml HTTP/1.0\r\n\r\n");
        let answer = String::from_utf8(receive_all(&connection).await).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert_eq!(body, std::fs::read_to_string(format!("{here}/Cargo.toml")).unwrap());
        connection.close();
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn socat_sends_back_everything_and_then_its_end() {
    let arguments = ["-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat"];
    let Some(mut socat) = Program::start("socat", &arguments) else { return };
    let port = socat.port_on_stderr("listening on AF=2 127.0.0.1:");
    run(async {
        let transport = Transport::start();
        let connection = connect(&transport, SocketAddr::new(V4, port));
        let sent = pattern(0, 200_000);
        connection.send(Message::new(sent.clone()).last());
        assert!(receive_all(&connection).await == sent, "something else came back");
        // Both directions have ended, and everything was taken: so has the connection.
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn openssl_greets_a_listener_and_gives_up_on_what_it_hears() {
    run(async {
        let transport = Transport::start();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let Some(mut openssl) = Program::start("openssl", &["s_client", "-connect", &address.to_string()])
        else {
            return;
        };
        let connection = within(listener.accept()).await.unwrap();
        let hello = within(connection.received()).await.unwrap();
        assert_eq!(hello.data[0], 22, "a TLS record of type handshake");
        within(connection.send("this is no TLS\r\n")).await.unwrap();
        // It says so in an alert, or just leaves.
        while within(connection.received()).await.is_ok() {}
        let last = within(connection.received()).await.unwrap_err();
        assert!(matches!(last, ReceiveFailure::Finished | ReceiveFailure::Connection(_)), "{last}");
        let _ = openssl.child.stdin.take().unwrap().flush();
        let ended = actix::spawn(async move {
            loop {
                if let Some(status) = openssl.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(!within(ended).await.unwrap().success());
    });
}
