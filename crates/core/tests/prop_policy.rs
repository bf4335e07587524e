//! The policy: whatever is asked of whatever is there, nothing breaks a requirement, and nothing changes without
//! cause.

use neatflow_core::policy::{
    InterfaceRow, Inventory, MAX_BRANCHES, MAX_CANDIDATES, MAX_LISTEN_SPECS, Request, Resolved, Roster,
    StackRow, branches, candidates, explain, listen_plan,
};
use neatflow_core::properties::{Interface, Multipath};
use neatflow_core::{
    Candidate, LocalEndpoint, Offer, Offers, Preference, Protocol, RemoteEndpoint, SelectionProperty,
    TransportProperties,
};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

const INTERFACES: &[&str] = &["lo", "eth0", "wlan0", "wwan0"];
const PROTOCOLS: &[&str] = &["tcp", "udp", "quic", "sctp"];
const OURS: &[&str] =
    &["127.0.0.1", "::1", "192.0.2.10", "2001:db8::10", "fe80::10", "198.51.100.20", "fe80::20"];
const LOCALS: &[&str] = &[
    "*",
    "*:5000",
    "*%eth0",
    "*%wlan0:5000",
    "*%2",
    "127.0.0.1",
    "[::]:5000",
    "192.0.2.10",
    "[fe80::10%eth0]:5000",
    "2001:db8::10%wlan0",
    "198.51.100.20",
    "*:5001!tcp",
];
const REMOTES: &[&str] = &[
    "a.example:443",
    "b.example:443",
    "b.example%eth0:443",
    "192.0.2.1:443",
    "[2001:db8::1]:443",
    "[fe80::1%eth0]:443",
    "[fe80::1]:443",
    "127.0.0.1:443",
    "c.example",
    "0.0.0.0:1",
    "192.0.2.1:8443!quic",
    "a.example:8444!udp",
    "a.example:https",
];
const ANSWERS: &[&str] = &[
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "2001:db8::2",
    "fe80::1",
    "127.0.0.1",
    "::ffff:192.0.2.1",
    "::",
];

/// A wish: what it is about, and how strong it is.
#[derive(Clone, Debug)]
enum Wish {
    Property(SelectionProperty, Preference),
    Interface(&'static str, Preference),
    Multipath(Multipath),
    SafelyReplayable(bool),
}

impl Wish {
    fn say(&self, to: &mut TransportProperties) {
        match *self {
            Self::Property(property, preference) => to.set(property, preference),
            Self::Interface(name, preference) => to.set(Interface::named(name), preference),
            Self::Multipath(multipath) => to.selection.set_multipath(multipath),
            Self::SafelyReplayable(replayable) => to.message.safely_replayable = Some(replayable),
        }
    }

    fn topic(&self) -> &'static str {
        match self {
            Self::Property(property, _) => property.name(),
            Self::Interface(name, _) => name,
            Self::Multipath(_) => "multipath",
            Self::SafelyReplayable(_) => "safelyReplayable",
        }
    }
}

impl Arbitrary for Wish {
    fn arbitrary(g: &mut Gen) -> Self {
        // Most wishes are mild, so that something is left to choose from.
        let mild = [Preference::Prefer, Preference::NoPreference, Preference::Avoid];
        let preference =
            if u8::arbitrary(g) % 4 == 0 { one_of(g, Preference::ALL) } else { one_of(g, &mild) };
        match u8::arbitrary(g) % 9 {
            8 => Self::SafelyReplayable(bool::arbitrary(g)),
            0..2 => Self::Interface(one_of(g, &INTERFACES[1..]), preference),
            2 => Self::Multipath(one_of(g, Multipath::ALL)),
            _ => Self::Property(one_of(g, SelectionProperty::ALL), preference),
        }
    }
}

