//! Where things run: pools of arbiters, a listener on each, connections where they are wanted, and arbiters that stay
//! awake.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use neatflow::events::EventKind;
use neatflow::placement::{MOST_ARBITERS, Placement, spin};
use neatflow::prelude::*;
use neatflow::{Error, Failure, ListenFailure};
use neatflow_testing::quiet_panics;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::sleep;

/// How many connections leave no arbiter out: with two, one of them stays out once in 2^63.
const MANY: usize = 64;

// ---------- Who hears what

/// What the waiters of one listener have seen, each on its arbiter.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<(ThreadId, Event)>>>);

impl Ledger {
    fn note(&self, event: Event) {
        self.0.lock().unwrap().push((thread::current().id(), event));
    }

    /// How many events of this kind were heard on each thread.
    fn count(&self, kind: EventKind) -> HashMap<ThreadId, usize> {
        let mut counts = HashMap::new();
        for (thread, event) in &*self.0.lock().unwrap() {
            if event.kind() == kind {
                *counts.entry(*thread).or_default() += 1;
            }
        }
        counts
    }

    fn total(&self, kind: EventKind) -> usize {
        self.count(kind).values().sum()
    }
}

/// Sends back what comes. It panics over what begins with `!`.
struct Waiter {
    ledger: Ledger,
    kept: Vec<Connection>,
}

impl Actor for Waiter {
    type Context = Context<Self>;
}

impl Supervised for Waiter {}

impl Handler<Event> for Waiter {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        self.ledger.note(event.clone());
        match event {
            Event::ConnectionReceived(new) => {
                new.connection.receive();
                self.kept.push(new.connection);
            }
            Event::Received(received) => {
                assert!(!received.to_string().starts_with('!'), "over a message, as planned");
                received.connection.send(received.to_string());
                received.connection.receive();
            }
            _ => {}
        }
    }
}

/// A listener on loopback with a waiter on each arbiter.
fn on_each(transport: &Transport) -> (Preconnection, Ledger) {
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let waiter = move || Waiter { ledger: noted.clone(), kept: Vec::new() };
    let preconnection = Preconnection::new(transport).local("127.0.0.1:0").subscribe_each::<Event, _>(waiter);
    (preconnection, ledger)
}

fn pooled(arbiters: usize) -> Transport {
    Transport::builder().arbiters(arbiters).start()
}

async fn address(listener: &Listener) -> SocketAddr {
    within(listener.listening()).await.unwrap()[0]
}

async fn peers_to(count: usize, to: SocketAddr) -> Vec<TcpStream> {
    let mut peers = Vec::new();
    for _ in 0..count {
        peers.push(TcpStream::connect(to).await.unwrap());
    }
    peers
}

/// Whether it is answered.
async fn answers(peer: &mut TcpStream, message: &[u8]) -> bool {
    peer.write_all(message).await.unwrap();
    let mut answer = vec![0; message.len()];
    within(peer.read_exact(&mut answer)).await.is_ok() && answer == message
}

// ---------- Listening on each arbiter

#[test]
fn connections_are_spread_over_the_arbiters_and_each_actor_hears_only_of_its_own() {
    run(async {
        let transport = pooled(2);
        let (preconnection, ledger) = on_each(&transport);
        let all = Ledger::default();
        let ear = Ear(all.clone()).start();
        let listener = preconnection.subscribe::<ConnectionReceived, _>(&ear).listen().unwrap();
        let here = address(&listener).await;
        assert_eq!((listener.addresses().len(), listener.sockets().len()), (1, 1));
        let mut peers = peers_to(MANY, here).await;
        for peer in &mut peers {
            assert!(answers(peer, b"hello").await);
        }
        let received = ledger.count(EventKind::ConnectionReceived);
        assert_eq!((received.len(), ledger.total(EventKind::ConnectionReceived)), (2, MANY));
        assert!(
            !received.contains_key(&thread::current().id()),
            "the transport's own arbiter is none of them"
        );
        // A connection is served where it was received.
        assert_eq!(ledger.count(EventKind::Received), received);
        // Who subscribed to the whole listener hears of all, where he is.
        let here = HashMap::from([(thread::current().id(), MANY)]);
        eventually("all are heard of", async || all.count(EventKind::ConnectionReceived) == here).await;
    });
}

