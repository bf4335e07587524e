//! Listeners: where they can listen, whom they accept, and how they end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use neatflow::events::EventKind;
use neatflow::prelude::*;
use neatflow::properties::Interface;
use neatflow::{Error, Failure, ListenFailure, ReceiveFailure, State, Status};
use neatflow_testing::quiet_panics;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

fn on_loopback(transport: &Transport) -> Preconnection {
    Preconnection::new(transport).local("127.0.0.1:0")
}

async fn address(listener: &Listener) -> SocketAddr {
    within(listener.listening()).await.unwrap()[0]
}

/// Whether the peer's end of a connection has been closed or reset.
async fn is_gone(stream: &mut TcpStream) -> bool {
    matches!(within(stream.read(&mut [0; 16])).await, Ok(0) | Err(_))
}

/// Why nobody listens; makes sure that every way of asking says the same.
async fn failure(preconnection: Preconnection) -> ListenFailure {
    let (probe, mut events) = probe();
    let listener = preconnection.subscribe::<Event, _>(&probe).listen().unwrap();
    let Event::ListenError(error) = events.end().await else { panic!("it listens") };
    assert_eq!(error.listener.id(), listener.id());
    let said = within(listener.listening()).await.unwrap_err();
    assert_eq!(said.to_string(), error.reason.to_string());
    assert!(listener.addresses().is_empty());
    assert!(within(listener.accept()).await.is_none());
    said
}

// ---------- Where

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    run(async {
        let taken = std::net::TcpListener::bind((V4, 0)).unwrap().local_addr().unwrap();
        let holder = std::net::TcpListener::bind(taken).unwrap();
        let transport = Transport::start();
        let said = failure(Preconnection::new(&transport).local(taken)).await;
        let ListenFailure::Bind { address, reason } = &said else { panic!("{said}") };
        assert_eq!(*address, taken);
        assert!(matches!(reason, Failure::LocalAddress(_)), "{reason}");
        assert!(said.to_string().contains(&taken.to_string()), "{said}");
        // Once it is free it can be had.
        drop(holder);
        let listener = Preconnection::new(&transport).local(taken).listen().unwrap();
        assert_eq!(within(listener.listening()).await.unwrap(), [taken]);
    });
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    run(async {
        let transport = Transport::start();
        let said = failure(Preconnection::new(&transport).local("192.0.2.77:0")).await;
        assert!(
            matches!(said, ListenFailure::Bind { reason: Failure::LocalAddress(_), .. })
                || said.status() == Status::NoCandidates,
            "{said}"
        );
        let said = failure(on_loopback(&transport).require(Interface::named("nope0"))).await;
        assert!(said.to_string().contains("nope0"), "{said}");
    });
}

#[test]
fn of_two_listeners_on_one_port_the_second_fails_and_the_first_does_not_notice() {
    run(async {
        let transport = Transport::start();
        let first = on_loopback(&transport).listen().unwrap();
        let here = address(&first).await;
        let said = failure(Preconnection::new(&transport).local(here)).await;
        assert!(matches!(said, ListenFailure::Bind { .. }), "{said}");
        // Nor does another transport get it.
        let said = failure(Preconnection::new(&Transport::start()).local(here)).await;
        assert!(matches!(said, ListenFailure::Bind { .. }), "{said}");
        let _peer = TcpStream::connect(here).await.unwrap();
        assert!(within(first.accept()).await.is_some());
    });
}

#[test]
fn without_an_address_a_listener_takes_both_families_on_one_port() {
    if !has(V6) {
        return;
    }
    run(async {
        let transport = Transport::start();
        let listener = Preconnection::new(&transport).local("*:0").listen().unwrap();
        let addresses = within(listener.listening()).await.unwrap();
        assert_eq!(addresses.len(), 2, "{addresses:?}");
        assert_eq!(addresses[0].port(), addresses[1].port());
        for family in [V4, V6] {
            let _peer = TcpStream::connect((family, addresses[0].port())).await.unwrap();
            let connection = within(listener.accept()).await.unwrap();
            assert_eq!(connection.remote_addr().unwrap().ip(), family);
            assert_eq!(connection.local_addr().unwrap().ip(), family);
        }
    });
}

