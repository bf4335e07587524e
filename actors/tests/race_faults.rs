//! What goes wrong around a race, and what races teach the next ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use actix::prelude::*;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{StreamExt, stream};
use neatflow_actors::events::EventKind;
use neatflow_actors::name_resolver::{Answered, Origin, Resolve};
use neatflow_actors::network_monitor::Source;
use neatflow_actors::supervision::{Plan, Supervise};
use neatflow_actors::{RaceEnd, transport};
use neatflow_core::policy::{Application, HostNetwork, InterfaceRow, Route};
use neatflow_core::properties::Interface;
use neatflow_core::racing::{Ech, Family, Loss, Mode, RecordKind, ServiceRecord};
use neatflow_core::resolution::Records;
use neatflow_core::{
    EstablishmentFailure, Failure, Intensity, Protocol, ResolutionFailure, TransportProperties,
};
use neatflow_stacks::Stage;
use neatflow_testing::harness::{Harness, Intent};
use neatflow_testing::probe::EventProbe;
use neatflow_testing::resolver::ScriptedResolver;
use neatflow_testing::stack::{AttemptEnd, Outcome, SCRIPTED_PANIC, ScriptedStack};
use neatflow_testing::{paused, quiet_panics, settle};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A resolver that falls over its first questions, and knows an address when it has got up.
struct Frail {
    falls: usize,
}

impl Actor for Frail {
    type Context = Context<Self>;
}

impl Supervised for Frail {}

impl Handler<Resolve> for Frail {
    type Result = ();

    fn handle(&mut self, question: Resolve, _: &mut Self::Context) {
        if self.falls > 0 {
            self.falls -= 1;
            panic!("{SCRIPTED_PANIC}");
        }
        let many = question.kinds.len();
        for (place, kind) in question.kinds.iter().enumerate() {
            let result = match kind {
                RecordKind::Aaaa => Ok(Records::Addresses(vec!["2001:db8::1".parse().unwrap()])),
                _ => Err(ResolutionFailure::NoAddresses { name: question.host.clone() }),
            };
            let (query, origin, last) = (question.query, Origin::Hosts, place + 1 == many);
            #[expect(clippy::disallowed_methods, reason = "one for each type that was asked for")]
            question.answers.do_send(Answered { query, kind, result, origin, ttl: None, last });
        }
    }
}

fn with_frail_resolver(falls: usize) -> Harness {
    let mut config = Harness::config([&ScriptedStack::new()]);
    let patient = Intensity { restarts: 100, within: ms(1000), backoff: ms(1), max_backoff: ms(1) };
    let resolver = Supervise::new(Plan::permanent().intensity(patient)).start(|_| Frail { falls });
    config.other_resolver = Some(resolver.addr().clone().recipient());
    Harness::with(config)
}

#[test]
fn a_resolver_that_dies_in_the_race_is_asked_again_when_it_is_back() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let harness = with_frail_resolver(2);
        let probe = EventProbe::start();
        let connection = harness.to("host.example:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        // After 10 ms, and after 20 ms.
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(30)));
        assert!(
            connection
                .race()
                .unwrap()
                .unresolved
                .iter()
                .all(|failure| { matches!(failure, ResolutionFailure::NoAddresses { .. }) })
        );
    });
}

#[test]
fn a_resolver_that_dies_of_every_question_is_given_up() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let harness = with_frail_resolver(50);
        let probe = EventProbe::start();
        let connection = harness.to("host.example:1").tell(&probe).initiate();
        probe.until(EventKind::EstablishmentError).await;
        let failure = connection.ready().await.unwrap_err();
        assert!(matches!(&*failure, EstablishmentFailure::ResolutionFailed(_)), "{failure}");
        assert_eq!(probe.trace().time_of(EventKind::EstablishmentError), Some(ms(70)));
    });
}

