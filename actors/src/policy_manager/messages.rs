//! What may be said to the policy manager.

use actix::prelude::*;
use neatflow_core::policy::{Branch, ListenSpec, Request, Resolved, Roster};
use neatflow_core::{Candidate, EstablishmentFailure, ListenFailure};
use std::sync::Arc;

// ---------- Said by a race

/// Call 1 of NEAT's set-up, before names are resolved: which paths and protocols are eligible?
///
/// Reply: the branches, or why there are none. Overflow: the race waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<Branch>, EstablishmentFailure>")]
pub struct Eligible {
    /// What the application asked for.
    pub request: Arc<Request>,
}

/// Call 2 of NEAT's set-up, after names are resolved, and again whenever more of them are.
///
/// Reply: the candidates as known now, best first. Overflow: the race waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Ranked")]
pub struct Rank {
    /// What the application asked for.
    pub request: Arc<Request>,
    /// The reply to call 1.
    pub branches: Arc<[Branch]>,
    /// The addresses so far.
    pub resolved: Vec<Resolved>,
    /// Which candidate has which id so far.
    pub roster: Roster,
}

/// The reply to [`Rank`].
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// Which candidate has which id now.
    pub roster: Roster,
    /// Why there are none, if there are none.
    pub why_none: Option<EstablishmentFailure>,
}

// ---------- Said by a listener

/// On which sockets should a listener listen?
///
/// Reply: the sockets, or why there are none. Overflow: the listener waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<ListenSpec>, ListenFailure>")]
pub struct Where {
    /// What the application asked for.
    pub request: Arc<Request>,
}
