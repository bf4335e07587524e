//! A set of properties: a request, a candidate, a row, the effect of a policy.

use super::property::Keyed;
use super::{Finite, Precedence, Property, Text, Value};
use std::fmt;

/// Properties by key, in the order of their keys. Keys are lower case, as NEAT has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<(Text, Property)>);

/// The sum of the scores: first of the properties that were compared with something, then of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Score {
    /// Of the properties that were compared.
    pub evaluated: Finite,
    /// Of those that nothing was known about.
    pub other: Finite,
}

/// Two properties of one key that differ, and neither of which may change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Conflict {
    /// Their key.
    pub key: Text,
    /// What was there.
    pub ours: Property,
    /// What it should have become.
    pub theirs: Property,
}

impl Properties {
    /// No property.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub(in crate::policy) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Property)> {
        self.0.iter().map(|(key, property)| (key, property))
    }

    /// The property of this key, which is lower case.
    pub fn get(&self, key: &str) -> Option<&Property> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// The value of this key, if it is one word.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.value.as_str()
    }

    /// Sets a property, in place of the one of that key. The key becomes lower case; the names in `domain_name` too,
    /// without their final dot, and addresses get their usual spelling, so that each is compared with all its others.
    pub fn insert(&mut self, key: impl Into<Text>, property: Property) -> Option<Property> {
        let key = lower(key.into());
        let property = comparable(&key, property);
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, property)),
            Err(place) => {
                self.0.insert(place, (key, property));
                None
            }
        }
    }

    /// Takes a property out.
    pub fn remove(&mut self, key: &str) -> Option<Property> {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }

    /// The same, and this property.
    #[must_use]
    pub fn with(mut self, key: impl Into<Text>, property: Property) -> Self {
        self.insert(key, property);
        self
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// Whether every one of these is here, with a value that matches: NEAT's condition for a policy. Nothing is asked
    /// of no properties.
    pub fn contains(&self, these: &Self) -> bool {
        these.iter().all(|(key, wanted)| self.get(key).is_some_and(|property| property.matches(wanted)))
    }

    /// Updates these properties by others ([`Property::update`]); a key that only one side has is kept.
    ///
    /// *Errors*: every key of which both sides are immutable and differ.
    pub fn update(&self, by: &Self) -> Result<Self, Vec<Conflict>> {
        self.merge(by, Property::update)
    }

    /// The same, with values in the order of the others.
    pub(in crate::policy) fn update_in_their_order(&self, by: &Self) -> Result<Self, Vec<Conflict>> {
        self.merge(by, Property::update_in_their_order)
    }

    fn merge(
        &self,
        by: &Self,
        update: fn(&Property, &Property) -> Option<Property>,
    ) -> Result<Self, Vec<Conflict>> {
        let mut merged = Vec::with_capacity(self.len() + by.len());
        let mut conflicts = Vec::new();
        let (mut ours, mut theirs) = (self.0.iter().peekable(), by.0.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((our, _)), Some((their, _))) => our.cmp(their),
            };
            let our = if order.is_le() { ours.next() } else { None };
            let their = if order.is_ge() { theirs.next() } else { None };
            match (our, their) {
                (Some((key, our)), Some((_, their))) => match update(our, their) {
                    Some(updated) => merged.push((key.clone(), updated)),
                    None => conflicts.push(Conflict {
                        key: key.clone(),
                        ours: our.clone(),
                        theirs: their.clone(),
                    }),
                },
                (Some(only), None) | (None, Some(only)) => merged.push(only.clone()),
                (None, None) => {}
            }
        }
        if conflicts.is_empty() { Ok(Self(merged)) } else { Err(conflicts) }
    }

    /// These, and of the others those whose keys are not here.
    pub(in crate::policy) fn or_else(&self, others: &Self) -> Self {
        let missing = others.0.iter().filter(|(key, _)| self.get(key).is_none());
        let mut all: Vec<_> = self.0.iter().chain(missing).cloned().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.shrink_to_fit();
        Self(all)
    }

    /// Takes no more memory than is needed.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// As if nothing had been compared yet.
    pub(in crate::policy) fn unevaluate(&mut self) {
        for (_, property) in &mut self.0 {
            property.evaluated = false;
        }
    }

    /// What it scores.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for (_, property) in &self.0 {
            let sum = if property.evaluated { &mut score.evaluated } else { &mut score.other };
            *sum = sum.plus(property.score);
        }
        score
    }

    /// Whether they have the same keys and values; precedence and score do not matter.
    pub(in crate::policy) fn same_values(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|((key, one), (name, other))| key == name && one.value == other.value)
    }

    /// Whether it has every key of another set, with the same value.
    pub(in crate::policy) fn has_values_of(&self, other: &Self) -> bool {
        other.iter().all(|(key, one)| self.get(key).is_some_and(|known| known.value == one.value))
    }

    /// These alone, each of a set of values of precedence 1 in its place: the cartesian product, the first key varying
    /// slowest. `None` if there were more than `limit`.
    pub(in crate::policy) fn each_requested(&self, limit: usize) -> Option<Vec<Self>> {
        let mut all = vec![self.clone()];
        for (key, property) in self.iter() {
            let Value::Set(members) = &property.value else { continue };
            if property.precedence != Precedence::Requested {
                continue;
            }
            if all.len().checked_mul(members.len()).is_none_or(|count| count > limit) {
                return None;
            }
            let one = |value: Value| Property { value, ..property.clone() };
            let with = |set: &Self| {
                property
                    .value
                    .each()
                    .map(|value| set.clone().with(key.clone(), one(value)))
                    .collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        Some(all)
    }
}

/// The key in lower case; most are already.
/// Names of hosts and addresses are kept as they are compared: those in any case, and with or without the final dot, are
/// one (RFC 4343 §3); these have several spellings (RFC 4291 §2.2).
fn comparable(key: &str, mut property: Property) -> Property {
    let spelling = match key {
        "domain_name" => same_name,
        "remote_ip" | "local_ip" => same_address,
        _ => return property,
    };
    property.value = property.value.spelt(spelling);
    property
}

/// How a name of the DNS is kept, if not as it is: in lower case, without the final dot. What is no ASCII is left alone.
fn same_name(name: &str) -> Option<String> {
    let plain = name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name);
    let as_it_is = plain.len() == name.len() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    (!as_it_is).then(|| plain.to_ascii_lowercase())
}

