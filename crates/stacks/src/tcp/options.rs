//! The properties that are options of a TCP socket.

use super::system;
use crate::socket::{failure, mark};
use neatflow_core::properties::CapacityProfile;
use neatflow_core::{Failure, Preference, SelectionProperty, TransportProperties};
use socket2::{Socket, TcpKeepalive};
use std::net::IpAddr;
use std::time::Duration;

/// The longest idle time the systems accept.
const LONGEST_IDLE: Duration = Duration::from_secs(32_767);

/// The options of one socket, as properties ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    keep_alive: KeepAlive,
    user_timeout: Option<Duration>,
    profile: CapacityProfile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeepAlive {
    Off,
    /// After this idle time, `None` = after the system's; whether it is an error not to have it.
    On {
        idle: Option<Duration>,
        required: bool,
    },
}

impl Options {
    pub(super) fn of(properties: &TransportProperties) -> Self {
        let connection = &properties.connection;
        Self {
            keep_alive: KeepAlive::of(properties),
            user_timeout: connection.conn_timeout,
            profile: connection.conn_capacity_profile,
        }
    }

    /// Sets them on a socket that is not connected yet, so that they hold for the handshake too. Tells whether the
    /// connection will be kept alive.
    pub(super) fn apply(&self, socket: &Socket, peer: IpAddr) -> Result<bool, Failure> {
        socket.set_tcp_nodelay(true).map_err(failure)?;
        mark(socket, peer, self.profile)?;
        if let Some(timeout) = self.user_timeout {
            system::set_user_timeout(socket, timeout).map_err(failure)?;
        }
        self.keep_alive.apply(socket)
    }
}

impl KeepAlive {
    fn of(properties: &TransportProperties) -> Self {
        let idle = properties.connection.keep_alive_timeout;
        match properties.selection.preference(SelectionProperty::KeepAlive) {
            // Whoever wants none gets none, whatever was said of its timing.
            Preference::Prohibit | Preference::Avoid => Self::Off,
            Preference::NoPreference if idle.is_none() => Self::Off,
            Preference::NoPreference | Preference::Prefer => Self::On { idle, required: false },
            Preference::Require => Self::On { idle, required: true },
        }
    }

    fn apply(self, socket: &Socket) -> Result<bool, Failure> {
        let Self::On { idle, required } = self else { return Ok(false) };
        let set = match idle {
            Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(whole_seconds(idle))),
            None => socket.set_keepalive(true),
        };
        match set {
            Err(error) if required => Err(failure(error)),
            set => Ok(set.is_ok()),
        }
    }
}

/// Rounds up: the option counts in seconds, and 0 would be refused.
fn whole_seconds(idle: Duration) -> Duration {
    let up = idle.as_secs().saturating_add(u64::from(idle.subsec_nanos() > 0));
    Duration::from_secs(up).clamp(Duration::from_secs(1), LONGEST_IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(preference: Option<Preference>, idle: Option<u64>) -> KeepAlive {
        let mut properties = TransportProperties::new();
        if let Some(preference) = preference {
            properties.selection.set(SelectionProperty::KeepAlive, preference);
        }
        properties.connection.keep_alive_timeout = idle.map(Duration::from_secs);
        KeepAlive::of(&properties)
    }

    #[test]
    fn keep_alive_is_on_for_those_who_ask_for_it_or_say_when() {
        let idle = Some(Duration::from_secs(9));
        assert_eq!(with(None, None), KeepAlive::Off);
        assert_eq!(with(None, Some(9)), KeepAlive::On { idle, required: false });
        assert_eq!(with(Some(Preference::Prefer), None), KeepAlive::On { idle: None, required: false });
        assert_eq!(with(Some(Preference::Require), Some(9)), KeepAlive::On { idle, required: true });
        assert_eq!(with(Some(Preference::Avoid), Some(9)), KeepAlive::Off);
        assert_eq!(with(Some(Preference::Prohibit), Some(9)), KeepAlive::Off);
    }

    #[test]
    fn any_idle_time_becomes_one_the_system_accepts() {
        assert_eq!(whole_seconds(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(whole_seconds(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), Duration::from_secs(3));
        assert_eq!(whole_seconds(Duration::from_secs(7_200)), Duration::from_secs(7_200));
        assert_eq!(whole_seconds(Duration::MAX), LONGEST_IDLE);
    }
}
