//! What there is on this host, as rows: what each stack offers, and where each path leads.

use super::inventory::StackRow;
use super::neat::read::{TRANSPORT, transport_name};
use super::neat::{Conflict, Precedence, Properties, Property, Scalar, Text, Value};
use super::wishes::{DIRECTION, MULTIPATH, SAFELY_REPLAYABLE, key};
use crate::candidate::Protocol;
use crate::properties::{Direction, Offer, Offers, SelectionProperty};
use std::sync::Arc;

/// A stack and its row.
#[derive(Clone, Debug)]
pub(super) struct StackFacts {
    pub(super) protocol: Protocol,
    pub(super) row: Properties,
}

/// The rows of the stacks, in the order of registration. A name means the stack that registered it first.
pub(super) fn stacks(stacks: &[StackRow]) -> Vec<StackFacts> {
    let mut facts: Vec<StackFacts> = Vec::with_capacity(stacks.len());
    for stack in stacks {
        if !facts.iter().any(|earlier| earlier.protocol == stack.protocol) {
            facts.push(StackFacts { protocol: stack.protocol.clone(), row: row(stack) });
        }
    }
    facts
}

/// The names of the stacks, to choose from in the order of registration; nothing if there is none.
pub(super) fn transports(stacks: &[StackFacts]) -> Option<Value> {
    Value::one_of(stacks.iter().map(|stack| transport_name(stack.protocol.as_str())))
}

/// What secures: NEAT's key.
pub(super) const SECURITY: Text = Text::fixed("security");

/// What a stack always has is true, what it never has is false, and what it can have or not is anything.
fn fact(offer: Offer) -> Property {
    match offer {
        Offer::Never => Property::immutable(false),
        Offer::Optional => Property::requested(Value::Any),
        Offer::Always => Property::immutable(true),
    }
}

/// What a stack offers of what libneat itself does for an application, and RFC 9622 has no selection property for.
fn as_in_neat(offers: &Offers) -> [(Text, Property); 4] {
    // A peer can be verified where there is security, and need not be.
    let verified = if offers.security() == Offer::Never { Offer::Never } else { Offer::Optional };
    [
        (SECURITY, fact(offers.security())),
        (Text::fixed("verification"), fact(verified)),
        (Text::fixed("multihoming"), fact(offers.multipath())),
        // Listening on addresses that are not ours.
        (Text::fixed("tproxy"), fact(Offer::Never)),
    ]
}

/// What cannot change of one, and the other one says to be something else that cannot change.
pub(super) fn broken<'a>(
    facts: impl Iterator<Item = (&'a Text, &'a Property)>,
    said: &Properties,
) -> Vec<Conflict> {
    let immutable = |property: &Property| property.precedence == Precedence::Immutable;
    let conflicts = facts.filter(|(_, fact)| immutable(fact)).filter_map(|(key, fact)| {
        let theirs = said.get(key).filter(|said| immutable(said) && !fact.matches(said))?;
        Some(Conflict { key: key.clone(), ours: fact.clone(), theirs: theirs.clone() })
    });
    conflicts.collect()
}

/// What these properties require, and a stack with these offers does not do, although no selection property speaks of
/// it: security, above all. For whoever is about to connect, wherever the properties come from; `None` if there is
/// nothing. In words: `security is false and must be true`.
pub fn not_offered(offers: &Offers, required: &Properties) -> Option<Arc<str>> {
    if required.is_empty() {
        return None;
    }
    let facts = as_in_neat(offers);
    let broken = broken(facts.iter().map(|(key, fact)| (key, fact)), required);
    let told: Vec<String> = broken.iter().map(ToString::to_string).collect();
    (!told.is_empty()).then(|| told.join("; ").into())
}

fn row(stack: &StackRow) -> Properties {
    let mut row = Properties::with_capacity(SelectionProperty::ALL.len() + 8);
    for property in SelectionProperty::ALL {
        row.insert(key(*property), fact(stack.offers.offer(*property)));
    }
    row.insert(MULTIPATH, fact(stack.offers.multipath()));
    for (key, fact) in as_in_neat(&stack.offers) {
        row.insert(key, fact);
    }
    let name = Scalar::String(transport_name(stack.protocol.as_str()));
    row.insert(Text::fixed(TRANSPORT), Property::immutable(Value::One(name)));
    // Both ways serve everyone.
    if stack.offers.direction() != Direction::Bidirectional {
        row.insert(DIRECTION, Property::immutable(Value::word(stack.offers.direction().name())));
    }
    // Whose messages may arrive twice is one only for messages that may (RFC 9622 §9.1.3.4).
    if stack.offers.duplicates() {
        row.insert(SAFELY_REPLAYABLE, Property::immutable(true));
    }
    row
}
