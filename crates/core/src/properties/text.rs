//! Values as text, both ways.

use super::{
    CapacityProfile, Coverage, Direction, Kind, Lifetime, Multipath, MultipathPolicy, Preference, Scheduler,
    Value, ValueFault,
};
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

/// A value that can be written as text and read back.
pub(super) trait Text: Sized + Clone + Into<Value> {
    const KIND: Kind;

    fn read(text: &str) -> Result<Self, ValueFault>;

    fn from_value(value: &Value) -> Result<Self, ValueFault> {
        match value {
            Value::Text(text) => Self::read(text),
            other => Self::read(&other.to_string()),
        }
    }
}

/// Reads a value, or the word that stands for none; NEATPy's word for none is -1.
pub(super) fn read_optional<T: Text>(value: &Value, none: &str) -> Result<Option<T>, ValueFault> {
    match value {
        Value::Text(text) if is_none(text, none) => Ok(None),
        value => T::from_value(value).map(Some),
    }
}

fn is_none(text: &str, none: &str) -> bool {
    super::names::same_words(none, text) || text.trim() == "-1"
}

/// The value, or the word that stands for none.
pub(super) fn value_of_optional<T: Text>(value: Option<T>, none: &'static str) -> Value {
    value.map_or_else(|| Value::Text(none.into()), Into::into)
}

/// Reads a set, which may be a text such as `eth0=Require, wlan0=Avoid`.
pub(super) fn set_from_value(value: &Value) -> Result<Vec<(Preference, Arc<str>)>, ValueFault> {
    match value {
        Value::Set(entries) if entries.iter().any(|(_, name)| name.is_empty()) => Err(ValueFault::NotASet),
        Value::Set(entries) => Ok(entries.clone()),
        other => read_set(&other.to_string()),
    }
}

/// Reads `eth0=Require, wlan0=Avoid`; nothing is the empty set.
fn read_set(text: &str) -> Result<Vec<(Preference, Arc<str>)>, ValueFault> {
    let entry = |entry: &str| {
        let (name, preference) = entry.rsplit_once('=').ok_or(ValueFault::NotASet)?;
        let name = name.trim();
        if name.is_empty() { Err(ValueFault::NotASet) } else { Ok((preference.trim().parse()?, name.into())) }
    };
    if text.trim().is_empty() { Ok(Vec::new()) } else { text.split(',').map(entry).collect() }
}

macro_rules! text_of_words {
    ($($words:ident),*) => {$(
        impl Text for $words {
            const KIND: Kind = Kind::Enumeration(Self::NAMES);

            fn read(text: &str) -> Result<Self, ValueFault> {
                text.trim().parse()
            }
        }
    )*};
}

text_of_words!(CapacityProfile, Direction, Multipath, MultipathPolicy, Scheduler);

impl Text for Preference {
    const KIND: Kind = Kind::Preference;

    fn read(text: &str) -> Result<Self, ValueFault> {
        text.trim().parse()
    }
}

impl Text for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(text: &str) -> Result<Self, ValueFault> {
        match text.trim() {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(ValueFault::NotABoolean),
        }
    }
}

impl Text for u32 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::try_from(integer(text)?).map_err(|_| ValueFault::TooLarge)
    }
}

impl Text for NonZeroU32 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::new(u32::read(text)?).ok_or(ValueFault::Zero)
    }
}

impl Text for NonZeroU64 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::new(integer(text)?).ok_or(ValueFault::Zero)
    }
}

impl Text for Lifetime {
    const KIND: Kind = Kind::Seconds;

    fn read(text: &str) -> Result<Self, ValueFault> {
        let infinite = is_none(text, "Infinite") || text.trim().eq_ignore_ascii_case("inf");
        if infinite { Ok(Self::Infinite) } else { Duration::read(text).map(Self::Limited) }
    }
}

impl Text for Coverage {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        if is_none(text, "Full Coverage") { Ok(Self::Full) } else { u32::read(text).map(Self::AtLeast) }
    }
}

/// Seconds. Decimal fractions of up to nine digits are exact; nothing below 1 ns is kept.
impl Text for Duration {
    const KIND: Kind = Kind::Seconds;

