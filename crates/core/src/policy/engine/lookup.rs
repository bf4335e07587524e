//! NEAT's lookup: profiles, then the CIB, then policies; each adds, changes or rules out, and the scores decide.
//!
//! ```text
//!   request ─ expand ─► candidates ─ profiles ─► ─ CIB rows ─► the best of each ─ policies ─► ─ rank ─► the best
//! ```
//!
//! The order is by the sum of the scores of what was compared, then of the rest. Ties are broken by the place in the
//! request: the order of the requests, then of the alternatives, then of the values to choose from, so that the
//! transport an application names first is tried first; then by the place of the row; then by that of the alternative
//! of the policy.

use super::explanation::{Draft, Ledger, Source};
use super::{LookupError, MAX_DRAFTS};
use crate::policy::cib::Row;
use crate::policy::learned::Learned;
use crate::policy::neat::{Precedence, Properties, Property};
use crate::policy::pib::{Policy, PolicyKind};
use std::cmp::Reverse;

/// In which rows say how an attempt went.
const OUTCOME: &str = "__he_candidate_success";

/// How many candidates a lookup gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// In all. Default: 10, as in NEAT.
    pub candidates: usize,
    /// Of each expanded request after the CIB. Default: 5, as in NEAT.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { candidates: 10, rows: 5 }
    }
}

/// Applies policies or profiles to each candidate in turn; one that contradicts is ruled out.
pub(super) fn apply(
    policies: &[Policy],
    drafts: Vec<Draft>,
    ledger: &mut Ledger,
) -> Result<Vec<Draft>, LookupError> {
    let mut drafts = drafts;
    for policy in policies {
        if !drafts.iter().any(|draft| policy.is_about(&draft.properties)) {
            continue;
        }
        let mut next = Vec::with_capacity(drafts.len());
        for draft in drafts {
            if policy.is_about(&draft.properties) {
                apply_to(policy, &draft, ledger, &mut next);
            } else {
                next.push(draft);
            }
            if next.len() > MAX_DRAFTS {
                return Err(LookupError::Explosion { by: policy.uid.as_str().into(), limit: MAX_DRAFTS });
            }
        }
        drafts = next;
    }
    Ok(drafts)
}

fn apply_to(policy: &Policy, draft: &Draft, ledger: &mut Ledger, next: &mut Vec<Draft>) {
    let source = || match policy.kind {
        PolicyKind::Profile => Source::Profile(policy.uid.clone()),
        PolicyKind::Policy => Source::Policy(policy.uid.clone()),
    };
    let mut base = draft.properties.clone();
    if policy.replace_matched {
        for (key, _) in policy.matched.iter() {
            base.remove(key);
        }
    }
    for set in policy.properties.expanded() {
        match base.update(set) {
            Ok(updated) => next.push(ledger.change(draft, updated, source)),
            Err(conflicts) => ledger.reject(draft, conflicts, source),
        }
    }
}

/// Holds a candidate against what is known: it remains as it is, and joins each row that has all that cannot change of
/// it. The best `limit` of them remain.
pub(super) fn join(
    draft: &Draft,
    rows: &[Row],
    learned: &Learned,
    limit: usize,
    ledger: &mut Ledger,
) -> Vec<Draft> {
    let mut joined = vec![draft.clone()];
    let mut hold = |row: &Properties, source: &dyn Fn() -> Source| {
        if !has_immutables(row, &draft.properties) || is_of_another(row, &draft.properties) {
            return;
        }
        // The row is updated by the request, in the order of the request.
        match row.update_in_their_order(&draft.properties) {
            Ok(both) => joined.push(ledger.change(draft, both, source)),
            Err(conflicts) => ledger.reject(draft, conflicts, source),
        }
    };
    for row in rows {
        hold(&row.properties, &|| Source::Row(row.name()));
    }
    for (row, name) in learned.rows() {
        hold(row, &|| Source::Observation(name()));
    }
    rank(&mut joined);
    joined.truncate(limit.max(1));
    joined
}

/// Whether a row speaks of whatever cannot change of the request, and contradicts none of it.
fn has_immutables(row: &Properties, request: &Properties) -> bool {
    let mut immutables = request.iter().filter(|(_, wanted)| wanted.precedence == Precedence::Immutable);
    immutables.all(|(key, wanted)| {
        row.get(key).is_some_and(|known| known.precedence != Precedence::Immutable || known.matches(wanted))
    })
}

/// What an attempt was about, when its outcome is reported.
const ATTEMPT: &[&str] = &["transport", "remote_ip", "port", "interface", "local_ip", "domain_name"];

/// Whether a row reports how another attempt went: one over another protocol, or to another address. libneat says none
/// of it to be immutable, so a request would overrule what the report was about, and keep its score.
fn is_of_another(row: &Properties, request: &Properties) -> bool {
    let differs = |key: &&str| match (row.get(key), request.get(key)) {
        (Some(known), Some(wanted)) => !known.matches(wanted),
        _ => false,
    };
    row.get(OUTCOME).is_some() && ATTEMPT.iter().any(differs)
}

/// Best first; the sort is stable, so that what came first stays first among equals.
pub(super) fn rank(drafts: &mut [Draft]) {
    drafts.sort_by_cached_key(|draft| Reverse(draft.properties.score()));
}

/// Of candidates that are equal in all only the first remains. Those that only have the same values may part later: what
/// a policy does to them depends on precedence and score, too.
pub(super) fn distinct(drafts: Vec<Draft>) -> Vec<Draft> {
    first_of_each(drafts, |one, other| one == other)
}

/// The answer: of candidates with the same values the best remains, and of those for the same attempt only that of
/// which it is known how it went. libneat would start both, and a failure would count for nothing if the attempt were
/// there again without it.
pub(super) fn distinct_attempts(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut drafts = first_of_each(drafts, Properties::same_values);
    let tells = |known: &Properties, other: &Properties| {
        known.get(OUTCOME).is_some() && other.get(OUTCOME).is_none() && known.has_values_of(other)
    };
    let told: Vec<Properties> = drafts
        .iter()
        .map(|draft| &draft.properties)
        .filter(|set| set.get(OUTCOME).is_some())
        .cloned()
        .collect();
    drafts.retain(|draft| !told.iter().any(|known| tells(known, &draft.properties)));
    drafts
}

fn first_of_each(drafts: Vec<Draft>, same: impl Fn(&Properties, &Properties) -> bool) -> Vec<Draft> {
    let mut distinct: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if !distinct.iter().any(|known| same(&known.properties, &draft.properties)) {
            distinct.push(draft);
        }
    }
    distinct
}

/// Splits what is still to choose from of one key: each value is a candidate of its own.
pub(super) fn split(drafts: Vec<Draft>, key: &str, ledger: &Ledger) -> Vec<Draft> {
    let each = |draft: Draft| -> Vec<Draft> {
        let Some(property) = draft.properties.get(key) else { return vec![draft] };
        let values: Vec<_> = property.value.each().collect();
        if values.len() == 1 {
            return vec![draft];
        }
        let one = |value| {
            let mut properties = draft.properties.clone();
            properties.insert(key, Property { value, ..property.clone() });
            ledger.change(&draft, properties, || Source::Request)
        };
        values.into_iter().map(one).collect()
    };
    drafts.into_iter().flat_map(each).collect()
}
