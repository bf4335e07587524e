//! Who hears of what: event sets, several subscribers on several arbiters, streams, and futures that are dropped.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use futures::{FutureExt, StreamExt};
use neatflow::events::{EventKind as E, SendError};
use neatflow::prelude::*;
use neatflow::{EventStream, Message, SendFailure};
use quickcheck::QuickCheck;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Notes what it is told, each event by a handler of its own.
struct Notes(Arc<Mutex<Vec<(E, String)>>>);

type Noted = Arc<Mutex<Vec<(E, String)>>>;

impl Actor for Notes {
    type Context = Context<Self>;
}

macro_rules! notes {
    ($($event:ident: $of:expr,)*) => {$(
        impl Handler<$event> for Notes {
            type Result = ();

            fn handle(&mut self, event: $event, _: &mut Self::Context) {
                let say: fn(&$event) -> String = $of;
                self.0.lock().unwrap().push((E::$event, say(&event)));
            }
        }
    )*};
}

notes! {
    Ready: |_| String::new(),
    Sent: |event| format!("{:?}", event.id),
    AllWritten: |_| String::new(),
    Received: |event| format!("{:?} {event}", event.receive),
    ReceiveError: |event| format!("{:?} {}", event.receive, event.reason),
    SendError: |event| format!("{:?} {}", event.id, event.reason),
    Closed: |_| String::new(),
    ConnectionError: |event| event.reason.to_string(),
}

type Everything = (Ready, Sent, AllWritten, Received, ReceiveError, SendError, Closed, ConnectionError);

fn kinds_of(noted: &Noted) -> Vec<E> {
    noted.lock().unwrap().iter().map(|(kind, _)| *kind).collect()
}

async fn wait_for(noted: &Noted, kind: E) {
    eventually(&format!("{kind}"), async || kinds_of(noted).contains(&kind)).await;
}

// ---------- Sets and subscribers

#[test]
fn a_subscriber_hears_of_its_set_alone() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let (all, few) = (Noted::default(), Noted::default());
        let connection = Preconnection::new(&transport)
            .remote(server)
            .subscribe::<Everything, _>(&Notes(all.clone()).start())
            .subscribe::<(Sent, Closed), _>(&Notes(few.clone()).start())
            .initiate()
            .unwrap();
        connection.receive();
        connection.send("hello");
        wait_for(&all, E::Received).await;
        connection.close();
        wait_for(&few, E::Closed).await;
        wait_for(&all, E::Closed).await;
        assert_eq!(kinds_of(&few), [E::Sent, E::Closed]);
        assert_eq!(kinds_of(&all), [E::Ready, E::Sent, E::AllWritten, E::Received, E::Closed]);
    });
}

#[test]
fn subscribers_on_several_arbiters_hear_the_same_in_the_same_order() {
    run(async {
        const MESSAGES: usize = 300;
        let server = echo(V4).await;
        let transport = Transport::start();
        let arbiters = [Arbiter::new(), Arbiter::new(), Arbiter::new()];
        let mut preconnection = Preconnection::new(&transport).remote(server);
        let mut all = Vec::new();
        for arbiter in &arbiters {
            let noted = Noted::default();
            all.push(noted.clone());
            let addr = Notes::start_in_arbiter(&arbiter.handle(), move |_| Notes(noted));
            preconnection = preconnection.subscribe::<Everything, _>(&addr);
        }
        let noted = Noted::default();
        all.push(noted.clone());
        let connection = preconnection.subscribe::<Everything, _>(&Notes(noted).start()).initiate().unwrap();
        connection.stream(8);
        for n in 0..MESSAGES {
            within(connection.send(format!("{n};"))).await.unwrap();
        }
        connection.send(Message::default().last());
        within(connection.closed()).await.unwrap();
        wait_for(&all[0], E::Closed).await;
        let first = all[0].lock().unwrap().clone();
        for noted in &all {
            wait_for(noted, E::Closed).await;
            assert_eq!(*noted.lock().unwrap(), first);
        }
        let told = kinds_of(&all[0]);
        assert_eq!((told[0], told[told.len() - 1]), (E::Ready, E::Closed));
        assert_eq!(told.iter().filter(|kind| **kind == E::Sent).count(), MESSAGES + 1);
        for arbiter in arbiters {
            arbiter.stop();
            arbiter.join().unwrap();
        }
    });
}

#[test]
fn the_answers_to_receives_come_in_the_order_of_the_requests() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let noted = Noted::default();
        connection.subscribe::<Everything, _>(&Notes(noted.clone()).start());
        let asked = [(); 4].map(|()| connection.receive());
        for n in 0..3 {
            peer.write_all(format!("{n}").as_bytes()).await.unwrap();
            eventually("it came", async || kinds_of(&noted).len() == n + 1).await;
        }
        drop(peer);
        wait_for(&noted, E::ReceiveError).await;
        let expected = [
            (E::Received, format!("{:?} 0", asked[0])),
            (E::Received, format!("{:?} 1", asked[1])),
            (E::Received, format!("{:?} 2", asked[2])),
            (E::ReceiveError, format!("{:?} the peer has finished sending", asked[3])),
        ];
        assert_eq!(*noted.lock().unwrap(), expected);
    });
}

