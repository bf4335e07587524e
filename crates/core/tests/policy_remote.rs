//! A policy manager elsewhere: what it is told, and what it cannot do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use neatflow_core::policy::remote::{RemoteFault, eligible, post_resolve, pre_resolve, ranked};
use neatflow_core::policy::{
    Branch, Engine, InterfaceRow, Inventory, Policy, Request, Resolved, Roster, StackRow,
};
use neatflow_core::properties::{Interface, Offer, Offers, SelectionProperty as P};
use neatflow_core::{Candidate, Protocol, Time, TransportProperties};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::sync::Arc;

fn stack(name: &'static str) -> StackRow {
    let reliable = if name == "udp" { Offer::Never } else { Offer::Always };
    let offers = [P::Reliability, P::PreserveOrder, P::CongestionControl]
        .into_iter()
        .fold(Offers::none(), |offers, property| offers.with(property, reliable));
    let checked = [P::FullChecksumSend, P::FullChecksumRecv];
    let offers = checked.into_iter().fold(offers, |offers, property| offers.with(property, Offer::Always));
    StackRow { protocol: Protocol::named(name), offers }
}

fn host() -> Inventory {
    let row = |name: &str, index, address: &str| InterfaceRow {
        name: name.into(),
        index,
        addresses: vec![address.parse().unwrap()],
        up: true,
        ..InterfaceRow::default()
    };
    Inventory {
        stacks: vec![stack("tcp"), stack("sctp"), stack("udp")],
        interfaces: vec![row("eth0", 2, "192.0.2.7"), row("wlan0", 3, "198.51.100.7")],
        ..Inventory::default()
    }
}

fn any() -> TransportProperties {
    TransportProperties::new()
        .no_preference(P::Reliability)
        .no_preference(P::PreserveOrder)
        .no_preference(P::CongestionControl)
}

/// A transport here, and a policy daemon elsewhere.
struct World {
    request: Request,
    here: Engine,
    there: Engine,
}

impl World {
    fn new(properties: TransportProperties, policies: &[&str]) -> Self {
        let mut there = Engine::new();
        for policy in policies {
            there.pib_mut().insert(Policy::from_json(policy).unwrap()).unwrap();
        }
        let remotes = vec!["host.example:443".parse().unwrap()];
        let request = Request { remotes, properties: Arc::new(properties), ..Request::default() };
        Self { request, here: Engine::new(), there }
    }

    fn branches(&mut self) -> Vec<Branch> {
        self.here.branches(&self.request, &host(), Time::ZERO).unwrap()
    }

    fn own(&mut self) -> Vec<Candidate> {
        let branches = self.branches();
        let resolved =
            [Resolved::addresses(0, ["203.0.113.1".parse().unwrap(), "203.0.113.2".parse().unwrap()])];
        self.here.candidates(&mut Roster::new(), &self.request, &branches, &resolved, &host())
    }

    /// Both calls: what is left of the branches, and the candidates.
    fn decide(&mut self) -> (usize, Vec<Candidate>) {
        let branches = self.branches();
        let answer = self.there.answer(&pre_resolve(&self.request, &branches), Time::ZERO).unwrap();
        let left = eligible(&self.request, &branches, &answer).unwrap().len();
        let own = self.own();
        let answer = self.there.answer(&post_resolve(&own), Time::ZERO).unwrap();
        (left, ranked(&self.request, &own, &answer).unwrap())
    }
}

fn lines(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(ToString::to_string).collect()
}

#[test]
fn without_policies_elsewhere_everything_stays_as_it_is() {
    let mut world = World::new(any(), &[]);
    let (branches, candidates) = world.decide();
    assert_eq!(branches, world.branches().len());
    assert_eq!(lines(&candidates), lines(&world.own()));
    assert!(candidates.iter().enumerate().all(|(place, one)| one.priority as usize == place));
}

#[test]
fn policies_elsewhere_reorder_rule_out_and_add() {
    let first = r#"{"match": {"transport": {"value": "SCTP"}}, "properties": {"transport": {"value": "SCTP", "score": 9},
                    "so/ipproto_ip/ip_tos": {"value": 40}}}"#;
    let address = r#"{"match": {"remote_ip": {"value": "203.0.113.1"}}, "properties": {"remote_ip": {"value": "0.0.0.0", "precedence": 2}}}"#;
    let no_udp = r#"{"match": {"transport": {"value": "UDP"}}, "properties": {"port": {"value": 1, "precedence": 2}}}"#;
    let (_, candidates) = World::new(any(), &[first, address, no_udp]).decide();
    assert_eq!(lines(&candidates), ["sctp 203.0.113.2:443", "tcp 203.0.113.2:443"]);
    assert!(candidates[0].policy.get("so/0/1").is_some(), "{}", candidates[0].policy);
    assert!(candidates[0].policy.get("__candidate").is_none());
}

#[test]
fn what_was_required_or_prohibited_here_holds_whatever_is_said_elsewhere() {
    let unreliable = r#"{"properties": {"reliability": {"value": false, "precedence": 2}}}"#;
    let (_, candidates) = World::new(any().require(P::Reliability), &[unreliable]).decide();
    assert_eq!(lines(&candidates), [""; 0], "they would not be what is required");
    let udp = r#"{"properties": {"transport": {"value": "UDP", "precedence": 2, "score": 99}}}"#;
    let (_, candidates) = World::new(any().require(P::Reliability), &[udp]).decide();
    assert_eq!(lines(&candidates), [""; 0]);
    let bound = any().require(Interface::named("eth0"));
    let elsewhere = r#"{"properties": {"interface": {"value": "wlan0", "precedence": 1, "score": 9}}}"#;
    let mut world = World::new(bound, &[elsewhere]);
    let (_, candidates) = world.decide();
    assert_eq!(lines(&candidates), lines(&world.own()), "the interface is immutable");
}

