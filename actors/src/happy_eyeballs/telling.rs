//! A race that has ended, in the log: one record at info with what matters, and at debug one for each question, list,
//! timer and attempt. Moments are in milliseconds since the start of the establishment.

use super::record::RaceRecord;
use neatflow_core::{CandidateId, EstablishmentFailure, Time};
use slog::{Drain, Level, Logger, debug, info};
use std::fmt;

/// Tells it.
pub(super) fn tell(log: &Logger, record: &RaceRecord, failure: Option<&EstablishmentFailure>) {
    if !log.is_enabled(Level::Info) {
        return;
    }
    let timeline = &record.timeline;
    let failed = record.failures.len();
    let (attempts, queries) = (timeline.attempts.len(), timeline.queries.len());
    match failure {
        None => {
            info!(log, "race won";
                "winner" => %Named(record, timeline.winner()),
                "ms" => %Millis(timeline.connected()),
                "attempts" => attempts, "failed" => failed, "queries" => queries);
        }
        Some(reason) => info!(log, "race lost";
            "reason" => %reason, "attempts" => attempts, "failed" => failed, "queries" => queries),
    }
    if log.is_enabled(Level::Debug) {
        details(log, record);
    }
}

fn details(log: &Logger, record: &RaceRecord) {
    for query in &record.timeline.queries {
        debug!(log, "query"; "name" => &query.name, "kind" => %query.kind,
            "sent_ms" => %Millis(Some(query.sent)), "answered_ms" => %Millis(query.answered),
            "records" => query.records);
    }
    for list in &record.timeline.lists {
        debug!(log, "list"; "at_ms" => %Millis(Some(list.at)), "order" => ?list.order);
    }
    for timer in &record.timeline.timers {
        debug!(log, "timer"; "cause" => ?timer.cause,
            "set_ms" => %Millis(Some(timer.set)), "due_ms" => %Millis(Some(timer.due)));
    }
    for attempt in &record.timeline.attempts {
        debug!(log, "attempt ended"; "candidate" => %Named(record, Some(attempt.id)),
            "cause" => ?attempt.cause, "round" => attempt.round,
            "started_ms" => %Millis(Some(attempt.started)),
            "transport_ms" => %Millis(attempt.transport), "security_ms" => %Millis(attempt.security),
            "ended_ms" => %Millis(attempt.end.map(|end| end.at)),
            "how" => ?attempt.end.map(|end| end.reason), "why" => attempt.why.as_deref().unwrap_or_default());
    }
}

/// A moment, or a dash.
struct Millis(Option<Time>);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{:.3}", time.since_origin().as_secs_f64() * 1e3),
            None => f.write_str("-"),
        }
    }
}

/// A candidate, by what it is.
struct Named<'a>(&'a RaceRecord, Option<CandidateId>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record, Some(id)) = self else { return f.write_str("-") };
        match record.candidate(*id) {
            Some(candidate) => candidate.fmt(f),
            None => id.fmt(f),
        }
    }
}
