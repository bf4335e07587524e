//! Which protocols are eligible, and in which order.

use super::inventory::{Inventory, StackRow};
use super::refusal::Refusal;
use crate::properties::{
    Multipath, Offer, Offers, Preference, Role, SelectionProperties, SelectionProperty, TransportProperties,
};
use std::cmp::Reverse;

/// The stacks that satisfy every Require and Prohibit. First those that satisfy the most Prefers, among them those
/// that disregard the fewest Avoids, then in the order of registration (RFC 9623 §4.1.3). A stack whose messages may
/// arrive twice is one only for messages that are safely replayable (RFC 9622 §9.1.3.4).
///
/// *Errors*: there is none; the properties that the nearest one violates are named.
pub(super) fn eligible<'a>(
    inventory: &'a Inventory,
    properties: &TransportProperties,
    role: Role,
) -> Result<Vec<&'a StackRow>, Refusal> {
    let wanted = &properties.selection;
    // A name means the stack that registered it first.
    let namesakes = |place: usize, row: &StackRow| {
        inventory.stacks[..place].iter().any(|earlier| earlier.protocol == row.protocol)
    };
    let rows = inventory.stacks.iter().enumerate().filter(|(place, row)| !namesakes(*place, row));
    let satisfies =
        |row: &&StackRow| row.offers.satisfies(wanted, role) && !duplicates(&row.offers, properties);
    let mut stacks: Vec<&StackRow> = rows.map(|(_, row)| row).filter(satisfies).collect();
    if stacks.is_empty() {
        return Err(nothing(inventory, properties));
    }
    // The sort is stable: the order of registration decides among equals.
    stacks.sort_by_key(|row| {
        let score = score(&row.offers, wanted, role);
        (Reverse(score.fulfilled), score.disregarded)
    });
    Ok(stacks)
}

/// Their names, for an explanation.
pub(super) fn names(stacks: &[&StackRow]) -> String {
    let names: Vec<_> = stacks.iter().map(|stack| stack.protocol.as_str()).collect();
    names.join(" or ")
}

struct Score {
    /// Prefers that are satisfied.
    fulfilled: usize,
    /// Avoids that are not.
    disregarded: usize,
}

fn score(offers: &Offers, wanted: &SelectionProperties, role: Role) -> Score {
    let count = |preference: Preference, holds: fn(Offer) -> bool| {
        let counts = |property: &&SelectionProperty| {
            wanted.preference_to(**property, role) == preference && holds(offers.offer(**property))
        };
        SelectionProperty::ALL.iter().filter(counts).count()
    };
    // Anything but Disabled is a preference for protocols that can use several paths (RFC 9622 §6.2.14).
    let multipath = wanted.multipath(role) != Multipath::Disabled && offers.multipath() != Offer::Never;
    Score {
        fulfilled: count(Preference::Prefer, |offer| offer != Offer::Never) + usize::from(multipath),
        disregarded: count(Preference::Avoid, |offer| offer == Offer::Always),
    }
}

/// Whether a message may arrive twice although that could do harm.
fn duplicates(offers: &Offers, properties: &TransportProperties) -> bool {
    offers.duplicates() && !properties.message.is_safely_replayable()
}

