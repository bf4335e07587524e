//! Who starts when, who wins, and what becomes of the others.

use neatflow_actors::events::EventKind;
use neatflow_actors::flow::Connection;
use neatflow_core::racing::{Cause, Reason, Stage};
use neatflow_core::{EstablishmentFailure, Failure, Intensity, Protocol};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::resolver::ScriptedResolver;
use neatflow_testing::stack::{AttemptEnd, Outcome, SCRIPTED_PANIC, ScriptedStack};
use neatflow_testing::{paused, quiet_panics, settle};
use std::time::Duration;
use tokio::time::sleep;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Ports 1, 2, 3, .. of one host, tried in this order.
fn network(outcomes: impl IntoIterator<Item = Outcome>) -> (ScriptedStack, Vec<String>) {
    let mut network = ScriptedStack::new();
    let mut remotes = Vec::new();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let remote = format!("192.0.2.1:{}", index + 1);
        network = network.to(&remote, outcome);
        remotes.push(remote);
    }
    (network, remotes)
}

fn initiate(harness: &Harness, remotes: &[String], probe: &EventProbe) -> Connection {
    let first = harness.to(&remotes[0]);
    remotes[1..].iter().fold(first, |intent, remote| intent.or_to(remote)).tell(probe).initiate()
}

/// Port, start and end of each attempt, in milliseconds.
fn course(network: &ScriptedStack) -> Vec<(u16, u128, Option<AttemptEnd>, Option<u128>)> {
    let attempts = network.attempts();
    let millis = |time: Duration| time.as_millis();
    attempts.iter().map(|a| (a.candidate.port(), millis(a.at), a.end, a.ended_at.map(millis))).collect()
}

use AttemptEnd::{Cancelled, Connected, Failed, Panicked};

#[test]
fn silent_candidates_are_joined_every_250_ms_and_cancelled_when_one_wins() {
    paused(async {
        let silent = Outcome::silent;
        let (network, remotes) = network([silent(), silent(), silent(), Outcome::connects_after(ms(40))]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        sleep(ms(760)).await;
        let count = harness.census().await;
        assert_eq!((count.flows, count.races, count.candidates), (1, 1, 4));
        probe.until(EventKind::Ready).await;
        settle().await;
        let over = (Some(Cancelled), Some(790));
        assert_eq!(
            course(&network),
            [
                (1, 0, over.0, over.1),
                (2, 250, over.0, over.1),
                (3, 500, over.0, over.1),
                (4, 750, Some(Connected), Some(790)),
            ]
        );
        assert_eq!((network.alive(), harness.census().await.candidates), (1, 0));
        let record = connection.race().unwrap();
        let reasons: Vec<_> = record.timeline.attempts.iter().map(|a| a.end.unwrap().reason).collect();
        assert_eq!(reasons, [Reason::Cancelled, Reason::Cancelled, Reason::Cancelled, Reason::Won]);
    });
}

#[test]
fn a_refusal_starts_the_next_attempt_within_10_ms() {
    paused(async {
        let refused = Outcome::refused;
        let (network, remotes) = network([refused(), Outcome::refused_after(ms(70)), Outcome::connects()]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        assert_eq!(
            course(&network),
            [
                (1, 0, Some(Failed), Some(0)),
                (2, 10, Some(Failed), Some(80)),
                (3, 80, Some(Connected), Some(80)),
            ]
        );
        let causes: Vec<_> = connection.race().unwrap().timeline.attempts.iter().map(|a| a.cause).collect();
        assert_eq!(causes, [Cause::First, Cause::Failure, Cause::Failure]);
    });
}

#[test]
fn a_done_transport_handshake_gives_security_its_time() {
    paused(async {
        let slow = Outcome::connects_after(ms(400)).reaching(Stage::Transport, ms(200));
        let (network, remotes) = network([slow, Outcome::connects()]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        assert_eq!(connection.remote_addr().unwrap().port(), 1);
        assert_eq!(network.attempts().len(), 1, "the second would have started at 250 ms");
    });
}

#[test]
fn of_two_winners_of_one_moment_the_second_is_closed() {
    paused(async {
        let (network, remotes) = network([Outcome::connects_after(ms(300)), Outcome::connects_after(ms(50))]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        settle().await;
        let connected = network.ended(Some(Connected));
        assert_eq!(connected, 2);
        assert_eq!(network.alive(), 1, "{:?}", course(&network));
        // Whoever it was, its far end is the open one.
        let winner = connection.remote_addr();
        for _ in 0..connected {
            let peer = network.peer().await;
            assert_eq!(peer.is_open(), Some(peer.path().remote) == winner);
        }
        assert_eq!(probe.words(), ["Ready"]);
    });
}

#[test]
fn of_many_winners_of_one_moment_one_stays_open() {
    paused(async {
        let at_once = (0..20).map(|index| Outcome::connects_after(ms(5000 - 250 * index)));
        let (network, remotes) = network(at_once);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let _connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        settle().await;
        assert_eq!(network.ended(Some(Connected)), 20);
        assert_eq!((network.alive(), network.ended(None)), (1, 0));
        assert_eq!(harness.census().await.candidates, 0);
        assert_eq!(probe.words(), ["Ready"]);
    });
}

#[test]
fn a_candidate_that_panics_is_restarted_and_may_win() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::panics())
            .to("192.0.2.1:1", Outcome::panics_after(ms(5)))
            .to("192.0.2.1:1", Outcome::connects_after(ms(20)));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        // After 10 ms, and after 20 ms.
        assert_eq!(
            course(&network),
            [
                (1, 0, Some(Panicked), Some(0)),
                (1, 10, Some(Panicked), Some(15)),
                (1, 35, Some(Connected), Some(55)),
            ]
        );
        assert_eq!(connection.race().unwrap().timeline.attempts.len(), 1, "one candidate, one attempt");
        assert_eq!(probe.words(), ["Ready"]);
    });
}