/// Notes of which connections it hears.
struct Ear(Ledger);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Ear {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        self.0.note(event.into());
    }
}

/// Passes on what it is subscribed to.
struct Relay(Addr<Probe>);

impl Relay {
    fn to(probe: &Addr<Probe>) -> Addr<Self> {
        Self(probe.clone()).start()
    }
}

impl Actor for Relay {
    type Context = Context<Self>;
}

impl<E: neatflow::EventType + Into<Event>> Handler<E> for Relay
where
    E: Message<Result = ()>,
{
    type Result = ();

    fn handle(&mut self, event: E, _: &mut Self::Context) {
        self.0.try_send(event.into()).unwrap();
    }
}

#[test]
fn without_a_pool_there_is_one_actor_on_the_arbiter_of_the_transport() {
    run(async {
        let transport = Transport::start();
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        let mut peers = peers_to(8, address(&listener).await).await;
        for peer in &mut peers {
            assert!(answers(peer, b"hello").await);
        }
        let here = HashMap::from([(thread::current().id(), 8)]);
        assert_eq!(ledger.count(EventKind::ConnectionReceived), here);
        assert_eq!(transport.arbiters().await.unwrap().len(), 0);
    });
}

#[test]
fn both_families_and_all_arbiters_have_one_port() {
    if !has(V6) {
        return;
    }
    run(async {
        let transport = pooled(3);
        let ledger = Ledger::default();
        let noted = ledger.clone();
        let listener = Preconnection::new(&transport)
            .local("*:0")
            .subscribe_each::<Event, _>(move || Waiter { ledger: noted.clone(), kept: Vec::new() })
            .listen()
            .unwrap();
        let addresses = within(listener.listening()).await.unwrap();
        assert_eq!(addresses.iter().map(SocketAddr::port).collect::<HashSet<_>>().len(), 1, "{addresses:?}");
        for family in [V4, V6] {
            let mut peers = peers_to(MANY, SocketAddr::new(family, addresses[0].port())).await;
            for peer in &mut peers {
                assert!(answers(peer, b"hello").await);
            }
        }
        assert_eq!(ledger.total(EventKind::ConnectionReceived), 2 * MANY);
        assert_eq!(ledger.count(EventKind::ConnectionReceived).len(), 3);
    });
}

#[test]
fn a_port_that_somebody_shares_already_is_not_joined() {
    run(async {
        let transport = pooled(2);
        let first = on_each(&transport).0.listen().unwrap();
        let here = address(&first).await;
        let (probe, mut events) = probe();
        let again = Preconnection::new(&transport)
            .local(here)
            .subscribe::<Event, _>(&probe)
            .on(Placement::Pool)
            .listen()
            .unwrap();
        let Event::ListenError(error) = events.end().await else { panic!("it listens") };
        let ListenFailure::Bind { address: taken, reason } = &error.reason else {
            panic!("{}", error.reason)
        };
        assert_eq!(*taken, here);
        assert!(matches!(reason, Failure::LocalAddress(_)), "{reason}");
        assert!(again.addresses().is_empty());
        // Once it is free, all arbiters get it again.
        first.stop();
        eventually("the first has stopped", async || transport.census().await.unwrap().listeners == 0).await;
        let third = Preconnection::new(&transport).local(here).on(Placement::Pool).listen().unwrap();
        assert_eq!(address(&third).await, here);
    });
}

