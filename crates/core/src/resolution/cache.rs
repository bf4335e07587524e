//! What is kept of answers, and who asks.

use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// No record is kept for longer than a day, whatever it says.
pub const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// That there is nothing is kept for at most five minutes: somebody may be about to publish it (RFC 2308 §5 leaves
/// the limit to the resolver).
pub const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(5 * 60);
/// That a name server has failed is kept for a second (RFC 9520 §3.2).
pub const FAILURE_TTL: Duration = Duration::from_secs(1);
/// How many records an entry has on average when the cache is full: larger ones push out more than one.
const RECORDS_FOR_EACH: usize = 8;

/// Keeps answers for their time to live, and sees to it that nobody asks what somebody else is asking already.
///
/// It never holds more than it may: what was not used for longest goes first. A key is one type of one name, and
/// whatever else makes a question another one (the interface it is asked over).
#[derive(Clone, Debug)]
pub struct Cache<K, T> {
    kept: BTreeMap<K, Kept<T>>,
    /// In the order of their last use.
    used: BTreeMap<u64, K>,
    uses: u64,
    weight: usize,
    most: usize,
    open: BTreeSet<K>,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    value: T,
    until: Time,
    used: u64,
    weight: usize,
}

/// What is known of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// This was answered, and is good for some time more.
    Kept(T, Duration),
    /// Somebody is asking: wait for [`Cache::land`].
    Open,
    /// Nobody knows, and nobody asks. From now on it is open, until [`Cache::land`] is called.
    Ask,
}

impl<K: Ord + Clone, T: Clone> Cache<K, T> {
    /// An empty cache for so many answers; with none it keeps nothing, and still tells what is open.
    pub fn new(most: usize) -> Self {
        Self { kept: BTreeMap::new(), used: BTreeMap::new(), uses: 0, weight: 0, most, open: BTreeSet::new() }
    }

    /// What is known; if nothing is, it is the caller's to ask.
    pub fn look(&mut self, key: &K, now: Time) -> Look<T> {
        if let Some(kept) = self.kept.get_mut(key) {
            if kept.until > now {
                self.uses += 1;
                self.used.remove(&kept.used);
                kept.used = self.uses;
                self.used.insert(kept.used, key.clone());
                return Look::Kept(kept.value.clone(), kept.until.since(now));
            }
            self.forget(key);
        }
        if self.open.insert(key.clone()) { Look::Ask } else { Look::Open }
    }

    /// A question is open no more. What came of it is kept for `ttl`, within [`MAX_TTL`]; nothing is kept of one that
    /// was given up, or whose time to live is zero. `records` is how much it is.
    pub fn land(&mut self, key: &K, value: Option<T>, records: usize, ttl: Duration, now: Time) {
        self.open.remove(key);
        let (ttl, weight) = (ttl.min(MAX_TTL), records.saturating_add(RECORDS_FOR_EACH));
        let Some(value) = value.filter(|_| !ttl.is_zero() && self.most > 0) else { return };
        self.forget(key);
        self.uses += 1;
        self.used.insert(self.uses, key.clone());
        self.weight += weight;
        self.kept.insert(key.clone(), Kept { value, until: now + ttl, used: self.uses, weight });
        while self.kept.len() > self.most || self.weight > self.room() && self.kept.len() > 1 {
            let Some(oldest) = self.used.values().next().cloned() else { break };
            self.forget(&oldest);
        }
    }

    /// Forgets all answers, as on another network; what is open stays so.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.used.clear();
        self.weight = 0;
    }

    /// How many answers it holds, those included whose time is over and that nobody has looked for since.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many questions are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn room(&self) -> usize {
        self.most.saturating_mul(2 * RECORDS_FOR_EACH)
    }

    fn forget(&mut self, key: &K) {
        if let Some(kept) = self.kept.remove(key) {
            self.used.remove(&kept.used);
            self.weight -= kept.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_origin(Duration::from_secs(seconds))
    }

    fn keep(cache: &mut Cache<&'static str, u32>, name: &'static str, value: u32, ttl: u64, now: Time) {
        cache.land(&name, Some(value), 1, Duration::from_secs(ttl), now);
    }

    #[test]
    fn an_answer_is_good_until_its_time_is_over() {
        let mut cache = Cache::new(4);
        assert_eq!(cache.look(&"a", at(0)), Look::Ask);
        assert_eq!(cache.look(&"a", at(0)), Look::Open);
        keep(&mut cache, "a", 1, 10, at(1));
        assert_eq!(cache.look(&"a", at(10)), Look::Kept(1, Duration::from_secs(1)));
        assert_eq!(cache.look(&"a", at(11)), Look::Ask);
        assert!(cache.is_empty());
    }

    #[test]
    fn what_is_given_up_or_lives_no_time_is_not_kept() {
        let mut cache = Cache::new(4);
        assert_eq!(cache.look(&"a", at(0)), Look::Ask);
        cache.land(&"a", None, 0, MAX_TTL, at(0));
        assert_eq!(cache.look(&"a", at(0)), Look::Ask);
        keep(&mut cache, "a", 1, 0, at(0));
        assert_eq!((cache.len(), cache.open()), (0, 0));
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut cache = Cache::new(2);
        keep(&mut cache, "a", 1, 60, at(0));
        keep(&mut cache, "b", 2, 60, at(0));
        assert!(matches!(cache.look(&"a", at(1)), Look::Kept(1, _)));
        keep(&mut cache, "c", 3, 60, at(1));
        assert!(matches!(cache.look(&"a", at(1)), Look::Kept(1, _)));
        assert_eq!(cache.look(&"b", at(1)), Look::Ask);
    }

    #[test]
    fn large_answers_push_out_more_than_one() {
        let mut cache = Cache::new(8);
        for (name, value) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            keep(&mut cache, name, value, 60, at(0));
        }
        cache.land(&"big", Some(9), 256, MAX_TTL, at(0));
        assert_eq!(cache.len(), 1);
        assert!(matches!(cache.look(&"big", at(1)), Look::Kept(9, _)));
    }
}
