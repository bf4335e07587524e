//! What the policy engine remembers of its decisions: whatever is learned in between, it decides as one that remembers
//! nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use neatflow_core::policy::{
    Engine, First, HostNetwork, InterfaceRow, Inventory, Observation, Outcome, Request, Resolved, Roster,
    StackRow, built_in, is_call_2,
};
use neatflow_core::properties::Interface;
use neatflow_core::racing::{Config, Memory, Network, Output, Race, Target};
use neatflow_core::{Offer, Offers, Protocol, SelectionProperty, Time, TransportProperties};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult};
use std::sync::Arc;
use std::time::Duration;

const PROTOCOLS: &[&str] = &["tcp", "udp", "quic"];
const INTERFACES: &[&str] = &["eth0", "wlan0"];
const REMOTES: &[&str] = &["192.0.2.1:443", "192.0.2.2:443", "[2001:db8::1]:443", "host.example:443"];

/// What happens, one after the other.
#[derive(Clone, Debug)]
enum Step {
    /// A connection went so.
    Observe { network: Option<usize>, remote: usize, protocol: usize, outcome: u8, size: u16 },
    /// Somebody asks for this.
    Ask { remotes: Vec<usize>, isolated: bool, interface: Option<usize> },
    /// Time passes, in seconds.
    Wait(u16),
    /// An interface comes, or goes.
    Network(bool),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let of = |g: &mut Gen, many: usize| usize::arbitrary(g) % many;
        match u8::arbitrary(g) % 12 {
            0..5 => Self::Observe {
                network: bool::arbitrary(g).then(|| of(g, INTERFACES.len())),
                // A name is none that was connected to.
                remote: of(g, REMOTES.len() - 1),
                protocol: of(g, PROTOCOLS.len()),
                outcome: u8::arbitrary(g) % 3,
                size: u16::arbitrary(g) % 500,
            },
            5..10 => Self::Ask {
                remotes: (0..=of(g, 2)).map(|_| of(g, REMOTES.len())).collect(),
                isolated: u8::arbitrary(g).is_multiple_of(8),
                interface: u8::arbitrary(g).is_multiple_of(4).then(|| of(g, INTERFACES.len())),
            },
            10 => Self::Wait(u16::arbitrary(g) % 4_000),
            _ => Self::Network(bool::arbitrary(g)),
        }
    }
}

fn inventory(both: bool) -> Inventory {
    let any = SelectionProperty::ALL.iter().fold(Offers::none(), |o, p| o.with(*p, Offer::Optional));
    let stack = |name: &&'static str| StackRow { protocol: Protocol::named(name), offers: any.clone() };
    let row = |(place, name): (usize, &&str)| InterfaceRow {
        name: (*name).into(),
        index: place as u32 + 1,
        addresses: vec![[192, 0, 2, 100 + place as u8].into(), "2001:db8::100".parse().unwrap()],
        up: true,
        ..InterfaceRow::default()
    };
    let mut inventory = Inventory { stacks: PROTOCOLS.iter().map(stack).collect(), ..Inventory::default() };
    let here = if both { INTERFACES } else { &INTERFACES[..1] };
    inventory.on(&HostNetwork::new(here.iter().enumerate().map(row).collect()));
    inventory
}

fn request(remotes: &[usize], isolated: bool, interface: Option<usize>) -> Request {
    let mut properties = TransportProperties::new();
    properties.connection.isolate_session = isolated;
    if let Some(interface) = interface {
        properties = properties.prefer(Interface::named(INTERFACES[interface]));
    }
    let remotes = remotes.iter().map(|remote| REMOTES[*remote].parse().unwrap()).collect();
    Request { remotes, properties: Arc::new(properties), ..Request::default() }
}

fn observation(
    network: Option<usize>,
    remote: usize,
    protocol: usize,
    outcome: u8,
    size: u16,
) -> Observation {
    let rtt = Some(Duration::from_millis(size.into()));
    Observation {
        network: network.map(|place| INTERFACES[place].into()),
        host: None,
        remote: REMOTES[remote].parse().unwrap(),
        transport: Protocol::named(PROTOCOLS[protocol]),
        outcome: match outcome {
            0 => Outcome::Failed { reason: "refused".into() },
            1 => Outcome::Established { rtt },
            _ => Outcome::Used { rtt, rate: Some(u64::from(size) * 1_000) },
        },
    }
}

