//! Panics and deaths: of an application's own actors, of stacks, and of children that cannot even start.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use futures::future::LocalBoxFuture;
use neatflow::events::EventKind as E;
use neatflow::prelude::*;
use neatflow::stacks::tcp::Tcp;
use neatflow::stacks::{
    Acceptor, Established, ListenOn, Path, Progress, Report, Stack, StreamWire, Wire, WireControl,
};
use neatflow::supervision::{Child, ChildEvent, ChildEventKind, ExitReason, Plan, Supervise};
use neatflow::{Candidate, ConnectionFailure, Failure, Offers, Protocol};
use neatflow_testing::quiet_panics;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Cx, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

const PLANNED: &str = "as planned";

// ---------- The application's own actors

/// Counts what it is told, and panics at a "boom".
struct Fragile {
    heard: Arc<AtomicUsize>,
    kept: Option<Connection>,
}

impl Fragile {
    fn new() -> (Self, Arc<AtomicUsize>) {
        let heard = Arc::new(AtomicUsize::new(0));
        (Self { heard: heard.clone(), kept: None }, heard)
    }
}

impl Actor for Fragile {
    type Context = Context<Self>;
}

impl Supervised for Fragile {}

impl Handler<Received> for Fragile {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        assert!(event.to_string() != "boom", "{PLANNED}");
        self.heard.fetch_add(1, Ordering::Relaxed);
        event.connection.receive();
    }
}

impl Handler<ConnectionReceived> for Fragile {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        event.connection.receive();
        self.kept = Some(event.connection);
    }
}

async fn heard(count: &AtomicUsize, expected: usize) {
    eventually(&format!("{expected} heard"), async || count.load(Ordering::Relaxed) == expected).await;
}

#[test]
fn a_plain_actor_that_panics_is_gone_and_the_connection_goes_on() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (fragile, count) = Fragile::new();
        let fragile = fragile.start();
        connection.subscribe::<Received, _>(&fragile);
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        connection.stream(1);
        for text in ["fine", "boom", "fine again", "and again"] {
            peer.write_all(text.as_bytes()).await.unwrap();
            let Event::Received(received) = events.until(E::Received).await else { panic!() };
            assert_eq!(received.to_string(), text);
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(!fragile.connected());
        within(connection.send("alive")).await.unwrap();
        connection.close();
        events.until(E::Closed).await;
    });
}

#[test]
fn a_supervised_actor_that_panics_hears_what_comes_next() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (fragile, count) = Fragile::new();
        let fragile = supervise(fragile, Plan::permanent());
        connection.subscribe::<Received, _>(fragile.addr());
        connection.stream(16);
        for (text, expected) in [("fine", 1), ("boom", 1), ("fine again", 2), ("boom", 2), ("and again", 3)] {
            peer.write_all(text.as_bytes()).await.unwrap();
            heard(&count, expected).await;
            // So that no two arrive as one.
            tokio::time::sleep(SILENCE).await;
        }
        assert!(fragile.connected());
    });
}

#[test]
fn a_subscriber_that_dies_with_a_full_window_holds_nobody_back() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        // It never handles anything, and its window fills in its mailbox.
        let arbiter = Arbiter::new();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let blocked = Fragile::start_in_arbiter(&arbiter.handle(), |_| Fragile::new().0);
        arbiter.spawn_fn(move || released.recv().unwrap());
        connection.subscribe::<Received, _>(&blocked);
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        connection.stream(2);
        for _ in 0..2 {
            peer.write_all(b"x").await.unwrap();
            drop(events.expect(E::Received).await);
        }
        peer.write_all(b"held").await.unwrap();
        events.silence().await;
        // Sending is not held back by it.
        within(connection.send("still")).await.unwrap();
        events.expect(E::Sent).await;
        events.expect(E::AllWritten).await;
        arbiter.stop();
        release.send(()).unwrap();
        arbiter.join().unwrap();
        let Event::Received(next) = events.next().await else { panic!() };
        assert_eq!(next.to_string(), "held");
        drop(next);
        connection.close();
        events.until(E::Closed).await;
    });
}

