//! The two calls of an establishment.

use super::fit::{Fit, Misfit, fit};
use super::inventory::{Inventory, StackRow};
use super::paths::{self, Path, Way};
use super::protocols;
use super::refusal::Refusal;
use super::request::{Request, Resolved};
use super::roster::{Key, Roster};
use crate::candidate::{Candidate, CandidateId, Protocol};
use crate::endpoint::RemoteEndpoint;
use crate::failure::EstablishmentFailure;
use crate::properties::{Preference, Role, SelectionProperty};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An establishment has at most this many branches; those that were wanted least are left out.
pub const MAX_BRANCHES: usize = 64;

/// A remote endpoint contributes at most this many addresses of each family to a branch.
pub const MAX_ADDRESSES_PER_FAMILY: usize = 8;

/// An explanation gives at most this many reasons.
const MAX_REASONS: usize = 4;

/// A path and a protocol that may carry the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Branch {
    /// Where it leaves this host; names are resolved there (RFC 9623 §4.1.2).
    pub path: Path,
    /// What carries it.
    pub protocol: Protocol,
}

/// Call 1, before names are resolved: the eligible branches, those wanted most first, paths before protocols
/// (RFC 9622 §6.2, RFC 9623 §4.1.2).
///
/// *Errors*: `InvalidConfiguration` when the request makes no sense; `NoCandidates` when nothing here can satisfy it,
/// with the properties in conflict or the endpoint to blame. Nothing has been sent then.
pub fn branches(request: &Request, inventory: &Inventory) -> Result<Vec<Branch>, EstablishmentFailure> {
    request.check_to_initiate()?;
    let framed = request.framed_inventory(inventory);
    let stacks = protocols::eligible(&framed, &request.properties, Role::Initiate)?;
    let ways = paths::eligible(request, inventory, Role::Initiate)?;
    let mut branches: Vec<Branch> = Vec::new();
    for way in &ways {
        for stack in stacks.iter().filter(|stack| joins(way, stack, request)) {
            let branch = Branch { path: way.path.clone(), protocol: stack.protocol.clone() };
            if branches.len() < MAX_BRANCHES && !branches.contains(&branch) {
                branches.push(branch);
            }
        }
    }
    if branches.is_empty() {
        return Err(not_joined(&ways, &stacks, request).into());
    }

    // Where nothing has to be resolved, it can be told now that nothing fits.
    let needs_no_resolution = request
        .remotes
        .iter()
        .all(|remote| remote.literal().is_some() && remote.unresolved_service().is_none());
    if needs_no_resolution && candidates(&mut Roster::new(), request, &branches, &[], inventory).is_empty() {
        return Err(explain(request, &branches, &[], inventory));
    }
    Ok(branches)
}

/// Whether a protocol may be used by this way, and with some remote endpoint (RFC 9622 §6.1.3).
fn joins(way: &Way, stack: &StackRow, request: &Request) -> bool {
    way.is_for(&stack.protocol) && request.remotes.iter().any(|remote| remote.is_for(&stack.protocol))
}

/// The endpoints are for other protocols than those that are eligible.
fn not_joined(ways: &[Way], stacks: &[&StackRow], request: &Request) -> Refusal {
    let names = protocols::names(stacks);
    let some = |is_for: &dyn Fn(&Protocol) -> bool| stacks.iter().any(|stack| is_for(&stack.protocol));
    Refusal::no_path(if !request.remotes.iter().any(|remote| some(&|protocol| remote.is_for(protocol))) {
        format!("no remote endpoint is for {names}")
    } else if !ways.iter().any(|way| some(&|protocol| way.is_for(protocol))) {
        format!("no local endpoint is for {names}")
    } else {
        format!("no local and remote endpoint are for the same protocol ({names})")
    })
}

