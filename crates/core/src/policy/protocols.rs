//! Which stacks may carry what is asked for, and why none may.

use super::engine::{Draft, Ledger, Source};
use super::neat::{Conflict, Value};
use super::refusal::Refusal;
use super::rows::{SECURITY, StackFacts};
use super::wishes::{DIRECTION, SAFELY_REPLAYABLE, property_of};
use crate::candidate::Protocol;
use crate::properties::SelectionProperty;
use std::sync::Arc;

/// What is asked for, held against each stack: the candidates that are left, with the place of their stack; or why
/// there is none, by the stack that comes nearest.
pub(super) fn join(
    drafts: &[Draft],
    stacks: &[StackFacts],
    ledger: &mut Ledger,
) -> Result<Vec<(usize, Draft)>, Refusal> {
    let mut joined = Vec::with_capacity(drafts.len() * stacks.len());
    let mut refused: Vec<(&StackFacts, Vec<Conflict>)> = Vec::new();
    for draft in drafts {
        for (place, stack) in stacks.iter().enumerate() {
            let source = || Source::Stack(stack.protocol.as_str().into());
            match stack.row.update_in_their_order(&draft.properties) {
                Ok(both) => joined.push((place, ledger.change(draft, both, source))),
                Err(conflicts) => {
                    ledger.reject(draft, conflicts.clone(), source);
                    refused.push((stack, conflicts));
                }
            }
        }
    }
    if joined.is_empty() { Err(nothing(&refused)) } else { Ok(joined) }
}

/// Their names, for an explanation.
pub(super) fn names<'a>(protocols: impl Iterator<Item = &'a Protocol>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for protocol in protocols.map(Protocol::as_str) {
        if !names.contains(&protocol) {
            names.push(protocol);
        }
    }
    names.join(" or ")
}

/// The selection properties among these conflicts, in the order of the RFC.
pub(super) fn blamed(conflicts: &[Conflict]) -> Vec<SelectionProperty> {
    let mut blamed: Vec<_> = conflicts.iter().filter_map(|conflict| property_of(&conflict.key)).collect();
    blamed.sort_unstable();
    blamed
}

fn nothing(refused: &[(&StackFacts, Vec<Conflict>)]) -> Refusal {
    let of = |conflicts: &[Conflict], key: &str| conflicts.iter().any(|conflict| conflict.key == *key);
    // What a word on the messages would make eligible first; among equals the order of registration.
    let faults = |(_, conflicts): &&(&StackFacts, Vec<Conflict>)| {
        let violated = blamed(conflicts).len() + usize::from(of(conflicts, &SECURITY));
        let other_transport = of(conflicts, "transport");
        (other_transport, violated + usize::from(of(conflicts, &SAFELY_REPLAYABLE)), violated)
    };
    let Some((nearest, conflicts)) = refused.iter().min_by_key(faults) else {
        return Refusal::no_path("no protocol stack is registered".to_owned());
    };
    let (name, violated) = (&nearest.protocol, blamed(conflicts));
    let replays = of(conflicts, &SAFELY_REPLAYABLE);
    let why = if let Some(transport) = conflicts.iter().find(|conflict| conflict.key == "transport") {
        format!("no protocol stack is for {}", transport.theirs.value)
    } else if of(conflicts, &SECURITY) {
        let wanted = conflicts.iter().filter(|conflict| conflict.key == SECURITY);
        match wanted.map(|conflict| &conflict.ours.value).next() {
            Some(ours) if *ours == Value::from(true) => {
                format!("no protocol goes without security ({name} does not)")
            }
            _ => {
                format!("security is required, and no protocol that fits secures anything ({name} does not)")
            }
        }
    } else if !violated.is_empty() {
        let also = if replays { ", and needs safelyReplayable too" } else { "" };
        format!("no protocol satisfies all requirements; {name} comes nearest{also}")
    } else if replays {
        format!("safelyReplayable is not true, and messages may arrive more than once over {name}")
    } else if let Some(direction) = conflicts.iter().find(|conflict| conflict.key == DIRECTION) {
        format!("no protocol is {} ({name} is not)", direction.theirs.value)
    } else if of(conflicts, "multipath") {
        format!("no protocol keeps to one path ({name} does not)")
    } else {
        let told: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
        format!("{name} does not fit: {}", told.join("; "))
    };
    Refusal::Nothing { properties: violated, why: Arc::from(why) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::inventory::{Inventory, StackRow};
    use crate::policy::rows::stacks;
    use crate::policy::wishes::wanted;
    use crate::properties::{Direction, Multipath, Offer, Offers, Role, TransportProperties};
    use SelectionProperty as P;
    use std::cmp::Reverse;

    fn row(name: &'static str, offers: Offers) -> StackRow {
        let tcp_like = [P::Reliability, P::PreserveOrder, P::FullChecksumSend, P::FullChecksumRecv];
        let offers = tcp_like.iter().fold(offers, |offers, p| offers.with(*p, Offer::Always));
        StackRow { protocol: Protocol::named(name), offers: offers.with(P::CongestionControl, Offer::Always) }
    }

    fn inventory(stacks: Vec<StackRow>) -> Inventory {
        Inventory { stacks, ..Inventory::default() }
    }

    /// The stacks that are left, best first.
    fn eligible(
        inventory: &Inventory,
        properties: &TransportProperties,
        role: Role,
    ) -> Result<Vec<StackRow>, Refusal> {
        let stacks = stacks(&inventory.stacks);
        let mut ledger = Ledger::closed();
        let asked = ledger.begin(wanted(properties, role, &stacks));
        let mut joined = join(&[asked], &stacks, &mut ledger)?;
        joined.sort_by_key(|(_, draft)| Reverse(draft.properties.score()));
        let of = |place: usize| inventory.stacks.iter().find(|row| row.protocol == stacks[place].protocol);
        Ok(joined.into_iter().filter_map(|(place, _)| of(place).cloned()).collect())
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
