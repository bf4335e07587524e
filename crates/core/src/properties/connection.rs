//! Connection properties: how to run what was chosen (RFC 9622 §8.1, §8.2).
//!
//! The struct has those that can be written. What can only be read (`connState`, ...) belongs to the connection.

use super::descriptor::{Access, Accessors, Descriptor, Kind, Scope};
use super::text::{Text, read_optional, value_of_optional};
use super::{CapacityProfile, MultipathPolicy, Scheduler};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// How to run what was chosen.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConnectionProperties {
    /// How many bytes of a received message a checksum must cover at least; `None` = all of them (default).
    /// RFC 9622 §8.1.1 (`recvChecksumLen`).
    pub recv_checksum_len: Option<u32>,
    /// The rank within the connection's group; a lower number goes first. Default: 100.
    /// RFC 9622 §8.1.2 (`connPriority`).
    pub conn_priority: u32,
    /// How long data may stay undelivered before the connection counts as failed; `None` = never (default).
    /// RFC 9622 §8.1.3 (`connTimeout`).
    pub conn_timeout: Option<Duration>,
    /// How long a connection may be idle before a keep-alive is sent; `None` = none is sent (default).
    /// RFC 9622 §8.1.4 (`keepAliveTimeout`).
    pub keep_alive_timeout: Option<Duration>,
    /// How the connections of a group share what capacity there is. RFC 9622 §8.1.5 (`connScheduler`).
    pub conn_scheduler: Scheduler,
    /// How the network should treat the connection. RFC 9622 §8.1.6 (`connCapacityProfile`).
    pub conn_capacity_profile: CapacityProfile,
    /// What several paths are used for. RFC 9622 §8.1.7 (`multipathPolicy`).
    pub multipath_policy: MultipathPolicy,
    /// The rate in bit/s below which sending is useless; `None` = none (default). RFC 9622 §8.1.8 (`minSendRate`).
    pub min_send_rate: Option<NonZeroU64>,
    /// The rate in bit/s below which receiving is useless; `None` = none (default).
    /// RFC 9622 §8.1.8 (`minRecvRate`).
    pub min_recv_rate: Option<NonZeroU64>,
    /// The rate in bit/s that sending will not exceed; `None` = unlimited (default).
    /// RFC 9622 §8.1.8 (`maxSendRate`).
    pub max_send_rate: Option<NonZeroU64>,
    /// The rate in bit/s that receiving will not exceed; `None` = unlimited (default).
    /// RFC 9622 §8.1.8 (`maxRecvRate`).
    pub max_recv_rate: Option<NonZeroU64>,
    /// How many connections the peer may add to the group; `None` = any number (default).
    /// RFC 9622 §8.1.9 (`groupConnLimit`).
    pub group_conn_limit: Option<NonZeroU32>,
    /// Whether nothing that was remembered outside the group is used, and nothing is remembered for others.
    /// Default: false. RFC 9622 §8.1.10 (`isolateSession`).
    pub isolate_session: bool,
    /// What only TCP has.
    pub tcp: TcpProperties,
}

/// What only TCP has: the user timeout option (RFC 9622 §8.2, RFC 5482).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TcpProperties {
    /// The timeout in seconds that the peer is told; `None` = TCP's own (default).
    /// RFC 9622 §8.2.1 (`tcp.userTimeoutValue`).
    pub user_timeout_value: Option<NonZeroU32>,
    /// Whether the option is used, both ways. Default: false. RFC 9622 §8.2.2 (`tcp.userTimeoutEnabled`).
    pub user_timeout_enabled: bool,
    /// Whether what the peer tells may change `connTimeout`. Default: true; it has no effect once `connTimeout` is
    /// set, see [`ConnectionProperties::is_timeout_changeable`]. RFC 9622 §8.2.3 (`tcp.userTimeoutChangeable`).
    pub user_timeout_changeable: bool,
}

