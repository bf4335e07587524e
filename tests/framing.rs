//! Message framers and messages in parts, through the front door: RFC 9622 §9.1.2 and §9.3.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use bytes::Bytes;
use common::*;
use neatflow::events::{Event, EventKind};
use neatflow::framing::tlv::Type;
use neatflow::framing::{Framer, FramingFailure, LengthPrefix, Lines, MessageFramer, Tlv, Width};
use neatflow::prelude::*;
use neatflow::properties::{Lifetime, TransportProperties as Wanted};
use neatflow::{
    ConnectionFailure, EstablishmentFailure, Failure, Message, MessageContext, ReceiveFailure, ReceiveLimits,
    SendFailure,
};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn stream() -> Wanted {
    Wanted::reliable_inorder_stream()
}

fn datagrams() -> Wanted {
    Wanted::unreliable_datagram()
}

/// Both ends of a connection between two preconnections.
async fn join(
    transport: &Transport,
    wanted: Wanted,
    framed: impl Fn(Preconnection) -> Preconnection,
) -> (Connection, Connection) {
    let here = Preconnection::new(transport).local(SocketAddr::new(V4, 0)).properties(wanted.clone());
    let listener = framed(here).listen().unwrap();
    let port = within(listener.listening()).await.unwrap()[0];
    let there = Preconnection::new(transport).remote(port).properties(wanted);
    let ours = framed(there).initiate().unwrap();
    let sent = ours.send("hello").into_future();
    // Who shakes hands is ready when it was accepted.
    let (ready, theirs) = within(futures::future::join(ours.ready(), listener.accept())).await;
    ready.unwrap();
    within(sent).await.unwrap();
    let theirs = theirs.unwrap();
    assert_eq!(within(theirs.received()).await.unwrap().data, "hello");
    (ours, theirs)
}

async fn raw_peer(
    transport: &Transport,
    framed: impl Fn(Preconnection) -> Preconnection,
) -> (Connection, tokio::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind((V4, 0)).await.unwrap();
    let there = Preconnection::new(transport).remote(listener.local_addr().unwrap());
    let connection = framed(there).initiate().unwrap();
    let (peer, _) = within(listener.accept()).await.unwrap();
    (connection, peer)
}

/// Collects a message that comes in parts.
async fn in_parts(events: &mut Events) -> (Vec<usize>, Vec<u8>) {
    let (mut lengths, mut all) = (Vec::new(), Vec::new());
    loop {
        let Event::ReceivedPartial(part) = events.until(EventKind::ReceivedPartial).await else { panic!() };
        lengths.push(part.message.len());
        all.extend_from_slice(&part.message.data);
        if part.end_of_message {
            return (lengths, all);
        }
    }
}

// ---------- What framers are for

#[test]
fn messages_keep_their_boundaries_over_tcp() {
    run(async {
        let transport = Transport::start();
        let (ours, theirs) = join(&transport, stream(), |p| p.framer(LengthPrefix::new())).await;
        let messages: Vec<Bytes> =
            [0, 1, 100, 70_000, 3, 200_000].iter().map(|n| pattern(*n, *n).into()).collect();
        for message in &messages {
            let _ = ours.send(message.clone());
        }
        for message in &messages {
            let came = within(theirs.received()).await.unwrap();
            assert_eq!(came.data, message);
            within(theirs.send(came)).await.unwrap();
        }
        for message in &messages {
            assert_eq!(within(ours.received()).await.unwrap().data, message);
        }
        ours.close();
        assert_eq!(within(theirs.received()).await, Err(ReceiveFailure::Finished));
        theirs.close();
        within(ours.closed()).await.unwrap();
        within(theirs.closed()).await.unwrap();
    });
}

#[test]
fn framers_work_over_datagrams_too_and_metadata_goes_with_the_message() {
    run(async {
        let transport = Transport::start();
        let (ours, theirs) = join(&transport, datagrams(), |p| p.framer(Tlv::new())).await;
        within(ours.send(Message::new("seven").with(Type(7)))).await.unwrap();
        let came = within(theirs.received()).await.unwrap();
        assert_eq!((came.data, came.context.metadata.get()), (Bytes::from("seven"), Some(&Type(7))));
    });
}

#[test]
fn the_framer_that_was_added_last_runs_first_on_the_way_out() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(Lines::new()).framer(LengthPrefix::new().width(Width::One)))
                .await;
        let _ = connection.send("hi");
        let mut came = [0; 4];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert_eq!(&came, b"\x02hi\n", "the length is inside of the line");
        peer.write_all(b"\x03you\n").await.unwrap();
        assert_eq!(within(connection.received()).await.unwrap().data, "you");
    });
}

