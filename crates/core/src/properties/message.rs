//! Message properties: what may be said of a single message, or of all messages of a connection (RFC 9622 §9.1.3).

use super::descriptor::{Access, Accessors, Descriptor, Kind, Scope};
use super::names::same_words;
use super::text::Text;
use super::{CapacityProfile, Preference, SelectionProperties, SelectionProperty, Value};
use std::time::Duration;

/// What is said of a message.
///
/// Each is `None` until it is said. Said of a [`Message`](crate::Message) it holds for that one; said in
/// [`TransportProperties::message`](super::TransportProperties::message) it holds for every message of a connection
/// of which nothing else is said. The methods tell what holds in the end. Every message carries one, so it is small
/// and never allocates: 40 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageProperties {
    /// How long the message may wait before it is sent. Default: Infinite. RFC 9622 §9.1.3.1 (`msgLifetime`).
    pub msg_lifetime: Option<Lifetime>,
    /// The rank among the messages of the connection; a lower number goes first. Default: 100.
    /// RFC 9622 §9.1.3.2 (`msgPriority`).
    pub msg_priority: Option<u32>,
    /// Whether it keeps its place among the ordered messages. Default: whether the connection preserves order.
    /// RFC 9622 §9.1.3.3 (`msgOrdered`).
    pub msg_ordered: Option<bool>,
    /// Whether it does no harm when it arrives more than once. Default: false.
    /// RFC 9622 §9.1.3.4 (`safelyReplayable`).
    pub safely_replayable: Option<bool>,
    /// Whether it is the last message of its direction. Sent over TCP it is followed by the end of our stream; the
    /// other direction lives on. Default: false. RFC 9622 §9.1.3.5 (`final`).
    pub is_final: Option<bool>,
    /// How much of it must be protected from corruption. Default: Full Coverage.
    /// RFC 9622 §9.1.3.6 (`msgChecksumLen`).
    pub msg_checksum_len: Option<Coverage>,
    /// Whether it is sent again until it arrives. Default: whether the connection is reliable.
    /// RFC 9622 §9.1.3.7 (`msgReliable`).
    pub msg_reliable: Option<bool>,
    /// How the network should treat it. Default: as the connection. RFC 9622 §9.1.3.8 (`msgCapacityProfile`).
    pub msg_capacity_profile: Option<CapacityProfile>,
    /// Whether the network layer must not cut it into pieces. Default: false.
    /// RFC 9622 §9.1.3.9 (`noFragmentation`).
    pub no_fragmentation: Option<bool>,
    /// Whether it travels in one packet or not at all. Default: false. RFC 9622 §9.1.3.10 (`noSegmentation`).
    pub no_segmentation: Option<bool>,
}

/// How long a message may wait before it is sent (RFC 9622 §9.1.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as it takes.
    #[default]
    Infinite,
    /// This long; it has expired then.
    Limited(Duration),
}

/// How much of a message must be protected from corruption (RFC 9622 §9.1.3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    #[default]
    Full,
    /// At least so many bytes from its beginning; with 0 no checksum is needed.
    AtLeast(u32),
}

/// What is said of a message, and its connection cannot do or must not (RFC 9622 §9.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// `msgReliable` differs from the connection's `reliability`, which was not established with `perMsgReliability`.
    /// RFC 9622 §9.1.3.7.
    #[error("msgReliable may differ from reliability only where perMsgReliability was asked for")]
    Reliability,
    /// `msgLifetime` is zero; it is positive (RFC 9622 §9.1.3.1).
    #[error("msgLifetime is zero; it must be positive")]
    NoLifetime,
    /// `msgReliable` on a transport that repeats nothing.
    #[error("msgReliable: the transport is not reliable")]
    Unreliable,
    /// `msgOrdered` on a connection, or a transport, that keeps no order. RFC 9622 §9.1.3.3.
    #[error("msgOrdered: the connection does not preserve order")]
    Unordered,
    /// Not `safelyReplayable`, on a transport that may deliver twice. RFC 9622 §9.1.3.4.
    #[error("safelyReplayable: the transport may deliver a message twice")]
    Replayed,
}

