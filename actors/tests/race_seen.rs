//! What can be seen of a race when it is over: what the transport counts, and what it logs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use neatflow_actors::events::EventKind;
use neatflow_actors::transport::messages::Measure;
use neatflow_core::racing::Tally;
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Outcome, ScriptedStack};
use neatflow_testing::{paused, settle};
use slog::{Drain, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};
use std::fmt::Arguments;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const V6: &str = "[2001:db8::1]:7000";
const V4: &str = "192.0.2.1:7000";

fn network(v6: Outcome, v4: Outcome) -> ScriptedStack {
    ScriptedStack::new().to(V6, v6).to(V4, v4)
}

async fn tally(harness: &Harness) -> Tally {
    harness.root().send(Measure).await.unwrap().racing
}

/// Establishes, or tries to, IPv6 first.
async fn race(harness: &Harness, until: EventKind) {
    let probe = EventProbe::start();
    let _connection = harness.to(V6).or_to(V4).tell(&probe).initiate();
    probe.until(until).await;
    settle().await;
}

#[test]
fn that_ipv6_is_broken_is_counted_although_everybody_connects() {
    paused(async {
        let harness = Harness::new(&network(Outcome::silent(), Outcome::connects_after(ms(20))));
        for _ in 0..3 {
            race(&harness, EventKind::Ready).await;
        }
        let tally = tally(&harness).await;
        assert_eq!((tally.races, tally.won, tally.first_try, tally.extra_attempts), (3, 3, 0, 3));
        assert_eq!(tally.ipv6.share_beaten(), Some(1.0));
        assert_eq!(tally.ipv4.share_beaten(), Some(0.0));
        let longest = tally.connected.max().unwrap();
        assert!((ms(270)..ms(280)).contains(&longest), "{longest:?}");
    });
}

#[test]
fn what_is_lost_and_what_is_cancelled_are_counted_apart() {
    paused(async {
        let harness = Harness::new(&network(Outcome::refused(), Outcome::refused()));
        race(&harness, EventKind::EstablishmentError).await;
        let harness = (harness, Harness::new(&network(Outcome::silent(), Outcome::silent())));
        drop(harness.1.to(V6).or_to(V4).initiate());
        settle().await;
        let (lost, cancelled) = (tally(&harness.0).await, tally(&harness.1).await);
        assert_eq!((lost.races, lost.lost, lost.cancelled, lost.failed_attempts), (1, 1, 0, 2));
        assert_eq!((cancelled.races, cancelled.lost, cancelled.cancelled), (1, 0, 1));
    });
}

#[test]
fn a_race_is_one_record_in_the_log_and_its_course_is_there_for_who_looks_closer() {
    paused(async {
        let lines = Lines::default();
        let stack = network(Outcome::silent(), Outcome::connects_after(ms(20)));
        let mut config = Harness::config([&stack]);
        config.logger = Logger::root(lines.clone(), o!());
        race(&Harness::with(config), EventKind::Ready).await;
        let info: Vec<_> = lines.of(Level::Info);
        let [won] = &info[..] else { panic!("{info:?}") };
        assert!(won.starts_with("race won; "), "{won}");
        for part in ["winner=scripted 192.0.2.1:7000", "ms=270", "attempts=2", "flow=", "actor=race"] {
            assert!(won.contains(part), "{part} in: {won}");
        }
        let course = lines.of(Level::Debug);
        let ended: Vec<_> = course.iter().filter(|line| line.starts_with("attempt ended; ")).collect();
        let [v6, v4] = &ended[..] else { panic!("{course:?}") };
        assert!(v6.contains("candidate=scripted [2001:db8::1]:7000") && v6.contains("Cancelled"), "{v6}");
        assert!(v4.contains("cause=Timer") && v4.contains("started_ms=250"), "{v4}");
        assert!(course.iter().any(|line| line.starts_with("timer; ") && line.contains("due_ms=250")));
        assert!(course.iter().any(|line| line.starts_with("list; ")), "{course:?}");
    });
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Keeps what is logged: the message, and after it `key=value` of the record and of its logger.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    fn of(&self, level: Level) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(of, _)| *of == level).map(|(_, line)| line.clone()).collect()
    }
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        use slog::KV;
        let mut pairs = Pairs(format!("{};", record.msg()));
        record.kv().serialize(record, &mut pairs).unwrap();
        values.serialize(record, &mut pairs).unwrap();
        self.0.lock().unwrap().push((record.level(), pairs.0));
        Ok(())
    }
}

struct Pairs(String);

impl Serializer for Pairs {
    fn emit_arguments(&mut self, key: Key, value: &Arguments<'_>) -> slog::Result {
        self.0 += &format!(" {key}={value}");
        Ok(())
    }
}
