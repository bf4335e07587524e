//! Bad input and faults: each is one typed error or event, nothing hangs, and nothing follows the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::events::EventKind;
use neatflow::prelude::*;
use neatflow::properties::Interface;
use neatflow::{
    ConnectionFailure, EndpointError, Error, EstablishmentFailure, Failure, Message, ReceiveFailure,
    ResolutionFailure, SendFailure, State, Status,
};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Why nothing was established; makes sure that every way of asking says the same.
async fn failure(preconnection: Preconnection) -> Arc<EstablishmentFailure> {
    let (probe, mut events) = probe();
    let connection = preconnection.subscribe::<Event, _>(&probe).initiate().unwrap();
    let message = connection.send("in vain").id();
    let asked = connection.receive();
    let told = events.until_terminal().await;
    use EventKind as E;
    assert_eq!(kinds(&told), [E::SendError, E::ReceiveError, E::EstablishmentError]);
    let [Event::SendError(send), Event::ReceiveError(receive), Event::EstablishmentError(end)] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((Some(send.id), &send.reason), (message, &SendFailure::NotEstablished));
    assert_eq!(send.message.data, "in vain");
    assert_eq!((receive.receive, &receive.reason), (asked, &ReceiveFailure::NotEstablished));
    assert_eq!(connection.state(), State::Closed);
    let ready = within(connection.ready()).await.unwrap_err();
    assert!(Arc::ptr_eq(&ready, &end.reason), "{ready} and {}", end.reason);
    assert!(matches!(within(connection.closed()).await, Err(Error::Establishment(_))));
    assert_eq!(within(connection.received()).await, Err(ReceiveFailure::NotEstablished));
    assert_eq!(within(connection.send("late")).await, Err(SendFailure::Closed));
    ready
}

// ---------- Endpoints

#[test]
fn a_text_that_is_no_endpoint_is_an_error_at_once() {
    run(async {
        let transport = Transport::start();
        let said = |text: &str| match Preconnection::new(&transport).remote(text).initiate() {
            Err(Error::Endpoint(error)) => error,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(said(""), EndpointError::Empty);
        assert_eq!(said("host:65536"), EndpointError::Port("65536".into()));
        assert!(matches!(said("two words:80"), EndpointError::Host(_)));
        assert!(matches!(said("\0:80"), EndpointError::Host(_)));
        assert!(matches!(said("[::1"), EndpointError::Host(_)));
        for text in
            [":", "::", "%", "[]:80", "a..b:80", "%eth0:80", "::1%:80", "\u{1F980}:80", "1.2.3.4.5:80"]
        {
            // Which it is, is not the point: it says something, and does not panic.
            let made = Preconnection::new(&transport).remote(text).initiate();
            drop(made.map(|connection| connection.abort()));
        }
        let long = "x".repeat(100_000);
        assert!(matches!(said(&long), EndpointError::Host(_)));
        // The first mistake is told, by whatever comes first.
        let wrong = Preconnection::new(&transport).remote("").remote("localhost:80").local("no port:x");
        assert!(matches!(wrong.initiate(), Err(Error::Endpoint(EndpointError::Empty))));
        assert!(matches!(wrong.listen(), Err(Error::Endpoint(EndpointError::Empty))));
    });
}

#[test]
fn nobody_to_reach_is_an_error_at_once() {
    run(async {
        let transport = Transport::start();
        let Err(Error::Establishment(failure)) = Preconnection::new(&transport).initiate() else { panic!() };
        assert_eq!(failure.status(), Status::InvalidConfiguration);
        let empty = Preconnection::new(&transport).remote(RemoteEndpoint::new()).initiate();
        assert!(matches!(empty, Err(Error::Endpoint(EndpointError::Empty))), "{empty:?}");
    });
}

#[test]
fn port_zero_and_no_port_cannot_be_reached() {
    run(async {
        let transport = Transport::start();
        for remote in ["127.0.0.1:0", "127.0.0.1", "localhost:0", "[::1]:0"] {
            let failure = failure(Preconnection::new(&transport).remote(remote)).await;
            assert_eq!(failure.status(), Status::InvalidConfiguration, "{remote}: {failure}");
        }
    });
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    run(async {
        let transport = Transport::start();
        let wanted = Preconnection::new(&transport).remote("127.0.0.1:9").require(Interface::named("nope0"));
        let said = failure(wanted).await;
        assert_eq!(said.status(), Status::NoCandidates);
        assert!(said.to_string().contains("nope0"), "{said}");
        let said = failure(Preconnection::new(&transport).remote("[fe80::1%nope0]:9")).await;
        assert!(said.to_string().contains("nope0"), "{said}");
        let local = Preconnection::new(&transport).remote("127.0.0.1:9").local("*%nope0");
        let said = failure(local).await;
        assert!(said.to_string().contains("nope0"), "{said}");
    });
}

#[test]
fn a_refusal_names_the_candidate() {
    run(async {
        let (_holder, address) = vacant(V4);
        let transport = Transport::start();
        let said = failure(Preconnection::new(&transport).remote(address)).await;
        let [attempt] = said.attempts() else { panic!("{said}") };
        assert_eq!((attempt.candidate.remote, &attempt.reason), (address, &Failure::Refused));
    });
}

#[test]
fn a_local_address_that_is_not_ours_is_no_way_out() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let said = failure(Preconnection::new(&transport).local("192.0.2.77").remote(server)).await;
        assert!(matches!(said.status(), Status::NoCandidates | Status::EstablishmentFailed), "{said}");
    });
}