/// What the selection properties of a connection allow to be said of its messages (RFC 9622 §9.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageRules {
    /// What `msgReliable` has to be, if it is said: `reliability`, where that is decided and `perMsgReliability` was
    /// not asked for.
    pub reliable: Option<bool>,
    /// `preserveOrder` is prohibited.
    pub unordered: bool,
}

impl MessageRules {
    /// Those of a connection with these properties.
    pub fn of(properties: &SelectionProperties) -> Self {
        let is = |property| properties.preference(property);
        let per_message =
            matches!(is(SelectionProperty::PerMsgReliability), Preference::Require | Preference::Prefer);
        let reliable = match is(SelectionProperty::Reliability) {
            _ if per_message => None,
            Preference::Require | Preference::Prefer => Some(true),
            Preference::Avoid | Preference::Prohibit => Some(false),
            _ => None,
        };
        Self { reliable, unordered: is(SelectionProperty::PreserveOrder) == Preference::Prohibit }
    }

    /// Whether this may be said of a message.
    ///
    /// *Errors*: what contradicts.
    #[inline]
    pub fn check(&self, said: &MessageProperties) -> Result<(), Contradiction> {
        match (said.msg_reliable, self.reliable) {
            (Some(said), Some(asked)) if said != asked => return Err(Contradiction::Reliability),
            _ => {}
        }
        if said.msg_lifetime == Some(Lifetime::Limited(Duration::ZERO)) {
            return Err(Contradiction::NoLifetime);
        }
        if self.unordered && said.msg_ordered == Some(true) { Err(Contradiction::Unordered) } else { Ok(()) }
    }
}

impl MessageProperties {
    /// The rank of a message of which none is said. RFC 9622 §9.1.3.2.
    pub const DEFAULT_PRIORITY: u32 = 100;

    /// Nothing said yet.
    pub const fn new() -> Self {
        Self {
            msg_lifetime: None,
            msg_priority: None,
            msg_ordered: None,
            safely_replayable: None,
            is_final: None,
            msg_checksum_len: None,
            msg_reliable: None,
            msg_capacity_profile: None,
            no_fragmentation: None,
            no_segmentation: None,
        }
    }

    /// What is said here, and where nothing is said, what is said there.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            msg_lifetime: self.msg_lifetime.or(defaults.msg_lifetime),
            msg_priority: self.msg_priority.or(defaults.msg_priority),
            msg_ordered: self.msg_ordered.or(defaults.msg_ordered),
            safely_replayable: self.safely_replayable.or(defaults.safely_replayable),
            is_final: self.is_final.or(defaults.is_final),
            msg_checksum_len: self.msg_checksum_len.or(defaults.msg_checksum_len),
            msg_reliable: self.msg_reliable.or(defaults.msg_reliable),
            msg_capacity_profile: self.msg_capacity_profile.or(defaults.msg_capacity_profile),
            no_fragmentation: self.no_fragmentation.or(defaults.no_fragmentation),
            no_segmentation: self.no_segmentation.or(defaults.no_segmentation),
        }
    }

    /// How long it may wait; `None` = as long as it takes. RFC 9622 §9.1.3.1.
    pub fn lifetime(&self) -> Option<Duration> {
        match self.msg_lifetime.unwrap_or_default() {
            Lifetime::Infinite => None,
            Lifetime::Limited(time) => Some(time),
        }
    }

    /// Its rank; a lower number goes first. RFC 9622 §9.1.3.2.
    pub fn priority(&self) -> u32 {
        self.msg_priority.unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// Whether it keeps its place, on a connection that preserves order or does not. RFC 9622 §9.1.3.3.
    pub fn is_ordered(&self, preserve_order: bool) -> bool {
        self.msg_ordered.unwrap_or(preserve_order)
    }

    /// Whether it may arrive more than once. RFC 9622 §9.1.3.4.
    pub fn is_safely_replayable(&self) -> bool {
        self.safely_replayable.unwrap_or_default()
    }

    /// Whether it is the last one of its direction. RFC 9622 §9.1.3.5.
    pub fn is_final(&self) -> bool {
        self.is_final.unwrap_or_default()
    }

    /// How many bytes must be protected at least; `None` = all of them. RFC 9622 §9.1.3.6.
    pub fn checksum_len(&self) -> Option<u32> {
        match self.msg_checksum_len.unwrap_or_default() {
            Coverage::Full => None,
            Coverage::AtLeast(bytes) => Some(bytes),
        }
    }

    /// Whether it is sent until it arrives, on a connection that is reliable or not. RFC 9622 §9.1.3.7.
    pub fn is_reliable(&self, reliability: bool) -> bool {
        self.msg_reliable.unwrap_or(reliability)
    }

    /// How the network should treat it, on a connection of this profile. RFC 9622 §9.1.3.8.
    pub fn capacity_profile(&self, of_connection: CapacityProfile) -> CapacityProfile {
        self.msg_capacity_profile.unwrap_or(of_connection)
    }

    /// Whether the network layer must not cut it: that was asked for, or one packet was. RFC 9622 §9.1.3.9,
    /// §9.1.3.10.
    pub fn forbids_fragmentation(&self) -> bool {
        self.no_fragmentation.unwrap_or_default() || self.forbids_segmentation()
    }

    /// Whether it must travel in one packet. RFC 9622 §9.1.3.10.
    pub fn forbids_segmentation(&self) -> bool {
        self.no_segmentation.unwrap_or_default()
    }
}

