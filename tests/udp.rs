//! Datagrams through the front door: what an application that gave up reliability sees.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use futures::StreamExt;
use neatflow::events::{EventKind, SoftError};
use neatflow::prelude::*;
use neatflow::stacks::udp::{Limits, Udp};
use neatflow::{Failure, ListenFailure, Message, ReceiveFailure, SendFailure, State, Status};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::net::UdpSocket as AsyncUdpSocket;
use tokio::time::{sleep, timeout};

fn datagrams(transport: &Transport) -> Preconnection {
    Preconnection::new(transport).properties(TransportProperties::unreliable_datagram())
}

/// A peer that nobody here wrote, and where it is.
async fn peer() -> (AsyncUdpSocket, SocketAddr) {
    let peer = AsyncUdpSocket::bind((V4, 0)).await.unwrap();
    let address = peer.local_addr().unwrap();
    (peer, address)
}

async fn hears(peer: &AsyncUdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (len, from) = within(peer.recv_from(&mut buffer)).await.unwrap();
    buffer.truncate(len);
    (buffer, from)
}

/// A port where nobody listens any more.
fn deserted() -> SocketAddr {
    UdpSocket::bind((V4, 0)).unwrap().local_addr().unwrap()
}

fn soft_error(event: Event) -> SoftError {
    let Event::SoftError(error) = event else { panic!("no soft error: {event:?}") };
    error
}

