//! A single value.

use super::{Finite, Text};
use std::cmp::Ordering;
use std::fmt;

/// A single value.
///
/// `==` asks whether two are the same value of the same kind; [`matches`](Self::matches) is NEAT's comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(Finite),
    /// A word.
    String(Text),
}

/// A number of either kind.
#[derive(Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f64),
}

impl Scalar {
    /// Whether they mean the same: equal words, or equal numbers. As in NEAT, a boolean is the number 0 or 1, so that
    /// `true` matches 1: libneat writes truth values so.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(one), Self::String(other)) => one == other,
            _ => match (self.number(), other.number()) {
                (Some(one), Some(other)) => one.cmp(other).is_eq(),
                _ => false,
            },
        }
    }

    /// Whether it is a number between these two, both included.
    pub(super) fn is_between(&self, start: f64, end: f64) -> bool {
        self.number().is_some_and(|number| {
            number.cmp(Number::Float(start)).is_ge() && number.cmp(Number::Float(end)).is_le()
        })
    }

    /// Of two that match the one to keep, whichever comes first: the simpler kind.
    pub(super) fn simpler(&self, other: &Self) -> Self {
        if other.kind() < self.kind() { other.clone() } else { self.clone() }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Integer(_) => 1,
            Self::Float(_) => 2,
            Self::String(_) => 3,
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Boolean(value) => Some(Number::Integer((*value).into())),
            Self::Integer(value) => Some(Number::Integer(*value)),
            Self::Float(value) => Some(Number::Float(value.get())),
            Self::String(_) => None,
        }
    }

    /// The word, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Number {
    fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(&other),
            (Self::Float(one), Self::Float(other)) => one.total_cmp(&other),
            (Self::Integer(one), Self::Float(other)) => integer_to_float(one, other),
            (Self::Float(one), Self::Integer(other)) => integer_to_float(other, one).reverse(),
        }
    }
}

/// Compares without rounding: an `f64` cannot tell 2⁵³ from 2⁵³ + 1.
fn integer_to_float(integer: i64, float: f64) -> Ordering {
    // Every i64 is far within the range of an i128, and a cast saturates.
    let whole = float.trunc() as i128;
    i128::from(integer).cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(float - float.trunc() + 0.0)))
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<Text> for Scalar {
    fn from(value: Text) -> Self {
        Self::String(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(number: f64) -> Scalar {
        Scalar::Float(Finite::new(number).unwrap())
    }

    #[test]
    fn numbers_match_by_what_they_are_worth() {
        for (one, other, matches) in [
            (Scalar::from(1), float(1.0), true),
            (Scalar::from(true), Scalar::from(1), true),
            (Scalar::from(false), float(0.0), true),
            (Scalar::from(true), Scalar::from(2), false),
            (Scalar::from(1), float(1.5), false),
            (Scalar::from(-1), float(-1.5), false),
            (Scalar::from("1"), Scalar::from(1), false),
            (Scalar::from("TCP"), Scalar::from("TCP"), true),
            (Scalar::from(i64::MAX), float(i64::MAX as f64), false),
            (Scalar::from((1 << 53) + 1), float((1_u64 << 53) as f64), false),
        ] {
            assert_eq!(one.matches(&other), matches, "{one} {other}");
            assert_eq!(other.matches(&one), matches, "{other} {one}");
        }
    }

    #[test]
    fn ranges_hold_their_ends_and_may_be_open() {
        for (scalar, start, end, within) in [
            (Scalar::from(50), 50.0, 1000.0, true),
            (Scalar::from(1000), 50.0, 1000.0, true),
            (Scalar::from(49), 50.0, 1000.0, false),
            (float(49.9), 50.0, f64::INFINITY, false),
            (Scalar::from(i64::MAX), 0.0, f64::INFINITY, true),
            (Scalar::from(i64::MIN), f64::NEG_INFINITY, 0.0, true),
            (Scalar::from(true), 0.0, 50.0, true),
            (Scalar::from("55"), 50.0, 60.0, false),
        ] {
            assert_eq!(scalar.is_between(start, end), within, "{scalar} {start} {end}");
        }
    }
}