#[test]
fn with_every_name_server_dead_a_race_fails_by_its_deadline_and_blames_the_name_servers() {
    paused(async {
        let names = || ScriptedResolver::new().never("host.example");
        let mut limited = Harness::config([&ScriptedStack::new()]);
        limited.other_resolver = Some(names().start().recipient());
        limited.racing.deadline = Some(ms(2000));
        let by_configuration = Harness::with(limited).to("host.example:1");
        let unlimited = Harness::with_names(&ScriptedStack::new(), names());
        let by_application = unlimited.to("host.example:1").timeout(ms(2000));
        for (intent, applications) in [(by_configuration, false), (by_application, true)] {
            let probe = EventProbe::start();
            let connection = intent.tell(&probe).initiate();
            probe.until(EventKind::EstablishmentError).await;
            assert_eq!(probe.trace().time_of(EventKind::EstablishmentError), Some(ms(2000)));
            let failure = connection.ready().await.unwrap_err();
            let expected = ResolutionFailure::TimedOut { name: "host.example".into(), after: ms(2000) };
            assert_eq!(failure.unresolved(), [expected]);
            // Whoever has set a limit is told that it is over.
            assert_eq!(matches!(&*failure, EstablishmentFailure::Timeout { .. }), applications, "{failure}");
            assert!(failure.to_string().contains("no name server answered for host.example"), "{failure}");
            assert_eq!(connection.race().unwrap().end, RaceEnd::Lost(Loss::Deadline));
        }
    });
}

/// The calendar may jump: a race counts from its own start, on a clock that only runs forward.
#[test]
fn the_wall_clock_plays_no_part_in_a_race() {
    let wall = SystemTime::now();
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let harness = Harness::new(&network);
        let first = harness.to("192.0.2.1:1");
        let intent = (2..8_u16).fold(first, |intent, port| intent.or_to(format!("192.0.2.1:{port}")));
        let connection = intent.timeout(Duration::from_secs(7200)).initiate();
        assert!(connection.ready().await.is_err());
        let timeline = &connection.race().unwrap().timeline;
        let starts: Vec<_> = timeline.attempts.iter().map(|one| one.started.since_origin()).collect();
        assert_eq!(starts, (0..7).map(|n| ms(250 * n)).collect::<Vec<_>>());
        let ends = timeline.attempts.iter().filter_map(|one| one.end).map(|end| end.at.since_origin());
        assert!(ends.into_iter().all(|end| end == Duration::from_secs(7200)));
    });
    let passed = wall.elapsed().unwrap_or_default();
    assert!(passed < Duration::from_secs(3600), "two hours of the race, and of the wall clock {passed:?}");
}

fn ready_after(harness: &Harness, intent: fn(&Harness) -> Intent) -> impl Future<Output = Protocol> {
    let connection = intent(harness).initiate();
    async move {
        connection.ready().await.unwrap();
        connection.stack().clone()
    }
}

/// QUIC is refused, TCP takes its time.
fn two_stacks() -> (ScriptedStack, ScriptedStack) {
    let quic = ScriptedStack::new().named(Protocol::named("quic")).otherwise(Outcome::refused_after(ms(5)));
    let tcp = ScriptedStack::new().named(Protocol::TCP).otherwise(Outcome::connects_after(ms(20)));
    (quic, tcp)
}

#[test]
fn a_transport_that_failed_where_another_won_is_not_tried_first_again() {
    paused(async {
        let (quic, tcp) = two_stacks();
        let harness = Harness::with(Harness::config([&quic, &tcp]));
        for (round, tries) in [(1, 1), (2, 1)] {
            let won = ready_after(&harness, |harness| harness.to("192.0.2.1:1")).await;
            settle().await;
            assert_eq!((won, quic.attempts().len()), (Protocol::TCP, tries), "race {round}");
        }
    });
}

#[test]
fn an_isolated_session_teaches_nothing_and_learns_nothing() {
    paused(async {
        let (quic, tcp) = two_stacks();
        let harness = Harness::with(Harness::config([&quic, &tcp]));
        let isolated = |harness: &Harness| {
            let mut properties = TransportProperties::new();
            properties.connection.isolate_session = true;
            harness.to("192.0.2.1:1").properties(properties)
        };
        for tries in [1, 2] {
            ready_after(&harness, isolated).await;
            settle().await;
            assert_eq!(quic.attempts().len(), tries);
        }
    });
}

