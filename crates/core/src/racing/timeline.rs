//! What happened in a race, and when.

use crate::candidate::CandidateId;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Every attempt of a race, in the order of their starts.
///
/// One record for each candidate that was started, so as long as the list of candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The attempts, in the order of their starts.
    pub attempts: Vec<Record>,
}

impl Timeline {
    /// Who has won, if anyone has.
    pub fn winner(&self) -> Option<CandidateId> {
        let won = |attempt: &&Record| attempt.end.is_some_and(|end| end.reason == Reason::Won);
        self.attempts.iter().find(won).map(|attempt| attempt.id)
    }

    /// The attempts that have not ended, in the order of their starts.
    pub fn running(&self) -> impl Iterator<Item = &Record> {
        self.attempts.iter().filter(|attempt| attempt.end.is_none())
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Who was tried.
    pub id: CandidateId,
    /// Why it started when it did.
    pub cause: Cause,
    /// When it started.
    pub started: Time,
    /// When its transport handshake was done, if the attempt told.
    pub transport: Option<Time>,
    /// When its security handshake was done, if the attempt told.
    pub security: Option<Time>,
    /// How it ended; `None` while it runs.
    pub end: Option<End>,
}

impl Record {
    pub(super) fn new(id: CandidateId, cause: Cause, started: Time) -> Self {
        Self { id, cause, started, transport: None, security: None, end: None }
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
    /// An attempt had failed.
    Failure,
    /// The race had run out of candidates when its turn came.
    Late,
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// When.
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
    /// Another one won, or the whole race was cancelled.
    Cancelled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_survives_its_journey_through_json() {
        let won = Record {
            transport: Some(Time::from_millis(280)),
            end: Some(End::new(Time::from_millis(300), Reason::Won)),
            ..Record::new(CandidateId(1), Cause::Timer, Time::from_millis(250))
        };
        let timeline =
            Timeline { attempts: vec![Record::new(CandidateId(0), Cause::First, Time::ZERO), won] };
        let json = serde_json::to_string(&timeline).unwrap();
        assert!(json.contains(r#""id":1,"cause":"timer""#), "{json}");
        assert_eq!(serde_json::from_str::<Timeline>(&json).unwrap(), timeline);
    }

    #[test]
    fn the_winner_is_the_one_that_won_not_one_that_runs() {
        let mut timeline = Timeline { attempts: vec![Record::new(CandidateId(0), Cause::First, Time::ZERO)] };
        assert_eq!(timeline.winner(), None);
        assert_eq!(timeline.running().count(), 1);
        timeline.attempts[0].end = Some(End::new(Time::ZERO, Reason::Won));
        assert_eq!(timeline.winner(), Some(CandidateId(0)));
        assert_eq!(timeline.running().count(), 0);
    }
}
