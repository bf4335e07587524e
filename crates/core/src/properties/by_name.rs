//! Properties by their names, for what comes as text: configuration files, command lines, other languages.

use super::names::{is_name, nearest};
use super::{ALL, Descriptor, PropertyError, TransportProperties, ValueFault, connection};

/// An error repeats at most this many characters of a name or a value.
const MAX_EXCERPT: usize = 64;

impl TransportProperties {
    /// Sets a property from text: `("connTimeout", "2.5")`, `("reliability", "require")`,
    /// `("interface", "eth0=Prefer, wwan0=Prohibit")`. Times are in seconds, rates in bit/s; the word of the default
    /// (`Disabled`, `Unlimited`) is a value too. Names are read in any case, and as `snake_case` (RFC 9622 §4.1).
    ///
    /// *Errors*: an unknown name, with the nearest known one; a name that is only readable; a value the property
    /// cannot have. The properties are as before then.
    pub fn set_by_name(&mut self, name: &str, value: &str) -> Result<(), PropertyError> {
        let property = find(name)?;
        (property.set)(self, value).map_err(|fault| refused(property, value, fault))
    }

    /// Reads a property as text, in the form [`set_by_name`](Self::set_by_name) takes. What was not said reads as the
    /// default of a connection opened from here.
    ///
    /// *Errors*: an unknown name, with the nearest known one; a name that only connections know.
    pub fn get_by_name(&self, name: &str) -> Result<String, PropertyError> {
        find(name).map(|property| (property.get)(self))
    }
}

/// The property of this name.
pub(super) fn find(name: &str) -> Result<&'static Descriptor, PropertyError> {
    if let Some(property) = ALL.iter().find(|property| is_name(property.name, name)) {
        return Ok(property);
    }
    if let Some(read_only) = connection::READ_ONLY.iter().find(|read_only| is_name(read_only, name)) {
        return Err(PropertyError::ReadOnly(read_only));
    }
    let nearest = nearest(ALL.iter().map(|property| property.name), name);
    Err(PropertyError::Unknown { name: excerpt(name).into(), nearest })
}

pub(super) fn refused(property: &Descriptor, value: &str, fault: ValueFault) -> PropertyError {
    PropertyError::Value { property: property.name, value: excerpt(value).into(), fault }
}

fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{CapacityProfile, Kind, Preference, SelectionProperty};
    use std::time::Duration;

    fn set(name: &str, value: &str) -> Result<TransportProperties, PropertyError> {
        let mut properties = TransportProperties::new();
        properties.set_by_name(name, value).map(|()| properties)
    }

    fn fault(name: &str, value: &str) -> ValueFault {
        match set(name, value) {
            Err(PropertyError::Value { fault, .. }) => fault,
            other => panic!("{name}={value}: {other:?}"),
        }
    }

    #[test]
    fn there_are_eighteen_selection_and_sixteen_connection_properties_with_names_of_their_own() {
        assert_eq!(ALL.len(), 34);
        let of = |section: &str| ALL.iter().filter(|p| p.section.contains(section)).count();
        assert_eq!((of("§6.2."), of("§8.1."), of("§8.2.")), (18, 13, 3));
        for property in ALL {
            let found = find(property.name).unwrap();
            assert!(std::ptr::eq(found, property), "{}", property.name);
        }
        for property in SelectionProperty::ALL {
            assert!(find(property.name()).is_ok_and(|found| found.kind == Kind::Preference), "{property}");
        }
    }

    #[test]
    fn what_was_not_said_reads_as_the_default_of_the_table() {
        let nothing_said = TransportProperties::new();
        for property in ALL {
            let read = (property.get)(&nothing_said);
            let default = property.default.split(" to initiate").next();
            assert_eq!(default, Some(&read[..]), "{}", property.name);
            assert!(!(property.said)(&nothing_said), "{}", property.name);
            let mut again = TransportProperties::new();
            again.set_by_name(property.name, &read).unwrap();
            assert_eq!(again.get_by_name(property.name).as_ref(), Ok(&read), "{}", property.name);
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_as_snake_case() {
        for name in ["connTimeout", "CONNTIMEOUT", "conn_timeout", "Conn-Timeout"] {
            assert_eq!(set(name, "2.5").unwrap().connection.conn_timeout, Some(Duration::from_millis(2_500)));
        }
        assert_eq!(
            set("tcp.user_timeout_value", "30").unwrap().get_by_name("tcp.userTimeoutValue").unwrap(),
            "30"
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_known_one() {
        let nearest = |name: &str| match set(name, "1") {
            Err(PropertyError::Unknown { nearest, .. }) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("connTimout"), Some("connTimeout"));
        assert_eq!(nearest("multi-streaming"), Some("multistreaming"));
        assert_eq!(nearest("frobnication"), None);
        let text = set("connTimout", "1").unwrap_err().to_string();
        assert_eq!(text, "no such property: connTimout; did you mean connTimeout?");
        assert_eq!(set("canSend", "true"), Err(PropertyError::ReadOnly("canSend")));
    }

    #[test]
    fn a_value_the_property_cannot_have_is_refused_with_the_reason() {
        assert_eq!(fault("connTimeout", "-1"), ValueFault::Negative);
        assert_eq!(fault("connTimeout", "NaN"), ValueFault::NotANumber);
        assert_eq!(fault("connTimeout", "1e99"), ValueFault::TooLarge);
        assert_eq!(fault("connTimeout", "0"), ValueFault::Zero);
        assert_eq!(fault("connPriority", "1.5"), ValueFault::NotAnInteger);
        assert_eq!(fault("maxSendRate", "0"), ValueFault::Zero);
        assert_eq!(fault("isolateSession", "perhaps"), ValueFault::NotABoolean);
        assert_eq!(fault("reliability", "very"), ValueFault::NotOneOf(Preference::NAMES));
        assert_eq!(fault("interface", "eth0"), ValueFault::NotASet);
        assert_eq!(fault("connCapacityProfile", "fast"), ValueFault::NotOneOf(CapacityProfile::NAMES));
        assert_eq!(
            set("connTimeout", "soon").unwrap_err().to_string(),
            "connTimeout cannot be \"soon\": not a number"
        );
    }

    #[test]
    fn the_word_of_the_default_is_a_value() {
        let mut properties = set("connTimeout", "2").unwrap();
        properties.set_by_name("connTimeout", "disabled").unwrap();
        assert_eq!(properties, TransportProperties::new());
        let profile = set("connCapacityProfile", "lowLatencyInteractive").unwrap();
        assert_eq!(profile.get_by_name("conn_capacity_profile").unwrap(), "Low Latency/Interactive");
    }

    #[test]
    fn a_set_given_as_text_replaces_the_set() {
        let mut properties = set("interface", "eth0=Require, wlan0=Avoid").unwrap();
        assert_eq!(properties.get_by_name("interface").unwrap(), "eth0=Require, wlan0=Avoid");
        properties.set_by_name("interface", "lo=Prefer").unwrap();
        assert_eq!(properties.selection.interfaces(), [(Preference::Prefer, "lo".into())]);
    }
}
