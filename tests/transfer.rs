//! Bytes: all of them, in order, both ways, and never more in memory than asked for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use bytes::Bytes;
use common::*;
use futures::FutureExt;
use neatflow::events::EventKind;
use neatflow::prelude::*;
use neatflow::{Message, MessageId, ReceiveFailure, SendFailure, SentFuture, State};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::Read;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

const CHUNK: usize = 64 * 1024;

/// The queue takes messages until it holds this much.
const FULL: usize = 512 * 1024;

/// Sends the bytes of [`pattern`], and waits whenever the queue is full; how much was in the queue at most.
async fn send_politely(connection: &Connection, total: usize) -> usize {
    let mut flight = VecDeque::<(SentFuture, usize)>::new();
    let (mut queued, mut most, mut at) = (0, 0, 0);
    while at < total {
        while let Some((sent, length)) = flight.front_mut()
            && let Some(outcome) = sent.now_or_never()
        {
            outcome.unwrap();
            queued -= *length;
            flight.pop_front();
        }
        let chunk = Bytes::from(pattern(at, CHUNK.min(total - at)));
        let sending = connection.send(chunk.clone());
        match sending.refused() {
            None => {
                at += chunk.len();
                queued += chunk.len();
                most = most.max(queued);
                flight.push_back((sending.into_future(), chunk.len()));
            }
            Some(SendFailure::QueueFull) => {
                let (oldest, _) = flight.front_mut().expect("an empty queue is not full");
                within(poll_fn(|cx| oldest.poll_unpin(cx).map(drop))).await;
            }
            Some(other) => panic!("refused: {other}"),
        }
    }
    most
}

/// Memory is counted for the whole process: who uses much of it waits for its turn.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn sixty_four_mebibytes_reach_a_reader_that_sleeps_and_reads_slowly() {
    const TOTAL: usize = 64 << 20;
    let _alone = alone();
    let listener = StdListener::bind((V4, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        let (mut at, mut buffer) = (0, vec![0; 256 * 1024]);
        loop {
            let read = stream.read(&mut buffer).unwrap();
            if read == 0 {
                return at;
            }
            assert!(buffer[..read] == pattern(at, read)[..], "other bytes came at {at}");
            at += read;
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection = Preconnection::new(&transport)
            .remote(address)
            .subscribe::<(EstablishmentError, ConnectionError, Closed), _>(&Filter::new(&probe))
            .initiate()
            .unwrap();
        within(connection.ready()).await.unwrap();
        let before = resident();
        let most = send_politely(&connection, TOTAL).await;
        assert!(most <= FULL + CHUNK, "{most} bytes were queued");
        if let (Some(before), Some(after)) = (before, resident()) {
            let grown = after.saturating_sub(before);
            assert!(grown < 32 << 20, "the process has grown by {grown} bytes");
        }
        connection.close();
        within(connection.closed()).await.unwrap();
        events.expect(EventKind::Closed).await;
        events.silence().await;
        assert_eq!(connection.state(), State::Closed);
    });
    assert_eq!(reader.join().unwrap(), TOTAL);
}

/// Passes on what it is told to a probe, which handles the sum of all events alone.
struct Filter(Addr<Probe>);

impl Filter {
    fn new(probe: &Addr<Probe>) -> Addr<Self> {
        Self(probe.clone()).start()
    }
}

impl Actor for Filter {
    type Context = Context<Self>;
}

macro_rules! passes_on {
    ($($event:ty),*) => {$(
        impl Handler<$event> for Filter {
            type Result = ();

            fn handle(&mut self, event: $event, _: &mut Self::Context) {
                self.0.try_send(event.into()).unwrap();
            }
        }
    )*};
}

passes_on!(EstablishmentError, ConnectionError, Closed);

