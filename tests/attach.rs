//! Actors that drive their connections themselves: the same events, in the actor's own turn, whatever becomes of the
//! actor.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use neatflow::events::EventKind as E;
use neatflow::prelude::*;
use neatflow::supervision::{Plan, supervise};
use neatflow::{Delivery, Message};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Everything = (Ready, Sent, AllWritten, Received, ReceiveError, Closed, ConnectionError);

/// What an actor heard: which event, what was in it, and on which thread.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(E, String, ThreadId)>>>);

impl Heard {
    fn note(&self, kind: E, what: impl Into<String>) {
        self.0.lock().unwrap().push((kind, what.into(), std::thread::current().id()));
    }

    fn all(&self) -> Vec<(E, String)> {
        self.0.lock().unwrap().iter().map(|(kind, what, _)| (*kind, what.clone())).collect()
    }

    fn kinds(&self) -> Vec<E> {
        self.all().into_iter().map(|(kind, _)| kind).collect()
    }

    /// Everything that was received, as one text.
    fn text(&self) -> String {
        self.all().into_iter().filter(|(kind, _)| *kind == E::Received).map(|(_, what)| what).collect()
    }

    fn threads(&self) -> Vec<ThreadId> {
        let mut threads: Vec<_> = self.0.lock().unwrap().iter().map(|(_, _, thread)| *thread).collect();
        threads.dedup();
        threads
    }

    async fn wait_for(&self, kind: E) {
        eventually(&format!("{kind}"), async || self.kinds().contains(&kind)).await;
    }

    async fn wait_for_text(&self, text: &str) {
        eventually(text, async || self.text() == text).await;
    }
}

/// Attaches to its connection when it starts, and notes what it hears.
struct Ear {
    heard: Heard,
    connection: Option<Connection>,
    /// Panics over, stops after, or takes its time with what has this in it.
    panics: Option<&'static str>,
    stops: Option<&'static str>,
    waits: Option<&'static str>,
}

impl Ear {
    fn new(heard: &Heard, connection: Connection) -> Self {
        Self { heard: heard.clone(), connection: Some(connection), panics: None, stops: None, waits: None }
    }
}

impl Actor for Ear {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = &self.connection {
            connection.attach::<Everything, _>(ctx);
        }
    }
}

impl Supervised for Ear {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.panics = None;
    }
}

macro_rules! notes {
    ($($event:ident: $of:expr,)*) => {$(
        impl Handler<$event> for Ear {
            type Result = ();

            fn handle(&mut self, event: $event, _: &mut Self::Context) {
                let say: fn(&$event) -> String = $of;
                self.heard.note(E::$event, say(&event));
            }
        }
    )*};
}

notes! {
    Ready: |_| String::new(),
    Sent: |event| format!("{:?}", event.id),
    AllWritten: |_| String::new(),
    ReceiveError: |event| event.reason.to_string(),
    Closed: |_| String::new(),
    ConnectionError: |event| event.reason.to_string(),
}

impl Handler<Received> for Ear {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Received, ctx: &mut Self::Context) -> Self::Result {
        let what = event.to_string();
        let has = |what: &str, part: Option<&'static str>| part.is_some_and(|part| what.contains(part));
        if has(&what, self.panics) {
            self.heard.note(E::SoftError, &*what);
            panic!("the handler panics over {what}");
        }
        if has(&what, self.stops) {
            ctx.stop();
        }
        let rest = if has(&what, self.waits) { Duration::from_millis(30) } else { Duration::ZERO };
        let later = async move { tokio::time::sleep(rest).await };
        let note = later.into_actor(self).map(move |(), ear, _| ear.heard.note(E::Received, what));
        AtomicResponse::new(Box::pin(note))
    }
}

/// Has an actor do something in its own turn.
#[derive(Message)]
#[rtype(result = "()")]
struct Do(Deed);

type Deed = Box<dyn FnOnce(&mut Ear, &mut Context<Ear>) + Send>;

impl Handler<Do> for Ear {
    type Result = ();

    fn handle(&mut self, what: Do, ctx: &mut Self::Context) {
        (what.0)(self, ctx);
    }
}

// ---------- The same events

#[test]
fn an_attached_actor_hears_what_a_mailbox_hears_in_the_same_order() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let connection = connect(&transport, server);
        let (attached, mailed) = (Heard::default(), Heard::default());
        let by_mail = Ear { connection: None, ..Ear::new(&mailed, connection.clone()) }.start();
        connection.subscribe::<Everything, _>(&by_mail);
        let _attached = Ear::new(&attached, connection.clone()).start();
        connection.stream(4);
        for n in 0..100 {
            within(connection.send(format!("{n};"))).await.unwrap();
        }
        connection.send(Message::default().last());
        within(connection.closed()).await.unwrap();
        attached.wait_for(E::Closed).await;
        mailed.wait_for(E::Closed).await;
        assert_eq!(attached.all(), mailed.all());
        assert_eq!(attached.text(), (0..100).map(|n| format!("{n};")).collect::<String>());
    });
}