/// Call 2, after resolution, and again whenever more answers are in (with the earlier ones): the candidates in order.
///
/// By branch, then by remote endpoint in the order given, its addresses with the families taking turns, IPv6 first
/// (RFC 8305 §4). No duplicates; only what fits together. The priority is the place in the order. Candidates keep
/// their ids, and are never dropped in favour of later ones. Addresses of endpoints that need no resolution are there
/// in any case.
pub fn candidates(
    roster: &mut Roster,
    request: &Request,
    branches: &[Branch],
    resolved: &[Resolved],
    inventory: &Inventory,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut seen: BTreeSet<CandidateId> = BTreeSet::new();
    for branch in branches {
        for (place, remote) in remotes_of(request, branch) {
            for (turn, address) in in_turns(addresses(place, remote, resolved)) {
                let Ok(fit) = fit_branch(request, branch, remote, address, inventory) else { continue };
                let Fit { interface, local, remote: to } = fit;
                let key = Key { transport: branch.protocol.clone(), interface, local, remote: to };
                if turn >= MAX_ADDRESSES_PER_FAMILY && roster.known(&key).is_none() {
                    continue;
                }
                let Some(member) = roster.admit(key.clone(), remote.host.as_ref()) else { continue };
                if !seen.insert(member.id) {
                    continue;
                }
                let properties = request.properties.clone();
                let mut candidate = Candidate::new(member.id, key.transport, key.remote, properties);
                candidate.interface = key.interface;
                candidate.local = key.local;
                candidate.host = member.host;
                candidate.priority = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
                candidates.push(candidate);
            }
        }
    }
    candidates
}

/// Why there are no candidates although there are branches: for when all answers are in and [`candidates`] gave none.
pub fn explain(
    request: &Request,
    branches: &[Branch],
    resolved: &[Resolved],
    inventory: &Inventory,
) -> EstablishmentFailure {
    let mut reasons: Vec<String> = Vec::new();
    let mut properties = Vec::new();
    for branch in branches {
        for (place, remote) in remotes_of(request, branch) {
            for address in addresses(place, remote, resolved) {
                let Err(misfit) = fit_branch(request, branch, remote, address, inventory) else { continue };
                if misfit == Misfit::NoTemporaryAddress {
                    properties = vec![SelectionProperty::UseTemporaryLocalAddress];
                }
                let reason = format!("{address}: {misfit}");
                if reasons.len() < MAX_REASONS && !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
    }
    if reasons.is_empty() {
        reasons.push("no remote endpoint has an address".to_owned());
    }
    Refusal::Nothing { properties, why: reasons.join("; ") }.into()
}

/// The remote endpoints that the protocol of a branch may use, with their places.
fn remotes_of<'a>(
    request: &'a Request,
    branch: &'a Branch,
) -> impl Iterator<Item = (usize, &'a RemoteEndpoint)> {
    request.remotes.iter().enumerate().filter(|(_, remote)| remote.is_for(&branch.protocol))
}

fn fit_branch(
    request: &Request,
    branch: &Branch,
    remote: &RemoteEndpoint,
    address: IpAddr,
    inventory: &Inventory,
) -> Result<Fit, Misfit> {
    let temporary = request.properties.selection.preference(SelectionProperty::UseTemporaryLocalAddress);
    if temporary == Preference::Require && address.is_ipv4() {
        return Err(Misfit::NoTemporaryAddress);
    }
    if let Some(service) = remote.unresolved_service() {
        return Err(Misfit::NoPort { service: service.clone() });
    }
    fit(&branch.path, address, remote.port.unwrap_or(0), remote.interface.as_ref(), inventory)
}

/// The addresses of a remote endpoint, as far as they are known.
fn addresses<'a>(
    place: usize,
    remote: &RemoteEndpoint,
    resolved: &'a [Resolved],
) -> impl Iterator<Item = IpAddr> + use<'a> {
    let literal = remote.literal();
    let answers = resolved.iter().filter(move |answer| literal.is_none() && answer.remote == place);
    literal.into_iter().chain(answers.flat_map(|answer| answer.addresses.iter().map(IpAddr::to_canonical)))
}

/// Lets the families take turns, IPv6 first, each in its own order and without duplicates; with each address goes its
/// turn within its family.
fn in_turns(addresses: impl Iterator<Item = IpAddr>) -> Vec<(usize, IpAddr)> {
    let mut known = BTreeSet::new();
    let (mut v6, mut v4) = (0, 0);
    let mut turns: Vec<(usize, IpAddr)> = addresses
        .filter(|address| known.insert(*address))
        .map(|address| {
            let turn = if address.is_ipv6() { &mut v6 } else { &mut v4 };
            *turn += 1;
            (*turn - 1, address)
        })
        .collect();
    turns.sort_by_key(|(turn, address)| (*turn, address.is_ipv4()));
    turns
}