#[test]
fn the_limit_is_exact_over_all_arbiters() {
    run(async {
        let transport = pooled(4);
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        listener.new_connection_limit(Some(0));
        let here = address(&listener).await;
        let _peers = peers_to(MANY, here).await;
        let mut expected = 0;
        for more in [1, 2, 5, 1, 3, 16] {
            listener.new_connection_limit(Some(more));
            expected += more as usize;
            eventually("they are taken", async || ledger.total(EventKind::ConnectionReceived) >= expected)
                .await;
            sleep(SILENCE).await;
            assert_eq!(ledger.total(EventKind::ConnectionReceived), expected);
            assert_eq!(transport.census().await.unwrap().flows, expected);
        }
        listener.new_connection_limit(None);
        eventually("all are taken", async || ledger.total(EventKind::ConnectionReceived) == MANY).await;
    });
}

#[test]
fn accept_takes_exactly_one_whichever_arbiter_has_it() {
    run(async {
        let transport = pooled(4);
        let listener =
            Preconnection::new(&transport).local("127.0.0.1:0").on(Placement::Pool).listen().unwrap();
        let here = address(&listener).await;
        let peers = peers_to(MANY, here).await;
        let mut accepted = Vec::new();
        for count in 1..=MANY {
            let connection = within(listener.accept()).await.unwrap();
            eventually("its flow runs", async || transport.census().await.unwrap().flows == count).await;
            accepted.push(connection);
        }
        let theirs = peers.iter().map(|peer| peer.local_addr().unwrap()).collect::<HashSet<_>>();
        let ours = accepted.iter().map(|one| one.remote_addr().unwrap()).collect::<HashSet<_>>();
        assert_eq!(ours, theirs);
    });
}

#[test]
fn the_filter_is_asked_on_every_arbiter() {
    run(async {
        let transport = pooled(2);
        let (preconnection, ledger) = on_each(&transport);
        let asked = Arc::new(Mutex::new(HashSet::new()));
        let who = asked.clone();
        let listener = preconnection
            .accept_filter(move |incoming| {
                who.lock().unwrap().insert(thread::current().id());
                incoming.path.remote.port().is_multiple_of(2)
            })
            .listen()
            .unwrap();
        let peers = peers_to(MANY, address(&listener).await).await;
        let even = peers.iter().filter(|peer| peer.local_addr().unwrap().port().is_multiple_of(2)).count();
        eventually("they are taken", async || ledger.total(EventKind::ConnectionReceived) == even).await;
        sleep(SILENCE).await;
        assert_eq!(ledger.total(EventKind::ConnectionReceived), even);
        assert_eq!(asked.lock().unwrap().len(), 2);
    });
}

#[test]
fn stop_closes_every_socket_and_is_told_once() {
    run(async {
        let transport = pooled(3);
        let (probe, mut events) = probe();
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.subscribe::<Stopped, _>(&Relay::to(&probe)).listen().unwrap();
        let here = address(&listener).await;
        let mut peer = TcpStream::connect(here).await.unwrap();
        assert!(answers(&mut peer, b"before").await);
        listener.stop();
        events.expect(EventKind::Stopped).await;
        for _ in 0..MANY {
            assert!(TcpStream::connect(here).await.is_err());
        }
        // Its connections live on, with their actors; each actor hears the end once.
        assert!(answers(&mut peer, b"after").await);
        eventually("each hears it", async || ledger.total(EventKind::Stopped) == 3).await;
        events.silence().await;
        assert!(ledger.count(EventKind::Stopped).values().all(|&times| times == 1));
        eventually("it has ended", async || transport.census().await.unwrap().listeners == 0).await;
    });
}