#[test]
fn a_framer_fulfils_the_wish_for_message_boundaries() {
    run(async {
        let transport = Transport::start();
        let wanted = stream().require(PreserveMsgBoundaries);
        let address = echo(V4).await;
        let bare = Preconnection::new(&transport).remote(address).properties(wanted.clone());
        let refused = within(bare.initiate().unwrap().ready()).await.unwrap_err();
        assert!(matches!(*refused, EstablishmentFailure::NoCandidates { .. }), "{refused}");
        let framed = bare.framer(LengthPrefix::new()).initiate().unwrap();
        within(framed.ready()).await.unwrap();
        assert_eq!(framed.stack().as_str(), "tcp");
        within(framed.send("kept")).await.unwrap();
        assert_eq!(within(framed.received()).await.unwrap().data, "kept");
    });
}

#[test]
fn a_peer_that_somebody_else_wrote_understands_the_format() {
    const PEER: &str = r#"
import socket, struct, sys
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
c, _ = s.accept(); f = c.makefile("rwb")
while (h := f.read(4)):
    n, = struct.unpack("!I", h); d = f.read(n)[::-1]
    f.write(struct.pack("!I", n) + d); f.flush()
"#;
    let python =
        std::process::Command::new("python3").args(["-c", PEER]).stdout(std::process::Stdio::piped()).spawn();
    let Ok(mut python) = python else { return skip("there is no python3") };
    let mut port = String::new();
    let mut said = std::io::BufReader::new(python.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut port).unwrap();
    run(async {
        let transport = Transport::start();
        let there = Preconnection::new(&transport).remote((V4, port.trim().parse::<u16>().unwrap()));
        let connection = there.framer(LengthPrefix::new()).initiate().unwrap();
        for text in ["stressed", "", "drawer"] {
            let _ = connection.send(text);
        }
        for text in ["desserts", "", "reward"] {
            assert_eq!(within(connection.received()).await.unwrap().data, text);
        }
        connection.close();
        within(connection.closed()).await.unwrap();
    });
    assert!(python.wait().unwrap().success());
}

// ---------- The end

#[test]
fn what_is_queued_when_it_is_closed_is_framed_and_delivered() {
    run(async {
        let transport = Transport::start();
        let (ours, theirs) = join(&transport, stream(), |p| p.framer(LengthPrefix::new())).await;
        for n in 0..200 {
            let _ = ours.send(pattern(n, 2_000));
        }
        ours.close();
        for n in 0..200 {
            assert!(within(theirs.received()).await.unwrap().data == pattern(n, 2_000));
        }
        assert_eq!(within(theirs.received()).await, Err(ReceiveFailure::Finished));
        within(ours.closed()).await.unwrap();
    });
}

#[test]
fn an_abort_gives_back_what_was_given_framed_or_not() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, _peer) =
            raw_peer(&transport, |p| p.framer(LengthPrefix::new()).subscribe::<Event, _>(&probe)).await;
        within(connection.ready()).await.unwrap();
        // More than the system's buffers take.
        let mut given = 0;
        while connection.send(pattern(given, 100_000)).refused().is_none() {
            given += 1;
            tokio::task::yield_now().await;
            assert!(given < 1_000, "the system takes everything");
        }
        connection.abort();
        let told = events.until_terminal().await;
        let sent = told.iter().filter(|event| event.kind() == EventKind::Sent).count();
        let mut back = Vec::new();
        for event in &told {
            if let Event::SendError(error) = event {
                let n = error.id.0 as usize;
                assert!(error.message.data == pattern(n, 100_000), "as it was given");
                back.push(n);
            }
        }
        back.sort_unstable();
        // The one that was refused was told of, too.
        assert_eq!(back, (sent..=given).collect::<Vec<_>>());
    });
}

#[test]
fn the_peers_end_in_the_middle_of_a_message_fails_the_connection() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = raw_peer(&transport, |p| p.framer(LengthPrefix::new())).await;
        within(connection.ready()).await.unwrap();
        peer.write_all(b"\0\0\0\x09half").await.unwrap();
        drop(peer);
        let failure = ConnectionFailure::Framing(FramingFailure::Truncated);
        assert_eq!(within(connection.received()).await, Err(ReceiveFailure::Connection(failure)));
    });
}