/// A row for a field that has a default of its own, or (`as "..."`) takes it from the connection.
macro_rules! row {
    ($name:literal, $section:literal, $unit:expr, $field:ident, default $value:expr, $default:literal, $neatpy:expr) => {
        Descriptor {
            default: $default,
            unit: $unit,
            neatpy: Some($neatpy),
            access: Access::Message(Accessors {
                get: |said| said.$field.unwrap_or($value).into(),
                set: |said, value| {
                    said.$field = Some(Text::from_value(value)?);
                    Ok(())
                },
                said: |said| said.$field.is_some(),
                reset: |said| said.$field = None,
            }),
            read_only: false,
            ..received($name, kind_of(|m| &m.$field), concat!("RFC 9622 ", $section), $neatpy)
        }
    };
    ($name:literal, $section:literal, $field:ident, as $default:literal, $neatpy:expr, $neatpy_default:expr) => {
        Descriptor {
            default: $default,
            neatpy_default: Some($neatpy_default),
            access: Access::Message(Accessors {
                get: |said| said.$field.map_or(Value::Text($default.into()), Into::into),
                set: |said, value| {
                    let inherited = matches!(value, Value::Text(text) if same_words($default, text));
                    said.$field = if inherited { None } else { Some(Text::from_value(value)?) };
                    Ok(())
                },
                said: |said| said.$field.is_some(),
                reset: |said| said.$field = None,
            }),
            read_only: false,
            ..received($name, kind_of(|m| &m.$field), concat!("RFC 9622 ", $section), $neatpy)
        }
    };
}

/// The kind of a field, by its type.
const fn kind_of<T: Text>(_field: fn(&MessageProperties) -> &Option<T>) -> Kind {
    T::KIND
}

/// A row for what can only be read, and only from a message that was received.
const fn received(name: &'static str, kind: Kind, section: &'static str, neatpy: &'static str) -> Descriptor {
    Descriptor {
        name,
        kind,
        unit: None,
        section,
        default: "",
        scope: Scope::Message,
        read_only: true,
        neatpy: Some(neatpy),
        neatpy_default: None,
        access: Access::ReadOnly,
    }
}

const CODE_POINTS: &[&str] = &["Not-ECT", "ECT(1)", "ECT(0)", "CE"];