#[test]
fn a_panic_of_one_actor_disturbs_no_other_arbiter_and_costs_its_own_no_connection() {
    let _quiet = quiet_panics("over a message, as planned");
    run(async {
        let transport = pooled(2);
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        let here = address(&listener).await;
        let mut peers = peers_to(MANY, here).await;
        for peer in &mut peers {
            assert!(answers(peer, b"x").await);
        }
        let (unlucky, others) = peers.split_first_mut().unwrap();
        unlucky.write_all(b"!").await.unwrap();
        for peer in others {
            assert!(answers(peer, b"y").await);
        }
        // Whoever comes later is served on both.
        let before = ledger.count(EventKind::ConnectionReceived);
        let mut later = peers_to(MANY, here).await;
        for peer in &mut later {
            assert!(answers(peer, b"z").await);
        }
        let after = ledger.count(EventKind::ConnectionReceived);
        assert!(before.iter().all(|(thread, count)| after[thread] > *count), "{before:?} {after:?}");
    });
}

/// Ends for good at its first connection, while there are to be quitters.
struct Quitter {
    ledger: Ledger,
    quitters: Arc<AtomicUsize>,
    kept: Vec<Connection>,
}

impl Actor for Quitter {
    type Context = Context<Self>;
}

impl Supervised for Quitter {}

impl Handler<ConnectionReceived> for Quitter {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, ctx: &mut Self::Context) {
        self.kept.push(event.connection.clone());
        self.ledger.note(event.into());
        let quit = |left: usize| left.checked_sub(1);
        if self.quitters.fetch_update(Ordering::SeqCst, Ordering::SeqCst, quit).is_ok() {
            neatflow::supervision::finish(ctx);
        }
    }
}

/// A listener on two arbiters, of whose actors so many end at their first connection; what is told of its end.
fn with_quitters(transport: &Transport, quitters: usize) -> (Listener, Ledger, Events) {
    let (probe, events) = probe();
    let (ledger, left) = (Ledger::default(), Arc::new(AtomicUsize::new(quitters)));
    let noted = ledger.clone();
    let quitter = move || Quitter { ledger: noted.clone(), quitters: left.clone(), kept: Vec::new() };
    let listener = Preconnection::new(transport)
        .local("127.0.0.1:0")
        .subscribe_each::<ConnectionReceived, _>(quitter)
        .listen()
        .unwrap();
    listener.subscribe::<(Stopped, ListenError), _>(&Relay::to(&probe));
    (listener, ledger, events)
}

#[test]
fn an_arbiter_whose_actor_has_ended_for_good_leaves_the_connections_to_the_others() {
    run(async {
        let transport = pooled(2);
        let (listener, ledger, mut events) = with_quitters(&transport, 1);
        let here = address(&listener).await;
        let _first = TcpStream::connect(here).await.unwrap();
        eventually("it is received", async || ledger.total(EventKind::ConnectionReceived) == 1).await;
        events.silence().await;
        let quitter = ledger.count(EventKind::ConnectionReceived);
        let _peers = peers_to(MANY, here).await;
        eventually("all are received", async || ledger.total(EventKind::ConnectionReceived) == 1 + MANY)
            .await;
        let counts = ledger.count(EventKind::ConnectionReceived);
        assert!(counts.len() == 2 && quitter.keys().all(|thread| counts[thread] == 1), "{counts:?}");
    });
}

#[test]
fn a_listener_all_of_whose_actors_have_ended_for_good_ends_too() {
    run(async {
        let transport = pooled(2);
        let (listener, ledger, mut events) = with_quitters(&transport, 2);
        let here = address(&listener).await;
        for received in 1..=2 {
            let _peer = TcpStream::connect(here).await.unwrap();
            eventually("received", async || ledger.total(EventKind::ConnectionReceived) == received).await;
            sleep(SILENCE).await;
        }
        let Event::ListenError(error) = events.next().await else { panic!("it has ended well") };
        assert!(matches!(error.reason, ListenFailure::Stopped(_)), "{}", error.reason);
        assert!(TcpStream::connect(here).await.is_err());
    });
}

