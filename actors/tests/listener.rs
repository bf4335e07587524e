//! Listening: who is accepted, who is told, and what survives.

use actix::prelude::*;
use neatflow_actors::events::{ConnectionReceived, Event, EventKind, ListenError, Stopped};
use neatflow_actors::flow::Connection;
use neatflow_actors::listener::Incoming;
use neatflow_actors::policy_manager::Interfaces;
use neatflow_core::connection::State;
use neatflow_core::{Failure, ListenFailure, Protocol};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::resolver::ScriptedResolver;
use neatflow_testing::stack::{Operation, Peer, SCRIPTED_PANIC, ScriptedStack};
use neatflow_testing::{paused, quiet_panics, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const HERE: &str = "192.0.2.100:7000";

/// The next connection that was received.
async fn received(probe: &EventProbe) -> Connection {
    let Event::ConnectionReceived(event) = probe.until(EventKind::ConnectionReceived).await else { panic!() };
    event.connection
}

#[test]
fn a_peer_that_connects_is_received_and_can_talk_at_once() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        assert_eq!(listener.listening().await.unwrap(), [HERE.parse().unwrap()]);
        let peer = network.dial(HERE).unwrap();
        peer.send("hello");
        let connection = received(&probe).await;
        assert_eq!(connection.state(), State::Established);
        assert_eq!(connection.stack().as_str(), "scripted");
        assert_eq!(connection.remote_addr(), Some(peer.path().remote));
        connection.receive();
        connection.send("hello yourself");
        // The listener's subscribers are the connection's, too.
        probe.until(EventKind::Received).await;
        assert_eq!(peer.take(), "hello yourself");
        connection.close();
        probe.until(EventKind::Closed).await;
        assert_eq!(probe.words(), ["ConnectionReceived", "Sent", "AllWritten", "Received", "Closed"]);
        probe.check();
    });
}

#[test]
fn everywhere_means_both_families_on_one_port() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at("*").tell(&probe).listen();
        let addresses = listener.listening().await.unwrap();
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0].port(), addresses[1].port());
        for to in [format!("192.0.2.100:{}", addresses[0].port()), format!("[::1]:{}", addresses[0].port())] {
            network.dial(to).unwrap();
            assert_eq!(received(&probe).await.state(), State::Established);
        }
    });
}

#[test]
fn a_family_that_is_missing_is_no_error_while_the_other_is_there() {
    paused(async {
        let network =
            ScriptedStack::new().cannot_listen_on("::", Failure::Unreachable("no IPv6 here".into()));
        let listener = Harness::new(&network).at("*:7000").listen();
        assert_eq!(listener.listening().await.unwrap(), ["0.0.0.0:7000".parse().unwrap()]);
    });
}

#[test]
fn a_failed_bind_is_one_listen_error_and_leaves_no_socket() {
    paused(async {
        let taken = Failure::LocalAddress("taken".into());
        let network = ScriptedStack::new().cannot_listen_on("2001:db8::100", taken.clone());
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at("192.0.2.100:7000").from("[2001:db8::100]:7000").tell(&probe).listen();
        let Event::ListenError(error) = probe.end().await else { panic!() };
        let ListenFailure::Bind { address, reason } = &error.reason else { panic!("{}", error.reason) };
        assert_eq!((*address, reason), ("[2001:db8::100]:7000".parse().unwrap(), &taken));
        assert!(listener.listening().await.is_err());
        assert!(listener.accept().await.is_none());
        settle().await;
        assert_eq!((network.listening().len(), harness.census().await.listeners), (0, 0));
        assert_eq!(probe.words(), ["ListenError"]);
    });
}

#[test]
fn an_address_that_is_taken_is_told() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let first = harness.at(HERE).listen();
        first.listening().await.unwrap();
        let second = harness.at(HERE).listen();
        let failure = second.listening().await.unwrap_err();
        assert!(matches!(failure, ListenFailure::Bind { reason: Failure::LocalAddress(_), .. }), "{failure}");
        assert_eq!(network.listening().len(), 1);
    });
}

#[test]
fn a_stack_that_panics_over_a_socket_is_asked_again() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let network = ScriptedStack::new().panics_listening(3);
        let listener = Harness::new(&network).at(HERE).listen();
        assert!(listener.listening().await.is_ok());
    });
}

