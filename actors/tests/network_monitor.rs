//! What the network monitor tells, and to whom.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use actix::prelude::*;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use neatflow_actors::events::{Event, EventKind, NetworkStatusChanged};
use neatflow_actors::network_monitor::messages::{NetworkChanged, Watch};
use neatflow_actors::network_monitor::{NetworkMonitor, Source};
use neatflow_actors::policy_manager::Interfaces;
use neatflow_actors::policy_manager::messages::{Eligible, Observe};
use neatflow_actors::supervision::{Plan, supervise};
use neatflow_actors::transport::Config;
use neatflow_actors::transport::messages::AskPolicyManager;
use neatflow_core::policy::{HostNetwork, InterfaceRow, Observation, Outcome as Went, Request, Route};
use neatflow_core::properties::Interface;
use neatflow_core::racing::{Family, Source as Address};
use neatflow_core::{EstablishmentFailure, Protocol, TransportProperties};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Outcome, ScriptedStack};
use neatflow_testing::{paused, quiet_panics, settle};
use slog::{Discard, Logger, o};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn logger() -> Logger {
    Logger::root(Discard, o!())
}

fn row(name: &str, index: u32, addresses: &[&str]) -> InterfaceRow {
    let sources: Vec<Address> = addresses.iter().map(|text| Address::new(text.parse().unwrap())).collect();
    InterfaceRow {
        name: name.into(),
        index,
        addresses: sources.iter().map(|source| source.address).collect(),
        sources,
        up: true,
        loopback: name == "lo",
    }
}

/// A host with loopback and what is given.
fn host(rows: &[InterfaceRow]) -> HostNetwork {
    let lo = row("lo", 1, &["127.0.0.1", "::1"]);
    HostNetwork::new([&[lo], rows].concat()).routed(Vec::new())
}

fn cable() -> HostNetwork {
    host(&[row("eth0", 2, &["192.0.2.100", "2001:db8::100"])])
}

/// A source that says what it is told to, to the monitor that was started last.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Vec<UnboundedSender<HostNetwork>>>>);

impl Script {
    fn source(&self, first: HostNetwork) -> Source {
        let script = self.clone();
        Source::from_fn(move || {
            let (tell, told) = unbounded();
            tell.unbounded_send(first.clone()).unwrap();
            script.0.lock().unwrap().push(tell);
            told
        })
    }

    fn say(&self, network: HostNetwork) {
        self.0.lock().unwrap().last().unwrap().unbounded_send(network).unwrap();
    }
}

/// A harness with a monitor, whose policy manager counts how often it looks for itself.
fn watched(stack: &ScriptedStack, script: &Script, first: HostNetwork) -> (Config, Arc<AtomicUsize>) {
    let mut config = Harness::config([stack]);
    config.network = script.source(first);
    let looks = Arc::new(AtomicUsize::new(0));
    let counter = looks.clone();
    config.interfaces = Interfaces::from_fn(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(host(&[row("eth0", 2, &["192.0.2.100", "2001:db8::100"]), row("new0", 3, &["198.51.100.3"])])
            .interfaces)
    });
    (config, looks)
}

fn over(interface: &str) -> TransportProperties {
    TransportProperties::new().require(Interface::named(interface))
}

async fn eligible(
    harness: &Harness,
    properties: TransportProperties,
) -> Result<neatflow_actors::policy_manager::messages::Eligibility, EstablishmentFailure> {
    let remotes = vec!["203.0.113.1:443".parse().unwrap()];
    let request = Arc::new(Request { remotes, properties: Arc::new(properties), ..Request::default() });
    harness.root().send(AskPolicyManager(Eligible::new(request))).await.unwrap().unwrap()
}

/// Somebody who watches the networks.
struct Watcher {
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<NetworkChanged> for Watcher {
    type Result = ();

    fn handle(&mut self, changed: NetworkChanged, _: &mut Self::Context) {
        self.heard.lock().unwrap().push(changed.changes.iter().map(ToString::to_string).collect());
    }
}

/// Keeps an actor from handling anything for so long.
#[derive(Message)]
#[rtype(result = "()")]
struct Busy(Duration);

impl Handler<Busy> for Watcher {
    type Result = ();

