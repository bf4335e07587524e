//! Who goes how fast: windows, high-water marks, readers and writers that pull, and those who do not keep up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use neatflow::events::{EventKind as E, SendError};
use neatflow::prelude::*;
use neatflow::{Message, ReceiveFailure, SendFailure};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The send queue's high-water mark.
const MARK: usize = 256 * 1024;

// ---------- Writing

#[test]
fn a_sender_is_told_when_the_queue_is_high_and_when_there_is_room_again() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Writable, _>(&Told(probe.clone()).start());
        let message = vec![7; 1_000];
        let mut sent = 0;
        while !connection.send(message.clone()).is_high() {
            sent += message.len();
            tokio::task::yield_now().await;
            assert!(sent < 64 << 20, "the queue is never high");
        }
        sent += message.len();
        events.silence().await;
        let mut read = vec![0; sent];
        within(peer.read_exact(&mut read)).await.unwrap();
        events.expect(E::Writable).await;
        events.silence().await;
    });
}

#[test]
fn from_twice_the_mark_on_messages_come_back() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<SendError, _>(&Told(probe.clone()).start());
        let mut writer = connection.writer();
        // In one turn, so nothing of it is written meanwhile.
        for n in 0..4 * MARK / 1_000 {
            writer.send(&pattern(n, 1_000));
        }
        drop(writer);
        let sending = connection.send(pattern(9, 1_000));
        assert_eq!(sending.refused(), Some(&SendFailure::QueueFull));
        let Event::SendError(refused) = events.expect(E::SendError).await else { unreachable!() };
        assert_eq!(refused.reason, SendFailure::QueueFull);
        let first = refused.id.0 as usize;
        assert!((2 * MARK / 1_000..=2 * MARK / 1_000 + 2).contains(&first), "{first}");
        assert_eq!(refused.message.data, pattern(first, 1_000));
    });
}

#[test]
fn a_batch_is_as_many_messages_each_with_an_id_and_a_fate() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Sent, _>(&Told(probe.clone()).start());
        let mut writer = connection.writer();
        assert!(writer.send(b"one ") && writer.send(b"") && writer.send(b"two "));
        // Meanwhile the connection may be used.
        connection.send("zero ");
        drop(writer);
        connection.send("three");
        let mut came = [0; 18];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert_eq!(&came, b"zero one two three");
        for id in 0..5 {
            let Event::Sent(sent) = events.expect(E::Sent).await else { unreachable!() };
            assert_eq!(sent.id.0, id);
        }
    });
}

#[test]
fn a_peer_that_never_reads_costs_no_more_than_twice_the_mark() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        let (mut taken, mut refused) = (0, 0);
        for n in 0..40_000 {
            match connection.send(pattern(n, 1_000)).refused() {
                None => taken += 1,
                Some(reason) => {
                    assert_eq!(*reason, SendFailure::QueueFull);
                    refused += 1;
                }
            }
            if n % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert!(refused > 0, "all of {taken} were taken");
        let report = within(connection.report()).await;
        let in_the_system = report.unacknowledged.unwrap_or_default();
        connection.abort();
        println!("taken {taken} refused {refused}, in the system {in_the_system}");
    });
}

#[test]
fn closing_with_a_gigabyte_queued_delivers_all_of_it() {
    run(async {
        const GIGABYTE: usize = 1 << 30;
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        connection.send(vec![0; GIGABYTE]);
        connection.close();
        let (mut count, mut buffer) = (0, vec![1; 1 << 20]);
        loop {
            match within(peer.read(&mut buffer)).await.unwrap() {
                0 => break,
                read => count += read,
            }
        }
        assert_eq!(count, GIGABYTE);
        drop(peer);
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn aborting_with_a_gigabyte_queued_gives_it_back_at_once() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        connection.send(vec![0; 1 << 30]);
        connection.abort();
        let Event::SendError(back) = events.until(E::SendError).await else { unreachable!() };
        assert_eq!(back.message.len(), 1 << 30);
        events.expect(E::ConnectionError).await;
        let mut buffer = vec![0; 1 << 20];
        while within(peer.read(&mut buffer)).await.is_ok_and(|read| read > 0) {}
    });
}