#[test]
fn a_filter_that_panics_over_one_connection_restarts_one_arbiter_with_its_socket() {
    let _quiet = quiet_panics("the filter, as planned");
    run(async {
        let transport = pooled(2);
        let (preconnection, ledger) = on_each(&transport);
        let looks = Arc::new(AtomicUsize::new(0));
        let looked = looks.clone();
        let filter = move |_: &_| {
            assert!(looked.fetch_add(1, Ordering::SeqCst) != 7, "the filter, as planned");
            true
        };
        let listener = preconnection.accept_filter(filter).listen().unwrap();
        let mut peers = peers_to(MANY, address(&listener).await).await;
        for peer in &mut peers {
            assert!(answers(peer, b"hello").await);
        }
        assert_eq!(ledger.count(EventKind::ConnectionReceived).len(), 2);
        assert_eq!(looks.load(Ordering::SeqCst), MANY + 1, "one was looked at twice");
    });
}

#[test]
fn a_udp_listener_stays_on_one_arbiter_where_all_datagrams_of_a_peer_come() {
    run(async {
        let transport = pooled(3);
        let ledger = Ledger::default();
        let noted = ledger.clone();
        let listener = Preconnection::new(&transport)
            .local("127.0.0.1:0")
            .require(PreserveMsgBoundaries)
            .no_preference(Reliability)
            .no_preference(PreserveOrder)
            .no_preference(CongestionControl)
            .set("safelyReplayable", true)
            .subscribe_each::<Event, _>(move || Waiter { ledger: noted.clone(), kept: Vec::new() })
            .listen()
            .unwrap();
        let here = address(&listener).await;
        let mut answer = [0; 16];
        for _ in 0..16 {
            let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            peer.connect(here).await.unwrap();
            for word in [&b"one"[..], b"two", b"three"] {
                peer.send(word).await.unwrap();
                let length = within(peer.recv(&mut answer)).await.unwrap();
                assert_eq!(&answer[..length], word);
            }
        }
        let received = ledger.count(EventKind::ConnectionReceived);
        assert_eq!((received.len(), ledger.total(EventKind::ConnectionReceived)), (1, 16));
    });
}

// ---------- Initiating

/// A connection that is placed like this talks, and ends.
async fn talks(preconnection: Preconnection) {
    let connection = preconnection.initiate().unwrap();
    within(connection.ready()).await.unwrap();
    within(connection.send("hello")).await.unwrap();
    assert_eq!(receive_bytes(&connection, 5).await, b"hello");
    assert_eq!(connection.remote_addr().unwrap().ip(), V4);
    connection.close();
    within(connection.closed()).await.unwrap();
}

#[test]
fn a_connection_talks_from_wherever_it_is_placed() {
    run(async {
        let transport = pooled(2);
        let to = echo(V4).await;
        let elsewhere = Arbiter::new();
        let pool = transport.arbiters().await.unwrap();
        assert_eq!(pool.len(), 2);
        for placement in
            [Placement::Own, Placement::Pool, Placement::On(elsewhere.handle()), pool[1].clone().into()]
        {
            talks(Preconnection::new(&transport).remote(to).on(placement)).await;
        }
        talks(Preconnection::new(&Transport::start()).remote(to).on(Placement::Pool)).await;
        nobody_is_left(&transport).await;
        elsewhere.stop();
        elsewhere.join().unwrap();
    });
}

#[test]
fn a_connection_lives_and_dies_with_the_arbiter_it_is_placed_on() {
    run(async {
        let transport = Transport::start();
        let to = echo(V4).await;
        let elsewhere = Arbiter::new();
        let place = elsewhere.handle();
        let here = Preconnection::new(&transport).remote(to).initiate().unwrap();
        let there = Preconnection::new(&transport).remote(to).on(&place).initiate().unwrap();
        within(here.ready()).await.unwrap();
        within(there.ready()).await.unwrap();
        elsewhere.stop();
        elsewhere.join().unwrap();
        assert!(within(there.closed()).await.is_err());
        within(here.send("alive")).await.unwrap();
        // Nobody can be placed there any more.
        let late = Preconnection::new(&transport).remote(to).on(&place).initiate().unwrap();
        let said = within(late.ready()).await.unwrap_err().to_string();
        assert!(said.contains("arbiter"), "{said}");
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").on(&place).listen().unwrap();
        assert!(matches!(within(listener.listening()).await, Err(ListenFailure::Stopped(_))));
    });
}