/// Something there is, something that is asked of it, and the answers as they come.
#[derive(Clone, Debug)]
struct World {
    stacks: Vec<(&'static str, Vec<(SelectionProperty, Offer)>)>,
    interfaces: Vec<(&'static str, bool, Vec<&'static str>)>,
    wishes: Vec<Wish>,
    locals: Vec<&'static str>,
    remotes: Vec<&'static str>,
    answers: Vec<(usize, Vec<&'static str>)>,
}

impl World {
    fn inventory(&self) -> Inventory {
        let stack = |(name, said): &(&'static str, Vec<(SelectionProperty, Offer)>)| {
            // Everything can be done in either way, but for what is said.
            let any = SelectionProperty::ALL.iter().fold(Offers::none(), |o, p| o.with(*p, Offer::Optional));
            let offers = said.iter().fold(any, |offers, (property, offer)| offers.with(*property, *offer));
            // Over UDP a message may arrive twice.
            StackRow { protocol: Protocol::named(name), offers: offers.with_duplicates(*name == "udp") }
        };
        let row = |(place, (name, up, addresses)): (usize, &(&'static str, bool, Vec<&str>))| InterfaceRow {
            name: (*name).into(),
            index: place as u32 + 1,
            addresses: addresses.iter().filter_map(|text| text.parse().ok()).collect(),
            up: *up,
            loopback: *name == "lo",
            ..InterfaceRow::default()
        };
        Inventory {
            stacks: self.stacks.iter().map(stack).collect(),
            interfaces: self.interfaces.iter().enumerate().map(row).collect(),
            routes: None,
        }
    }

    fn properties(&self) -> TransportProperties {
        said(&self.wishes)
    }

    fn request(&self) -> Request {
        self.request_with(self.properties())
    }

    fn request_with(&self, properties: TransportProperties) -> Request {
        Request {
            locals: self.locals.iter().filter_map(|text| local(text)).collect(),
            remotes: self.remotes.iter().filter_map(|text| remote(text)).collect(),
            properties: Arc::new(properties),
            ..Request::default()
        }
    }

    /// The answers, after the first of them, after the second, and so on.
    fn growing(&self) -> impl Iterator<Item = Vec<Resolved>> + '_ {
        let resolved = |(remote, addresses): &(usize, Vec<&str>)| {
            Resolved::addresses(*remote, addresses.iter().filter_map(|text| text.parse().ok()))
        };
        (0..=self.answers.len()).map(move |known| self.answers[..known].iter().map(resolved).collect())
    }

    fn race(&self) -> Vec<Candidate> {
        let (request, inventory) = (self.request(), self.inventory());
        let branches = branches(&request, &inventory).unwrap_or_default();
        let resolved = self.growing().last().unwrap_or_default();
        candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory)
    }
}

/// `endpoint!protocol`, or an endpoint for any protocol.
fn local(text: &str) -> Option<LocalEndpoint> {
    let Some((text, protocol)) = text.split_once('!') else { return text.parse().ok() };
    text.parse::<LocalEndpoint>().ok().map(|endpoint| endpoint.protocol(protocol))
}

/// `endpoint!protocol`, or an endpoint for any protocol.
fn remote(text: &str) -> Option<RemoteEndpoint> {
    let Some((text, protocol)) = text.split_once('!') else { return text.parse().ok() };
    text.parse::<RemoteEndpoint>().ok().map(|endpoint| endpoint.protocol(protocol))
}

fn said(wishes: &[Wish]) -> TransportProperties {
    let mut properties = TransportProperties::new();
    for wish in wishes {
        wish.say(&mut properties);
    }
    properties
}

fn one_of<T: Copy>(g: &mut Gen, words: &[T]) -> T {
    g.choose(words).copied().unwrap_or(words[0])
}

fn some_of<T: Copy>(g: &mut Gen, most: usize, words: &[T]) -> Vec<T> {
    let count = usize::arbitrary(g) % (most + 1);
    (0..count).map(|_| one_of(g, words)).collect()
}

impl Arbitrary for World {
    fn arbitrary(g: &mut Gen) -> Self {
        let offers = [Offer::Never, Offer::Optional, Offer::Always];
        let mut stacks = Vec::new();
        for name in some_of(g, 4, PROTOCOLS) {
            let said = some_of(g, 5, SelectionProperty::ALL);
            stacks.push((name, said.into_iter().map(|property| (property, one_of(g, &offers))).collect()));
        }
        let mut interfaces = Vec::new();
        for name in INTERFACES {
            if u8::arbitrary(g) % 8 != 0 {
                interfaces.push((*name, u8::arbitrary(g) % 8 != 0, some_of(g, 4, OURS)));
            }
        }
        let mut remotes = some_of(g, 3, REMOTES);
        remotes.push(one_of(g, &REMOTES[..5]));
        let answers = (0..usize::arbitrary(g) % 5).map(|_| (usize::arbitrary(g) % 4, some_of(g, 6, ANSWERS)));
        let answers: Vec<_> = answers.collect();
        let locals = if bool::arbitrary(g) { Vec::new() } else { some_of(g, 3, LOCALS) };
        Self { stacks, interfaces, wishes: some_of_any(g, 6), locals, remotes, answers }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let mut smaller = Vec::new();
        for gone in 0..self.stacks.len() {
            smaller.push(Self { stacks: without(&self.stacks, gone), ..self.clone() });
        }
        for gone in 0..self.interfaces.len() {
            smaller.push(Self { interfaces: without(&self.interfaces, gone), ..self.clone() });
        }
        for gone in 0..self.wishes.len() {
            smaller.push(Self { wishes: without(&self.wishes, gone), ..self.clone() });
        }
        for gone in 0..self.locals.len() {
            smaller.push(Self { locals: without(&self.locals, gone), ..self.clone() });
        }
        for gone in 0..self.remotes.len() {
            smaller.push(Self { remotes: without(&self.remotes, gone), ..self.clone() });
        }
        for gone in 0..self.answers.len() {
            smaller.push(Self { answers: without(&self.answers, gone), ..self.clone() });
        }
        Box::new(smaller.into_iter())
    }
}

fn some_of_any<T: Arbitrary>(g: &mut Gen, most: usize) -> Vec<T> {
    let count = usize::arbitrary(g) % (most + 1);
    (0..count).map(|_| T::arbitrary(g)).collect()
}

fn without<T: Clone>(things: &[T], gone: usize) -> Vec<T> {
    things.iter().enumerate().filter(|(place, _)| *place != gone).map(|(_, thing)| thing.clone()).collect()
}

fn check<A: quickcheck::Testable>(prop: A) {
    QuickCheck::new().tests(3_000).quickcheck(prop);
}

/// Whether a protocol and an interface satisfy every Require and Prohibit.
fn allowed(
    properties: &TransportProperties,
    inventory: &Inventory,
    protocol: &Protocol,
    interface: Option<&str>,
) -> bool {
    let wanted = &properties.selection;
    let stack = inventory.stacks.iter().find(|row| row.protocol == *protocol);
    let stack_allowed = stack.is_some_and(|row| {
        !SelectionProperty::ALL.iter().any(|property| {
            let said_and_offered = (wanted.preference(*property), row.offers.offer(*property));
            matches!(
                said_and_offered,
                (Preference::Require, Offer::Never) | (Preference::Prohibit, Offer::Always)
            )
        })
    });
    let replay_allowed = protocol.as_str() != "udp" || properties.message.is_safely_replayable();
    let interface_allowed =
        wanted.interfaces().iter().all(|(preference, name)| match (preference, interface) {
            (Preference::Require, bound) => bound == Some(name),
            (Preference::Prohibit, Some(bound)) => bound != &**name,
            // The routing table could choose it, if it exists.
            (Preference::Prohibit, None) => inventory.interface(name).is_none(),
            _ => true,
        });
    stack_allowed && replay_allowed && interface_allowed
}

#[test]
fn no_candidate_breaks_a_require_or_a_prohibit() {
    fn prop(world: World) -> bool {
        let (properties, inventory) = (world.properties(), world.inventory());
        let ipv6_only = properties.selection.preference(SelectionProperty::UseTemporaryLocalAddress)
            == Preference::Require;
        world.race().iter().all(|candidate| {
            allowed(&properties, &inventory, &candidate.transport, candidate.interface.as_deref())
                && !(ipv6_only && candidate.remote.is_ipv4())
        })
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn no_listening_socket_breaks_a_require_or_a_prohibit() {
    fn prop(world: World) -> bool {
        let (properties, inventory) = (world.properties(), world.inventory());
        let plan = listen_plan(&world.request(), &inventory).unwrap_or_default();
        let distinct =
            plan.iter().map(|spec| (&spec.protocol, spec.local, &spec.interface)).collect::<BTreeSet<_>>();
        plan.len() <= MAX_LISTEN_SPECS
            && distinct.len() == plan.len()
            && plan
                .iter()
                .all(|spec| allowed(&properties, &inventory, &spec.protocol, spec.interface.as_deref()))
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn an_endpoint_for_one_protocol_is_used_by_no_other() {
    fn prop(world: World) -> bool {
        // In these worlds a port tells the protocol.
        let only = |port: u16| match port {
            5001 => Some("tcp"),
            8443 => Some("quic"),
            8444 => Some("udp"),
            _ => None,
        };
        let fits = |port: u16, protocol: &Protocol| only(port).is_none_or(|only| only == protocol.as_str());
        let plan = listen_plan(&world.request(), &world.inventory()).unwrap_or_default();
        world.race().iter().all(|candidate| {
            let local = candidate.local.map_or(0, |local| local.port());
            fits(candidate.port(), &candidate.transport) && fits(local, &candidate.transport)
        }) && plan.iter().all(|spec| fits(spec.local.port(), &spec.protocol))
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn every_candidate_has_ends_that_fit_and_a_place_in_the_order() {
    fn prop(world: World) -> bool {
        let race = world.race();
        let distinct: BTreeSet<_> =
            race.iter().map(|c| (c.transport.clone(), c.interface.clone(), c.local, c.remote)).collect();
        let ids: BTreeSet<_> = race.iter().map(|c| c.id).collect();
        distinct.len() == race.len()
            && ids.len() == race.len()
            && race.len() <= MAX_CANDIDATES
            && race.iter().enumerate().all(|(rank, candidate)| {
                candidate.priority as usize == rank
                    && candidate.port() != 0
                    && !candidate.remote.ip().is_unspecified()
                    && candidate.local.is_none_or(|local| local.is_ipv4() == candidate.remote.is_ipv4())
            })
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn a_stronger_wish_never_adds_protocols() {
    fn protocols(world: &World, properties: TransportProperties) -> BTreeSet<Protocol> {
        let branches = branches(&world.request_with(properties), &world.inventory()).unwrap_or_default();
        branches.into_iter().map(|branch| branch.protocol).collect()
    }
    fn prop(world: World, about: usize, for_it: bool) -> bool {
        use Preference as P;
        let property = SelectionProperty::ALL[about % SelectionProperty::ALL.len()];
        let ladder = if for_it {
            [P::NoPreference, P::Prefer, P::Require]
        } else {
            [P::NoPreference, P::Avoid, P::Prohibit]
        };
        let rungs = ladder.map(|preference| protocols(&world, world.properties().with(property, preference)));
        rungs.windows(2).all(|pair| pair[1].is_subset(&pair[0]))
    }
    check(prop as fn(World, usize, bool) -> bool);
}

#[test]
fn the_order_of_wishes_about_different_things_is_irrelevant() {
    fn prop(world: World, turn: usize) -> bool {
        let mut last: BTreeMap<&str, Wish> = BTreeMap::new();
        for wish in &world.wishes {
            last.insert(wish.topic(), wish.clone());
        }
        let sorted: Vec<Wish> = last.into_values().collect();
        let mut turned = sorted.clone();
        turned.reverse();
        turned.rotate_left(turn % sorted.len().max(1));
        let lines = |wishes: Vec<Wish>| {
            let world = World { wishes, ..world.clone() };
            world.race().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        lines(sorted) == lines(turned)
    }
    check(prop as fn(World, usize) -> bool);
}

#[test]
fn equal_input_gives_equal_output() {
    fn prop(world: World) -> bool {
        let (request, inventory) = (world.request(), world.inventory());
        let told = |world: &World| format!("{:?}", world.race());
        format!("{:?}", branches(&request, &inventory)) == format!("{:?}", branches(&request, &inventory))
            && told(&world) == told(&world)
            && format!("{:?}", listen_plan(&request, &inventory))
                == format!("{:?}", listen_plan(&request, &inventory))
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn a_candidate_keeps_its_id_while_answers_come_in_and_none_is_lost() {
    fn prop(world: World) -> bool {
        let (request, inventory) = (world.request(), world.inventory());
        let Ok(branches) = branches(&request, &inventory) else { return true };
        let mut roster = Roster::new();
        let mut known = BTreeMap::new();
        for resolved in world.growing() {
            let race = candidates(&mut roster, &request, &branches, &resolved, &inventory);
            let now: BTreeMap<_, _> = race.iter().map(|c| (c.id, (c.to_string(), c.host.clone()))).collect();
            let kept = known.iter().all(|(id, before)| now.get(id) == Some(before));
            let consecutive = now.keys().enumerate().all(|(place, id)| id.0 as usize == place);
            if !kept || !consecutive || roster.len() != now.len() {
                return false;
            }
            known = now;
        }
        true
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn branches_are_bounded_distinct_and_never_empty() {
    fn prop(world: World) -> bool {
        match branches(&world.request(), &world.inventory()) {
            Err(failure) => !failure.to_string().is_empty(),
            Ok(found) => {
                let repeated = |n: usize| found[..n].contains(&found[n]);
                (1..=MAX_BRANCHES).contains(&found.len()) && !(0..found.len()).any(repeated)
            }
        }
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn a_race_without_candidates_can_be_explained() {
    fn prop(world: World) -> bool {
        let (request, inventory) = (world.request(), world.inventory());
        let Ok(branches) = branches(&request, &inventory) else { return true };
        let resolved = world.growing().last().unwrap_or_default();
        let race = candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory);
        !race.is_empty() || explain(&request, &branches, &resolved, &inventory).to_string().contains("no ")
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn within_a_branch_and_an_endpoint_the_families_take_turns() {
    fn prop(v6: Vec<u16>, v4: Vec<u16>) -> bool {
        let world = World {
            stacks: vec![("tcp", Vec::new())],
            interfaces: Vec::new(),
            wishes: Vec::new(),
            locals: Vec::new(),
            remotes: vec!["a.example:443"],
            answers: Vec::new(),
        };
        let (request, inventory) = (world.request(), world.inventory());
        let Ok(branches) = branches(&request, &inventory) else { return false };
        let v6 = v6.iter().map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n | 1]));
        let v4 = v4.iter().map(|n| IpAddr::from([192, 0, 2, n.to_be_bytes()[0] | 1]));
        let resolved = [Resolved::addresses(0, v4.chain(v6))];
        let race = candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory);
        let families: Vec<bool> = race.iter().map(|c| c.remote.is_ipv6()).collect();
        let pairs =
            2 * families.iter().filter(|v6| **v6).count().min(families.iter().filter(|v6| !**v6).count());
        families[..pairs].iter().enumerate().all(|(place, v6)| *v6 == (place % 2 == 0))
            && families[pairs..].windows(2).all(|pair| pair[0] == pair[1])
    }
    check(prop as fn(Vec<u16>, Vec<u16>) -> bool);
}