#[test]
fn an_interface_that_was_left_open_may_be_chosen_elsewhere() {
    let wlan = r#"{"properties": {"interface": {"value": "wlan0", "precedence": 2}}}"#;
    let (_, candidates) = World::new(any(), &[wlan]).decide();
    assert!(!candidates.is_empty());
    assert!(
        candidates.iter().all(|one| one.interface.as_deref() == Some("wlan0")),
        "{:?}",
        lines(&candidates)
    );
}

#[test]
fn a_protocol_that_is_not_here_is_dropped() {
    let quic = r#"{"match": {"transport": {"value": "TCP"}}, "properties": [[{"transport": {"value": "QUIC", "precedence": 2}}, {}]]}"#;
    let (_, candidates) = World::new(any().require(P::Reliability), &[quic]).decide();
    let mut protocols: Vec<&str> = candidates.iter().map(|one| one.transport.as_str()).collect();
    protocols.sort_unstable();
    assert_eq!(protocols, ["sctp", "sctp", "tcp", "tcp"]);
}

#[test]
fn an_answer_that_is_none_is_told() {
    let mut world = World::new(any(), &[]);
    let own = world.own();
    let fault = |answer: &str| ranked(&world.request, &own, answer).map(|left| left.len());
    let refused = Err(RemoteFault::Refused("1:2: [0]: no".into()));
    assert_eq!(fault(r#"{"error": "1:2: [0]: no", "line": 1}"#), refused);
    for answer in ["", "hello", "[1]", "[{\"transport\": {}}]", "[[[]]]"] {
        assert!(matches!(fault(answer), Err(RemoteFault::Unreadable(_))), "{answer}: {:?}", fault(answer));
    }
    assert_eq!(fault("[]"), Ok(0));
    assert_eq!(fault(r#"[{"transport": {"value": "TCP"}}, {"__candidate": {"value": 99}}]"#), Ok(0));
}

/// An answer that is changed here and there.
#[derive(Clone, Debug)]
struct Lies {
    require: bool,
    changes: Vec<(usize, usize, usize)>,
}

impl Arbitrary for Lies {
    fn arbitrary(g: &mut Gen) -> Self {
        let change = |g: &mut Gen| (usize::arbitrary(g), usize::arbitrary(g), usize::arbitrary(g));
        Self {
            require: bool::arbitrary(g),
            changes: (0..1 + usize::arbitrary(g) % 4).map(|_| change(g)).collect(),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let require = self.require;
        Box::new(self.changes.shrink().map(move |changes| Self { require, changes }))
    }
}

#[test]
fn whatever_is_answered_no_candidate_is_new_or_breaks_what_was_required() {
    const KEYS: &[&str] =
        &["transport", "remote_ip", "port", "interface", "reliability", "local_ip", "__candidate"];
    const VALUES: &[&str] = &[
        "\"TCP\"",
        "\"UDP\"",
        "\"203.0.113.9\"",
        "1",
        "0",
        "2",
        "true",
        "false",
        "null",
        "\"eth0\"",
        "\"\"",
    ];
    fn prop(lies: Lies) -> bool {
        let properties =
            if lies.require { any().require(P::Reliability) } else { any().prohibit(P::Reliability) };
        let mut world = World::new(properties, &[]);
        let own = world.own();
        let answer = world.there.answer(&post_resolve(&own), Time::ZERO).unwrap();
        let mut sets: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
        for (set, key, value) in &lies.changes {
            let place = set % sets.len();
            let value = format!(r#"{{"value": {}}}"#, VALUES[value % VALUES.len()]);
            sets[place][KEYS[key % KEYS.len()]] = serde_json::from_str(&value).unwrap();
        }
        let answer = serde_json::Value::from(sets).to_string();
        let Ok(left) = ranked(&world.request, &own, &answer) else { return true };
        left.iter().enumerate().all(|(place, one)| {
            let known = own.iter().find(|known| known.id == one.id).unwrap();
            known.transport == one.transport
                && known.remote == one.remote
                && known.local == one.local
                && (known.interface.is_none() || known.interface == one.interface)
                && one.priority as usize == place
                && left.iter().filter(|other| other.id == one.id).count() == 1
                && (one.transport.as_str() != "udp") == lies.require
        })
    }
    QuickCheck::new().quickcheck(prop as fn(Lies) -> bool);
}

#[test]
fn what_a_stack_here_does_not_do_cannot_be_required_of_it_elsewhere() {
    let secure = r#"{"properties": {"security": {"value": true, "precedence": 2}}}"#;
    let (_, candidates) = World::new(any(), &[secure]).decide();
    assert_eq!(lines(&candidates), [""; 0], "none of them secures anything");
    let unreliable = r#"{"match": {"transport": {"value": "UDP"}}, "properties": {"reliability": {"value": true, "precedence": 2}}}"#;
    let (_, candidates) = World::new(any(), &[unreliable]).decide();
    assert!(!candidates.is_empty() && candidates.iter().all(|one| one.transport.as_str() != "udp"));
    // A wish changes nothing of what it is.
    let wish = r#"{"properties": {"security": {"value": true}}}"#;
    let mut world = World::new(any(), &[wish]);
    let (_, candidates) = world.decide();
    assert_eq!(lines(&candidates), lines(&world.own()));
    assert!(candidates.iter().all(|one| one.policy.to_string().contains("[security|false]")));
}