/// SEC-2, SUC-5, with a stack that asks.
#[test]
fn security_is_held_until_the_services_are_known_and_begins_with_their_encrypted_client_hello() {
    paused(async {
        let mut service = ServiceRecord::new(1, ".");
        service.alpn = vec!["h2".into()];
        service.ech = Some([7, 7, 7].into());
        let names = ScriptedResolver::new()
            .answers("host.example", ms(10), ["2001:db8::1"])
            .services("host.example", ms(200), [service])
            .secure();
        let tcp = ScriptedStack::new()
            .named(Protocol::TCP)
            .otherwise(Outcome::connects_after(ms(30)).over_transport(ms(20)));
        let mut config = Harness::config([&tcp]);
        (config.other_resolver, config.secure_dns) = (Some(names.start().recipient()), true);
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let application = Application::new(["h2"]).ech(Ech::Opportunistic);
        let connection = harness.to("host.example:443").speaking(application).tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        // The resolution delay, and the transport; the answer; security.
        let [attempt] = &tcp.attempts()[..] else { panic!("{:?}", tcp.attempts()) };
        assert_eq!((attempt.at, attempt.secured_at), (ms(60), Some(ms(200))));
        let handshake = attempt.handshake.clone().unwrap();
        assert_eq!((handshake.ech.as_deref(), &*handshake.alpn), (Some(&[7, 7, 7][..]), &["h2".into()][..]));
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(230)));
        let record = &connection.race().unwrap().timeline.attempts[0];
        let at = |time: Option<neatflow_core::Time>| time.map(|time| time.since_origin());
        assert_eq!((at(record.transport), at(record.released)), (Some(ms(80)), Some(ms(200))));
    });
}

#[test]
fn a_stack_that_secures_nothing_is_not_held_up_by_the_wait_for_services() {
    paused(async {
        let tcp = ScriptedStack::new()
            .named(Protocol::TCP)
            .otherwise(Outcome::connects_after(ms(30)).reaching(Stage::Transport, ms(20)));
        let names =
            ScriptedResolver::new().answers("host.example", ms(10), ["2001:db8::1"]).never("host.example");
        let mut config = Harness::config([&tcp]);
        (config.other_resolver, config.secure_dns) = (Some(names.start().recipient()), true);
        let harness = Harness::with(config);
        let application = Application::new(["h2"]).ech(Ech::Opportunistic);
        let connection = harness.to("host.example:443").speaking(application).initiate();
        connection.ready().await.unwrap();
        assert_eq!(tcp.attempts()[0].secured_at, None);
    });
}

/// A race to cancel, and when: so many milliseconds and so many turns after its beginning.
#[derive(Clone, Debug)]
struct Cut {
    names: Vec<(u64, bool)>,
    outcomes: Vec<(u8, u64)>,
    mode: u8,
    after: u64,
    turns: usize,
    how: u8,
}

