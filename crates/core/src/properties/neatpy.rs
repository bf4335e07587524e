//! What NEAT's Python API (NEATPy 1.0.0) calls properties and values.
//!
//! Its names and values are understood wherever a property or a value is read from text. Its *priorities* are not
//! turned round: in NEATPy, as in old drafts of the RFC, a higher number goes first; here a lower one always does,
//! whichever name it was given by. Whoever ports a program turns them with [`reversed_priority`].

use super::descriptor::ALL;
use super::names::is_name;
use super::{
    CapacityProfile, Direction, Multipath, MultipathPolicy, Preference, Profile, Scheduler,
    TransportProperties, Value,
};

/// The priority that means to NEATPy what this one means here, and the other way round: `200 - priority`. The
/// default of both, 100, stays. NEATPy's priorities above 200 become 0, and are equals among each other.
pub const fn reversed_priority(priority: u32) -> u32 {
    const BOTH_ENDS: u32 = 200;
    BOTH_ENDS.saturating_sub(priority)
}

impl TransportProperties {
    /// The defaults of NEAT's Python API, which are not the RFC's: preserveMsgBoundaries is preferred, partial
    /// checksums are welcome, several paths are asked for, tcp.userTimeoutValue is 300 s, and messages are ordered,
    /// reliable and of the Default profile whatever the connection is like. [`Descriptor::neatpy_default`] lists them.
    ///
    /// [`Descriptor::neatpy_default`]: super::Descriptor::neatpy_default
    pub fn neatpy() -> Self {
        let mut properties = Self::new();
        for (property, default) in ALL.iter().filter_map(|row| Some((row, row.neatpy_default?))) {
            let set = property.set(&mut properties, &default.into());
            debug_assert!(set.is_ok(), "{}", property.name);
        }
        properties
    }
}

/// Names for several properties at once.
const TOGETHER: &[(&str, &[&str])] = &[
    // One property once, divided by the RFC.
    ("singular-transmission", &["noFragmentation", "noSegmentation"]),
    // A pair of rates.
    ("max-send-rate / max-recv-rate", &["maxSendRate", "maxRecvRate"]),
];

/// The name of a dictionary of properties.
const USER_TIMEOUT: &str = "tcp-uto";

/// What a name for several properties stands for: each of them with its part of the value. `None` if the name is not
/// of that kind.
pub(super) fn parts(name: &str, value: &Value) -> Option<Vec<(String, Value)>> {
    let text = || value.to_string();
    if is_name(USER_TIMEOUT, name) {
        let text = text();
        let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
        let entry = |entry: &str| match entry.split_once(['=', ':']) {
            Some((name, value)) if bare(name).starts_with("tcp.") => (bare(name), bare(value).into()),
            // Not of the dictionary: refused as a name nobody knows.
            _ => (entry.trim().to_owned(), value.clone()),
        };
        let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
        return Some(inner.split(',').filter(|piece| !piece.trim().is_empty()).map(entry).collect());
    }
    let names = together(name)?;
    let text = text();
    let pieces: Vec<&str> =
        text.trim().trim_matches(['(', ')', '[', ']']).split(',').map(str::trim).collect();
    let own = |place: usize| {
        if pieces.len() == names.len() { Value::from(pieces[place]) } else { value.clone() }
    };
    Some(names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), own(place))).collect())
}

/// Whether a name is one for several properties.
pub(super) fn is_several(name: &str) -> bool {
    is_name(USER_TIMEOUT, name) || together(name).is_some()
}

/// The properties that a name for several stands for, but for the dictionary.
pub(super) fn together(name: &str) -> Option<&'static [&'static str]> {
    TOGETHER.iter().find(|(known, _)| is_name(known, name)).map(|(_, names)| *names)
}

/// A value that NEATPy writes in another way.
pub(super) trait Alias: Sized {
    /// The value of this text, if NEATPy writes it so.
    fn alias(text: &str) -> Option<Self> {
        let _ = text;
        None
    }
}

