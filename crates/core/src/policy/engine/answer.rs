//! NEAT's two calls, as its Policy Manager answers them.

use super::explanation::{Draft, Explanation, Ledger};
use super::lookup::{apply, distinct, distinct_attempts, join, rank, split};
use super::socket_options::by_number;
use super::{Engine, MAX_COMPARISONS, MAX_DRAFTS};
use crate::candidate::Protocol;
use crate::policy::neat::read::{TRANSPORT, transport_name};
use crate::policy::neat::{
    Alternatives, MAX_EXPANSION, PolicyError, Properties, Property, Scalar, Text, Value,
};
use crate::time::Time;
use std::sync::Arc;
use thiserror::Error;

/// The property by which libneat tells its first call from its second.
const REQUEST_TYPE: &str = "__request_type";
/// The property in which it names address and interface together.
const LOCAL_ENDPOINT: &str = "local_endpoint";
/// What is of use during a lookup only.
const INTERNAL: &[&str] = &["default_profile", "uid"];

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The request cannot be read.
    #[error(transparent)]
    Request(#[from] PolicyError),
    /// Policies make too many candidates of it.
    #[error("{by} makes more than {limit} candidates or comparisons")]
    Explosion {
        /// The uid of the policy, or the key of the property.
        by: Arc<str>,
        /// So many there may be.
        limit: usize,
    },
    /// A local endpoint is not an address and an interface.
    #[error("a local endpoint is address@interface, and this is {0}")]
    Endpoint(Arc<str>),
}

impl Engine {
    /// Answers a request in NEAT's JSON with candidates in NEAT's JSON, best first: the first call of its set-up if the
    /// request says so (`__request_type` is `pre-resolve`), otherwise the second. Socket options are named by number in
    /// the second answer, as its library wants them.
    ///
    /// *Errors*: the request cannot be read, or explodes.
    pub fn answer(&mut self, request: &str, now: Time) -> Result<String, LookupError> {
        let requests = Alternatives::requests_from_json(request)?;
        let candidates = if is_pre_resolve(&requests) {
            self.pre_resolve(&requests)?
        } else {
            self.lookup(&requests, now)?.iter().map(by_number).collect()
        };
        // Keys are texts, and numbers are finite: nothing can fail.
        Ok(serde_json::to_string(&candidates).unwrap_or_default())
    }

    /// The first call: each combination of what is asked for, before names are resolved. Nothing is looked up yet: what
    /// is known of a peer is known by its address.
    ///
    /// *Errors*: a local endpoint is none; there are too many combinations.
    pub fn pre_resolve(&self, requests: &[Alternatives]) -> Result<Vec<Properties>, LookupError> {
        let mut all = Vec::new();
        for set in requests.iter().flat_map(|request| request.expanded()) {
            let Some(mut set) = with_endpoint(set.clone())? else { continue };
            set.remove(REQUEST_TYPE);
            all.push(set);
        }
        Ok(all)
    }

    /// The second call: the candidates, best first, at most [`Limits::candidates`](super::Limits).
    ///
    /// *Errors*: as [`pre_resolve`](Self::pre_resolve); policies make too many candidates.
    pub fn lookup(&mut self, requests: &[Alternatives], now: Time) -> Result<Vec<Properties>, LookupError> {
        let generations = self.refresh(now);
        if let Some(answer) = self.answers.recall(|asked| asked == requests, generations) {
            return Ok(answer);
        }
        let drafts = self.candidates_for(requests, &mut Ledger::closed())?;
        let answer: Vec<Properties> = drafts.into_iter().map(|draft| draft.properties).collect();
        self.answers.remember(requests.to_vec(), answer.clone());
        Ok(answer)
    }

    /// The second call, explained. A candidate is usable if its transport is one of these.
    ///
    /// *Errors*: as [`lookup`](Self::lookup).
    pub fn explain_lookup(
        &mut self,
        requests: &[Alternatives],
        stacks: &[Protocol],
        now: Time,
    ) -> Result<Explanation, LookupError> {
        self.refresh(now);
        let mut ledger = Ledger::open();
        let drafts = self.candidates_for(requests, &mut ledger)?;
        let names: Vec<Text> = stacks.iter().map(|stack| transport_name(stack.as_str())).collect();
        let usable = |candidate: &Properties| {
            candidate.word(TRANSPORT).is_some_and(|word| names.iter().any(|name| *name == *word))
        };
        Ok(ledger.close(drafts, usable))
    }

    fn candidates_for(
        &self,
        requests: &[Alternatives],
        ledger: &mut Ledger,
    ) -> Result<Vec<Draft>, LookupError> {
        let mut candidates = Vec::new();
        let (rows, mut compared) = (self.cib.rows().len() + self.learned.len(), 0);
        for set in requests.iter().flat_map(|request| request.expanded()) {
            let Some(mut set) = with_endpoint(set.clone())? else { continue };
            set.remove(REQUEST_TYPE);
            let too_many =
                || LookupError::Explosion { by: "a set of requested values".into(), limit: MAX_EXPANSION };
            let each = set.each_requested(MAX_EXPANSION).ok_or_else(too_many)?;
            if candidates.len() + each.len() > MAX_DRAFTS {
                return Err(too_many());
            }
            for one in each {
                let asked = vec![ledger.begin(one)];
                for draft in apply(self.pib.profiles(), asked, ledger)? {
                    compared += rows;
                    if compared > MAX_COMPARISONS {
                        let by = "the request, among so many rows,".into();
                        return Err(LookupError::Explosion { by, limit: MAX_COMPARISONS });
                    }
                    candidates.extend(join(&draft, self.cib.rows(), &self.learned, self.limits.rows, ledger));
                }
            }
        }
        rank(&mut candidates);
        let candidates = apply(self.pib.policies(), distinct(candidates), ledger)?;
        let mut candidates = split(candidates, TRANSPORT, ledger);
        rank(&mut candidates);
        let mut candidates = distinct_attempts(candidates);
        candidates.truncate(self.limits.candidates);
        for candidate in &mut candidates {
            for key in INTERNAL {
                candidate.properties.remove(key);
            }
        }
        Ok(candidates)
    }
}

/// Whether it is the first call.
fn is_pre_resolve(requests: &[Alternatives]) -> bool {
    let says = |set: &Properties| set.word(REQUEST_TYPE) == Some("pre-resolve");
    requests.iter().any(|request| request.expanded().iter().any(says))
}

/// `local_endpoint` divided into `local_ip` and `interface`; `None` if the application itself wants others.
pub(super) fn with_endpoint(mut set: Properties) -> Result<Option<Properties>, LookupError> {
    let Some(endpoint) = set.remove(LOCAL_ENDPOINT) else { return Ok(Some(set)) };
    let parts = endpoint.value.as_str().and_then(|text| text.split_once('@'));
    let Some((address, interface)) = parts.filter(|(address, name)| !address.is_empty() && !name.is_empty())
    else {
        let excerpt: String = endpoint.value.to_string().chars().take(64).collect();
        return Err(LookupError::Endpoint(excerpt.into()));
    };
    let word = |word: &str| Property { value: Value::One(Scalar::String(word.into())), ..endpoint.clone() };
    let both = Properties::new()
        .with(Text::fixed("local_ip"), word(address))
        .with(Text::fixed("interface"), word(interface));
    let Ok(mut both) = set.update(&both) else { return Ok(None) };
    both.unevaluate();
    Ok(Some(both))
}
