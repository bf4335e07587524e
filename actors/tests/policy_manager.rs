//! What the policy manager answers, learns and keeps.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use actix::prelude::*;
use neatflow_actors::Registry;
use neatflow_actors::events::EventKind;
use neatflow_actors::policy_manager::files::policy_dir;
use neatflow_actors::policy_manager::messages::{Eligibility, Eligible, Files, Observe, Rank, Ranked};
use neatflow_actors::policy_manager::{Calls, Config, Interfaces, PolicyManager};
use neatflow_actors::transport::messages::AskPolicyManager;
use neatflow_core::policy::{Observation, Outcome, Request, Roster};
use neatflow_core::racing::{FRESH_EVERY, Memory};
use neatflow_core::{EstablishmentFailure, Protocol, TransportProperties};
use neatflow_testing::harness::{Harness, interfaces};
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Outcome as Reaction, ScriptedStack};
use neatflow_testing::{paused, settle};
use slog::{Discard, Logger, o};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn logger() -> Logger {
    Logger::root(Discard, o!())
}

fn registry() -> Registry {
    let mut registry = Registry::empty();
    registry.register(Arc::new(ScriptedStack::new()));
    registry
}

fn manager() -> Addr<PolicyManager> {
    PolicyManager::new(&registry(), Interfaces::from_fn(|| Ok(interfaces())), logger()).start()
}

fn request(remote: &str, properties: TransportProperties) -> Arc<Request> {
    let remotes = vec![remote.parse().unwrap()];
    Arc::new(Request { remotes, properties: Arc::new(properties), ..Request::default() })
}

async fn eligible(manager: &Addr<PolicyManager>, request: Arc<Request>) -> Eligibility {
    manager.send(Eligible::new(request)).await.unwrap().unwrap()
}

fn established(host: &str, remote: &str) -> Observation {
    Observation {
        network: None,
        host: Some(host.into()),
        remote: remote.parse().unwrap(),
        transport: Protocol::named("scripted"),
        outcome: Outcome::Established { rtt: Some(Duration::from_millis(20)) },
    }
}

/// SORT-11: only what begins is a race.
#[test]
fn a_call_that_is_asked_again_is_no_other_race() {
    paused(async {
        let manager = manager();
        let wanted = request("example.org:443", TransportProperties::new());
        eligible(&manager, wanted.clone()).await;
        manager.send(Observe(vec![established("example.org", "[2001:db8::1]:443")])).await.unwrap();
        let mut knew = 0;
        for _ in 2..FRESH_EVERY {
            let again = Eligible::new(wanted.clone()).without_memory();
            let told = manager.send(again).await.unwrap().unwrap();
            assert_eq!(told.memory, Memory::default());
            knew += u64::from(eligible(&manager, wanted.clone()).await.memory.winner.is_some());
        }
        assert_eq!(knew, FRESH_EVERY - 2, "none of these is the one that knows nothing");
        assert_eq!(eligible(&manager, wanted).await.memory, Memory::default(), "this one is");
    });
}

/// Time is that of a clock that never jumps: here the calendar stands still while ten minutes pass.
#[test]
fn how_long_a_winner_is_remembered_has_nothing_to_do_with_the_calendar() {
    paused(async {
        let manager = manager();
        let wanted = request("example.org:443", TransportProperties::new());
        eligible(&manager, wanted.clone()).await;
        manager.send(Observe(vec![established("example.org", "[2001:db8::1]:443")])).await.unwrap();
        tokio::time::sleep(Duration::from_secs(590)).await;
        assert!(eligible(&manager, wanted.clone()).await.memory.winner.is_some());
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(eligible(&manager, wanted).await.memory.winner, None);
    });
}

/// Somebody in the place of the policy manager, who asks one and keeps what is observed.
struct Other {
    manager: Addr<PolicyManager>,
    observed: Arc<Mutex<Vec<Outcome>>>,
}

impl Actor for Other {
    type Context = Context<Self>;
}

impl Handler<Eligible> for Other {
    type Result = ResponseFuture<Result<Eligibility, EstablishmentFailure>>;

    fn handle(&mut self, call: Eligible, _: &mut Self::Context) -> Self::Result {
        let reply = self.manager.send(call);
        Box::pin(async { reply.await.unwrap() })
    }
}

impl Handler<Rank> for Other {
    type Result = ResponseFuture<Ranked>;

    fn handle(&mut self, call: Rank, _: &mut Self::Context) -> Self::Result {
        let reply = self.manager.send(call);
        Box::pin(async { reply.await.unwrap() })
    }
}

impl Handler<Observe> for Other {
    type Result = ();

    fn handle(&mut self, Observe(observations): Observe, _: &mut Self::Context) {
        self.observed.lock().unwrap().extend(observations.into_iter().map(|one| one.outcome));
    }
}

