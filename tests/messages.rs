//! Messages over TCP, to a peer that reads slowly or not at all: lifetimes, parts, the end. And what other transport
//! services were measured to get wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::events::{Event, EventKind};
use neatflow::framing::tlv::Type;
use neatflow::framing::{LengthPrefix, Tlv};
use neatflow::prelude::*;
use neatflow::properties::{Lifetime, MessageProperties};
use neatflow::{ConnectionFailure, Message, MessageContext, SendFailure};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// A connection with its events, and its peer, who reads nothing by itself.
async fn to_a_peer(transport: &Transport) -> (Connection, Events, TcpStream) {
    let listener = tokio::net::TcpListener::bind((V4, 0)).await.unwrap();
    let (probe, events) = probe();
    let there = Preconnection::new(transport).remote(listener.local_addr().unwrap());
    let connection = there.subscribe::<Event, _>(&probe).initiate().unwrap();
    let (peer, _) = within(listener.accept()).await.unwrap();
    within(connection.ready()).await.unwrap();
    (connection, events, peer)
}

/// Sends until the system takes no more, and something waits; how much that was.
async fn stop_up(connection: &Connection) -> usize {
    let mut sent = 0;
    loop {
        // What waits for longer than this waits for the peer.
        let sending = connection.send(pattern(sent, 65_536));
        sent += 65_536;
        if tokio::time::timeout(Duration::from_millis(500), sending.into_future()).await.is_err() {
            return sent;
        }
        assert!(sent < 64 << 20, "the system takes everything");
    }
}

fn living(text: &'static str, lifetime: Duration) -> Message {
    let mut said = MessageProperties::new();
    said.msg_lifetime = Some(Lifetime::Limited(lifetime));
    Message::new(text).with_properties(&said)
}

// ---------- Behind a slow peer

#[test]
fn a_message_expires_while_it_is_queued_behind_a_peer_that_does_not_read() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = to_a_peer(&transport).await;
        let before = stop_up(&connection).await;
        let short = connection.send(living("too late", Duration::from_millis(20))).id();
        let _ = connection.send(living("in time", Duration::from_secs(600)).last());
        let Event::Expired(expired) = events.until(EventKind::Expired).await else { panic!() };
        assert_eq!((Some(expired.id), expired.message.data.as_ref()), (short, &b"too late"[..]));
        let all = read_all(&mut peer).await;
        assert!(all[..before] == pattern(0, before) && &all[before..] == b"in time");
    });
}

#[test]
fn a_message_in_parts_of_which_one_has_left_does_not_expire() {
    run(async {
        let transport = Transport::start();
        let (connection, _events, mut peer) = to_a_peer(&transport).await;
        let mut message = connection.send_partial(living("", Duration::from_millis(50)).context);
        within(message.send("the beginning, ")).await.unwrap();
        sleep(Duration::from_millis(150)).await;
        let last = message.last("and the end");
        within(last).await.unwrap();
        let mut came = [0; 26];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert_eq!(&came, b"the beginning, and the end");
    });
}

#[test]
fn an_abort_amid_a_message_gives_back_the_parts_that_have_not_left() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, _peer) = to_a_peer(&transport).await;
        let mut message = connection.send_partial(MessageContext::default());
        within(message.send("gone")).await.unwrap();
        stop_up(&connection).await;
        connection.abort();
        assert_eq!(message.send("too late").refused(), Some(&SendFailure::Closed));
        let told = events.until_terminal().await;
        let aborted = SendFailure::Connection(ConnectionFailure::AbortedLocally);
        assert!(told.iter().any(|event| matches!(event, Event::SendError(it) if it.reason == aborted)));
    });
}

#[test]
fn a_part_that_finds_no_room_ends_the_connection_rather_than_leave_a_hole() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = to_a_peer(&transport).await;
        let mut message = connection.send_partial(MessageContext::default());
        let mut refused = None;
        for n in 0..2_000 {
            refused = message.send(pattern(n, 65_536)).refused().cloned();
            if refused.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(refused, Some(SendFailure::QueueFull));
        let Event::ConnectionError(end) = events.end().await else { panic!() };
        assert_eq!(end.reason, ConnectionFailure::Incomplete);
        // What has come of it does not end as a whole stream does.
        let mut all = Vec::new();
        assert!(within(peer.read_to_end(&mut all)).await.is_err(), "a reset, not an end");
    });
}

#[test]
fn a_message_of_any_length_is_sent_in_parts_with_the_memory_of_a_few() {
    const PARTS: usize = 512;
    run(async {
        let transport = Transport::start();
        let (connection, _events, mut peer) = to_a_peer(&transport).await;
        let reader = actix::spawn(async move { read_all(&mut peer).await });
        let mut message = connection.send_partial(Message::new("").last().context);
        for n in 0..PARTS {
            // Its fate is that the transport has it.
            within(message.send(pattern(n * 65_536, 65_536))).await.unwrap();
        }
        within(message.last("")).await.unwrap();
        let all = within(reader).await.unwrap();
        assert!(all == pattern(0, PARTS * 65_536));
        assert_eq!(within(connection.send("after it")).await, Err(SendFailure::AfterFinal));
    });
}