/// The order, which is what a race sees of it.
fn order(first: &Result<First, neatflow_core::EstablishmentFailure>) -> String {
    match first {
        Ok(First { branches, candidates, .. }) => {
            let branches: Vec<_> = branches.iter().map(|one| (&one.path, &one.protocol)).collect();
            let candidates: Vec<_> = candidates.iter().map(|one| (one.id, one.to_string())).collect();
            format!("{branches:?} {candidates:?}")
        }
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn what_is_remembered_is_what_would_be_decided() {
    fn prop(steps: Vec<Step>) -> bool {
        let mut engine = Engine::with_pib(built_in::pib());
        let (mut inventory, mut now) = (inventory(true), Time::from_millis(1_000));
        for step in steps {
            match step {
                Step::Observe { network, remote, protocol, outcome, size } => {
                    let mut observation = observation(network, remote, protocol, outcome, size);
                    // One server may have several names.
                    observation.host = [None, Some("host.example"), Some("other.example")]
                        [usize::from(size) % 3]
                        .map(Into::into);
                    engine.learned_mut().observe(&observation, now);
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds.into()),
                Step::Network(both) => inventory = self::inventory(both),
                Step::Ask { remotes, isolated, interface } => {
                    let request = request(&remotes, isolated, interface);
                    let remembered = engine.first(&request, &inventory, now);
                    let mut other = Engine::with_pib(engine.pib().clone());
                    other.set_learned(engine.learned().clone());
                    let decided = other.first(&request, &inventory, now);
                    if order(&remembered) != order(&decided) {
                        return false;
                    }
                }
            }
        }
        true
    }
    QuickCheck::new().tests(300).quickcheck(prop as fn(Vec<Step>) -> bool);
}

/// An observation that says nothing new leaves what was decided: otherwise every race would decide anew.
#[test]
fn what_says_nothing_new_voids_nothing() {
    let mut engine = Engine::with_pib(built_in::pib());
    let generation = |engine: &Engine| engine.learned().generation();
    let observe = |engine: &mut Engine, outcome, size| {
        engine.learned_mut().observe(&observation(Some(0), 0, 0, outcome, size), Time::ZERO);
        generation(engine)
    };
    let first = observe(&mut engine, 1, 20);
    for rtt in 16..30 {
        assert_eq!(observe(&mut engine, 1, rtt), first, "{rtt} ms is no other magnitude");
    }
    assert_ne!(observe(&mut engine, 0, 0), first, "that it failed is news");
    let mut named = |host: &str| {
        let observation = Observation { host: Some(host.into()), ..observation(Some(0), 0, 0, 0, 0) };
        engine.learned_mut().observe(&observation, Time::ZERO);
        generation(&engine)
    };
    let failed = named("a.example");
    assert_eq!(named("a.example"), failed);
    assert_ne!(named("b.example"), failed, "that it is known by another name is news");
}

/// What call 1 says of an address is what call 2 would say of what a race finds there.
#[test]
fn of_one_address_call_1_knows_what_call_2_would_say() {
    fn prop(remote: usize, interface: Option<usize>, observed: Vec<Step>) -> TestResult {
        let mut engine = Engine::with_pib(built_in::pib());
        let (inventory, remote) = (inventory(true), remote % (REMOTES.len() - 1));
        for step in observed {
            if let Step::Observe { network, remote, protocol, outcome, size } = step {
                let observation = observation(network, remote, protocol, outcome, size);
                engine.learned_mut().observe(&observation, Time::ZERO);
            }
        }
        let request = request(&[remote], false, interface.map(|place| place % INTERFACES.len()));
        let first = engine.first(&request, &inventory, Time::ZERO).unwrap();

        let mut transports: Vec<Protocol> = Vec::new();
        for branch in first.branches.iter() {
            if !transports.contains(&branch.protocol) {
                transports.push(branch.protocol.clone());
            }
        }
        let mut config = Config::default();
        config.transports.clone_from(&transports);
        let literal = request.remotes[0].literal().unwrap().to_string();
        let target = Target::named(&literal, 443).transports(transports);
        let mut race = Race::to([target], Network::default(), Memory::default(), config).ranked_elsewhere();
        assert_eq!(race.poll(Time::ZERO), Output::Rank);
        let found: Vec<_> = race.found(0).into_iter().map(|found| found.endpoint).collect();
        if !is_call_2(&first.candidates, &found.iter().collect::<Vec<_>>()) {
            // Its paths do not agree on the order of the protocols.
            return TestResult::discard();
        }
        let resolved = [Resolved::endpoints(0, found)];
        let mut roster = Roster::new();
        let candidates = engine.candidates(&mut roster, &request, &first.branches, &resolved, &inventory);
        TestResult::from_bool(format!("{candidates:?}") == format!("{:?}", first.candidates))
    }
    QuickCheck::new().tests(200).quickcheck(prop as fn(usize, Option<usize>, Vec<Step>) -> TestResult);
}
