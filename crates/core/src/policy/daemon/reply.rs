//! What is answered.
//!
//! libneat finds the end of an answer by counting brackets, those within texts too. So no text has any: they are
//! written as JSON's escapes, which mean the same to everyone else.

use super::exchange::ExchangeFault;
use super::import::Imported;
use crate::policy::cib::Cib;
use crate::policy::engine::LookupError;
use crate::policy::neat::{PolicyError, Properties};
use serde_json::{Value, json};

/// What ends every answer.
pub const REPLY_END: &str = "\n";

/// Candidates in NEAT's JSON, as [`Engine::answer`](crate::policy::Engine::answer) gives them, for the socket.
pub fn reply_candidates(candidates: &str) -> String {
    let mut reply = String::with_capacity(candidates.len() + 1);
    let (mut quoted, mut escaped) = (false, false);
    for c in candidates.chars() {
        let within = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        match c {
            '[' | ']' | '{' | '}' if within => reply.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => reply.push(c),
        }
    }
    reply.push_str(REPLY_END);
    reply
}

/// Why there is no answer: `{"error": "1:15: transport: an empty transport", "line": 1, ...}`. libneat takes it for no
/// candidates.
pub fn reply_error(why: &(impl Refusing + ?Sized)) -> String {
    reply_candidates(&why.to_json().to_string())
}

/// What was taken in: `{"imported": ["uid"], "replaced": 0}`. libneat does not listen.
pub fn reply_imported(imported: &Imported) -> String {
    let uids: Vec<&str> = imported.uids.iter().map(|uid| uid.as_str()).collect();
    reply_candidates(&json!({"imported": uids, "replaced": imported.replaced}).to_string())
}

/// The rows of a CIB: a list of their properties.
pub fn rows_in_json(cib: &Cib) -> String {
    let rows: Vec<&Properties> = cib.rows().iter().map(|row| &row.properties).collect();
    // Keys are texts, and numbers are finite: nothing can fail.
    serde_json::to_string_pretty(&rows).unwrap_or_default()
}

/// An error that is told in JSON: what is wrong, and where, if it has a place.
pub trait Refusing {
    /// As an object, of which `error` is for people.
    fn to_json(&self) -> Value;
}

impl Refusing for ExchangeFault {
    fn to_json(&self) -> Value {
        json!({"error": self.to_string()})
    }
}

impl Refusing for PolicyError {
    fn to_json(&self) -> Value {
        let Self { line, column, path, fault, .. } = self;
        json!({
            "error": self.to_string(), "line": line, "column": column, "path": path, "reason": fault.to_string(),
        })
    }
}

impl Refusing for LookupError {
    fn to_json(&self) -> Value {
        match self {
            Self::Request(error) => error.to_json(),
            _ => json!({"error": self.to_string()}),
        }
    }
}

impl Refusing for str {
    fn to_json(&self) -> Value {
        json!({"error": self})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Engine;
    use crate::time::Time;

    /// Where libneat thinks that an answer ends.
    fn end_as_libneat_sees_it(reply: &str) -> Option<usize> {
        let mut depth = 0;
        for (place, byte) in reply.bytes().enumerate() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(place + 1);
            }
        }
        None
    }

    #[test]
    fn brackets_in_texts_do_not_end_an_answer_for_libneat() {
        let candidates = r#"[{"a[}": {"value": "x]\"]\\"}}]"#;
        let reply = reply_candidates(candidates);
        assert_eq!(end_as_libneat_sees_it(&reply), Some(reply.len() - 1));
        let read: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(candidates).unwrap());
    }

    #[test]
    fn an_error_has_its_place() {
        let error = Engine::new().answer("[{\n\"transport\": {}}]", Time::ZERO).unwrap_err();
        let reply = reply_error(&error);
        assert_eq!(end_as_libneat_sees_it(&reply), Some(reply.len() - 1));
        let told: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(told["error"], "2:14: [0].transport: an empty transport");
        assert_eq!((&told["line"], &told["path"]), (&json!(2), &json!("[0].transport")));
    }
}
