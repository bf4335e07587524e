//! The value of a property: one, several to choose from, a range, or any.

use super::{Finite, Scalar, Text};
use std::fmt;
use std::sync::Arc;

/// A set of values has at most this many. Comparing two sets compares each with each.
pub const MAX_ALTERNATIVE_VALUES: usize = 256;

/// The value of a property.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Any value will do; `null` in JSON.
    #[default]
    Any,
    /// This one.
    One(Scalar),
    /// One of these, at least two, each once, in the order of preference.
    Set(Arc<[Scalar]>),
    /// A number in this range.
    Range(Range),
}

/// The numbers between two, both included; either end may be open. They are not equal.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    start: f64,
    end: f64,
}

impl Range {
    /// Where it begins; minus infinity when it is open.
    pub const fn start(self) -> f64 {
        self.start
    }

    /// Where it ends; infinity when it is open.
    pub const fn end(self) -> f64 {
        self.end
    }
}

impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        self.start.total_cmp(&other.start).is_eq() && self.end.total_cmp(&other.end).is_eq()
    }
}

impl Eq for Range {}

impl Value {
    /// One of these values, in the order of preference; what occurs twice counts once. `None` if there are none, or
    /// more than [`MAX_ALTERNATIVE_VALUES`].
    pub fn one_of<T: Into<Scalar>>(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut distinct: Vec<Scalar> = Vec::new();
        for value in values {
            let value = value.into();
            if !distinct.iter().any(|known| known.matches(&value)) {
                distinct.push(value);
            }
            if distinct.len() > MAX_ALTERNATIVE_VALUES {
                return None;
            }
        }
        Self::of_distinct(distinct)
    }

    /// The numbers from `start` to `end`, both included; an infinite end is open. `None` if it holds no number.
    pub fn range(start: f64, end: f64) -> Option<Self> {
        let (start, end) = (start + 0.0, end + 0.0);
        if start.is_nan() || end.is_nan() || start > end || start == f64::INFINITY || end == f64::NEG_INFINITY
        {
            return None;
        }
        if start == end {
            return Finite::new(start).map(|number| Self::One(whole(number)));
        }
        Some(Self::Range(Range { start, end }))
    }

    fn of_distinct(mut distinct: Vec<Scalar>) -> Option<Self> {
        match distinct.len() {
            0 => None,
            1 => distinct.pop().map(Self::One),
            _ => Some(Self::Set(distinct.into())),
        }
    }

    /// What two values have in common, in the order of the first; `None` if that is nothing. A set of one value is
    /// that value.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, value) | (value, Self::Any) => Some(value.clone()),
            (Self::One(one), Self::One(other)) => one.matches(other).then(|| Self::One(one.simpler(other))),
            (Self::One(one), Self::Set(set)) | (Self::Set(set), Self::One(one)) => {
                set.iter().find(|member| member.matches(one)).map(|member| Self::One(member.simpler(one)))
            }
            (Self::Set(one), Self::Set(other)) => {
                let common = one.iter().filter_map(|member| {
                    let found = other.iter().find(|found| found.matches(member))?;
                    Some(member.simpler(found))
                });
                Self::of_distinct(common.collect())
            }
            (Self::Range(range), Self::One(one)) | (Self::One(one), Self::Range(range)) => {
                one.is_between(range.start, range.end).then(|| Self::One(one.clone()))
            }
            (Self::Range(range), Self::Set(set)) | (Self::Set(set), Self::Range(range)) => {
                let within = set.iter().filter(|member| member.is_between(range.start, range.end));
                Self::of_distinct(within.cloned().collect())
            }
            (Self::Range(one), Self::Range(other)) => {
                Self::range(one.start.max(other.start), one.end.min(other.end))
            }
        }
    }

    /// Whether two values have something in common: NEAT's comparison. `null` matches everything.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::One(one), Self::One(other)) => one.matches(other),
            (Self::One(one), Self::Set(set)) | (Self::Set(set), Self::One(one)) => {
                set.iter().any(|member| member.matches(one))
            }
            (Self::Range(range), Self::One(one)) | (Self::One(one), Self::Range(range)) => {
                one.is_between(range.start, range.end)
            }
            (Self::Set(one), Self::Set(other)) => {
                one.iter().any(|member| other.iter().any(|found| found.matches(member)))
            }
            (Self::Range(range), Self::Set(set)) | (Self::Set(set), Self::Range(range)) => {
                set.iter().any(|member| member.is_between(range.start, range.end))
            }
            (Self::Range(one), Self::Range(other)) => one.start <= other.end && other.start <= one.end,
        }
    }

    /// Each value it may be, in order: the members of a set, or itself.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        let (members, itself) = match self {
            Self::Set(set) => (&set[..], None),
            other => (&[][..], Some(other.clone())),
        };
        members.iter().cloned().map(Self::One).chain(itself)
    }

    /// The same with each word as this makes it, if it makes anything of it.
    pub(super) fn spelt(self, spelling: impl Fn(&str) -> Option<String>) -> Self {
        let other =
            |scalar: &Scalar| scalar.as_str().and_then(&spelling).map(|word| Scalar::from(Text::from(word)));
        match &self {
            Self::One(one) => other(one).map_or(self, Self::One),
            Self::Set(set) if set.iter().any(|member| other(member).is_some()) => {
                let members = set.iter().map(|member| other(member).unwrap_or_else(|| member.clone()));
                // No more than there were, and at least one.
                Self::one_of(members).unwrap_or(self)
            }
            _ => self,
        }
    }

    /// The only word it may be, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::One(one) => one.as_str(),
            _ => None,
        }
    }

    /// The place of a word among the values to choose from: 0 is preferred most, or all there is.
    pub(in crate::policy) fn place_of(&self, word: &str) -> Option<usize> {
        match self {
            Self::Set(set) => set.iter().position(|member| member.as_str() == Some(word)),
            Self::One(one) => (one.as_str() == Some(word)).then_some(0),
            Self::Any => Some(0),
            Self::Range(_) => None,
        }
    }
}

