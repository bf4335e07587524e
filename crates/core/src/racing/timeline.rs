//! What happened in a race, and when: the record that reports, metrics and tests read.

use super::dns::{Answer, NoAnswer, QueryId, RecordKind};
use super::order::Rule;
use crate::candidate::CandidateId;
use crate::time::{Time, millis, some_millis};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A timeline keeps at most this many lists, and as many timers; later ones are left out.
pub const MAX_NOTES: usize = 256;

/// Everything that happened in a race: what was asked, which lists that gave, what was tried, and why when.
///
/// One record for each attempt and each question, so as long as the list of candidates, times the rounds.
///
/// In JSON (serde) it is an object with these fields, and theirs, by their names; a moment is a number of milliseconds
/// since the start of the establishment, and its name ends in `_ms`; ids are numbers; what did not happen is `null`.
/// Fields may be added, none changes its meaning.
///
/// ```
/// # use neatflow_core::racing::Timeline;
/// let told = r#"{
///     "queries": [{ "id": 0, "name": "host.example", "kind": "AAAA", "sent_ms": 0.1, "answered_ms": 12.5,
///                   "records": 0, "nothing": "no_data" }],
///     "lists": [{ "at_ms": 12.5, "order": [[0, "first"], [1, { "address": "precedence" }]] }],
///     "timers": [{ "set_ms": 12.5, "due_ms": 262.5, "cause": "attempt_delay" }],
///     "attempts": [{ "id": 0, "round": 0, "cause": "first", "started_ms": 12.5, "transport_ms": 14.0,
///                    "released_ms": null, "security_ms": null, "end": { "at_ms": 14.0, "reason": "won" },
///                    "why": null }],
///     "endpoints": []
/// }"#;
/// let timeline: Timeline = serde_json::from_str(told)?;
/// assert_eq!(serde_json::to_value(&timeline)?, serde_json::from_str::<serde_json::Value>(told)?);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The attempts, in the order of their starts: that of their ids.
    pub attempts: Vec<Record>,
    /// The questions, in the order in which they were asked. None where the race was given its candidates.
    #[serde(default)]
    pub queries: Vec<QueryRecord>,
    /// The list, after each change.
    #[serde(default)]
    pub lists: Vec<Listing>,
    /// Every moment the race set itself to act.
    #[serde(default)]
    pub timers: Vec<TimerRecord>,
    /// What the candidates of the race's own forming are, in words, by their ids.
    #[serde(default)]
    pub endpoints: Vec<String>,
}

impl Timeline {
    /// Who has won, if anyone has.
    pub fn winner(&self) -> Option<CandidateId> {
        let won = |attempt: &&Record| attempt.end.is_some_and(|end| end.reason == Reason::Won);
        self.attempts.iter().find(won).map(|attempt| attempt.id)
    }

    /// When it won, if anyone has.
    pub fn connected(&self) -> Option<Time> {
        let mut ends = self.attempts.iter().filter_map(|attempt| attempt.end);
        ends.find(|end| end.reason == Reason::Won).map(|end| end.at)
    }

    /// The last moment at which anything happened; what was set for later has not come.
    pub fn latest(&self) -> Time {
        let attempts = self.attempts.iter().map(|attempt| attempt.end.map_or(attempt.started, |end| end.at));
        let queries = self.queries.iter().map(|query| query.answered.unwrap_or(query.sent));
        let lists = self.lists.iter().map(|list| list.at);
        attempts.chain(queries).chain(lists).max().unwrap_or_default()
    }

    /// The attempts that have not ended, in the order of their starts.
    pub fn running(&self) -> impl Iterator<Item = &Record> {
        self.attempts.iter().filter(|attempt| attempt.end.is_none())
    }

    pub(super) fn answered(&mut self, id: QueryId, answer: &Answer, now: Time) {
        if let Some(query) = self.queries.get_mut(id.0 as usize) {
            query.answered = Some(now);
            (query.records, query.nothing) = match answer {
                Answer::Addresses(addresses) => (addresses.len(), None),
                Answer::Services(services) => (services.len(), None),
                Answer::Nothing(why) => (0, Some(*why)),
            };
        }
    }

    pub(super) fn list(&mut self, listing: Listing) {
        let same = self.lists.last().is_some_and(|last| last.order == listing.order);
        if !same && self.lists.len() < MAX_NOTES {
            self.lists.push(listing);
        }
    }

    pub(super) fn timer(&mut self, set: Time, due: Time, cause: TimerCause) {
        if self.timers.len() < MAX_NOTES {
            self.timers.push(TimerRecord { set, due, cause });
        }
    }
}

/// Names an attempt within its race: its place in the timeline. A candidate has one in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId(pub u32);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}", self.0)
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Who was tried.
    pub id: CandidateId,
    /// In which round; the first is 0.
    #[serde(default)]
    pub round: u32,
    /// Why it started when it did.
    pub cause: Cause,
    /// When it started.
    #[serde(rename = "started_ms", with = "millis")]
    pub started: Time,
    /// When its transport handshake was done, if the attempt told.
    #[serde(rename = "transport_ms", with = "some_millis", default)]
    pub transport: Option<Time>,
    /// Since when its security handshake was allowed, if it was held.
    #[serde(rename = "released_ms", with = "some_millis", default)]
    pub released: Option<Time>,
    /// When its security handshake was done, if the attempt told.
    #[serde(rename = "security_ms", with = "some_millis", default)]
    pub security: Option<Time>,
    /// How it ended; `None` while it runs.
    pub end: Option<End>,
    /// Why it failed, in words, if it did.
    #[serde(default)]
    pub why: Option<Box<str>>,
}