#[test]
fn the_only_subscriber_dies_and_the_connection_can_still_be_used_and_ended() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, events) = probe();
        connection.subscribe::<Event, _>(&probe);
        connection.stream(1);
        peer.write_all(b"one").await.unwrap();
        tokio::time::sleep(SILENCE).await;
        drop((probe, events));
        let (mortal, _) = Fragile::new();
        let mortal = mortal.start();
        connection.subscribe::<Received, _>(&mortal);
        drop(mortal);
        within(connection.send("alive")).await.unwrap();
        within(peer.read_exact(&mut [0; 5])).await.unwrap();
        connection.close();
        drop(peer);
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn what_an_actor_held_when_it_died_is_closed() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let transport = Transport::start();
        let (fragile, count) = Fragile::new();
        let fragile = fragile.start();
        let listener = Preconnection::new(&transport)
            .local("127.0.0.1:0")
            .subscribe::<(ConnectionReceived, Received), _>(&fragile)
            .listen()
            .unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let mut peer = TcpStream::connect(here).await.unwrap();
        peer.write_all(b"fine").await.unwrap();
        heard(&count, 1).await;
        peer.write_all(b"boom").await.unwrap();
        assert_eq!(read_all(&mut peer).await, b"");
        drop(peer);
        eventually("nobody is left", async || transport.census().await.unwrap().flows == 0).await;
        // The listener has nobody to accept for; another subscriber comes, and it goes on.
        let _waiting = TcpStream::connect(here).await.unwrap();
        tokio::time::sleep(SILENCE).await;
        assert_eq!(transport.census().await.unwrap().flows, 0);
        assert!(within(listener.accept()).await.is_some());
    });
}

// ---------- Children that cannot start

/// Fails whenever it starts.
struct Stillborn(Arc<AtomicUsize>);

impl Actor for Stillborn {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            panic!("{PLANNED}");
        }
        ctx.stop();
    }
}

impl Supervised for Stillborn {}

/// Passes on what happens to its child.
struct Parent {
    starts: Arc<AtomicUsize>,
    told: tokio::sync::mpsc::UnboundedSender<ChildEvent>,
    child: Option<Child<Stillborn>>,
}

impl Actor for Parent {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let starts = self.starts.clone();
        let hiring = Supervise::new(Plan::permanent()).name("stillborn").parent(ctx.address());
        self.child = Some(hiring.start(|_| Stillborn(starts)));
    }
}

impl Handler<ChildEvent> for Parent {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, _: &mut Self::Context) {
        self.told.send(event).unwrap();
    }
}

#[test]
fn a_child_that_fails_at_every_start_is_given_up_and_nobody_else_notices() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        within(connection.ready()).await.unwrap();
        let starts = Arc::new(AtomicUsize::new(0));
        let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
        let _parent = Parent { starts: starts.clone(), told, child: None }.start();
        let (mut slowest, mut restarts) = (Duration::ZERO, 0);
        loop {
            let asked = Instant::now();
            within(connection.send("x")).await.unwrap();
            receive_bytes(&connection, 1).await;
            slowest = slowest.max(asked.elapsed());
            match events.try_recv().map(|event| event.what) {
                Ok(ChildEventKind::Restarting { .. }) => restarts += 1,
                Ok(ChildEventKind::GaveUp { reason }) => {
                    assert!(matches!(reason, ExitReason::Stopped | ExitReason::Panicked(_)), "{reason}");
                    break;
                }
                Ok(ChildEventKind::Finished) => panic!("it was given up, and did not finish"),
                _ => {}
            }
        }
        assert_eq!((restarts, starts.load(Ordering::Relaxed)), (5, 6));
        assert!(slowest < Duration::from_secs(1), "somebody waited for {slowest:?}");
    });
}

// ---------- Stacks

/// A stack with a bomb in it.
#[derive(Clone, Debug)]
struct Bomb {
    name: &'static str,
    in_wire: bool,
    tries: Arc<AtomicUsize>,
}

impl Stack for Bomb {
    fn protocol(&self) -> Protocol {
        Protocol::named(self.name)
    }

    fn offers(&self) -> Offers {
        Tcp::new().offers()
    }

    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        _: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        let path = Path::new("127.0.0.1:1".parse().unwrap(), candidate.remote);
        let (offers, in_wire) = (self.offers(), self.in_wire);
        Box::pin(async move {
            assert!(in_wire, "{PLANNED}");
            Ok(Established::single(Wire::Stream(Box::new(BombWire(path.clone()))), decided(offers), path))
        })
    }

    fn listen(&self, _: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        panic!("{PLANNED}")
    }
}

