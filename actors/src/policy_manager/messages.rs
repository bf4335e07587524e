//! What may be said to the policy manager.

use actix::prelude::*;
use neatflow_core::policy::daemon::Imported;
use neatflow_core::policy::neat::PolicyError;
use neatflow_core::policy::{
    Branch, HostNetwork, ListenSpec, LookupError, Observation, Request, Resolved, Roster,
};
use neatflow_core::racing::{Memory, Network};
use neatflow_core::{Candidate, EstablishmentFailure, ListenFailure};
use std::path::PathBuf;
use std::sync::Arc;

// ---------- Said by a race

/// Call 1 of NEAT's set-up, before names are resolved: which paths and protocols are eligible?
///
/// Reply: what is eligible, or why nothing is. Overflow: the race waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Eligibility, EstablishmentFailure>")]
#[non_exhaustive]
pub struct Eligible {
    /// What the application asked for.
    pub request: Arc<Request>,
    /// Whether a race begins with it, which is to know what earlier ones have taught, and is counted as one. Default: yes;
    /// no where call 1 is asked again, because the network has changed.
    pub begins: bool,
}

impl Eligible {
    /// Asked by a race that begins.
    pub fn new(request: Arc<Request>) -> Self {
        Self { request, begins: true }
    }

    /// Asked once more, or beforehand: nobody wants to know what earlier races have taught.
    #[must_use]
    pub fn without_memory(mut self) -> Self {
        self.begins = false;
        self
    }
}

/// The reply to [`Eligible`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Eligibility {
    /// Which paths and protocols are eligible, best first.
    pub branches: Arc<[Branch]>,
    /// The network that these paths lead to.
    pub network: Network,
    /// What earlier races on it have taught. The default for an isolated session (RFC 9622 §8.1.10), and where no race
    /// begins.
    pub memory: Memory,
    /// What the network monitor had told by then; `None` where nobody tells.
    pub as_of: Option<Arc<HostNetwork>>,
    /// Where nothing has to be resolved, the answer to call 2 about the addresses as the request has them. A race to one
    /// address need not ask.
    pub first: Option<Ranked>,
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

// ---------- Said by a race when it ends, and by a flow when it ends

/// How connections went: of a race, one observation for each attempt that came to an end of its own; of a flow, how it
/// was used. Never said of an isolated session (RFC 9622 §8.1.10).
///
/// Reply: none. Overflow: one for each race and each flow, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Observe(pub Vec<Observation>);

// ---------- Said by anyone

/// Which files are in force, and which are refused?
///
/// Reply: the report. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "FileReport")]
pub struct Files;

/// The reply to [`Files`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileReport {
    /// Where they are looked for.
    pub directories: Vec<PathBuf>,
    /// How many there are.
    pub files: usize,
    /// What was refused, with file, line and reason; the others are in force.
    pub refused: Arc<[PolicyError]>,
}

// ---------- Said by the transport

/// The network monitor is gone: look for yourself from now on.
///
/// Reply: none. Overflow: once, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Unwatched;

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

// ---------- Said by whoever speaks NEAT's JSON: its sockets, an API

/// One of NEAT's requests, in its JSON, for either of the two calls of its set-up.
///
/// Reply: candidates in NEAT's JSON, best first. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<String, LookupError>")]
pub struct Ask {
    /// What came.
    pub request: String,
}

/// Which of the two bases is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Policies and profiles.
    Pib,
    /// Nodes.
    Cib,
}

/// Take in policies, or nodes; each in place of the one of its uid, all of them or none. What is pushed like this
/// lives until it is removed, expires, or the policy manager ends.
///
/// Reply: their uids. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Imported, PolicyError>")]
pub struct Import {
    /// Into which base.
    pub base: Base,
    /// One object, or a list of them.
    pub text: String,
    /// The uid it is put as; it is one object then. Default: the uids they have.
    pub uid: Option<String>,
}

/// What is in a base?
///
/// Reply: the uids, in the order in which they count. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<String>")]
pub struct Uids(pub Base);

/// What does an entry say?
///
/// Reply: its JSON, in NEAT's form; nothing if there is none. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Option<String>")]
pub struct Entry {
    /// Of which base.
    pub base: Base,
    /// Its uid.
    pub uid: String,
}

/// Take an entry out.
///
/// Reply: whether there was one. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "bool")]
pub struct Remove {
    /// From which base.
    pub base: Base,
    /// Its uid.
    pub uid: String,
}

/// Which rows follow from the nodes?
///
/// Reply: a list of their properties in NEAT's JSON. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "String")]
pub struct Rows;
