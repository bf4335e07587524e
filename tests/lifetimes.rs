//! Lifetimes: what keeps a connection open, what ends it, and where a transport can live.

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use futures::future::{LocalBoxFuture, pending};
use futures::{FutureExt, StreamExt};
use neatflow::events::EventKind;
use neatflow::prelude::*;
use neatflow::stacks::{Acceptor, Established, ListenOn, Progress, Stack};
use neatflow::{
    Candidate, Error, EstablishmentFailure, Failure, Message, Offers, Protocol, ReceiveFailure, SendFailure,
    State,
};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

// ---------- Handles

#[test]
fn dropping_the_last_handle_closes_gracefully() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        let other = connection.clone();
        connection.send(pattern(0, 300_000));
        drop(connection);
        tokio::time::sleep(SILENCE).await;
        assert_eq!(other.state(), State::Established);
        drop(other);
        assert!(read_all(&mut peer).await == pattern(0, 300_000), "something else came");
        drop(peer);
        let told = events.until_terminal().await;
        use EventKind::{AllWritten, Closed, Sent, Writable};
        assert_eq!(kinds(&told), [Sent, Writable, AllWritten, Closed]);
        drop(told);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn events_that_nobody_has_looked_at_keep_nothing_open() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let connection =
            Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        let Event::Ready(ready) = events.next().await else { panic!() };
        // A reference in an event can be made a handle.
        let kept = ready.connection.keep();
        drop(connection);
        events.silence().await;
        assert_eq!(kept, *ready.connection);
        drop(kept);
        assert_eq!(events.end().await.kind(), EventKind::Closed);
        assert_eq!(ready.connection.state(), State::Closed);
    });
}

/// A stack whose attempts never end. It counts those that are under way.
#[derive(Debug, Default)]
struct Stuck(Arc<AtomicUsize>);

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stack for Stuck {
    fn protocol(&self) -> Protocol {
        Protocol::TCP
    }

    fn offers(&self) -> Offers {
        neatflow::stacks::tcp::Tcp::new().offers()
    }

    fn connect(
        &self,
        _: &Arc<Candidate>,
        _: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let counted = UnderWay(self.0.clone());
        Box::pin(async move {
            let _counted = counted;
            pending().await
        })
    }

    fn listen(&self, _: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        Err(Failure::Cancelled)
    }
}

#[test]
fn dropping_every_handle_while_racing_cancels_the_race() {
    run(async {
        let under_way = Arc::new(AtomicUsize::new(0));
        let transport = Transport::builder().stack(Stuck(under_way.clone())).start();
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&transport)
            .remote("127.0.0.1:9")
            .remote("127.0.0.1:10")
            .subscribe::<Event, _>(&probe);
        // Queued messages do not keep it, unless it was closed: then they were given for delivery.
        let connection = preconnection.initiate().unwrap();
        connection.send("in vain");
        let other = connection.clone();
        eventually("both attempts are under way", async || under_way.load(Ordering::Relaxed) == 2).await;
        assert_eq!(transport.census().await.unwrap().candidates, 2);
        drop(connection);
        events.silence().await;
        drop(other);
        let told = events.until_terminal().await;
        assert_eq!(kinds(&told), [EventKind::SendError, EventKind::EstablishmentError]);
        let Some(Event::EstablishmentError(end)) = told.last() else { panic!() };
        assert!(matches!(&*end.reason, EstablishmentFailure::Cancelled), "{}", end.reason);
        eventually("no attempt is under way", async || under_way.load(Ordering::Relaxed) == 0).await;
        nobody_is_left(&transport).await;
        // So do close and abort.
        for end in [Connection::close, Connection::abort] {
            let connection = preconnection.initiate().unwrap();
            eventually("an attempt is under way", async || under_way.load(Ordering::Relaxed) > 0).await;
            end(&connection);
            assert_eq!(connection.state(), State::Closed);
            let told = within(connection.closed()).await;
            assert!(
                matches!(told, Err(Error::Establishment(why)) if matches!(*why, EstablishmentFailure::Cancelled))
            );
            assert_eq!(events.end().await.kind(), EventKind::EstablishmentError);
            nobody_is_left(&transport).await;
            assert_eq!(under_way.load(Ordering::Relaxed), 0);
        }
    });
}