fn nothing(inventory: &Inventory, properties: &TransportProperties) -> Refusal {
    let wanted = &properties.selection;
    let violations = inventory.stacks.iter().map(|row| (row, row.offers.violations(wanted)));
    let faults = |(row, violated): &(&StackRow, Vec<SelectionProperty>)| {
        (violated.len() + usize::from(duplicates(&row.offers, properties)), violated.len())
    };
    // What a word on the messages would make eligible first; among equals the order of registration.
    let Some((nearest, violated)) = violations.min_by_key(faults) else {
        return Refusal::no_path("no protocol stack is registered".to_owned());
    };
    let (name, offers) = (&nearest.protocol, &nearest.offers);
    let replays = duplicates(offers, properties);
    let why = if !violated.is_empty() {
        let also = if replays { ", and needs safelyReplayable too" } else { "" };
        format!("no protocol satisfies all requirements; {name} comes nearest{also}")
    } else if replays {
        format!("safelyReplayable is not true, and messages may arrive more than once over {name}")
    } else if !offers.carries(wanted.direction()) {
        format!("no protocol is {} ({name} is not)", wanted.direction())
    } else {
        format!("no protocol keeps to one path ({name} does not)")
    };
    Refusal::Nothing { properties: violated, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Protocol;
    use crate::properties::{Direction, TransportProperties};
    use SelectionProperty as P;

    fn row(name: &'static str, offers: Offers) -> StackRow {
        let tcp_like = [P::Reliability, P::PreserveOrder, P::FullChecksumSend, P::FullChecksumRecv];
        let offers = tcp_like.iter().fold(offers, |offers, p| offers.with(*p, Offer::Always));
        StackRow { protocol: Protocol::named(name), offers: offers.with(P::CongestionControl, Offer::Always) }
    }

    fn inventory(stacks: Vec<StackRow>) -> Inventory {
        Inventory { stacks, interfaces: Vec::new() }
    }

    fn order(inventory: &Inventory, wanted: TransportProperties) -> Vec<String> {
        let stacks = eligible(inventory, &wanted, Role::Initiate).unwrap_or_default();
        stacks.iter().map(|row| row.protocol.to_string()).collect()
    }

    fn three() -> Inventory {
        inventory(vec![
            row("tcp", Offers::none()),
            row("sctp", Offers::none().with(P::Multistreaming, Offer::Optional)),
            row("noisy", Offers::none().with(P::SoftErrorNotify, Offer::Always)),
        ])
    }

    #[test]
    fn more_satisfied_wishes_come_first_and_registration_decides_among_equals() {
        // Multistreaming is preferred by default.
        assert_eq!(order(&three(), TransportProperties::new()), ["sctp", "tcp", "noisy"]);
        let either = TransportProperties::new().no_preference(P::Multistreaming);
        assert_eq!(order(&three(), either.clone()), ["tcp", "sctp", "noisy"]);
        assert_eq!(order(&three(), either.clone().prefer(P::SoftErrorNotify)), ["noisy", "tcp", "sctp"]);
        assert_eq!(order(&three(), either.clone().avoid(P::Multistreaming)), ["tcp", "sctp", "noisy"]);
        assert_eq!(order(&three(), either.avoid(P::Reliability)), ["tcp", "sctp", "noisy"]);
    }

    #[test]
    fn what_cannot_do_without_an_avoided_feature_comes_last() {
        let mut turned = three();
        turned.stacks.reverse();
        let wanted = TransportProperties::new().no_preference(P::Multistreaming);
        assert_eq!(order(&turned, wanted.clone()), ["noisy", "sctp", "tcp"]);
        assert_eq!(order(&turned, wanted.avoid(P::SoftErrorNotify)), ["sctp", "tcp", "noisy"]);
    }

    #[test]
    fn requirements_narrow_the_choice() {
        let wanted = TransportProperties::new();
        assert_eq!(order(&three(), wanted.clone().require(P::Multistreaming)), ["sctp"]);
        assert_eq!(order(&three(), wanted.prohibit(P::SoftErrorNotify)), ["sctp", "tcp"]);
    }

    #[test]
    fn the_conflict_is_named_by_the_stack_that_comes_nearest() {
        let wanted = TransportProperties::new().require(P::ZeroRttMsg).require(P::Multistreaming);
        let Err(Refusal::Nothing { properties, why }) = eligible(&three(), &wanted, Role::Initiate) else {
            panic!("no stack has early data");
        };
        assert_eq!(properties, [P::ZeroRttMsg]);
        assert!(why.contains("sctp"), "{why}");
    }

    #[test]
    fn wanting_several_paths_is_a_preference_and_wanting_one_a_requirement() {
        let stacks = inventory(vec![
            row("tcp", Offers::none()),
            row("mptcp", Offers::none().with_multipath(Offer::Optional)),
            row("bundle", Offers::none().with_multipath(Offer::Always)),
        ]);
        assert_eq!(order(&stacks, TransportProperties::new()), ["tcp", "mptcp"]);
        assert_eq!(
            order(&stacks, TransportProperties::new().multipath(Multipath::Active)),
            ["mptcp", "bundle", "tcp"]
        );
    }

    #[test]
    fn a_one_way_stack_serves_only_its_way() {
        let one_way = Offers::none().with_direction(Direction::UnidirectionalSend);
        let stacks = inventory(vec![row("flute", one_way)]);
        assert!(order(&stacks, TransportProperties::new()).is_empty());
        let wanted = TransportProperties::new().direction(Direction::UnidirectionalSend);
        assert_eq!(order(&stacks, wanted), ["flute"]);
    }

    #[test]
    fn messages_that_may_arrive_twice_must_be_safely_replayable() {
        let stacks = inventory(vec![row("udp", Offers::none().with_duplicates(true))]);
        let mut wanted = TransportProperties::new();
        for role in [Role::Initiate, Role::Listen] {
            let Err(Refusal::Nothing { properties, why }) = eligible(&stacks, &wanted, role) else {
                panic!("a message may arrive twice");
            };
            assert_eq!(properties, []);
            assert!(why.contains("safelyReplayable") && why.contains("udp"), "{why}");
        }
        wanted.message.safely_replayable = Some(true);
        assert_eq!(order(&stacks, wanted), ["udp"]);
    }

    #[test]
    fn a_stack_that_lacks_two_things_is_not_the_nearest() {
        let twice = Offers::none().with_duplicates(true).with(P::PreserveMsgBoundaries, Offer::Always);
        let stacks = inventory(vec![row("udp", twice), row("tcp", Offers::none())]);
        let wanted = TransportProperties::new().require(P::Multistreaming);
        let Err(Refusal::Nothing { properties, why }) = eligible(&stacks, &wanted, Role::Initiate) else {
            panic!("no stack has streams");
        };
        assert_eq!(properties, [P::Multistreaming]);
        assert!(why.contains("tcp"), "{why}");
    }
}