#[test]
fn whoever_answers_in_place_of_the_policy_manager_hears_how_races_and_connections_went() {
    paused(async {
        let network = ScriptedStack::new();
        let observed = Arc::default();
        let other = Other { manager: manager(), observed: Arc::clone(&observed) }.start();
        let mut config = Harness::config([&network]);
        config.other_policy = Some(Calls::to(&other));
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        let peer = network.peer().await;
        probe.until(EventKind::Ready).await;
        connection.close();
        peer.finish();
        probe.end().await;
        settle().await;
        let observed = observed.lock().unwrap();
        let went = |outcome: &Outcome| matches!(outcome, Outcome::Used { .. });
        assert!(matches!(observed[0], Outcome::Established { .. }), "{observed:?}");
        assert!(observed.len() == 2 && went(&observed[1]), "{observed:?}");
    });
}

/// Where nothing has to be resolved call 1 answers call 2, and says what that would.
#[test]
fn to_an_address_one_call_answers_both() {
    paused(async {
        let manager = manager();
        let wanted = request("192.0.2.1:443", TransportProperties::new());
        for _ in 0..2 {
            let told = eligible(&manager, wanted.clone()).await;
            let call = Rank {
                request: wanted.clone(),
                branches: told.branches,
                resolved: Vec::new(),
                roster: Roster::new(),
            };
            let (first, ranked) = (told.first.unwrap(), manager.send(call).await.unwrap());
            assert_eq!(format!("{first:?}"), format!("{ranked:?}"));
            assert!(!first.candidates.is_empty());
        }
        let told = eligible(&manager, request("example.org:443", TransportProperties::new())).await;
        assert!(told.first.is_none(), "nobody knows its addresses yet");
    });
}

#[test]
fn a_race_is_told_of_the_network_and_of_what_races_before_it_taught() {
    paused(async {
        let manager = manager();
        let wanted = request("example.org:443", TransportProperties::new());
        let before = eligible(&manager, wanted.clone()).await;
        assert!(before.network.v4 && before.network.v6);
        assert_eq!(before.memory, Memory::default());

        manager.send(Observe(vec![established("example.org", "[2001:db8::1]:443")])).await.unwrap();
        let memory = eligible(&manager, wanted).await.memory;
        let address = "2001:db8::1".parse().unwrap();
        assert_eq!(memory.winner.unwrap().address, address);
        assert_eq!(memory.round_trips[&address], Duration::from_millis(20));

        let other = eligible(&manager, request("example.com:443", TransportProperties::new())).await;
        assert_eq!(other.memory.winner, None, "it won to another host");
    });
}

#[test]
fn an_isolated_session_is_told_nothing_of_earlier_ones() {
    paused(async {
        let manager = manager();
        manager.send(Observe(vec![established("example.org", "192.0.2.1:443")])).await.unwrap();
        let mut isolated = TransportProperties::new();
        isolated.connection.isolate_session = true;
        let told = eligible(&manager, request("example.org:443", isolated)).await;
        assert_eq!(told.memory, Memory::default());
    });
}

