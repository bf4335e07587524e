//! The file formats as JSON Schema (draft 2020-12), for editors and for whoever writes policies by program.
//!
//! A schema says what may stand where. What two places say together (a range that is empty, links in a circle, an
//! expansion that explodes) only the reader knows.

use serde_json::{Value, json};

/// The format of `*.policy` and `*.profile`: one policy, or a list of them.
pub fn policy() -> Value {
    document(
        "A policy or a profile of neatflow, in NEAT's format",
        json!({
            "uid": uid(),
            "priority": {"type": "number", "default": 0, "description": "a lower one is applied earlier"},
            "description": {"type": "string"},
            "policy_type": {"enum": ["policy", "profile"], "description": "as the ending of the file's name"},
            "replace_matched": {
                "type": "boolean", "default": false,
                "description": "whether what was matched is taken out before the properties are added"
            },
            "match": {"$ref": "#/$defs/plain", "description": "a candidate must have all of these"},
            "properties": {"$ref": "#/$defs/alternatives"},
            "filename": {"type": ["string", "null"], "deprecated": true},
            "time": {"type": "number", "deprecated": true},
        }),
    )
}

/// The format of `*.cib`: one node, or a list of them.
pub fn node() -> Value {
    let expire = json!({
        "type": ["number", "null"],
        "description": "seconds since the Unix epoch, -1 for never; ten minutes from now when it is not said"
    });
    document(
        "A node of neatflow's CIB, in NEAT's format",
        json!({
            "uid": uid(),
            "root": {"type": "boolean", "default": false, "description": "whether rows begin here"},
            "link": {
                "type": "boolean", "default": false,
                "description": "whether it is appended to the nodes it matches; otherwise it adds rows to those it matches"
            },
            "priority": {"type": "number", "default": 0, "description": "of two nodes that say the same the lower is right"},
            "expire": expire,
            "expires": expire,
            "description": {"type": "string"},
            "match": {"oneOf": [
                {"$ref": "#/$defs/plain"},
                {"type": "array", "items": {"$ref": "#/$defs/plain"}}
            ]},
            "properties": {"$ref": "#/$defs/alternatives"},
            "filename": {"type": ["string", "null"], "deprecated": true},
        }),
    )
}

fn document(title: &str, properties: Value) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "oneOf": [{"$ref": "#/$defs/entry"}, {"type": "array", "items": {"$ref": "#/$defs/entry"}}],
        "$defs": {
            "entry": {"type": "object", "properties": properties, "additionalProperties": false},
            "scalar": {"type": ["boolean", "number", "string"]},
            "end": {"oneOf": [{"type": "number"}, {"type": "string", "pattern": "^-?[iI][nN][fF]([iI][nN][iI][tT][yY])?$"}]},
            "value": {"oneOf": [
                {"type": "null", "description": "any value"},
                {"$ref": "#/$defs/scalar"},
                {
                    "type": "array", "items": {"$ref": "#/$defs/scalar"}, "minItems": 1,
                    "description": "one of these, in the order of preference"
                },
                {
                    "type": "object", "description": "a number from start to end, both included",
                    "properties": {"start": {"$ref": "#/$defs/end"}, "end": {"$ref": "#/$defs/end"}},
                    "required": ["start", "end"], "additionalProperties": false
                }
            ]},
            "property": {
                "type": "object",
                "properties": {
                    "value": {"$ref": "#/$defs/value"},
                    "precedence": {"enum": [0, 1, 2], "default": 1, "description": "default, requested, immutable"},
                    "score": {"type": "number", "default": 0},
                    "evaluated": {"type": "boolean", "default": false},
                    "description": {"type": "string"}
                },
                "additionalProperties": false
            },
            "plain": {"type": "object", "additionalProperties": {"$ref": "#/$defs/property"}},
            "set": {
                "type": "object",
                "additionalProperties": {"oneOf": [
                    {"$ref": "#/$defs/property"},
                    {"type": "array", "items": {"$ref": "#/$defs/property"}, "minItems": 1}
                ]}
            },
            "alternatives": {
                "description": "one set, or groups of sets: one of each group, in every combination",
                "oneOf": [
                    {"$ref": "#/$defs/set"},
                    {"type": "array", "items": {"oneOf": [
                        {"$ref": "#/$defs/set"},
                        {"type": "array", "items": {"$ref": "#/$defs/set"}, "minItems": 1}
                    ]}}
                ]
            }
        }
    })
}

fn uid() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^./\\\\][^/\\\\]*$",
        "description": "the name of the file when it is not said"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::neat::Fault;
    use crate::policy::{CibNode, Policy};
    use crate::time::Time;

    /// What the reader says it knows, when it is given something it does not know.
    fn known(fault: Fault) -> Vec<&'static str> {
        let Fault::UnknownKey { known, .. } = fault else { panic!("{fault}") };
        let mut known = known.to_vec();
        known.sort_unstable();
        known
    }

    fn keys(schema: &Value) -> Vec<&str> {
        schema.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schemas_know_what_the_readers_know() {
        let wrong = r#"{"root": true, "no such key": 1}"#;
        let of_policies = known(Policy::from_json(r#"{"no such key": 1}"#).unwrap_err().fault);
        assert_eq!(keys(&policy()["$defs"]["entry"]["properties"]), of_policies);
        let of_nodes = known(CibNode::from_json(wrong, Time::ZERO).unwrap_err().fault);
        assert_eq!(keys(&node()["$defs"]["entry"]["properties"]), of_nodes);
        let attribute = Policy::from_json(r#"{"match": {"a": {"no such key": 1}}}"#).unwrap_err().fault;
        assert_eq!(keys(&node()["$defs"]["property"]["properties"]), known(attribute));
    }
}