#[test]
fn a_framer_gives_the_parts_of_a_message_one_header_and_its_metadata() {
    run(async {
        let transport = Transport::start();
        let here = Preconnection::new(&transport).framer(Tlv::new());
        let listener = here.clone().local(SocketAddr::new(V4, 0)).listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let connection = here.remote(address).initiate().unwrap();
        let mut message = connection.send_partial(Message::new("").with(Type(7)).context);
        message.send("one ");
        message.send("message ");
        let last = message.last("in three parts");
        let peer = within(listener.accept()).await.unwrap();
        let came = within(peer.received()).await.unwrap();
        assert_eq!(came.data, "one message in three parts");
        assert_eq!(came.context.get(), Some(&Type(7)));
        within(last).await.unwrap();
    });
}

#[test]
fn a_message_in_parts_that_is_too_long_for_its_framer_comes_back_whole() {
    run(async {
        let transport = Transport::start();
        let address = echo(V4).await;
        let (probe, mut events) = probe();
        let there = Preconnection::new(&transport).remote(address).framer(LengthPrefix::new().limit(10));
        let connection = there.subscribe::<Event, _>(&probe).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        let mut message = connection.send_partial(MessageContext::default());
        message.send("it fits");
        message.send(", and now it does not");
        let last = message.last(".");
        for part in ["it fits", ", and now it does not", "."] {
            let Event::SendError(error) = events.until(EventKind::SendError).await else { panic!() };
            assert_eq!(error.message.data, part);
            assert!(matches!(error.reason, SendFailure::Framing(_)), "{}", error.reason);
        }
        assert!(within(last).await.is_err());
        // The framer has forgotten it.
        within(connection.send("it fits")).await.unwrap();
        assert_eq!(within(connection.received()).await.unwrap().data, "it fits");
    });
}

// ---------- What others get wrong

#[test]
fn fifty_messages_that_are_queued_when_it_is_closed_arrive() {
    run(async {
        let transport = Transport::start();
        let (connection, _events, mut peer) = to_a_peer(&transport).await;
        for n in 0..50 {
            let _ = connection.send(pattern(n * 1_000, 1_000));
        }
        connection.close();
        sleep(Duration::from_millis(50)).await;
        assert!(read_all(&mut peer).await == pattern(0, 50_000));
        drop(peer);
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn ten_megabytes_that_are_queued_when_it_is_closed_arrive_before_a_clean_end() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = to_a_peer(&transport).await;
        let _ = connection.send(pattern(0, 10_000_000));
        connection.close();
        let mut all = Vec::new();
        let mut piece = vec![0; 256 * 1024];
        loop {
            let read = within(peer.read(&mut piece)).await.unwrap();
            if read == 0 {
                break;
            }
            all.extend_from_slice(&piece[..read]);
            sleep(Duration::from_millis(1)).await;
        }
        assert!(all == pattern(0, 10_000_000), "{} bytes came", all.len());
        drop(peer);
        let told = events.until_terminal().await;
        let fates = [EventKind::Sent, EventKind::SendError]
            .map(|kind| told.iter().filter(|event| event.kind() == kind).count());
        assert_eq!((fates, told.last().map(Event::kind)), ([1, 0], Some(EventKind::Closed)));
    });
}

#[test]
fn of_three_priorities_the_lowest_number_is_on_the_wire_first() {
    run(async {
        let transport = Transport::start();
        let (connection, _events, mut peer) = to_a_peer(&transport).await;
        let before = stop_up(&connection).await;
        for (text, priority) in [("100 ", 100), ("1 ", 1), ("200", 200)] {
            let mut said = MessageProperties::new();
            said.msg_priority = Some(priority);
            let _ = connection.send(Message::new(text).with_properties(&said));
        }
        connection.close();
        let all = read_all(&mut peer).await;
        // The one that was begun is finished first.
        assert_eq!(String::from_utf8_lossy(&all[before..]), "1 100 200");
    });
}

#[test]
fn a_final_message_closes_its_direction_alone() {
    run(async {
        let transport = Transport::start();
        let (connection, mut events, mut peer) = to_a_peer(&transport).await;
        let _ = connection.send(Message::new("no more from me").last());
        assert_eq!(read_all(&mut peer).await, b"no more from me");
        connection.receive();
        peer.write_all(b"but from me").await.unwrap();
        let Event::Received(received) = events.until(EventKind::Received).await else { panic!() };
        assert_eq!(received.messages[0].data, "but from me");
        assert!(!connection.can_send() && connection.can_receive());
        assert_eq!(connection.state(), neatflow::State::Established);
        drop(peer);
        connection.receive();
        assert_eq!(events.end().await.kind(), EventKind::Closed);
    });
}

#[test]
fn what_was_told_to_a_framer_can_be_read_again() {
    let mut context = MessageContext::default();
    assert_eq!(context.get::<Type>(), None);
    context.add(Type(5));
    assert_eq!(context.get(), Some(&Type(5)));
    context.add(Type(6));
    assert_eq!(context.clone().get(), Some(&Type(6)), "in place of the earlier one");
}
