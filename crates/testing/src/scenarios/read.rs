//! Reading scenario files.

use super::schema::{ConfigSpec, KindSpec, Scenario, ServiceSpec};
use super::world::World;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use thiserror::Error;

/// The schema this reads.
pub const SCHEMA: &str = "he-scenario/1";

/// Why a file cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no JSON, or has keys or values that the schema does not have.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// It is of another schema.
    #[error("the schema is {0:?}; only {SCHEMA:?} can be read")]
    Schema(String),
    /// A scenario makes no sense.
    #[error("scenario {id}: {why}")]
    Scenario {
        /// Which one.
        id: String,
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(default)]
    defaults: Map<String, Value>,
    scenarios: Vec<Scenario>,
    #[serde(default, rename = "set")]
    _set: Option<String>,
    #[serde(default, rename = "spec")]
    _spec: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// Reads the scenarios of a file.
///
/// *Errors*: no JSON, another schema, unknown keys or values, addresses that are none, an id that is there twice.
pub fn read(text: &str) -> Result<Vec<Scenario>, ReadError> {
    let head: Head = serde_json::from_str(text)?;
    if head.schema != SCHEMA {
        return Err(ReadError::Schema(head.schema));
    }
    let file: File = serde_json::from_str(text)?;
    debug_assert_eq!(file.schema, SCHEMA);
    let mut seen = BTreeSet::new();
    file.scenarios
        .into_iter()
        .map(|mut scenario| {
            let error = |why: String| ReadError::Scenario { id: scenario.id.clone(), why };
            if !seen.insert(scenario.id.clone()) {
                return Err(error("there are two of this id".to_owned()));
            }
            let mut settings = file.defaults.clone();
            settings.extend(scenario.config.clone());
            let settings: ConfigSpec = serde_json::from_value(Value::Object(settings))
                .map_err(|why| error(format!("config: {why}")))?;
            for entry in &scenario.dns {
                if entry.kind == KindSpec::Https {
                    for answer in &entry.answers {
                        ServiceSpec::deserialize(answer).map_err(|why| error(format!("dns: {why}")))?;
                    }
                }
            }
            scenario.settings = settings;
            World::new(&scenario).map_err(|why| ReadError::Scenario { id: scenario.id.clone(), why })?;
            Ok(scenario)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(scenario: &str) -> String {
        format!(r#"{{"schema":"he-scenario/1","scenarios":[{scenario}]}}"#)
    }

    const EXPECT: &str =
        r#""expect":{"result":"failed","ended_at_ms":0,"winner":null,"attempts":[],"not_attempted":[]}"#;

    fn scenario(rest: &str) -> String {
        file(&format!(
            r#"{{"id":"1","name":"n","target":{{"host":"h","port":1,"scheme":"tcp"}},{EXPECT}{rest}}}"#
        ))
    }

    #[test]
    fn what_the_schema_has_not_is_refused_by_name() {
        assert_eq!(read(&scenario("")).unwrap().len(), 1);
        for (text, why) in [
            ("{}".to_owned(), "missing field `schema`"),
            (r#"{"schema":"he-scenario/2","scenarios":[]}"#.to_owned(), "he-scenario/2"),
            (r#"{"schema":"he-scenario/1","scenarios":[],"more":1}"#.to_owned(), "more"),
            (scenario(r#","more":1"#), "more"),
            (scenario(r#","config":{"speed":1}"#), "speed"),
            (scenario(r#","config":{"ordering":"random"}"#), "random"),
            (scenario(r#","config":{"nat64_prefix":"x"}"#), "nat64_prefix"),
            (scenario(r#","config":{"local_addrs":["x"]}"#), "local_addrs"),
            (scenario(r#","dns":[{"type":"MX","delay_ms":1}]"#), "MX"),
            (scenario(r#","dns":[{"type":"A","delay_ms":1,"answers":["x"]}]"#), "x"),
            (scenario(r#","dns":[{"type":"HTTPS","delay_ms":1,"answers":[{"weight":1}]}]"#), "weight"),
            (scenario(r#","network":[{"match":{"port":1},"outcome":"accept"}]"#), "port"),
            (scenario(r#","network":[{"outcome":"lost"}]"#), "lost"),
            (scenario(r#","candidates":[{"addr":"x","proto":"tcp"}]"#), "x"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{error} should name {why}");
        }
    }

    #[test]
    fn two_scenarios_of_one_id_are_refused() {
        let one = scenario("");
        let one = one.trim_start_matches(r#"{"schema":"he-scenario/1","scenarios":["#).trim_end_matches("]}");
        assert!(read(&file(&format!("{one},{one}"))).unwrap_err().to_string().contains("two of this id"));
    }
}