    fn read(text: &str) -> Result<Self, ValueFault> {
        let text = text.trim();
        let number = number(text)?;
        let time = match exact_seconds(text) {
            Some(time) => time,
            None => Self::try_from_secs_f64(number).map_err(|_| ValueFault::TooLarge)?,
        };
        if time.is_zero() { Err(ValueFault::Zero) } else { Ok(time) }
    }
}

fn exact_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    Some(Duration::new(whole.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
}

/// A non-negative integer; `1500.0` and `1.5e3` are one as well.
fn integer(text: &str) -> Result<u64, ValueFault> {
    let text = text.trim();
    if let Ok(exact) = text.parse() {
        return Ok(exact);
    }
    let number = number(text)?;
    if number.fract() != 0.0 {
        return Err(ValueFault::NotAnInteger);
    }
    /// Every integer up to 2^53 is a float of its own.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 0..=2^53, without fraction"
    )]
    if number <= MAX_EXACT { Ok(number as u64) } else { Err(ValueFault::TooLarge) }
}

/// A finite number that is not negative.
fn number(text: &str) -> Result<f64, ValueFault> {
    match text.parse::<f64>() {
        Err(_) => Err(ValueFault::NotANumber),
        Ok(number) if number.is_nan() => Err(ValueFault::NotANumber),
        Ok(number) if number < 0.0 => Err(ValueFault::Negative),
        Ok(number) if number.is_infinite() => Err(ValueFault::TooLarge),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_down_to_a_nanosecond() {
        assert_eq!(Duration::read("2.5"), Ok(Duration::from_millis(2_500)));
        assert_eq!(Duration::read("0.000000001"), Ok(Duration::from_nanos(1)));
        assert_eq!(Duration::read("123456789012.123456789"), Ok(Duration::new(123_456_789_012, 123_456_789)));
        assert_eq!(Duration::read("1e-3"), Ok(Duration::from_millis(1)));
        for time in [Duration::new(10, 500_000_000), Duration::MAX, Duration::from_nanos(1)] {
            assert_eq!(Duration::read(&Value::from(time).to_string()), Ok(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        for (text, fault) in [
            ("", ValueFault::NotANumber),
            ("soon", ValueFault::NotANumber),
            ("NaN", ValueFault::NotANumber),
            ("2.5s", ValueFault::NotANumber),
            ("-1", ValueFault::Negative),
            ("-inf", ValueFault::Negative),
            ("inf", ValueFault::TooLarge),
            ("1e300", ValueFault::TooLarge),
            ("18446744073709551616", ValueFault::TooLarge),
            ("0", ValueFault::Zero),
            ("0.0000000000001", ValueFault::Zero),
        ] {
            assert_eq!(Duration::read(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused_with_the_reason() {
        for (text, fault) in [
            ("many", ValueFault::NotANumber),
            ("NaN", ValueFault::NotANumber),
            ("-1", ValueFault::Negative),
            ("1.5", ValueFault::NotAnInteger),
            ("4294967296", ValueFault::TooLarge),
            ("1e30", ValueFault::TooLarge),
        ] {
            assert_eq!(u32::read(text), Err(fault), "{text}");
        }
        assert_eq!(u32::read("1.5e3"), Ok(1_500));
        assert_eq!(NonZeroU64::read("0"), Err(ValueFault::Zero));
        assert_eq!(NonZeroU64::read(&u64::MAX.to_string()), Ok(NonZeroU64::MAX));
    }

    #[test]
    fn a_set_is_a_list_of_names_and_preferences() {
        assert_eq!(read_set(" "), Ok(Vec::new()));
        let set = read_set("eth0=require , wlan0 = no_preference").unwrap();
        assert_eq!(Value::from(set).to_string(), "eth0=Require, wlan0=No Preference");
        assert_eq!(read_set("eth0"), Err(ValueFault::NotASet));
        assert_eq!(read_set("=Require"), Err(ValueFault::NotASet));
        assert_eq!(read_set("eth0=Maybe"), Err(ValueFault::NotOneOf(Preference::NAMES)));
    }
}
