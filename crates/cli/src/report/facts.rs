//! What there is to tell, whatever the form.

use super::Report;
use crate::advice::matters;
use neatflow::events::Received;
use neatflow::racing::Record;
use neatflow::{Candidate, CandidateId, Connection, Event, EventKind, RaceRecord, Status};
use serde_json::{Value, json};
use std::time::Duration;

/// An event, as somebody saw it. It holds neither the connection nor credit.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Who saw it, where there are several.
    pub(crate) subscriber: Option<&'static str>,
    pub(crate) at: Duration,
    pub(crate) kind: EventKind,
    pub(crate) status: Status,
    /// Its connection.
    pub(crate) connection: Option<u64>,
    /// Whatever else it says.
    pub(crate) details: Vec<(&'static str, Value)>,
}

impl Seen {
    /// Sees it now.
    pub(crate) fn now(report: &Report, event: &Event) -> Self {
        let connection = match event {
            Event::ConnectionReceived(event) => Some(&event.connection),
            event => event.connection(),
        };
        Self {
            subscriber: None,
            at: report.age(),
            kind: event.kind(),
            status: event.status(),
            connection: connection.map(|connection| connection.id().as_u64()),
            details: details(event),
        }
    }

    /// Saw a connection come, without an event.
    pub(super) fn accepted(report: &Report, connection: &Connection) -> Self {
        Self {
            subscriber: None,
            at: report.age(),
            kind: EventKind::ConnectionReceived,
            status: Status::Ok,
            connection: Some(connection.id().as_u64()),
            details: path(connection),
        }
    }
}

fn details(event: &Event) -> Vec<(&'static str, Value)> {
    match event {
        Event::Ready(event) => path(&event.connection),
        Event::ConnectionReceived(event) => path(&event.connection),
        Event::Sent(event) => vec![("message", json!(event.id.0))],
        Event::SendError(event) => vec![
            ("message", json!(event.id.0)),
            ("bytes", json!(event.message.len())),
            ("reason", json!(event.reason.to_string())),
        ],
        Event::Received(event) => vec![("bytes", json!(length(event)))],
        Event::ReceiveError(event) => vec![("reason", json!(event.reason.to_string()))],
        Event::SoftError(event) => vec![("reason", json!(event.reason.to_string()))],
        Event::NetworkStatusChanged(event) => {
            let changes: Vec<String> = event.changes.iter().map(ToString::to_string).collect();
            vec![("changes", json!(changes)), ("concerned", json!(event.concerned))]
        }
        Event::EstablishmentError(event) => vec![("reason", json!(event.reason.to_string()))],
        Event::ConnectionError(event) => vec![("reason", json!(event.reason.to_string()))],
        Event::ListenError(event) => vec![("reason", json!(event.reason.to_string()))],
        _ => Vec::new(),
    }
}

fn path(connection: &Connection) -> Vec<(&'static str, Value)> {
    let protocol = ("protocol", json!(connection.stack().as_str()));
    let mut path = vec![protocol];
    if let Some(there) = connection.path() {
        path.push(("local", json!(there.local.to_string())));
        path.push(("remote", json!(there.remote.to_string())));
    }
    path
}

fn length(received: &Received) -> usize {
    received.messages.iter().map(neatflow::Message::len).sum()
}

/// What became of one candidate.
pub(super) struct Outcome<'a> {
    pub(super) id: CandidateId,
    /// Missing if it is ranked no more and did not fail.
    pub(super) candidate: Option<&'a Candidate>,
    /// Missing if it was not tried.
    pub(super) attempt: Option<&'a Record>,
    /// Why it failed, if it did.
    pub(super) reason: Option<String>,
}

/// Those that were tried in the order of their starts, then the others.
pub(super) fn outcomes(record: &RaceRecord) -> Vec<Outcome<'_>> {
    let failure = |id| record.failure(id);
    let tried = record.timeline.attempts.iter().map(|attempt| Outcome {
        id: attempt.id,
        candidate: record.candidate(attempt.id),
        attempt: Some(attempt),
        reason: failure(attempt.id).map(|failed| failed.reason.to_string()),
    });
    let was_tried = |id| record.timeline.attempts.iter().any(|attempt| attempt.id == id);
    let others = record.candidates.iter().filter(|candidate| !was_tried(candidate.id)).map(|candidate| {
        Outcome { id: candidate.id, candidate: Some(candidate), attempt: None, reason: None }
    });
    tried.chain(others).collect()
}

/// The names that could not be resolved, if that matters.
pub(super) fn unresolved(record: &RaceRecord) -> impl Iterator<Item = String> {
    let hosts = || record.candidates.iter().filter_map(|candidate| candidate.host.as_deref());
    record.unresolved.iter().filter(move |one| matters(one, hosts())).map(ToString::to_string)
}

pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
