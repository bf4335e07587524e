//! The whole race, from names to a winner, against scripted name servers and a scripted network, in virtual time.
#![expect(clippy::unwrap_used, reason = "what a script is made of is right, or the test is wrong")]

use neatflow_core::racing::{
    Answer, AttemptId, Config, Ech, Fault, Input, Loss, Memory, Mode, Network, NoAnswer, Ordering, Output,
    Pref64, Query, QueryId, Race, Reason, RecordKind, Retry, ServiceRecord, Stage, Target,
};
use neatflow_core::{Protocol, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult, Testable};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No race of a script goes on longer.
const DEADLINE: u64 = 60_000;

// The script.

/// What becomes of an attempt; milliseconds.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Connects(u64),
    /// The transport is up; security takes so long more.
    Secures(u64, u64),
    Fails(u64),
    FailsLocally,
    Hangs(u64),
    Silent,
}

impl Arbitrary for Fate {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 10 {
            0 => Self::Connects(moment(g)),
            1 => Self::Secures(moment(g), moment(g)),
            2..=5 => Self::Fails(moment(g)),
            6 => Self::FailsLocally,
            7 => Self::Hangs(moment(g)),
            _ => Self::Silent,
        }
    }
}

/// Around the moments that matter, and often the same.
fn moment(g: &mut Gen) -> u64 {
    *g.choose(&[0, 1, 9, 10, 10, 20, 20, 50, 60, 100, 240, 250, 250, 260, 500, 1200]).unwrap_or(&0)
}

/// What a name server says, and when; `None`: never.
#[derive(Clone, Debug)]
struct Said<T> {
    after: Option<u64>,
    what: Result<Vec<T>, bool>,
}

impl<T: Arbitrary> Arbitrary for Said<T> {
    fn arbitrary(g: &mut Gen) -> Self {
        let after = (u8::arbitrary(g) % 8 > 0).then(|| moment(g));
        let what = match u8::arbitrary(g) % 6 {
            0 => Err(bool::arbitrary(g)),
            _ => Ok((0..1 + usize::arbitrary(g) % 4).map(|_| T::arbitrary(g)).collect()),
        };
        Self { after, what }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let (after, what) = (self.after, self.what.clone());
        let items = what.ok().into_iter().flat_map(|items| items.shrink());
        Box::new(items.map(move |items| Self { after, what: Ok(items) }))
    }
}

/// An address of a few, so that answers share some.
#[derive(Clone, Copy, Debug)]
struct Host(u8);

impl Arbitrary for Host {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(u8::arbitrary(g) % 5)
    }
}

#[derive(Clone, Debug)]
struct Service {
    priority: u16,
    /// The owner, or one of two others.
    target: u8,
    alpn: u8,
    hints: (bool, bool),
    ech: bool,
}

impl Arbitrary for Service {
    fn arbitrary(g: &mut Gen) -> Self {
        Self {
            priority: u16::arbitrary(g) % 4,
            target: u8::arbitrary(g) % 4,
            alpn: u8::arbitrary(g) % 4,
            hints: Arbitrary::arbitrary(g),
            ech: bool::arbitrary(g),
        }
    }
}

impl Service {
    fn record(&self) -> ServiceRecord {
        let target = [".", "a.example", "b.example", "host.example"][usize::from(self.target)];
        let mut record = ServiceRecord::new(self.priority, target);
        let alpn: &[&str] = [&["h3", "h2"][..], &["h3"], &["h2"], &[]][usize::from(self.alpn)];
        record.alpn = alpn.iter().map(|&name| name.into()).collect();
        record.no_default_alpn = self.alpn == 1;
        record.v6_hints = self.hints.0.then(|| v6(Host(self.target))).into_iter().collect();
        record.v4_hints = self.hints.1.then(|| v4(Host(self.target))).into_iter().collect();
        record.ech = self.ech.then(|| [0].into());
        record
    }
}

fn v6(host: Host) -> neatflow_core::racing::Address {
    format!("2001:db8::{}", host.0 + 1).parse().unwrap()
}

fn v4(host: Host) -> neatflow_core::racing::Address {
    format!("192.0.2.{}", host.0 + 1).parse().unwrap()
}

