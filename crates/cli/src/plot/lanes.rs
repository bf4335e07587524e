//! What is in the picture: lanes, and the bars on them.

use super::scale::millis;
use neatflow::racing::{QueryRecord, Reason, Record, TimerCause};
use neatflow::{CandidateId, RaceRecord, Time};

/// A section shows at most this many lanes; of what is more it tells how many.
const MOST: usize = 100;

pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) lanes: Vec<Lane>,
}

#[derive(Default)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<(Time, String)>,
    /// What became of it, and of which class that is.
    pub(super) outcome: String,
    pub(super) class: &'static str,
}

pub(super) struct Bar {
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) class: &'static str,
    pub(super) title: String,
    pub(super) thin: bool,
    /// Whether it is a part of the one before.
    pub(super) inside: bool,
}

/// Those that have something to show.
pub(super) fn sections(record: &RaceRecord) -> Vec<Section> {
    let end = record.timeline.latest();
    let queries = record.timeline.queries.iter().map(|query| question(query, end)).collect();
    let attempts = record.timeline.attempts.iter().map(|one| attempt(record, one, end));
    let was_tried = |id| record.timeline.attempts.iter().any(|attempt| attempt.id == id);
    let untried = record.candidates.iter().filter(|candidate| !was_tried(candidate.id));
    let untried = untried.map(|candidate| Lane {
        name: candidate.to_string(),
        outcome: "not tried".to_owned(),
        class: "untried",
        ..Lane::default()
    });
    let all = [
        ("names", queries),
        ("order", order(record)),
        ("attempts", attempts.chain(untried).collect()),
        ("timers", timers(record, end)),
    ];
    let filled = all.into_iter().filter(|(_, lanes): &(_, Vec<Lane>)| !lanes.is_empty());
    filled.map(|(name, lanes)| Section { name, lanes: bounded(lanes) }).collect()
}

fn bounded(mut lanes: Vec<Lane>) -> Vec<Lane> {
    let more = lanes.len().saturating_sub(MOST);
    if more > 0 {
        lanes.truncate(MOST);
        lanes.push(Lane { name: format!("and {more} more"), class: "quiet", ..Lane::default() });
    }
    lanes
}

fn question(query: &QueryRecord, end: Time) -> Lane {
    let name = format!("{} {}", query.kind, query.name);
    let (outcome, class) = match (query.answered, query.nothing, query.records) {
        (None, ..) => ("no answer yet".to_owned(), "negative"),
        (Some(at), Some(why), _) => (format!("{why}, {}", when(at)), "negative"),
        (Some(at), None, 1) => (format!("1 record, {}", when(at)), "query"),
        (Some(at), None, records) => (format!("{records} records, {}", when(at)), "query"),
    };
    let title = format!("{name}: asked at {}; {outcome}", when(query.sent));
    let to = query.answered.unwrap_or(end);
    Lane {
        bars: vec![Bar { from: query.sent, to, class, title, thin: false, inside: false }],
        name,
        outcome,
        class,
        ..Lane::default()
    }
}

/// One lane with a mark for each list.
fn order(record: &RaceRecord) -> Vec<Lane> {
    let lists = &record.timeline.lists;
    let Some(last) = lists.last() else { return Vec::new() };
    let marks = lists.iter().map(|list| {
        let places = list.order.iter().map(|(id, rule)| format!("{} ({rule})", named(record, *id)));
        (list.at, format!("{}: {}", when(list.at), places.collect::<Vec<_>>().join(", ")))
    });
    let candidates = last.order.len();
    vec![Lane {
        name: "the list of candidates is sorted".to_owned(),
        marks: marks.take(MOST).collect(),
        outcome: format!("{candidates} candidate{}", if candidates == 1 { "" } else { "s" }),
        class: "quiet",
        ..Lane::default()
    }]
}

fn attempt(record: &RaceRecord, attempt: &Record, end: Time) -> Lane {
    let name = named(record, attempt.id);
    let class = match attempt.end.map(|end| end.reason) {
        Some(Reason::Won) => "won",
        Some(Reason::Failed) => "failed",
        Some(Reason::Expired) => "expired",
        Some(_) => "cancelled",
        None => "running",
    };
    let reason = attempt.why.as_deref().map(str::to_owned);
    let reason = reason.or_else(|| record.failure(attempt.id).map(|failed| failed.reason.to_string()));
    let outcome = match (attempt.end, reason.filter(|_| class == "failed")) {
        (Some(end), Some(why)) => format!("{}, {}: {why}", end.reason, when(end.at)),
        (Some(end), None) => format!("{}, {}", end.reason, when(end.at)),
        (None, _) => "no answer yet".to_owned(),
    };
    let to = attempt.end.map_or(end, |end| end.at);
    let title = format!("{name}: started at {} ({}); {outcome}", when(attempt.started), attempt.cause);
    let mut bars = vec![Bar { from: attempt.started, to, class, title, thin: false, inside: false }];
    if let Some(transport) = attempt.transport.filter(|transport| *transport < to) {
        let title = format!("transport handshake done at {}", when(transport));
        bars.push(Bar { from: transport, to, class: "secure", title, thin: false, inside: true });
    }
    Lane { name: format!("{name} ({})", attempt.cause), bars, outcome, class, ..Lane::default() }
}

/// One lane for each cause.
fn timers(record: &RaceRecord, end: Time) -> Vec<Lane> {
    let mut causes: Vec<TimerCause> = Vec::new();
    for timer in &record.timeline.timers {
        if !causes.contains(&timer.cause) {
            causes.push(timer.cause);
        }
    }
    let lane = |cause: TimerCause| {
        let timers: Vec<_> = record.timeline.timers.iter().filter(|timer| timer.cause == cause).collect();
        let ran = timers.iter().filter(|timer| timer.due <= end).count();
        let bars = timers.iter().map(|timer| Bar {
            from: timer.set,
            to: timer.due.min(end),
            class: "timer",
            title: format!("{cause}: from {} to {}", when(timer.set), when(timer.due)),
            thin: true,
            inside: false,
        });
        Lane {
            name: cause.to_string(),
            bars: bars.take(MOST).collect(),
            outcome: format!("{ran} of {} ran out", timers.len()),
            class: "quiet",
            ..Lane::default()
        }
    };
    causes.into_iter().map(lane).collect()
}

/// In one sentence.
pub(super) fn outcome(record: &RaceRecord) -> String {
    match (record.timeline.winner(), record.timeline.connected()) {
        (Some(id), Some(at)) => format!("connected to {} after {}", named(record, id), when(at)),
        _ => "not connected".to_owned(),
    }
}

fn named(record: &RaceRecord, id: CandidateId) -> String {
    record.candidate(id).map_or_else(|| id.to_string(), ToString::to_string)
}

fn when(time: Time) -> String {
    format!("{:.1} ms", millis(time))
}
