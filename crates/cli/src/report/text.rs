//! For people: calm and aligned.

use super::facts::{Outcome, Seen, millis, outcomes, unresolved};
use crate::advice::Trouble;
use neatflow::{Protocol, RaceRecord};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) fn event(seen: &Seen) -> String {
    let who = seen.subscriber.map(|who| format!("{who:<10}  ")).unwrap_or_default();
    let connection = seen.connection.map(|id| format!("connection {id:<3}")).unwrap_or_default();
    let line =
        format!("  {who}{}  {:<18}  {connection}  {}", time(seen.at), seen.kind.name(), data(&seen.details));
    line.trim_end().to_owned()
}

pub(crate) fn race(record: &RaceRecord) -> Vec<String> {
    let head = ["", "candidate", "priority", "started", "cause", "ended", "how"].map(str::to_owned).to_vec();
    let rows = std::iter::once(head).chain(outcomes(record).iter().map(row)).collect();
    let unresolved = unresolved(record).map(|failure| format!("  {failure}"));
    table(rows).into_iter().chain(unresolved).collect()
}

fn row(Outcome { id, candidate, attempt, reason }: &Outcome<'_>) -> Vec<String> {
    let ended = attempt.and_then(|attempt| attempt.end);
    let how = match (ended, reason) {
        (Some(ended), Some(why)) => format!("{}: {why}", ended.reason),
        (Some(ended), None) => ended.reason.to_string(),
        (None, _) if attempt.is_some() => "cancelled".to_owned(),
        (None, _) => "not tried".to_owned(),
    };
    vec![
        id.to_string(),
        candidate.map_or_else(|| "?".to_owned(), ToString::to_string),
        candidate.map(|candidate| candidate.priority.to_string()).unwrap_or_default(),
        attempt.map(|attempt| time(attempt.started.since_origin())).unwrap_or_default(),
        attempt.map(|attempt| attempt.cause.to_string()).unwrap_or_default(),
        ended.map(|ended| time(ended.at.since_origin())).unwrap_or_default(),
        how,
    ]
}

pub(super) fn listening(address: SocketAddr, protocol: &Protocol) -> String {
    format!("listening on {address} {protocol}")
}

pub(super) fn trouble(trouble: &Trouble) -> Vec<String> {
    let reasons = trouble.reasons.iter().map(|reason| match &reason.candidate {
        Some(candidate) => vec![format!("{candidate}:"), reason.why.clone()],
        None => vec![reason.why.clone()],
    });
    let advice = trouble.advice.iter().map(|advice| format!("hint: {advice}"));
    let first = format!("neatflow: {}", trouble.what);
    std::iter::once(first).chain(table(reasons.collect())).chain(advice).collect()
}

pub(super) fn note(kind: &str, pairs: &[(&'static str, Value)]) -> String {
    format!("  {kind:<10}  {}", data(pairs)).trim_end().to_owned()
}

pub(super) fn verdict(who: &str, wrong: Option<&str>) -> String {
    match wrong {
        None => format!("{who}: ok"),
        Some(wrong) => format!("{who}: failed: {wrong}"),
    }
}

fn data(pairs: &[(&'static str, Value)]) -> String {
    let pair = |(key, value): &(&str, Value)| match value {
        Value::String(text) => format!("{key} {text}"),
        other => format!("{key} {other}"),
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("  ")
}

/// What came from elsewhere (the name of a file, say), so that a terminal shows it and does not obey it.
pub(crate) fn visible(what: impl ToString) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    what.to_string().chars().map(escaped).collect()
}

pub(crate) fn time(time: Duration) -> String {
    format!("{:>8.1} ms", millis(time))
}

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        // The last cell of a row needs no room for what follows it.
        let cells = rows.iter().filter(|row| column + 1 < row.len());
        cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows =
            vec![row(&["a", "long", "x"]), row(&["bbb", "c", ""]), row(&["alone, and as long as it is"])];
        assert_eq!(table(rows), ["  a    long  x", "  bbb  c", "  alone, and as long as it is"]);
    }
}
