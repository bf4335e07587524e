//! Who keeps what going, and what is left when nobody does.

use actix::prelude::*;
use neatflow_actors::Count;
use neatflow_actors::events::{Event, EventKind, Ready};
use neatflow_actors::flow::Connection;
use neatflow_actors::transport::{Config, Transport};
use neatflow_core::connection::State;
use neatflow_core::{EstablishmentFailure, ReceiveFailure, SendFailure};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::resolver::ScriptedResolver;
use neatflow_testing::stack::{AttemptEnd, Outcome, ScriptedStack};
use neatflow_testing::talk::Talk;
use neatflow_testing::{paused, settle};
use std::time::Duration;
use tokio::time::sleep;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn nobody_is_left(harness: &Harness) {
    settle().await;
    assert_eq!(harness.census().await, Count::default());
}

#[test]
fn dropping_the_last_handle_closes_what_is_established_gracefully() {
    paused(async {
        let talk = Talk::begin().await;
        let (first, second) = (talk.connection.clone(), talk.connection);
        first.send("delivered");
        drop(first);
        settle().await;
        assert_eq!(second.state(), State::Established);
        second.send(" all the same");
        drop(second);
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(talk.peer.read_to_end().await, "delivered all the same");
        assert!(talk.peer.is_finished() && !talk.peer.is_aborted());
        nobody_is_left(&talk.harness).await;
    });
}

#[test]
fn dropping_the_last_handle_at_once_cancels_before_anything_is_attempted() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        drop(harness.to("192.0.2.1:1").tell(&probe).initiate());
        let Event::EstablishmentError(error) = probe.end().await else { panic!() };
        assert!(matches!(*error.reason, EstablishmentFailure::Cancelled));
        nobody_is_left(&harness).await;
        assert_eq!(network.alive(), 0);
    });
}

#[test]
fn handles_in_queued_events_do_not_keep_a_connection_open_and_keep_does() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.stream(4);
        talk.peer.send("x");
        let Event::Received(event) = talk.probe.until(EventKind::Received).await else { panic!() };
        let kept = event.connection.keep();
        drop(talk.connection);
        settle().await;
        assert_eq!(event.connection.state(), State::Established, "it is kept");
        drop(kept);
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(event.connection.state(), State::Closed, "the event keeps nothing");
    });
}

#[test]
fn a_handle_taken_from_the_ready_event_is_enough() {
    struct Holder(Option<Connection>);
    impl Actor for Holder {
        type Context = Context<Self>;
    }
    impl Handler<Ready> for Holder {
        type Result = ();
        fn handle(&mut self, ready: Ready, _: &mut Context<Self>) {
            self.0 = Some(ready.connection.keep());
        }
    }
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let connection = harness.to("192.0.2.1:1").subscribe::<Ready, _>(&Holder(None).start()).initiate();
        let peer = network.peer().await;
        settle().await;
        drop(connection);
        sleep(Duration::from_secs(60)).await;
        // The subscription holds the actor, and the actor holds the connection.
        assert!(peer.is_open() && !peer.is_finished());
        peer.reset();
        nobody_is_left(&harness).await;
    });
}

#[test]
fn a_subscription_holds_its_actor_until_the_terminal_event() {
    paused(async {
        let talk = Talk::begin().await;
        let probe = EventProbe::start();
        let (addr, subscriber) = (probe.addr().downgrade(), probe.subscriber());
        drop(subscriber);
        talk.connection.subscribe::<Event, _>(probe.addr());
        drop(probe);
        settle().await;
        assert!(addr.upgrade().is_some(), "the subscription holds it");
        talk.connection.abort();
        settle().await;
        assert!(addr.upgrade().is_none(), "nobody does");
    });
}

#[test]
fn a_late_subscriber_hears_the_terminal_event_and_nothing_else() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.send("x");
        settle().await;
        talk.connection.abort();
        talk.probe.end().await;
        let late = EventProbe::start();
        talk.connection.subscribe::<Event, _>(late.addr());
        late.end().await;
        assert_eq!(late.words(), ["ConnectionError"]);
        let deaf = EventProbe::start();
        talk.connection.subscribe::<Ready, _>(deaf.addr());
        settle().await;
        assert_eq!(deaf.words(), Vec::<&str>::new());
    });
}

