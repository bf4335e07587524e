//! Properties as JSON, in NEAT's form.

use super::value::Range;
use super::{Alternatives, Properties, Property, Scalar, Value};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Float(value) => value.serialize(serializer),
            Self::String(value) => value.serialize(serializer),
        }
    }
}

/// An end of a range: JSON has no infinity, so it is a word.
struct End(f64);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.0 {
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            number if number.fract() == 0.0 && number.abs() <= EXACT => {
                serializer.serialize_i64(number as i64)
            }
            number => serializer.serialize_f64(number),
        }
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut range = serializer.serialize_struct("Range", 2)?;
        range.serialize_field("start", &End(self.start()))?;
        range.serialize_field("end", &End(self.end()))?;
        range.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_none(),
            Self::One(one) => one.serialize(serializer),
            Self::Set(set) => set.serialize(serializer),
            Self::Range(range) => range.serialize(serializer),
        }
    }
}

impl Serialize for Property {
    /// All four attributes, as the Policy Manager answers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut property = serializer.serialize_struct("Property", 4)?;
        property.serialize_field("value", &self.value)?;
        property.serialize_field("precedence", &self.precedence.number())?;
        property.serialize_field("score", &self.score)?;
        property.serialize_field("evaluated", &self.evaluated)?;
        property.end()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, property) in self.iter() {
            map.serialize_entry(key.as_str(), property)?;
        }
        map.end()
    }
}

impl Serialize for Alternatives {
    /// An array of arrays, as NEAT's.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.groups())
    }
}

impl Properties {
    /// As JSON, in NEAT's form.
    pub fn to_json(&self) -> String {
        // Keys are texts, and numbers are finite: nothing can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Alternatives {
    /// As JSON, in NEAT's form of an array of arrays.
    pub fn to_json(&self) -> String {
        // As above.
        serde_json::to_string(self).unwrap_or_default()
    }
}