#[test]
fn a_stack_that_panics_over_every_socket_ends_in_one_listen_error() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let network = ScriptedStack::new().panics_listening(usize::MAX);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let _listener = harness.at(HERE).tell(&probe).listen();
        let Event::ListenError(error) = probe.end().await else { panic!() };
        assert!(matches!(error.reason, ListenFailure::Stopped(_)));
        settle().await;
        assert_eq!(probe.words(), ["ListenError"]);
        assert!(harness.root().connected(), "a listener does not take the transport with it");
    });
}

#[test]
fn a_local_name_is_resolved_first() {
    paused(async {
        let names = ScriptedResolver::new()
            .answers("here.example", Duration::from_millis(50), ["192.0.2.100"])
            .never("silent.example");
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let listener = harness.at("here.example:7000").listen();
        assert_eq!(listener.listening().await.unwrap(), [HERE.parse().unwrap()]);
        let listener = harness.at("silent.example:7000").listen();
        let failure = listener.listening().await.unwrap_err();
        assert!(matches!(failure, ListenFailure::ResolutionFailed(_)), "{failure}");
    });
}

#[test]
fn accept_takes_a_connection_that_no_subscriber_is_told_of() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell_only::<(Stopped, ListenError)>(&probe).listen();
        listener.listening().await.unwrap();
        let peers: Vec<Peer> = (0..3).map(|_| network.dial(HERE).unwrap()).collect();
        settle().await;
        assert_eq!(network.alive(), 0, "nobody wants them yet");
        for peer in &peers {
            let connection = listener.accept().await.unwrap();
            assert_eq!(connection.remote_addr(), Some(peer.path().remote));
        }
        assert!(timeout(Duration::from_secs(1), listener.accept()).await.is_err());
        listener.stop();
        assert!(listener.accept().await.is_none());
        probe.until(EventKind::Stopped).await;
        assert_eq!(probe.words(), ["Stopped"]);
    });
}

#[test]
fn a_connection_that_nobody_keeps_is_closed() {
    struct Careless;
    impl Actor for Careless {
        type Context = Context<Self>;
    }
    impl Handler<ConnectionReceived> for Careless {
        type Result = ();
        fn handle(&mut self, _: ConnectionReceived, _: &mut Context<Self>) {}
    }
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let listener = harness.at(HERE).subscribe::<ConnectionReceived, _>(&Careless.start()).listen();
        listener.listening().await.unwrap();
        let peer = network.dial(HERE).unwrap();
        assert_eq!(peer.read().await, None);
        assert!(peer.is_finished());
        peer.finish();
        peer.closed().await;
        settle().await;
        assert_eq!((network.alive(), harness.census().await.flows), (0, 0));
    });
}

#[test]
fn a_filter_that_panics_restarts_the_listener_with_the_same_sockets_and_the_connection_in_hand_is_not_lost() {
    let _quiet = quiet_panics("a filter on its bad day");
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let filter = move |_: &_| {
            assert!(counted.fetch_add(1, Ordering::Relaxed) != 1, "a filter on its bad day");
            true
        };
        let listener = harness.at(HERE).filter(filter).tell(&probe).listen();
        let before = listener.listening().await.unwrap();
        let peers: Vec<Peer> = (0..5).map(|_| network.dial(HERE).unwrap()).collect();
        let mut connections = Vec::new();
        for peer in &peers {
            let connection = received(&probe).await;
            assert_eq!(connection.remote_addr(), Some(peer.path().remote), "in the order of arrival");
            connections.push(connection);
        }
        assert_eq!(looks.load(Ordering::Relaxed), 6, "one was looked at twice");
        assert_eq!(network.listening(), before);
        assert_eq!(network.alive(), 5);
        assert_eq!(harness.census().await.listeners, 1);
    });
}

