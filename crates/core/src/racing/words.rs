//! What a timeline says, in words.

use super::dns::NoAnswer;
use super::order::Rule;
use super::rfc6724::AddressRule;
use super::timeline::{Cause, Reason, TimerCause};
use std::fmt;

macro_rules! words {
    ($type:ty { $( $variant:ident => $words:literal, )* }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $( Self::$variant => $words, )* })
            }
        }
    };
}

words!(Cause {
    First => "first",
    Timer => "timer",
    Extended => "extended timer",
    Failure => "failure",
    Late => "late",
    Slot => "free slot",
    Planned => "planned",
    Round => "next round",
});

words!(Reason {
    Won => "won",
    Failed => "failed",
    Expired => "took too long",
    Cancelled => "cancelled",
});

words!(TimerCause {
    ResolutionDelay => "resolution delay",
    AttemptDelay => "attempt delay",
    InterfaceDelay => "delay between interfaces",
    Extension => "extended, as a transport is up",
    Failure => "distance after a failure",
    Backoff => "back-off before another round",
});

words!(NoAnswer {
    NoData => "no records",
    NxDomain => "no such name",
    Failed => "no answer",
});

words!(AddressRule {
    Unusable => "RFC 6724 rule 1: cannot be used",
    MatchingScope => "RFC 6724 rule 2: another scope",
    Deprecated => "RFC 6724 rule 3: from a deprecated address",
    Home => "RFC 6724 rule 4: not from a home address",
    MatchingLabel => "RFC 6724 rule 5: another label",
    Precedence => "RFC 6724 rule 6: lower precedence",
    Native => "RFC 6724 rule 7: through a tunnel",
    SmallerScope => "RFC 6724 rule 8: larger scope",
    Family => "the other family is preferred",
    RoundTrip => "longer round-trip time",
    Used => "not used before",
    LongestPrefix => "RFC 6724 rule 9: shorter matching prefix",
    Listed => "as listed",
});

/// Why a candidate comes after the one before it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Service => "of a later service",
            Self::Transport => "over a later transport",
            Self::Family => "families take turns",
            Self::Address(rule) => return rule.fmt(f),
            Self::Penalty => "its transport failed here lately",
            Self::Cached => "after the last winner",
            Self::Path => "over another path",
            Self::Target => "of another endpoint",
            Self::Given => "as ranked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_with_its_number_and_padded_like_any_word() {
        let rule = Rule::Address(AddressRule::Precedence);
        assert_eq!(rule.to_string(), "RFC 6724 rule 6: lower precedence");
        assert_eq!(format!("{:<10}|", Rule::Address(AddressRule::Listed)), "as listed |");
    }
}
