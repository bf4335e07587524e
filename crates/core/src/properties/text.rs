//! Values as text, both ways.

use super::{
    CapacityProfile, Direction, Kind, Multipath, MultipathPolicy, Preference, Scheduler, ValueFault,
};
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

/// A value that can be written as text and read back.
pub(super) trait Text: Sized {
    const KIND: Kind;

    fn read(text: &str) -> Result<Self, ValueFault>;
    fn write(&self) -> String;
}

/// Reads a value, or the word that stands for none.
pub(super) fn read_optional<T: Text>(text: &str, none: &str) -> Result<Option<T>, ValueFault> {
    if super::names::same_words(none, text) { Ok(None) } else { T::read(text).map(Some) }
}

/// Writes a value, or the word that stands for none.
pub(super) fn write_optional<T: Text>(value: Option<&T>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), T::write)
}

/// Reads `eth0=Require, wlan0=Avoid`; nothing is the empty set.
pub(super) fn read_set(text: &str) -> Result<Vec<(Preference, Arc<str>)>, ValueFault> {
    let entry = |entry: &str| {
        let (name, preference) = entry.rsplit_once('=').ok_or(ValueFault::NotASet)?;
        let name = name.trim();
        if name.is_empty() { Err(ValueFault::NotASet) } else { Ok((preference.trim().parse()?, name.into())) }
    };
    if text.trim().is_empty() { Ok(Vec::new()) } else { text.split(',').map(entry).collect() }
}

/// Writes `eth0=Require, wlan0=Avoid`.
pub(super) fn write_set(set: &[(Preference, Arc<str>)]) -> String {
    let entries: Vec<_> = set.iter().map(|(preference, name)| format!("{name}={preference}")).collect();
    entries.join(", ")
}

macro_rules! text_of_words {
    ($($words:ident),*) => {$(
        impl Text for $words {
            const KIND: Kind = Kind::Enumeration(Self::NAMES);

            fn read(text: &str) -> Result<Self, ValueFault> {
                text.trim().parse()
            }

            fn write(&self) -> String {
                self.name().to_owned()
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

    fn write(&self) -> String {
        self.name().to_owned()
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

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for u32 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::try_from(integer(text)?).map_err(|_| ValueFault::TooLarge)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for NonZeroU32 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::new(u32::read(text)?).ok_or(ValueFault::Zero)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for NonZeroU64 {
    const KIND: Kind = Kind::Integer;

    fn read(text: &str) -> Result<Self, ValueFault> {
        Self::new(integer(text)?).ok_or(ValueFault::Zero)
    }

    fn write(&self) -> String {
        self.to_string()
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

    fn write(&self) -> String {
        let text = format!("{}.{:09}", self.as_secs(), self.subsec_nanos());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        assert_eq!(Duration::new(10, 500_000_000).write(), "10.5");
        assert_eq!(Duration::from_secs(100).write(), "100");
        assert_eq!(
            Duration::MAX.write().parse::<f64>().map(|_| Duration::read(&Duration::MAX.write())),
            Ok(Ok(Duration::MAX))
        );
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
        assert_eq!(write_set(&set), "eth0=Require, wlan0=No Preference");
        assert_eq!(read_set("eth0"), Err(ValueFault::NotASet));
        assert_eq!(read_set("=Require"), Err(ValueFault::NotASet));
        assert_eq!(read_set("eth0=Maybe"), Err(ValueFault::NotOneOf(Preference::NAMES)));
    }
}
