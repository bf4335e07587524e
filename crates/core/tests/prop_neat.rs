//! NEAT's properties and lookup: the laws they keep, whatever is put in.

use neatflow_core::Time;
use neatflow_core::policy::neat::{Alternatives, Precedence, Properties, Property, Scalar, Text, Value};
use neatflow_core::policy::{CibNode, Engine, Policy, load};
use quickcheck::{Arbitrary, Gen, QuickCheck};

const KEYS: &[&str] = &["transport", "mtu", "port", "interface", "low_latency"];
const WORDS: &[&str] = &["TCP", "UDP", "SCTP", "eth0", "reliable"];

fn one_of<T: Copy>(g: &mut Gen, words: &[T]) -> T {
    g.choose(words).copied().unwrap_or(words[0])
}

fn scalar(g: &mut Gen) -> Scalar {
    match u8::arbitrary(g) % 4 {
        0 => Scalar::from(bool::arbitrary(g)),
        1 => Scalar::from(i64::from(i8::arbitrary(g) % 6)),
        2 => Scalar::from(one_of(g, WORDS)),
        _ => match Value::range(f64::from(i8::arbitrary(g) % 6) / 2.0, f64::from(i8::arbitrary(g) % 6) / 2.0)
        {
            Some(Value::One(number)) => number,
            _ => Scalar::from(1),
        },
    }
}

fn value(g: &mut Gen) -> Value {
    match u8::arbitrary(g) % 6 {
        0 => Value::Any,
        1 | 2 => Value::One(scalar(g)),
        3 | 4 => Value::one_of((0..1 + usize::arbitrary(g) % 4).map(|_| scalar(g)).collect::<Vec<_>>())
            .unwrap_or_default(),
        _ => {
            let ends = [f64::NEG_INFINITY, -2.0, 0.0, 0.5, 1.0, 3.0, f64::INFINITY];
            Value::range(one_of(g, &ends), one_of(g, &ends)).unwrap_or_default()
        }
    }
}

fn property(g: &mut Gen) -> Property {
    let precedence = one_of(g, &[Precedence::Default, Precedence::Requested, Precedence::Immutable]);
    Property { value: value(g), precedence, ..Property::default() }.scored(i32::from(i8::arbitrary(g)))
}

#[derive(Clone, Debug)]
struct One(Property);

#[derive(Clone, Debug)]
struct Set(Properties);

/// Files and a request.
#[derive(Clone, Debug)]
struct World {
    policies: Vec<(Properties, Vec<Properties>, i8, bool)>,
    nodes: Vec<(bool, Properties, Properties)>,
    request: Properties,
}

impl Arbitrary for One {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(property(g))
    }
}

fn set(g: &mut Gen, most: usize) -> Properties {
    let key = |g: &mut Gen| Text::fixed(one_of(g, KEYS));
    (0..usize::arbitrary(g) % (most + 1)).map(|_| (key(g), property(g))).collect()
}

/// A transport has a word, as the reader wants it.
fn readable(set: Properties) -> Properties {
    set.iter()
        .map(|(key, property)| {
            let value = match &property.value {
                Value::One(_) | Value::Range(_) | Value::Set(_) if *key == "transport" => Value::from("TCP"),
                other => other.clone(),
            };
            (key.clone(), Property { value, ..property.clone() })
        })
        .collect()
}

impl Arbitrary for Set {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(readable(set(g, 5)))
    }
}

impl Arbitrary for World {
    fn arbitrary(g: &mut Gen) -> Self {
        let policies = (0..usize::arbitrary(g) % 4).map(|_| {
            let effects = (0..1 + usize::arbitrary(g) % 2).map(|_| readable(set(g, 2))).collect();
            (readable(set(g, 1)), effects, i8::arbitrary(g) % 3, bool::arbitrary(g))
        });
        let policies = policies.collect();
        let nodes = (0..usize::arbitrary(g) % 4)
            .map(|_| (bool::arbitrary(g), readable(set(g, 1)), readable(set(g, 3))))
            .collect();
        Self { policies, nodes, request: readable(set(g, 4)) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let mut smaller = Vec::new();
        for gone in 0..self.policies.len() {
            let mut world = self.clone();
            world.policies.remove(gone);
            smaller.push(world);
        }
        for gone in 0..self.nodes.len() {
            let mut world = self.clone();
            world.nodes.remove(gone);
            smaller.push(world);
        }
        Box::new(smaller.into_iter())
    }
}

impl World {
    fn files(&self) -> Vec<(String, String)> {
        let json = |sets: &[Properties]| serde_json::to_string(sets).unwrap_or_default();
        let policy = |(n, (matched, effects, priority, profile)): (
            usize,
            &(Properties, Vec<Properties>, i8, bool),
        )| {
            let text = format!(
                r#"{{"priority": {priority}, "match": {}, "properties": [{}]}}"#,
                matched.to_json(),
                json(effects)
            );
            (format!("p{n}.{}", if *profile { "profile" } else { "policy" }), text)
        };
        let node = |(n, (root, matched, said)): (usize, &(bool, Properties, Properties))| {
            let text = format!(
                r#"{{"root": {root}, "expire": -1, "match": [{}], "properties": {}}}"#,
                matched.to_json(),
                said.to_json()
            );
            (format!("n{n}.cib"), text)
        };
        let policies = self.policies.iter().enumerate().map(policy);
        policies.chain(self.nodes.iter().enumerate().map(node)).collect()
    }

