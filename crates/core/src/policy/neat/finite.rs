//! A number that is one: scores, and values with a fraction.

use serde::{Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// A finite number: neither infinite nor NaN, and zero has one sign. So it has an order and can be compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finite(f64);

impl Finite {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);

    /// This number; `None` if it is infinite or NaN.
    pub fn new(number: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The sum, at most the largest finite number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0).clamp(f64::MIN, f64::MAX) + 0.0)
    }

    /// The difference, at most the largest finite number.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self(-other.0))
    }
}

impl From<i32> for Finite {
    fn from(number: i32) -> Self {
        Self(number.into())
    }
}

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Finite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}