// ---------- Bad input

#[test]
fn a_length_of_two_to_the_sixty_third_is_refused_before_a_byte_of_it_is_waited_for() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(LengthPrefix::new().width(Width::Eight))).await;
        within(connection.ready()).await.unwrap();
        peer.write_all(&(1_u64 << 63).to_be_bytes()).await.unwrap();
        let Err(ReceiveFailure::Connection(ConnectionFailure::Framing(reason))) =
            within(connection.received()).await
        else {
            panic!("it is too long");
        };
        assert!(matches!(reason, FramingFailure::TooLong { .. }), "{reason}");
        let end = within(peer.read(&mut [0; 1])).await;
        assert!(end.is_err(), "the peer sees a reset, not {end:?}");
    });
}

#[test]
fn a_datagram_that_makes_no_sense_costs_itself_alone() {
    run(async {
        let transport = Transport::start();
        let peer = tokio::net::UdpSocket::bind((V4, 0)).await.unwrap();
        let (probe, mut events) = probe();
        let connection = Preconnection::new(&transport)
            .remote(peer.local_addr().unwrap())
            .properties(datagrams())
            .framer(LengthPrefix::new())
            .subscribe::<Event, _>(&probe)
            .initiate()
            .unwrap();
        within(connection.send("where are you?")).await.unwrap();
        let mut came = [0; 64];
        let (length, from) = within(peer.recv_from(&mut came)).await.unwrap();
        assert_eq!(&came[..length], b"\0\0\0\x0ewhere are you?");
        connection.receive();
        peer.send_to(b"\0\0\0\x09short", from).await.unwrap();
        let Event::ReceiveError(error) = events.until(EventKind::ReceiveError).await else { panic!() };
        assert!(matches!(error.reason, ReceiveFailure::Framing(_)), "{}", error.reason);
        connection.receive();
        peer.send_to(b"\0\0\0\x04here\0\0\0\x05again", from).await.unwrap();
        for text in ["here", "again"] {
            let Event::Received(received) = events.until(EventKind::Received).await else { panic!() };
            assert_eq!(received.messages[0].data, text);
            connection.receive();
        }
    });
}

/// What a framer of a test does that it should not.
#[derive(Clone, Debug)]
enum Rogue {
    PanicsWhenItSends,
    PanicsWhenItReceives,
    DeliversNothing,
    DeliversBeforeItIsReady,
    FailsTheFirstTime(Arc<AtomicUsize>),
    NeverStops,
}

impl Framer for Rogue {
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        match self {
            Self::DeliversBeforeItIsReady => {
                framer.deliver(MessageContext::default(), Bytes::from("early"), true);
            }
            Self::FailsTheFirstTime(times) if times.fetch_add(1, Ordering::SeqCst) == 0 => {
                return Err(FramingFailure::other("not in the mood"));
            }
            _ => {}
        }
        framer.make_connection_ready();
        Ok(())
    }

    fn stop(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        if !matches!(self, Self::NeverStops) {
            framer.make_connection_closed();
        }
        Ok(())
    }

    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Result<(), FramingFailure> {
        assert!(!matches!(self, Self::PanicsWhenItSends), "I will not");
        framer.send_bytes(data);
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        assert!(!matches!(self, Self::PanicsWhenItReceives), "I will not");
        if !matches!(self, Self::DeliversNothing) {
            let length = framer.available() as u64;
            let context = framer.received_context();
            framer.deliver_and_advance_receive_cursor(context, length, true);
        }
        Ok(())
    }
}

#[test]
fn a_framer_that_panics_ends_its_connection_and_no_other() {
    run(async {
        let transport = Transport::start();
        let good = connect(&transport, echo(V4).await);
        let (probe, mut events) = probe();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(Rogue::PanicsWhenItReceives).subscribe::<Event, _>(&probe))
                .await;
        within(connection.ready()).await.unwrap();
        connection.receive();
        peer.write_all(b"boo").await.unwrap();
        let Event::ConnectionError(error) = events.end().await else { panic!() };
        let panicked = ConnectionFailure::Framing(FramingFailure::Panicked("I will not".into()));
        assert_eq!(error.reason, panicked);
        within(good.send("still here")).await.unwrap();
        assert_eq!(receive_bytes(&good, 10).await, b"still here");

        let (connection, _peer) = raw_peer(&transport, |p| p.framer(Rogue::PanicsWhenItSends)).await;
        within(connection.ready()).await.unwrap();
        let failed = within(connection.send("please")).await.unwrap_err();
        assert!(matches!(failed, SendFailure::Framing(FramingFailure::Panicked(_))), "{failed}");
        assert!(within(connection.closed()).await.is_err());
    });
}

