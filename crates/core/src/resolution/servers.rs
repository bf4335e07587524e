//! Which name server is asked first.

use crate::time::Time;
use std::time::Duration;

/// For how long a server that did not answer is asked last, the first time; then twice as long, and so on.
const FIRST_REST: Duration = Duration::from_secs(2);
/// For how long at most.
const LONGEST_REST: Duration = Duration::from_secs(64);

/// The health of name servers, which are known by their places.
///
/// One that did not answer is passed over for a while, but only as long as others are there: it is asked last, not
/// never. When its time is over it is asked in its place again (draft-ietf-happy-happyeyeballs-v3 §4.5).
#[derive(Clone, Debug)]
pub struct Servers(Vec<Health>);

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    failures: u32,
    rests_until: Option<Time>,
}

impl Servers {
    /// So many servers, all of them well.
    pub fn new(many: usize) -> Self {
        Self(vec![Health::default(); many])
    }

    /// All servers, in the order in which they are to be asked: those that are well as they were given, then those
    /// that rest, the one first that has rested most.
    pub fn order(&self, now: Time) -> Vec<usize> {
        let rest = |place: usize| {
            self.0.get(place).and_then(|health| health.rests_until.filter(|&until| until > now))
        };
        let mut places: Vec<_> = (0..self.0.len()).collect();
        places.sort_by_key(|&place| rest(place));
        places
    }

    /// This one has answered, whatever it said.
    pub fn answered(&mut self, place: usize) {
        if let Some(health) = self.0.get_mut(place) {
            *health = Health::default();
        }
    }

    /// This one could not be reached, or was silent for too long. While it rests, it can get no worse.
    pub fn silent(&mut self, place: usize, now: Time) {
        if let Some(health) =
            self.0.get_mut(place).filter(|health| health.rests_until.is_none_or(|until| until <= now))
        {
            let times = 1_u32.checked_shl(health.failures).unwrap_or(u32::MAX);
            health.failures = health.failures.saturating_add(1).min(31);
            health.rests_until = Some(now + FIRST_REST.saturating_mul(times).min(LONGEST_REST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn a_silent_server_is_asked_last_and_in_its_place_again_later() {
        let mut servers = Servers::new(3);
        assert_eq!(servers.order(at(0)), [0, 1, 2]);
        servers.silent(0, at(0));
        assert_eq!(servers.order(at(0)), [1, 2, 0]);
        assert_eq!(servers.order(at(2)), [0, 1, 2]);
        servers.silent(0, at(2));
        assert_eq!(servers.order(at(5)), [1, 2, 0], "it rests for longer each time");
        assert_eq!(servers.order(at(6)), [0, 1, 2]);
        servers.answered(0);
        servers.silent(0, at(7));
        assert_eq!(servers.order(at(9)), [0, 1, 2], "and is forgiven");
    }

    #[test]
    fn when_all_are_silent_all_are_asked() {
        let mut servers = Servers::new(3);
        for (place, since) in [(2, 0), (0, 1), (1, 1)] {
            servers.silent(place, at(since));
        }
        assert_eq!(servers.order(at(1)), [2, 0, 1]);
        for round in 0..100 {
            servers.silent(1, at(round * 1000));
        }
        assert_eq!(servers.order(at(99_000)).len(), 3);
        assert_eq!(servers.order(at(99_064)), [0, 1, 2], "no rest is longer");
        servers.silent(9, at(0));
        servers.answered(9);
    }
}