// ---------- Reading by hand

#[test]
fn readable_is_told_once_until_a_read_finds_nothing() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<(Readable, Closed), _>(&Told(probe.clone()).start());
        assert_eq!(connection.try_read(), Ok(None));
        peer.write_all(b"one").await.unwrap();
        events.expect(E::Readable).await;
        peer.write_all(b"two").await.unwrap();
        events.silence().await;
        assert_eq!(connection.try_read(), Ok(Some(Message::new("one"))));
        // The rest is still on its way from the system, or is nothing.
        assert_eq!(connection.try_read(), Ok(None));
        events.expect(E::Readable).await;
        assert_eq!(connection.try_read(), Ok(Some(Message::new("two"))));
        assert_eq!(connection.try_read(), Ok(None));
        peer.shutdown().await.unwrap();
        events.expect(E::Readable).await;
        assert_eq!(connection.try_read(), Err(ReceiveFailure::Finished));
        connection.close();
        events.expect(E::Closed).await;
    });
}

#[test]
fn nobody_reads_ahead_of_a_reader_that_pulls() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Readable, _>(&Told(probe.clone()).start());
        assert_eq!(connection.try_read(), Ok(None));
        peer.write_all(b"x").await.unwrap();
        events.expect(E::Readable).await;
        // The peer's writes pile up in the system, not here.
        let taken = fill(&mut peer).await;
        let mut read = 0;
        while read < taken + 1 {
            match connection.try_read().unwrap() {
                Some(message) => read += message.len(),
                None => drop(events.expect(E::Readable).await),
            }
        }
        assert_eq!(read, taken + 1);
    });
}

// ---------- Those who do not keep up

/// Keeps what it hears and never is done with it.
struct Hoarder(Vec<Received>, Arc<Mutex<Vec<E>>>);

impl Actor for Hoarder {
    type Context = Context<Self>;
}

impl Handler<Received> for Hoarder {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        self.0.push(event);
        self.1.lock().unwrap().push(E::Received);
    }
}

impl Handler<Stalled> for Hoarder {
    type Result = ();

    fn handle(&mut self, _: Stalled, _: &mut Self::Context) {
        self.1.lock().unwrap().push(E::Stalled);
    }
}

#[test]
fn a_subscriber_elsewhere_that_keeps_everything_holds_back_the_peer_and_no_other_connection() {
    run(async {
        let transport = Transport::start();
        let elsewhere = Arbiter::new();
        let (connection, mut peer) = pair(&transport).await;
        let (other, mut other_peer) = pair(&transport).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let theirs = heard.clone();
        let hoarder = Hoarder::start_in_arbiter(&elsewhere.handle(), move |_| Hoarder(Vec::new(), theirs));
        connection.subscribe::<Received, _>(&hoarder);
        connection.stream(4);
        let before = resident();
        let taken = fill(&mut peer).await;
        assert_eq!(heard.lock().unwrap().len(), 4, "the window is 4 events");
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + (8 << 20), "{} bytes in memory", after - before);
        }
        assert!(taken > 0);
        other_peer.write_all(b"unaffected").await.unwrap();
        assert_eq!(receive_bytes(&other, 10).await, b"unaffected");
        elsewhere.stop();
    });
}

#[test]
fn whoever_stalls_for_too_long_is_told_and_the_others_go_on() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hoarder = Hoarder(Vec::new(), heard.clone()).start();
        let subscription = connection.subscribe::<(Received, Stalled), _>(&hoarder);
        assert!(connection.stall_timeout(subscription, Some(Duration::from_millis(100))));
        let (probe, mut events) = probe();
        connection.subscribe::<Received, _>(&Told(probe.clone()).start());
        connection.stream(2);
        let mut last = None;
        for n in 0..6 {
            let asked = Instant::now();
            peer.write_all(&[n]).await.unwrap();
            let Event::Received(received) = events.expect(E::Received).await else { unreachable!() };
            assert_eq!(received.messages[0].data, [n][..]);
            drop(received);
            if asked.elapsed() > Duration::from_millis(50) {
                last = Some(n);
            }
        }
        assert_eq!(last, Some(2), "the third message has to wait until the hoarder is given up");
        assert_eq!(*heard.lock().unwrap(), [E::Received, E::Received, E::Stalled]);
        assert!(!connection.stall_timeout(subscription, None), "it is subscribed no longer");
    });
}