#[test]
fn a_connection_tells_how_its_events_are_delivered() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        assert_eq!(connection.delivery(), Delivery::Nobody);
        let heard = Heard::default();
        let ear = Ear { connection: None, ..Ear::new(&heard, connection.clone()) }.start();
        let subscription = connection.subscribe::<Received, _>(&ear);
        assert_eq!(connection.delivery(), Delivery::Mailbox);
        let (to_attach, to_ask) = (connection.clone(), connection.clone());
        let attach = Do(Box::new(move |_, ctx| {
            to_attach.attach::<Received, _>(ctx);
        }));
        within(ear.send(attach)).await.unwrap();
        assert_eq!(to_ask.delivery(), Delivery::Attached);
        connection.unsubscribe(subscription);
        assert_eq!(connection.delivery(), Delivery::Attached);
    });
}

#[test]
fn whoever_withdraws_hears_nothing_more_and_the_connection_goes_on() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Heard::default();
        let ear = Ear { connection: None, ..Ear::new(&heard, connection.clone()) }.start();
        let (here, there) = tokio::sync::oneshot::channel();
        let to_attach = connection.clone();
        let attach = Do(Box::new(move |_, ctx| {
            let _ = here.send(to_attach.attach::<Everything, _>(ctx));
        }));
        within(ear.send(attach)).await.unwrap();
        connection.stream(8);
        peer.write_all(b"one").await.unwrap();
        heard.wait_for_text("one").await;
        connection.unsubscribe(within(there).await.unwrap());
        peer.write_all(b"two").await.unwrap();
        assert_eq!(receive_bytes(&connection, 3).await, b"two");
        assert_eq!(heard.kinds(), [E::Received]);
        connection.close();
        drop(peer);
        within(connection.closed()).await.unwrap();
    });
}

#[test]
fn another_actor_that_attaches_hears_by_its_mailbox() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (first, second) = (Heard::default(), Heard::default());
        let _first = Ear::new(&first, connection.clone()).start();
        let _second = Ear::new(&second, connection.clone()).start();
        connection.stream(8);
        peer.write_all(b"both").await.unwrap();
        first.wait_for_text("both").await;
        second.wait_for_text("both").await;
    });
}

#[test]
fn whoever_attaches_too_late_hears_the_terminal_event() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        connection.abort();
        let _ = within(connection.closed()).await;
        let heard = Heard::default();
        let _ear = Ear::new(&heard, connection.clone()).start();
        heard.wait_for(E::ConnectionError).await;
        assert_eq!(heard.kinds(), [E::ConnectionError]);
    });
}

#[test]
fn an_actor_attaches_before_ready() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let heard = Heard::default();
        let connection = connect(&transport, server);
        let _ear = Ear::new(&heard, connection.clone()).start();
        connection.receive();
        connection.send("hello");
        heard.wait_for_text("hello").await;
        assert_eq!(heard.kinds(), [E::Ready, E::Sent, E::AllWritten, E::Received]);
    });
}

#[test]
fn a_handler_that_takes_its_time_keeps_the_order_and_holds_back_the_rest() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Heard::default();
        let _ear = Ear { waits: Some("slow"), ..Ear::new(&heard, connection.clone()) }.start();
        connection.stream(8);
        for word in ["quick ", "slow ", "quick ", "slow ", "end"] {
            peer.write_all(word.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        heard.wait_for_text("quick slow quick slow end").await;
    });
}

// ---------- Other arbiters

#[test]
fn a_flow_moves_to_the_arbiter_of_the_actor_that_attaches() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let elsewhere = Arbiter::new();
        let heard = Heard::default();
        connection.stream(8);
        // What has come and what is queued goes along.
        connection.send("before ");
        peer.write_all(b"early ").await.unwrap();
        let (noted, theirs) = (heard.clone(), connection.clone());
        let _ear = Ear::start_in_arbiter(&elsewhere.handle(), move |_| Ear::new(&noted, theirs));
        heard.wait_for_text("early ").await;
        connection.send("after");
        let mut came = vec![0; "before after".len()];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert_eq!(came, b"before after");
        peer.write_all(b"late").await.unwrap();
        heard.wait_for_text("early late").await;
        assert_eq!(connection.delivery(), Delivery::Attached);
        let threads = heard.threads();
        assert_eq!(threads.len(), 1);
        assert_ne!(threads[0], std::thread::current().id());
        assert!(within(connection.report()).await.rtt.is_some(), "it is measured where it is now");
        drop(peer);
        connection.close();
        heard.wait_for(E::Closed).await;
        drop(connection);
        nobody_is_left(&transport).await;
        elsewhere.stop();
    });
}

