//! What a race did, kept for inspection.

use neatflow_core::racing::{Family, Loss, Tally, Timeline};
use neatflow_core::{Attempt, Candidate, CandidateId, EstablishmentFailure, Protocol, ResolutionFailure};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// What a race did: what was asked, who took part in which order, who started when and why, and how it ended for each.
/// Times count from the start of the establishment.
///
/// In JSON (serde) an object: `candidates`, objects with `id`, `protocol`, `remote`, `local`, `interface`, `host` and
/// `priority`; `timeline`, as [`Timeline`] has it, in milliseconds; `failures`, objects with `candidate`, its id, and
/// `reason`; `unresolved`, reasons; `winner`, the id of a candidate. What is not there is `null`. Fields may be added,
/// none changes its meaning.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RaceRecord {
    /// How it ended.
    pub end: RaceEnd,
    /// The candidates as last ranked, best first; after them those that were known earlier.
    pub candidates: Vec<Arc<Candidate>>,
    /// The candidates that were known at the end and never tried, best first.
    pub untried: Vec<CandidateId>,
    /// The questions with their answers, the lists, the attempts in the order of their starts, the timers.
    pub timeline: Timeline,
    /// The attempts that failed, with their reasons.
    pub failures: Vec<Attempt>,
    /// The names that could not be resolved.
    pub unresolved: Vec<ResolutionFailure>,
}

/// How a race ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RaceEnd {
    /// It was cancelled, or nothing could be raced.
    #[default]
    Abandoned,
    /// Somebody won: the [winner](Timeline::winner) of the timeline.
    Won,
    /// Nobody could win any more.
    Lost(Loss),
}

impl RaceRecord {
    /// The candidate of this id, if it is known or has failed.
    pub fn candidate(&self, id: CandidateId) -> Option<&Candidate> {
        let known = self.candidates.iter().find(|candidate| candidate.id == id);
        known.map(|known| &**known).or_else(|| self.failure(id).map(|attempt| &attempt.candidate))
    }

    /// Why this candidate failed, if it did: the last time, where it was tried in several rounds.
    pub fn failure(&self, id: CandidateId) -> Option<&Attempt> {
        self.failures.iter().rev().find(|attempt| attempt.candidate.id == id)
    }

    /// Counts this race in a tally.
    pub fn count_in(&self, tally: &mut Tally, cancelled: bool) {
        tally.note(&self.timeline, cancelled, |id| self.candidate(id).map(side));
    }
}

/// On which sides a candidate is.
fn side(candidate: &Candidate) -> (Protocol, Family) {
    let family = if candidate.remote.ip().to_canonical().is_ipv6() { Family::V6 } else { Family::V4 };
    (candidate.transport.clone(), family)
}

/// Whether the application ended a race that ended so.
pub(super) fn is_cancelled(failure: Option<&EstablishmentFailure>) -> bool {
    matches!(failure, Some(EstablishmentFailure::Cancelled))
}

impl Serialize for RaceRecord {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let candidates: Vec<_> = self.candidates.iter().map(|candidate| Told::from(&**candidate)).collect();
        let failures: Vec<_> = self.failures.iter().map(Why::from).collect();
        let unresolved: Vec<_> = self.unresolved.iter().map(ToString::to_string).collect();
        let mut object = to.serialize_struct("RaceRecord", 5)?;
        object.serialize_field("candidates", &candidates)?;
        object.serialize_field("timeline", &self.timeline)?;
        object.serialize_field("failures", &failures)?;
        object.serialize_field("unresolved", &unresolved)?;
        object.serialize_field("winner", &self.timeline.winner())?;
        object.end()
    }
}

/// A candidate in JSON.
#[derive(Serialize)]
struct Told<'a> {
    id: CandidateId,
    protocol: &'a str,
    remote: String,
    local: Option<String>,
    interface: Option<&'a str>,
    host: Option<&'a str>,
    priority: u32,
}

impl<'a> From<&'a Candidate> for Told<'a> {
    fn from(candidate: &'a Candidate) -> Self {
        Self {
            id: candidate.id,
            protocol: candidate.transport.as_str(),
            remote: candidate.remote.to_string(),
            local: candidate.local.map(|local| local.to_string()),
            interface: candidate.interface.as_deref(),
            host: candidate.host.as_deref(),
            priority: candidate.priority,
        }
    }
}

/// A failure in JSON.
#[derive(Serialize)]
struct Why {
    candidate: CandidateId,
    reason: String,
}

impl From<&Attempt> for Why {
    fn from(attempt: &Attempt) -> Self {
        Self { candidate: attempt.candidate.id, reason: attempt.reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::{Failure, TransportProperties};

    fn candidate(id: u32, remote: &str) -> Candidate {
        let remote = remote.parse().unwrap();
        Candidate::new(CandidateId(id), Protocol::TCP, remote, Arc::new(TransportProperties::new()))
    }

    #[test]
    fn in_json_a_record_names_candidates_by_their_ids() {
        let record = RaceRecord {
            candidates: vec![candidate(1, "192.0.2.1:80").into()],
            failures: vec![Attempt::new(candidate(0, "[2001:db8::1]:80"), Failure::Cancelled)],
            unresolved: vec![ResolutionFailure::NoSuchService { name: "gopher".into() }],
            ..RaceRecord::default()
        };
        let told = serde_json::to_value(&record).unwrap();
        assert_eq!(told["candidates"][0]["remote"], "192.0.2.1:80");
        assert_eq!(told["candidates"][0]["local"], serde_json::Value::Null);
        assert_eq!(told["failures"][0]["candidate"], 0);
        assert_eq!(told["unresolved"][0], record.unresolved[0].to_string());
        assert!(told["timeline"]["attempts"].is_array() && told["winner"].is_null());
    }

    #[test]
    fn a_mapped_address_is_one_of_ipv4() {
        assert_eq!(side(&candidate(0, "[::ffff:192.0.2.1]:80")), (Protocol::TCP, Family::V4));
        assert_eq!(side(&candidate(0, "[2001:db8::1]:80")), (Protocol::TCP, Family::V6));
    }
}
