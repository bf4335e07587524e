//! What a race is told, and what it wants done.

use super::dns::{Answer, Query, QueryId};
use super::endpoint::secures_at_once;
use super::network::Network;
use super::order::Rule;
use super::target::Target;
use super::timeline::AttemptId;
use crate::candidate::{Candidate, CandidateId};
use crate::time::Time;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The transport handshake is done; security may still be under way
    /// (draft-ietf-happy-happyeyeballs-v3 §6.1: the race extends its timer).
    Transport,
    /// The security handshake is done.
    Security,
}

/// A candidate as the race knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Which one.
    pub id: CandidateId,
    /// A lower value starts earlier; among equals, the one listed first.
    pub priority: u32,
    /// The branch it is on, for delays between branches: its interface, if it is bound to one.
    pub interface: Option<Arc<str>>,
    /// How long it runs alone, before that is clamped. Default: as the configuration says.
    pub delay: Option<Duration>,
    /// What put it after the one before it, for the record. Default: whoever ranked it.
    pub rule: Rule,
    /// Whether its first packet begins its security handshake, so that it cannot start while that is held. Default: no.
    pub secures_at_once: bool,
}

impl Entry {
    /// This candidate with this priority, on no particular interface.
    pub fn new(id: CandidateId, priority: u32) -> Self {
        Self { id, priority, interface: None, delay: None, rule: Rule::Given, secures_at_once: false }
    }

    /// Put after the one before it by this rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// Whether its first packet begins its security handshake.
    #[must_use]
    pub fn secures_at_once(mut self, at_once: bool) -> Self {
        self.secures_at_once = at_once;
        self
    }

    /// On this interface.
    #[must_use]
    pub fn on(mut self, interface: impl Into<Option<Arc<str>>>) -> Self {
        self.interface = interface.into();
        self
    }

    /// With this delay, from what was learned of its address.
    #[must_use]
    pub fn delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.delay = delay.into();
        self
    }
}

impl From<&Candidate> for Entry {
    fn from(candidate: &Candidate) -> Self {
        Self::new(candidate.id, candidate.priority)
            .on(candidate.interface.clone())
            .secures_at_once(secures_at_once(&candidate.transport))
    }
}

/// What a race is told. An attempt that never ran is ignored, and so is all that comes after the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// All candidates known now, instead of those known before. Those that are tried already are not tried again,
    /// those that run go on even if they are absent (draft-ietf-happy-happyeyeballs-v3 §7). At most
    /// [`MAX_LIST`](super::MAX_LIST) are looked at, by priority.
    ///
    /// Ignored by a race that forms its candidates itself.
    Candidates(Vec<Entry>),
    /// The last list was the last: the race may be lost.
    NoMoreCandidates,
    /// A question was answered. A second answer takes the place of the first.
    Answer(QueryId, Answer),
    /// The network is another one now: what can be asked and reached changes, what runs goes on. A race that rests
    /// before another round begins it at once.
    Network(Network),
    /// There is another target. Ignored by a race that is given its candidates, and if there are too many
    /// ([`MAX_TARGETS`](super::MAX_TARGETS)).
    Target(Target),
    /// An attempt has come this far. Only the first time counts.
    Reached(AttemptId, Stage),
    /// An attempt has connected. If it runs, or was cancelled, the answer is `Won` or `Cancel` with its id, also after
    /// the outcome: no connection is left that nobody has and nobody closes.
    Connected(AttemptId),
    /// An attempt has failed.
    Failed(AttemptId, Fault),
    /// The application does not want it any more.
    Cancel,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Whether it failed before anything was sent (no route, no address, no permission).
    pub local: bool,
    /// In words, for the record.
    pub why: Box<str>,
}

impl Fault {
    /// It failed on the network, with this reason.
    pub fn new(why: impl Into<Box<str>>) -> Self {
        Self { local: false, why: why.into() }
    }

    /// It failed before anything was sent.
    pub fn local(why: impl Into<Box<str>>) -> Self {
        Self { local: true, why: why.into() }
    }
}

/// What a race wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Ask the name servers this.
    Query(Query),
    /// Make candidates of what was [found](super::Race::found), and tell them; only of a race that leaves that to
    /// others.
    Rank,
    /// Start this attempt.
    Start {
        /// The attempt, for whatever it reports.
        attempt: AttemptId,
        /// Who is tried.
        candidate: CandidateId,
        /// Whether its security handshake has to wait for [`Secure`](Self::Secure).
        held: bool,
    },
    /// This attempt may begin its security handshake; its endpoint may have changed (Encrypted Client Hello).
    Secure(AttemptId),
    /// Stop this attempt and close what it has opened, also if it has just connected.
    Cancel(AttemptId),
    /// This attempt has won; every other one has been cancelled. Nothing follows.
    Won(AttemptId),
    /// Nobody will win. Every attempt has been cancelled; the timeline has their reasons. Nothing follows.
    Lost(Loss),
    /// Nothing to do before this moment, or before the next input; `None`: before the next input.
    Wait(Option<Time>),
}

/// Why a race was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Loss {
    /// There was nothing to try.
    #[error("there was nothing to try")]
    NoCandidates,
    /// Everything has failed.
    #[error("every attempt has failed")]
    AllFailed,
    /// What the name servers say of the services cannot be had, and must be (RFC 9460 §3.1).
    #[error("the service bindings could not be resolved")]
    ServiceBindings,
    /// It took too long.
    #[error("the deadline has passed")]
    Deadline,
}
