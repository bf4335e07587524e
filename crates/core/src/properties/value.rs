//! The value of a property, whatever its type.

use super::{
    CapacityProfile, Coverage, Direction, Lifetime, Multipath, MultipathPolicy, Preference, Scheduler,
};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The value of a property, whatever its type.
///
/// A text is as good as any other value: `"2.5"`, `"require"` and `"true"` are read by the property they are given
/// to. A number below zero, or with a fraction, is kept as its text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A preference.
    Preference(Preference),
    /// A preference for each of some names.
    Set(Vec<(Preference, Arc<str>)>),
    /// True or false.
    Boolean(bool),
    /// A number.
    Integer(u64),
    /// A time.
    Time(Duration),
    /// A word of an enumeration, the word for nothing (`Disabled`, `Unlimited`), or any other text.
    Text(Cow<'static, str>),
}

impl fmt::Display for Value {
    /// Writes the form in which properties read it: `Require`, `eth0=Require, wlan0=Avoid`, `true`, `100`, `2.5` (s).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preference(preference) => write!(f, "{preference}"),
            Self::Set(entries) => {
                for (n, (preference, name)) in entries.iter().enumerate() {
                    write!(f, "{}{name}={preference}", if n == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Time(time) => f.write_str(&seconds(*time)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    /// Numbers and truth values are themselves, a set is an object, a time is its seconds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Preference(preference) => serializer.serialize_str(preference.name()),
            Self::Set(entries) => {
                serializer.collect_map(entries.iter().map(|(preference, name)| (&**name, preference.name())))
            }
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_u64(*value),
            Self::Time(time) => match exact_number(&seconds(*time)) {
                Some(number) => number.serialize(serializer),
                None => serializer.serialize_str(&seconds(*time)),
            },
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

fn seconds(time: Duration) -> String {
    let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number, if every reader reads the same time again: floats keep 15 digits, and quick readers no more.
fn exact_number(seconds: &str) -> Option<serde_json::Number> {
    const MAX_DIGITS: usize = 15;
    if let Ok(whole) = seconds.parse::<u64>() {
        return Some(whole.into());
    }
    let digits = seconds.bytes().filter(u8::is_ascii_digit).count();
    let number = serde_json::Number::from_f64(seconds.parse().ok()?)?;
    (digits <= MAX_DIGITS && number.to_string() == seconds).then_some(number)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned().into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Text(number.to_string().into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or_else(|_| Self::Text(number.to_string().into()), Self::Integer)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        i64::from(number).into()
    }
}

impl From<Vec<(Preference, Arc<str>)>> for Value {
    fn from(entries: Vec<(Preference, Arc<str>)>) -> Self {
        Self::Set(entries)
    }
}

impl From<Lifetime> for Value {
    fn from(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Infinite => Self::Text("Infinite".into()),
            Lifetime::Limited(time) => Self::Time(time),
        }
    }
}

impl From<Coverage> for Value {
    fn from(coverage: Coverage) -> Self {
        match coverage {
            Coverage::Full => Self::Text("Full Coverage".into()),
            Coverage::AtLeast(bytes) => Self::Integer(bytes.into()),
        }
    }
}

macro_rules! value_from {
    ($($source:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($value: $source) -> Self {
                $made
            }
        }
    )*};
}

value_from! {
    Preference, preference => Self::Preference(preference);
    bool, value => Self::Boolean(value);
    u32, number => Self::Integer(number.into());
    u64, number => Self::Integer(number);
    std::num::NonZeroU32, number => Self::Integer(number.get().into());
    std::num::NonZeroU64, number => Self::Integer(number.get());
    Duration, time => Self::Time(time);
    CapacityProfile, word => Self::Text(word.name().into());
    Direction, word => Self::Text(word.name().into());
    Multipath, word => Self::Text(word.name().into());
    MultipathPolicy, word => Self::Text(word.name().into());
    Scheduler, word => Self::Text(word.name().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, to_value};

    #[test]
    fn every_value_is_written_as_text_and_as_json() {
        let set = vec![(Preference::Require, "eth0".into()), (Preference::Avoid, "wlan0".into())];
        for (value, text, json) in [
            (Value::from(Preference::NoPreference), "No Preference", json!("No Preference")),
            (Value::from(set), "eth0=Require, wlan0=Avoid", json!({"eth0": "Require", "wlan0": "Avoid"})),
            (Value::from(true), "true", json!(true)),
            (Value::from(u64::MAX), "18446744073709551615", json!(u64::MAX)),
            (Value::from(-1), "-1", json!("-1")),
            (Value::from(1.5), "1.5", json!("1.5")),
            (Value::from(Duration::from_millis(2_500)), "2.5", json!(2.5)),
            (Value::from(Duration::from_secs(100)), "100", json!(100)),
            (Value::from(Lifetime::Infinite), "Infinite", json!("Infinite")),
            (Value::from(Coverage::AtLeast(8)), "8", json!(8)),
            (Value::from(CapacityProfile::CapacitySeeking), "Capacity-Seeking", json!("Capacity-Seeking")),
        ] {
            assert_eq!((value.to_string(), to_value(&value).unwrap()), (text.to_owned(), json));
        }
    }

    #[test]
    fn a_time_that_floats_would_change_is_written_as_text() {
        let long = Duration::new(123_456_789_012, 123_456_789);
        assert_eq!(to_value(Value::from(long)).unwrap(), json!("123456789012.123456789"));
    }
}
