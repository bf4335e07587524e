//! Races that resolve names, where a scenario cannot say it: second answers, other networks, other rankers, records.
#![expect(clippy::unwrap_used, reason = "what is asked for is there, or the test fails")]

use neatflow_core::racing::{
    Address, AddressRule, Answer, Config, Entry, Input, Memory, Network, Output, QueryId, Race, RecordKind,
    Rule, ServiceRecord, Target, TimerCause,
};
use neatflow_core::{CandidateId, Protocol, Time};
use std::time::Duration;

/// A race, and what it has asked so far.
struct Driven {
    race: Race,
    asked: Vec<(String, RecordKind, QueryId)>,
}

impl Driven {
    fn new(race: Race) -> Self {
        let mut driven = Self { race, asked: Vec::new() };
        driven.drain(0);
        driven
    }

    fn to(target: Target) -> Self {
        Self::new(Race::to([target], Network::default(), Memory::default(), Config::default()))
    }

    /// Tells and drains; what starts, in words, and whatever else there is but questions.
    fn tell(&mut self, at: u64, input: Input) -> Vec<String> {
        self.race.handle(input, Time::from_millis(at));
        self.drain(at)
    }

    fn drain(&mut self, at: u64) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            match self.race.poll(Time::from_millis(at)) {
                Output::Wait(_) => return said,
                Output::Query(query) => self.asked.push((query.name.to_string(), query.kind, query.id)),
                Output::Start { candidate, .. } => {
                    let endpoint = self.race.endpoint(candidate);
                    said.push(endpoint.map_or_else(|| candidate.to_string(), ToString::to_string));
                }
                output => said.push(format!("{output:?}")),
            }
        }
    }

    fn answer(&mut self, at: u64, name: &str, kind: RecordKind, answer: Answer) -> Vec<String> {
        let (.., id) = *self.asked.iter().find(|asked| (asked.0.as_str(), asked.1) == (name, kind)).unwrap();
        self.tell(at, Input::Answer(id, answer))
    }

    fn kinds(&self) -> Vec<RecordKind> {
        self.asked.iter().map(|(_, kind, _)| *kind).collect()
    }
}

const HOST: &str = "host.example";

fn host() -> Target {
    Target::named(HOST, 7000)
}

fn addresses(texts: &[&str]) -> Answer {
    Answer::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}

/// DNS-13, CHG-1, CHG-2.
#[test]
fn a_second_answer_drops_what_is_untried_and_leaves_what_runs() {
    let mut race = Driven::to(host());
    let first = addresses(&["2001:db8::1", "2001:db8::2"]);
    assert_eq!(race.answer(10, HOST, RecordKind::Aaaa, first), ["tcp [2001:db8::1]:7000"]);
    assert!(race.answer(50, HOST, RecordKind::Aaaa, addresses(&["2001:db8::3"])).is_empty());
    assert_eq!(race.drain(260), ["tcp [2001:db8::3]:7000"]);
    assert_eq!(race.race.unstarted().count(), 0, "::2 is forgotten");
    assert_eq!(race.race.timeline().running().count(), 2);
}

/// DNS-1, CHG-3: what the new network has is asked for, what it has not is not tried any more.
#[test]
fn another_network_asks_and_reaches_otherwise() {
    let v4_only = Network::default().families(false, true);
    let mut race = Driven::new(Race::to([host()], v4_only, Memory::default(), Config::default()));
    assert_eq!(race.kinds(), [RecordKind::A]);
    let answer = addresses(&["192.0.2.1", "192.0.2.2"]);
    assert_eq!(race.answer(10, HOST, RecordKind::A, answer), ["tcp 192.0.2.1:7000"]);
    assert!(race.tell(20, Input::Network(Network::default().families(true, false))).is_empty());
    assert_eq!(race.kinds(), [RecordKind::A, RecordKind::Aaaa]);
    assert_eq!(race.race.unstarted().count(), 0, "192.0.2.2 cannot be reached any more");
    assert!(race.answer(30, HOST, RecordKind::Aaaa, addresses(&["2001:db8::1"])).is_empty());
    assert_eq!(race.drain(260), ["tcp [2001:db8::1]:7000"]);
}