/// Says to a second run of this test that it is in a network without routes.
const INSIDE: &str = "NEATFLOW_TEST_HAS_NO_ROUTES";

#[test]
fn an_address_without_a_route_is_unreachable() {
    let remote: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
    let asked = std::net::UdpSocket::bind("[::]:0").and_then(|socket| socket.connect(remote));
    if asked.is_ok() && std::env::var_os(INSIDE).is_none() {
        return without_routes("an_address_without_a_route_is_unreachable");
    }
    run(async {
        let transport = Transport::start();
        let started = Instant::now();
        let said = failure(Preconnection::new(&transport).remote(remote)).await;
        assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
        match said.attempts() {
            [attempt] => assert!(matches!(attempt.reason, Failure::Unreachable(_)), "{said}"),
            _ => assert_eq!(said.status(), Status::NoCandidates, "{said}"),
        }
    });
}

/// Runs one test of this file again, in a network namespace of its own, which has no routes.
fn without_routes(test: &str) {
    let mut again = std::process::Command::new("unshare");
    again.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    again.arg(std::env::current_exe().unwrap()).args(["--exact", test]).env(INSIDE, "1");
    match again.output() {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            assert!(output.status.success(), "{output:?}");
        }
        other => {
            skip(&format!("there is a route to everywhere, and unshare gives no network without: {other:?}"))
        }
    }
}

// ---------- Names

#[test]
fn the_ways_a_name_can_fail_are_told_apart() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        for kind in [RecordType::A, RecordType::AAAA] {
            dns.on("missing.example", kind, Reply::no_such_name());
            dns.on("empty.example", kind, Reply::no_data());
            dns.on("broken.example", kind, Reply::server_failure());
            dns.on("silent.example", kind, Reply::silence());
        }
        let limit = Duration::from_millis(300);
        let transport = Transport::builder().name_servers([dns.address()]).resolution_timeout(limit).start();
        let of = async |name: &str| {
            let said = failure(Preconnection::new(&transport).remote((name, 80))).await;
            assert_eq!(said.status(), Status::ResolutionFailed, "{name}: {said}");
            let [one] = said.unresolved() else { panic!("{said}") };
            one.clone()
        };
        use ResolutionFailure as R;
        let missing = of("missing.example").await;
        assert!(matches!(missing, R::NoSuchName { .. }), "{missing}");
        let empty = of("empty.example").await;
        assert!(matches!(empty, R::NoAddresses { .. }), "{empty}");
        let broken = of("broken.example").await;
        assert!(matches!(broken, R::ServerFailure { .. }), "{broken}");
        let silent = of("silent.example").await;
        assert!(matches!(silent, R::TimedOut { .. }), "{silent}");
    });
}

#[test]
fn one_family_that_cannot_be_resolved_does_not_matter() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("half.example", RecordType::A, Reply::addresses(["127.0.0.1"]));
        dns.on("half.example", RecordType::AAAA, Reply::silence());
        let server = echo(V4).await;
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let connection =
            Preconnection::new(&transport).remote(("half.example", server.port())).initiate().unwrap();
        let started = Instant::now();
        within(connection.ready()).await.unwrap();
        // The name resolver would wait for 5 s.
        assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
    });
}

// ---------- Requirements