impl Arbitrary for Cut {
    fn arbitrary(g: &mut Gen) -> Self {
        let moment = |g: &mut Gen| u64::from(u8::arbitrary(g)) * 4;
        let few = |g: &mut Gen| usize::arbitrary(g) % 6;
        Self {
            names: (0..few(g)).map(|_| (moment(g), bool::arbitrary(g))).collect(),
            outcomes: (0..1 + few(g)).map(|_| (u8::arbitrary(g), moment(g))).collect(),
            mode: u8::arbitrary(g),
            after: moment(g),
            turns: usize::arbitrary(g) % 50,
            how: u8::arbitrary(g),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let (names, outcomes, whole) = (self.names.clone(), self.outcomes.clone(), self.clone());
        let names = names.shrink().map({
            let whole = whole.clone();
            move |names| Self { names, ..whole.clone() }
        });
        let outcomes = outcomes.shrink().filter(|outcomes| !outcomes.is_empty());
        Box::new(names.chain(outcomes.map(move |outcomes| Self { outcomes, ..whole.clone() })))
    }
}

impl Cut {
    fn config(&self, network: &ScriptedStack) -> transport::Config {
        let mut config = Harness::config([network]);
        let mut names = ScriptedResolver::new();
        for (place, (after, v6)) in self.names.iter().enumerate() {
            let address =
                if *v6 { format!("2001:db8::{}", place + 1) } else { format!("192.0.2.{}", place + 1) };
            names = names.answers(&format!("host{place}.example"), ms(*after), [address]);
        }
        config.other_resolver = Some(names.start().recipient());
        config.racing.mode = match self.mode % 3 {
            0 => Mode::Simultaneous,
            1 => Mode::Failover,
            _ => Mode::Staggered,
        };
        config.racing.retry.rounds = u32::from(self.mode % 2);
        config
    }

    fn outcome(&self, place: usize) -> Outcome {
        let (kind, after) = self.outcomes[place % self.outcomes.len()];
        match kind % 6 {
            0 | 1 => Outcome::silent(),
            2 => Outcome::refused_after(ms(after)),
            3 => Outcome::panics_after(ms(after)),
            4 => Outcome::connects_after(ms(after)).over_transport(ms(after)),
            _ => Outcome::connects_after(ms(after)),
        }
    }
}

/// No socket, no task, no timer: nobody is left, nothing is open, and nothing more happens.
#[test]
fn a_race_that_is_cancelled_anywhere_leaves_nothing() {
    fn prop(cut: Cut) -> Result<(), String> {
        let _quiet = quiet_panics(SCRIPTED_PANIC);
        paused(async move {
            let mut network = ScriptedStack::new();
            for place in 0..4 {
                network = network.to(format!("192.0.2.9:{}", place + 1), cut.outcome(place));
            }
            let network = network.otherwise(cut.outcome(4));
            let harness = Harness::with(cut.config(&network));
            let mut intent = harness.to("192.0.2.9:1").or_to("192.0.2.9:2");
            for place in 0..cut.names.len() {
                intent = intent.or_to(format!("host{place}.example:80"));
            }
            let intent = intent.or_to("192.0.2.9:3").or_to("192.0.2.9:4");
            let probe = EventProbe::start();
            let connection = intent.tell(&probe).initiate();
            sleep(ms(cut.after)).await;
            for _ in 0..cut.turns {
                tokio::task::yield_now().await;
            }
            match cut.how % 3 {
                0 => connection.abort(),
                1 => connection.close(),
                _ => {}
            }
            drop(connection);
            settle().await;
            // What was established closes when the peers do.
            while let Some(peer) = network.try_peer() {
                peer.finish();
            }
            sleep(ms(3000)).await;
            let (attempts, alive) = (network.attempts().len(), network.alive());
            let count = harness.census().await;
            if (count.flows, count.races, count.candidates, alive) != (0, 0, 0, 0) {
                return Err(format!("{count:?}, {alive} open, {:?}", probe.words()));
            }
            if network.ended(None) > 0 {
                return Err("an attempt runs on".to_owned());
            }
            sleep(Duration::from_secs(3600)).await;
            if network.attempts().len() != attempts {
                return Err("something is tried after the end".to_owned());
            }
            let ends = ["EstablishmentError", "Closed", "ConnectionError"];
            let terminal =
                probe.words().iter().filter(|word| ends.contains(&word.to_string().as_str())).count();
            if terminal == 1 { Ok(()) } else { Err(format!("{:?}", probe.words())) }
        })
    }
    QuickCheck::new().tests(300).quickcheck(prop as fn(Cut) -> Result<(), String>);
}

#[test]
fn a_cancelled_race_can_still_be_looked_at() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let connection = Harness::new(&network).to("192.0.2.1:1").initiate();
        sleep(ms(50)).await;
        connection.abort();
        settle().await;
        let record = connection.race().unwrap();
        assert_eq!((record.end, record.timeline.attempts.len()), (RaceEnd::Abandoned, 1));
        assert_eq!(network.ended(Some(AttemptEnd::Cancelled)), 1);
    });
}

