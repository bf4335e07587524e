//! A policy manager elsewhere: what is asked of it in NEAT's language, and what may be made of its answers.
//!
//! What is eligible here is decided here, by the engine of this host: only it knows the stacks and the interfaces, and it
//! answers for every Require and Prohibit. The other one is told the candidates, one request for each, in order, and
//! answers with those that it leaves, in its order. So it can rule out, reorder, and add properties (socket options), and
//! nothing else: what it makes of a candidate that is not one of those it was told, or that breaks what was required or
//! prohibited, is dropped, and so is a candidate of which it requires what cannot be had of it (security over a stack
//! that has none).
//!
//! What identifies a candidate is immutable (2), as libneat says it, but for the protocol and the peer's address; all
//! else is requested (1), so that rows of the other one that do not speak of it join.

use super::neat::read::{TRANSPORT, transport_name};
use super::neat::{Alternatives, Precedence, Properties, Property, Scalar, Text, Value};
use super::request::Request;
use super::select::Branch;
use super::wishes::key;
use crate::candidate::{Candidate, Protocol};
use crate::properties::{Preference, SelectionProperty};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use thiserror::Error;

/// Names a candidate in a request and in its answer.
const NAME: &str = "__candidate";
/// What the names of interfaces are bounded by.
const MAX_NAME: usize = 64;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteFault {
    /// It refused the request.
    #[error("it refused: {0}")]
    Refused(Arc<str>),
    /// It answered something that is none of NEAT's answers.
    #[error("its answer cannot be read: {0}")]
    Unreadable(Arc<str>),
}

/// Call 1: which of these may be used at all? One request for each branch.
pub fn pre_resolve(request: &Request, branches: &[Branch]) -> String {
    let told = branches.iter().enumerate().map(|(name, branch)| {
        let mut told = told(&branch.properties, name as u64, &branch.protocol);
        told.insert("__request_type", Property::requested(Text::fixed("pre-resolve")));
        about_peer(&mut told, request);
        told
    });
    to_json(told)
}

/// The branches that the answer to [`pre_resolve`] leaves, in their own order.
///
/// *Errors*: it is no answer.
pub fn eligible(request: &Request, branches: &[Branch], answer: &str) -> Result<Vec<Branch>, RemoteFault> {
    let mut left = BTreeSet::new();
    for mut set in read(answer)? {
        let Some(place) = name_of(&set) else { continue };
        let Some(branch) = branches.get(place) else { continue };
        let path = (branch.path.interface.as_deref(), branch.path.address);
        if is_of(&set, path, &branch.protocol)
            && respects(&set, request)
            && keeps(&mut set, &branch.properties)
        {
            left.insert(place);
        }
    }
    Ok(left.into_iter().map(|place| branches[place].clone()).collect())
}

/// Call 2: in which order should these be tried, and how? One request for each candidate.
pub fn post_resolve(candidates: &[Candidate]) -> String {
    let told = candidates.iter().map(|candidate| {
        let mut told = told(&candidate.policy, u64::from(candidate.id.0), &candidate.transport);
        let text = |text: String| Value::from(Text::from(text));
        told.insert("remote_ip", Property::requested(text(candidate.remote.ip().to_string())));
        told.insert("port", Property::immutable(i64::from(candidate.port())));
        if let Some(host) = &candidate.host {
            told.insert("domain_name", Property::immutable(Text::from(host.clone())));
        }
        if let Some(interface) = &candidate.interface {
            told.insert("interface", Property::immutable(Text::from(interface.clone())));
        }
        if let Some(local) = candidate.local.filter(|local| !local.ip().is_unspecified()) {
            told.insert("local_ip", Property::immutable(text(local.ip().to_string())));
        }
        told
    });
    to_json(told)
}

/// The candidates that the answer to [`post_resolve`] leaves, in its order, with what it says of them.
///
/// *Errors*: it is no answer.
pub fn ranked(
    request: &Request,
    candidates: &[Candidate],
    answer: &str,
) -> Result<Vec<Candidate>, RemoteFault> {
    let mut ranked: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for mut set in read(answer)? {
        let Some(name) = name_of(&set) else { continue };
        let named = |candidate: &&Candidate| usize::try_from(candidate.id.0) == Ok(name);
        let Some(candidate) = candidates.iter().find(named) else { continue };
        let path = (candidate.interface.as_deref(), candidate.local.map(|local| local.ip()));
        let peer = is(&set, "remote_ip", &candidate.remote.ip().to_string())
            && set.get("port").is_none_or(|said| said.value == Value::from(i64::from(candidate.port())));
        if !peer
            || !is_of(&set, path, &candidate.transport)
            || !respects(&set, request)
            || !keeps(&mut set, &candidate.policy)
            || ranked.iter().any(|known| known.id == candidate.id)
        {
            continue;
        }
        let mut candidate = candidate.clone();
        // Where this host left the interface to the routing table, the other one may choose.
        if candidate.interface.is_none() {
            candidate.interface = set.word("interface").map(Into::into);
        }
        set.remove(NAME);
        candidate.policy = Arc::new(set);
        candidate.priority = u32::try_from(ranked.len()).unwrap_or(u32::MAX);
        ranked.push(candidate);
    }
    Ok(ranked)
}