#[test]
fn a_race_is_waited_for_before_the_flow_moves() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let elsewhere = Arbiter::new();
        let heard = Heard::default();
        let connection = connect(&transport, server);
        let (noted, theirs) = (heard.clone(), connection.clone());
        let _ear = Ear::start_in_arbiter(&elsewhere.handle(), move |_| Ear::new(&noted, theirs));
        connection.receive();
        connection.send("hello");
        heard.wait_for_text("hello").await;
        assert_eq!(heard.threads().len(), 1);
        assert_eq!(connection.delivery(), Delivery::Attached);
        elsewhere.stop();
    });
}

#[test]
fn a_flow_that_cannot_move_is_heard_by_the_mailbox() {
    run(async {
        let transport = Transport::start();
        let unreliable = Preconnection::new(&transport).prohibit(Reliability).no_preference(PreserveOrder);
        let unreliable = unreliable.no_preference(CongestionControl).set("safelyReplayable", true);
        let listener = unreliable.clone().local("127.0.0.1:0").listen().unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let client = unreliable.remote(here).initiate().unwrap();
        client.send("one");
        let connection = within(listener.accept()).await.unwrap();
        let elsewhere = Arbiter::new();
        let heard = Heard::default();
        let (noted, theirs) = (heard.clone(), connection.clone());
        let _ear = Ear::start_in_arbiter(&elsewhere.handle(), move |_| Ear::new(&noted, theirs));
        connection.stream(8);
        heard.wait_for_text("one").await;
        client.send("two");
        heard.wait_for_text("onetwo").await;
        assert_eq!(connection.delivery(), Delivery::Mailbox);
        elsewhere.stop();
    });
}

// ---------- What becomes of the actor

#[test]
fn a_flow_survives_a_handler_that_panics_and_is_handed_to_the_restarted_actor() {
    let _quiet = neatflow_testing::quiet_panics("the handler panics over");
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Heard::default();
        let ear = Ear { panics: Some("bad"), ..Ear::new(&heard, connection.clone()) };
        let _child = supervise(ear, Plan::permanent());
        connection.stream(8);
        peer.write_all(b"one ").await.unwrap();
        heard.wait_for_text("one ").await;
        // Alone: what came with it would be gone with it.
        peer.write_all(b"bad ").await.unwrap();
        heard.wait_for(E::SoftError).await;
        for word in ["two ", "three "] {
            peer.write_all(word.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Like a message from the mailbox, the event that the handler panicked over is gone.
        heard.wait_for_text("one two three ").await;
        assert_eq!(connection.delivery(), Delivery::Attached);
        peer.write_all(b"four").await.unwrap();
        heard.wait_for_text("one two three four").await;
        peer.shutdown().await.unwrap();
        connection.close();
        heard.wait_for(E::Closed).await;
        tokio::time::sleep(SILENCE).await;
        let terminal = heard.kinds().into_iter().filter(|kind| kind.is_terminal()).count();
        assert_eq!(terminal, 1);
    });
}

#[test]
fn an_actor_that_is_not_supervised_dies_and_its_connection_lives_on() {
    let _quiet = neatflow_testing::quiet_panics("the handler panics over");
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Heard::default();
        let ear = Ear { panics: Some("bad"), ..Ear::new(&heard, connection.clone()) }.start();
        connection.stream(8);
        peer.write_all(b"bad").await.unwrap();
        eventually("the actor has died", async || !ear.connected()).await;
        peer.write_all(b"good").await.unwrap();
        assert_eq!(receive_bytes(&connection, 4).await, b"good");
        connection.close();
        drop(peer);
        within(connection.closed()).await.unwrap();
        drop(connection);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn an_actor_that_stops_lets_go_of_its_connection() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let heard = Heard::default();
        let ear = Ear { stops: Some("stop"), ..Ear::new(&heard, connection.clone()) }.start();
        connection.stream(8);
        drop(connection);
        peer.write_all(b"go on").await.unwrap();
        heard.wait_for_text("go on").await;
        peer.write_all(b"stop").await.unwrap();
        eventually("the actor has stopped", async || !ear.connected()).await;
        assert!(read_all(&mut peer).await.is_empty(), "the last handle was the actor's");
        drop(peer);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn an_arbiter_that_stops_ends_the_connections_that_its_actors_drive() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let elsewhere = Arbiter::new();
        let heard = Heard::default();
        let (noted, theirs) = (heard.clone(), connection.clone());
        let _ear = Ear::start_in_arbiter(&elsewhere.handle(), move |_| Ear::new(&noted, theirs));
        connection.stream(8);
        peer.write_all(b"here").await.unwrap();
        heard.wait_for_text("here").await;
        elsewhere.stop();
        elsewhere.join().unwrap();
        assert!(within(connection.closed()).await.is_err());
        drop(connection);
        nobody_is_left(&transport).await;
    });
}