/// CHG-3: a path that appears may need answers of its own.
#[test]
fn another_target_is_asked_about_and_joins_the_race() {
    let mut race = Driven::to(host());
    race.answer(10, HOST, RecordKind::Aaaa, addresses(&["2001:db8::1"]));
    assert!(race.tell(20, Input::Target(Target::named("other.example", 7000))).is_empty());
    assert_eq!(race.kinds(), [RecordKind::Aaaa, RecordKind::A, RecordKind::Aaaa, RecordKind::A]);
    race.answer(30, "other.example", RecordKind::Aaaa, addresses(&["2001:db8::2"]));
    assert_eq!(race.drain(260), ["tcp [2001:db8::2]:7000"]);
}

/// SORT-8: each seed has its order, and not all the same.
#[test]
fn equal_priorities_are_shuffled_by_the_seed() {
    let first = |seed| {
        let config = {
            let mut config = Config::default();
            config.seed = seed;
            config
        };
        let target = Target::named(HOST, 443).with_services().alpn(["h2"]);
        let mut race = Driven::new(Race::to([target], Network::default(), Memory::default(), config));
        let service = |name: &str, hint: &str| {
            let mut record = ServiceRecord::new(1, name);
            record.alpn = vec!["h2".into()];
            record.v6_hints = vec![hint.parse().unwrap()];
            record
        };
        let services = vec![service("a.example", "2001:db8::a"), service("b.example", "2001:db8::b")];
        race.answer(10, HOST, RecordKind::Https, Answer::Services(services)).remove(0)
    };
    assert_eq!(first(None), "tcp [2001:db8::a]:443", "the resolver's order");
    let of_seeds: Vec<_> = (0..64).map(|seed| first(Some(seed))).collect();
    let a = of_seeds.iter().filter(|first| first.contains("::a")).count();
    assert!((16..48).contains(&a), "{a} of 64");
    assert_eq!(of_seeds, (0..64).map(|seed| first(Some(seed))).collect::<Vec<_>>());
}

/// The policy manager's way: the race asks and waits, somebody else ranks, with interfaces of their own.
#[test]
fn somebody_else_may_rank_what_is_found() {
    let race =
        Race::to([host()], Network::default(), Memory::default(), Config::default()).ranked_elsewhere();
    let mut race = Driven::new(race);
    assert_eq!(race.answer(10, HOST, RecordKind::A, addresses(&["192.0.2.1"])), ["Rank"]);
    let found: Vec<_> = race.race.found(0).iter().map(|found| found.endpoint.to_string()).collect();
    assert_eq!(found, ["tcp 192.0.2.1:7000"]);
    let entries = |ids: &[u32]| {
        Input::Candidates(
            ids.iter().map(|&id| Entry::new(CandidateId(id), id).on(Some("eth0".into()))).collect(),
        )
    };
    assert!(race.tell(11, entries(&[7])).is_empty(), "AAAA has not answered");
    assert_eq!(race.drain(60), ["#7"], "the resolution delay is over");
    let nothing = Answer::Addresses(Vec::new());
    assert_eq!(race.answer(70, HOST, RecordKind::Aaaa, nothing), ["Rank"]);
    let attempt = neatflow_core::racing::AttemptId(0);
    let failed = Input::Failed(attempt, neatflow_core::racing::Fault::new("refused"));
    assert!(race.tell(80, failed).is_empty(), "a ranking is on its way");
    assert_eq!(race.tell(90, entries(&[7])), ["Lost(AllFailed)"]);
}