impl Default for ConnectionProperties {
    fn default() -> Self {
        Self {
            recv_checksum_len: None,
            conn_priority: 100,
            conn_timeout: None,
            keep_alive_timeout: None,
            conn_scheduler: Scheduler::default(),
            conn_capacity_profile: CapacityProfile::default(),
            multipath_policy: MultipathPolicy::default(),
            min_send_rate: None,
            min_recv_rate: None,
            max_send_rate: None,
            max_recv_rate: None,
            group_conn_limit: None,
            isolate_session: false,
            tcp: TcpProperties::default(),
        }
    }
}

impl Default for TcpProperties {
    fn default() -> Self {
        Self { user_timeout_value: None, user_timeout_enabled: false, user_timeout_changeable: true }
    }
}

impl ConnectionProperties {
    /// Whether the peer's user timeout may change `connTimeout`: never once the application has set it
    /// (RFC 9622 §8.2.3).
    pub fn is_timeout_changeable(&self) -> bool {
        self.tcp.user_timeout_changeable && self.conn_timeout.is_none()
    }

    /// After how much silence a keep-alive is sent, if any is: none when that were later than `connTimeout`
    /// (RFC 9622 §8.1.4).
    pub fn effective_keep_alive(&self) -> Option<Duration> {
        let too_late = |idle: &Duration| self.conn_timeout.is_some_and(|timeout| *idle > timeout);
        self.keep_alive_timeout.filter(|idle| !too_late(idle))
    }
}

/// A row for a field that always has a value, or (`or "word"`) may have none.
macro_rules! row {
    ($name:literal, $section:literal, $($field:ident).+, default $default:expr, $neatpy:expr) => {
        Descriptor {
            default: $default,
            neatpy: $neatpy,
            access: Access::Transport(Accessors {
                get: |wanted| wanted.connection.$($field).+.into(),
                set: |wanted, value| {
                    wanted.connection.$($field).+ = Text::from_value(value)?;
                    Ok(())
                },
                said: |wanted| wanted.connection.$($field).+ != ConnectionProperties::default().$($field).+,
                reset: |wanted| wanted.connection.$($field).+ = ConnectionProperties::default().$($field).+,
            }),
            read_only: false,
            ..read_only($name, kind_of(|c| &c.$($field).+), concat!("RFC 9622 ", $section), None)
        }
    };
    ($name:literal, $section:literal, $($field:ident).+, $unit:expr, or $none:literal, $neatpy:expr) => {
        Descriptor {
            default: $none,
            unit: $unit,
            neatpy: $neatpy,
            access: Access::Transport(Accessors {
                get: |wanted| value_of_optional(wanted.connection.$($field).+, $none),
                set: |wanted, value| {
                    wanted.connection.$($field).+ = read_optional(value, $none)?;
                    Ok(())
                },
                said: |wanted| wanted.connection.$($field).+.is_some(),
                reset: |wanted| wanted.connection.$($field).+ = None,
            }),
            read_only: false,
            ..read_only($name, kind_of_optional(|c| &c.$($field).+), concat!("RFC 9622 ", $section), None)
        }
    };
}

/// The kind of a field, by its type.
const fn kind_of<T: Text>(_field: fn(&ConnectionProperties) -> &T) -> Kind {
    T::KIND
}

/// The kind of a field that may have no value, by its type.
const fn kind_of_optional<T: Text>(_field: fn(&ConnectionProperties) -> &Option<T>) -> Kind {
    T::KIND
}

/// A row for what can only be read, and only from a connection.
const fn read_only(
    name: &'static str,
    kind: Kind,
    section: &'static str,
    neatpy: Option<&'static str>,
) -> Descriptor {
    Descriptor {
        name,
        kind,
        unit: None,
        section,
        default: "",
        scope: Scope::Connection,
        read_only: true,
        neatpy,
        neatpy_default: None,
        access: Access::ReadOnly,
    }
}

const STATES: &[&str] = &["Establishing", "Established", "Closing", "Closed"];

