//! From `initiate` to Ready, or to the one EstablishmentError.

use neatflow_actors::events::{Event, EventKind};
use neatflow_actors::policy_manager::Interfaces;
use neatflow_core::connection::State;
use neatflow_core::properties::Interface;
use neatflow_core::racing::Cause;
use neatflow_core::{
    EstablishmentFailure, Failure, Message, Offer, Offers, ResolutionFailure, SelectionProperty,
    TransportProperties,
};
use neatflow_stacks::Stack;
use neatflow_testing::harness::{Harness, Intent, interfaces};
use neatflow_testing::probe::EventProbe;
use neatflow_testing::resolver::ScriptedResolver;
use neatflow_testing::stack::{AttemptEnd, Outcome, SCRIPTED_PANIC, ScriptedStack};
use neatflow_testing::{paused, quiet_panics, settle};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Initiates; the reason of the EstablishmentError that is the only thing told.
async fn failure_of(intent: Intent) -> Arc<EstablishmentFailure> {
    let probe = EventProbe::start();
    let connection = intent.tell(&probe).initiate();
    let Event::EstablishmentError(error) = probe.end().await else { panic!("{}", probe.trace()) };
    settle().await;
    assert_eq!(probe.words(), ["EstablishmentError"]);
    assert_eq!(connection.state(), State::Closed);
    probe.check();
    error.reason
}

#[test]
fn from_a_name_to_ready_in_fourteen_steps() {
    paused(async {
        let names = ScriptedResolver::new().answers("example.org", ms(20), ["2001:db8::1"]).answers(
            "example.org",
            ms(30),
            ["192.0.2.1"],
        );
        let asked = names.asked();
        let network = ScriptedStack::new()
            .to("[2001:db8::1]:443", Outcome::silent())
            .to("192.0.2.1:443", Outcome::connects_after(ms(40)));
        let harness = Harness::with_names(&network, names);
        let probe = EventProbe::start();

        let connection = harness.to("example.org:443").tell(&probe).initiate();
        assert_eq!(connection.state(), State::Establishing);
        assert_eq!(connection.stack().as_str(), "none");
        probe.until(EventKind::Ready).await;

        assert_eq!(asked.names(), ["example.org".into()]);
        // 20 ms for the first address, 250 ms alone, 40 ms to connect.
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(20 + 250 + 40)));
        assert_eq!(connection.state(), State::Established);
        assert_eq!(connection.stack().as_str(), "scripted");
        assert_eq!(connection.remote_addr(), Some("192.0.2.1:443".parse().unwrap()));
        assert_eq!(network.peer().await.candidate().unwrap().host.as_deref(), Some("example.org"));
        settle().await;

        let count = harness.census().await;
        assert_eq!((count.flows, count.races, count.candidates), (1, 0, 0));
        assert_eq!((network.alive(), network.ended(Some(AttemptEnd::Cancelled))), (1, 1));
        let race = connection.race().unwrap();
        let starts: Vec<_> =
            race.timeline.attempts.iter().map(|a| (a.started.since_origin(), a.cause)).collect();
        assert_eq!(starts, [(ms(20), Cause::First), (ms(270), Cause::Timer)]);
        probe.check();
    });
}

#[test]
fn an_address_is_not_asked_for() {
    paused(async {
        let names = ScriptedResolver::new();
        let asked = names.asked();
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let probe = EventProbe::start();
        let _connection = harness.to("192.0.2.1:443").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        assert!(asked.names().is_empty());
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(Duration::ZERO));
    });
}