/// What is told of a candidate.
fn told(known: &Properties, name: u64, protocol: &Protocol) -> Properties {
    let mut told = Properties::new();
    for (key, property) in known.iter().filter(|(_, property)| property.value != Value::Any) {
        let identifies = ["port", "domain_name", "interface", "local_ip"].contains(&key.as_str());
        let precedence =
            if identifies { property.precedence } else { property.precedence.min(Precedence::Requested) };
        told.insert(key.clone(), Property { precedence, ..property.clone() });
    }
    let transport = Value::One(Scalar::String(transport_name(protocol.as_str())));
    told.insert(TRANSPORT, Property::requested(transport));
    told.insert(NAME, Property::requested(i64::try_from(name).unwrap_or_default()));
    told
}

/// The names of all peers, where there are several: what is one name for all is said already.
fn about_peer(told: &mut Properties, request: &Request) {
    let names = request.remotes.iter().filter_map(|remote| remote.host.clone());
    if told.get("domain_name").is_none()
        && let Some(names) = Value::one_of(names.map(|name| Scalar::String(Text::from(name))))
    {
        told.insert("domain_name", Property::immutable(names));
    }
}

fn to_json(sets: impl Iterator<Item = Properties>) -> String {
    // Keys are texts, and numbers are finite: nothing can fail.
    serde_json::to_string(&sets.collect::<Vec<_>>()).unwrap_or_default()
}

/// An answer that says that there is none.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

fn read(answer: &str) -> Result<Vec<Properties>, RemoteFault> {
    if let Ok(Refused { error }) = serde_json::from_str(answer) {
        return Err(RemoteFault::Refused(for_people(&error)));
    }
    let unreadable =
        |error: super::neat::PolicyError| RemoteFault::Unreadable(for_people(&error.to_string()));
    let read = Alternatives::requests_from_json(answer).map_err(unreadable)?;
    Ok(read.iter().flat_map(|set| set.expanded().iter().cloned()).collect())
}

/// What somebody else has said, as it may be shown: not too long, and nothing in it steers a terminal.
fn for_people(said: &str) -> Arc<str> {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    said.chars().take(256).map(visible).collect::<String>().into()
}

fn name_of(set: &Properties) -> Option<usize> {
    match set.get(NAME)?.value {
        Value::One(Scalar::Integer(name)) => usize::try_from(name).ok(),
        _ => None,
    }
}

fn is(set: &Properties, key: &str, wanted: &str) -> bool {
    set.get(key).is_some_and(|said| said.value.as_str() == Some(wanted))
}

/// Whether what was answered is about this path and this protocol, and not about what a policy made of them.
fn is_of(
    set: &Properties,
    (interface, address): (Option<&str>, Option<IpAddr>),
    protocol: &Protocol,
) -> bool {
    let same_interface = match (set.get("interface"), interface) {
        (None, _) => true,
        (Some(said), Some(interface)) => said.value.as_str() == Some(interface),
        (Some(said), None) => {
            said.value.as_str().is_some_and(|name| !name.is_empty() && name.len() <= MAX_NAME)
        }
    };
    let same_address = match (set.word("local_ip"), address.filter(|address| !address.is_unspecified())) {
        (Some(said), Some(address)) => said.parse() == Ok(address),
        (Some(_), None) => set.get("interface").is_some() || interface.is_some(),
        (None, _) => true,
    };
    same_interface && same_address && is(set, TRANSPORT, transport_name(protocol.as_str()).as_str())
}

/// Lays what was answered over what cannot change of a candidate; `false` if it says that something else must be: what a
/// stack does, or what the application or a policy here requires, is not decided elsewhere.
fn keeps(set: &mut Properties, ours: &Properties) -> bool {
    let fixed = ours.iter().filter(|(_, property)| property.precedence == Precedence::Immutable);
    for (key, property) in fixed {
        let kept = match set.get(key) {
            None => property.clone(),
            Some(said) => match property.update(said) {
                Some(both) => Property { score: said.score, ..both },
                None => return false,
            },
        };
        set.insert(key.clone(), kept);
    }
    true
}

/// Whether nothing that was required is missing, and nothing that was prohibited is there.
fn respects(set: &Properties, request: &Request) -> bool {
    let selection = &request.properties.selection;
    SelectionProperty::ALL.iter().all(|property| {
        let contrary = match selection.preference(*property) {
            Preference::Require => false,
            Preference::Prohibit => true,
            _ => return true,
        };
        set.get(&key(*property)).is_none_or(|said| said.value != Value::from(contrary))
    })
}
