//! Properties that no RFC knows (RFC 9622 §4.1): NEAT's own, and whatever else is given under a vendor's name.

use super::descriptor::{Access, Accessors, Descriptor, Kind, Scope};
use super::text::{Text, read_optional, value_of_optional};
use super::{Preference, PropertyError, TransportProperties, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Properties that no RFC knows.
///
/// NEAT's own have a type. Any other name in a vendor's namespace, which begins with `_`, is kept with its value for
/// whoever asks for it, and nothing here acts on it: at most [`MAX_PROPERTIES`](Self::MAX_PROPERTIES) of them.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct VendorProperties {
    /// Whether excessive retransmission is to be told of. Default: No Preference. NEATPy (`retransmit-notify`).
    pub retransmit_notify: Preference,
    /// After how many retransmissions they are excessive; `None` = never (default).
    /// NEATPy (`retransmit-notify-threshold`).
    pub retransmit_notify_threshold: Option<u32>,
    /// By the name in lower case: names are the same in any case.
    others: BTreeMap<String, (Arc<str>, Value)>,
}

impl VendorProperties {
    /// At most so many other properties are kept.
    pub const MAX_PROPERTIES: usize = 64;

    /// A name, and a value written as text, have at most so many bytes.
    pub const MAX_LENGTH: usize = 1_024;

    /// The value of a property, if it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.others.get(&name.to_ascii_lowercase()).map(|(_, value)| value)
    }

    /// The properties that were given, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.others.values().map(|(name, value)| (&**name, value))
    }

    /// Keeps a property; a later value overrides an earlier one.
    pub(super) fn insert(&mut self, name: &str, value: Value) -> Result<(), PropertyError> {
        let key = name.to_ascii_lowercase();
        if name.len() > Self::MAX_LENGTH || value.to_string().len() > Self::MAX_LENGTH {
            return Err(PropertyError::TooLong { limit: Self::MAX_LENGTH });
        }
        if self.others.len() >= Self::MAX_PROPERTIES && !self.others.contains_key(&key) {
            return Err(PropertyError::TooMany { limit: Self::MAX_PROPERTIES });
        }
        self.others.insert(key, (name.into(), value));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.others.remove(&name.to_ascii_lowercase());
    }
}

/// Whether a name is in a vendor's namespace: `_vendor.name`, of ASCII letters, digits and `_ - .`.
pub(super) fn is_vendor_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.strip_prefix('_').is_some_and(|rest| {
        rest.bytes().all(allowed) && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
    })
}

/// What NEATPy has and the RFC no longer.
pub(super) const TABLE: [Descriptor; 3] = [
    Descriptor {
        name: "_neat.retransmitNotify",
        kind: Kind::Preference,
        unit: None,
        section: "NEATPy 1.0.0 §1.4",
        default: Preference::NoPreference.name(),
        scope: Scope::Vendor,
        read_only: false,
        neatpy: Some("retransmit-notify"),
        neatpy_default: None,
        access: Access::Transport(Accessors {
            get: |wanted: &TransportProperties| wanted.vendor.retransmit_notify.into(),
            set: |wanted, value| {
                wanted.vendor.retransmit_notify = Preference::from_value(value)?;
                Ok(())
            },
            said: |wanted| wanted.vendor.retransmit_notify != Preference::NoPreference,
            reset: |wanted| wanted.vendor.retransmit_notify = Preference::NoPreference,
        }),
    },
    Descriptor {
        name: "_neat.retransmitNotifyThreshold",
        kind: Kind::Integer,
        unit: None,
        section: "NEATPy 1.0.0 §1.5",
        default: "Disabled",
        scope: Scope::Vendor,
        read_only: false,
        neatpy: Some("retransmit-notify-threshold"),
        neatpy_default: None,
        access: Access::Transport(Accessors {
            get: |wanted| value_of_optional(wanted.vendor.retransmit_notify_threshold, "Disabled"),
            set: |wanted, value| {
                wanted.vendor.retransmit_notify_threshold = read_optional(value, "Disabled")?;
                Ok(())
            },
            said: |wanted| wanted.vendor.retransmit_notify_threshold.is_some(),
            reset: |wanted| wanted.vendor.retransmit_notify_threshold = None,
        }),
    },
    Descriptor {
        name: "_neat.zeroRttMsgMaxLen",
        kind: Kind::Integer,
        unit: Some("bytes"),
        section: "NEATPy 1.0.0 §1.5",
        default: "",
        scope: Scope::Vendor,
        read_only: true,
        neatpy: Some("zero-rtt-msg-max-len"),
        neatpy_default: None,
        access: Access::ReadOnly,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_vendor_is_kept_with_its_value() {
        let mut properties = TransportProperties::new();
        properties.add("_acme.Colour", "blue").unwrap();
        properties.add("_acme.depth", 3).unwrap();
        assert_eq!(properties.get("_ACME.colour"), Ok("blue".into()));
        assert_eq!(properties.get("_acme.depth"), Ok(Value::Integer(3)));
        assert_eq!(properties.vendor.iter().next(), Some(("_acme.Colour", &"blue".into())));
        assert!(matches!(properties.get("_acme.taste"), Err(PropertyError::Unknown { .. })));
        properties.add("_acme.colour", "red").unwrap();
        assert_eq!(properties.vendor.iter().count(), 2);
        properties.reset("_acme.colour").unwrap();
        assert_eq!(properties.vendor.iter().count(), 1);
    }

    #[test]
    fn other_names_are_refused() {
        let mut properties = TransportProperties::new();
        for name in ["acme.colour", "_", "__", "_.x", "_a b", "_ä", "_a\n", ""] {
            let refused = properties.add(name, "blue");
            assert!(matches!(refused, Err(PropertyError::Unknown { .. })), "{name}: {refused:?}");
        }
    }

    #[test]
    fn only_so_many_are_kept_and_none_that_is_too_long() {
        let mut properties = TransportProperties::new();
        for n in 0..VendorProperties::MAX_PROPERTIES {
            properties.add(&format!("_acme.n{n}"), 1).unwrap();
        }
        let limit = VendorProperties::MAX_PROPERTIES;
        assert_eq!(properties.add("_acme.more", 1), Err(PropertyError::TooMany { limit }));
        assert_eq!(properties.add("_acme.n0", 2), Ok(()));
        let limit = VendorProperties::MAX_LENGTH;
        let long = "x".repeat(limit + 1);
        assert_eq!(properties.add("_acme.n0", long.as_str()), Err(PropertyError::TooLong { limit }));
        assert_eq!(properties.add(&format!("_{long}"), 1), Err(PropertyError::TooLong { limit }));
    }
}
