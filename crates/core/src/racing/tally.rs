//! What racing hides: that IPv6 is broken, or QUIC, nobody notices who is connected by the other one all the same.

use super::address::Family;
use super::histogram::Histogram;
use super::timeline::{Reason, Timeline};
use crate::candidate::{CandidateId, Protocol};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// A tally counts at most this many protocols one by one; further ones it leaves out.
pub const MAX_PROTOCOLS: usize = 16;

/// Counts over races. Bounded: some 3 KiB, however many there were. Counts saturate.
///
/// In JSON (serde) an object with these fields by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// Races that have ended: the sum of the next three.
    pub races: u64,
    /// .. with a connection.
    pub won: u64,
    /// .. without one.
    pub lost: u64,
    /// .. because the application did not want it any more.
    pub cancelled: u64,
    /// Races that the first attempt has won: those from which nothing is hidden.
    pub first_try: u64,
    /// Attempts that were started.
    pub attempts: u64,
    /// Attempts that were started besides the first of their race: what racing costs the network.
    pub extra_attempts: u64,
    /// Attempts that failed, or took too long.
    pub failed_attempts: u64,
    /// Questions to the name servers that had no records for an answer, or no answer.
    pub unanswered: u64,
    /// How IPv6 fared.
    pub ipv6: Side,
    /// How IPv4 fared.
    pub ipv4: Side,
    /// How each protocol fared; at most [`MAX_PROTOCOLS`].
    #[serde(serialize_with = "by_name")]
    pub protocols: BTreeMap<Protocol, Side>,
    /// From the start of the establishment to the connection, of those that were won.
    pub connected: Histogram,
}

/// How a family or a protocol fared, in races.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Side {
    /// Races in which it was tried.
    pub tried: u64,
    /// Races that it won.
    pub won: u64,
    /// Races in which it was tried and another one has won: what racing hides.
    pub beaten: u64,
}

impl Side {
    /// The share of the races that it was tried in and that were won which another one has won, 0 to 1.
    ///
    /// `None` if there were no such races.
    pub fn share_beaten(&self) -> Option<f64> {
        let of = self.won.saturating_add(self.beaten);
        (of > 0).then(|| self.beaten as f64 / of as f64)
    }

    fn note(&mut self, tried: bool, won: bool, any_won: bool) {
        add(&mut self.tried, u64::from(tried));
        add(&mut self.won, u64::from(won));
        add(&mut self.beaten, u64::from(tried && !won && any_won));
    }

    fn merge(&mut self, other: &Self) {
        add(&mut self.tried, other.tried);
        add(&mut self.won, other.won);
        add(&mut self.beaten, other.beaten);
    }
}

impl Tally {
    /// Counts a race that has ended. `who` tells what a candidate is, by its id; `cancelled`, whether the application
    /// ended it.
    pub fn note(
        &mut self,
        timeline: &Timeline,
        cancelled: bool,
        who: impl Fn(CandidateId) -> Option<(Protocol, Family)>,
    ) {
        let won =
            |attempt: &&super::timeline::Record| attempt.end.is_some_and(|end| end.reason == Reason::Won);
        let winner = timeline.attempts.iter().find(won);
        add(&mut self.races, 1);
        add(
            match winner {
                Some(_) => &mut self.won,
                None if cancelled => &mut self.cancelled,
                None => &mut self.lost,
            },
            1,
        );
        if let Some(at) = timeline.connected() {
            self.connected.note(at.since_origin());
            add(&mut self.first_try, u64::from(timeline.attempts.first().is_some_and(|first| won(&first))));
        }
        let attempts = timeline.attempts.len() as u64;
        add(&mut self.attempts, attempts);
        add(&mut self.extra_attempts, attempts.saturating_sub(1));
        let failed = timeline.attempts.iter().filter(|attempt| {
            attempt.end.is_some_and(|end| matches!(end.reason, Reason::Failed | Reason::Expired))
        });
        add(&mut self.failed_attempts, failed.count() as u64);
        let unanswered = timeline.queries.iter().filter(|query| query.records == 0);
        add(&mut self.unanswered, unanswered.count() as u64);
        self.sides(timeline, winner.map(|winner| winner.id), who);
    }

    fn sides(
        &mut self,
        timeline: &Timeline,
        winner: Option<CandidateId>,
        who: impl Fn(CandidateId) -> Option<(Protocol, Family)>,
    ) {
        let mut known: Vec<(Protocol, Family)> = Vec::new();
        for attempt in &timeline.attempts {
            if let Some(what) = who(attempt.id).filter(|what| !known.contains(what)) {
                known.push(what);
            }
        }
        let winner = winner.and_then(who);
        for (side, family) in [(&mut self.ipv6, Family::V6), (&mut self.ipv4, Family::V4)] {
            let tried = known.iter().any(|(_, tried)| *tried == family);
            let won = winner.as_ref().is_some_and(|(_, won)| *won == family);
            side.note(tried, won, winner.is_some());
        }
        known.sort();
        known.dedup_by(|one, other| one.0 == other.0);
        for (protocol, _) in known {
            let won = winner.as_ref().is_some_and(|(won, _)| *won == protocol);
            if let Some(side) = self.side(protocol) {
                side.note(true, won, winner.is_some());
            }
        }
    }