/// The twenty-two connection properties, in the order of the RFC: thirteen, six that can only be read, three of TCP.
pub(super) const TABLE: [Descriptor; 22] = [
    row!("recvChecksumLen", "§8.1.1", recv_checksum_len, BYTES, or "Full Coverage", Some("recv-checksum-len")),
    row!("connPriority", "§8.1.2", conn_priority, default "100", Some("conn-prio")),
    row!("connTimeout", "§8.1.3", conn_timeout, SECONDS, or "Disabled", Some("conn-timeout")),
    row!("keepAliveTimeout", "§8.1.4", keep_alive_timeout, SECONDS, or "Disabled", None),
    row!("connScheduler", "§8.1.5", conn_scheduler, default Scheduler::WeightedFairQueueing.name(), Some("conn-scheduler")),
    row!("connCapacityProfile", "§8.1.6", conn_capacity_profile, default CapacityProfile::Default.name(), Some("conn-capacity-profile")),
    row!("multipathPolicy", "§8.1.7", multipath_policy, default MultipathPolicy::Handover.name(), None),
    row!("minSendRate", "§8.1.8", min_send_rate, RATE, or "Unlimited", None),
    row!("minRecvRate", "§8.1.8", min_recv_rate, RATE, or "Unlimited", None),
    row!("maxSendRate", "§8.1.8", max_send_rate, RATE, or "Unlimited", Some("max-send-rate")),
    row!("maxRecvRate", "§8.1.8", max_recv_rate, RATE, or "Unlimited", Some("max-recv-rate")),
    row!("groupConnLimit", "§8.1.9", group_conn_limit, None, or "Unlimited", None),
    row!("isolateSession", "§8.1.10", isolate_session, default "false", None),
    read_only("connState", Kind::Enumeration(STATES), "RFC 9622 §8.1.11.1", Some("state")),
    read_only("canSend", Kind::Boolean, "RFC 9622 §8.1.11.2", Some("send")),
    read_only("canReceive", Kind::Boolean, "RFC 9622 §8.1.11.3", Some("receive")),
    Descriptor {
        unit: BYTES,
        ..read_only(
            "singularTransmissionMsgMaxLen",
            Kind::Integer,
            "RFC 9622 §8.1.11.4",
            Some("singular-transmission-msg-max-len"),
        )
    },
    Descriptor {
        unit: BYTES,
        ..read_only("sendMsgMaxLen", Kind::Integer, "RFC 9622 §8.1.11.5", Some("send-msg-max-len"))
    },
    Descriptor {
        unit: BYTES,
        ..read_only("recvMsgMaxLen", Kind::Integer, "RFC 9622 §8.1.11.6", Some("recv-msg-max-len"))
    },
    Descriptor {
        neatpy_default: Some("300"),
        ..row!("tcp.userTimeoutValue", "§8.2.1", tcp.user_timeout_value, SECONDS, or "TCP default", Some("tcp.user-timeout-value"))
    },
    row!("tcp.userTimeoutEnabled", "§8.2.2", tcp.user_timeout_enabled, default "false", Some("tcp.user-timeout")),
    row!("tcp.userTimeoutChangeable", "§8.2.3", tcp.user_timeout_changeable, default "true", Some("tcp.user-timeout-recv")),
];

const BYTES: Option<&str> = Some("bytes");
const SECONDS: Option<&str> = Some("s");
const RATE: Option<&str> = Some("bit/s");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_later_than_the_timeout_is_none() {
        let seconds = |s| Some(Duration::from_secs(s));
        let mut properties = ConnectionProperties { keep_alive_timeout: seconds(5), ..Default::default() };
        assert_eq!(properties.effective_keep_alive(), seconds(5));
        properties.conn_timeout = seconds(5);
        assert_eq!(properties.effective_keep_alive(), seconds(5));
        properties.conn_timeout = seconds(4);
        assert_eq!(properties.effective_keep_alive(), None);
    }

    #[test]
    fn a_timeout_the_application_sets_is_not_changed_by_the_peer() {
        let mut properties = ConnectionProperties::default();
        assert!(properties.is_timeout_changeable());
        properties.conn_timeout = Some(Duration::from_secs(1));
        assert!(!properties.is_timeout_changeable());
    }
}