/// The record: questions, lists with what decided, timers with their causes.
#[test]
fn the_timeline_says_what_was_asked_and_what_decided() {
    let mut memory = Memory::default();
    memory.round_trips.insert("2001:db8::2".parse().unwrap(), Duration::from_millis(3));
    let target = host().transports(vec![Protocol::TCP, Protocol::named("quic")]);
    let mut race = Driven::new(Race::to([target], Network::default(), memory, Config::default()));
    assert!(race.answer(10, HOST, RecordKind::A, addresses(&["192.0.2.1"])).is_empty());
    let v6 = addresses(&["2001:db8::1", "2001:db8::2"]);
    assert_eq!(race.answer(30, HOST, RecordKind::Aaaa, v6), ["quic [2001:db8::2]:7000"]);
    let timeline = race.race.timeline();

    let asked: Vec<_> =
        timeline.queries.iter().map(|query| (query.kind, query.answered, query.records)).collect();
    let at = |millis| Some(Time::from_millis(millis));
    assert_eq!(asked, [(RecordKind::Aaaa, at(30), 2), (RecordKind::A, at(10), 1)]);

    let list = timeline.lists.last().unwrap();
    let named = |(id, rule): &(CandidateId, Rule)| (timeline.endpoints[id.0 as usize].clone(), *rule);
    let order: Vec<_> = list.order.iter().map(named).collect();
    assert_eq!(list.at, Time::from_millis(30));
    let said = |text: &str, rule| (text.to_owned(), rule);
    assert_eq!(
        order,
        [
            said("quic [2001:db8::2]:7000", Rule::First),
            said("quic 192.0.2.1:7000", Rule::Family),
            said("tcp [2001:db8::2]:7000", Rule::Transport),
            said("tcp 192.0.2.1:7000", Rule::Family),
            said("quic [2001:db8::1]:7000", Rule::Transport),
            said("tcp [2001:db8::1]:7000", Rule::Transport),
        ]
    );
    assert_eq!(timeline.lists.len(), 2);

    let timers: Vec<_> = timeline.timers.iter().map(|timer| (timer.set, timer.due, timer.cause)).collect();
    let time = Time::from_millis;
    assert_eq!(
        timers,
        [(time(10), time(60), TimerCause::ResolutionDelay), (time(30), time(280), TimerCause::AttemptDelay)]
    );
}

/// Within a family the rule of the addresses is told.
#[test]
fn the_list_names_the_rule_of_rfc_6724_or_history() {
    let mut memory = Memory::default();
    memory.used.insert("2001:db8::2".parse().unwrap());
    let mut race = Driven::new(Race::to([host()], Network::default(), memory, Config::default()));
    race.answer(10, HOST, RecordKind::Aaaa, addresses(&["2001:db8::1", "2001:db8::2", "fd00::1"]));
    let rules: Vec<_> = race.race.timeline().lists[0].order.iter().map(|(_, rule)| *rule).collect();
    let address = Rule::Address;
    assert_eq!(rules, [Rule::First, address(AddressRule::Used), address(AddressRule::Precedence)]);
}

/// Several targets are one service: one of them is enough to begin, and they come one after the other.
#[test]
fn targets_come_one_after_the_other() {
    let literal = Target::named("192.0.2.9", 80);
    let race = Race::to([host(), literal], Network::default(), Memory::default(), Config::default());
    let mut race = Driven::new(race);
    assert_eq!(race.race.timeline().attempts.len(), 1, "the literal waits for nobody");
    assert!(race.answer(20, HOST, RecordKind::Aaaa, addresses(&["2001:db8::1"])).is_empty());
    assert_eq!(race.drain(250), ["tcp [2001:db8::1]:7000"]);
}

/// Nothing of this may panic, and nothing of it may start anything.
#[test]
fn answers_to_no_question_and_of_another_kind_are_harmless() {
    let mut race = Driven::to(Target::named(HOST, 443).with_services());
    let services = || Answer::Services(vec![ServiceRecord::new(1, ".")]);
    assert!(race.tell(1, Input::Answer(QueryId(99), addresses(&["2001:db8::1"]))).is_empty());
    assert!(race.answer(2, HOST, RecordKind::Aaaa, services()).is_empty());
    assert!(race.answer(3, HOST, RecordKind::Https, addresses(&["2001:db8::1"])).is_empty());
    let v4: Address = "192.0.2.1".parse().unwrap();
    assert_eq!(race.answer(4, HOST, RecordKind::A, Answer::Addresses(vec![v4])), ["tcp 192.0.2.1:443"]);
}