/// The ten message properties, in the order of the RFC, and the three that only a received message has. The RFC gives
/// the latter no names for programs: these are NEATPy's.
pub(super) const TABLE: [Descriptor; 13] = [
    row!("msgLifetime", "§9.1.3.1", Some("s"), msg_lifetime, default Lifetime::Infinite, "Infinite", "msg-lifetime"),
    row!("msgPriority", "§9.1.3.2", None, msg_priority, default MessageProperties::DEFAULT_PRIORITY, "100", "msg-prio"),
    row!("msgOrdered", "§9.1.3.3", msg_ordered, as "as preserveOrder", "msg-ordered", "true"),
    row!("safelyReplayable", "§9.1.3.4", None, safely_replayable, default false, "false", "idempotent"),
    row!("final", "§9.1.3.5", None, is_final, default false, "false", "final"),
    row!("msgChecksumLen", "§9.1.3.6", Some("bytes"), msg_checksum_len, default Coverage::Full, "Full Coverage", "msg-checksum-len"),
    row!("msgReliable", "§9.1.3.7", msg_reliable, as "as reliability", "msg-reliable", "true"),
    row!("msgCapacityProfile", "§9.1.3.8", msg_capacity_profile, as "as connCapacityProfile", "msg-capacity-profile", CapacityProfile::Default.name()),
    row!("noFragmentation", "§9.1.3.9", None, no_fragmentation, default false, "false", "singular-transmission"),
    row!("noSegmentation", "§9.1.3.10", None, no_segmentation, default false, "false", "singular-transmission"),
    received("ecn", Kind::Enumeration(CODE_POINTS), "RFC 9622 §9.3.3.1", "ecn"),
    received("earlyData", Kind::Boolean, "RFC 9622 §9.3.3.2", "early-data"),
    received("receivingFinalMessages", Kind::Boolean, "RFC 9622 §9.3.3.3", "receiving-final-messages"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_can_afford_its_properties() {
        assert!(size_of::<MessageProperties>() <= 40, "{}", size_of::<MessageProperties>());
    }

    #[test]
    fn three_properties_are_inherited_until_they_are_said() {
        let unsaid = MessageProperties::new();
        for connection in [true, false] {
            assert_eq!(unsaid.is_ordered(connection), connection);
            assert_eq!(unsaid.is_reliable(connection), connection);
        }
        let profile = CapacityProfile::Scavenger;
        assert_eq!(unsaid.capacity_profile(profile), profile);

        let said = MessageProperties {
            msg_ordered: Some(false),
            msg_reliable: Some(false),
            msg_capacity_profile: Some(CapacityProfile::Default),
            ..unsaid
        };
        assert!(!said.is_ordered(true) && !said.is_reliable(true));
        assert_eq!(said.capacity_profile(profile), CapacityProfile::Default);
    }

    #[test]
    fn what_is_said_of_a_message_counts_more_than_what_is_said_of_all() {
        let of_all = MessageProperties {
            safely_replayable: Some(true),
            msg_lifetime: Some(Lifetime::Limited(Duration::from_secs(1))),
            msg_priority: Some(7),
            ..MessageProperties::new()
        };
        let of_one = MessageProperties {
            safely_replayable: Some(false),
            msg_lifetime: Some(Lifetime::Infinite),
            ..MessageProperties::new()
        };
        let holds = of_one.or(&of_all);
        assert!(!holds.is_safely_replayable());
        assert_eq!((holds.lifetime(), holds.priority()), (None, 7));
        assert_eq!(MessageProperties::new().or(&of_all), of_all);
    }

    #[test]
    fn one_packet_is_never_cut_by_the_network() {
        let one_packet = MessageProperties { no_segmentation: Some(true), ..MessageProperties::new() };
        assert!(one_packet.forbids_fragmentation() && one_packet.forbids_segmentation());
        let uncut = MessageProperties { no_fragmentation: Some(true), ..MessageProperties::new() };
        assert!(uncut.forbids_fragmentation() && !uncut.forbids_segmentation());
    }
}
