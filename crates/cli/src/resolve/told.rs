//! An answer, for people and for programs.

use crate::report::{millis, time};
use neatflow::name_resolver::Answered;
use neatflow::racing::ServiceRecord;
use serde_json::{Value, json};
use std::time::Duration;

/// A line for each record, or for the reason why there is none. Answers are told as they come, so the columns do not
/// wait for the widest.
pub(super) fn text(after: Duration, answered: &Answered, head: bool) -> Vec<String> {
    let head = head.then(|| line("after", "type", "answer", "from").trim_end().to_owned());
    let (at, from) = (time(after), answered.origin.to_string());
    let records = match &answered.result {
        Ok(records) => {
            let addresses = records.addresses().iter().map(ToString::to_string);
            addresses.chain(records.services().iter().map(service)).collect()
        }
        Err(failure) => vec![failure.to_string()],
    };
    let kind = answered.kind.to_string();
    let lines = records.iter().enumerate().map(|(place, record)| match place {
        0 => line(&at, &kind, record, &from),
        _ => line("", "", record, "").trim_end().to_owned(),
    });
    head.into_iter().chain(lines).collect()
}

fn line(after: &str, kind: &str, answer: &str, from: &str) -> String {
    format!("  {after:<11}  {kind:<5}  {answer:<40}  {from}")
}

/// As a zone file has it (RFC 9460 §2.1).
fn service(record: &ServiceRecord) -> String {
    let mut told = format!("{} {}", record.priority, record.target);
    let mut say = |key: &str, value: String| told += &format!(" {key}={value}");
    if !record.alpn.is_empty() {
        // They come from the network, and a terminal obeys what it is shown.
        let names: Vec<_> = record.alpn.iter().map(|name| name.escape_debug().to_string()).collect();
        say("alpn", names.join(","));
    }
    if let Some(port) = record.port {
        say("port", port.to_string());
    }
    let hints = [("ipv6hint", &record.v6_hints), ("ipv4hint", &record.v4_hints)];
    for (key, hints) in hints.into_iter().filter(|(_, hints)| !hints.is_empty()) {
        say(key, hints.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    if let Some(ech) = &record.ech {
        say("ech", format!("({} bytes)", ech.len()));
    }
    if record.no_default_alpn {
        told += " no-default-alpn";
    }
    told
}

pub(super) fn json(name: &str, after: Duration, answered: &Answered) -> Value {
    let (addresses, services, error) = match &answered.result {
        Ok(records) => (
            records.addresses().iter().map(ToString::to_string).collect(),
            records.services().iter().map(of_service).collect(),
            None,
        ),
        Err(failure) => (Vec::new(), Vec::new(), Some(failure.to_string())),
    };
    json!({
        "type": "answer",
        "name": name,
        "kind": answered.kind,
        "after_ms": millis(after),
        "addresses": addresses,
        "services": services,
        "error": error,
        "origin": answered.origin.to_string(),
        "secure": answered.origin.is_secure(),
    })
}

fn of_service(record: &ServiceRecord) -> Value {
    let hints = |hints: &[neatflow::racing::Address]| -> Vec<String> {
        hints.iter().map(ToString::to_string).collect()
    };
    json!({
        "priority": record.priority,
        "target": &*record.target,
        "alpn": record.alpn.iter().map(|name| &**name).collect::<Vec<_>>(),
        "no_default_alpn": record.no_default_alpn,
        "port": record.port,
        "ipv6_hints": hints(&record.v6_hints),
        "ipv4_hints": hints(&record.v4_hints),
        "ech": record.ech.is_some(),
    })
}