#[test]
fn a_stack_that_panics_while_accepting_restarts_the_listener_with_the_same_sockets() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at("192.0.2.100").tell(&probe).listen();
        let [here] = listener.listening().await.unwrap()[..] else { panic!() };
        for _ in 0..3 {
            network.panic_accepting(here).unwrap();
            let peer = network.dial(here).unwrap();
            assert_eq!(received(&probe).await.remote_addr(), Some(peer.path().remote));
        }
        assert_eq!((network.listening(), listener.addresses()), (vec![here], vec![here]));
        // A restarted listener still hears its handle.
        listener.stop();
        probe.end().await;
        assert!(network.listening().is_empty());
    });
}

#[test]
fn a_filter_that_always_panics_over_one_connection_refuses_that_one_only() {
    let _quiet = quiet_panics("not this one");
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let filter = |incoming: &Incoming| {
            assert!(incoming.path.remote.port() != 666, "not this one");
            true
        };
        let listener = harness.at(HERE).filter(filter).tell(&probe).listen();
        listener.listening().await.unwrap();
        let dialled =
            [1, 666, 2].map(|port| network.dial_from(format!("198.51.100.1:{port}"), HERE).unwrap());
        let _kept = [received(&probe).await, received(&probe).await];
        assert_eq!(dialled.map(|peer| peer.is_open()), [true, false, true]);
        assert_eq!((harness.census().await.listeners, network.alive()), (1, 2));
        // 50 ms and 100 ms of back-off, and no more.
        assert_eq!(probe.trace().lines().last().unwrap().at, Duration::from_millis(150));
    });
}

#[test]
fn a_filter_says_who_is_accepted_and_refuses_the_others_at_once() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let even = |incoming: &Incoming| incoming.path.remote.port().is_multiple_of(2);
        let listener = harness.at(HERE).filter(even).tell(&probe).listen();
        listener.listening().await.unwrap();
        let peers: Vec<Peer> =
            (100..110).map(|port| network.dial_from(format!("198.51.100.1:{port}"), HERE).unwrap()).collect();
        settle().await;
        for peer in peers {
            assert_eq!(peer.is_open(), peer.path().remote.port().is_multiple_of(2));
        }
        assert_eq!(probe.words(), ["ConnectionReceived"; 5]);
    });
}

#[test]
fn remote_endpoints_of_a_listener_say_from_where_connections_are_taken() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).or_to("198.51.100.7").tell(&probe).listen();
        listener.listening().await.unwrap();
        let welcome = network.dial_from("198.51.100.7:1", HERE).unwrap();
        let stranger = network.dial_from("198.51.100.8:1", HERE).unwrap();
        settle().await;
        assert!(welcome.is_open() && !stranger.is_open());
    });
}

#[test]
fn a_limit_is_how_many_more_are_taken() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        listener.new_connection_limit(Some(2));
        listener.listening().await.unwrap();
        let peers: Vec<Peer> = (0..5).map(|_| network.dial(HERE).unwrap()).collect();
        settle().await;
        assert_eq!((probe.words().len(), network.alive()), (2, 2));
        assert!(peers.iter().all(Peer::is_open), "the others wait in the backlog");
        listener.new_connection_limit(Some(1));
        settle().await;
        assert_eq!(probe.words().len(), 3);
        listener.new_connection_limit(None);
        settle().await;
        assert_eq!(probe.words().len(), 5);
    });
}

#[test]
fn a_subscriber_that_holds_its_connections_stops_the_accepting() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start().hold();
        let slow = EventProbe::start().hold();
        let listener = harness.at(HERE).tell(&probe).listen();
        let subscription = listener.subscribe::<ConnectionReceived, _>(slow.addr());
        listener.listening().await.unwrap();
        let _peers: Vec<Peer> = (0..1000).map(|_| network.dial(HERE).unwrap()).collect();
        settle().await;
        assert_eq!((probe.words().len(), network.alive()), (128, 128));
        probe.release();
        settle().await;
        assert_eq!(probe.words().len(), 128, "the other one is still full");
        listener.unsubscribe(subscription);
        settle().await;
        assert_eq!(probe.words().len(), 1000);
    });
}