impl Alias for Direction {}
impl Alias for MultipathPolicy {}
impl Alias for Scheduler {}

impl Alias for Preference {
    /// `IGNORE`, and the numbers of `PreferenceLevel`.
    fn alias(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("ignore") {
            return Some(Self::NoPreference);
        }
        Self::from_neatpy_number(text.parse().ok()?)
    }
}

impl Alias for CapacityProfile {
    /// The numbers of `CapacityProfiles`.
    fn alias(text: &str) -> Option<Self> {
        Self::from_neatpy_number(text.parse().ok()?)
    }
}

impl Alias for Multipath {
    /// A preference: what is wanted is asked for, what is unwanted is disabled, and the rest is up to the peer.
    fn alias(text: &str) -> Option<Self> {
        Some(match text.parse().ok()? {
            Preference::Require | Preference::Prefer => Self::Active,
            Preference::NoPreference => Self::Passive,
            Preference::Avoid | Preference::Prohibit => Self::Disabled,
        })
    }
}

impl Alias for Profile {
    /// The numbers of `TransportPropertyProfiles`.
    fn alias(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Self::ReliableInorderStream),
            "2" => Some(Self::ReliableMessage),
            "3" => Some(Self::UnreliableDatagram),
            _ => None,
        }
    }
}

impl Preference {
    /// Its number in NEATPy: 2 for Require, 1, 0 for No Preference, -1, -2 for Prohibit.
    pub const fn neatpy_number(self) -> i8 {
        match self {
            Self::Prohibit => -2,
            Self::Avoid => -1,
            Self::NoPreference => 0,
            Self::Prefer => 1,
            Self::Require => 2,
        }
    }

    /// The preference of this number in NEATPy.
    pub fn from_neatpy_number(number: i8) -> Option<Self> {
        Self::ALL.iter().copied().find(|preference| preference.neatpy_number() == number)
    }
}

