//! What a transport or the daemon logs, on standard error.

use crate::report::visible;
use serde_json::{Map, Value, json};
use slog::{Drain, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer, o};
use std::fmt;

/// Warnings always, the rest if it is asked for.
#[cfg(unix)]
pub(crate) fn logger(verbose: bool) -> Logger {
    let most = if verbose { Level::Debug } else { Level::Warning };
    Logger::root(Lines { most, json: false, whose: true }, o!())
}

/// Warnings alone, for people or for programs.
pub(crate) fn warnings(json: bool) -> Logger {
    Logger::root(Lines { most: Level::Warning, json, whose: false }, o!())
}

/// One line for each record.
struct Lines {
    most: Level,
    json: bool,
    /// Whether it is told whose record it is: which actor's, of which flow.
    whose: bool,
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        if record.level().is_at_least(self.most) {
            let mut told = Told(Vec::new());
            // What cannot be told whole is told as far as it goes.
            let _ = record.kv().serialize(record, &mut told);
            if self.whose {
                let _ = values.serialize(record, &mut told);
            }
            let message = record.msg().to_string();
            eprintln!("{}", if self.json { told.json(message) } else { told.text(&message) });
        }
        Ok(())
    }
}

/// What a record is about.
struct Told(Vec<(Key, String)>);

impl Told {
    /// Names of files, and what somebody has pushed, may be in it: a terminal shows them and does not obey.
    fn text(&self, message: &str) -> String {
        let mut line = format!("neatflow: {message}");
        for (key, value) in &self.0 {
            // What a message is about belongs to its words.
            let between = if *key == "what" { ": ".to_owned() } else { format!(", {key}: ") };
            line += &between;
            line += value;
        }
        visible(line)
    }

    fn json(self, message: String) -> String {
        let mut line = Map::from_iter(self.0.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
        line.insert("type".to_owned(), json!("warning"));
        line.insert("warning".to_owned(), json!(message));
        Value::Object(line).to_string()
    }
}

impl Serializer for Told {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.push((key, value.to_string()));
        Ok(())
    }
}
