//! Properties as JSON (or any other format of serde): an object by the names of the RFC, of what was said.
//!
//! `{"reliability": "Require", "interface": {"wwan0": "Prohibit"}, "connTimeout": 2.5, "isolateSession": true}`

use super::by_name::{find, refused};
use super::{ALL, Descriptor, Kind, Preference, PropertyError, TransportProperties, ValueFault};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

impl Serialize for TransportProperties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = ALL.iter().filter(|property| (property.said)(self));
        serializer.collect_map(said.map(|property| (property.name, to_value(property, self))))
    }
}

impl<'de> Deserialize<'de> for TransportProperties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = TransportProperties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("transport properties by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TransportProperties, A::Error> {
        let mut properties = TransportProperties::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            set(&mut properties, &name, value).map_err(A::Error::custom)?;
        }
        Ok(properties)
    }
}

fn to_value(property: &Descriptor, properties: &TransportProperties) -> Value {
    let text = (property.get)(properties);
    match property.kind {
        Kind::PreferenceSet => {
            let entry = |(preference, name): &(Preference, Arc<str>)| {
                (name.to_string(), Value::from(preference.name()))
            };
            set_of(property, properties).iter().map(entry).collect()
        }
        Kind::Boolean => text.parse::<bool>().map_or(Value::String(text), Value::Bool),
        Kind::Integer => text.parse::<u64>().map_or(Value::String(text), Value::from),
        Kind::Seconds => exact_number(&text).unwrap_or(Value::String(text)),
        Kind::Preference | Kind::Enumeration(_) => Value::String(text),
    }
}

/// A number, if every reader reads the same time again: floats keep 15 digits, and quick readers no more.
fn exact_number(seconds: &str) -> Option<Value> {
    const MAX_DIGITS: usize = 15;
    if let Ok(whole) = seconds.parse::<u64>() {
        return Some(Value::from(whole));
    }
    let digits = seconds.bytes().filter(u8::is_ascii_digit).count();
    let number = Value::from(seconds.parse::<f64>().ok()?);
    let written = number.to_string();
    (digits <= MAX_DIGITS && written == seconds).then_some(number)
}

fn set_of<'a>(property: &Descriptor, properties: &'a TransportProperties) -> &'a [(Preference, Arc<str>)] {
    if property.name == "pvd" { properties.selection.pvds() } else { properties.selection.interfaces() }
}

fn set(properties: &mut TransportProperties, name: &str, value: Value) -> Result<(), PropertyError> {
    let property = find(name)?;
    let text = match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => value,
        Value::Object(entries) if property.kind == Kind::PreferenceSet => {
            return set_each(properties, property, &entries);
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(refused(property, &value.to_string(), ValueFault::NotAValue));
        }
    };
    properties.set_by_name(property.name, &text)
}

fn set_each(
    properties: &mut TransportProperties,
    property: &Descriptor,
    entries: &serde_json::Map<String, Value>,
) -> Result<(), PropertyError> {
    properties.set_by_name(property.name, "")?;
    for (name, preference) in entries {
        let text = preference.as_str().unwrap_or_default();
        let preference = text.parse().map_err(|fault| refused(property, text, fault))?;
        if property.name == "pvd" {
            properties.selection.set_pvd(name.as_str(), preference);
        } else {
            properties.selection.set_interface(name.as_str(), preference);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{Interface, SelectionProperty};
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
            (json!({"connTimeout": -1}), "negative"),
            (json!({"connTimeout": 1e300}), "too large"),
            (json!({"connTimeout": null}), "neither a number"),
            (json!({"connTimeout": [1]}), "neither a number"),
            (json!({"reliability": {"eth0": "Require"}}), "neither a number"),
            (json!({"interface": {"eth0": 1}}), "not one of Prohibit"),
            (json!({"connState": "Established"}), "read from a connection"),
            (json!([]), "by name"),
        ] {
            let error = from_value::<TransportProperties>(json.clone()).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