#[test]
fn requirements_nothing_can_meet_are_named_before_any_packet_is_sent() {
    run(async {
        let listener = std::net::TcpListener::bind((V4, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = listener.local_addr().unwrap();
        let transport = Transport::start();
        let wanted = Preconnection::new(&transport)
            .remote(server)
            .require(PreserveMsgBoundaries)
            .require(Multistreaming)
            .prohibit(CongestionControl);
        let said = failure(wanted.clone()).await;
        assert_eq!(said.status(), Status::NoCandidates);
        for property in [PreserveMsgBoundaries, Multistreaming, CongestionControl] {
            assert!(said.properties().contains(&property), "{said}");
        }
        // What no transport whatever could have is told at once, and there is no connection.
        let absurd = Preconnection::new(&transport)
            .remote(server)
            .prohibit(Reliability)
            .require(PerMsgReliability)
            .initiate();
        let Err(Error::Property(error)) = absurd else { panic!("{absurd:?}") };
        assert!(error.to_string().contains("perMsgReliability"), "{error}");

        tokio::time::sleep(SILENCE).await;
        let nobody = listener.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "somebody came");
        // The same server can be reached by who asks for less.
        within(connect(&transport, server).ready()).await.unwrap();
    });
}

// ---------- The peer

/// A connection with every event, and the peer's end of it.
async fn accepted(transport: &Transport) -> (Connection, Events, TcpStream) {
    let (connection, peer) = pair(transport).await;
    let (probe, events) = probe();
    connection.subscribe::<Event, _>(&probe);
    (connection, events, peer)
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_peer_that_resets_in_mid_transfer_gives_back_what_was_queued() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = accepted(&transport).await;
        let asked = connection.receive();
        let mut ids = Vec::new();
        loop {
            let sending = connection.send(vec![7; 64 * 1024]);
            if sending.refused().is_some() {
                // Full, and the driver has not run: there will be room. Otherwise the peer's window is shut.
                let Err(_) = tokio::time::timeout(Duration::from_millis(200), async {
                    while !connection.can_send() || connection.send(Message::default()).refused().is_some() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                })
                .await
                else {
                    continue;
                };
                break;
            }
            ids.push(sending.id().unwrap());
        }
        let mut some = vec![0; 1000];
        within(peer.read_exact(&mut some)).await.unwrap();
        reset(peer);
        let told = events.until_terminal().await;
        let (last, before) = told.split_last().unwrap();
        let Event::ConnectionError(end) = last else { panic!("{last:?}") };
        assert_eq!(end.reason, ConnectionFailure::AbortedByPeer);
        assert_eq!(before.last().unwrap().kind(), EventKind::Aborted);
        let answered = before.iter().any(|event| {
            matches!(event, Event::ReceiveError(failed) if failed.receive == asked
                && failed.reason == ReceiveFailure::Connection(ConnectionFailure::AbortedByPeer))
        });
        assert!(answered, "{:?}", kinds(&told));
        // Each of them was sent, or came back.
        for id in ids {
            let fates = before.iter().filter(|event| match event {
                Event::Sent(sent) => sent.id == id,
                Event::SendError(failed) => failed.id == id && failed.message.len() == 64 * 1024,
                _ => false,
            });
            assert_eq!(fates.count(), 1, "{id:?}");
        }
        assert!(before.iter().any(|event| matches!(event, Event::SendError(failed)
            if failed.reason == SendFailure::Connection(ConnectionFailure::AbortedByPeer))));
        assert!(matches!(
            within(connection.closed()).await,
            Err(Error::Connection(ConnectionFailure::AbortedByPeer))
        ));
    });
}

#[test]
fn a_reset_is_noticed_while_nobody_reads_or_writes() {
    run(async {
        let transport = Transport::start();
        let (_connection, mut events, peer) = accepted(&transport).await;
        events.silence().await;
        reset(peer);
        let told = kinds(&events.until_terminal().await);
        assert_eq!(told, [EventKind::Aborted, EventKind::ConnectionError]);
    });
}

#[test]
fn whoever_waits_for_a_message_gets_what_arrived_just_before_the_reset() {
    run(async {
        let transport = Transport::start();
        let (connection, _events, mut peer) = accepted(&transport).await;
        let waiting = actix::spawn(connection.received());
        tokio::task::yield_now().await;
        peer.write_all(b"last words").await.unwrap();
        reset(peer);
        let message = within(waiting).await.unwrap().unwrap();
        assert_eq!(message.data, "last words");
        assert_eq!(
            within(connection.received()).await,
            Err(ReceiveFailure::Connection(ConnectionFailure::AbortedByPeer))
        );
    });
}

#[test]
fn a_reset_after_everything_was_read_is_all_there_is_to_tell() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = accepted(&transport).await;
        connection.stream(16);
        peer.write_all(b"last words").await.unwrap();
        let Event::Received(received) = events.next().await else { panic!() };
        assert_eq!(received.to_string(), "last words");
        reset(peer);
        let told = kinds(&events.until_terminal().await);
        assert_eq!(told, [EventKind::Aborted, EventKind::ConnectionError]);
        assert_eq!(
            within(connection.received()).await,
            Err(ReceiveFailure::Connection(ConnectionFailure::AbortedByPeer))
        );
    });
}

#[test]
fn abort_gives_back_what_was_queued_and_resets_the_peer() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = accepted(&transport).await;
        let asked = connection.receive();
        let sent = connection.send("first").id();
        connection.abort();
        assert_eq!(connection.state(), State::Closed);
        connection.abort();
        connection.close();
        let told = events.until_terminal().await;
        use EventKind as E;
        assert_eq!(kinds(&told), [E::SendError, E::ReceiveError, E::ConnectionError]);
        let [Event::SendError(send), Event::ReceiveError(receive), Event::ConnectionError(end)] = &told[..]
        else {
            panic!()
        };
        assert_eq!((Some(send.id), receive.receive), (sent, asked));
        assert_eq!(end.reason, ConnectionFailure::AbortedLocally);
        let mut rest = Vec::new();
        let seen = within(peer.read_to_end(&mut rest)).await.unwrap_err();
        assert_eq!(seen.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_close_that_the_peer_resets_is_an_error() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, peer) = accepted(&transport).await;
        // More than the peer's window: it is not acknowledged before it is read.
        connection.send(vec![7; 64 << 20]);
        connection.close();
        events.silence().await;
        reset(peer);
        let Event::ConnectionError(end) = events.end().await else { panic!("it ended well") };
        assert_eq!(end.reason, ConnectionFailure::AbortedByPeer);
    });
}
