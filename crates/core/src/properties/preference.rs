//! The five levels of preference.

use std::fmt;

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

impl fmt::Display for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prohibit => "Prohibit",
            Self::Avoid => "Avoid",
            Self::NoPreference => "No Preference",
            Self::Prefer => "Prefer",
            Self::Require => "Require",
        })
    }
}