/// The number, as an integer if it is one.
fn whole(number: Finite) -> Scalar {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number_ = number.get();
    if number_.fract() == 0.0 && number_.abs() <= EXACT {
        Scalar::Integer(number_ as i64)
    } else {
        Scalar::Float(number)
    }
}

impl fmt::Display for Value {
    /// `TCP`, `1500,9000`, `50-1000`, `*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(one) => one.fmt(f),
            Self::Set(set) => {
                for (n, member) in set.iter().enumerate() {
                    write!(f, "{}{member}", if n == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Range(range) => write!(f, "{}-{}", range.start, range.end),
        }
    }
}

impl<T: Into<Scalar>> From<T> for Value {
    fn from(value: T) -> Self {
        Self::One(value.into())
    }
}

impl Value {
    /// This word.
    pub(in crate::policy) const fn word(word: &'static str) -> Self {
        Self::One(Scalar::String(Text::fixed(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[i64]) -> Value {
        Value::one_of(values.iter().copied()).unwrap()
    }

    fn range(start: f64, end: f64) -> Value {
        Value::range(start, end).unwrap()
    }

    #[test]
    fn what_two_values_have_in_common() {
        for (one, other, common) in [
            (Value::from(1), Value::from(1), Some(Value::from(1))),
            (Value::from("TCP"), Value::from("UDP"), None),
            (Value::Any, set(&[1, 2]), Some(set(&[1, 2]))),
            (range(50.0, 1000.0), Value::from(100), Some(Value::from(100))),
            (range(50.0, 1000.0), Value::from(9000), None),
            (range(50.0, 1000.0), set(&[100, 500, 9000]), Some(set(&[100, 500]))),
            (range(50.0, 1000.0), set(&[55, 9000]), Some(Value::from(55))),
            (range(50.0, 1000.0), set(&[1, 9000]), None),
            (range(50.0, 1000.0), range(1000.0, 2000.0), Some(Value::from(1000))),
            (range(50.0, 1000.0), range(500.0, f64::INFINITY), Some(range(500.0, 1000.0))),
            (set(&[1, 2, 3]), set(&[3, 2]), Some(set(&[2, 3]))),
            (set(&[1, 2]), set(&[2, 3]), Some(Value::from(2))),
            (set(&[1, 2]), set(&[3, 4]), None),
        ] {
            assert_eq!(one.meet(&other), common, "{one} {other}");
            assert_eq!(one.matches(&other), common.is_some(), "{one} {other}");
            assert_eq!(other.matches(&one), common.is_some(), "{other} {one}");
        }
    }

    #[test]
    fn the_first_one_gives_the_order() {
        assert_eq!(set(&[3, 2, 1]).meet(&set(&[1, 3])).unwrap(), set(&[3, 1]));
        assert_eq!(set(&[1, 3]).meet(&set(&[3, 2, 1])).unwrap(), set(&[1, 3]));
    }

    #[test]
    fn what_is_empty_is_no_value() {
        assert_eq!(Value::one_of(Vec::<i64>::new()), None);
        for (start, end) in [
            (2.0, 1.0),
            (f64::NAN, 1.0),
            (f64::INFINITY, f64::INFINITY),
            (f64::NEG_INFINITY, f64::NEG_INFINITY),
        ] {
            assert_eq!(Value::range(start, end), None, "{start} {end}");
        }
        assert_eq!(Value::one_of(0..=MAX_ALTERNATIVE_VALUES as i64), None);
    }
}
