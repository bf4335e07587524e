//! Properties by their names, for what comes as text: configuration files, command lines, other languages.

use super::descriptor::Access;
use super::names::{is_name, nearest};
use super::vendor::is_vendor_name;
use super::{
    ALL, Descriptor, MessageProperties, PropertyError, Scope, TransportProperties, Value, ValueFault, neatpy,
};

/// An error repeats at most this many characters of a name or a value.
const MAX_EXCERPT: usize = 64;

impl TransportProperties {
    /// Sets a property by its name, or by NEATPy's: `("connTimeout", 2.5)`, `("reliability", Preference::Require)`,
    /// `("safelyReplayable", true)`, `("conn-prio", "7")`. Times are in seconds, rates in bit/s; the word of the
    /// default (`Disabled`, `Unlimited`) is a value too. Names are read in any case, and as `snake_case`
    /// (RFC 9622 §4.1). NEATPy's values are understood, `-1` for the word of the default among them; its priorities
    /// are not turned round ([`neatpy::reversed_priority`]). A name that begins with `_` and is not known is kept with its value
    /// ([`VendorProperties`](super::VendorProperties)).
    ///
    /// *Errors*: an unknown name, with the nearest known ones; a name that is only readable; a value the property
    /// cannot have; too many names of vendors. The properties are as before then.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) -> Result<(), PropertyError> {
        let value = value.into();
        let Some(parts) = neatpy::parts(name, &value) else { return self.add_one(name, value) };
        let mut changed = self.clone();
        for (name, value) in parts {
            changed.add_one(&name, value)?;
        }
        *self = changed;
        Ok(())
    }

    /// Reads a property by its name, or by NEATPy's. What was not said reads as the default of a connection opened
    /// from here.
    ///
    /// *Errors*: an unknown name, with the nearest known ones; a name that only connections and received messages
    /// know.
    pub fn get(&self, name: &str) -> Result<Value, PropertyError> {
        match lookup(name) {
            Some(property) => property.get(self),
            None => self.vendor.get(name).cloned().ok_or_else(|| unknown(ALL.iter(), name)),
        }
    }

    /// Sets a property from text: as [`add`](Self::add).
    ///
    /// *Errors*: as [`add`](Self::add).
    pub fn set_by_name(&mut self, name: &str, value: &str) -> Result<(), PropertyError> {
        self.add(name, value)
    }

    /// Reads a property as text, in the form [`set_by_name`](Self::set_by_name) takes.
    ///
    /// *Errors*: as [`get`](Self::get).
    pub fn get_by_name(&self, name: &str) -> Result<String, PropertyError> {
        self.get(name).map(|value| value.to_string())
    }

    /// Unsays a property: it has its default again.
    ///
    /// *Errors*: as [`get`](Self::get).
    pub fn reset(&mut self, name: &str) -> Result<(), PropertyError> {
        for name in neatpy::together(name).unwrap_or(&[name]) {
            match lookup(name) {
                Some(property) => property.reset(self)?,
                None if self.vendor.get(name).is_some() => self.vendor.remove(name),
                None => return Err(unknown(ALL.iter(), name)),
            }
        }
        Ok(())
    }

    /// What was said, by the names of the RFC and in its order; what vendors' names were given comes last.
    pub fn said(&self) -> impl Iterator<Item = (&str, Value)> {
        let known = ALL.iter().filter(|property| property.is_said(self));
        let known = known.filter_map(|property| Some((property.name, property.get(self).ok()?)));
        known.chain(self.vendor.iter().map(|(name, value)| (name, value.clone())))
    }

    fn add_one(&mut self, name: &str, value: Value) -> Result<(), PropertyError> {
        match lookup(name) {
            Some(property) => property.set(self, &value),
            None if is_vendor_name(name) => self.vendor.insert(name, value),
            None => Err(unknown(ALL.iter(), name)),
        }
    }
}

