//! The two calls of an establishment.

use super::engine::Engine;
use super::fit::{Fit, Misfit, fit};
use super::inventory::Inventory;
use super::learned::About;
use super::neat::{Properties, Property, Score, Text, Value};
use super::paths::Path;
use super::refusal::Refusal;
use super::request::{Request, Resolved};
use super::roster::{Key, Roster};
use crate::candidate::{Candidate, CandidateId, Protocol};
use crate::endpoint::RemoteEndpoint;
use crate::failure::EstablishmentFailure;
use crate::properties::{Role, SelectionProperty};
use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

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
    /// What the lookup made of the request: its own properties, and those of the stack, the path, the CIB and the
    /// policies; socket options (`so/...`) among them.
    pub properties: Arc<Properties>,
    /// Before the policies, if they speak of peers and have to be asked again for each.
    pub(super) basis: Option<Arc<Properties>>,
    /// Whether only temporary addresses will do.
    pub(super) temporary: bool,
}

/// Call 1, before names are resolved, without policies: as [`Engine::branches`].
///
/// *Errors*: as [`Engine::branches`].
pub fn branches(request: &Request, inventory: &Inventory) -> Result<Vec<Branch>, EstablishmentFailure> {
    Engine::new().branches(request, inventory, Time::ZERO)
}

/// Call 2, after resolution, without policies: as [`Engine::candidates`].
pub fn candidates(
    roster: &mut Roster,
    request: &Request,
    branches: &[Branch],
    resolved: &[Resolved],
    inventory: &Inventory,
) -> Vec<Candidate> {
    Engine::new().candidates(roster, request, branches, resolved, inventory)
}

/// Why there are no candidates although there are branches, without policies: as [`Engine::why_none`].
pub fn explain(
    request: &Request,
    branches: &[Branch],
    resolved: &[Resolved],
    inventory: &Inventory,
) -> EstablishmentFailure {
    Engine::new().why_none(request, branches, resolved, inventory)
}

impl Engine {
    /// Call 1, before names are resolved: the eligible branches, those wanted most first, paths before protocols
    /// (RFC 9622 §6.2, RFC 9623 §4.1.2). `now` is measured from the Unix epoch.
    ///
    /// *Errors*: `InvalidConfiguration` when the request makes no sense; `NoCandidates` when nothing here can satisfy
    /// it, with the properties in conflict, the endpoint or the policy to blame. Nothing has been sent then.
    pub fn branches(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        now: Time,
    ) -> Result<Vec<Branch>, EstablishmentFailure> {
        request.check_to_initiate()?;
        let branches = self.select(request, inventory, Role::Initiate, now)?;

        // Where nothing has to be resolved, it can be told now that nothing fits.
        let needs_no_resolution = request
            .remotes
            .iter()
            .all(|remote| remote.literal().is_some() && remote.unresolved_service().is_none());
        if needs_no_resolution
            && self.candidates(&mut Roster::new(), request, &branches, &[], inventory).is_empty()
        {
            return Err(self.why_none(request, &branches, &[], inventory));
        }
        Ok(branches)
    }