// ---------- The pool

/// The system's numbers of this process's threads with such a name; `None` where it does not tell.
fn threads(name: &str) -> Option<HashSet<String>> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let mut found = HashSet::new();
    for task in tasks.flatten() {
        let said = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if said.trim_end().starts_with(name) {
            found.insert(task.file_name().into_string().ok()?);
        }
    }
    Some(found)
}

/// The system's number of the thread behind each arbiter.
async fn numbers(transport: &Transport) -> HashSet<String> {
    let mut numbers = HashSet::new();
    for arbiter in transport.arbiters().await.unwrap() {
        let (tell, told) = tokio::sync::oneshot::channel();
        arbiter.spawn_fn(move || {
            let link = std::fs::read_link("/proc/thread-self").unwrap();
            tell.send(link.file_name().unwrap().to_str().unwrap().to_owned()).unwrap();
        });
        numbers.insert(within(told).await.unwrap());
    }
    numbers
}

async fn are_gone(numbers: &HashSet<String>) {
    eventually("the threads have ended", async || threads("neatflow").unwrap().is_disjoint(numbers)).await;
}

#[test]
fn the_pool_ends_with_the_transport_and_its_last_connection() {
    if threads("").is_none() {
        return skip("the system does not tell its threads");
    }
    run(async {
        let to = echo(V4).await;
        let elsewhere = Arbiter::new();
        let own_thread = Transport::builder().arbiters(3).start_thread().unwrap();
        let started_on = Transport::builder().arbiters(3).start_on(&elsewhere.handle());
        for transport in [pooled(3), started_on, own_thread] {
            let numbers = numbers(&transport).await;
            assert_eq!(numbers.len(), 3);
            assert!(threads("neatflow-").unwrap().is_superset(&numbers));
            let placed = Preconnection::new(&transport).remote(to).on(Placement::Pool);
            let connection = placed.initiate().unwrap();
            within(connection.ready()).await.unwrap();
            drop((placed, transport));
            sleep(SILENCE).await;
            assert!(threads("neatflow-").unwrap().is_superset(&numbers), "a connection lives there");
            within(connection.send("alive")).await.unwrap();
            drop(connection);
            are_gone(&numbers).await;
        }
    });
}