#[test]
fn a_framer_that_delivers_nothing_is_given_no_more_than_its_limit() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = raw_peer(&transport, |p| p.framer(Rogue::DeliversNothing)).await;
        within(connection.ready()).await.unwrap();
        let flood = tokio::spawn(async move { while peer.write_all(&[7; 65_536]).await.is_ok() {} });
        let Err(ReceiveFailure::Connection(ConnectionFailure::Framing(reason))) =
            within(connection.received()).await
        else {
            panic!("there is no message");
        };
        assert!(matches!(reason, FramingFailure::Unparsed { .. }), "{reason}");
        within(flood).await.unwrap();
    });
}

#[test]
fn a_framer_that_delivers_while_it_starts_fails_the_attempt() {
    run(async {
        let transport = Transport::start();
        let there = Preconnection::new(&transport).remote(echo(V4).await);
        let connection = there.framer(Rogue::DeliversBeforeItIsReady).initiate().unwrap();
        let failure = within(connection.ready()).await.unwrap_err();
        let attempts = failure.attempts();
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].reason, Failure::Framing(FramingFailure::NotReady));
    });
}

#[test]
fn when_the_framers_of_an_attempt_fail_the_next_candidate_starts_with_fresh_ones() {
    run(async {
        let transport = Transport::start();
        let (first, second) = (echo(V4).await, echo(V4).await);
        let times = Arc::new(AtomicUsize::new(0));
        let there = Preconnection::new(&transport).remote(first).remote(second);
        let connection = there.framer(Rogue::FailsTheFirstTime(times.clone())).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.remote_addr(), Some(second));
        assert_eq!(times.load(Ordering::SeqCst), 2);
        let failures = &connection.race().unwrap().failures;
        assert_eq!(failures[0].reason, Failure::Framing(FramingFailure::other("not in the mood")));
        within(connection.send("well then")).await.unwrap();
        assert_eq!(receive_bytes(&connection, 9).await, b"well then");
    });
}

#[test]
fn a_factory_that_panics_fails_an_attempt_and_an_accepted_connection() {
    fn none() -> LengthPrefix {
        panic!("nothing left")
    }
    run(async {
        let transport = Transport::start();
        let there = Preconnection::new(&transport).remote(echo(V4).await).framer_with(none);
        let failure = within(there.initiate().unwrap().ready()).await.unwrap_err();
        let panicked = FramingFailure::Panicked("nothing left".into());
        assert_eq!(failure.attempts()[0].reason, Failure::Framing(panicked.clone()));

        let here = Preconnection::new(&transport).local(SocketAddr::new(V4, 0)).framer_with(none);
        let listener = here.listen().unwrap();
        let _peer = connect(&transport, within(listener.listening()).await.unwrap()[0]);
        let accepted = within(listener.accept()).await.unwrap();
        let ended = within(accepted.closed()).await.unwrap_err();
        assert!(ended.to_string().contains("nothing left"), "{ended}");
    });
}

#[test]
fn nobody_waits_for_ever_for_a_framer_that_does_not_stop() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = raw_peer(&transport, |p| p.framer(Rogue::NeverStops)).await;
        let _ = connection.send("goodbye");
        connection.close();
        let mut all = Vec::new();
        within(peer.read_to_end(&mut all)).await.unwrap();
        assert_eq!(all, b"goodbye");
        drop(peer);
        within(connection.closed()).await.unwrap();
    });
}

/// Says hello first, and is ready when the other side has.
#[derive(Clone, Debug)]
struct Polite {
    silent: bool,
}

impl Framer for Polite {
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        if !self.silent {
            framer.send(b"hello");
        }
        Ok(())
    }

    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Result<(), FramingFailure> {
        framer.send_bytes(data);
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        if framer.parse(5, 5).is_some_and(|greeting| greeting.data == b"hello") {
            framer.advance_receive_cursor(5);
            framer.start_passthrough();
        }
        Ok(())
    }
}