#[derive(Clone, Debug)]
struct Script {
    /// For each of the three names: HTTPS, AAAA, A.
    names: Vec<(Said<Service>, Said<Host>, Said<Host>)>,
    /// By address and transport, folded.
    fates: Vec<Fate>,
    kind: u16,
    cancel: Option<u64>,
}

impl Arbitrary for Script {
    fn arbitrary(g: &mut Gen) -> Self {
        Self {
            names: (0..3).map(|_| Arbitrary::arbitrary(g)).collect(),
            fates: (0..12).map(|_| Arbitrary::arbitrary(g)).collect(),
            kind: Arbitrary::arbitrary(g),
            cancel: (u8::arbitrary(g) % 8 == 0).then(|| moment(g) + moment(g)),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        let fewer = (0..3_usize).flat_map({
            let whole = whole.clone();
            move |n| {
                let whole = whole.clone();
                let (https, aaaa, a) = whole.names[n].clone();
                let shrunk = (https, aaaa, a).shrink().collect::<Vec<_>>();
                shrunk.into_iter().map(move |name| {
                    let mut script = whole.clone();
                    script.names[n] = name;
                    script
                })
            }
        });
        let plainer = self.kind.shrink().map(move |kind| Self { kind, ..whole.clone() });
        Box::new(plainer.chain(fewer))
    }
}

impl Script {
    fn bit(&self, n: u16) -> bool {
        self.kind & (1 << n) != 0
    }

    fn target(&self) -> Target {
        let target = Target::named("host.example", 443).alpn(["h3", "h2", "http/1.1"]);
        let target = if self.bit(0) { target.with_services() } else { target };
        let ech = [Ech::Off, Ech::Opportunistic, Ech::Prefer, Ech::Off][usize::from(self.kind >> 1 & 3)];
        let mut transports = vec![Protocol::TCP];
        if self.bit(3) {
            transports.push(Protocol::named("quic"));
        }
        target.ech(ech).secure_dns(self.bit(4)).transports(transports)
    }

    fn network(&self) -> Network {
        let nat64 = (self.kind >> 5 & 3 == 3).then_some(Pref64::WELL_KNOWN);
        Network::default().families(self.kind >> 5 & 3 != 2, self.kind >> 5 & 3 < 3).pref64(nat64)
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.ordering = [Ordering::RoundRobin, Ordering::Grouped, Ordering::ServiceFirst]
            [usize::from(self.kind >> 7) % 3];
        config.mode = match self.kind >> 9 & 7 {
            0 => Mode::Failover,
            1 => Mode::Simultaneous,
            2 => Mode::Neat(Duration::from_millis(10)),
            _ => Mode::Staggered,
        };
        config.max_parallel = self.bit(12).then_some(2);
        config.attempt_timeout = self.bit(13).then_some(Duration::from_millis(400));
        if self.bit(14) {
            config.retry = Retry::new(1, Duration::from_millis(100));
        }
        config.deadline = Some(Duration::from_millis(DEADLINE));
        config
    }

    fn answer(&self, query: &Query) -> Option<(u64, Answer)> {
        let names = ["host.example", "a.example", "b.example"];
        let (https, aaaa, a) = self.names.get(names.iter().position(|name| **name == *query.name)?)?;
        let no = |failed: &bool| Answer::Nothing(if *failed { NoAnswer::Failed } else { NoAnswer::NoData });
        let addresses = |said: &Said<Host>, of: fn(Host) -> _| {
            let answer = |hosts: &Vec<Host>| Answer::Addresses(hosts.iter().map(|&host| of(host)).collect());
            Some((said.after?, said.what.as_ref().map_or_else(no, answer)))
        };
        match query.kind {
            RecordKind::Aaaa => addresses(aaaa, v6),
            RecordKind::A => addresses(a, v4),
            RecordKind::Https => {
                let records = |services: &Vec<Service>| {
                    Answer::Services(services.iter().map(Service::record).collect())
                };
                Some((https.after?, https.what.as_ref().map_or_else(no, records)))
            }
        }
    }
}

/// Which of the twelve fates an endpoint has.
fn place_of(endpoint: &str) -> usize {
    endpoint.bytes().fold(0_usize, |sum, byte| (sum * 7 + usize::from(byte)) % 1009) % 12
}

// Playing it.

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attempt {
    endpoint: String,
    round: u32,
    started: u64,
    ended: Option<(u64, Reason)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Won(String),
    Lost(Loss),
    Cancelled,
}

struct Played {
    attempts: Vec<Attempt>,
    queries: Vec<(String, RecordKind, u64)>,
    outcome: Outcome,
    ended: u64,
    /// Whatever must never be, in words.
    wrong: Vec<String>,
    notes: Vec<String>,
}

struct Player<'a> {
    script: &'a Script,
    race: Race,
    planned: BTreeMap<(u64, u64), Input>,
    plans: u64,
    /// Turns the order of what happens in one moment around.
    turned: bool,
    up: BTreeMap<AttemptId, (bool, Option<u64>)>,
    /// Whose Secure has not come yet.
    held: BTreeSet<AttemptId>,
    queries: BTreeMap<QueryId, RecordKind>,
    answered_https: bool,
    running: BTreeSet<AttemptId>,
    cancelled: bool,
    played: Played,
}

