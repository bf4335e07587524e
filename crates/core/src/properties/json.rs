//! Properties as JSON (or any other format of serde): an object by the names of the RFC, of what was said.
//!
//! `{"reliability": "Require", "interface": {"wwan0": "Prohibit"}, "connTimeout": 2.5, "isolateSession": true}`

use super::by_name::{lookup, unknown};
use super::{ALL, Kind, MessageProperties, PropertyError, TransportProperties, Value, ValueFault, neatpy};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use std::fmt;
use std::marker::PhantomData;

impl Serialize for TransportProperties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.said())
    }
}

impl<'de> Deserialize<'de> for TransportProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName(PhantomData))
    }
}

impl Serialize for MessageProperties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.said())
    }
}

impl<'de> Deserialize<'de> for MessageProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName(PhantomData))
    }
}

/// What properties are read into.
trait Sayable: Default {
    fn say(&mut self, name: &str, value: Value) -> Result<(), PropertyError>;
}

impl Sayable for TransportProperties {
    fn say(&mut self, name: &str, value: Value) -> Result<(), PropertyError> {
        self.add(name, value)
    }
}

impl Sayable for MessageProperties {
    fn say(&mut self, name: &str, value: Value) -> Result<(), PropertyError> {
        self.add(name, value)
    }
}

struct ByName<T>(PhantomData<T>);

impl<'de, T: Sayable> Visitor<'de> for ByName<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("properties by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut properties = T::default();
        while let Some((name, json)) = entries.next_entry::<String, Json>()? {
            let said = value(&name, json).and_then(|value| properties.say(&name, value));
            said.map_err(A::Error::custom)?;
        }
        Ok(properties)
    }
}

fn value(name: &str, json: Json) -> Result<Value, PropertyError> {
    Ok(match json {
        Json::Bool(value) => value.into(),
        Json::Number(number) => number.as_u64().map_or_else(|| number.to_string().into(), Value::Integer),
        Json::String(text) => text.into(),
        Json::Array(_) | Json::Object(_) if neatpy::is_several(name) => json.to_string().into(),
        Json::Object(entries)
            if lookup(name).is_some_and(|property| property.kind == Kind::PreferenceSet) =>
        {
            set(name, &entries)?
        }
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return Err(refused(name, &json, ValueFault::NotAValue));
        }
    })
}

fn set(name: &str, entries: &serde_json::Map<String, Json>) -> Result<Value, PropertyError> {
    let entry = |(place, preference): (&String, &Json)| {
        let text = preference.as_str().map_or_else(|| preference.to_string(), str::to_owned);
        let preference = text.parse().map_err(|fault| refused(name, preference, fault))?;
        Ok((preference, place.as_str().into()))
    };
    entries.iter().map(entry).collect::<Result<_, _>>().map(Value::Set)
}

/// The error of the property of this name, or, if there is none, of the name.
fn refused(name: &str, json: &Json, fault: ValueFault) -> PropertyError {
    match lookup(name) {
        Some(property) if property.read_only => PropertyError::ReadOnly(property.name),
        Some(property) => property.refused(&json.to_string().into(), fault),
        None => unknown(ALL.iter(), name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{Interface, Preference, SelectionProperty};
    use serde_json::{from_value, json, to_value};
    use std::time::Duration;

    #[test]
    fn only_what_was_said_is_written_by_its_name_in_the_rfc() {
        let mut wanted = TransportProperties::new()
            .require(SelectionProperty::Reliability)
            .prohibit(Interface::named("wwan0"));
        wanted.connection.conn_timeout = Some(Duration::from_millis(2_500));
        wanted.connection.isolate_session = true;
        let written = json!({
            "reliability": "Require", "interface": {"wwan0": "Prohibit"}, "connTimeout": 2.5, "isolateSession": true
        });
        assert_eq!(to_value(&wanted).unwrap(), written);
        assert_eq!(from_value::<TransportProperties>(written).unwrap(), wanted);
        assert_eq!(to_value(TransportProperties::new()).unwrap(), json!({}));
    }

    #[test]
    fn numbers_may_be_texts_and_names_may_be_snake_case() {
        let read =
            from_value::<TransportProperties>(json!({"conn_timeout": "2.5", "interface": "eth0=Avoid"}));
        let read = read.unwrap();
        assert_eq!(read.connection.conn_timeout, Some(Duration::from_millis(2_500)));
        assert_eq!(read.selection.interfaces(), [(Preference::Avoid, "eth0".into())]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (json, why) in [
            (json!({"conTimeout": 1}), "did you mean connTimeout?"),
            (json!({"connTimeout": -2}), "negative"),
            (json!({"connTimeout": 1e300}), "too large"),
            (json!({"connTimeout": null}), "neither a number"),
            (json!({"connTimeout": [1]}), "neither a number"),
            (json!({"reliability": {"eth0": "Require"}}), "neither a number"),
            (json!({"interface": {"eth0": 3}}), "not one of Prohibit"),
            (json!({"_acme.colour": {"red": 1}}), "no such property"),
            (json!({"connState": "Established"}), "read from a connection"),
            (json!([]), "by name"),
        ] {
            let error = from_value::<TransportProperties>(json.clone()).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
    }

    #[test]
    fn names_and_shapes_of_neatpy_are_read() {
        let read = from_value::<TransportProperties>(json!({
            "preserve-msg-boundaries": 1,
            "max-send-rate / max-recv-rate": [1000, -1],
            "tcp-uto": {"tcp.user-timeout-value": 150},
            "interface": {"eth0": 2},
            "idempotent": true,
            "_acme.depth": 3,
        }));
        let written = json!({
            "preserveMsgBoundaries": "Prefer",
            "interface": {"eth0": "Require"},
            "maxSendRate": 1000,
            "tcp.userTimeoutValue": 150,
            "safelyReplayable": true,
            "_acme.depth": 3,
        });
        assert_eq!(to_value(read.unwrap()).unwrap(), written);
    }

    #[test]
    fn properties_of_a_message_are_read_and_written_alone() {
        let written = json!({"msgLifetime": 0.5, "final": true, "msgChecksumLen": "Full Coverage"});
        let read = from_value::<MessageProperties>(written.clone()).unwrap();
        assert_eq!(read.lifetime(), Some(Duration::from_millis(500)));
        assert_eq!(to_value(read).unwrap(), written);
        assert!(from_value::<MessageProperties>(json!({"connTimeout": 1})).is_err());
    }
}
