//! What there is on this host, as rows: what each stack offers, and where each path leads.

use super::inventory::StackRow;
use super::neat::read::{TRANSPORT, transport_name};
use super::neat::{Properties, Property, Scalar, Text, Value};
use super::wishes::{DIRECTION, MULTIPATH, SAFELY_REPLAYABLE, key};
use crate::candidate::Protocol;
use crate::properties::{Direction, Offer, SelectionProperty};

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

/// What a stack always has is true, what it never has is false, and what it can have or not is anything.
fn row(stack: &StackRow) -> Properties {
    let mut row = Properties::with_capacity(SelectionProperty::ALL.len() + 4);
    let fact = |offer: Offer| match offer {
        Offer::Never => Property::immutable(false),
        Offer::Optional => Property::requested(Value::Any),
        Offer::Always => Property::immutable(true),
    };
    for property in SelectionProperty::ALL {
        row.insert(key(*property), fact(stack.offers.offer(*property)));
    }
    row.insert(MULTIPATH, fact(stack.offers.multipath()));
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