#[test]
fn what_the_queue_refuses_comes_back_and_what_it_took_arrives() {
    run(async {
        // It reads nothing until it is told to.
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let gone = std::cell::RefCell::new(Some(gone));
        let (tell, total) = tokio::sync::oneshot::channel();
        let tell = std::cell::RefCell::new(Some(tell));
        let server = serve(V4, move |mut stream| {
            let (gone, tell) = (gone.take().unwrap(), tell.take().unwrap());
            async move {
                gone.await.unwrap();
                tell.send(read_all(&mut stream).await.len()).unwrap();
            }
        })
        .await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        while refused.len() < 3 {
            let sending = connection.send(pattern(0, CHUNK));
            let id = sending.id().unwrap();
            match sending.refused() {
                None => taken.push(id),
                Some(reason) => {
                    assert_eq!(*reason, SendFailure::QueueFull);
                    assert_eq!(within(sending).await, Err(SendFailure::QueueFull));
                    refused.push(id);
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
        connection.close();
        go.send(()).unwrap();
        assert_eq!(within(total).await.unwrap(), taken.len() * CHUNK);
        let told = events.until_terminal().await;
        let sent = told.iter().filter_map(|event| match event {
            Event::Sent(sent) => Some(sent.id),
            _ => None,
        });
        assert_eq!(sent.collect::<Vec<_>>(), taken);
        let failed = told.iter().filter_map(|event| match event {
            Event::SendError(failed) => {
                assert_eq!((&failed.reason, failed.message.len()), (&SendFailure::QueueFull, CHUNK));
                Some(failed.id)
            }
            _ => None,
        });
        assert_eq!(failed.collect::<Vec<_>>(), refused);
        assert_eq!(told.last().unwrap().kind(), EventKind::Closed);
    });
}

/// Keeps every Received it gets, until it is told to forget.
struct Hoarder {
    kept: Vec<Received>,
    forgetful: bool,
    /// How many bytes it ever had.
    total: Arc<AtomicUsize>,
}

/// Reply: how many bytes it had kept.
#[derive(Message)]
#[rtype(result = "usize")]
struct Forget;

impl Hoarder {
    fn start(forgetful: bool) -> (Addr<Self>, Arc<AtomicUsize>) {
        let total = Arc::new(AtomicUsize::new(0));
        (Actor::start(Self { kept: Vec::new(), forgetful, total: total.clone() }), total)
    }
}

impl Actor for Hoarder {
    type Context = Context<Self>;
}

impl Handler<Received> for Hoarder {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        self.total.fetch_add(event.messages.iter().map(Message::len).sum(), Ordering::Relaxed);
        if !self.forgetful {
            self.kept.push(event);
        }
    }
}

impl Handler<Forget> for Hoarder {
    type Result = usize;

    fn handle(&mut self, _: Forget, _: &mut Self::Context) -> usize {
        let kept = std::mem::take(&mut self.kept);
        kept.iter().flat_map(|event| event.messages.iter()).map(Message::len).sum()
    }
}

#[test]
fn a_subscriber_that_keeps_what_it_gets_stops_the_peer_and_nobody_else() {
    let _alone = alone();
    run(async {
        const WINDOW: usize = 4;
        let transport = Transport::start();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let mut peer = TcpStream::connect(address).await.unwrap();
        let connection = within(listener.accept()).await.unwrap();
        let (hoarder, hoarded) = Hoarder::start(false);
        let (other, heard) = Hoarder::start(true);
        connection.subscribe::<Received, _>(&hoarder);
        connection.subscribe::<Received, _>(&other);
        connection.stream(WINDOW);

        let first = fill(&mut peer).await;
        // Another connection of the same transport feels nothing of it.
        let mut quick = TcpStream::connect(address).await.unwrap();
        let beside = within(listener.accept()).await.unwrap();
        quick.write_all(b"unaffected").await.unwrap();
        assert_eq!(receive_bytes(&beside, 10).await, b"unaffected");
        // Nor is the other direction stopped.
        within(connection.send("still here")).await.unwrap();
        let mut answer = [0; 10];
        within(peer.read_exact(&mut answer)).await.unwrap();

        // Once it lets go, the peer goes on.
        actix::spawn(async move {
            while let Ok(kept) = hoarder.send(Forget).await {
                assert!(kept <= WINDOW * CHUNK, "the hoarder had {kept} bytes");
                sleep(Duration::from_micros(100)).await;
            }
        });
        within(peer.write_all(&vec![7; first])).await.unwrap();
        for total in [heard, hoarded] {
            eventually("everybody gets everything", async || total.load(Ordering::Relaxed) == 2 * first)
                .await;
        }
    });
}

#[test]
fn nothing_is_read_that_nobody_asked_for() {
    run(async {
        let transport = Transport::start();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let mut peer = TcpStream::connect(address).await.unwrap();
        let connection = within(listener.accept()).await.unwrap();
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        peer.write_all(b"one").await.unwrap();
        events.silence().await;
        let asked = connection.receive().unwrap();
        let Event::Received(received) = events.next().await else { panic!() };
        assert_eq!((received.receive, received.to_string()), (Some(asked), "one".to_owned()));
        drop(received);
        peer.write_all(b"two").await.unwrap();
        events.silence().await;
        connection.stream(1);
        let Event::Received(received) = events.next().await else { panic!() };
        assert_eq!((received.receive, received.to_string()), (None, "two".to_owned()));
        // The window is one event, and we hold it.
        peer.write_all(b"three").await.unwrap();
        events.silence().await;
        drop(received);
        events.expect(EventKind::Received).await;
        // The end of the stream ends what it asks for.
        connection.stream(0);
        peer.write_all(b"four").await.unwrap();
        events.silence().await;
    });
}

#[test]
fn a_final_message_ends_one_direction_and_the_other_lives_on() {
    run(async {
        let server = serve(V4, |mut stream| async move {
            assert_eq!(read_all(&mut stream).await, b"the question");
            stream.write_all(b"the answer").await.unwrap();
        })
        .await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe).initiate().unwrap();
        connection.send(Message::new("the question").last());
        assert_eq!(within(connection.send("too late")).await, Err(SendFailure::AfterFinal));
        assert!(!connection.can_send());
        assert!(connection.can_receive());
        assert_eq!(receive_all(&connection).await, b"the answer");
        within(connection.closed()).await.unwrap();
        use EventKind as E;
        assert_eq!(
            kinds(&events.until_terminal().await),
            [E::SendError, E::Ready, E::Sent, E::AllWritten, E::Closed]
        );
        let late = connection.send("far too late");
        assert_eq!((late.id(), late.refused()), (None, Some(&SendFailure::Closed)));
        assert_eq!(late.into_unsent().unwrap().data, "far too late");
        assert_eq!(connection.receive(), None);
        assert_eq!(within(connection.received()).await, Err(ReceiveFailure::Finished));
    });
}

#[test]
fn a_peer_that_ends_its_half_still_gets_ours() {
    run(async {
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let address = within(listener.listening()).await.unwrap()[0];
        let mut peer = TcpStream::connect(address).await.unwrap();
        let connection = within(listener.accept()).await.unwrap();
        connection.subscribe::<Event, _>(&probe);
        connection.stream(16);
        peer.write_all(b"all I have").await.unwrap();
        peer.shutdown().await.unwrap();
        let Event::Received(received) = events.next().await else { panic!() };
        assert_eq!(received.to_string(), "all I have");
        let Event::ReceiveError(end) = events.next().await else { panic!() };
        assert_eq!((end.receive, end.reason.clone()), (None, ReceiveFailure::Finished));
        assert!(!connection.can_receive());
        assert_eq!(connection.state(), State::Established);
        events.silence().await;
        let most = send_politely(&connection, 1 << 20);
        let (_, read) = tokio::join!(
            async {
                most.await;
                connection.close();
            },
            read_all(&mut peer)
        );
        assert!(read == pattern(0, 1 << 20), "something else came");
        assert_eq!(events.end().await.kind(), EventKind::Closed);
    });
}

#[test]
fn each_receive_is_answered_once_also_when_the_peer_has_finished() {
    run(async {
        let server = serve(V4, |mut stream| async move {
            stream.write_all(b"only this").await.unwrap();
        })
        .await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe).initiate().unwrap();
        let asked = [connection.receive(), connection.receive(), connection.receive()];
        events.expect(EventKind::Ready).await;
        let Event::Received(received) = events.next().await else { panic!() };
        assert_eq!(received.receive, asked[0]);
        for id in &asked[1..] {
            let Event::ReceiveError(failed) = events.next().await else { panic!() };
            assert_eq!((failed.receive, &failed.reason), (*id, &ReceiveFailure::Finished));
        }
        let late = connection.receive();
        let Event::ReceiveError(failed) = events.next().await else { panic!() };
        assert_eq!(failed.receive, late);
        drop((received, failed));
        connection.close();
        assert_eq!(events.end().await.kind(), EventKind::Closed);
    });
}