impl Record {
    pub(super) fn new(id: CandidateId, cause: Cause, started: Time) -> Self {
        Self {
            id,
            round: 0,
            cause,
            started,
            transport: None,
            released: None,
            security: None,
            end: None,
            why: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.end.is_none()
    }
}

/// Why an attempt started when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Cause {
    /// Nothing had been tried.
    First,
    /// The attempt delay was over.
    Timer,
    /// The attempt delay was over, which a finished transport handshake had restarted.
    Extended,
    /// An attempt had failed.
    Failure,
    /// The race had run out of candidates when its turn came.
    Late,
    /// As many as may run were running when its turn came.
    Slot,
    /// Its mode has a time of its own for each candidate.
    Planned,
    /// It began another round.
    Round,
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// When.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Time,
    /// How.
    pub reason: Reason,
}

impl End {
    pub(super) fn new(at: Time, reason: Reason) -> Self {
        Self { at, reason }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reason {
    /// It connected first.
    Won,
    /// It failed by itself.
    Failed,
    /// It took longer than an attempt may, and was stopped.
    Expired,
    /// Another one won, or the whole race ended.
    Cancelled,
}

/// One question to the name servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueryRecord {
    /// Which one.
    pub id: QueryId,
    /// About whom.
    pub name: String,
    /// What was asked for.
    pub kind: RecordKind,
    /// When.
    #[serde(rename = "sent_ms", with = "millis")]
    pub sent: Time,
    /// When it was answered, last.
    #[serde(rename = "answered_ms", with = "some_millis", default)]
    pub answered: Option<Time>,
    /// How many records there were; 0 for a negative answer.
    pub records: usize,
    /// Why there were none.
    #[serde(default)]
    pub nothing: Option<NoAnswer>,
}

/// The list of candidates, as it was from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Listing {
    /// Since when.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Time,
    /// Who, best first, and what put each after the one before; those tried already are among them.
    pub order: Vec<(CandidateId, Rule)>,
}

impl Listing {
    pub(super) fn new(at: Time, order: Vec<(CandidateId, Rule)>) -> Self {
        Self { at, order }
    }
}

/// A moment the race set itself to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimerRecord {
    /// When it was set.
    #[serde(rename = "set_ms", with = "millis")]
    pub set: Time,
    /// What for.
    #[serde(rename = "due_ms", with = "millis")]
    pub due: Time,
    /// Why.
    pub cause: TimerCause,
}

/// Why a race set itself a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimerCause {
    /// Known addresses wait for better answers.
    ResolutionDelay,
    /// An attempt runs alone.
    AttemptDelay,
    /// An attempt runs alone, and the next is on another interface.
    InterfaceDelay,
    /// A transport handshake is done, security is under way.
    Extension,
    /// An attempt failed, and the next must keep its distance.
    Failure,
    /// All have failed; there is another round.
    Backoff,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::racing::AddressRule;

    #[test]
    fn a_timeline_survives_its_journey_through_json() {
        let won = Record {
            transport: Some(Time::from_millis(280)),
            end: Some(End::new(Time::from_origin(std::time::Duration::new(2, 999_999_999)), Reason::Won)),
            ..Record::new(CandidateId(1), Cause::Timer, Time::from_millis(250))
        };
        let mut timeline = Timeline {
            attempts: vec![Record::new(CandidateId(0), Cause::First, Time::ZERO), won],
            ..Timeline::default()
        };
        timeline.queries.push(QueryRecord {
            id: QueryId(0),
            name: "host.example".to_owned(),
            kind: RecordKind::Aaaa,
            sent: Time::ZERO,
            answered: None,
            records: 0,
            nothing: Some(NoAnswer::NoData),
        });
        let order =
            vec![(CandidateId(0), Rule::First), (CandidateId(1), Rule::Address(AddressRule::RoundTrip))];
        timeline.list(Listing::new(Time::ZERO, order));
        timeline.timer(Time::ZERO, Time::from_millis(250), TimerCause::AttemptDelay);
        let json = serde_json::to_string(&timeline).unwrap();
        assert!(json.contains(r#""id":1,"round":0,"cause":"timer""#), "{json}");
        assert!(json.contains(r#"[1,{"address":"round_trip"}]"#), "{json}");
        assert!(json.contains(r#""end":{"at_ms":2999.999999,"reason":"won"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Timeline>(&json).unwrap(), timeline);
    }

    #[test]
    fn the_winner_is_the_one_that_won_not_one_that_runs() {
        let attempts = vec![Record::new(CandidateId(0), Cause::First, Time::ZERO)];
        let mut timeline = Timeline { attempts, ..Timeline::default() };
        assert_eq!(timeline.winner(), None);
        assert_eq!(timeline.running().count(), 1);
        timeline.attempts[0].end = Some(End::new(Time::ZERO, Reason::Won));
        assert_eq!((timeline.winner(), timeline.connected()), (Some(CandidateId(0)), Some(Time::ZERO)));
        assert_eq!(timeline.running().count(), 0);
    }

    #[test]
    fn a_timeline_is_bounded_and_says_nothing_twice() {
        let mut timeline = Timeline::default();
        for n in 0..2000 {
            timeline.timer(Time::ZERO, Time::ZERO, TimerCause::Extension);
            timeline.list(Listing::new(Time::from_millis(n), vec![(CandidateId(0), Rule::First)]));
        }
        assert_eq!((timeline.timers.len(), timeline.lists.len()), (MAX_NOTES, 1));
    }
}
