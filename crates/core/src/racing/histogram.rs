//! How long something took, many times: counts in buckets.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// Buckets for each doubling: what is told is at most an eighth too long.
const FINE: u64 = 8;
/// What takes longer than 2^32 µs, some 72 minutes, is in the last bucket.
const DOUBLINGS: usize = 30;
const BUCKETS: usize = FINE as usize * DOUBLINGS + 1;

/// Counts of times, from a microsecond to an hour, in 241 buckets: 2 KiB, however many there are. Counts saturate.
///
/// In JSON (serde) an object: `count`, `mean_ms`, `p50_ms`, `p90_ms`, `p99_ms`, `max_ms` (`null` where there is nothing),
/// and `buckets`, pairs of an upper bound in milliseconds and a count, those that are empty left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    /// None until there is something to count.
    counts: Box<[u64]>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::default(), count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one more.
    pub fn note(&mut self, took: Duration) {
        self.grow();
        let count = &mut self.counts[bucket(took)];
        *count = count.saturating_add(1);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(took);
        self.max = self.max.max(took);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.grow();
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| self.sum.div_f64(self.count as f64))
    }

    /// The time that this share of them did not exceed, 0 to 1: rounded up to the bound of a bucket, an eighth at most.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for (bound, count) in self.buckets() {
            seen = seen.saturating_add(count);
            if seen >= rank {
                return Some(bound.min(self.max));
            }
        }
        self.max()
    }

    /// The buckets that are not empty: what they have is no longer than this, and longer than the one before.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let filled = |(_, count): &(usize, &u64)| **count > 0;
        self.counts.iter().enumerate().filter(filled).map(|(place, count)| (bound(place), *count))
    }

    fn grow(&mut self) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS].into();
        }
    }
}

/// Below 16 µs each microsecond has a bucket; from there on, each eighth of a doubling.
fn bucket(took: Duration) -> usize {
    // Rounded up, so that a bound is one.
    let micros = u64::try_from(took.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX).saturating_sub(1);
    if micros < FINE {
        return micros as usize;
    }
    let doubling = micros.ilog2() - FINE.ilog2();
    let place = u64::from(doubling) * FINE + (micros >> doubling);
    (place as usize).min(BUCKETS - 1)
}

/// The longest that the bucket has; the last has all that is longer, too.
fn bound(place: usize) -> Duration {
    let place = place as u64 + 1;
    if place <= FINE {
        return Duration::from_micros(place);
    }
    let doubling = place / FINE - 1;
    Duration::from_micros((place % FINE + FINE) << doubling)
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.buckets()).finish()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let millis = |time: Duration| time.as_nanos() as f64 / 1e6;
        let mut object = to.serialize_struct("Histogram", 7)?;
        object.serialize_field("count", &self.count)?;
        object.serialize_field("mean_ms", &self.mean().map(millis))?;
        object.serialize_field("p50_ms", &self.quantile(0.5).map(millis))?;
        object.serialize_field("p90_ms", &self.quantile(0.9).map(millis))?;
        object.serialize_field("p99_ms", &self.quantile(0.99).map(millis))?;
        object.serialize_field("max_ms", &self.max().map(millis))?;
        let buckets: Vec<_> = self.buckets().map(|(bound, count)| (millis(bound), count)).collect();
        object.serialize_field("buckets", &buckets)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_a_bucket_whose_bound_is_at_most_an_eighth_longer() {
        for nanos in (0..200_000_u64).map(|n| n * n + n / 3) {
            let took = Duration::from_nanos(nanos);
            let place = bucket(took);
            assert!(took <= bound(place), "{took:?} in {place}: {:?}", bound(place));
            let least = if place == 0 { Duration::ZERO } else { bound(place - 1) };
            assert!(took == Duration::ZERO || took > least, "{took:?} in {place}: above {least:?}");
            assert!(bound(place) <= least + least / 8 + Duration::from_micros(1), "{place}: {least:?}");
        }
    }

    #[test]
    fn what_is_very_long_is_counted_too() {
        let mut histogram = Histogram::default();
        histogram.note(Duration::MAX);
        histogram.note(Duration::from_secs(4000));
        assert_eq!((histogram.count(), histogram.max()), (2, Some(Duration::MAX)));
        assert!(histogram.quantile(0.5).is_some_and(|half| half < Duration::from_secs(4600)));
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.mean(), histogram.max()), (None, None, None));
        for millis in 1..=100 {
            histogram.note(Duration::from_millis(millis));
        }
        for (share, exact) in [(0.0, 1.0), (0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
            let told = histogram.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!((exact..exact * 1.125).contains(&told), "{share}: {told}");
        }
        assert_eq!(histogram.mean(), Some(Duration::from_micros(50_500)));
    }

    #[test]
    fn two_halves_make_a_whole() {
        let (mut all, mut one, mut other) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for n in 0..1000_u64 {
            let took = Duration::from_micros(n * n);
            all.note(took);
            if n % 3 == 0 { &mut one } else { &mut other }.note(took);
        }
        one.merge(&Histogram::default());
        one.merge(&other);
        assert_eq!(one, all);
        let told = serde_json::to_value(&all).unwrap();
        assert_eq!((&told["count"], &told["max_ms"]), (&1000.into(), &998.001.into()));
    }
}