fn play(script: &Script, turned: bool) -> Played {
    let config = script.config();
    let race = Race::to([script.target()], script.network(), Memory::default(), config.clone());
    let mut player = Player {
        script,
        race,
        planned: BTreeMap::new(),
        plans: 0,
        turned,
        up: BTreeMap::new(),
        held: BTreeSet::new(),
        queries: BTreeMap::new(),
        answered_https: false,
        running: BTreeSet::new(),
        cancelled: false,
        played: Played {
            attempts: Vec::new(),
            queries: Vec::new(),
            outcome: Outcome::Cancelled,
            ended: 0,
            wrong: Vec::new(),
            notes: Vec::new(),
        },
    };
    if let Some(at) = script.cancel {
        player.plan(at, Input::Cancel);
    }
    player.play();
    player.finish()
}

impl Player<'_> {
    fn plan(&mut self, at: u64, input: Input) {
        self.plans += 1;
        let order = if self.turned { u64::MAX - self.plans } else { self.plans };
        self.planned.insert((at, order), input);
    }

    fn play(&mut self) {
        let mut now = 0;
        loop {
            while let Some(first) = self.planned.first_entry().filter(|first| first.key().0 <= now) {
                let input = first.remove();
                self.tell(input, now);
            }
            let due = self.drain(now);
            if self.cancelled && !self.is_over() {
                self.played.ended = now;
                self.over();
            }
            if self.is_over() {
                return;
            }
            let next = self.planned.keys().next().map(|&(at, _)| at);
            let Some(then) = [due, next].into_iter().flatten().min() else { return };
            if then < now || due.is_some_and(|due| due <= now) {
                return self.played.wrong.push(format!("waits at {now} for {due:?}"));
            }
            now = then;
        }
    }

    fn is_over(&self) -> bool {
        self.played.notes.last().is_some_and(|note| note == "over")
    }

    fn tell(&mut self, input: Input, now: u64) {
        self.played.notes.push(format!("{now} {input:?}").chars().take(160).collect());
        match &input {
            Input::Answer(id, _) if self.queries.get(id) == Some(&RecordKind::Https) => {
                self.answered_https = true;
            }
            Input::Failed(id, _) => drop(self.running.remove(id)),
            Input::Cancel => self.cancelled = true,
            Input::Reached(id, _) => {
                if let Some((up, _)) = self.up.get_mut(id) {
                    *up = true;
                }
            }
            _ => {}
        }
        let reached = match &input {
            Input::Reached(id, _) => Some(*id),
            _ => None,
        };
        self.race.handle(input, Time::from_millis(now));
        if let Some(id) = reached {
            self.secure(id, now);
        }
    }

    fn over(&mut self) {
        if !self.running.is_empty() {
            self.played.wrong.push(format!("{} attempts run on", self.running.len()));
        }
        self.played.notes.push("over".to_owned());
    }

    fn secure(&mut self, id: AttemptId, now: u64) {
        if self.held.contains(&id) {
            return;
        }
        if let Some((true, takes)) = self.up.get(&id).copied() {
            self.up.remove(&id);
            if let Some(takes) = takes {
                self.plan(now + takes, Input::Connected(id));
            }
        }
    }

    fn drain(&mut self, now: u64) -> Option<u64> {
        for _ in 0..10_000 {
            let output = self.race.poll(Time::from_millis(now));
            if !matches!(output, Output::Wait(_)) {
                self.played.notes.push(format!("{now}      {output:?}"));
            }
            match output {
                Output::Wait(due) => return due.map(|due| due.since_origin().as_millis() as u64),
                Output::Query(query) => self.ask(&query, now),
                Output::Start { attempt, candidate, held } => {
                    let endpoint = self.race.endpoint(candidate).unwrap().to_string();
                    self.start(attempt, endpoint, held, now);
                }
                Output::Secure(id) => {
                    if !self.held.remove(&id) {
                        self.played.wrong.push(format!("{id} was not held"));
                    }
                    self.secure(id, now);
                }
                Output::Cancel(id) => {
                    if !self.running.remove(&id) {
                        self.played.wrong.push(format!("{id} does not run and is cancelled"));
                    }
                    self.planned.retain(|_, input| {
                        !matches!(input, Input::Reached(other, _) | Input::Connected(other)
                            | Input::Failed(other, _) if *other == id)
                    });
                }
                Output::Won(id) => {
                    self.running.remove(&id);
                    let endpoint = self.played.attempts[id.0 as usize].endpoint.clone();
                    (self.played.outcome, self.played.ended) = (Outcome::Won(endpoint), now);
                    self.over();
                }
                Output::Lost(loss) => {
                    (self.played.outcome, self.played.ended) = (Outcome::Lost(loss), now);
                    self.over();
                }
                other => self.played.wrong.push(format!("wants {other:?}")),
            }
        }
        self.played.wrong.push("never waits".to_owned());
        None
    }

    fn ask(&mut self, query: &Query, now: u64) {
        self.queries.insert(query.id, query.kind);
        self.played.queries.push((query.name.to_string(), query.kind, now));
        if let Some((after, answer)) = self.script.answer(query) {
            self.plan(now + after, Input::Answer(query.id, answer));
        }
    }

    fn start(&mut self, attempt: AttemptId, endpoint: String, held: bool, now: u64) {
        let fate = self.script.fates[place_of(&endpoint)];
        let config = self.script.config();
        self.running.insert(attempt);
        if config.max_parallel.is_some_and(|most| self.running.len() > most) {
            self.played.wrong.push("more run than may".to_owned());
        }
        if held {
            self.held.insert(attempt);
            if !self.script.bit(4) || self.answered_https && !self.race_waits_for_an_alias() {
                self.played.wrong.push("held without a reason".to_owned());
            }
        }
        let round = self.race.timeline().attempts[attempt.0 as usize].round;
        self.played.attempts.push(Attempt { endpoint, round, started: now, ended: None });
        match fate {
            Fate::Silent => {}
            Fate::Connects(after) if !held => self.plan(now + after, Input::Connected(attempt)),
            Fate::Connects(after) => self.rises(attempt, now + after, Some(0)),
            Fate::Secures(up, more) => self.rises(attempt, now + up, Some(more)),
            Fate::Hangs(up) => self.rises(attempt, now + up, None),
            Fate::Fails(after) => self.plan(now + after, Input::Failed(attempt, Fault::new("refused"))),
            Fate::FailsLocally => self.plan(now, Input::Failed(attempt, Fault::local("no route"))),
        }
    }

    fn rises(&mut self, attempt: AttemptId, at: u64, then: Option<u64>) {
        self.up.insert(attempt, (false, then));
        self.plan(at, Input::Reached(attempt, Stage::Transport));
    }

    /// An answer in AliasMode is none yet.
    fn race_waits_for_an_alias(&self) -> bool {
        self.queries.values().filter(|kind| **kind == RecordKind::Https).count() > 1
    }

    fn finish(mut self) -> Played {
        let records = self.race.timeline().attempts.clone();
        for (attempt, record) in self.played.attempts.iter_mut().zip(&records) {
            attempt.ended = record.end.map(|end| (end.at.since_origin().as_millis() as u64, end.reason));
        }
        self.played
    }
}

