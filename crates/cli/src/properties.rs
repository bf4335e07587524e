//! `neatflow properties`.

use crate::args::Properties;
use crate::exit::Exit;
use crate::report::table;
use neatflow::properties::{ALL, Descriptor, Kind, Scope};
use neatflow::{Offer, Offers, Protocol, Registry, SelectionProperty};
use serde_json::{Map, Value, json};
use std::io::{self, ErrorKind, Write};

/// Which protocols act on what is not selected by: everybody (`*`) or those that are named.
///
/// Asked for and checked is every property; this is about those that make a difference, or, of those that can only be
/// read, that have an answer.
const ACTED_ON: &[(&str, &[&str])] = &[
    ("interface", &["*"]),
    ("connTimeout", &["tcp"]),
    ("keepAliveTimeout", &["tcp"]),
    ("connCapacityProfile", &["tcp", "udp"]),
    ("connState", &["*"]),
    ("canSend", &["*"]),
    ("canReceive", &["*"]),
    ("singularTransmissionMsgMaxLen", &["udp"]),
    ("sendMsgMaxLen", &["udp"]),
    // Without it a protocol that may double messages is none.
    ("safelyReplayable", &["udp"]),
    ("final", &["*"]),
    ("ecn", &["udp"]),
];

/// A protocol, and what it offers.
type Column = (Protocol, Offers);

pub(crate) fn properties(args: &Properties) -> Exit {
    let stacks = Registry::built_in();
    let stacks: Vec<Column> = stacks.iter().map(|stack| (stack.protocol(), stack.offers())).collect();
    let told = if args.json {
        let rows: Vec<_> = ALL.iter().map(|row| object(row, &stacks)).collect();
        format!("{:#}", Value::Array(rows))
    } else {
        text(&stacks)
    };
    match writeln!(io::stdout().lock(), "{told}") {
        // Whoever read it has seen enough (`| head`).
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}

fn text(stacks: &[Column]) -> String {
    let fixed = ["name", "type", "default", "section", "in NEATPy"].map(str::to_owned);
    let head = fixed.into_iter().chain(stacks.iter().map(|(protocol, _)| protocol.to_string()));
    let mut rows = vec![head.collect::<Vec<_>>()];
    rows.extend(ALL.iter().map(|row| cells(row, stacks)));
    let mut lines = table(rows).into_iter();
    let mut told: Vec<String> = lines.next().into_iter().collect();
    let mut scope = None;
    for (row, line) in ALL.iter().zip(lines) {
        if scope.replace(row.scope) != Some(row.scope) {
            told.extend([String::new(), heading(row.scope).to_owned()]);
        }
        told.push(line);
    }
    told.join("\n")
}

fn heading(scope: Scope) -> &'static str {
    match scope {
        Scope::Selection => {
            "Selection: which transport it is (--require, --prefer, --avoid, --prohibit, --set)"
        }
        Scope::Connection => "Connection: how it is run (--set)",
        Scope::Message => "Message: said of a connection, it holds for all its messages (--set)",
        _ => "Of vendors (--set)",
    }
}

fn cells(row: &Descriptor, stacks: &[Column]) -> Vec<String> {
    let unit =
        row.unit.filter(|_| row.kind != Kind::Seconds).map(|unit| format!(" ({unit})")).unwrap_or_default();
    let fixed = [
        row.name.to_owned(),
        format!("{}{unit}", kind(row.kind)),
        if row.read_only { "read-only".to_owned() } else { row.default.to_owned() },
        row.section.to_owned(),
        row.neatpy.unwrap_or("-").to_owned(),
    ];
    let by_stack = stacks.iter().map(|stack| match word(row, stack) {
        "never" | "no" => "-".to_owned(),
        "Bidirectional" => "both ways".to_owned(),
        word => word.to_owned(),
    });
    fixed.into_iter().chain(by_stack).collect()
}

fn object(row: &Descriptor, stacks: &[Column]) -> Value {
    let by_stack = stacks.iter().map(|stack| (stack.0.to_string(), json!(word(row, stack))));
    let words = match row.kind {
        Kind::Enumeration(words) => Some(words),
        _ => None,
    };
    json!({
        "name": row.name,
        "scope": format!("{:?}", row.scope).to_lowercase(),
        "type": kind(row.kind),
        "values": words,
        "unit": row.unit,
        "default": if row.read_only { None } else { Some(row.default) },
        "section": row.section,
        "neatpy": row.neatpy,
        "neatpy_default": row.neatpy_default,
        "read_only": row.read_only,
        "stacks": by_stack.collect::<Map<_, _>>(),
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Preference => "preference",
        Kind::PreferenceSet => "set of preferences",
        Kind::Enumeration(_) => "enumeration",
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Seconds => "seconds",
        _ => "other",
    }
}

/// What a protocol makes of a property: how it offers it, or whether it acts on it.
fn word(row: &Descriptor, (protocol, offers): &Column) -> &'static str {
    if let Some(property) = SelectionProperty::ALL.iter().find(|property| property.name() == row.name) {
        return offer(offers.offer(*property));
    }
    match row.name {
        "multipath" => return offer(offers.multipath()),
        "direction" => return offers.direction().name(),
        _ => {}
    }
    let acts = |by: &&str| *by == "*" || *by == protocol.as_str();
    let acted_on = ACTED_ON.iter().any(|(name, by)| *name == row.name && by.iter().any(|by| acts(by)));
    if acted_on { "yes" } else { "no" }
}

fn offer(offer: Offer) -> &'static str {
    match offer {
        Offer::Never => "never",
        Offer::Optional => "optional",
        Offer::Always => "always",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acted_on_exists() {
        for (name, _) in ACTED_ON {
            assert!(ALL.iter().any(|row| row.name == *name), "{name}");
        }
    }
}