#[test]
fn what_cannot_be_listened_for_is_an_error() {
    run(async {
        let transport = Transport::start();
        let said = failure(on_loopback(&transport).require(PreserveMsgBoundaries)).await;
        let ListenFailure::NoCandidates { properties, .. } = &said else { panic!("{said}") };
        assert!(properties.contains(&PreserveMsgBoundaries), "{said}");
        let said = failure(Preconnection::new(&transport)).await;
        assert_eq!(said.status(), Status::InvalidConfiguration, "{said}");
        let by_name = on_loopback(&transport).remote("localhost:80").listen();
        assert!(matches!(by_name, Err(Error::Listen(ListenFailure::InvalidConfiguration(_)))), "{by_name:?}");
        let absurd = on_loopback(&transport).prohibit(Reliability).require(PerMsgReliability).listen();
        assert!(matches!(absurd, Err(Error::Property(_))), "{absurd:?}");
    });
}

// ---------- Whom

#[test]
fn accepted_connections_inherit_subscriptions_and_their_events_come_in_order() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport).subscribe::<Event, _>(&probe).listen().unwrap();
        let here = address(&listener).await;
        let mut peer = TcpStream::connect(here).await.unwrap();
        peer.write_all(b"hello").await.unwrap();
        let Event::ConnectionReceived(received) = events.next().await else { panic!() };
        assert_eq!(received.listener.id(), listener.id());
        let connection = received.connection;
        assert_eq!(connection.state(), State::Established);
        assert_eq!(connection.local_addr(), Some(here));
        assert_eq!(connection.remote_addr(), Some(peer.local_addr().unwrap()));
        assert!(connection.race().is_none());
        connection.receive();
        let Event::Received(hello) = events.next().await else { panic!() };
        assert_eq!((hello.connection.id(), hello.to_string()), (connection.id(), "hello".to_owned()));
        drop(hello);
        connection.close();
        events.expect(EventKind::Closed).await;
        listener.stop();
        events.expect(EventKind::Stopped).await;
        events.silence().await;
    });
}

#[test]
fn every_subscriber_is_told_of_a_connection() {
    run(async {
        let transport = Transport::start();
        let ((one, mut first), (other, mut second)) = (probe(), probe());
        let listener = on_loopback(&transport)
            .subscribe::<Event, _>(&one)
            .subscribe::<Event, _>(&other)
            .listen()
            .unwrap();
        let _peer = TcpStream::connect(address(&listener).await).await.unwrap();
        let Event::ConnectionReceived(here) = first.next().await else { panic!() };
        let Event::ConnectionReceived(there) = second.next().await else { panic!() };
        assert_eq!(here.connection, there.connection);
        // Either keeps it open.
        let connection = there.connection.clone();
        drop((here, there));
        first.silence().await;
        drop(connection);
        first.expect(EventKind::Closed).await;
        second.expect(EventKind::Closed).await;
    });
}

#[test]
fn a_connection_nobody_keeps_is_closed() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport).subscribe::<Event, _>(&probe).listen().unwrap();
        let mut peer = TcpStream::connect(address(&listener).await).await.unwrap();
        drop(events.expect(EventKind::ConnectionReceived).await);
        assert_eq!(read_all(&mut peer).await, b"");
        events.expect(EventKind::Closed).await;
    });
}

#[test]
fn a_listener_accepts_nobody_whom_nobody_wants() {
    run(async {
        let transport = Transport::start();
        let listener = on_loopback(&transport).listen().unwrap();
        let mut peer = TcpStream::connect(address(&listener).await).await.unwrap();
        tokio::time::sleep(SILENCE).await;
        assert_eq!(transport.census().await.unwrap().flows, 0);
        let (probe, mut events) = probe();
        listener.subscribe::<Event, _>(&probe);
        let Event::ConnectionReceived(late) = events.next().await else { panic!() };
        within(late.connection.send("there you are")).await.unwrap();
        peer.read_exact(&mut [0; 13]).await.unwrap();
    });
}

#[test]
fn the_filter_decides_who_is_accepted() {
    run(async {
        let transport = Transport::start();
        let (refused, welcome) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
        refused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = refused.local_addr().unwrap().port();
        let listener = on_loopback(&transport)
            .accept_filter(move |incoming| incoming.path.remote.port() != port)
            .accept_filter(|incoming| incoming.protocol.as_str() == "tcp")
            .listen()
            .unwrap();
        listener.new_connection_limit(Some(1));
        let here = address(&listener).await;
        let accepted = listener.accept();
        let mut refused = refused.connect(here).await.unwrap();
        let welcome = welcome.connect(here).await.unwrap();
        // Who was refused does not count.
        let connection = within(accepted).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(welcome.local_addr().unwrap()));
        assert!(is_gone(&mut refused).await);
        assert_eq!(transport.census().await.unwrap().flows, 1);
    });
}