impl Played {
    fn shows(&self, wrong: &[String]) -> TestResult {
        let all: Vec<_> = self.wrong.iter().chain(wrong).cloned().collect();
        if all.is_empty() {
            return TestResult::passed();
        }
        TestResult::error(format!("{}\n{}", all.join("\n"), self.notes.join("\n")))
    }
}

fn check(property: impl Testable) {
    QuickCheck::new().tests(1_000).min_tests_passed(200).quickcheck(property);
}

// The properties.

#[test]
fn every_race_ends_once_and_leaves_nobody_running() {
    fn prop(script: Script) -> TestResult {
        let played = play(&script, false);
        let mut wrong = Vec::new();
        let winners =
            played.attempts.iter().filter(|attempt| matches!(attempt.ended, Some((_, Reason::Won))));
        if winners.count() != usize::from(matches!(played.outcome, Outcome::Won(_))) {
            wrong.push("winners".to_owned());
        }
        if played.attempts.iter().any(|attempt| attempt.ended.is_none_or(|(at, _)| at > played.ended)) {
            wrong.push("an attempt outlives the race".to_owned());
        }
        if played.notes.iter().filter(|note| *note == "over").count() != 1 {
            wrong.push("not exactly one end".to_owned());
        }
        if played.ended > DEADLINE {
            wrong.push("later than the deadline".to_owned());
        }
        played.shows(&wrong)
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn nothing_is_tried_twice_in_a_round_nor_asked_twice_nor_too_close() {
    fn prop(script: Script) -> TestResult {
        let played = play(&script, false);
        let mut wrong = Vec::new();
        let tried: BTreeSet<_> =
            played.attempts.iter().map(|attempt| (attempt.round, &attempt.endpoint)).collect();
        if tried.len() != played.attempts.len() {
            wrong.push("tried twice".to_owned());
        }
        let asked: BTreeSet<_> = played.queries.iter().map(|(name, kind, _)| (name, kind)).collect();
        if asked.len() != played.queries.len() {
            wrong.push("asked twice".to_owned());
        }
        let spaced = matches!(script.config().mode, Mode::Staggered | Mode::Failover);
        if spaced && played.attempts.windows(2).any(|pair| pair[1].started < pair[0].started + 10) {
            wrong.push("two starts within 10 ms".to_owned());
        }
        let network = script.network();
        if !network.v6 && played.queries.iter().any(|(_, kind, _)| *kind == RecordKind::Aaaa) {
            wrong.push("asked for what cannot be reached".to_owned());
        }
        if !network.v4 && played.attempts.iter().any(|attempt| attempt.endpoint.contains(" 192.0.2.")) {
            wrong.push("tried what cannot be reached".to_owned());
        }
        played.shows(&wrong)
    }
    check(prop as fn(Script) -> TestResult);
}

/// What happens in one moment has no order.
#[test]
fn the_outcome_never_depends_on_the_order_within_a_moment() {
    fn prop(script: Script) -> TestResult {
        let (straight, turned) = (play(&script, false), play(&script, true));
        let same = straight.attempts == turned.attempts
            && straight.outcome == turned.outcome
            && straight.ended == turned.ended;
        let wrong = (!same).then(|| format!("turned around:\n{}\nstraight:", turned.notes.join("\n")));
        straight.shows(wrong.as_slice())
    }
    check(prop as fn(Script) -> TestResult);
}

/// Cancelling changes nothing of what was before, and leaves nothing behind.
#[test]
fn a_race_can_be_cancelled_anywhere() {
    fn prop(script: Script, at: u16) -> TestResult {
        let whole = play(&Script { cancel: None, ..script.clone() }, false);
        let at = u64::from(at) % (whole.ended + 2);
        let cut = play(&Script { cancel: Some(at), ..script }, false);
        if at > whole.ended {
            return cut.shows(&[]);
        }
        let mut wrong = Vec::new();
        let before = |played: &Played| {
            let early = played.attempts.iter().filter(|attempt| attempt.started < at);
            early.map(|attempt| (attempt.endpoint.clone(), attempt.started)).collect::<Vec<_>>()
        };
        if before(&cut) != before(&whole) || cut.attempts.iter().any(|attempt| attempt.started >= at) {
            wrong.push("the past is another, or there is a future".to_owned());
        }
        if cut.outcome != Outcome::Cancelled || cut.ended != at {
            wrong.push(format!("ended with {:?} at {}", cut.outcome, cut.ended));
        }
        cut.shows(&wrong)
    }
    check(prop as fn(Script, u16) -> TestResult);
}

/// In plain racing to one name: one more address that connects within the attempt delay.
#[test]
fn a_faster_candidate_costs_at_most_one_attempt_delay() {
    fn prop(script: Script, in_v6: bool, after: u8) -> TestResult {
        let mut script = Script { kind: 0b0110_0000_0000, cancel: None, ..script };
        let base = play(&script, false);
        if !matches!(base.outcome, Outcome::Won(_)) {
            return TestResult::discard();
        }
        let newcomer = Host(100);
        let (_, aaaa, a) = &mut script.names[0];
        let said = if in_v6 { aaaa } else { a };
        let (Some(_), Ok(hosts)) = (said.after, &mut said.what) else { return TestResult::discard() };
        hosts.push(newcomer);
        let endpoint = format!("tcp {}", if in_v6 { "[2001:db8::101]:443" } else { "192.0.2.101:443" });
        // A fate of its own: one more place does not move those of the others.
        let place = place_of(&endpoint);
        let others = base.attempts.iter().any(|attempt| place_of(&attempt.endpoint) == place);
        if others {
            return TestResult::discard();
        }
        script.fates[place] = Fate::Connects(u64::from(after) % 250);
        let more = play(&script, false);
        let slower = more.ended > base.ended + 250 || !matches!(more.outcome, Outcome::Won(_));
        let wrong = slower.then(|| format!("at {} instead of {}", more.ended, base.ended));
        more.shows(wrong.as_slice())
    }
    check(prop as fn(Script, bool, u8) -> TestResult);
}

/// Nothing begins with its security handshake, and no handshake begins, before what it relies on is known.
#[test]
fn no_security_handshake_begins_before_the_services_it_relies_on_are_known() {
    fn prop(script: Script) -> TestResult {
        // HTTPS, ECH, secure DNS, QUIC among the defaults.
        let script = Script { kind: script.kind & !0b1_1111 | 0b1_1011, ..script };
        let Some(known) = script.names[0].0.after else { return TestResult::discard() };
        let played = play(&script, false);
        let early = played.attempts.iter().find(|attempt| {
            let secured = matches!(attempt.ended, Some((at, Reason::Won)) if at < known);
            attempt.started < known && attempt.endpoint.starts_with("quic") || secured
        });
        let wrong = early.map(|attempt| format!("{attempt:?} before {known}"));
        played.shows(wrong.as_slice())
    }
    check(prop as fn(Script) -> TestResult);
}

/// A zone with thousands of addresses and services is bounded, in what is asked, listed and kept.
#[test]
fn thousands_of_addresses_and_services_are_bounded() {
    let target = Target::named("host.example", 443).alpn(["h2"]).with_services();
    let mut race = Race::to([target], Network::default(), Memory::default(), Config::default());
    let mut asked = 0;
    let mut now = Time::ZERO;
    for step in 0..2_000_u64 {
        now = Time::from_millis(step * 10);
        match race.poll(now) {
            Output::Query(query) => {
                asked += 1;
                let many = |of: fn(u16) -> neatflow_core::racing::Address| (0..5_000).map(of).collect();
                let answer = match query.kind {
                    RecordKind::Aaaa => {
                        Answer::Addresses(many(|n| format!("2001:db8::{n:x}").parse().unwrap()))
                    }
                    RecordKind::A => {
                        Answer::Addresses(many(|n| format!("192.0.{}.{}", n >> 8, n & 0xff).parse().unwrap()))
                    }
                    RecordKind::Https => {
                        let record = |n: u16| {
                            let mut record = ServiceRecord::new(n % 3, format!("svc{n}.{}", query.name));
                            record.alpn = vec!["h2".into()];
                            record
                        };
                        let alias = ServiceRecord::new(0, format!("x{}", query.name));
                        let deep = query.name.len() < 18;
                        Answer::Services(if deep { vec![alias] } else { (1..5_000).map(record).collect() })
                    }
                };
                race.handle(Input::Answer(query.id, answer), now);
            }
            Output::Start { .. } | Output::Wait(_) => {}
            output => panic!("{output:?}"),
        }
    }
    assert!(asked <= 3 * neatflow_core::racing::MAX_NAMES, "{asked} questions");
    assert!(race.unstarted().count() <= 64);
    let timeline = race.timeline();
    assert!(timeline.endpoints.len() <= neatflow_core::racing::MAX_ENDPOINTS);
    assert!(timeline.lists.iter().all(|list| list.order.len() <= 64));
    race.handle(Input::Cancel, now);
}
