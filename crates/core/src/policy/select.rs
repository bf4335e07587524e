//! The two calls of an establishment.

use super::engine::Engine;
use super::fit::{Fit, Misfit, fit};
use super::inventory::Inventory;
use super::learned::About;
use super::neat::{Properties, Property, Score, Text, Value};
use super::paths::Path;
use super::refusal::Refusal;
use super::request::{Known, Request, Resolved};
use super::roster::{Key, Roster};
use crate::candidate::{Candidate, CandidateId, Protocol};
use crate::endpoint::RemoteEndpoint;
use crate::failure::EstablishmentFailure;
use crate::properties::{Role, SelectionProperty};
use crate::racing::Endpoint;
use crate::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// An establishment has at most this many branches; those that were wanted least are left out.
pub const MAX_BRANCHES: usize = 64;

/// A remote endpoint contributes at most this many addresses of each family to a branch: half of what a race tries.
pub const MAX_ADDRESSES_PER_FAMILY: usize = 32;

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

/// What call 1 gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct First {
    /// What is eligible, best first.
    pub branches: Arc<[Branch]>,
    /// Where nothing has to be resolved, what call 2 makes of the addresses that are known, in their order; else none.
    pub candidates: Vec<Candidate>,
    /// Which of these has which id.
    pub roster: Roster,
}