#[test]
fn messages_go_to_and_fro_whole_and_closing_is_done_at_once() {
    run(async {
        let (peer, address) = peer().await;
        let transport = Transport::start();
        let connection = datagrams(&transport).remote(address).initiate().unwrap();
        let texts = ["one", "", "three"];
        for text in texts {
            connection.send(text).await.unwrap();
        }
        for text in texts {
            let (heard, from) = hears(&peer).await;
            assert_eq!(heard, text.as_bytes());
            peer.send_to(&heard, from).await.unwrap();
        }
        for text in texts {
            assert_eq!(within(connection.received()).await.unwrap().data, text);
        }
        assert_eq!(connection.stack().as_str(), "udp");
        let report = within(connection.report()).await;
        assert_eq!(report.max_send, Some(65_507));

        // Nobody has to answer.
        let last = connection.send("last words");
        connection.close();
        last.await.unwrap();
        within(connection.closed()).await.unwrap();
        assert_eq!(hears(&peer).await.0, b"last words");
        drop(connection);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn a_final_message_ends_sending_and_leaves_receiving() {
    run(async {
        let (peer, address) = peer().await;
        let transport = Transport::start();
        let connection = datagrams(&transport).remote(address).initiate().unwrap();
        connection.send(Message::new("no more").last()).await.unwrap();
        assert_eq!(connection.send("more").await, Err(SendFailure::AfterFinal));
        let (_, from) = hears(&peer).await;
        peer.send_to(b"heard", from).await.unwrap();
        assert_eq!(within(connection.received()).await.unwrap().data, "heard");
        assert_eq!(connection.state(), State::Established);
        connection.close();
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn a_message_too_large_comes_back_and_costs_no_other_message() {
    run(async {
        let (peer, address) = peer().await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            datagrams(&transport).remote(address).subscribe::<Event, _>(&probe).initiate().unwrap();
        let too_large = SendFailure::TooLarge { limit: 65_507 };
        let (before, large, after) =
            (connection.send("before"), connection.send(vec![7; 65_508]), connection.send("after"));
        let ids = [before.id(), large.id(), after.id()].map(Option::unwrap);
        // Asked late, the future still knows.
        after.await.unwrap();
        assert_eq!(large.await, Err(too_large.clone()));
        before.await.unwrap();
        assert_eq!(hears(&peer).await.0, b"before");
        assert_eq!(hears(&peer).await.0, b"after");

        events.expect(EventKind::Ready).await;
        let Event::Sent(sent) = events.expect(EventKind::Sent).await else { panic!("checked above") };
        let event = events.expect(EventKind::SendError).await;
        let Event::SendError(error) = &event else { panic!("checked above") };
        assert_eq!((sent.id, error.id), (ids[0], ids[1]));
        assert_eq!((&error.reason, event.status()), (&too_large, Status::MessageTooLarge));
        assert!(error.message.data.len() == 65_508, "the message is given back");
        let Event::Sent(sent) = events.until(EventKind::Sent).await else { panic!("checked above") };
        assert_eq!(sent.id, ids[2]);
        events.expect(EventKind::AllWritten).await;
        connection.close();
        events.expect(EventKind::Closed).await;
    });
}

#[test]
fn a_deserted_port_is_ready_and_then_a_soft_error() {
    run(async {
        let deserted = deserted();
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            datagrams(&transport).remote(deserted).subscribe::<Event, _>(&probe).initiate().unwrap();
        events.expect(EventKind::Ready).await;
        events.silence().await;
        connection.send("anybody there?").await.unwrap();
        let event = events.until(EventKind::SoftError).await;
        assert_eq!(event.status(), Status::ProtocolFailed);
        assert_eq!(soft_error(event).reason, Failure::Refused);
        assert_eq!(connection.state(), State::Established);

        // Somebody comes.
        let peer = AsyncUdpSocket::bind(deserted).await.unwrap();
        connection.send("and now?").await.unwrap();
        let (_, from) = hears(&peer).await;
        peer.send_to(b"yes", from).await.unwrap();
        assert_eq!(within(connection.received()).await.unwrap().data, "yes");
        connection.abort();
        let end = events.end().await;
        assert_eq!(end.kind(), EventKind::ConnectionError, "only abort ends it badly");
    });
}

#[test]
fn soft_errors_are_not_told_to_those_who_avoid_them() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let preconnection = datagrams(&transport).remote(deserted()).avoid(SoftErrorNotify);
        let connection = preconnection.subscribe::<Event, _>(&probe).initiate().unwrap();
        for _ in 0..3 {
            connection.send("anybody there?").await.unwrap();
            events.until(EventKind::AllWritten).await;
            events.silence().await;
        }
    });
}

#[test]
fn who_does_not_take_soft_errors_misses_some_and_the_connection_goes_on() {
    run(async {
        let transport = Transport::start();
        let connection = datagrams(&transport).remote(deserted()).initiate().unwrap();
        let mut events = connection.events();
        for _ in 0..500 {
            connection.send("anybody there?").await.unwrap();
        }
        let mut held = Vec::new();
        let mut hold = async || {
            while let Ok(Some(event)) = timeout(SILENCE, events.next()).await {
                held.extend(matches!(event, Event::SoftError(_)).then_some(event));
            }
            held.len()
        };
        assert_eq!(hold().await, 16);
        drop(held);
        connection.send("anybody there?").await.unwrap();
        while within(events.next()).await.unwrap().kind() != EventKind::SoftError {}
    });
}

#[test]
fn a_listener_has_a_connection_for_each_source_and_each_ends_by_itself() {
    run(async {
        let mut limits = Limits::default();
        limits.idle = Duration::from_millis(200);
        let transport = Transport::builder().stack(Udp::new().limits(limits)).start();
        let listener = datagrams(&transport).local("127.0.0.1:0").listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let mut accepted = Vec::new();
        let mut peers = Vec::new();
        for n in 0..5u8 {
            let (peer, address) = peer().await;
            peer.send_to(&[n], here).await.unwrap();
            let connection = within(listener.accept()).await.unwrap();
            assert_eq!(connection.path().unwrap().remote, address);
            assert_eq!(within(connection.received()).await.unwrap().data[..], [n]);
            connection.send(vec![n]).await.unwrap();
            assert_eq!(hears(&peer).await, (vec![n], here));
            accepted.push(connection);
            peers.push(peer);
        }
        accepted.remove(0).close();
        for connection in &accepted {
            let end = within(connection.received()).await;
            assert_eq!(end, Err(ReceiveFailure::Finished), "it was silent for too long");
        }
        // Whoever comes again is a new connection.
        peers[0].send_to(b"again", here).await.unwrap();
        let again = within(listener.accept()).await.unwrap();
        assert_eq!(within(again.received()).await.unwrap().data, "again");
        listener.stop();
        within(again.received()).await.unwrap_err();
        again.send("still here").await.unwrap();
        assert_eq!(hears(&peers[0]).await.0, b"still here");
        drop((again, accepted, listener));
        nobody_is_left(&transport).await;
    });
}

#[test]
fn a_listener_whose_tcp_port_is_free_and_whose_udp_port_is_taken_is_one_listen_error_and_keeps_neither() {
    run(async {
        // Somebody's connection may have a port of this number over TCP, which a listener could not take either.
        let (_taken, here) = std::iter::repeat_with(|| UdpSocket::bind((V4, 0)).unwrap())
            .map(|taken| {
                let here = taken.local_addr().unwrap();
                (taken, here)
            })
            .find(|(_, here)| std::net::TcpListener::bind(here).is_ok())
            .unwrap();
        let transport = Transport::start();
        let both = Preconnection::new(&transport).local(here).properties(both_ways());
        let listener = both.listen().unwrap();
        let failure = within(listener.listening()).await.unwrap_err();
        let ListenFailure::Bind { address, reason } = &failure else { panic!("{failure}") };
        assert_eq!(*address, here);
        assert!(matches!(reason, Failure::LocalAddress(_)), "{reason}");
        // TCP was bound first, and is free again.
        eventually("the port is free", async || std::net::TcpListener::bind(here).is_ok()).await;

        // Without a port of its own it finds one that is free for both.
        let both = Preconnection::new(&transport).local("127.0.0.1:0").properties(both_ways());
        let listener = both.listen().unwrap();
        within(listener.listening()).await.unwrap();
        let sockets = listener.sockets();
        assert_eq!(sockets.len(), 2, "{sockets:?}");
        assert_eq!(sockets[0].1, sockets[1].1);
    });
}

/// What both TCP and UDP can give.
fn both_ways() -> TransportProperties {
    let mut properties = TransportProperties::new()
        .no_preference(Reliability)
        .no_preference(PreserveOrder)
        .no_preference(CongestionControl);
    properties.add("safelyReplayable", true).unwrap();
    properties
}

/// From this many sources, none of which exists for longer than its datagram.
fn flood(sources: u32, to: SocketAddr) {
    for source in 0..sources {
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + source);
        let socket = UdpSocket::bind((from, 0)).unwrap();
        // What finds no room is lost, like anything over UDP.
        let _ = socket.send_to(b"flood", to);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_from_a_hundred_thousand_sources_costs_bounded_memory_and_harms_nobody() {
    run(async {
        let transport = Transport::start();
        let listener = datagrams(&transport).local("127.0.0.1:0").listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let (peer, _) = peer().await;
        peer.send_to(b"first", here).await.unwrap();
        let friend = within(listener.accept()).await.unwrap();
        assert_eq!(within(friend.received()).await.unwrap().data, "first");
        // Everything that is accepted is kept: nobody makes room for more.
        let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let keeps = kept.clone();
        let accepting = listener.clone();
        actix::spawn(async move {
            while let Some(connection) = accepting.accept().await {
                keeps.borrow_mut().push(connection);
            }
        });

        let before = resident().unwrap();
        let flooding = std::thread::spawn(move || flood(100_000, here));
        let mut rounds = 0_u32;
        while !flooding.is_finished() || rounds == 0 {
            // In the middle of it the one who was there is served.
            friend.send(rounds.to_string()).await.unwrap();
            assert_eq!(hears(&peer).await.0, rounds.to_string().as_bytes());
            rounds += 1;
            sleep(Duration::from_millis(1)).await;
        }
        flooding.join().unwrap();
        // The flood may still fill the socket: whoever uses datagrams says it again.
        let last = async {
            loop {
                peer.send_to(b"last", here).await.unwrap();
                if let Ok(last) = timeout(Duration::from_millis(100), friend.received()).await {
                    return last.unwrap().data;
                }
            }
        };
        assert_eq!(within(last).await, "last");
        assert!(kept.borrow().len() < 4_096, "{} flows", kept.borrow().len());
        let grown = resident().unwrap().saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes for the flood");
    });
}

#[test]
fn nobody_who_says_nothing_gets_datagrams() {
    run(async {
        let (_peer, address) = peer().await;
        let transport = Transport::start();
        let connection = connect(&transport, address);
        let failure = within(connection.ready()).await.unwrap_err();
        let tried: Vec<_> = failure
            .attempts()
            .iter()
            .map(|attempt| attempt.candidate.transport.as_str().to_owned())
            .collect();
        assert_eq!(tried, ["tcp"]);
    });
}