/// How two sides cut what they send into messages, and how the peer cuts what it reads.
#[derive(Clone, Debug)]
struct Chunking {
    ours: Vec<usize>,
    theirs: Vec<usize>,
    reads: usize,
}

impl Arbitrary for Chunking {
    fn arbitrary(g: &mut Gen) -> Self {
        let size = |g: &mut Gen| {
            let most = *g.choose(&[1, 2, 100, 5_000, 70_000]).unwrap_or(&1);
            usize::arbitrary(g) % most
        };
        let sizes = |g: &mut Gen| (0..usize::arbitrary(g) % 30).map(|_| size(g)).collect();
        Self { ours: sizes(g), theirs: sizes(g), reads: 1 + size(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let one = self.clone();
        let other = self.clone();
        let fewer = self.ours.shrink().map(move |ours| Self { ours, ..one.clone() });
        Box::new(fewer.chain(self.theirs.shrink().map(move |theirs| Self { theirs, ..other.clone() })))
    }
}

#[test]
fn whatever_the_chunks_the_bytes_are_the_same_both_ways() {
    fn prop(chunking: Chunking) -> bool {
        run(async {
            let Chunking { ours, theirs, reads } = chunking;
            let (out, back) = (ours.iter().sum::<usize>(), theirs.iter().sum::<usize>());
            let (tell, told) = tokio::sync::oneshot::channel();
            let tell = std::cell::RefCell::new(Some(tell));
            let server: SocketAddr = serve(V4, move |stream| {
                let (theirs, tell) = (theirs.clone(), tell.take().unwrap());
                async move {
                    let (mut reader, mut writer) = stream.into_split();
                    let writing = actix::spawn(async move {
                        let mut at = 0;
                        for size in theirs {
                            writer.write_all(&pattern(at, size)).await.unwrap();
                            at += size;
                        }
                    });
                    let (mut all, mut buffer) = (Vec::new(), vec![0; reads]);
                    while let Ok(read @ 1..) = reader.read(&mut buffer).await {
                        all.extend_from_slice(&buffer[..read]);
                    }
                    writing.await.unwrap();
                    tell.send(all).unwrap();
                }
            })
            .await;
            let transport = Transport::start();
            let (probe, mut events) = probe();
            let connection = Preconnection::new(&transport)
                .remote(server)
                .subscribe::<Event, _>(&probe)
                .initiate()
                .unwrap();
            let sending = async {
                let (mut at, mut ids) = (0, Vec::<MessageId>::new());
                for size in ours {
                    let data = Bytes::from(pattern(at, size));
                    loop {
                        let sending = connection.send(data.clone());
                        let id = sending.id().unwrap();
                        match within(sending).await {
                            Ok(()) => break ids.push(id),
                            Err(SendFailure::QueueFull) => sleep(Duration::from_millis(1)).await,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    at += size;
                }
                connection.send(Message::default().last());
                ids
            };
            let (ids, received) = tokio::join!(sending, receive_all(&connection));
            assert!(received == pattern(0, back), "{} of {back} bytes came back", received.len());
            let arrived = within(told).await.unwrap();
            assert!(arrived == pattern(0, out), "{} of {out} bytes arrived", arrived.len());
            within(connection.closed()).await.unwrap();
            let sent = events.until_terminal().await;
            sent.iter().filter(|event| event.kind() == EventKind::Sent).count() == ids.len() + 1
        })
    }
    QuickCheck::new().tests(25).quickcheck(prop as fn(Chunking) -> bool);
}