/// What was obtained says yes or no.
fn decided(offers: Offers) -> Offers {
    use neatflow::Offer;
    [KeepAlive, ActiveReadBeforeSend, UseTemporaryLocalAddress]
        .into_iter()
        .fold(offers, |offers, property| offers.with(property, Offer::Never))
        .with(ActiveReadBeforeSend, Offer::Always)
}

/// Panics when it is read.
struct BombWire(Path);

impl StreamWire for BombWire {
    fn poll_read(&mut self, _: &mut Cx<'_>, _: &mut ReadBuf<'_>) -> Poll<Result<(), Failure>> {
        panic!("{PLANNED}")
    }

    fn poll_write(&mut self, _: &mut Cx<'_>, data: &[IoSlice<'_>]) -> Poll<Result<usize, Failure>> {
        Poll::Ready(Ok(data.iter().map(|piece| piece.len()).sum()))
    }
}

impl WireControl for BombWire {
    fn poll_finish(&mut self, _: &mut Cx<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn poll_acknowledged(&mut self, _: &mut Cx<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn poll_failed(&mut self, _: &mut Cx<'_>) -> Poll<Failure> {
        Poll::Pending
    }

    fn abort(self: Box<Self>) {}

    fn path(&self) -> Path {
        self.0.clone()
    }

    fn report(&self) -> Report {
        panic!("{PLANNED}")
    }
}

fn bomb(name: &'static str, in_wire: bool) -> (Bomb, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    (Bomb { name, in_wire, tries: tries.clone() }, tries)
}

#[test]
fn an_attempt_that_panics_each_time_is_tried_again_within_its_budget_and_then_reported() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let (bomb, tries) = bomb("tcp", false);
        let transport = Transport::builder().stack(bomb).start();
        let (probe, mut events) = probe();
        let preconnection =
            Preconnection::new(&transport).remote("127.0.0.1:9").subscribe::<Event, _>(&probe);
        let _connection = preconnection.initiate().unwrap();
        let Event::EstablishmentError(error) = events.end().await else { panic!("it was established") };
        let [attempt] = error.reason.attempts() else { panic!("{}", error.reason) };
        assert!(matches!(&attempt.reason, Failure::Panicked(what) if what.contains(PLANNED)), "{attempt}");
        assert_eq!(tries.load(Ordering::Relaxed), 4);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn where_one_stack_panics_another_connects() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let server = echo(V4).await;
        let (bomb, _) = bomb("bomb", false);
        let transport = Transport::builder().stack(bomb).start();
        let connection = connect(&transport, server);
        within(connection.send("hello")).await.unwrap();
        assert_eq!(connection.stack().as_str(), "tcp");
        assert_eq!(receive_bytes(&connection, 5).await, b"hello");
    });
}

#[test]
fn a_stack_that_panics_in_transfer_ends_its_connection_and_no_other() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let server = echo(V4).await;
        let (bomb, _) = bomb("tcp", true);
        let armed = Transport::builder().stack(bomb).start();
        let harmless = Transport::start();
        let beside = connect(&harmless, server);
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&armed).remote(server).subscribe::<Event, _>(&probe);
        let connection = preconnection.initiate().unwrap();
        let other = connect(&armed, server);
        within(connection.ready()).await.unwrap();
        within(other.ready()).await.unwrap();
        // It is asked in its Flow, which panics and comes back.
        assert_eq!(within(connection.report()).await, Report::default());
        connection.receive();
        let Event::ConnectionError(error) = events.end().await else { panic!("it ended well") };
        assert!(matches!(&error.reason, ConnectionFailure::Panicked(what) if what.contains(PLANNED)));
        within(other.send("still here")).await.unwrap();
        within(beside.send("hello")).await.unwrap();
        assert_eq!(receive_bytes(&beside, 5).await, b"hello");
        other.close();
        within(other.closed()).await.unwrap();
        nobody_is_left(&armed).await;
    });
}

#[test]
fn a_stack_that_panics_in_listen_is_one_error() {
    let _quiet = quiet_panics(PLANNED);
    run(async {
        let (bomb, _) = bomb("tcp", false);
        let transport = Transport::builder().stack(bomb).start();
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&transport).local("127.0.0.1:0").subscribe::<Event, _>(&probe);
        let listener = preconnection.listen().unwrap();
        let Event::ListenError(error) = events.end().await else { panic!("it listens") };
        assert_eq!(error.status(), neatflow::Status::EstablishmentFailed);
        assert!(within(listener.listening()).await.is_err());
        nobody_is_left(&transport).await;
    });
}
