//! For programs: one object in a line, whose `type` says what it is. Times are in milliseconds.

use super::facts::{Outcome, Seen, millis, outcomes, unresolved};
use crate::advice::Trouble;
use neatflow::racing::Reason;
use neatflow::{Candidate, Protocol, RaceRecord};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

pub(super) fn event(seen: &Seen) -> Value {
    let mut line = object("event");
    if let Some(who) = seen.subscriber {
        line.insert("subscriber".into(), json!(who));
    }
    line.insert("at_ms".into(), json!(millis(seen.at)));
    line.insert("event".into(), json!(seen.kind.name()));
    line.insert("status".into(), json!(seen.status.to_string()));
    if let Some(connection) = seen.connection {
        line.insert("connection".into(), json!(connection));
    }
    line.extend(pairs(&seen.details));
    Value::Object(line)
}

pub(super) fn race(record: &RaceRecord) -> Vec<Value> {
    let attempts = outcomes(record).into_iter().map(|outcome| Value::Object(attempt(&outcome)));
    let unresolved = unresolved(record).map(|reason| json!({ "type": "unresolved", "reason": reason }));
    attempts.chain(unresolved).collect()
}

fn attempt(outcome: &Outcome<'_>) -> Map<String, Value> {
    let mut line = object(if outcome.attempt.is_some() { "attempt" } else { "untried" });
    line.insert("candidate".into(), json!(outcome.id.0));
    line.extend(outcome.candidate.map(fields).unwrap_or_default());
    let Some(attempt) = outcome.attempt else { return line };
    let at = |time: neatflow::Time| json!(millis(time.since_origin()));
    line.insert("cause".into(), json!(attempt.cause));
    line.insert("started_ms".into(), at(attempt.started));
    line.insert("transport_ms".into(), attempt.transport.map_or(Value::Null, at));
    line.insert("security_ms".into(), attempt.security.map_or(Value::Null, at));
    line.insert("ended_ms".into(), attempt.end.map_or(Value::Null, |end| at(end.at)));
    line.insert("end".into(), json!(attempt.end.map_or(Reason::Cancelled, |ended| ended.reason)));
    if let Some(reason) = &outcome.reason {
        line.insert("reason".into(), json!(reason));
    }
    line
}

pub(super) fn listening(address: SocketAddr, protocol: &Protocol) -> Value {
    json!({ "type": "listening", "address": address.to_string(), "port": address.port(), "protocol": protocol.as_str() })
}

/// A line for each reason, and then the whole.
pub(super) fn trouble(trouble: &Trouble) -> Vec<Value> {
    let reasons = trouble.reasons.iter().map(|reason| {
        let mut line = object("reason");
        if let Some(candidate) = &reason.candidate {
            line.insert("candidate".into(), json!(candidate.id.0));
            line.extend(fields(candidate));
        }
        line.insert("reason".into(), json!(reason.why));
        Value::Object(line)
    });
    let whole = json!({
        "type": "error",
        "status": trouble.status.map(|status| status.to_string()),
        "error": trouble.what,
        "advice": trouble.advice,
    });
    reasons.chain(std::iter::once(whole)).collect()
}

pub(super) fn step(headline: &str) -> Value {
    json!({ "type": "step", "text": headline })
}

pub(super) fn note(kind: &str, data: &[(&'static str, Value)]) -> Value {
    let mut line = object(kind);
    line.extend(pairs(data));
    Value::Object(line)
}

pub(super) fn verdict(who: &str, wrong: Option<&str>) -> Value {
    json!({ "type": who, "ok": wrong.is_none(), "reason": wrong })
}

fn fields(candidate: &Candidate) -> Map<String, Value> {
    let fields = json!({
        "protocol": candidate.transport.as_str(),
        "remote": candidate.remote.to_string(),
        "local": candidate.local.map(|local| local.to_string()),
        "interface": candidate.interface.as_deref(),
        "host": candidate.host.as_deref(),
        "priority": candidate.priority,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn object(kind: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!(kind))])
}

fn pairs(pairs: &[(&'static str, Value)]) -> impl Iterator<Item = (String, Value)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone()))
}