/// Whether these candidates, of [`First`], are what call 2 would say of what a race has found of the only remote
/// endpoint: they are about all of it and nothing else, in the order of the race within each path, and nothing is known
/// besides the addresses.
pub fn is_call_2(candidates: &[Candidate], found: &[&Endpoint]) -> bool {
    let place = |candidate: &Candidate| {
        found.iter().position(|found| {
            found.transport == candidate.transport
                && found.address.ip() == candidate.remote.ip().to_canonical()
                && found.port == candidate.remote.port()
        })
    };
    let places: Vec<Option<usize>> = candidates.iter().map(place).collect();
    let plain = |found: &&Endpoint| found.alpn.is_empty() && found.ech.is_none();
    let in_order = |both: (&[Candidate], &[Option<usize>])| match both {
        ([one, other], [before, after]) => one.interface != other.interface || before < after,
        _ => true,
    };
    found.iter().all(plain)
        && (0..found.len()).all(|place| places.contains(&Some(place)))
        && places.iter().all(Option::is_some)
        && candidates.windows(2).zip(places.windows(2)).all(in_order)
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
        self.first(request, inventory, now).map(|first| first.branches.to_vec())
    }

    /// As [`branches`](Self::branches), and, where nothing has to be resolved, what call 2 says of the addresses that
    /// are known. Remembered until something changes.
    ///
    /// *Errors*: as [`branches`](Self::branches).
    pub fn first(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        now: Time,
    ) -> Result<First, EstablishmentFailure> {
        if let Some(first) = self.recall_first(request, inventory, now) {
            return first;
        }
        let first = self.decide_first(request, inventory, now);
        self.remember_first(request, &first);
        first
    }

    fn decide_first(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        now: Time,
    ) -> Result<First, EstablishmentFailure> {
        request.check_to_initiate()?;
        let branches = self.select(request, inventory, Role::Initiate, now)?;
        let is_known =
            |remote: &RemoteEndpoint| remote.literal().is_some() && remote.unresolved_service().is_none();
        if !request.remotes.iter().all(is_known) {
            let branches = branches.into();
            return Ok(First { branches, candidates: Vec::new(), roster: Roster::new() });
        }
        let mut roster = Roster::new();
        let candidates = self.candidates(&mut roster, request, &branches, &[], inventory);
        // It can be told now that nothing fits.
        if candidates.is_empty() {
            return Err(self.why_none(request, &branches, &[], inventory));
        }
        Ok(First { branches: branches.into(), candidates, roster })
    }

    /// Call 2, after resolution, and again whenever more answers are in (with the earlier ones): the candidates in
    /// order.
    ///
    /// By path, then by remote endpoint in the order given, those for a better protocol first. What a race found of it
    /// keeps the order of the race, over all protocols of the path; of mere addresses each protocol has its own list,
    /// with the families taking turns, IPv6 first (RFC 8305 §4). What policies score higher comes before, and what failed
    /// lately after the others of its protocol (RFC 9623 §9.2). No duplicates; only what fits together, and what no policy rules out. The priority is the place in the order.
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
        for branches in by_path(branches) {
            for (place, remote) in remotes_of(request, &branches) {
                let reached = self.reached(request, &branches, (place, remote), resolved, inventory);
                for Reached {
                    branch,
                    turn,
                    spot,
                    fit: Fit { interface, local, remote: to },
                    properties,
                    ..
                } in reached
                {
                    let key = Key { transport: branch.protocol.clone(), interface, local, remote: to };
                    if turn >= MAX_ADDRESSES_PER_FAMILY && roster.known(&key).is_none() {
                        continue;
                    }
                    let host = spot.endpoint.and_then(|found| found.name.as_ref()).or(remote.host.as_ref());
                    let Some(member) = roster.admit(key.clone(), host) else { continue };
                    if !seen.insert(member.id) {
                        continue;
                    }
                    let wanted = request.properties.clone();
                    let mut candidate = Candidate::new(member.id, key.transport, key.remote, wanted);
                    candidate.interface = key.interface;
                    candidate.local = key.local;
                    candidate.host = member.host;
                    candidate.policy = properties;
                    if let Some(found) = spot.endpoint {
                        candidate.alpn.clone_from(&found.alpn);
                        candidate.ech.clone_from(&found.ech);
                    }
                    candidate.priority = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
                    candidates.push(candidate);
                }
            }
        }
        candidates
    }

    /// How a path leads to a remote endpoint, in order. What policies score higher goes before, and what failed lately
    /// behind, what its protocol reaches besides: the turns of the protocols stay as they are.
    fn reached<'a>(
        &self,
        request: &Request,
        branches: &[&'a Branch],
        (place, remote): (usize, &RemoteEndpoint),
        resolved: &'a [Resolved],
        inventory: &Inventory,
    ) -> Vec<Reached<'a>> {
        let mut reached: Vec<Reached<'a>> = Vec::new();
        for (branch, turn, spot) in spots(branches, place, remote, resolved) {
            let Ok(fit) = fit_branch(branch, remote, &spot, inventory) else { continue };
            let Some((properties, score)) = self.known_of(request, branch, remote, &spot) else { continue };
            let about = About {
                network: branch.path.interface.as_deref(),
                host: None,
                address: Some(spot.address),
                port: spot.port,
            };
            let standing = self.standing(request, &about, &branch.protocol);
            let order = (Reverse(score), standing.map_or(1, |standing| 2 - 2 * standing as u8));
            reached.push(Reached { branch, order, turn, spot, fit, properties });
        }
        for branch in branches {
            let of_branch = |reached: &Reached<'_>| std::ptr::eq(reached.branch, *branch);
            let slots: Vec<usize> = (0..reached.len()).filter(|place| of_branch(&reached[*place])).collect();
            let mut turns: Vec<Reached<'a>> = slots.iter().map(|place| reached[*place].clone()).collect();
            // The sort is stable: families keep their turns among equals.
            turns.sort_by_key(|reached| reached.order);
            for (slot, turn) in slots.into_iter().zip(turns) {
                reached[slot] = turn;
            }
        }
        reached
    }

    /// What policies make of a branch to this address; `None` if they rule it out.
    fn known_of(
        &self,
        request: &Request,
        branch: &Branch,
        remote: &RemoteEndpoint,
        spot: &Spot<'_>,
    ) -> Option<(Arc<Properties>, Option<Score>)> {
        let Some(basis) = &branch.basis else { return Some((branch.properties.clone(), None)) };
        let (fact, address) = (|value: Value| Property::immutable(value), spot.address);
        let mut peer = Properties::new();
        peer.insert("remote_ip", fact(Text::from(address.to_string()).into()));
        peer.insert("ip_version", fact(Value::from(if address.is_ipv4() { 4_i64 } else { 6 })));
        if let Some(port) = spot.port {
            peer.insert("port", fact(i64::from(port).into()));
        }
        if let Some(host) = &remote.host {
            peer.insert("domain_name", fact(Text::from(host.clone()).into()));
        }
        let (properties, score) = self.particular(request, &branch.protocol, basis, &peer)?;
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
            for (place, remote) in remotes_of(request, &[branch]) {
                for (_, _, spot) in spots(&[branch], place, remote, resolved) {
                    let misfit = match fit_branch(branch, remote, &spot, inventory) {
                        Err(misfit) => misfit,
                        Ok(_) if self.known_of(request, branch, remote, &spot).is_none() => Misfit::RuledOut,
                        Ok(_) => continue,
                    };
                    if matches!(misfit, Misfit::NoTemporaryAddress | Misfit::NoneTemporary) {
                        properties = vec![SelectionProperty::UseTemporaryLocalAddress];
                    }
                    let reason = format!("{}: {misfit}", spot.address);
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

/// Where a remote endpoint is.
#[derive(Clone, Copy)]
struct Spot<'a> {
    address: IpAddr,
    port: Option<u16>,
    /// What a race found out about it.
    endpoint: Option<&'a Endpoint>,
}

/// A spot that a branch leads to.
#[derive(Clone)]
struct Reached<'a> {
    branch: &'a Branch,
    order: (Reverse<Option<Score>>, u8),
    /// Its turn within its family, and its protocol.
    turn: usize,
    spot: Spot<'a>,
    fit: Fit,
    properties: Arc<Properties>,
}

/// The branches of each path, in the order of the paths, and of their protocols within.
fn by_path(branches: &[Branch]) -> Vec<Vec<&Branch>> {
    let mut paths: Vec<Vec<&Branch>> = Vec::new();
    for branch in branches {
        match paths.iter_mut().find(|path| path.first().is_some_and(|first| first.path == branch.path)) {
            Some(path) => path.push(branch),
            None => paths.push(vec![branch]),
        }
    }
    paths
}

/// The remote endpoints that the protocols of a path may use, with their places: those that may use a better protocol
/// first, and among these as they were given.
fn remotes_of<'a>(request: &'a Request, branches: &[&Branch]) -> Vec<(usize, &'a RemoteEndpoint)> {
    let best = |remote: &RemoteEndpoint| branches.iter().position(|branch| remote.is_for(&branch.protocol));
    let mut remotes: Vec<_> = request
        .remotes
        .iter()
        .enumerate()
        .filter_map(|(place, remote)| Some((best(remote)?, (place, remote))))
        .collect();
    remotes.sort_by_key(|(best, _)| *best);
    remotes.into_iter().map(|(_, remote)| remote).collect()
}