#[test]
fn when_everyone_refuses_there_is_one_error_with_each_reason_in_the_order_of_the_starts() {
    paused(async {
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::fails_after(ms(500), Failure::TimedOut))
            .to("192.0.2.2:2", Outcome::refused_after(ms(10)))
            .to("192.0.2.3:3", Outcome::fails_after(ms(20), Failure::Unreachable("no route".into())));
        let harness = Harness::new(&network);
        let intent = harness.to("192.0.2.1:1").or_to("192.0.2.2:2").or_to("192.0.2.3:3");
        let failure = failure_of(intent).await;
        let EstablishmentFailure::EstablishmentFailed { attempts, unresolved } = &*failure else {
            panic!("{failure}")
        };
        let reasons: Vec<_> =
            attempts.iter().map(|attempt| (attempt.candidate.port(), attempt.reason.clone())).collect();
        let unreachable = Failure::Unreachable("no route".into());
        assert_eq!(reasons, [(1, Failure::TimedOut), (2, Failure::Refused), (3, unreachable)]);
        assert!(unresolved.is_empty());
        assert_eq!((network.attempts().len(), network.alive()), (3, 0));
        let count = harness.census().await;
        assert_eq!((count.flows, count.races, count.candidates), (0, 0, 0));
    });
}

#[test]
fn the_applications_timeout_ends_a_race_and_says_what_was_tried_by_then() {
    paused(async {
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::silent())
            .to("192.0.2.2:2", Outcome::refused_after(ms(30)));
        let harness = Harness::new(&network);
        let intent = harness.to("192.0.2.1:1").or_to("192.0.2.2:2").timeout(ms(1000));
        let failure = failure_of(intent).await;
        let EstablishmentFailure::Timeout { after, attempts, .. } = &*failure else { panic!("{failure}") };
        assert_eq!(*after, ms(1000));
        let reasons: Vec<_> =
            attempts.iter().map(|attempt| (attempt.candidate.port(), attempt.reason.clone())).collect();
        assert_eq!(reasons, [(1, Failure::Cancelled), (2, Failure::Refused)]);
        settle().await;
        assert_eq!(network.ended(None), 0, "no attempt outlives its race");
        assert_eq!(harness.census().await.candidates, 0);
    });
}

#[test]
fn a_timeout_after_ready_is_nobodys_concern() {
    paused(async {
        let harness = Harness::new(&ScriptedStack::new());
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").timeout(ms(100)).tell(&probe).initiate();
        tokio::time::sleep(ms(5000)).await;
        assert_eq!(probe.words(), ["Ready"]);
        assert_eq!(connection.state(), State::Established);
    });
}

#[test]
fn an_obtained_transport_that_lacks_what_was_required_is_a_failed_candidate() {
    paused(async {
        let network = ScriptedStack::new();
        let unreliable = Offers::none();
        let promised = network.offers();
        let network = network
            .to("192.0.2.1:1", Outcome::connects().obtaining(unreliable))
            .to("192.0.2.2:2", Outcome::connects_after(ms(5)).obtaining(promised));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").or_to("192.0.2.2:2").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        assert_eq!(connection.remote_addr().unwrap().port(), 2);
        let Failure::Unfulfilled(lacking) = &connection.race().unwrap().failures[0].reason else { panic!() };
        assert_eq!(lacking[0], SelectionProperty::Reliability);
        settle().await;
        assert_eq!(network.alive(), 1, "what was obtained in vain is closed");
    });
}

#[test]
fn an_obtained_transport_that_has_what_was_prohibited_is_a_failed_candidate() {
    paused(async {
        let keep_alive = |offer| ScriptedStack::new().offers().with(SelectionProperty::KeepAlive, offer);
        let network =
            ScriptedStack::new().promising(keep_alive(Offer::Optional)).obtaining(keep_alive(Offer::Always));
        let harness = Harness::new(&network);
        let properties = TransportProperties::new().prohibit(SelectionProperty::KeepAlive);
        let failure = failure_of(harness.to("192.0.2.1:1").properties(properties)).await;
        let reason = failure.attempts()[0].reason.clone();
        assert_eq!(reason, Failure::Unfulfilled(vec![SelectionProperty::KeepAlive]));
        assert_eq!(network.alive(), 0);
    });
}