impl CapacityProfile {
    /// Its number in NEATPy: a code point of the same class as [`dscp`](Self::dscp), for two of them another one.
    pub const fn neatpy_number(self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Scavenger => 1,
            Self::LowLatencyInteractive => 36,
            Self::LowLatencyNonInteractive => 18,
            Self::ConstantRateStreaming => 28,
            Self::CapacitySeeking => 10,
        }
    }

    /// The profile of this number in NEATPy.
    pub fn from_neatpy_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.neatpy_number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{PropertyError, ValueFault};

    fn given(sayings: &[(&str, &str)]) -> TransportProperties {
        let mut properties = TransportProperties::new();
        for (name, value) in sayings {
            properties.set_by_name(name, value).unwrap();
        }
        properties
    }

    #[test]
    fn names_and_values_of_neatpy_mean_what_they_mean_there() {
        for (name, value, rfc_name, rfc_value) in [
            ("preserve-msg-boundaries", "-2", "preserveMsgBoundaries", "Prohibit"),
            ("per-msg-checksum-len-send", "IGNORE", "fullChecksumSend", "No Preference"),
            ("local-address-preference", "1", "useTemporaryLocalAddress", "Prefer"),
            ("multipath", "PREFER", "multipath", "Active"),
            ("multipath", "0", "multipath", "Passive"),
            ("multipath", "-2", "multipath", "Disabled"),
            ("direction", "UNIDIRECTIONAL_SEND", "direction", "Unidirectional send"),
            ("retransmit-notify", "2", "_neat.retransmitNotify", "Require"),
            ("conn-prio", "5", "connPriority", "5"),
            ("recv-checksum-len", "-1", "recvChecksumLen", "Full Coverage"),
            ("conn-timeout", "-1", "connTimeout", "Disabled"),
            ("conn-scheduler", "Weighted fair queueing", "connScheduler", "Weighted Fair Queueing"),
            ("conn-capacity-profile", "36", "connCapacityProfile", "Low Latency/Interactive"),
            (
                "conn-capacity-profile",
                "CONSTANT_RATE_STREAMING",
                "connCapacityProfile",
                "Constant-Rate Streaming",
            ),
            ("max-send-rate", "-1", "maxSendRate", "Unlimited"),
            ("retransmit-notify-threshold", "-1", "_neat.retransmitNotifyThreshold", "Disabled"),
            ("tcp.user-timeout", "True", "tcp.userTimeoutEnabled", "true"),
            ("tcp.user-timeout-recv", "False", "tcp.userTimeoutChangeable", "false"),
            ("msg-lifetime", "inf", "msgLifetime", "Infinite"),
            ("msg-prio", "7", "msgPriority", "7"),
            ("idempotent", "True", "safelyReplayable", "true"),
            ("msg-checksum-len", "-1", "msgChecksumLen", "Full Coverage"),
            ("msg-capacity-profile", "28", "msgCapacityProfile", "Constant-Rate Streaming"),
        ] {
            let properties = given(&[(name, value)]);
            assert_eq!(properties.get_by_name(rfc_name).unwrap(), rfc_value, "{name}={value}");
            assert_eq!(properties, given(&[(rfc_name, value)]), "{name}={value}");
        }
    }

    #[test]
    fn some_of_its_names_stand_for_several_properties() {
        let singular = given(&[("singular-transmission", "true")]);
        assert_eq!(singular, given(&[("noFragmentation", "true"), ("noSegmentation", "true")]));
        assert_eq!(singular.get_by_name("singular-transmission").unwrap(), "true");
        let rates = given(&[("max-send-rate / max-recv-rate", "(1000, -1)")]);
        assert_eq!(rates, given(&[("maxSendRate", "1000")]));
        let timeouts = given(&[("tcp-uto", "{'tcp.user-timeout-value': 150, 'tcp.user-timeout': True}")]);
        assert_eq!(timeouts, given(&[("tcp.userTimeoutValue", "150"), ("tcp.userTimeoutEnabled", "true")]));
    }

    #[test]
    fn one_wrong_part_changes_nothing() {
        let mut properties = TransportProperties::new();
        let refused = properties.set_by_name("max-send-rate / max-recv-rate", "(1000, fast)");
        let Err(PropertyError::Value { property, fault, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((property, fault), ("maxRecvRate", ValueFault::NotANumber));
        assert!(properties.set_by_name("tcp-uto", "150").is_err());
        assert!(properties.set_by_name("tcp-uto", "connTimeout=1").is_err());
        assert_eq!(properties, TransportProperties::new());
    }

    #[test]
    fn priorities_are_turned_round_and_back() {
        assert_eq!(reversed_priority(100), 100);
        for (one, other) in [(0, 200), (1, 199), (99, 101), (200, 0)] {
            assert_eq!((reversed_priority(one), reversed_priority(other)), (other, one));
        }
        assert_eq!(reversed_priority(u32::MAX), 0);
    }

    #[test]
    fn its_numbers_are_code_points_of_the_same_class() {
        for profile in CapacityProfile::ALL {
            assert_eq!(CapacityProfile::from_neatpy_number(profile.neatpy_number()), Some(*profile));
            assert_eq!(profile.neatpy_number() >> 3, profile.dscp() >> 3, "{profile}");
        }
        for preference in Preference::ALL {
            assert_eq!(Preference::from_neatpy_number(preference.neatpy_number()), Some(*preference));
        }
    }

    #[test]
    fn its_defaults_are_those_of_the_table() {
        let neatpy = TransportProperties::neatpy();
        for (name, value) in [
            ("preserveMsgBoundaries", "Prefer"),
            ("fullChecksumSend", "No Preference"),
            ("fullChecksumRecv", "No Preference"),
            ("multipath", "Active"),
            ("tcp.userTimeoutValue", "300"),
            ("msgOrdered", "true"),
            ("msgReliable", "true"),
            ("msgCapacityProfile", "Default"),
        ] {
            assert_eq!(neatpy.get_by_name(name).unwrap(), value, "{name}");
        }
        let differing = ALL.iter().filter(|row| row.neatpy_default.is_some());
        assert_eq!(differing.count(), 8);
    }
}