    /// Call 2, after resolution, and again whenever more answers are in (with the earlier ones): the candidates in
    /// order.
    ///
    /// By branch, then by remote endpoint in the order given, its addresses with the families taking turns, IPv6 first
    /// (RFC 8305 §4); what policies score higher before, and what failed lately after the others (RFC 9623 §9.2). No
    /// duplicates; only what fits together, and what no policy rules out. The priority is the place in the order.
    /// Candidates keep their ids, and are never dropped in favour of later ones. Addresses of endpoints that need no
    /// resolution are there in any case.
    pub fn candidates(
        &self,
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
                for reached in self.reached(request, branch, (place, remote), resolved, inventory) {
                    let Reached { turn, fit: Fit { interface, local, remote: to }, properties, .. } = reached;
                    let key = Key { transport: branch.protocol.clone(), interface, local, remote: to };
                    if turn >= MAX_ADDRESSES_PER_FAMILY && roster.known(&key).is_none() {
                        continue;
                    }
                    let Some(member) = roster.admit(key.clone(), remote.host.as_ref()) else { continue };
                    if !seen.insert(member.id) {
                        continue;
                    }
                    let wanted = request.properties.clone();
                    let mut candidate = Candidate::new(member.id, key.transport, key.remote, wanted);
                    candidate.interface = key.interface;
                    candidate.local = key.local;
                    candidate.host = member.host;
                    candidate.policy = properties;
                    candidate.priority = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
                    candidates.push(candidate);
                }
            }
        }
        candidates
    }

    /// The addresses of a remote endpoint that a branch leads to, in order.
    fn reached(
        &self,
        request: &Request,
        branch: &Branch,
        (place, remote): (usize, &RemoteEndpoint),
        resolved: &[Resolved],
        inventory: &Inventory,
    ) -> Vec<Reached> {
        let mut reached: Vec<Reached> = Vec::new();
        for (turn, address) in in_turns(addresses(place, remote, resolved)) {
            let Ok(fit) = fit_branch(branch, remote, address, inventory) else { continue };
            let Some((properties, score)) = self.known_of(branch, remote, address) else { continue };
            let about = About {
                network: branch.path.interface.as_deref(),
                host: None,
                address: Some(address),
                port: remote.port,
            };
            let standing = self.standing(request, &about, &branch.protocol);
            let order = (Reverse(score), standing.map_or(1, |standing| 2 - 2 * standing as u8));
            reached.push(Reached { order, turn, fit, properties });
        }
        // The sort is stable: families keep their turns among equals.
        reached.sort_by_key(|reached| reached.order);
        reached
    }

    /// What policies make of a branch to this address; `None` if they rule it out.
    fn known_of(
        &self,
        branch: &Branch,
        remote: &RemoteEndpoint,
        address: IpAddr,
    ) -> Option<(Arc<Properties>, Option<Score>)> {
        let Some(basis) = &branch.basis else { return Some((branch.properties.clone(), None)) };
        let fact = |value: Value| Property::immutable(value);
        let mut peer = Properties::new();
        peer.insert("remote_ip", fact(Text::from(address.to_string()).into()));
        peer.insert("ip_version", fact(Value::from(if address.is_ipv4() { 4_i64 } else { 6 })));
        if let Some(port) = remote.port {
            peer.insert("port", fact(i64::from(port).into()));
        }
        if let Some(host) = &remote.host {
            peer.insert("domain_name", fact(Text::from(host.clone()).into()));
        }
        let (properties, score) = self.particular(basis, &peer)?;
        Some((Arc::new(properties), Some(score)))
    }

    /// Why there are no candidates although there are branches: for when all answers are in and
    /// [`candidates`](Self::candidates) gave none.
    pub fn why_none(
        &self,
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
                    let misfit = match fit_branch(branch, remote, address, inventory) {
                        Err(misfit) => misfit,
                        Ok(_) if self.known_of(branch, remote, address).is_none() => Misfit::RuledOut,
                        Ok(_) => continue,
                    };
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
        Refusal::Nothing { properties, why: reasons.join("; ").into() }.into()
    }
}

/// An address that a branch leads to.
struct Reached {
    order: (Reverse<Option<Score>>, u8),
    /// Its turn within its family.
    turn: usize,
    fit: Fit,
    properties: Arc<Properties>,
}

/// The remote endpoints that the protocol of a branch may use, with their places.
fn remotes_of<'a>(
    request: &'a Request,
    branch: &'a Branch,
) -> impl Iterator<Item = (usize, &'a RemoteEndpoint)> {
    request.remotes.iter().enumerate().filter(|(_, remote)| remote.is_for(&branch.protocol))
}

fn fit_branch(
    branch: &Branch,
    remote: &RemoteEndpoint,
    address: IpAddr,
    inventory: &Inventory,
) -> Result<Fit, Misfit> {
    if branch.temporary && address.is_ipv4() {
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