/// A network monitor's source, and what says that the networks are different.
fn networks(first: HostNetwork) -> (Source, UnboundedSender<HostNetwork>) {
    let (tell, told) = unbounded();
    tell.unbounded_send(first).unwrap();
    let told = Arc::new(Mutex::new(Some(told)));
    let source = Source::from_fn(move || {
        let told = told.lock().unwrap().take();
        stream::iter(told).flatten()
    });
    (source, tell)
}

fn row(name: &str, index: u32, addresses: &[&str]) -> InterfaceRow {
    InterfaceRow {
        name: name.into(),
        index,
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        up: true,
        ..InterfaceRow::default()
    }
}

#[test]
fn an_interface_that_is_removed_in_mid_race_costs_its_attempts_and_no_time() {
    paused(async {
        let network = ScriptedStack::new().deciding(|candidate, _| match &candidate.interface {
            Some(_) => Outcome::silent(),
            None => Outcome::connects_after(ms(30)),
        });
        let both = [row("eth0", 2, &["192.0.2.100"]), row("wlan0", 3, &["198.51.100.20"])];
        let (source, tell) = networks(HostNetwork::new(both.to_vec()));
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let properties = TransportProperties::new().prefer(Interface::named("wlan0"));
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:1").properties(properties).tell(&probe).initiate();
        sleep(ms(100)).await;
        assert_eq!(network.attempts().len(), 1, "the path that is preferred runs alone");
        tell.unbounded_send(HostNetwork::new(both[..1].to_vec())).unwrap();
        probe.until(EventKind::Ready).await;
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(130)));
        let record = connection.race().unwrap();
        assert_eq!(record.failures[0].reason, Failure::NoSuchInterface("wlan0".into()));
        assert_eq!(network.ended(Some(AttemptEnd::Cancelled)), 1);
    });
}

/// What no interface binds the routing table sends over one: that is as gone.
#[test]
fn an_interface_the_routing_table_used_costs_its_attempts_too_when_it_is_removed() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let (source, tell) = networks(HostNetwork::new(vec![row("eth0", 2, &["192.0.2.100"])]));
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:1").tell(&probe).initiate();
        sleep(ms(100)).await;
        assert_eq!(network.attempts().len(), 1);
        tell.unbounded_send(HostNetwork::new(vec![row("wlan0", 3, &["198.51.100.20"])])).unwrap();
        probe.until(EventKind::EstablishmentError).await;
        assert_eq!(probe.trace().time_of(EventKind::EstablishmentError), Some(ms(100)));
        let failure = connection.ready().await.unwrap_err();
        assert_eq!(failure.attempts()[0].reason, Failure::NoSuchInterface("eth0".into()));
        assert_eq!(network.ended(Some(AttemptEnd::Cancelled)), 1);
    });
}

/// There may be a route that nobody here knows of.
#[test]
fn an_attempt_that_may_have_gone_over_another_interface_is_left_alone() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::connects_after(ms(200)));
        let both = vec![row("eth0", 2, &["192.0.2.100"]), row("eth1", 3, &["198.51.100.20"])];
        let mut before = HostNetwork::new(both.clone());
        before.routes = Some(vec![Route::new(Family::V4, 2)]);
        let (source, tell) = networks(before);
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let probe = EventProbe::start();
        let _connection = harness.to("203.0.113.1:1").tell(&probe).initiate();
        sleep(ms(100)).await;
        tell.unbounded_send(HostNetwork::new(both[1..].to_vec())).unwrap();
        probe.until(EventKind::Ready).await;
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(200)));
    });
}