#[test]
fn a_candidate_that_panics_for_ever_gives_up_and_the_race_goes_on() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let (network, remotes) = network([Outcome::panics(), Outcome::connects_after(ms(500))]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        let failures = &connection.race().unwrap().failures;
        let [failure] = &failures[..] else { panic!("{failures:?}") };
        assert_eq!(failure.reason, Failure::Panicked(SCRIPTED_PANIC.into()));
        assert_eq!(network.ended(Some(Panicked)), 4, "once, and three restarts");
        // It gave up after 10 + 20 + 40 ms, and the next one started then.
        assert_eq!(course(&network).last().unwrap().1, 70);
    });
}

#[test]
fn when_every_candidate_panics_there_is_one_error_with_what_they_said() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let (network, remotes) = network([Outcome::panics(), Outcome::panics_after(ms(1))]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::EstablishmentError).await;
        let failure = connection.ready().await.unwrap_err();
        let EstablishmentFailure::EstablishmentFailed { attempts, .. } = &*failure else {
            panic!("{failure}")
        };
        assert!(attempts.iter().all(|attempt| matches!(attempt.reason, Failure::Panicked(_))));
        assert_eq!(probe.words(), ["EstablishmentError"]);
    });
}

#[test]
fn a_candidate_that_rests_after_a_panic_is_not_tried_again_once_another_has_won() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let (network, remotes) = network([Outcome::panics(), Outcome::connects_after(ms(5))]);
        let mut config = Harness::config([&network]);
        config.candidate_restarts = Intensity {
            restarts: 3,
            within: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(1),
        };
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let _connection = initiate(&harness, &remotes, &probe);
        probe.until(EventKind::Ready).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(network.ended(Some(Panicked)), 1);
        assert_eq!(harness.census().await.candidates, 0);
    });
}

#[test]
fn dropping_every_handle_while_racing_cancels_and_leaves_no_candidate() {
    paused(async {
        let (network, remotes) = network([Outcome::silent(), Outcome::silent()]);
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = initiate(&harness, &remotes, &probe);
        let second = connection.clone();
        sleep(ms(300)).await;
        drop(connection);
        settle().await;
        assert_eq!(network.ended(None), 2, "one handle is left");
        drop(second);
        settle().await;
        assert_eq!(network.ended(Some(Cancelled)), 2);
        assert_eq!(probe.words(), ["EstablishmentError"]);
        let count = harness.census().await;
        assert_eq!((count.flows, count.races, count.candidates), (0, 0, 0));
    });
}

#[test]
fn close_and_abort_before_ready_cancel_the_race() {
    paused(async {
        let ends: [fn(&Connection); 2] = [Connection::close, Connection::abort];
        for end in ends {
            let (network, remotes) = network([Outcome::silent()]);
            let harness = Harness::new(&network);
            let probe = EventProbe::start();
            let connection = initiate(&harness, &remotes, &probe);
            sleep(ms(10)).await;
            end(&connection);
            let failure = connection.ready().await.unwrap_err();
            assert!(matches!(*failure, EstablishmentFailure::Cancelled), "{failure}");
            settle().await;
            assert_eq!((network.ended(Some(Cancelled)), probe.words().len()), (1, 1));
        }
    });
}

#[test]
fn a_race_that_is_cancelled_while_it_waits_for_a_name_attempts_nothing() {
    paused(async {
        let names = ScriptedResolver::new().answers("slow.example", ms(500), ["192.0.2.1"]);
        let network = ScriptedStack::new();
        let harness = Harness::with_names(&network, names);
        let probe = EventProbe::start();
        let connection = harness.to("slow.example:1").tell(&probe).initiate();
        sleep(ms(100)).await;
        drop(connection);
        sleep(ms(1000)).await;
        assert!(network.attempts().is_empty());
        assert_eq!(probe.words(), ["EstablishmentError"]);
        assert_eq!(harness.census().await.races, 0);
    });
}

#[test]
fn protocols_race_in_the_order_of_registration_for_each_address() {
    paused(async {
        let first = ScriptedStack::new().named(Protocol::named("first")).otherwise(Outcome::silent());
        let second = ScriptedStack::new().named(Protocol::named("second"));
        let harness = Harness::with(Harness::config([&first, &second]));
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        assert_eq!(connection.stack().as_str(), "second");
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(250)));
        settle().await;
        assert_eq!(first.ended(Some(Cancelled)), 1);
    });
}

#[test]
fn an_answer_that_comes_during_the_race_does_not_restart_it() {
    paused(async {
        let names = ScriptedResolver::new()
            .answers("example.org", ms(0), ["2001:db8::1", "2001:db8::2"])
            .answers("example.org", ms(100), ["192.0.2.1"]);
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let harness = Harness::with_names(&network, names);
        let probe = EventProbe::start();
        let connection = harness.to("example.org:1").tell(&probe).initiate();
        sleep(ms(600)).await;
        let order: Vec<_> = network
            .attempts()
            .iter()
            .map(|attempt| (attempt.candidate.remote.ip().to_string(), attempt.at.as_millis()))
            .collect();
        // The families take turns as soon as both are there.
        let expected = [("2001:db8::1", 0), ("192.0.2.1", 250), ("2001:db8::2", 500)];
        assert_eq!(order, expected.map(|(address, at)| (address.to_owned(), at)));
        connection.abort();
        probe.end().await;
    });
}