#[test]
fn stop_stops_listening_and_connections_live_on() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener =
            harness.at(HERE).tell_only::<(ConnectionReceived, Stopped, ListenError)>(&probe).listen();
        listener.listening().await.unwrap();
        let peer = network.dial(HERE).unwrap();
        let connection = received(&probe).await;
        listener.stop();
        listener.stop();
        probe.until(EventKind::Stopped).await;
        assert_eq!(network.dial(HERE).unwrap_err(), Failure::Refused);
        connection.send("still here");
        assert_eq!(peer.read().await.unwrap(), "still here");
        settle().await;
        assert_eq!(probe.words(), ["ConnectionReceived", "Stopped"]);
        let count = harness.census().await;
        assert_eq!((count.listeners, count.flows), (0, 1));
        let late = EventProbe::start();
        listener.subscribe::<Event, _>(late.addr());
        late.end().await;
        assert_eq!(late.words(), ["Stopped"]);
    });
}

#[test]
fn dropping_the_last_handle_stops_listening_and_a_handle_in_an_event_does_not_keep_it() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        listener.listening().await.unwrap();
        let _peer = network.dial(HERE).unwrap();
        let Event::ConnectionReceived(event) = probe.until(EventKind::ConnectionReceived).await else {
            panic!()
        };
        drop(listener);
        probe.until(EventKind::Stopped).await;
        assert!(network.listening().is_empty());
        drop(event);
    });
}

#[test]
fn stopping_before_it_listens_ends_it_too() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        drop(harness.at(HERE).tell(&probe).listen());
        probe.end().await;
        assert_eq!(probe.words(), ["Stopped"]);
        settle().await;
        assert_eq!((network.listening().len(), harness.census().await.listeners), (0, 0));
    });
}

#[test]
fn an_error_of_accept_is_of_the_moment() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        listener.listening().await.unwrap();
        for _ in 0..100 {
            network.trouble(HERE, Failure::NotPermitted("too many open files".into())).unwrap();
        }
        let peer = network.dial(HERE).unwrap();
        let connection = received(&probe).await;
        assert_eq!(connection.remote_addr(), Some(peer.path().remote));
        // It can be stopped while it rests.
        network.trouble(HERE, Failure::NotPermitted("too many open files".into())).unwrap();
        settle().await;
        listener.stop();
        settle().await;
        assert_eq!(probe.words(), ["ConnectionReceived", "Stopped"]);
    });
}

#[test]
fn a_flood_on_one_socket_does_not_starve_the_others() {
    paused(async {
        let (one, other) = (ScriptedStack::new(), ScriptedStack::new().named(Protocol::named("other")));
        let harness = Harness::with(Harness::config([&one, &other]));
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        listener.listening().await.unwrap();
        assert_eq!(listener.sockets().len(), 2);
        let _flood: Vec<Peer> = (0..100).map(|_| one.dial(HERE).unwrap()).collect();
        let _rare = other.dial(HERE).unwrap();
        for _ in 0..2 {
            if received(&probe).await.stack().as_str() == "other" {
                return;
            }
        }
        panic!("starved");
    });
}

#[test]
fn an_accepted_connection_fails_alone() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let listener = harness.at(HERE).tell(&probe).listen();
        listener.listening().await.unwrap();
        let peers: Vec<Peer> = (0..3).map(|_| network.dial(HERE).unwrap()).collect();
        let mut connections = Vec::new();
        for _ in &peers {
            connections.push(received(&probe).await);
        }
        peers[0].reset();
        peers[1].panic_at(Operation::Write);
        for connection in &connections {
            connection.send("x");
        }
        settle().await;
        let states: Vec<_> = connections.iter().map(Connection::state).collect();
        assert_eq!(states, [State::Closed, State::Closed, State::Established]);
        probe.check();
        assert_eq!(network.listening().len(), 1);
    });
}

#[test]
fn a_listener_on_a_transport_that_is_gone_gives_one_error() {
    let _quiet = quiet_panics("no transport");
    paused(async {
        let mut config = Harness::config([&ScriptedStack::new()]);
        config.interfaces = Interfaces::from_fn(|| panic!("no transport"));
        let harness = Harness::with(config);
        for _ in 0..10 {
            let probe = EventProbe::start();
            let _listener = harness.at(HERE).tell(&probe).listen();
            probe.end().await;
            settle().await;
            assert_eq!(probe.words(), ["ListenError"]);
        }
        assert!(!harness.root().connected());
    });
}
