//! Services by SRV records (RFC 2782).

use std::sync::Arc;

/// One SRV record: who provides a service, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// A lower one goes first.
    pub priority: u16,
    /// Among equals, one goes first as often as its share of all weights.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, absolute and without its final dot; empty for "decidedly not available".
    pub target: Arc<str>,
}

/// The records in the order in which they are to be tried (RFC 2782, "Usage rules"). `dice` is a random number, and
/// the same one gives the same order.
///
/// None for a service that is decidedly not available: its only target is the root.
///
/// ```
/// # use neatflow_core::resolution::{Service, in_order};
/// let service = |priority, weight, target: &str| Service { priority, weight, port: 1, target: target.into() };
/// let order = in_order(vec![service(2, 0, "spare"), service(1, 9, "a"), service(1, 1, "b")], 7);
/// assert_eq!(&*order[2].target, "spare");
/// ```
pub fn in_order(mut services: Vec<Service>, dice: u64) -> Vec<Service> {
    services.retain(|service| !service.target.is_empty());
    // Those of weight 0 go first, so that they are chosen hardly ever, and not never.
    services.sort();
    let mut state = dice;
    let mut ordered = Vec::with_capacity(services.len());
    let mut rest = services.as_mut_slice();
    while let Some(first) = rest.first() {
        let priority = first.priority;
        let same = rest.iter().take_while(|service| service.priority == priority).count();
        let (group, others) = rest.split_at_mut(same);
        choose(group, &mut state, &mut ordered);
        rest = others;
    }
    ordered
}

/// Draws without putting back: each time the first whose running sum of weights reaches the number drawn.
fn choose(group: &mut [Service], state: &mut u64, ordered: &mut Vec<Service>) {
    let mut group = group.to_vec();
    while !group.is_empty() {
        let sum: u64 = group.iter().map(|service| u64::from(service.weight)).sum();
        let drawn = next(state) % (sum + 1);
        let mut running = 0;
        let place = group.iter().position(|service| {
            running += u64::from(service.weight);
            running >= drawn
        });
        ordered.push(group.remove(place.unwrap_or(0)));
    }
}

/// splitmix64: enough to spread a load.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, target: &str) -> Service {
        Service { priority, weight, port: 5060, target: target.into() }
    }

    #[test]
    fn priorities_are_never_mixed() {
        let services = vec![service(20, 9, "c"), service(10, 0, "a"), service(10, 0, "b")];
        for dice in 0..100 {
            let order = in_order(services.clone(), dice);
            assert_eq!((order.len(), &*order[2].target), (3, "c"));
        }
    }

    #[test]
    fn weights_are_shares() {
        let services = vec![service(1, 10, "a"), service(1, 30, "b"), service(1, 0, "c")];
        let mut firsts = [0; 3];
        for dice in 0..4100 {
            match &*in_order(services.clone(), dice)[0].target {
                "a" => firsts[0] += 1,
                "b" => firsts[1] += 1,
                _ => firsts[2] += 1,
            }
        }
        // RFC 2782 draws from 0 to the sum, both included: 1, 10 and 30 of 41.
        assert!((800..1200).contains(&firsts[0]), "{firsts:?}");
        assert!((2700..3300).contains(&firsts[1]), "{firsts:?}");
        assert!((50..160).contains(&firsts[2]), "hardly ever, and not never: {firsts:?}");
    }

    #[test]
    fn a_root_target_means_that_there_is_no_such_service() {
        assert!(in_order(vec![service(0, 0, "")], 1).is_empty());
    }
}