    fn side(&mut self, protocol: Protocol) -> Option<&mut Side> {
        let room = self.protocols.len() < MAX_PROTOCOLS || self.protocols.contains_key(&protocol);
        room.then(|| self.protocols.entry(protocol).or_default())
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in [
            (&mut self.races, other.races),
            (&mut self.won, other.won),
            (&mut self.lost, other.lost),
            (&mut self.cancelled, other.cancelled),
            (&mut self.first_try, other.first_try),
            (&mut self.attempts, other.attempts),
            (&mut self.extra_attempts, other.extra_attempts),
            (&mut self.failed_attempts, other.failed_attempts),
            (&mut self.unanswered, other.unanswered),
        ] {
            add(count, more);
        }
        self.ipv6.merge(&other.ipv6);
        self.ipv4.merge(&other.ipv4);
        for (protocol, more) in &other.protocols {
            if let Some(side) = self.side(protocol.clone()) {
                side.merge(more);
            }
        }
        self.connected.merge(&other.connected);
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

fn by_name<S: Serializer>(protocols: &BTreeMap<Protocol, Side>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(protocols.iter().map(|(protocol, side)| (protocol.as_str(), side)))
}

#[cfg(test)]
mod tests {
    use super::super::timeline::{Cause, End, Record};
    use super::*;
    use crate::time::Time;

    const WHO: [(Protocol, Family); 4] = [
        (Protocol::TCP, Family::V6),
        (Protocol::TCP, Family::V4),
        (Protocol::named("quic"), Family::V6),
        (Protocol::named("quic"), Family::V4),
    ];

    fn who(id: CandidateId) -> Option<(Protocol, Family)> {
        WHO.get(id.0 as usize).cloned()
    }

    /// Attempts of these candidates, which ended so after so many milliseconds.
    fn race(attempts: &[(u32, Reason, u64)]) -> Timeline {
        let attempts = attempts.iter().map(|(id, reason, at)| Record {
            end: Some(End::new(Time::from_millis(*at), *reason)),
            ..Record::new(CandidateId(*id), Cause::First, Time::ZERO)
        });
        Timeline { attempts: attempts.collect(), ..Timeline::default() }
    }

    #[test]
    fn a_race_that_ipv4_won_after_ipv6_was_tried_is_one_that_ipv6_lost() {
        let mut tally = Tally::default();
        tally.note(&race(&[(0, Reason::Won, 20)]), false, who);
        tally.note(&race(&[(0, Reason::Cancelled, 280), (1, Reason::Won, 280)]), false, who);
        tally.note(&race(&[(1, Reason::Won, 20)]), false, who);
        tally.note(&race(&[(0, Reason::Failed, 20), (1, Reason::Failed, 30)]), false, who);
        assert_eq!((tally.races, tally.won, tally.lost, tally.first_try), (4, 3, 1, 2));
        assert_eq!((tally.attempts, tally.extra_attempts, tally.failed_attempts), (6, 2, 2));
        assert_eq!(tally.ipv6, Side { tried: 3, won: 1, beaten: 1 });
        assert_eq!(tally.ipv4, Side { tried: 3, won: 2, beaten: 0 });
        assert_eq!(tally.ipv6.share_beaten(), Some(0.5));
        assert_eq!(tally.protocols[&Protocol::TCP], Side { tried: 4, won: 3, beaten: 0 });
        assert_eq!(tally.connected.max(), Some(std::time::Duration::from_millis(280)));
    }

    #[test]
    fn a_protocol_that_another_one_beats_is_told_of() {
        let mut tally = Tally::default();
        let attempts = [(2, Reason::Expired, 250), (0, Reason::Won, 300), (3, Reason::Cancelled, 300)];
        tally.note(&race(&attempts), false, who);
        let quic = &tally.protocols[&Protocol::named("quic")];
        assert_eq!(*quic, Side { tried: 1, won: 0, beaten: 1 });
        assert_eq!(tally.protocols[&Protocol::TCP].share_beaten(), Some(0.0));
        assert_eq!(tally.ipv4, Side { tried: 1, won: 0, beaten: 1 });
    }

    #[test]
    fn a_race_that_is_cancelled_is_lost_by_nobody() {
        let mut tally = Tally::default();
        tally.note(&race(&[(0, Reason::Cancelled, 5)]), true, who);
        assert_eq!((tally.cancelled, tally.lost), (1, 0));
        assert_eq!(tally.ipv6.share_beaten(), None);
    }

    #[test]
    fn protocols_are_bounded() {
        let mut tally = Tally::default();
        for n in 0..100 {
            let protocol = || Some((Protocol::from(format!("p{n}")), Family::V4));
            tally.note(&race(&[(0, Reason::Won, 1)]), false, |_| protocol());
        }
        let mut other = Tally::default();
        other.note(&race(&[(0, Reason::Won, 1)]), false, who);
        tally.merge(&other);
        assert_eq!((tally.protocols.len(), tally.races), (MAX_PROTOCOLS, 101));
    }

    #[test]
    fn in_json_each_count_has_its_name() {
        let mut tally = Tally::default();
        tally.note(&race(&[(0, Reason::Failed, 2), (1, Reason::Won, 20)]), false, who);
        let told = serde_json::to_value(&tally).unwrap();
        assert_eq!(told["ipv6"]["beaten"], 1);
        assert_eq!(told["protocols"]["tcp"]["won"], 1);
        assert_eq!(told["connected"]["p50_ms"], 20.0);
    }
}