#[test]
fn dropping_every_handle_while_resolving_cancels_it() {
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("slow.example", RecordType::A, Reply::silence());
        dns.on("slow.example", RecordType::AAAA, Reply::silence());
        let transport = Transport::builder().name_servers([dns.address()]).start();
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&transport).remote("slow.example:80");
        let connection = preconnection.subscribe::<Event, _>(&probe).initiate().unwrap();
        eventually("the server was asked", async || dns.queries("slow.example", RecordType::A) > 0).await;
        drop(connection);
        assert_eq!(events.end().await.kind(), EventKind::EstablishmentError);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn a_handle_that_is_dropped_at_once_leaves_nothing_behind() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let preconnection = Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe);
        drop(preconnection.initiate().unwrap());
        assert_eq!(events.end().await.kind(), EventKind::EstablishmentError);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn what_was_sent_before_a_close_is_delivered_even_if_that_needs_establishing() {
    run(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let tell = std::cell::RefCell::new(Some(tell));
        let server = serve(V4, move |mut stream| {
            let tell = tell.take().unwrap();
            async move { tell.send(read_all(&mut stream).await).unwrap() }
        })
        .await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        connection.send("one, ");
        connection.send("two");
        connection.close();
        let closed = connection.closed();
        assert_eq!(within(connection.send("three")).await, Err(SendFailure::Closed));
        drop(connection);
        within(closed).await.unwrap();
        assert_eq!(within(told).await.unwrap(), b"one, two");
        nobody_is_left(&transport).await;
    });
}

// ---------- What a connection carries

#[test]
fn a_connection_carries_what_the_application_gives_it() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        assert_eq!(connection.user_data::<String>(), None);
        let data = Arc::new("mine".to_owned());
        connection.set_user_data(data.clone());
        let other = connection.clone();
        assert_eq!(**other.user_data::<Arc<String>>().unwrap(), "mine");
        assert_eq!(other.user_data::<u32>(), None);
        other.set_user_data(7_u32);
        assert_eq!(connection.user_data::<u32>().as_deref(), Some(&7));
        // The earlier value is gone.
        assert_eq!(Arc::strong_count(&data), 1);
        connection.set_user_data(data.clone());
        within(connection.ready()).await.unwrap();
        drop((connection, other));
        eventually("what the connection carried is dropped with it", async || Arc::strong_count(&data) == 1)
            .await;
    });
}

#[test]
fn ids_and_addresses_tell_connections_apart() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let (one, other) = (connect(&transport, server), connect(&transport, server));
        assert!(one != other && one.id() < other.id());
        assert_eq!(one, one.clone());
        assert_eq!((one.local_addr(), one.path(), one.stream_id()), (None, None, None));
        for connection in [&one, &other] {
            within(connection.ready()).await.unwrap();
            assert_eq!(connection.remote_addr(), Some(server));
            assert_eq!(connection.local_addr().unwrap().ip(), V4);
            assert_eq!(connection.stream_id(), None);
            let race = connection.race().unwrap();
            let winner = race.candidate(race.timeline.winner().unwrap()).unwrap();
            assert_eq!(winner.remote, server);
        }
        assert_ne!(one.local_addr(), other.local_addr());
        let text = format!("{one:?} {:?}", transport);
        assert!(text.contains(&one.id().to_string()), "{text}");
    });
}

#[test]
fn a_report_tells_what_is_measured_while_there_is_something_to_measure() {
    run(async {
        let server = echo(V4).await;
        let under_way = Arc::new(AtomicUsize::new(0));
        let stuck = Transport::builder().stack(Stuck(under_way)).start();
        assert_eq!(within(connect(&stuck, server).report()).await, Default::default());
        let transport = Transport::start();
        let connection = connect(&transport, server);
        within(connection.send("hello")).await.unwrap();
        receive_bytes(&connection, 5).await;
        let report = within(connection.report()).await;
        if cfg!(target_os = "linux") {
            assert!(report.rtt.is_some_and(|rtt| rtt < Duration::from_secs(5)), "{report:?}");
            assert!(report.congestion_window.is_some_and(|window| window > 0), "{report:?}");
        }
        connection.close();
        within(connection.closed()).await.unwrap();
        eventually("there is nothing to measure", async || connection.report().await == Default::default())
            .await;
    });
}

// ---------- Transports

