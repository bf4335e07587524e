//! What a race is told of earlier ones.

use crate::candidate::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// What was learned on this network (draft-ietf-happy-happyeyeballs-v3 §5.3, RFC 9623 §9.2). It reorders candidates and
/// sets delays, and never decides who wins. The default knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Round-trip times: the shorter goes first within its family (RFC 8305 §4).
    pub round_trips: BTreeMap<IpAddr, Duration>,
    /// Addresses that were used: they go before those that were not, within their family (RFC 8305 §4).
    pub used: BTreeSet<IpAddr>,
    /// How long an attempt at this address runs alone, before it is clamped to the configured bounds
    /// (RFC 8305 §5: when its first packet would be sent again).
    pub delays: BTreeMap<IpAddr, Duration>,
    /// Who won last: goes to the front of the list if it is on it.
    pub winner: Option<Winner>,
    /// Transports that failed here lately: go to the end of the list.
    pub penalties: Vec<Protocol>,
}

/// Who won a race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Winner {
    /// Its address.
    pub address: IpAddr,
    /// What carried it.
    pub transport: Protocol,
}

impl Memory {
    /// Puts a list in the order that this suggests: transports that failed lately to the end, then the last winner to
    /// the front. Both keep their order otherwise. What the list has not, it does not get.
    pub fn reorder<T>(&self, list: &mut [T], of: impl Fn(&T) -> (IpAddr, &Protocol)) {
        if !self.penalties.is_empty() {
            list.sort_by_key(|entry| self.penalties.contains(of(entry).1));
        }
        let Some(winner) = &self.winner else { return };
        let won = |entry: &T| of(entry) == (winner.address.to_canonical(), &winner.transport);
        if let Some(place) = list.iter().position(won) {
            list[..=place].rotate_right(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_go_to_the_end_and_the_winner_to_the_front_of_what_there_is() {
        let quic = Protocol::named("quic");
        let ip = |n: u8| IpAddr::from([192, 0, 2, n]);
        let start =
            [(ip(1), quic.clone()), (ip(2), Protocol::TCP), (ip(3), quic.clone()), (ip(4), Protocol::TCP)];
        let order = |memory: &Memory| {
            let mut list = start.clone();
            memory.reorder(&mut list, |(address, transport)| (*address, transport));
            list.map(|(address, _)| address)
        };
        let mut memory = Memory { penalties: vec![quic.clone()], ..Memory::default() };
        assert_eq!(order(&memory), [ip(2), ip(4), ip(1), ip(3)]);
        memory.winner = Some(Winner { address: ip(3), transport: quic });
        assert_eq!(order(&memory), [ip(3), ip(2), ip(4), ip(1)]);
        memory.winner = Some(Winner { address: ip(9), transport: Protocol::TCP });
        assert_eq!(order(&memory), [ip(2), ip(4), ip(1), ip(3)]);
    }
}