#[test]
fn an_obtained_transport_that_is_bound_elsewhere_is_a_failed_candidate() {
    paused(async {
        let elsewhere = "192.0.2.77:5000".parse().unwrap();
        let network = ScriptedStack::new().otherwise(Outcome::connects().bound_to(elsewhere));
        let harness = Harness::new(&network);
        let failure = failure_of(harness.to("192.0.2.1:1").from("192.0.2.100")).await;
        assert!(matches!(failure.attempts()[0].reason, Failure::Misbound(_)), "{failure}");
    });
}

#[test]
fn nothing_is_attempted_when_nothing_can_satisfy_the_requirements() {
    paused(async {
        let network = ScriptedStack::new();
        let harness = Harness::new(&network);
        let properties = TransportProperties::new().require(SelectionProperty::Multistreaming);
        let failure = failure_of(harness.to("192.0.2.1:1").properties(properties)).await;
        assert_eq!(failure.properties(), [SelectionProperty::Multistreaming]);
        assert!(network.attempts().is_empty());
    });
}

#[test]
fn a_name_that_does_not_exist_is_told_as_it_is() {
    paused(async {
        let harness = Harness::with_names(&ScriptedStack::new(), ScriptedResolver::new());
        let failure = failure_of(harness.to("nowhere.example:443")).await;
        let expected = ResolutionFailure::NoSuchName { name: "nowhere.example".into() };
        assert_eq!(failure.unresolved(), [expected]);
        assert!(matches!(&*failure, EstablishmentFailure::ResolutionFailed(_)));
    });
}

#[test]
fn a_name_that_answers_late_joins_the_race() {
    paused(async {
        let names = ScriptedResolver::new().answers("late.example", ms(900), ["192.0.2.2"]);
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::refused_after(ms(10)))
            .to("192.0.2.2:2", Outcome::connects_after(ms(10)));
        let harness = Harness::with_names(&network, names);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").or_to("late.example:2").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(910)));
        assert_eq!(connection.race().unwrap().timeline.attempts[1].cause, Cause::Late);
    });
}

#[test]
fn half_an_answer_is_enough_and_the_failure_of_the_other_half_is_told_only_in_the_record() {
    paused(async {
        let no_v6 = ResolutionFailure::NoAddresses { name: "half.example".into() };
        let names = ScriptedResolver::new().fails("half.example", ms(5), no_v6.clone()).answers(
            "half.example",
            ms(10),
            ["192.0.2.2"],
        );
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let probe = EventProbe::start();
        let connection = harness.to("half.example:2").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        assert_eq!(probe.words(), ["Ready"]);
        assert_eq!(connection.race().unwrap().unresolved, [no_v6]);
    });
}

#[test]
fn a_resolver_that_says_twice_that_it_is_done_does_no_harm() {
    paused(async {
        let names = ScriptedResolver::new()
            .answers("babble.example", ms(5), ["192.0.2.1"])
            .answers("babble.example", ms(10), ["192.0.2.2"])
            .babbles("babble.example");
        let network = ScriptedStack::new().otherwise(Outcome::refused_after(ms(50)));
        let harness = Harness::with_names(&network, names);
        let failure = failure_of(harness.to("babble.example:1")).await;
        assert!(matches!(&*failure, EstablishmentFailure::EstablishmentFailed { .. }), "{failure}");
    });
}

