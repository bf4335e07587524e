//! Time as an argument.

use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment, measured from an origin that the owner of the clock chose. Monotone; resolution 1 ns.
///
/// Machines compare and add moments; only the actors (or a test) know where they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(Duration);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment this long after the origin.
    pub const fn from_origin(since: Duration) -> Self {
        Self(since)
    }

    /// The moment this many milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// How long after the origin this moment is.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this moment is; zero when it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates at the end of time.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A moment in JSON: a number of milliseconds since the origin, with up to six decimals, so that no nanosecond is lost.
/// For serde's `with`.
pub(crate) mod millis {
    use super::Time;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(number(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        moment(f64::deserialize(from)?)
    }

    pub(super) fn number(time: Time) -> f64 {
        // Exact below 2^53 ns, which is some hundred days.
        time.since_origin().as_nanos() as f64 / 1e6
    }

    pub(super) fn moment<E: Error>(millis: f64) -> Result<Time, E> {
        Duration::try_from_secs_f64(millis / 1e3).map(Time::from_origin).map_err(E::custom)
    }
}

/// The same for a moment that may not have come: `null`.
pub(crate) mod some_millis {
    use super::{Time, millis};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        time.map(millis::number).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
        Option::<f64>::deserialize(from)?.map(millis::moment).transpose()
    }
}