#[test]
fn a_connection_is_ready_when_its_framers_have_shaken_hands_and_messages_wait_until_then() {
    run(async {
        let transport = Transport::start();
        let polite = |p: Preconnection| p.framer(LengthPrefix::new()).framer(Polite { silent: false });
        let (ours, theirs) = join(&transport, stream(), polite).await;
        within(theirs.send("and you?")).await.unwrap();
        // Under the greeting there are messages; what follows it is passed on as it is.
        assert_eq!(within(ours.received()).await.unwrap().data, "and you?");

        let (rude, mut peer) = raw_peer(&transport, |p| p.framer(Polite { silent: false })).await;
        let _ = rude.send("at last");
        let mut came = [0; 12];
        within(peer.read_exact(&mut came[..5])).await.unwrap();
        tokio::time::sleep(SILENCE).await;
        assert_eq!(rude.state(), neatflow::State::Establishing);
        peer.write_all(b"hello").await.unwrap();
        within(rude.ready()).await.unwrap();
        within(peer.read_exact(&mut came[5..])).await.unwrap();
        assert_eq!(&came, b"helloat last");
    });
}

#[test]
fn what_waits_for_framers_that_are_never_ready_comes_back_after_a_while_when_it_is_closed() {
    run(async {
        let transport = Transport::start();
        let here = Preconnection::new(&transport).local(SocketAddr::new(V4, 0));
        let listener = here.framer(Polite { silent: true }).listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let _peer = tokio::net::TcpStream::connect(address).await.unwrap();
        let accepted = within(listener.accept()).await.unwrap();
        let sent = accepted.send("never").into_future();
        accepted.close();
        let failure = ConnectionFailure::Framing(FramingFailure::NotReady);
        assert_eq!(within(sent).await, Err(SendFailure::Connection(failure)));
        assert!(within(accepted.closed()).await.is_err());
    });
}

// ---------- Messages in parts

#[test]
fn sixty_four_mebibytes_that_are_earmarked_come_in_parts_and_need_no_memory() {
    const TOTAL: usize = 64 << 20;
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, mut peer) = raw_peer(&transport, |p| {
            p.framer(LengthPrefix::new().limit(u64::MAX)).subscribe::<Event, _>(&probe)
        })
        .await;
        within(connection.ready()).await.unwrap();
        connection.stream(4);
        let before = resident();
        tokio::spawn(async move {
            peer.write_all(&(TOTAL as u32).to_be_bytes()).await.unwrap();
            for at in (0..TOTAL).step_by(65_536) {
                peer.write_all(&pattern(at, 65_536)).await.unwrap();
            }
            peer.write_all(b"\0\0\0\x03end").await.unwrap();
            peer
        });
        let (mut at, mut ended) = (0, false);
        while !ended {
            let event = events.next().await;
            if let Event::ReceivedPartial(part) = event {
                assert!(part.message.data == pattern(at, part.message.len()), "other bytes at {at}");
                at += part.message.len();
                ended = part.end_of_message;
            }
        }
        assert_eq!(at, TOTAL);
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + (16 << 20), "{} KiB more", (after - before) / 1024);
        }
        let Event::Received(last) = events.until(EventKind::Received).await else { panic!() };
        assert_eq!(last.messages[0].data, "end");
    });
}

#[test]
fn a_message_longer_than_a_receive_takes_comes_in_parts_of_that_length() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(LengthPrefix::new()).subscribe::<Event, _>(&probe)).await;
        within(connection.ready()).await.unwrap();
        let ask = || connection.receive_with(ReceiveLimits { min_incomplete: Some(1), max: 1000 });
        // RFC 9622 §9.3.2.2 has this very example.
        peer.write_all(&[&1500_u32.to_be_bytes()[..], &pattern(0, 1500), b"\0\0\0\x02hi"].concat())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = [ask(), ask(), ask()];
        let (lengths, all) = in_parts(&mut events).await;
        assert_eq!(lengths, [1000, 500]);
        assert!(all == pattern(0, 1500));
        let Event::Received(whole) = events.until(EventKind::Received).await else { panic!() };
        assert_eq!((whole.receive, &whole.messages[0].data[..]), (asked[2], &b"hi"[..]));
    });
}

#[test]
fn of_a_message_without_its_end_no_less_is_delivered_than_was_asked_for() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(LengthPrefix::new()).subscribe::<Event, _>(&probe)).await;
        within(connection.ready()).await.unwrap();
        events.until(EventKind::Ready).await;
        connection.receive_with(ReceiveLimits { min_incomplete: Some(500), ..ReceiveLimits::default() });
        peer.write_all(&[&1000_u32.to_be_bytes()[..], &pattern(0, 300)].concat()).await.unwrap();
        events.silence().await;
        peer.write_all(&pattern(300, 300)).await.unwrap();
        let Event::ReceivedPartial(part) = events.next().await else { panic!() };
        assert_eq!((part.message.len(), part.end_of_message), (600, false));
        // The rest is asked for without limits, and comes when it is there.
        connection.receive();
        peer.write_all(&pattern(600, 400)).await.unwrap();
        let (_, rest) = in_parts(&mut events).await;
        assert!(rest == pattern(600, 400));
    });
}