fn fit_branch(
    branch: &Branch,
    remote: &RemoteEndpoint,
    spot: &Spot<'_>,
    inventory: &Inventory,
) -> Result<Fit, Misfit> {
    if branch.temporary && spot.address.is_ipv4() {
        return Err(Misfit::NoTemporaryAddress);
    }
    if branch.temporary && !inventory.may_have_temporary(&branch.path) {
        return Err(Misfit::NoneTemporary);
    }
    if let Some(service) = remote.unresolved_service() {
        return Err(Misfit::NoPort { service: service.clone() });
    }
    let zone = spot.endpoint.and_then(|found| found.address.zone()).or(remote.interface.as_ref());
    fit(&branch.path, spot.address, spot.port.unwrap_or(0), zone, inventory)
}

/// The spots of a remote endpoint, as far as they are known, that the protocols of a path may lead to, in order; with
/// each goes its turn within its family and protocol.
fn spots<'a>(
    branches: &[&'a Branch],
    place: usize,
    remote: &RemoteEndpoint,
    resolved: &'a [Resolved],
) -> Vec<(&'a Branch, usize, Spot<'a>)> {
    let interface = branches.first().and_then(|branch| branch.path.interface.as_ref());
    let of_remote = || resolved.iter().filter(move |answer| answer.remote == place);
    let of_path = |answer: &&Resolved| answer.interface.as_ref() == interface;
    let own = of_remote().any(|answer| of_path(&answer));
    let answers =
        || of_remote().filter(move |answer| if own { of_path(answer) } else { answer.interface.is_none() });
    let usable = || branches.iter().copied().filter(|branch| remote.is_for(&branch.protocol));
    let mut spots = Vec::new();
    let mut turns: BTreeMap<(&Protocol, bool), usize> = BTreeMap::new();
    let mut endpoints = false;
    for answer in answers() {
        let Known::Endpoints(found) = &answer.known else { continue };
        endpoints = true;
        for endpoint in found {
            let Some(branch) = usable().find(|branch| branch.protocol == endpoint.transport) else {
                continue;
            };
            let address = endpoint.address.ip();
            let turn = turns.entry((&branch.protocol, address.is_ipv6())).or_default();
            let port = (endpoint.port != 0).then_some(endpoint.port).or(remote.port);
            spots.push((branch, *turn, Spot { address, port, endpoint: Some(endpoint) }));
            *turn += 1;
        }
    }
    if endpoints {
        return spots;
    }
    let literal = remote.literal();
    let told = answers().filter(|_| literal.is_none()).flat_map(|answer| match &answer.known {
        Known::Addresses(addresses) => addresses.as_slice(),
        Known::Endpoints(_) => &[],
    });
    let addresses = in_turns(literal.into_iter().chain(told.map(IpAddr::to_canonical)));
    for branch in usable() {
        for &(turn, address) in &addresses {
            spots.push((branch, turn, Spot { address, port: remote.port, endpoint: None }));
        }
    }
    spots
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