/// A directory of its own, that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("neatflow-manager-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("pib")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn reading(&self) -> Config {
        let mut config = Config::default();
        config.directories = policy_dir(&self.0);
        config
    }

    fn keeping(&self) -> Config {
        let mut config = Config::default();
        config.cache = Some(self.0.join("cache/learned.json"));
        config
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn configured(config: Config) -> Addr<PolicyManager> {
    let interfaces = Interfaces::from_fn(|| Ok(interfaces()));
    PolicyManager::new(&registry(), interfaces, logger()).configured(config).start()
}

/// Whom policies have put first: the interface of the best branch.
async fn best(manager: &Addr<PolicyManager>) -> Option<Arc<str>> {
    let told = eligible(manager, request("192.0.2.1:443", TransportProperties::new())).await;
    told.branches[0].path.interface.clone()
}

const PREFER_ETH0: &str = r#"{"properties": {"interface": {"value": "eth0", "precedence": 1}}}"#;

#[test]
fn policies_of_a_directory_are_in_force_before_the_first_answer_and_as_they_change() {
    paused(async {
        let scratch = Scratch::new("reload");
        scratch.write("pib/cable.policy", PREFER_ETH0);
        let manager = configured(scratch.reading());
        assert_eq!(best(&manager).await.as_deref(), Some("eth0"));

        fs::remove_file(scratch.0.join("pib/cable.policy")).unwrap();
        scratch.write("pib/broken.policy", "{\"priority\": \"high\"}");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(best(&manager).await, None);
        let report = manager.send(Files).await.unwrap();
        assert_eq!((report.files, report.refused.len()), (1, 1));
        assert!(report.refused[0].to_string().contains("broken.policy:1:14: priority: "), "{report:?}");

        scratch.write("pib/broken.policy", PREFER_ETH0);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(best(&manager).await.as_deref(), Some("eth0"));
    });
}

#[test]
fn a_file_takes_the_place_of_what_is_built_in_and_gives_it_back() {
    paused(async {
        let scratch = Scratch::new("built-in");
        let manager = configured(scratch.reading());
        let unbound = best(&manager).await;
        assert_eq!(unbound, None);
        scratch.write("pib/low_latency_tcp.policy", PREFER_ETH0);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(best(&manager).await.as_deref(), Some("eth0"));
        fs::remove_file(scratch.0.join("pib/low_latency_tcp.policy")).unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(best(&manager).await, None);
    });
}

/// Two protocols of which the second has worked and the first has not.
fn two_observations() -> Vec<Observation> {
    let failed = Observation {
        transport: Protocol::named("scripted"),
        outcome: Outcome::Failed { reason: "refused".into() },
        ..established("example.org", "192.0.2.1:443")
    };
    let worked =
        Observation { transport: Protocol::named("other"), ..established("example.org", "192.0.2.1:443") };
    vec![failed, worked]
}

/// The protocols in order, by a manager that has both.
async fn order(config: Config, observations: Vec<Observation>) -> Vec<Protocol> {
    let mut registry = registry();
    registry.register(Arc::new(ScriptedStack::new().named(Protocol::named("other"))));
    let interfaces = Interfaces::from_fn(|| Ok(interfaces()));
    let manager = PolicyManager::new(&registry, interfaces, logger()).configured(config).start();
    if !observations.is_empty() {
        manager.send(Observe(observations)).await.unwrap();
    }
    let told = eligible(&manager, request("example.org:443", TransportProperties::new())).await;
    told.branches.iter().map(|branch| branch.protocol.clone()).collect()
}

#[test]
fn what_was_learned_outlives_the_manager_in_its_cache() {
    let scratch = Scratch::new("cache");
    let names = |order: Vec<Protocol>| order.iter().map(ToString::to_string).collect::<Vec<_>>();
    paused(async {
        assert_eq!(names(order(scratch.keeping(), Vec::new()).await), ["scripted", "other"]);
        assert_eq!(names(order(scratch.keeping(), two_observations()).await), ["other", "scripted"]);
    });
    // The manager is gone with its arbiter.
    paused(async {
        assert_eq!(names(order(scratch.keeping(), Vec::new()).await), ["other", "scripted"]);
        assert_eq!(names(order(Config::default(), Vec::new()).await), ["scripted", "other"]);
    });
}

#[test]
fn what_was_learned_is_written_within_a_second_and_by_one_rename() {
    let scratch = Scratch::new("soon");
    paused(async {
        let manager = configured(scratch.keeping());
        manager.send(Observe(two_observations())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let text = fs::read_to_string(scratch.0.join("cache/learned.json")).unwrap();
        assert!(text.contains("neatflow_observations"), "{text}");
        let names: Vec<_> =
            fs::read_dir(scratch.0.join("cache")).unwrap().flatten().map(|f| f.file_name()).collect();
        assert_eq!(names, ["learned.json"]);
    });
}

#[test]
fn a_damaged_cache_is_set_aside_and_nothing_else_is_lost() {
    let scratch = Scratch::new("damaged");
    fs::create_dir_all(scratch.0.join("cache")).unwrap();
    for damage in [&b"{\"neatflow_observations\":1,\"records\":[{]}"[..], b"\xff\xfe", &vec![b' '; 2 << 20]] {
        fs::write(scratch.0.join("cache/learned.json"), damage).unwrap();
        paused(async {
            let manager = configured(scratch.keeping());
            assert_eq!(best(&manager).await, None);
            let aside = fs::read(scratch.0.join("cache/learned.json.damaged")).unwrap();
            assert_eq!(aside, damage);
            assert!(!scratch.0.join("cache/learned.json").exists());
        });
    }
}

/// Connects over the second of two protocols, the first of which refuses, and closes; then who comes first.
async fn first_after_a_connection(properties: TransportProperties) -> String {
    let refusing = ScriptedStack::new().otherwise(Reaction::refused());
    let working = ScriptedStack::new().named(Protocol::named("other"));
    let harness = Harness::with(Harness::config([&refusing, &working]));
    let probe = EventProbe::start();
    let connection = harness.to("192.0.2.1:443").properties(properties).tell(&probe).initiate();
    probe.until(EventKind::Ready).await;
    let peer = working.try_peer().unwrap();
    connection.close();
    peer.finish();
    probe.end().await;
    settle().await;
    let question = Eligible::new(request("192.0.2.1:443", TransportProperties::new()));
    let told = harness.root().send(AskPolicyManager(question)).await.unwrap().unwrap().unwrap();
    told.branches[0].protocol.to_string()
}

#[test]
fn a_connection_that_was_used_is_remembered_when_it_ends() {
    paused(async {
        assert_eq!(first_after_a_connection(TransportProperties::new()).await, "other");
    });
}

#[test]
fn of_an_isolated_session_nothing_is_remembered() {
    paused(async {
        let mut isolated = TransportProperties::new();
        isolated.connection.isolate_session = true;
        assert_eq!(first_after_a_connection(isolated).await, "scripted");
    });
}