#[test]
fn remote_endpoints_of_a_listener_say_from_where_connections_are_taken() {
    run(async {
        let transport = Transport::start();
        let listener =
            Preconnection::new(&transport).local("127.0.0.1:0").remote("127.0.0.2").listen().unwrap();
        let here = address(&listener).await;
        let accepted = listener.accept();
        let mut stranger = TcpStream::connect(here).await.unwrap();
        let friend = TcpSocket::new_v4().unwrap();
        friend.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let friend = friend.connect(here).await.unwrap();
        let connection = within(accepted).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(friend.local_addr().unwrap()));
        assert!(is_gone(&mut stranger).await);
    });
}

#[test]
fn a_filter_that_panics_refuses_one_connection_and_no_other() {
    let _quiet = quiet_panics("the filter, as planned");
    run(async {
        let transport = Transport::start();
        let looks = Arc::new(AtomicUsize::new(0));
        let looked = looks.clone();
        let listener = on_loopback(&transport)
            .accept_filter(move |_| {
                assert!(looked.fetch_add(1, Ordering::Relaxed) >= 2, "the filter, as planned");
                true
            })
            .listen()
            .unwrap();
        let here = address(&listener).await;
        let accepted = listener.accept();
        let mut unlucky = TcpStream::connect(here).await.unwrap();
        let lucky = TcpStream::connect(here).await.unwrap();
        let connection = within(accepted).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(lucky.local_addr().unwrap()));
        assert!(is_gone(&mut unlucky).await);
        assert_eq!(looks.load(Ordering::Relaxed), 3);
        assert_eq!(listener.addresses(), [here]);
    });
}

#[test]
fn a_filter_that_always_panics_ends_the_listener_and_nothing_else() {
    let _quiet = quiet_panics("the filter, as planned");
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport)
            .subscribe::<Event, _>(&probe)
            .accept_filter(|_| panic!("the filter, as planned"))
            .listen()
            .unwrap();
        let here = address(&listener).await;
        let other = on_loopback(&transport).listen().unwrap();
        let _peers = [
            TcpStream::connect(here).await.unwrap(),
            TcpStream::connect(here).await.unwrap(),
            TcpStream::connect(here).await.unwrap(),
            TcpStream::connect(here).await.unwrap(),
        ];
        let Event::ListenError(error) = events.end().await else { panic!("it has ended well") };
        assert!(matches!(error.reason, ListenFailure::Stopped(_)), "{}", error.reason);
        assert!(TcpStream::connect(here).await.is_err());
        let _peer = TcpStream::connect(address(&other).await).await.unwrap();
        assert!(within(other.accept()).await.is_some());
    });
}

#[test]
fn the_limit_says_how_many_more_connections_are_taken() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport).subscribe::<Event, _>(&probe).listen().unwrap();
        listener.new_connection_limit(Some(2));
        let here = address(&listener).await;
        let mut peers = Vec::new();
        for _ in 0..4 {
            peers.push(TcpStream::connect(here).await.unwrap());
        }
        let mut kept = vec![
            events.expect(EventKind::ConnectionReceived).await,
            events.expect(EventKind::ConnectionReceived).await,
        ];
        events.silence().await;
        listener.new_connection_limit(Some(1));
        kept.push(events.expect(EventKind::ConnectionReceived).await);
        events.silence().await;
        listener.new_connection_limit(None);
        kept.push(events.expect(EventKind::ConnectionReceived).await);
        listener.new_connection_limit(Some(0));
        peers.push(TcpStream::connect(here).await.unwrap());
        events.silence().await;
        assert_eq!(transport.census().await.unwrap().flows, kept.len());
    });
}

// ---------- The end

