//! One property: a value, how much it matters, and what it scores.

use super::{Finite, Value};
use std::fmt;

/// How much a property matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precedence {
    /// 0: a default, which gives way to whatever else is said.
    Default,
    /// 1: asked for, and may be overruled.
    #[default]
    Requested,
    /// 2: cannot be changed; two that differ rule a candidate out.
    Immutable,
}

impl Precedence {
    /// Its number in JSON.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The precedence of this number.
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Default),
            1 => Some(Self::Requested),
            2 => Some(Self::Immutable),
            _ => None,
        }
    }
}

/// A property without its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Property {
    /// Its value.
    pub value: Value,
    /// How much it matters. Default: requested, 1.
    pub precedence: Precedence,
    /// What it is worth; the scores of properties that match are added. Default: 0.
    pub score: Finite,
    /// Whether it has been compared with another one during a lookup. Default: false.
    pub evaluated: bool,
}

impl Property {
    /// A property of precedence 1 and score 0.
    pub fn requested(value: impl Into<Value>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// A property of precedence 2 and score 0.
    pub fn immutable(value: impl Into<Value>) -> Self {
        Self { value: value.into(), precedence: Precedence::Immutable, ..Self::default() }
    }

    /// The same with this score.
    #[must_use]
    pub fn scored(self, score: impl Into<Finite>) -> Self {
        Self { score: score.into(), ..self }
    }

    /// Whether their values have something in common; precedence and score do not matter.
    pub fn matches(&self, other: &Self) -> bool {
        self.value.matches(&other.value)
    }

    /// NEAT's update of this property by another one.
    ///
    /// - If they match: what their values have in common (in the order of this one), the sum of the scores, the
    ///   higher precedence.
    /// - If not, and the other's precedence is at least as high: the other's value, score and precedence.
    /// - If not, and it is lower: this one stays.
    /// - `None` if they do not match and both are immutable: the candidate is ruled out.
    ///
    /// The result counts as evaluated, unless the other is a default (precedence 0): those fill in, and compare
    /// nothing.
    pub fn update(&self, by: &Self) -> Option<Self> {
        self.updated(by, self.value.meet(&by.value))
    }

    /// The same, with the values in the order of the other one.
    pub(in crate::policy) fn update_in_their_order(&self, by: &Self) -> Option<Self> {
        self.updated(by, by.value.meet(&self.value))
    }

    fn updated(&self, by: &Self, common: Option<Value>) -> Option<Self> {
        let evaluated = self.evaluated || by.precedence != Precedence::Default;
        Some(match common {
            Some(value) => Self {
                value,
                precedence: self.precedence.max(by.precedence),
                score: self.score.plus(by.score),
                evaluated,
            },
            None if by.precedence == Precedence::Immutable && self.precedence == Precedence::Immutable => {
                return None;
            }
            // A default gives way even to another one.
            None if by.precedence >= self.precedence && by.precedence != Precedence::Default => {
                Self { evaluated, ..by.clone() }
            }
            None => Self { evaluated, ..self.clone() },
        })
    }
}

impl fmt::Display for Property {
    /// In NEAT's shorthand, without the key: `[TCP]+2` is immutable, `(1500,9000)` requested, `reliable` a default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Keyed("", self).fmt(f)
    }
}

/// A property with its key, in NEAT's shorthand: `[transport|TCP]+2`.
pub(in crate::policy) struct Keyed<'a>(pub(in crate::policy) &'a str, pub(in crate::policy) &'a Property);

impl fmt::Display for Keyed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, property) = self;
        let (open, close) = match property.precedence {
            Precedence::Default => ("", ""),
            Precedence::Requested => ("(", ")"),
            Precedence::Immutable => ("[", "]"),
        };
        let bar = if key.is_empty() { "" } else { "|" };
        write!(f, "{open}{key}{bar}{}{close}", property.value)?;
        if property.score != Finite::ZERO {
            write!(f, "{:+}", property.score.get())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: impl Into<Value>, precedence: Precedence, score: i32) -> Property {
        Property { value: value.into(), precedence, ..Property::default() }.scored(score)
    }

    #[test]
    fn the_table_of_updates() {
        use Precedence::{Default, Immutable, Requested};
        let set = || Value::one_of([1_i64, 2]).unwrap();
        for (one, other, value, precedence, score, evaluated) in [
            // A match: what is common, the sum, the higher precedence.
            (with(set(), Requested, 1), with(1_i64, Immutable, 3), Value::from(1), Immutable, 4, true),
            (with(1_i64, Immutable, 1), with(set(), Requested, 3), Value::from(1), Immutable, 4, true),
            // No match: who has at least the same precedence overrules, and inherits.
            (with(1_i64, Requested, 1), with(2_i64, Requested, 3), Value::from(2), Requested, 3, true),
            (with(1_i64, Requested, 1), with(2_i64, Immutable, 3), Value::from(2), Immutable, 3, true),
            (with(1_i64, Immutable, 1), with(2_i64, Requested, 3), Value::from(1), Immutable, 1, true),
            // Defaults fill in; one that matches still adds its score.
            (with(1_i64, Requested, 1), with(2_i64, Default, 3), Value::from(1), Requested, 1, false),
            (with(1_i64, Requested, 1), with(set(), Default, 3), Value::from(1), Requested, 4, false),
            (with(1_i64, Default, 1), with(2_i64, Default, 3), Value::from(1), Default, 1, false),
            (with(1_i64, Default, 1), with(2_i64, Requested, 3), Value::from(2), Requested, 3, true),
        ] {
            let expected = Property { evaluated, ..with(value, precedence, score) };
            assert_eq!(one.update(&other), Some(expected), "{one} by {other}");
        }
        assert_eq!(with(1_i64, Immutable, 0).update(&with(2_i64, Immutable, 0)), None);
    }

    #[test]
    fn the_shorthand_of_neat() {
        assert_eq!(
            Keyed("transport", &with("TCP", Precedence::Immutable, 2)).to_string(),
            "[transport|TCP]+2"
        );
        assert_eq!(
            with(Value::one_of([1500_i64, 9000]).unwrap(), Precedence::Requested, 0).to_string(),
            "(1500,9000)"
        );
        assert_eq!(with("reliable", Precedence::Default, -1).to_string(), "reliable-1");
    }
}