impl MessageProperties {
    /// Sets a property of a message by its name: as [`TransportProperties::add`].
    ///
    /// *Errors*: as there, and a property that no message has.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) -> Result<(), PropertyError> {
        let value = value.into();
        let mut changed = *self;
        for name in neatpy::together(name).unwrap_or(&[name]) {
            let property = of_message(name)?;
            let Access::Message(accessors) = property.access else {
                return Err(PropertyError::ReadOnly(property.name));
            };
            (accessors.set)(&mut changed, &value).map_err(|fault| property.refused(&value, fault))?;
        }
        *self = changed;
        Ok(())
    }

    /// Reads a property of a message by its name. What was not said reads as the default.
    ///
    /// *Errors*: as [`TransportProperties::get`], and a property that no message has.
    pub fn get(&self, name: &str) -> Result<Value, PropertyError> {
        let property = of_message(neatpy::together(name).map_or(name, |names| names[0]))?;
        match property.access {
            Access::Message(accessors) => Ok((accessors.get)(self)),
            _ => Err(PropertyError::ReadOnly(property.name)),
        }
    }

    /// What was said, by the names of the RFC and in its order.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, Value)> {
        ALL.iter().filter_map(|property| match property.access {
            Access::Message(accessors) if (accessors.said)(self) => {
                Some((property.name, (accessors.get)(self)))
            }
            _ => None,
        })
    }
}

impl Descriptor {
    pub(super) fn get(&self, properties: &TransportProperties) -> Result<Value, PropertyError> {
        match self.access {
            Access::Transport(accessors) => Ok((accessors.get)(properties)),
            Access::Message(accessors) => Ok((accessors.get)(&properties.message)),
            Access::ReadOnly => Err(PropertyError::ReadOnly(self.name)),
        }
    }

    pub(super) fn set(
        &self,
        properties: &mut TransportProperties,
        value: &Value,
    ) -> Result<(), PropertyError> {
        let set = match self.access {
            Access::Transport(accessors) => (accessors.set)(properties, value),
            Access::Message(accessors) => (accessors.set)(&mut properties.message, value),
            Access::ReadOnly => return Err(PropertyError::ReadOnly(self.name)),
        };
        set.map_err(|fault| self.refused(value, fault))
    }

    fn is_said(&self, properties: &TransportProperties) -> bool {
        match self.access {
            Access::Transport(accessors) => (accessors.said)(properties),
            Access::Message(accessors) => (accessors.said)(&properties.message),
            Access::ReadOnly => false,
        }
    }

    fn reset(&self, properties: &mut TransportProperties) -> Result<(), PropertyError> {
        match self.access {
            Access::Transport(accessors) => (accessors.reset)(properties),
            Access::Message(accessors) => (accessors.reset)(&mut properties.message),
            Access::ReadOnly => return Err(PropertyError::ReadOnly(self.name)),
        }
        Ok(())
    }

    pub(super) fn refused(&self, value: &Value, fault: ValueFault) -> PropertyError {
        PropertyError::Value { property: self.name, value: excerpt(&value.to_string()).into(), fault }
    }
}

/// The property of this name, in the RFC or else in NEATPy.
pub(super) fn lookup(name: &str) -> Option<&'static Descriptor> {
    let in_neatpy = || ALL.iter().find(|property| property.neatpy.is_some_and(|known| is_name(known, name)));
    ALL.iter().find(|property| is_name(property.name, name)).or_else(in_neatpy)
}

fn of_message(name: &str) -> Result<&'static Descriptor, PropertyError> {
    let is_of_message = |property: &&Descriptor| property.scope == Scope::Message;
    lookup(name).filter(is_of_message).ok_or_else(|| unknown(ALL.iter().filter(is_of_message), name))
}

pub(super) fn unknown(known: impl Iterator<Item = &'static Descriptor>, name: &str) -> PropertyError {
    let names = known.map(|property| (property.name, property.neatpy.unwrap_or(property.name)));
    PropertyError::Unknown { name: excerpt(name).into(), nearest: nearest(names, name) }
}

fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{CapacityProfile, Preference};
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
    fn what_was_not_said_reads_as_the_default_of_the_table() {
        let nothing_said = TransportProperties::new();
        for property in ALL.iter().filter(|property| !property.read_only) {
            let read = nothing_said.get_by_name(property.name).unwrap();
            let default = property.default.split(" to initiate").next();
            assert_eq!(default, Some(&read[..]), "{}", property.name);
            assert!(!property.is_said(&nothing_said), "{}", property.name);
            let mut again = TransportProperties::new();
            again.set_by_name(property.name, &read).unwrap();
            assert_eq!(again.get_by_name(property.name).as_ref(), Ok(&read), "{}", property.name);
            again.reset(property.name).unwrap();
            assert_eq!(again, nothing_said, "{}", property.name);
        }
    }

    #[test]
    fn what_can_only_be_read_cannot_be_set() {
        let mut properties = TransportProperties::new();
        for property in ALL.iter().filter(|property| property.read_only) {
            for name in [property.name].into_iter().chain(property.neatpy) {
                let read_only = PropertyError::ReadOnly(property.name);
                assert_eq!(properties.add(name, true), Err(read_only.clone()), "{name}");
                assert_eq!(properties.get(name), Err(read_only.clone()), "{name}");
                assert_eq!(properties.reset(name), Err(read_only), "{name}");
            }
        }
        assert_eq!(properties, TransportProperties::new());
    }

    #[test]
    fn every_name_of_neatpy_finds_its_property() {
        for property in ALL {
            let Some(name) = property.neatpy else { continue };
            let found = lookup(name).unwrap();
            let divided = neatpy::together(name).is_some_and(|names| names.contains(&property.name));
            assert!(found.name == property.name || divided, "{name}");
        }
    }

    #[test]
    fn values_may_have_their_types() {
        let mut properties = TransportProperties::new();
        properties.add("connTimeout", Duration::from_millis(2_500)).unwrap();
        properties.add("keepAliveTimeout", 1.5).unwrap();
        properties.add("reliability", Preference::Avoid).unwrap();
        properties.add("connCapacityProfile", CapacityProfile::Scavenger).unwrap();
        properties.add("safelyReplayable", true).unwrap();
        properties.add("msgPriority", 7).unwrap();
        properties.add("preserveOrder", -1).unwrap();
        let said: Vec<_> = properties.said().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            said,
            [
                "reliability=Avoid",
                "preserveOrder=Avoid",
                "connTimeout=2.5",
                "keepAliveTimeout=1.5",
                "connCapacityProfile=Scavenger",
                "msgPriority=7",
                "safelyReplayable=true",
            ]
        );
        assert_eq!(properties.get("connTimeout"), Ok(Value::Time(Duration::from_millis(2_500))));
        assert!(properties.add("reliability", 3).is_err() && properties.add("connPriority", -5).is_err());
    }

    #[test]
    fn a_message_has_the_properties_of_messages_only() {
        let mut message = MessageProperties::new();
        message.add("final", true).unwrap();
        message.add("idempotent", "True").unwrap();
        message.add("singular-transmission", true).unwrap();
        assert_eq!(message.get("noSegmentation"), Ok(true.into()));
        assert_eq!(message.get("msgOrdered").unwrap().to_string(), "as preserveOrder");
        message.add("msgOrdered", false).unwrap();
        message.add("msgOrdered", "As preserveOrder").unwrap();
        assert_eq!(message.msg_ordered, None);
        let before = message;
        assert!(matches!(message.add("connPriority", 1), Err(PropertyError::Unknown { .. })));
        assert!(matches!(message.add("_acme.colour", 1), Err(PropertyError::Unknown { .. })));
        assert_eq!(message.add("ecn", "CE"), Err(PropertyError::ReadOnly("ecn")));
        assert!(message.add("singular-transmission", "perhaps").is_err());
        assert_eq!(message, before);
        let of_all = TransportProperties { message, ..TransportProperties::new() };
        assert_eq!(serde_json::to_value(of_all).unwrap(), serde_json::to_value(message).unwrap());
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
    fn an_unknown_name_is_answered_with_the_nearest_known_ones() {
        let nearest = |name: &str| match set(name, "1") {
            Err(PropertyError::Unknown { nearest, .. }) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("connTimout"), ["connTimeout"]);
        assert_eq!(nearest("multi-streaming"), ["multistreaming"]);
        assert_eq!(nearest("idempotnet"), ["safelyReplayable"]);
        assert_eq!(nearest("mSendRate"), ["minSendRate", "maxSendRate"]);
        assert_eq!(nearest("frobnication"), [""; 0]);
        let text = set("connTimout", "1").unwrap_err().to_string();
        assert_eq!(text, "no such property: connTimout; did you mean connTimeout?");
        let text = set("mSendRate", "1").unwrap_err().to_string();
        assert!(text.ends_with("did you mean minSendRate or maxSendRate?"), "{text}");
    }

    #[test]
    fn a_value_the_property_cannot_have_is_refused_with_the_reason() {
        assert_eq!(fault("connTimeout", "-2"), ValueFault::Negative);
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