    fn handle(&mut self, Busy(time): Busy, ctx: &mut Self::Context) {
        ctx.wait(fut::wrap_future::<_, Self>(tokio::time::sleep(time)));
    }
}

#[test]
fn interfaces_come_and_go_in_the_policy_without_anybody_looking() {
    paused(async {
        let script = Script::default();
        let (config, looks) = watched(&ScriptedStack::new(), &script, cable());
        let harness = Harness::with(config);
        settle().await;
        assert!(eligible(&harness, over("eth0")).await.is_ok());
        let known = eligible(&harness, TransportProperties::new()).await.unwrap();
        assert_eq!(known.network.sources.len(), 4, "with their states");
        assert_eq!(known.as_of.as_deref(), Some(&cable()));

        script.say(host(&[row("wlan0", 4, &["198.51.100.4"])]));
        settle().await;
        let radio = eligible(&harness, over("wlan0")).await.unwrap();
        assert!(radio.network.v4 && !radio.network.v6);
        assert_eq!(looks.load(Ordering::Relaxed), 0);

        let mut down = row("wlan0", 4, &["198.51.100.4"]);
        down.up = false;
        script.say(host(&[down]));
        settle().await;
        let failure = eligible(&harness, over("wlan0")).await.unwrap_err();
        assert!(matches!(&failure, EstablishmentFailure::NoCandidates { .. }), "{failure}");
    });
}

#[test]
fn an_interface_that_nobody_has_told_of_yet_is_found_by_its_name() {
    paused(async {
        let script = Script::default();
        let (config, looks) = watched(&ScriptedStack::new(), &script, cable());
        let harness = Harness::with(config);
        settle().await;
        assert!(eligible(&harness, over("new0")).await.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        // What was known is known as well as before.
        let known = eligible(&harness, over("eth0")).await.unwrap();
        assert_eq!(known.network.sources.len(), 4);
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        assert!(eligible(&harness, over("none0")).await.is_err());
    });
}

#[test]
fn what_was_learned_on_one_network_is_forgotten_when_its_interface_leads_to_another() {
    paused(async {
        let behind = |router: &str| {
            let mut route = Route::new(Family::V4, 2);
            route.gateway = Some(router.parse().unwrap());
            cable().routed(vec![route])
        };
        let script = Script::default();
        let (first, second) = (ScriptedStack::new(), ScriptedStack::new().named(Protocol::named("other")));
        let mut config = Harness::config([&first, &second]);
        config.network = script.source(behind("192.0.2.1"));
        let harness = Harness::with(config);
        settle().await;
        let best = async || {
            let known = eligible(&harness, TransportProperties::new()).await.unwrap();
            (known.branches[0].protocol.to_string(), known.memory.winner.is_some())
        };
        assert_eq!(best().await, ("scripted".into(), false));
        let observation = Observation {
            network: None,
            host: None,
            remote: "203.0.113.1:443".parse().unwrap(),
            transport: Protocol::named("other"),
            outcome: Went::Established { rtt: None },
        };
        harness.root().send(AskPolicyManager(Observe(vec![observation]))).await.unwrap().unwrap();
        assert_eq!(best().await, ("other".into(), true));
        // The router is gone for a moment and comes back: the same network.
        script.say(cable());
        script.say(behind("192.0.2.1"));
        settle().await;
        assert_eq!(best().await, ("other".into(), true));
        script.say(behind("192.0.2.254"));
        settle().await;
        assert_eq!(best().await, ("scripted".into(), false));
    });
}

#[test]
fn watchers_hear_what_changed_since_they_heard_last_and_a_slow_one_misses_only_what_came_and_went() {
    paused(async {
        let script = Script::default();
        let monitor = NetworkMonitor::new(script.source(cable()), logger()).start();
        settle().await;
        let heard: [Arc<Mutex<Vec<Vec<String>>>>; 2] = Default::default();
        let [quick, slow] = heard.clone().map(|heard| Watcher { heard }.start());
        for watcher in [&quick, &slow] {
            let now = monitor.send(Watch(watcher.downgrade().recipient())).await.unwrap().unwrap();
            assert_eq!(*now, cable());
        }
        slow.send(Busy(Duration::from_secs(1))).await.unwrap();
        let with = |address: String| host(&[row("eth0", 2, &[&address])]);
        for last in 1..=40 {
            script.say(with(format!("192.0.2.{last}")));
            settle().await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let [quick_heard, slow_heard] = heard.map(|heard| std::mem::take(&mut *heard.lock().unwrap()));
        assert_eq!(quick_heard.len(), 40);
        assert_eq!(quick_heard[39], ["eth0 has 192.0.2.39 no more", "eth0 has 192.0.2.40"]);
        let last = ["eth0 has 192.0.2.1 no more", "eth0 has 192.0.2.40"];
        assert_eq!(slow_heard[1..], [last.map(String::from)], "one waits, the others are one");
        drop(slow);
    });
}

#[test]
fn others_hear_of_a_change_when_those_who_are_told_first_have_handled_it() {
    paused(async {
        let script = Script::default();
        let [first_heard, later_heard]: [Arc<Mutex<Vec<Vec<String>>>>; 2] = Default::default();
        let first = Watcher { heard: first_heard.clone() }.start();
        let later = Watcher { heard: later_heard.clone() }.start();
        let monitor = NetworkMonitor::new(script.source(cable()), logger())
            .watched_by(first.downgrade().recipient())
            .start();
        settle().await;
        monitor.send(Watch(later.downgrade().recipient())).await.unwrap().unwrap();
        first.send(Busy(Duration::from_secs(1))).await.unwrap();
        script.say(host(&[row("eth0", 2, &["192.0.2.1"])]));
        script.say(host(&[row("eth0", 2, &["192.0.2.2"])]));
        settle().await;
        assert!(later_heard.lock().unwrap().is_empty());
        let late = Watcher { heard: Arc::default() }.start();
        let known = monitor.send(Watch(late.downgrade().recipient())).await.unwrap().unwrap();
        assert_eq!(*known, cable(), "as the first one knows it");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(first_heard.lock().unwrap().last().unwrap()[1], "eth0 has 192.0.2.2");
        assert_eq!(later_heard.lock().unwrap().last().unwrap()[2..], ["eth0 has 192.0.2.2"]);

        // Nobody waits for one that is gone.
        drop(first);
        script.say(host(&[]));
        settle().await;
        assert_eq!(later_heard.lock().unwrap().last().unwrap()[0], "eth0 is down");
    });
}

/// A watcher that panics over a change so many times.
struct Timid {
    panics: u32,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Actor for Timid {
    type Context = Context<Self>;
}

impl Supervised for Timid {
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<NetworkChanged> for Timid {
    type Result = ();

    fn handle(&mut self, changed: NetworkChanged, _: &mut Self::Context) {
        self.heard.lock().unwrap().push(changed.changes.iter().map(ToString::to_string).collect());
        if let Some(left) = self.panics.checked_sub(1) {
            self.panics = left;
            panic!("frightened by the network");
        }
    }
}

/// What a watcher that panics so often hears of one change, and, once it was told in vain, of a second.
async fn frightened(panics: u32, first: bool) -> Vec<Vec<String>> {
    let script = Script::default();
    let heard: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let watcher = supervise(Timid { panics: 0, heard: heard.clone() }, Plan::permanent());
    let recipient = watcher.addr().downgrade().recipient();
    let mut monitor = NetworkMonitor::new(script.source(cable()), logger());
    if first {
        monitor = monitor.watched_by(recipient.clone());
    }
    let (monitor, bystander) = (monitor.start(), Watcher { heard: Arc::default() });
    let seen = bystander.heard.clone();
    let bystander = bystander.start();
    settle().await;
    // Again, as an actor does that was restarted: it is told once all the same.
    for watcher in [&recipient, &recipient, &bystander.downgrade().recipient()] {
        monitor.send(Watch(watcher.clone())).await.unwrap().unwrap();
    }
    heard.lock().unwrap().clear();
    watcher.addr().send(Frighten(panics)).await.unwrap();
    script.say(host(&[row("eth0", 2, &["192.0.2.1"])]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    script.say(host(&[]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let last = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last[0], "eth0 is down", "others are told all the same");
    drop(bystander);
    std::mem::take(&mut *heard.lock().unwrap())
}

#[derive(Message)]
#[rtype(result = "()")]
struct Frighten(u32);

impl Handler<Frighten> for Timid {
    type Result = ();

    fn handle(&mut self, Frighten(panics): Frighten, _: &mut Self::Context) {
        self.panics = panics;
    }
}

#[test]
fn a_watcher_that_panics_over_a_change_is_told_it_again_and_not_for_ever() {
    let _quiet = quiet_panics("frightened by the network");
    paused(async {
        let gone = ["eth0 has 192.0.2.100 no more", "eth0 has 2001:db8::100 no more", "eth0 has 192.0.2.1"];
        let gone = gone.map(String::from).to_vec();
        let down = |addresses: &[&str]| -> Vec<String> {
            let gone = addresses.iter().map(|address| format!("eth0 has {address} no more"));
            std::iter::once("eth0 is down".to_string()).chain(gone).collect()
        };
        let handled = down(&["192.0.2.1"]);
        for first in [false, true] {
            assert_eq!(frightened(0, first).await, [gone.clone(), handled.clone()]);
            assert_eq!(frightened(1, first).await, [gone.clone(), gone.clone(), handled.clone()]);
            // It has never handled the first change, so it is told what became of what it knew.
            let unhandled = down(&["192.0.2.100", "2001:db8::100"]);
            assert_eq!(frightened(2, first).await, [gone.clone(), gone.clone(), unhandled]);
        }
    });
}

#[test]
fn a_watcher_is_not_kept_alive_and_forgotten_when_it_is_gone() {
    paused(async {
        let script = Script::default();
        let monitor = NetworkMonitor::new(script.source(cable()), logger()).start();
        let heard: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let watcher = Watcher { heard: heard.clone() }.start();
        monitor.send(Watch(watcher.downgrade().recipient())).await.unwrap();
        let weak = watcher.downgrade();
        drop(watcher);
        settle().await;
        assert!(weak.upgrade().is_none());
        script.say(host(&[]));
        settle().await;
        assert_eq!(Arc::strong_count(&heard), 1);
        assert!(monitor.connected());
    });
}

fn changed(event: Event) -> NetworkStatusChanged {
    NetworkStatusChanged::try_from(event).unwrap_or_else(|event| panic!("{event:?}"))
}

#[test]
fn connections_hear_of_the_networks_and_whether_it_concerns_them() {
    paused(async {
        let network = ScriptedStack::new()
            .to("203.0.113.1:443", Outcome::connects().bound_to("192.0.2.100:5000".parse().unwrap()));
        let script = Script::default();
        let (config, _) = watched(&network, &script, cable());
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:443").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        let late = EventProbe::start();
        connection.subscribe::<NetworkStatusChanged, _>(late.addr());

        script.say(host(&[row("eth0", 2, &["192.0.2.100"])]));
        let told = changed(probe.until(EventKind::NetworkStatusChanged).await);
        assert_eq!(told.changes[0].to_string(), "eth0 has 2001:db8::100 no more");
        assert!(!told.concerned);
        settle().await;
        assert_eq!(late.words(), ["NetworkStatusChanged"]);

        script.say(host(&[]));
        let told = changed(probe.until(EventKind::NetworkStatusChanged).await);
        assert!(told.concerned, "{told:?}");
        connection.close();
        probe.end().await;
        script.say(cable());
        settle().await;
        assert_eq!(probe.words().iter().filter(|word| **word == "NetworkStatusChanged").count(), 2);
        probe.check();
    });
}

#[test]
fn a_subscriber_that_is_stuck_misses_what_is_more_than_sixteen() {
    paused(async {
        let script = Script::default();
        let (config, _) = watched(&ScriptedStack::new(), &script, cable());
        let harness = Harness::with(config);
        let probe = EventProbe::start();
        let connection = harness.to("203.0.113.1:443").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        let mut events = connection.events();
        for last in 1..=40 {
            script.say(host(&[row("eth0", 2, &[&format!("192.0.2.{last}")])]));
            settle().await;
        }
        connection.close();
        let mut waiting = Vec::new();
        while let Some(event) = events.next().await {
            waiting.push(event);
        }
        let told = waiting.iter().filter(|event| event.kind() == EventKind::NetworkStatusChanged).count();
        assert_eq!(told, 16);
    });
}

/// A harness whose monitor panics so many times before its source works.
fn burning(times: usize) -> (Harness, Arc<AtomicUsize>) {
    let script = Script::default();
    let (mut config, looks) = watched(&ScriptedStack::new(), &script, cable());
    let left = Arc::new(AtomicUsize::new(times));
    let working = script.source(cable());
    config.network = Source::from_fn(move || {
        let burns =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        assert!(!burns, "the kernel is on fire");
        working.open()
    });
    (Harness::with(config), looks)
}

#[test]
fn a_monitor_that_panics_is_there_again() {
    let _quiet = quiet_panics("the kernel is on fire");
    paused(async {
        let (harness, looks) = burning(2);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(eligible(&harness, over("eth0")).await.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 0, "it serves");
    });
}

#[test]
fn a_monitor_that_gives_up_is_done_without() {
    let _quiet = quiet_panics("the kernel is on fire");
    paused(async {
        let (harness, looks) = burning(usize::MAX);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(harness.root().connected());
        assert!(eligible(&harness, over("new0")).await.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 1, "the policy manager looks for itself");
    });
}

/// The system's own network, in a namespace of its own.
#[cfg(target_os = "linux")]
mod real {
    use super::*;
    use neatflow_testing::netbox::{self, User};
    use std::process::Command;
    use tokio::time::timeout;

    fn ip(line: &str) {
        let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Waits until a connection has heard this, and gives everything it has heard by then.
    async fn until(heard: &Arc<Mutex<Vec<Vec<String>>>>, what: &str) {
        let wait = async {
            while !heard.lock().unwrap().iter().flatten().any(|change| change == what) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = timeout(Duration::from_secs(10), wait).await;
        assert!(told.is_ok(), "not told that {what}: {:?}", heard.lock().unwrap());
        heard.lock().unwrap().clear();
    }

    fn everything_that_happens_to_an_interface_is_told() {
        ip("link set lo up");
        System::new().block_on(async {
            let monitor = NetworkMonitor::new(Source::system(), logger()).start();
            let heard: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
            let watcher = Watcher { heard: heard.clone() }.start();
            while monitor.send(Watch(watcher.downgrade().recipient())).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            ip("link add one0 type veth peer name two0");
            ip("link set two0 up");
            ip("link set one0 up");
            until(&heard, "one0 is up").await;
            ip("addr add 192.0.2.7/24 dev one0");
            until(&heard, "one0 has 192.0.2.7").await;
            ip("addr add 2001:db8::7/64 dev one0 nodad");
            until(&heard, "one0 has 2001:db8::7").await;
            ip("route add default via 192.0.2.1 dev one0");
            until(&heard, "IPv4 leaves by one0 via 192.0.2.1").await;
            ip("addr change 2001:db8::7/64 dev one0 preferred_lft 0");
            until(&heard, "2001:db8::7 on one0 is deprecated").await;
            // Its peer is switched off: no carrier.
            ip("link set two0 down");
            until(&heard, "one0 is down").await;
            ip("link set two0 up");
            until(&heard, "one0 is up").await;
            ip("addr del 192.0.2.7/24 dev one0");
            until(&heard, "one0 has 192.0.2.7 no more").await;
            ip("link del one0");
            until(&heard, "one0 is down").await;
        });
    }

    #[test]
    fn what_happens_to_an_interface_is_told() {
        let name = "real::what_happens_to_an_interface_is_told";
        if let Err(why) = netbox::run(name, User::Ordinary, everything_that_happens_to_an_interface_is_told) {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
            use std::io::Write;
            _ = std::io::stderr().write_all(format!("SKIPPED {name}: {why}\n").as_bytes());
        }
    }
}
