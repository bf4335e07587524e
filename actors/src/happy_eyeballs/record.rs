//! What a race did, kept for inspection.

use neatflow_core::racing::Timeline;
use neatflow_core::{Attempt, Candidate, CandidateId, ResolutionFailure};

/// What a race did: who took part, who started when and why, and how it ended for each. Times count from the
/// start of the establishment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RaceRecord {
    /// The candidates as last ranked, best first; after them those that were known earlier.
    pub candidates: Vec<Candidate>,
    /// The attempts, in the order of their starts.
    pub timeline: Timeline,
    /// The attempts that failed, with their reasons.
    pub failures: Vec<Attempt>,
    /// The names that could not be resolved.
    pub unresolved: Vec<ResolutionFailure>,
}

impl RaceRecord {
    /// The candidate of this id.
    pub fn candidate(&self, id: CandidateId) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.id == id)
    }
}
