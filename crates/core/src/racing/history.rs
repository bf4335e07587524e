//! What races taught, network by network.
//
// Private like other data of a network: what was learned on one is never used on another
// (draft-ietf-happy-happyeyeballs-v3 §5.3). Whoever owns a history keys it by provisioning domain, or by interface. Two
// networks without a name could not be told apart, so nothing is remembered of one.

use super::memory::{Memory, Winner};
use crate::candidate::Protocol;
use crate::time::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A history remembers at most this many networks; the one not used for longest is forgotten first.
pub const MAX_NETWORKS: usize = 16;

/// A history remembers at most this many addresses, and as many names, of each network.
pub const MAX_REMEMBERED: usize = 256;

/// Every race of this number, on a network, is run without history: clients with different pasts come to agree again
/// (RFC 8305 §4).
pub const FRESH_EVERY: u64 = 32;

/// How long a transport that failed is put last, the first time; twice as long each time after, until it works.
const FIRST_PENALTY: Duration = Duration::from_secs(60);

/// Where that ends.
const LONGEST_PENALTY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a winner is put first.
const WINNER_LASTS: Duration = Duration::from_secs(600);

/// What races taught, network by network. Feed it after each race, ask it before the next. Moments are those of a clock
/// that never runs back: it lives no longer than whoever owns it, and has no use for a calendar.
///
/// A network without a name (`""`) may be any: nothing is remembered of it.
#[derive(Clone, Debug, Default)]
pub struct History {
    networks: BTreeMap<Arc<str>, Learned>,
}

#[derive(Clone, Debug, Default)]
struct Learned {
    races: u64,
    last: Time,
    addresses: BTreeMap<IpAddr, Known>,
    winners: BTreeMap<Arc<str>, (Winner, Time)>,
    penalties: BTreeMap<Protocol, Penalty>,
}

/// The estimator of RFC 6298 §2.
#[derive(Clone, Copy, Debug)]
struct Known {
    last: Time,
    estimate: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug)]
struct Penalty {
    until: Time,
    length: Duration,
}

impl History {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a race to `host` on this network may know. Every [`FRESH_EVERY`]th knows nothing.
    pub fn recall(&mut self, network: &str, host: &str, now: Time) -> Memory {
        let Some(learned) = self.network(network, now) else { return Memory::default() };
        learned.races += 1;
        if learned.races.is_multiple_of(FRESH_EVERY) {
            return Memory::default();
        }
        let mut memory = Memory::default();
        for (&address, known) in &learned.addresses {
            memory.used.insert(address);
            if let Some((smoothed, variation)) = known.estimate {
                memory.round_trips.insert(address, smoothed);
                memory.delays.insert(address, smoothed.saturating_add(variation.saturating_mul(4)));
            }
        }
        let fresh = |(_, since): &&(Winner, Time)| now.since(*since) < WINNER_LASTS;
        memory.winner = learned.winners.get(host).filter(fresh).map(|(winner, _)| winner.clone());
        let in_force = |(_, penalty): &(&Protocol, &Penalty)| now < penalty.until;
        memory.penalties = learned.penalties.iter().filter(in_force).map(|(name, _)| name.clone()).collect();
        memory
    }

    /// This one won a race to `host`. What it went over has no penalty any more.
    pub fn won(&mut self, network: &str, host: &str, winner: Winner, now: Time) {
        let Some(learned) = self.network(network, now) else { return };
        learned.penalties.remove(&winner.transport);
        learned.known(winner.address, now);
        if let Some(known) = learned.winners.get_mut(host) {
            *known = (winner, now);
            return;
        }
        make_room(&mut learned.winners, host, |(_, since)| *since);
        learned.winners.insert(host.into(), (winner, now));
    }

    /// A handshake with this address took this long, a round trip of it.
    pub fn round_trip(&mut self, network: &str, address: IpAddr, sample: Duration, now: Time) {
        let Some(learned) = self.network(network, now) else { return };
        let known = learned.known(address, now);
        known.estimate = Some(match known.estimate {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => {
                let off = smoothed.abs_diff(sample);
                ((smoothed * 7 + sample) / 8, (variation * 3 + off) / 4)
            }
        });
    }

    /// This transport failed where another one won: it is put last for a while, and longer each time.
    pub fn penalise(&mut self, network: &str, transport: Protocol, now: Time) {
        let Some(learned) = self.network(network, now) else { return };
        let penalties = &mut learned.penalties;
        let length =
            penalties.get(&transport).map_or(FIRST_PENALTY, |old| (old.length * 2).min(LONGEST_PENALTY));
        penalties.insert(transport, Penalty { until: now + length, length });
    }

    /// Nothing is known of this network any more.
    pub fn forget(&mut self, network: &str) {
        self.networks.remove(network);
    }

    fn network(&mut self, network: &str, now: Time) -> Option<&mut Learned> {
        if network.is_empty() {
            return None;
        }
        if !self.networks.contains_key(network) && self.networks.len() >= MAX_NETWORKS {
            let oldest =
                self.networks.iter().min_by_key(|(_, learned)| learned.last).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.networks.remove(&name));
        }
        if !self.networks.contains_key(network) {
            self.networks.insert(network.into(), Learned::default());
        }
        let learned = self.networks.get_mut(network)?;
        learned.last = now;
        Some(learned)
    }
}