/// A race asks to be told of changes only after a while: what has changed by then it learns all the same.
#[test]
fn a_change_before_anybody_is_told_of_changes_is_not_missed() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let (source, tell) = networks(HostNetwork::new(vec![row("eth0", 2, &["192.0.2.100"])]));
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:1").tell(&probe).initiate();
        sleep(ms(5)).await;
        assert_eq!(network.attempts().len(), 1);
        tell.unbounded_send(HostNetwork::new(vec![row("wlan0", 3, &["198.51.100.20"])])).unwrap();
        probe.until(EventKind::EstablishmentError).await;
        assert_eq!(probe.trace().time_of(EventKind::EstablishmentError), Some(ms(20)));
        let failure = connection.ready().await.unwrap_err();
        assert_eq!(failure.attempts()[0].reason, Failure::NoSuchInterface("eth0".into()));
    });
}

/// What the network has become is of no matter to an attempt whose interface is still there.
#[test]
fn a_change_elsewhere_leaves_an_attempt_alone_that_no_interface_binds() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::connects_after(ms(200)));
        let (source, tell) = networks(HostNetwork::new(vec![row("eth0", 2, &["192.0.2.100"])]));
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let probe = EventProbe::start();
        let _connection = harness.to("203.0.113.1:1").tell(&probe).initiate();
        sleep(ms(100)).await;
        let more = vec![row("eth0", 2, &["192.0.2.100"]), row("wlan0", 3, &["198.51.100.20"])];
        tell.unbounded_send(HostNetwork::new(more)).unwrap();
        probe.until(EventKind::Ready).await;
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(200)));
    });
}

#[test]
fn a_network_that_gets_ipv6_in_mid_race_is_asked_and_raced_over() {
    paused(async {
        let network = ScriptedStack::new()
            .to("192.0.2.1:1", Outcome::silent())
            .to("[2001:db8::1]:1", Outcome::connects_after(ms(30)));
        let names = ScriptedResolver::new().answers("host.example", ms(10), ["192.0.2.1", "2001:db8::1"]);
        let (source, tell) = networks(HostNetwork::new(vec![row("eth0", 2, &["192.0.2.100"])]));
        let mut config = Harness::config([&network]);
        (config.network, config.other_resolver) = (source, Some(names.start().recipient()));
        let harness = Harness::with(config);
        settle().await;
        let probe = EventProbe::start();
        let connection = harness.to("host.example:1").tell(&probe).initiate();
        sleep(ms(100)).await;
        tell.unbounded_send(HostNetwork::new(vec![row("eth0", 2, &["192.0.2.100", "2001:db8::100"])]))
            .unwrap();
        probe.until(EventKind::Ready).await;
        let kinds: Vec<_> = connection
            .race()
            .unwrap()
            .timeline
            .queries
            .iter()
            .map(|query| (query.kind, query.sent))
            .collect();
        let at = neatflow_core::Time::from_millis;
        assert_eq!(kinds, [(RecordKind::A, at(0)), (RecordKind::Aaaa, at(100))]);
        // It joins the race at the next timer.
        assert_eq!(probe.trace().time_of(EventKind::Ready), Some(ms(10 + 250 + 30)));
    });
}

#[test]
fn a_host_that_loses_every_network_loses_the_race() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::silent());
        let (source, tell) = networks(HostNetwork::new(vec![row("wlan0", 3, &["198.51.100.20"])]));
        let mut config = Harness::config([&network]);
        config.network = source;
        let harness = Harness::with(config);
        settle().await;
        let properties = TransportProperties::new().require(Interface::named("wlan0"));
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:1").properties(properties).tell(&probe).initiate();
        sleep(ms(100)).await;
        tell.unbounded_send(HostNetwork::new(Vec::new())).unwrap();
        probe.until(EventKind::EstablishmentError).await;
        assert_eq!(probe.trace().time_of(EventKind::EstablishmentError), Some(ms(100)));
        let failure = connection.ready().await.unwrap_err();
        assert_eq!(failure.attempts()[0].reason, Failure::NoSuchInterface("wlan0".into()));
    });
}