/// How an address is kept, if not as it is.
fn same_address(text: &str) -> Option<String> {
    let address: std::net::IpAddr = text.parse().ok()?;
    let plain = address.to_canonical().to_string();
    (plain != text).then_some(plain)
}

fn lower(key: Text) -> Text {
    if key.bytes().any(|byte| byte.is_ascii_uppercase()) { key.to_ascii_lowercase().into() } else { key }
}

impl FromIterator<(Text, Property)> for Properties {
    /// A later property of the same key replaces an earlier one.
    fn from_iter<I: IntoIterator<Item = (Text, Property)>>(properties: I) -> Self {
        let mut set = Self::new();
        for (key, property) in properties {
            set.insert(key, property);
        }
        set
    }
}

impl fmt::Display for Properties {
    /// In NEAT's shorthand: `(MTU|1500,9000) [transport|TCP]+2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (key, property)) in self.0.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { " " }, Keyed(key, property))?;
        }
        Ok(())
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} and must be {}", self.key, self.ours.value, self.theirs.value)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", self.evaluated.get())?;
        if self.other != Finite::ZERO { write!(f, " ({:+} unknown)", self.other.get()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_case_and_stand_in_order() {
        let mut set =
            Properties::new().with("MTU", Property::requested(1500_i64)).with("a", Property::default());
        assert_eq!(set.insert("mtu", Property::requested(9000_i64)), Some(Property::requested(1500_i64)));
        assert_eq!(set.to_string(), "(a|*) (mtu|9000)");
    }

    #[test]
    fn every_conflict_is_named() {
        let one = Properties::new().with("a", Property::immutable("x")).with("b", Property::immutable("x"));
        let other = Properties::new().with("a", Property::immutable("y")).with("b", Property::immutable("z"));
        let conflicts = one.update(&other).unwrap_err();
        let told: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a is x and must be y", "b is x and must be z"]);
    }

    #[test]
    fn each_requested_value_is_a_set_of_its_own() {
        let wanted = Properties::new()
            .with("mtu", Property::requested(Value::one_of([1500_i64, 9000]).unwrap()))
            .with("port", Property::immutable(Value::one_of([80_i64, 443]).unwrap()))
            .with("transport", Property::requested(Value::one_of(["SCTP", "TCP"]).unwrap()));
        let each: Vec<String> = wanted.each_requested(4).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            each,
            [
                "(mtu|1500) [port|80,443] (transport|SCTP)",
                "(mtu|1500) [port|80,443] (transport|TCP)",
                "(mtu|9000) [port|80,443] (transport|SCTP)",
                "(mtu|9000) [port|80,443] (transport|TCP)",
            ]
        );
        assert_eq!(wanted.each_requested(3), None);
    }
}