#[test]
fn futures_of_a_connection_that_has_ended_return_at_once() {
    paused(async {
        let talk = Talk::begin().await;
        let kept = talk.connection.clone();
        let waiting = actix_rt::spawn(async move {
            let (sent, got, closed) =
                futures::join!(kept.send("x").into_future(), kept.received(), kept.closed());
            (sent, got.map(|message| message.data), closed.is_ok())
        });
        talk.peer.window(0);
        settle().await;
        talk.connection.abort();
        let (sent, got, closed) = waiting.await.unwrap();
        assert!(matches!(sent, Ok(()) | Err(SendFailure::Connection(_))));
        assert!(matches!(got, Err(ReceiveFailure::Connection(_))));
        assert!(!closed);
        assert_eq!(talk.connection.send("y").await, Err(SendFailure::Closed));
        assert!(talk.connection.received().await.is_err());
        assert!(talk.connection.ready().await.is_ok(), "it once was");
    });
}

#[test]
fn connections_live_on_without_their_transport() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::connects_after(ms(300)));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        settle().await;
        drop(harness);
        probe.until(EventKind::Ready).await;
        assert_eq!(connection.send("on and on").await, Ok(()));
        connection.close();
        probe.until(EventKind::Closed).await;
    });
}

#[test]
fn the_end_of_a_transport_comes_after_everyone_it_started() {
    paused(async {
        let network = ScriptedStack::new();
        let mut config: Config = Harness::config([&network]);
        config.other_resolver = Some(ScriptedResolver::new().start().recipient());
        let (transport, mut end) = Transport::new(config);
        let harness = Harness::of(transport.start());
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        drop(harness);
        settle().await;
        assert!(end.try_recv().is_ok(), "a connection is left");
        drop(connection);
        probe.until(EventKind::Closed).await;
        settle().await;
        assert!(end.try_recv().is_ok(), "the peer may still be sending: the wire is not closed under it yet");
        sleep(Duration::from_secs(2)).await;
        assert!(end.try_recv().is_err(), "nobody is left");
    });
}

#[test]
fn a_thousand_initiates_and_aborts_leave_nobody() {
    paused(async {
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::silent())
            .to("192.0.2.2:2", Outcome::connects_after(ms(100)))
            .to("192.0.2.3:3", Outcome::connects());
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let mut connections = Vec::new();
        for number in 0..1000_u64 {
            let intent = harness.to("192.0.2.1:1").or_to("192.0.2.2:2").or_to("192.0.2.3:3").tell(&probe);
            let connection = intent.initiate();
            connection.send("hello");
            // Some are aborted before they are looked at, some while they race, some once they are established.
            if number % 3 != 0 {
                sleep(ms(number % 400)).await;
            }
            match number % 5 {
                0 => connection.abort(),
                1 => connection.close(),
                2 => drop(connection),
                _ => connections.push(connection),
            }
        }
        connections.iter().for_each(Connection::abort);
        sleep(Duration::from_secs(10)).await;
        nobody_is_left(&harness).await;
        assert_eq!((network.alive(), network.ended(None)), (0, 0));
        assert!(network.ended(Some(AttemptEnd::Cancelled)) > 100);
        probe.check();
        let ends = probe.trace().lines().iter().filter(|line| line.kind.is_terminal()).count();
        assert_eq!(ends, 1000);
    });
}

#[test]
fn an_arbiter_that_stops_tells_the_end_of_its_connections() {
    // In real time: the arbiter is another thread.
    let system = System::new();
    system.block_on(async {
        let arbiter = Arbiter::new();
        let (tell, told) = tokio::sync::oneshot::channel();
        arbiter.spawn_fn(move || {
            let network = ScriptedStack::new();
            let harness = Harness::new(&network);
            let connection = harness.to("192.0.2.1:1").initiate();
            actix_rt::spawn(async move {
                connection.ready().await.unwrap();
                let _ = tell.send(connection);
                std::future::pending::<()>().await;
                drop((harness, network));
            });
        });
        let connection = told.await.unwrap();
        let probe = EventProbe::start();
        connection.subscribe::<Event, _>(probe.addr());
        let id = connection.send("x").id();
        arbiter.stop();
        arbiter.join().unwrap();
        probe.end().await;
        probe.check();
        assert_eq!(connection.state(), State::Closed);
        assert!(id.is_some());
    });
}