#[test]
fn the_pool_ends_with_the_arbiter_of_its_transport() {
    if threads("").is_none() {
        return skip("the system does not tell its threads");
    }
    run(async {
        let to = echo(V4).await;
        let elsewhere = Arbiter::new();
        let transport = Transport::builder().arbiters(2).start_on(&elsewhere.handle());
        let numbers = numbers(&transport).await;
        let (preconnection, _ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        let here = address(&listener).await;
        let connection = Preconnection::new(&transport).remote(to).on(Placement::Pool).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        elsewhere.stop();
        elsewhere.join().unwrap();
        are_gone(&numbers).await;
        assert!(within(connection.closed()).await.is_err());
        assert!(within(listener.accept()).await.is_none());
        assert!(TcpStream::connect(here).await.is_err());
        assert!(matches!(transport.arbiters().await, Err(Error::Stopped)));
    });
}

#[test]
fn an_arbiter_of_the_pool_that_is_stopped_is_passed_by() {
    run(async {
        let transport = pooled(2);
        let to = echo(V4).await;
        transport.arbiters().await.unwrap()[0].stop();
        sleep(SILENCE).await;
        for _ in 0..4 {
            talks(Preconnection::new(&transport).remote(to).on(Placement::Pool)).await;
        }
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        let mut peers = peers_to(8, address(&listener).await).await;
        for peer in &mut peers {
            assert!(answers(peer, b"hello").await);
        }
        assert_eq!(ledger.count(EventKind::ConnectionReceived).len(), 1);
    });
}

#[test]
fn too_large_a_pool_is_an_error_and_starts_nothing() {
    run(async {
        let builder = Transport::builder().arbiters(MOST_ARBITERS + 1);
        let refused = builder.clone().start_thread().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        let transport = builder.start();
        let connection = Preconnection::new(&transport).remote("127.0.0.1:9").initiate();
        let ended = match connection {
            Ok(connection) => within(connection.ready()).await.is_err(),
            Err(error) => matches!(error, Error::Stopped),
        };
        assert!(ended);
        assert!(matches!(transport.census().await, Err(Error::Stopped)));
    });
}

#[test]
fn a_listener_that_is_stopped_while_a_name_is_resolved_stops_at_once() {
    run(async {
        // Nobody answers there.
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let transport = Transport::builder()
            .name_servers([silent.local_addr().unwrap()])
            .resolution_timeout(Duration::from_secs(15))
            .start();
        let (probe, mut events) = probe();
        let listener = Preconnection::new(&transport)
            .local("host.example:0")
            .subscribe::<Event, _>(&probe)
            .listen()
            .unwrap();
        sleep(SILENCE).await;
        let asked = std::time::Instant::now();
        listener.stop();
        events.expect(EventKind::Stopped).await;
        assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    });
}

// ---------- Staying awake

/// How long this thread has run, by the system's account; `None` where it does not tell.
fn processor_time() -> Option<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(account.split_whitespace().next()?.parse().ok()?))
}

async fn ping_pong(connection: &Connection, times: usize) {
    for _ in 0..times {
        within(connection.send("ping")).await.unwrap();
        assert_eq!(receive_bytes(connection, 4).await, b"ping");
    }
}

#[test]
fn an_arbiter_stays_awake_while_data_comes_and_sleeps_when_it_does_not() {
    // A thread that has just begun may have spent nothing yet, by the system's count.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_millis(20) {
        std::hint::spin_loop();
    }
    if processor_time().is_none_or(|time| time.is_zero()) {
        return skip("the system does not tell the time of a thread");
    }
    // A peer on a thread of its own.
    let listener = std::net::TcpListener::bind((V4, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
    });
    run(async {
        const IDLE: Duration = Duration::from_millis(100);
        let transport = Transport::start();
        let connection = connect(&transport, to);
        within(connection.ready()).await.unwrap();
        ping_pong(&connection, 10).await;
        let spinning = spin(IDLE);
        let spent = async |wait: Duration| {
            let before = processor_time().unwrap();
            sleep(wait).await;
            processor_time().unwrap() - before
        };
        // Awake after data, whether it came at the start or after a sleep; asleep without.
        for _ in 0..2 {
            ping_pong(&connection, 50).await;
            let awake = spent(IDLE).await;
            assert!(awake > IDLE / 10, "it slept: {awake:?}");
            sleep(IDLE).await;
            let asleep = spent(3 * IDLE).await;
            assert!(asleep < IDLE / 3, "it spun: {asleep:?}");
        }
        drop(spinning);
        ping_pong(&connection, 50).await;
        let ended = spent(3 * IDLE).await;
        assert!(ended < IDLE / 3, "it spun on: {ended:?}");
        drop(connection);
    });
    peer.join().unwrap();
}

#[test]
fn a_transport_whose_arbiters_spin_works_as_ever_and_ends() {
    run(async {
        let transport = Transport::builder().arbiters(2).spinning(Duration::from_micros(60)).start();
        let (preconnection, ledger) = on_each(&transport);
        let listener = preconnection.listen().unwrap();
        let mut peers = peers_to(MANY, address(&listener).await).await;
        for round in 0..10_u8 {
            for peer in &mut peers {
                assert!(answers(peer, &[round; 32]).await);
            }
        }
        assert_eq!(ledger.count(EventKind::ConnectionReceived).len(), 2);
    });
}