#[test]
fn without_a_framer_what_one_read_brought_is_cut_up() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, mut peer) = raw_peer(&transport, |p| p.subscribe::<Event, _>(&probe)).await;
        within(connection.ready()).await.unwrap();
        peer.write_all(&pattern(0, 10)).await.unwrap();
        for _ in 0..3 {
            connection.receive_with(ReceiveLimits { max: 4, ..ReceiveLimits::default() });
        }
        let (lengths, all) = in_parts(&mut events).await;
        assert_eq!(lengths, [4, 4, 2]);
        assert!(all == pattern(0, 10));
    });
}

#[test]
fn who_takes_only_whole_messages_gets_long_ones_up_to_a_limit() {
    run(async {
        let transport = Transport::start();
        let (ours, theirs) =
            join(&transport, stream(), |p| p.framer(LengthPrefix::new().limit(u64::MAX))).await;
        let sending = actix::spawn(async move {
            for length in [900_000, 1_200_000, 5] {
                within(ours.send(pattern(0, length))).await.unwrap();
            }
            ours
        });
        assert!(within(theirs.received()).await.unwrap().data == pattern(0, 900_000));
        let refused = within(theirs.received()).await.unwrap_err();
        assert_eq!(refused, ReceiveFailure::TooLong { limit: 1 << 20 });
        assert_eq!(within(theirs.received()).await.unwrap().len(), 5);
        drop(within(sending).await.unwrap());
    });
}

// ---------- Properties of messages

#[test]
fn priorities_and_lifetimes_work_on_what_is_not_framed_yet() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let (connection, mut peer) =
            raw_peer(&transport, |p| p.framer(LengthPrefix::new()).subscribe::<Event, _>(&probe)).await;
        within(connection.ready()).await.unwrap();
        // Until the transport is full, and then some.
        let mut queued = 0;
        while !connection.send(pattern(0, 60_000)).is_high() {
            queued += 1;
            tokio::task::yield_now().await;
            assert!(queued < 1_000, "the system takes everything");
        }
        let mut urgent = Message::new("urgent");
        urgent.context.properties.msg_priority = Some(1);
        let _ = connection.send(urgent);
        let mut fleeting = Message::new("fleeting");
        fleeting.context.properties.msg_lifetime = Some(Lifetime::Limited(Duration::from_millis(10)));
        let _ = connection.send(fleeting);
        let Event::Expired(expired) = events.until(EventKind::Expired).await else { panic!() };
        assert_eq!(expired.message.data, "fleeting");
        connection.close();
        let mut all = Vec::new();
        within(peer.read_to_end(&mut all)).await.unwrap();
        let (mut rest, mut texts) = (&all[..], Vec::new());
        while let Some((length, more)) = rest.split_first_chunk::<4>() {
            let (message, more) = more.split_at(u32::from_be_bytes(*length) as usize);
            texts.push(if message.len() < 100 { "urgent" } else { "bulk" });
            rest = more;
        }
        let place = texts.iter().position(|text| *text == "urgent").unwrap();
        assert_eq!(texts.len(), queued + 2);
        assert!(place < queued, "it went at place {place} of {queued}");
    });
}

#[test]
fn a_final_message_is_framed_and_ends_our_side_only() {
    run(async {
        let transport = Transport::start();
        let (ours, theirs) = join(&transport, stream(), |p| p.framer(LengthPrefix::new())).await;
        within(ours.send(Message::new("last").last())).await.unwrap();
        assert_eq!(within(theirs.received()).await.unwrap().data, "last");
        assert_eq!(within(theirs.received()).await, Err(ReceiveFailure::Finished));
        within(theirs.send(Message::new("not for me").last())).await.unwrap();
        assert_eq!(within(ours.received()).await.unwrap().data, "not for me");
        assert_eq!(within(ours.received()).await, Err(ReceiveFailure::Finished));
        within(ours.closed()).await.unwrap();
        within(theirs.closed()).await.unwrap();
    });
}