#[test]
fn who_unsubscribes_hears_no_more_and_holds_nobody_back() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let ((one, mut keeps), (other, mut stays)) = (probe(), probe());
        let subscription = connection.subscribe::<Event, _>(&one);
        connection.subscribe::<Event, _>(&other);
        connection.stream(1);
        peer.write_all(b"one").await.unwrap();
        let held = keeps.expect(E::Received).await;
        drop(stays.expect(E::Received).await);
        peer.write_all(b"two").await.unwrap();
        // Its window is full, and it holds back both.
        stays.silence().await;
        connection.unsubscribe(subscription);
        connection.unsubscribe(subscription);
        let Event::Received(two) = stays.next().await else { panic!() };
        assert_eq!(two.to_string(), "two");
        drop(two);
        connection.close();
        stays.expect(E::Closed).await;
        drop(held);
        keeps.silence().await;
    });
}

#[test]
fn who_comes_late_hears_from_then_on_and_after_the_end_the_end() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        within(connection.send("unheard")).await.unwrap();
        let (late, mut heard) = probe();
        connection.subscribe::<Event, _>(&late);
        heard.silence().await;
        within(connection.send("heard")).await.unwrap();
        heard.expect(E::Sent).await;
        heard.expect(E::AllWritten).await;
        peer.read_exact(&mut [0; 12]).await.unwrap();
        connection.close();
        assert_eq!(heard.end().await.kind(), E::Closed);
        let (later, mut heard) = probe();
        connection.subscribe::<Event, _>(&later);
        assert_eq!(heard.end().await.kind(), E::Closed);
        let mut stream = connection.events();
        assert_eq!(within(stream.next()).await.unwrap().kind(), E::Closed);
        assert!(within(stream.next()).await.is_none());
        // It is too late for one who does not want to hear of it.
        let noted = Noted::default();
        connection.subscribe::<(Ready, Sent), _>(&Notes(noted.clone()).start());
        tokio::time::sleep(SILENCE).await;
        assert_eq!(kinds_of(&noted), []);
    });
}

#[test]
fn every_event_names_its_connection_and_its_status() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        let mut events = connection.events();
        connection.receive();
        connection.send("hello");
        let mut names = Vec::new();
        while let Some(event) = within(events.next()).await {
            assert_eq!(event.connection().unwrap().id(), connection.id());
            assert_eq!(event.status(), neatflow::Status::Ok);
            names.push(event.kind().name());
            if event.kind() == E::Received {
                connection.close();
            }
        }
        assert_eq!(names, ["Ready", "Sent", "AllWritten", "Received", "Closed"]);
    });
}

// ---------- Streams

#[test]
fn a_stream_of_events_holds_credit_until_its_events_are_dropped_or_it_is() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut events = connection.events();
        connection.stream(1);
        let first = fill(&mut peer).await;
        let held = within(events.next()).await.unwrap();
        assert_eq!(held.kind(), E::Received);
        assert!(timeout(SILENCE, events.next()).await.is_err());
        drop(held);
        let held = within(events.next()).await.unwrap();
        assert_eq!(held.kind(), E::Received);
        // A stream that is dropped with unread events holds nobody back.
        let (counting, mut heard) = probe();
        drop(held);
        tokio::time::sleep(SILENCE).await;
        drop(events);
        connection.subscribe::<Event, _>(&counting);
        let drained = async {
            loop {
                heard.expect(E::Received).await;
            }
        };
        let more = vec![7; first];
        tokio::select! {
            () = drained => {}
            written = peer.write_all(&more) => written.unwrap(),
        }
    });
}

#[test]
fn a_stream_that_is_polled_and_dropped_at_any_point_loses_no_event() {
    run(async {
        const MESSAGES: usize = 200;
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        let mut events = connection.events();
        let mut told = Vec::new();
        let next = async |events: &mut EventStream, n: usize| {
            timeout(Duration::from_micros(n as u64 % 7 * 30), events.next()).await.ok().flatten()
        };
        for n in 0..MESSAGES {
            within(connection.send("x")).await.unwrap();
            told.extend(next(&mut events, n).await.map(|event| event.kind()));
        }
        connection.close();
        while let Some(event) = within(events.next()).await {
            told.push(event.kind());
        }
        assert_eq!(told.iter().filter(|kind| **kind == E::Sent).count(), MESSAGES);
        assert_eq!(told.last(), Some(&E::Closed));
    });
}

// ---------- Futures