    fn engine(files: &[(String, String)]) -> Engine {
        let loaded = load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())), Time::ZERO);
        assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
        let mut engine = Engine::with_pib(loaded.pib);
        *engine.cib_mut() = loaded.cib;
        let mut limits = engine.limits();
        (limits.candidates, limits.rows) = (10_000, 10_000);
        engine.set_limits(limits);
        engine
    }

    fn lookup(&self) -> Vec<Properties> {
        Self::engine(&self.files()).lookup(&[self.request.clone().into()], Time::ZERO).unwrap_or_default()
    }
}

fn check<A: quickcheck::Testable>(prop: A) {
    QuickCheck::new().tests(3_000).quickcheck(prop);
}

/// The values of a set in one order, so that two sets can be compared.
fn sorted(value: &Value) -> String {
    match value {
        Value::Set(members) => {
            let mut members: Vec<String> = members.iter().map(|member| format!("{member:?}")).collect();
            members.sort();
            members.join(" ")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn two_values_match_when_they_have_something_in_common_whichever_comes_first() {
    fn prop(one: One, other: One) -> bool {
        let (one, other) = (one.0.value, other.0.value);
        let (meet, back) = (one.meet(&other), other.meet(&one));
        one.matches(&other) == meet.is_some()
            && other.matches(&one) == back.is_some()
            && meet.as_ref().map(sorted) == back.as_ref().map(sorted)
            && meet.is_none_or(|meet| meet.matches(&one) && meet.matches(&other))
    }
    check(prop as fn(One, One) -> bool);
}

#[test]
fn an_update_by_the_same_changes_nothing_but_the_score() {
    fn prop(one: One, other: One) -> bool {
        let same = |updated: &Property, was: &Property| {
            updated.value == was.value && updated.precedence == was.precedence
        };
        let Some(once) = one.0.update(&other.0) else { return one.0.precedence == Precedence::Immutable };
        one.0.update(&one.0).is_some_and(|updated| same(&updated, &one.0))
            && once.update(&other.0).is_some_and(|twice| same(&twice, &once))
    }
    check(prop as fn(One, One) -> bool);
}

#[test]
fn an_update_by_what_matches_is_the_same_from_both_sides() {
    fn prop(one: One, other: One) -> bool {
        let (one, other) = (one.0, other.0);
        match (one.update(&other), other.update(&one)) {
            (Some(there), Some(back)) if one.matches(&other) => {
                sorted(&there.value) == sorted(&back.value)
                    && there.precedence == back.precedence
                    && there.score == back.score
            }
            // What does not match is decided by precedence; two immutables fail from both sides.
            (None, None) => !one.matches(&other),
            (Some(_), Some(_)) => true,
            _ => false,
        }
    }
    check(prop as fn(One, One) -> bool);
}

#[test]
fn a_required_value_never_grows_and_is_never_replaced() {
    fn prop(one: One, by: Vec<One>) -> bool {
        let mut property = Property { precedence: Precedence::Immutable, ..one.0 };
        for One(next) in by {
            let Some(updated) = property.update(&next) else { continue };
            if updated.precedence != Precedence::Immutable || !updated.value.matches(&property.value) {
                return false;
            }
            property = updated;
        }
        true
    }
    check(prop as fn(One, Vec<One>) -> bool);
}

#[test]
fn properties_survive_being_written_and_read() {
    fn prop(one: Set) -> bool {
        Properties::from_json(&one.0.to_json()).as_ref() == Ok(&one.0)
    }
    check(prop as fn(Set) -> bool);
}

#[test]
fn policies_and_nodes_survive_being_written_and_read() {
    fn prop(world: World) -> bool {
        let engine = World::engine(&world.files());
        engine.pib().iter().all(|policy| Policy::from_json(&policy.to_json()).as_ref() == Ok(policy))
            && engine
                .cib()
                .nodes()
                .all(|node| CibNode::from_json(&node.to_json(), Time::ZERO).as_ref() == Ok(node))
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn a_product_has_as_many_sets_as_its_groups_multiply_to() {
    fn prop(sizes: Vec<u8>) -> bool {
        let sizes: Vec<usize> = sizes.iter().take(5).map(|size| 1 + usize::from(size % 4)).collect();
        let group = |(n, size): (usize, &usize)| -> Vec<Properties> {
            (0..*size)
                .map(|m| Properties::new().with(format!("k{n}"), Property::immutable(m as i64)))
                .collect()
        };
        let product = Alternatives::new(sizes.iter().enumerate().map(group).collect());
        let expected: usize = sizes.iter().product();
        product.is_ok_and(|product| {
            let lines: std::collections::BTreeSet<String> =
                product.expanded().iter().map(ToString::to_string).collect();
            product.expanded().len() == expected && lines.len() == expected
        })
    }
    check(prop as fn(Vec<u8>) -> bool);
}

#[test]
fn no_candidate_breaks_what_was_required() {
    fn prop(world: World) -> bool {
        // What a policy takes out on purpose is no longer asked for.
        world.lookup().iter().all(|candidate| {
            world.request.iter().filter(|(_, wanted)| wanted.precedence == Precedence::Immutable).all(
                |(key, wanted)| {
                    candidate.get(key).is_some_and(|got| {
                        got.precedence == Precedence::Immutable
                            && got.value.meet(&wanted.value).as_ref().map(sorted) == Some(sorted(&got.value))
                    })
                },
            )
        })
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn a_stronger_wish_never_adds_candidates() {
    fn prop(world: World, about: usize) -> bool {
        // Against what is known: policies may react to either.
        let world = World { policies: Vec::new(), ..world };
        let Some((key, wish)) = world.request.iter().nth(about % world.request.len().max(1)) else {
            return true;
        };
        if matches!(wish.value, Value::Set(_)) {
            return true;
        }
        let with = |precedence| {
            let wish = Property { precedence, ..wish.clone() };
            let request = world.request.clone().with(key.clone(), wish);
            World { request, ..world.clone() }.lookup()
        };
        let lines = |found: Vec<Properties>| -> std::collections::BTreeSet<String> {
            let values = |set: &Properties| {
                set.iter().map(|(key, property)| format!("{key}={} ", property.value)).collect()
            };
            found.iter().map(values).collect()
        };
        let (wished, required) = (lines(with(Precedence::Requested)), lines(with(Precedence::Immutable)));
        required.is_subset(&wished)
    }
    check(prop as fn(World, usize) -> bool);
}

#[test]
fn equal_input_gives_equal_output_and_the_order_of_files_and_keys_does_not_matter() {
    fn prop(world: World, turn: usize) -> bool {
        let ask =
            |files: &[(String, String)], request: &str| World::engine(files).answer(request, Time::ZERO);
        let mut files = world.files();
        let request = format!("[{}]", world.request.to_json());
        let told = ask(&files, &request);
        let turn = turn % files.len().max(1);
        files.rotate_left(turn);
        let mut members: Vec<String> = world
            .request
            .iter()
            .map(|(key, property)| {
                format!("\"{key}\": {}", serde_json::to_string(property).unwrap_or_default())
            })
            .collect();
        members.reverse();
        told.is_ok() && told == ask(&files, &format!("[{{{}}}]", members.join(",")))
    }
    check(prop as fn(World, usize) -> bool);
}

#[test]
fn candidates_are_bounded_and_in_the_order_of_their_scores() {
    fn prop(world: World) -> bool {
        let mut engine = World::engine(&world.files());
        let mut limits = engine.limits();
        limits.candidates = 3;
        engine.set_limits(limits);
        let found = engine.lookup(&[world.request.into()], Time::ZERO).unwrap_or_default();
        found.len() <= 3 && found.windows(2).all(|pair| pair[0].score() >= pair[1].score())
    }
    check(prop as fn(World) -> bool);
}

#[test]
fn whatever_is_sent_is_answered_or_refused() {
    fn prop(world: World, cuts: Vec<(u16, u8)>) -> bool {
        // A request that was right once, with bytes changed, doubled and left out.
        let mut bytes = format!("[{}]", world.request.to_json()).into_bytes();
        for (place, byte) in cuts.into_iter().take(4) {
            let at = usize::from(place) % bytes.len().max(1);
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, b"[]{},:\"9\\eIn-"[usize::from(byte) % 13]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Engine::new().answer(&text, Time::ZERO) {
            Ok(answer) => Alternatives::requests_from_json(&answer).is_ok(),
            Err(error) => !error.to_string().is_empty(),
        }
    }
    check(prop as fn(World, Vec<(u16, u8)>) -> bool);
}