// ---------- Many

/// Keeps every connection that it hears of, and sends back what comes.
#[derive(Clone, Default)]
struct Echo {
    most: Arc<Mutex<usize>>,
    restarts: Arc<Mutex<usize>>,
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Echo {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, ctx: &mut Self::Context) {
        event.connection.stream(4);
        let set = FlowSet::of(ctx);
        set.adopt::<(Received, ReceiveError)>(event.connection.clone(), ctx);
        let mut most = self.most.lock().unwrap();
        *most = set.len().max(*most);
        assert_eq!(set.connections().len(), set.len());
    }
}

impl Supervised for Echo {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self.restarts.lock().unwrap() += 1;
    }
}

impl Handler<Received> for Echo {
    type Result = ();

    fn handle(&mut self, event: Received, ctx: &mut Self::Context) {
        for message in event.messages {
            match &message.data[..] {
                b"panic" => panic!("the handler panics over one of many"),
                b"stop" => ctx.stop(),
                _ => {}
            }
            event.connection.send(message);
        }
    }
}

impl Handler<ReceiveError> for Echo {
    type Result = ();

    fn handle(&mut self, event: ReceiveError, _: &mut Self::Context) {
        event.connection.close();
    }
}

#[test]
fn one_actor_drives_many_connections_and_lives_as_long_as_the_last() {
    run(async {
        const MANY: usize = 200;
        let transport = Transport::start();
        let echo = Echo::default();
        let most = echo.most.clone();
        let server = echo.start();
        let listener = Preconnection::new(&transport)
            .local("127.0.0.1:0")
            .subscribe::<ConnectionReceived, _>(&server)
            .listen()
            .unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let mut peers = Vec::new();
        for _ in 0..MANY {
            peers.push(within(tokio::net::TcpStream::connect(here)).await.unwrap());
        }
        for round in 0..3 {
            for (n, peer) in peers.iter_mut().enumerate() {
                peer.write_all(&pattern(n + round, 1_000)).await.unwrap();
            }
            for (n, peer) in peers.iter_mut().enumerate() {
                let mut back = vec![0; 1_000];
                within(peer.read_exact(&mut back)).await.unwrap();
                assert!(back == pattern(n + round, 1_000), "connection {n} got something else");
            }
        }
        assert_eq!(*most.lock().unwrap(), MANY);
        listener.stop();
        drop(listener);
        let address = server.downgrade();
        drop(server);
        tokio::time::sleep(SILENCE).await;
        assert!(address.upgrade().is_some_and(|server| server.connected()), "there are connections left");
        drop(peers);
        eventually("the actor has ended", async || {
            address.upgrade().is_none_or(|server| !server.connected())
        })
        .await;
        nobody_is_left(&transport).await;
    });
}

#[test]
fn a_panic_over_one_connection_costs_an_actor_none_of_those_that_it_has_adopted() {
    const MANY: usize = 20;
    let _quiet = neatflow_testing::quiet_panics("the handler panics over one of many");
    run(async {
        let transport = Transport::start();
        let echo = Echo::default();
        let child = supervise(echo.clone(), Plan::transient());
        let server = child.addr().clone();
        let listener = Preconnection::new(&transport)
            .local("127.0.0.1:0")
            .subscribe::<ConnectionReceived, _>(&server)
            .listen()
            .unwrap();
        let here = within(listener.listening()).await.unwrap()[0];
        let mut peers = Vec::new();
        for _ in 0..MANY {
            peers.push(within(tokio::net::TcpStream::connect(here)).await.unwrap());
        }
        exchange(&mut peers, b"before").await;
        // Alone: what came with it would be gone with it.
        peers[0].write_all(b"panic").await.unwrap();
        eventually("it has been restarted", async || *echo.restarts.lock().unwrap() == 1).await;
        exchange(&mut peers, b"after.").await;
        listener.stop();
        drop(listener);
        peers[0].write_all(b"stop").await.unwrap();
        eventually("the actor has stopped", async || !server.connected()).await;
        // Something happens, and there is nobody who keeps them.
        for peer in &mut peers {
            let _ = peer.write_all(b"?").await;
            let _ = within(peer.read_to_end(&mut Vec::new())).await;
        }
        nobody_is_left(&transport).await;
    });
}

/// To each, and back.
async fn exchange(peers: &mut [tokio::net::TcpStream], word: &[u8; 6]) {
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.write_all(word).await.unwrap();
        let mut back = [0; 6];
        within(peer.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, word, "connection {n}");
    }
}