#[test]
fn a_receive_that_is_dropped_at_any_point_loses_no_byte() {
    fn prop(patience: Vec<u8>, sizes: Vec<u16>) -> bool {
        run(async {
            let total = sizes.iter().map(|size| usize::from(*size)).sum();
            let transport = Transport::start();
            let (connection, mut peer) = pair(&transport).await;
            let writing = actix::spawn(async move {
                let mut at = 0;
                for size in sizes {
                    peer.write_all(&pattern(at, size.into())).await.unwrap();
                    at += usize::from(size);
                    if size % 3 == 0 {
                        tokio::time::sleep(Duration::from_micros(200)).await;
                    }
                }
            });
            let mut all = Vec::new();
            let mut patience = patience.into_iter().chain([255]).cycle();
            loop {
                let limit = Duration::from_micros(u64::from(patience.next().unwrap_or(0)) * 5);
                // Two wait at once; one of them is dropped, whether it has something or not.
                let (mut one, mut other) = (connection.received(), connection.received());
                let taken = tokio::select! {
                    biased;
                    taken = &mut one => Some(taken),
                    taken = &mut other => Some(taken),
                    () = tokio::time::sleep(limit) => None,
                };
                match taken {
                    Some(Ok(message)) => all.extend_from_slice(&message.data),
                    Some(Err(_)) => break,
                    None => {}
                }
            }
            writing.await.unwrap();
            all == pattern(0, total)
        })
    }
    QuickCheck::new().tests(20).quickcheck(prop as fn(Vec<u8>, Vec<u16>) -> bool);
}

#[test]
fn whoever_waits_for_a_message_gets_one_each() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let waiting = [connection.received(), connection.received(), connection.received()];
        let mut waiting = waiting.map(|one| actix::spawn(one)).into_iter();
        tokio::task::yield_now().await;
        let mut heard = Vec::new();
        for text in ["a", "b", "c"] {
            peer.write_all(text.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for one in &mut waiting {
            heard.push(within(one).await.unwrap().unwrap().data);
        }
        heard.sort();
        assert_eq!(heard, ["a", "b", "c"]);
    });
}

#[test]
fn what_a_dropped_receive_left_is_there_for_a_subscriber() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        // One that was polled makes the flow read; then it loses interest.
        let mut pulled = Box::pin(connection.received());
        assert!(timeout(Duration::ZERO, &mut pulled).await.is_err());
        peer.write_all(b"left over").await.unwrap();
        tokio::time::sleep(SILENCE).await;
        drop(pulled);
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        events.silence().await;
        connection.receive();
        let Event::Received(left) = events.next().await else { panic!() };
        assert_eq!(left.to_string(), "left over");
    });
}

#[test]
fn a_send_is_sent_whether_it_is_awaited_or_not() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        connection.send("dropped, ");
        assert!(connection.send("cancelled, ").into_future().now_or_never().is_none());
        within(connection.send("awaited")).await.unwrap();
        let mut all = [0; 27];
        within(peer.read_exact(&mut all)).await.unwrap();
        assert_eq!(&all, b"dropped, cancelled, awaited");
        // Awaited late, it still knows.
        let sending = connection.send("late").into_future();
        tokio::time::sleep(SILENCE).await;
        within(sending).await.unwrap();
    });
}

#[test]
fn waiting_for_ready_and_for_the_end_can_be_given_up_and_taken_up_again() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        for _ in 0..10 {
            drop(timeout(Duration::ZERO, connection.ready()).await);
            drop(timeout(Duration::ZERO, connection.closed()).await);
        }
        within(connection.ready()).await.unwrap();
        let waiting = [actix::spawn(connection.closed()), actix::spawn(connection.closed())];
        assert!(timeout(SILENCE, connection.closed()).await.is_err());
        let id = connection.send("x").id();
        connection.close();
        assert!(id.is_some());
        for one in waiting {
            within(one).await.unwrap().unwrap();
        }
        within(connection.closed()).await.unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(within(connection.send("late")).await, Err(SendFailure::Closed));
    });
}

#[test]
fn somebody_who_waits_reads_although_no_subscriber_does() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        peer.write_all(b"for who pulls").await.unwrap();
        assert_eq!(receive_bytes(&connection, 13).await, b"for who pulls");
        events.silence().await;
    });
}

#[test]
fn a_message_that_nobody_hears_holds_up_no_send() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut pulled = Box::pin(connection.received());
        assert!((&mut pulled).now_or_never().is_none());
        peer.write_all(b"for nobody").await.unwrap();
        tokio::time::sleep(SILENCE).await;
        drop(pulled);
        // It is here, it is asked for, and there is no subscriber.
        connection.receive();
        within(connection.send(Message::new("all the same").last())).await.unwrap();
        assert_eq!(read_all(&mut peer).await, b"all the same");
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        let Event::Received(late) = events.next().await else { panic!() };
        assert_eq!(late.to_string(), "for nobody");
    });
}
