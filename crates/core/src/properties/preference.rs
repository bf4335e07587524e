//! The five levels of preference.

use super::ValueFault;
use super::names::same_words;
use super::neatpy::Alias;
use std::fmt;
use std::str::FromStr;

/// How strongly an application wants, or does not want, something (RFC 9622 §6.2, table 1).
///
/// Ordered from the strongest refusal to the strongest wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// Select only what does not have it; fail otherwise.
    Prohibit,
    /// Rather without it.
    Avoid,
    /// Either way.
    #[default]
    NoPreference,
    /// Rather with it.
    Prefer,
    /// Select only what has it; fail otherwise.
    Require,
}

impl Preference {
    /// All five, from the strongest refusal to the strongest wish.
    pub const ALL: &'static [Self] =
        &[Self::Prohibit, Self::Avoid, Self::NoPreference, Self::Prefer, Self::Require];

    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["Prohibit", "Avoid", "No Preference", "Prefer", "Require"];

    /// The name, as the RFC spells it.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preference {
    type Err = ValueFault;

    /// Reads a name; case, spaces, hyphens and underscores do not matter. NEATPy's numbers, 2 to -2, and its word
    /// IGNORE are understood as well.
    fn from_str(text: &str) -> Result<Self, ValueFault> {
        let named = Self::ALL.iter().find(|preference| same_words(preference.name(), text)).copied();
        named.or_else(|| Self::alias(text.trim())).ok_or(ValueFault::NotOneOf(Self::NAMES))
    }
}