impl Learned {
    fn known(&mut self, address: IpAddr, now: Time) -> &mut Known {
        make_room(&mut self.addresses, &address, |known| known.last);
        let known = self.addresses.entry(address).or_insert(Known { last: now, estimate: None });
        known.last = now;
        known
    }
}

/// Lets the oldest go if this key would be one too many.
fn make_room<K, Q, V>(map: &mut BTreeMap<K, V>, key: &Q, age: impl Fn(&V) -> Time)
where
    K: Ord + Clone + std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    if map.len() < MAX_REMEMBERED || map.contains_key(key) {
        return;
    }
    let oldest = map.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        map.remove(oldest.borrow());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "home";

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn winner() -> Winner {
        Winner { address: ip(1), transport: Protocol::TCP }
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    /// CON-11: when the first packet would be sent again.
    #[test]
    fn a_delay_is_the_smoothed_round_trip_and_four_variations() {
        let mut history = History::new();
        history.round_trip(HOME, ip(1), Duration::from_millis(100), at(0));
        let memory = history.recall(HOME, "host", at(0));
        assert_eq!(memory.delays[&ip(1)], Duration::from_millis(300));
        history.round_trip(HOME, ip(1), Duration::from_millis(100), at(1));
        let memory = history.recall(HOME, "host", at(1));
        assert_eq!(memory.round_trips[&ip(1)], Duration::from_millis(100));
        assert_eq!(memory.delays[&ip(1)], Duration::from_millis(250));
    }

    /// SORT-10.
    #[test]
    fn what_one_network_taught_is_not_known_on_another() {
        let mut history = History::new();
        history.won(HOME, "host", winner(), at(0));
        history.round_trip(HOME, ip(1), Duration::from_millis(5), at(0));
        history.penalise(HOME, Protocol::named("quic"), at(0));
        assert_eq!(history.recall("café", "host", at(0)), Memory::default());
        let memory = history.recall(HOME, "host", at(0));
        assert_eq!(memory.winner, Some(winner()));
        history.forget(HOME);
        assert_eq!(history.recall(HOME, "host", at(0)), Memory::default());
    }

    /// SORT-10: two networks that nobody can tell apart share nothing.
    #[test]
    fn nothing_is_remembered_of_a_network_without_a_name() {
        let mut history = History::new();
        history.won("", "host", winner(), at(0));
        history.round_trip("", ip(1), Duration::from_millis(5), at(0));
        history.penalise("", Protocol::named("quic"), at(0));
        assert_eq!(history.recall("", "host", at(0)), Memory::default());
        assert!(history.networks.is_empty());
    }

    /// SORT-11.
    #[test]
    fn now_and_then_a_race_knows_nothing() {
        let mut history = History::new();
        history.won(HOME, "host", winner(), at(0));
        let ignorant =
            (0..FRESH_EVERY * 2).filter(|_| history.recall(HOME, "host", at(1)) == Memory::default());
        assert_eq!(ignorant.count(), 2);
    }

    /// TAPS-5.
    #[test]
    fn a_penalty_grows_until_the_transport_works_again() {
        let quic = Protocol::named("quic");
        let mut history = History::new();
        let in_force =
            |history: &mut History, now| !history.recall(HOME, "host", at(now)).penalties.is_empty();
        history.penalise(HOME, quic.clone(), at(0));
        assert!(in_force(&mut history, 59) && !in_force(&mut history, 60));
        history.penalise(HOME, quic.clone(), at(60));
        assert!(in_force(&mut history, 179) && !in_force(&mut history, 180));
        history.penalise(HOME, quic.clone(), at(180));
        history.won(HOME, "host", Winner { transport: quic, ..winner() }, at(181));
        assert!(!in_force(&mut history, 182));
    }

    #[test]
    fn a_winner_is_put_first_for_ten_minutes_and_for_its_host_alone() {
        let mut history = History::new();
        history.won(HOME, "host", winner(), at(0));
        assert_eq!(history.recall(HOME, "other", at(1)).winner, None);
        assert_eq!(history.recall(HOME, "host", at(599)).winner, Some(winner()));
        assert_eq!(history.recall(HOME, "host", at(600)).winner, None);
    }

    #[test]
    fn a_history_is_bounded() {
        let mut history = History::new();
        for n in 0..1000_u32 {
            let network = format!("network {}", n % 40);
            let winner = Winner { address: IpAddr::from(n.to_be_bytes()), ..winner() };
            history.won(&network, "host", winner.clone(), at(u64::from(n)));
            history.won(HOME, &format!("host {n}"), winner, at(u64::from(n)));
        }
        assert!(history.networks.len() <= MAX_NETWORKS);
        let home = &history.networks[HOME];
        assert_eq!((home.addresses.len(), home.winners.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
        assert!(home.winners.contains_key("host 999"), "the newest stay");
    }
}