#[test]
fn connections_live_on_without_the_handle_of_their_transport() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let connection = connect(&transport, server);
        within(connection.ready()).await.unwrap();
        let racing = connect(&transport, server);
        drop(transport);
        tokio::time::sleep(SILENCE).await;
        within(connection.send("hello")).await.unwrap();
        assert_eq!(receive_bytes(&connection, 5).await, b"hello");
        // What was under way goes on, too.
        within(racing.ready()).await.unwrap();
        let _peer = TcpStream::connect(here).await.unwrap();
        assert!(within(listener.accept()).await.is_some());
        connection.close();
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn two_transports_do_not_know_each_other() {
    run(async {
        let server = echo(V4).await;
        let (one, other) = (Transport::start(), Transport::start());
        let (here, there) = (connect(&one, server), connect(&other, server));
        within(here.ready()).await.unwrap();
        within(there.ready()).await.unwrap();
        assert_ne!(here.id(), there.id());
        assert_eq!((one.census().await.unwrap().flows, other.census().await.unwrap().flows), (1, 1));
        here.close();
        within(here.closed()).await.unwrap();
        drop(one);
        within(there.send("hello")).await.unwrap();
        assert_eq!(receive_bytes(&there, 5).await, b"hello");
    });
}

#[test]
fn a_program_of_tokio_uses_a_transport_on_a_thread_of_its_own() {
    let _watchdog = Watchdog::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let transport = Transport::builder().start_thread().unwrap();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let server = tokio::spawn(async move {
            while let Some(connection) = listener.accept().await {
                tokio::spawn(async move {
                    while let Ok(message) = connection.received().await {
                        connection.send(message).await.unwrap();
                    }
                });
            }
        });
        let clients = (0..20_usize).map(|n| {
            let transport = transport.clone();
            tokio::spawn(async move {
                let connection = connect(&transport, here);
                let mut events = connection.events();
                within(connection.send(pattern(n, 10_000))).await.unwrap();
                connection.send(Message::default().last());
                assert!(receive_bytes(&connection, 10_000).await == pattern(n, 10_000));
                connection.close();
                within(connection.closed()).await.unwrap();
                let mut last = None;
                while let Some(event) = within(events.next()).await {
                    last = Some(event.kind());
                }
                assert_eq!(last, Some(EventKind::Closed));
            })
        });
        for client in clients.collect::<Vec<_>>() {
            within(client).await.unwrap();
        }
        server.abort();
    });
}

#[test]
fn a_transport_runs_in_a_local_set_of_tokio() {
    let _watchdog = Watchdog::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        within(connection.send("hello")).await.unwrap();
        assert_eq!(receive_bytes(&connection, 5).await, b"hello");
        connection.close();
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn a_transport_on_another_arbiter_ends_its_connections_with_it() {
    run(async {
        let server = echo(V4).await;
        let arbiter = Arbiter::new();
        let transport = Transport::builder().start_on(&arbiter.handle());
        let (probe, mut events) = probe();
        let connection =
            Preconnection::new(&transport).remote(server).subscribe::<Event, _>(&probe).initiate().unwrap();
        within(connection.send("hello")).await.unwrap();
        assert_eq!(receive_bytes(&connection, 5).await, b"hello");
        let asked = connection.receive();
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        within(listener.listening()).await.unwrap();
        arbiter.stop();
        let told = events.until_terminal().await;
        let Some(Event::ConnectionError(_)) = told.last() else { panic!("{told:?}") };
        let answered =
            |event: &Event| matches!(event, Event::ReceiveError(failed) if failed.receive == asked);
        assert!(told.iter().any(answered), "{told:?}");
        assert!(within(connection.closed()).await.is_err());
        assert!(within(listener.accept()).await.is_none());
        arbiter.join().unwrap();
        // Nobody is there to make another: an error, or an event, and no silence.
        match Preconnection::new(&transport).remote(server).initiate() {
            Err(Error::Stopped) => {}
            Ok(connection) => drop(within(connection.closed()).await.unwrap_err()),
            Err(other) => panic!("{other}"),
        }
        assert!(matches!(within(transport.census()).await, Err(Error::Stopped)));
    });
}

#[test]
fn the_system_can_end_while_connections_live() {
    let _watchdog = Watchdog::start();
    let (connection, peer) = System::new().block_on(async {
        let transport = Transport::start();
        let (connection, peer) = pair(&transport).await;
        (connection, peer.into_std().unwrap())
    });
    // Whoever has a handle over the end of it all gets answers, too.
    assert!(matches!(connection.closed().now_or_never(), Some(Err(Error::Connection(_)))));
    assert!(matches!(connection.received().now_or_never(), Some(Err(ReceiveFailure::Connection(_)))));
    assert_eq!(connection.send("late").into_future().now_or_never(), Some(Err(SendFailure::Closed)));
    assert_eq!(connection.report().now_or_never(), Some(Default::default()));
    drop(peer);
}
