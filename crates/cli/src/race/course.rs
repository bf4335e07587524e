//! The course of one race, for people.

use super::Over;
use crate::report::{race_table, table, time};
use neatflow::{CandidateId, RaceRecord};

/// Everything: questions, order, attempts, timers, and the winner.
pub(super) fn text(peer: &str, over: &Over) -> Vec<String> {
    let record = &over.record;
    let sections = [
        ("names", queries(record)),
        ("order", order(record)),
        ("attempts", race_table(record)),
        ("timers", timers(record)),
    ];
    let mut lines = vec![format!("race to {peer}")];
    for (name, section) in sections.into_iter().filter(|(_, section)| !section.is_empty()) {
        lines.extend([String::new(), name.to_owned()]);
        lines.extend(section);
    }
    lines.extend([String::new(), verdict(record)]);
    lines
}

/// One of many.
pub(super) fn line(number: u64, over: &Over) -> String {
    let attempts = over.record.timeline.attempts.len();
    format!("  {number:>4}  {attempts:>2} attempts  {}", verdict(&over.record))
}

fn verdict(record: &RaceRecord) -> String {
    match (record.timeline.winner(), record.timeline.connected()) {
        (Some(winner), Some(after)) => {
            format!(
                "connected to {} after {}",
                named(record, winner),
                time(after.since_origin()).trim_start()
            )
        }
        _ => "not connected".to_owned(),
    }
}

fn queries(record: &RaceRecord) -> Vec<String> {
    let queries = &record.timeline.queries;
    if queries.is_empty() {
        return Vec::new();
    }
    let head = ["question", "asked", "answered", "answer"].map(str::to_owned).to_vec();
    let rows = queries.iter().map(|query| {
        let answer = match (query.nothing, query.answered, query.records) {
            (Some(why), ..) => why.to_string(),
            (None, None, _) => String::new(),
            (None, Some(_), 1) => "1 record".to_owned(),
            (None, Some(_), records) => format!("{records} records"),
        };
        vec![
            format!("{:<5} {}", query.kind.to_string(), query.name),
            time(query.sent.since_origin()),
            query.answered.map_or_else(|| "not yet".to_owned(), |at| time(at.since_origin())),
            answer,
        ]
    });
    table(std::iter::once(head).chain(rows).collect())
}

/// The last list with what decided each place; of those before it, who was on them.
fn order(record: &RaceRecord) -> Vec<String> {
    let Some((last, before)) = record.timeline.lists.split_last() else { return Vec::new() };
    let mut lines: Vec<String> = before
        .iter()
        .map(|list| {
            let ids: Vec<_> = list.order.iter().map(|(id, _)| id.to_string()).collect();
            format!("  {}  {}", time(list.at.since_origin()), ids.join(" "))
        })
        .collect();
    let rows = last.order.iter().enumerate().map(|(place, (id, rule))| {
        let at = if place == 0 { time(last.at.since_origin()) } else { String::new() };
        vec![at, id.to_string(), named(record, *id), rule.to_string()]
    });
    lines.extend(table(rows.collect()));
    lines
}

fn timers(record: &RaceRecord) -> Vec<String> {
    let timers = &record.timeline.timers;
    if timers.is_empty() {
        return Vec::new();
    }
    let over = record.timeline.latest();
    let head = ["set", "due", "what for", ""].map(str::to_owned).to_vec();
    let rows = timers.iter().map(|timer| {
        let came = if timer.due <= over { "" } else { "was not needed" };
        vec![
            time(timer.set.since_origin()),
            time(timer.due.since_origin()),
            timer.cause.to_string(),
            came.to_owned(),
        ]
    });
    table(std::iter::once(head).chain(rows).collect())
}

fn named(record: &RaceRecord, id: CandidateId) -> String {
    record.candidate(id).map_or_else(|| id.to_string(), ToString::to_string)
}