#[test]
fn a_listener_that_is_stopped_says_so_and_its_connections_live_on() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport).subscribe::<Stopped, _>(&Stops::new(&probe)).listen().unwrap();
        let here = address(&listener).await;
        let mut peer = TcpStream::connect(here).await.unwrap();
        let connection = within(listener.accept()).await.unwrap();
        let waiting = actix::spawn(listener.accept());
        tokio::task::yield_now().await;
        listener.stop();
        listener.stop();
        events.expect(EventKind::Stopped).await;
        assert!(within(waiting).await.unwrap().is_none());
        assert!(within(listener.accept()).await.is_none());
        assert!(matches!(within(listener.listening()).await, Err(ListenFailure::Stopped(_))));
        assert!(TcpStream::connect(here).await.is_err());
        within(connection.send("alive")).await.unwrap();
        peer.read_exact(&mut [0; 5]).await.unwrap();
        // Who comes late hears the end, and nothing else.
        let (late, mut heard) = common::probe();
        listener.subscribe::<Event, _>(&late);
        heard.expect(EventKind::Stopped).await;
        heard.silence().await;
        events.silence().await;
        eventually("the listener's actor has ended", async || {
            transport.census().await.unwrap().listeners == 0
        })
        .await;
    });
}

/// Passes on Stopped alone.
struct Stops(Addr<Probe>);

impl Stops {
    fn new(probe: &Addr<Probe>) -> Addr<Self> {
        Self(probe.clone()).start()
    }
}

impl Actor for Stops {
    type Context = Context<Self>;
}

impl Handler<Stopped> for Stops {
    type Result = ();

    fn handle(&mut self, event: Stopped, _: &mut Self::Context) {
        self.0.try_send(event.into()).unwrap();
    }
}

#[test]
fn dropping_the_last_handle_stops_a_listener() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = on_loopback(&transport).subscribe::<Event, _>(&probe).listen().unwrap();
        let here = address(&listener).await;
        let other = listener.clone();
        drop(listener);
        events.silence().await;
        let _peer = TcpStream::connect(here).await.unwrap();
        let Event::ConnectionReceived(received) = events.next().await else { panic!() };
        // A reference in an event does not keep it, unless it is asked to.
        let kept = received.listener.keep();
        drop(other);
        events.silence().await;
        drop(kept);
        events.expect(EventKind::Stopped).await;
        assert!(TcpStream::connect(here).await.is_err());
    });
}

#[test]
fn a_listener_that_is_dropped_before_it_listens_ends_all_the_same() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        drop(on_loopback(&transport).subscribe::<Event, _>(&probe).listen().unwrap());
        events.expect(EventKind::Stopped).await;
        events.silence().await;
        eventually("the listener's actor has ended", async || {
            transport.census().await.unwrap().listeners == 0
        })
        .await;
    });
}

#[test]
fn an_accept_that_is_dropped_at_any_point_loses_no_connection() {
    run(async {
        const PEERS: usize = 100;
        let transport = Transport::start();
        let listener = on_loopback(&transport).listen().unwrap();
        let here = address(&listener).await;
        let connecting = actix::spawn(async move {
            let mut peers = Vec::new();
            for n in 0..PEERS {
                peers.push(TcpStream::connect(here).await.unwrap());
                if n % 7 == 0 {
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
            }
            peers
        });
        let (mut accepted, mut dropped) = (Vec::new(), 0_u64);
        while accepted.len() < PEERS {
            let patience = Duration::from_micros(dropped % 13 * 40);
            match timeout(patience, listener.accept()).await {
                Ok(connection) => accepted.push(connection.unwrap()),
                Err(_) => dropped += 1,
            }
        }
        assert!(dropped > 0, "it was never tried");
        let peers = connecting.await.unwrap();
        let theirs = peers.iter().map(|peer| peer.local_addr().unwrap()).collect::<HashSet<_>>();
        let ours =
            accepted.iter().map(|connection| connection.remote_addr().unwrap()).collect::<HashSet<_>>();
        assert_eq!(ours, theirs);
    });
}

#[test]
fn neatflow_talks_to_neatflow_in_both_families() {
    run(async {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            if local.starts_with('[') && !has(V6) {
                continue;
            }
            let transport = Transport::start();
            let listener = Preconnection::new(&transport).local(local).listen().unwrap();
            let here = address(&listener).await;
            let one = connect(&transport, here);
            let other = within(listener.accept()).await.unwrap();
            within(one.send("question")).await.unwrap();
            assert_eq!(receive_bytes(&other, 8).await, b"question");
            within(other.send("answer")).await.unwrap();
            assert_eq!(receive_bytes(&one, 6).await, b"answer");
            one.close();
            assert_eq!(within(other.received()).await, Err(ReceiveFailure::Finished));
            other.close();
            within(one.closed()).await.unwrap();
            within(other.closed()).await.unwrap();
        }
    });
}