/// Reads as fast as it can, in its own turn.
struct Flooded(u64);

impl Actor for Flooded {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Flooded {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, ctx: &mut Self::Context) {
        event.connection.stream(16);
        FlowSet::of(ctx).adopt::<Received>(event.connection.clone(), ctx);
    }
}

impl Handler<Received> for Flooded {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        for message in &event.messages {
            self.0 += message.len() as u64;
        }
    }
}

#[test]
fn a_flood_does_not_starve_the_timers_of_its_arbiter() {
    run(async {
        let transport = Transport::start();
        let server = Flooded(0).start();
        let preconnection = Preconnection::new(&transport).local("127.0.0.1:0");
        let listener = preconnection.subscribe::<ConnectionReceived, _>(&server).listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let floods: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(move || {
                    let mut peer = std::net::TcpStream::connect(here).unwrap();
                    let (began, chunk) = (Instant::now(), vec![1; 64 * 1024]);
                    while began.elapsed() < Duration::from_millis(500) {
                        if std::io::Write::write_all(&mut peer, &chunk).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        let mut late = Vec::new();
        while !floods.iter().all(std::thread::JoinHandle::is_finished) {
            let asked = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            late.push(asked.elapsed() - Duration::from_millis(1));
        }
        late.sort_unstable();
        // The machine may be busy with others, so the worst one says nothing; starved timers would all be late.
        let median = late[late.len() / 2];
        assert!(median < Duration::from_millis(20), "{median:?}");
        assert!(late.len() > 20, "the timer fired {} times", late.len());
    });
}

/// Sends datagrams as fast as they go, in its own turn, until its own timer ends that.
struct Flooding {
    connection: Option<Connection>,
    ended: bool,
}

impl Actor for Flooding {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = &self.connection {
            connection.attach::<(Ready, AllWritten, Closed), _>(ctx);
        }
    }
}

impl Flooding {
    /// More datagrams than the system takes in a few calls.
    const BATCH: usize = 2_000;

    fn send(connection: &Connection) {
        let mut writer = connection.writer();
        for _ in 0..Self::BATCH {
            writer.send(&[7; 64]);
        }
    }
}

impl Handler<Ready> for Flooding {
    type Result = ();

    fn handle(&mut self, event: Ready, ctx: &mut Self::Context) {
        ctx.run_later(Duration::from_millis(100), |flooding, _| flooding.ended = true);
        Self::send(&event.connection);
    }
}

impl Handler<AllWritten> for Flooding {
    type Result = ();

    fn handle(&mut self, event: AllWritten, _: &mut Self::Context) {
        if self.ended { event.connection.close() } else { Self::send(&event.connection) }
    }
}

impl Handler<Closed> for Flooding {
    type Result = ();

    fn handle(&mut self, _: Closed, _: &mut Self::Context) {
        self.connection = None;
    }
}

#[test]
fn a_flood_does_not_starve_the_timers_of_the_actor_that_sends_it() {
    run(async {
        let transport = Transport::start();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let connection = Preconnection::new(&transport)
            .remote(peer.local_addr().unwrap())
            .properties(TransportProperties::unreliable_datagram())
            .initiate()
            .unwrap();
        let flooding = Flooding { connection: Some(connection.clone()), ended: false }.start();
        within(connection.closed()).await.unwrap();
        drop(flooding);
    });
}

/// Hands what it hears, each event by a handler of its own, to a probe.
struct Told(Addr<Probe>);

impl Actor for Told {
    type Context = Context<Self>;
}

macro_rules! tells {
    ($($event:ident)*) => {$(
        impl Handler<$event> for Told {
            type Result = ();

            #[expect(clippy::disallowed_methods, reason = "no more than the test makes happen")]
            fn handle(&mut self, event: $event, _: &mut Self::Context) {
                self.0.do_send(Event::from(event));
            }
        }
    )*};
}

tells! { Writable AllWritten Readable Received Sent SendError Closed }