#[test]
fn a_resolver_that_never_answers_costs_its_time_and_no_more() {
    paused(async {
        let names = ScriptedResolver::new().never("silent.example");
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let start = tokio::time::Instant::now();
        let failure = failure_of(harness.to("silent.example:1")).await;
        assert!(matches!(failure.unresolved(), [ResolutionFailure::TimedOut { .. }]), "{failure}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
}

#[test]
fn a_local_name_that_is_never_answered_costs_its_time_and_no_more() {
    paused(async {
        let names = ScriptedResolver::new().never("silent.example");
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let start = tokio::time::Instant::now();
        let failure = failure_of(harness.to("192.0.2.1:1").from("silent.example")).await;
        assert!(matches!(failure.unresolved(), [ResolutionFailure::TimedOut { .. }]), "{failure}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
}

#[test]
fn a_resolver_that_never_answers_does_not_keep_a_lost_race_open() {
    paused(async {
        let names = ScriptedResolver::new().never("silent.example");
        let network = ScriptedStack::new().otherwise(Outcome::refused());
        let harness = Harness::with_names(&network, names);
        let failure = failure_of(harness.to("silent.example:1").or_to("192.0.2.1:1")).await;
        assert_eq!((failure.attempts().len(), failure.unresolved().len()), (1, 1), "{failure}");
    });
}

#[test]
fn a_resolver_that_dies_over_a_question_is_a_reason_like_any_other() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let names = ScriptedResolver::new().panics("deadly.example");
        let harness = Harness::with_names(&ScriptedStack::new(), names);
        let failure = failure_of(harness.to("deadly.example:1")).await;
        assert!(matches!(failure.unresolved(), [ResolutionFailure::Other { .. }]), "{failure}");
        // And now it is dead.
        let failure = failure_of(harness.to("any.example:1")).await;
        assert!(matches!(failure.unresolved(), [ResolutionFailure::Other { .. }]), "{failure}");
    });
}

#[test]
fn messages_and_requests_wait_for_ready_and_keep_their_order() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::connects_after(ms(50)));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).first("zero ").initiate();
        connection.send("one ");
        connection.send(Message::new("two"));
        connection.receive();
        let peer = network.peer().await;
        peer.send("answer");
        probe.until(EventKind::Received).await;
        assert_eq!(probe.words(), ["Ready", "Sent", "Sent", "Sent", "AllWritten", "Received"]);
        assert_eq!(peer.take(), "zero one two");
        probe.check();
    });
}

#[test]
fn what_was_sent_before_an_establishment_that_fails_comes_back_before_the_error() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::refused_after(ms(50)));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).first("zero").initiate();
        connection.send("one");
        connection.receive();
        probe.end().await;
        assert_eq!(probe.words(), ["SendError", "ReceiveError", "EstablishmentError"]);
        // The fate of the first message is the EstablishmentError.
        probe.trace().check_ended(connection.id(), 1..2, 0..1);
    });
}

#[test]
fn a_policy_manager_that_keeps_panicking_takes_the_transport_with_it_and_every_connection_is_told() {
    let _quiet = quiet_panics("the interfaces are on fire");
    paused(async {
        let network = ScriptedStack::new();
        let mut config = Harness::config([&network]);
        config.interfaces = Interfaces::from_fn(|| panic!("the interfaces are on fire"));
        let harness = Harness::with(config);
        for _ in 0..10 {
            let failure = failure_of(harness.to("192.0.2.1:1")).await;
            assert!(matches!(&*failure, EstablishmentFailure::Stopped(_)), "{failure}");
        }
        assert!(!harness.root().connected(), "the transport is gone");
        assert!(network.attempts().is_empty());
    });
}

#[test]
fn a_policy_manager_that_panics_once_is_there_again_for_the_next_connection() {
    let _quiet = quiet_panics("the interfaces are on fire");
    paused(async {
        let network = ScriptedStack::new();
        let mut config = Harness::config([&network]);
        let first = AtomicBool::new(true);
        config.interfaces = Interfaces::from_fn(move || {
            assert!(!first.swap(false, Ordering::Relaxed), "the interfaces are on fire");
            Ok(interfaces())
        });
        let harness = Harness::with(config);
        failure_of(harness.to("192.0.2.1:1")).await;
        let probe = EventProbe::start();
        let _connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
    });
}

#[test]
fn interfaces_that_cannot_be_listed_do_not_matter_to_who_names_none() {
    paused(async {
        let mut config = Harness::config([&ScriptedStack::new()]);
        config.interfaces = Interfaces::from_fn(|| Err(io::Error::other("no permission")));
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let _connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        let properties = TransportProperties::new().require(Interface::named("eth0"));
        let failure = failure_of(harness.to("192.0.2.1:1").properties(properties)).await;
        assert!(matches!(&*failure, EstablishmentFailure::NoCandidates { .. }), "{failure}");
    });
}
