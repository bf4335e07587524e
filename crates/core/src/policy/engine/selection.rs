//! RFC 9622's selection: paths, stacks and peers held against what is asked for, by the same updates and scores as
//! NEAT's lookup.
//!
//! ```text
//!   preferences ─► properties ─ profiles ─► ─ stacks ─► ─ paths ─► ─ CIB, observations ─► ─ policies ─► branches
//! ```
//!
//! Branches are in the order of what their path scores, then of the paths, then of what they score in all, then of the
//! transports as the application named them, then of the registration of the stacks (RFC 9623 §4.1.2, §4.1.3).

use super::answer::with_endpoint;
use super::decisions::Generations;
use super::explanation::{Draft, Explanation, Ledger, Source};
use super::lookup::apply;
use super::socket_options::unset_options;
use super::{Engine, LookupError};
use crate::candidate::Protocol;
use crate::failure::EstablishmentFailure;
use crate::policy::annotate::{PEER, annotate, speaks_of_peers};
use crate::policy::inventory::Inventory;
use crate::policy::learned::{About, Standing};
use crate::policy::listen::MAX_LISTEN_SPECS;
use crate::policy::neat::read::TRANSPORT;
use crate::policy::neat::{Conflict, Finite, Precedence, Properties, Property, Scalar, Score, Text, Value};
use crate::policy::paths::{Way, ways};
use crate::policy::places::{places, usable, wishes};
use crate::policy::protocols::{blamed, join, names};
use crate::policy::refusal::Refusal;
use crate::policy::request::Request;
use crate::policy::rows::{StackFacts, broken};
use crate::policy::select::{Branch, First, MAX_BRANCHES};
use crate::policy::wishes::{KNOWN_BAD, KNOWN_GOOD, is_required, peer, wanted};
use crate::properties::{Role, SelectionProperty};
use crate::time::Time;
use std::cmp::Reverse;
use std::sync::Arc;

/// A branch on its way to its place in the order.
struct Chosen {
    draft: Draft,
    way: Way,
    protocol: Protocol,
    /// Before the policies, if they have to be asked again for each peer.
    basis: Option<Arc<Properties>>,
    /// Whether only temporary addresses will do.
    temporary: bool,
    rank: Rank,
}

/// The order of branches: smaller comes first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    path: Reverse<Finite>,
    way: usize,
    all: Reverse<Score>,
    transport: usize,
    stack: usize,
}

/// What is asked, of what, and whether policies or the CIB speak of peers.
#[derive(Clone, Copy)]
struct Asked<'a> {
    request: &'a Request,
    inventory: &'a Inventory,
    particular: bool,
}

impl Engine {
    /// What may carry a request, in order; remembered until something changes.
    pub(in crate::policy) fn select(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        role: Role,
        now: Time,
    ) -> Result<Vec<Branch>, Refusal> {
        let generations = self.now(inventory, now);
        let same = |(known, as_what): &(Request, Role)| *as_what == role && same(known, request);
        if let Some(decision) = self.branches.recall(same, generations) {
            return decision;
        }
        let decision = self.choose(request, inventory, role, &mut Ledger::closed()).map(|chosen| {
            let branch = |chosen: Chosen| Branch {
                path: chosen.way.path,
                protocol: chosen.protocol,
                properties: Arc::new(chosen.draft.properties),
                basis: chosen.basis,
                temporary: chosen.temporary,
            };
            chosen.into_iter().map(branch).collect()
        });
        self.branches.remember((request.clone(), role), decision.clone());
        decision
    }

    /// What call 1 gave for the same request, if nothing has changed since.
    pub(in crate::policy) fn recall_first(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        now: Time,
    ) -> Option<Result<First, EstablishmentFailure>> {
        let generations = self.now(inventory, now);
        self.firsts.recall(|known| same(known, request), generations)
    }

    /// What call 1 gives: nothing has changed since [`recall_first`](Self::recall_first) knew nothing.
    pub(in crate::policy) fn remember_first(
        &mut self,
        request: &Request,
        first: &Result<First, EstablishmentFailure>,
    ) {
        self.firsts.remember(request.clone(), first.clone());
    }

    /// The generations of everything a decision depends on.
    fn now(&mut self, inventory: &Inventory, now: Time) -> Generations {
        self.look(inventory);
        self.refresh(now)
    }

    /// Call 1, explained: each branch with the steps that made it so, and what was ruled out.
    ///
    /// *Errors*: as [`branches`](Self::branches), but what policies or stacks rule out is told in the explanation.
    pub fn explain(
        &mut self,
        request: &Request,
        inventory: &Inventory,
        role: Role,
        now: Time,
    ) -> Result<Explanation, EstablishmentFailure> {
        match role {
            Role::Listen => request.check_to_listen()?,
            Role::Initiate | Role::Rendezvous => request.check_to_initiate()?,
        }
        self.look(inventory);
        self.refresh(now);
        let mut ledger = Ledger::open();
        let chosen = match self.choose(request, inventory, role, &mut ledger) {
            Ok(chosen) => chosen,
            Err(refusal) if ledger.last_rejection().is_none() => return Err(refusal.into()),
            Err(_) => Vec::new(),
        };
        Ok(ledger.close(chosen.into_iter().map(|chosen| chosen.draft).collect(), |_| true))
    }

    fn choose(
        &self,
        request: &Request,
        inventory: &Inventory,
        role: Role,
        ledger: &mut Ledger,
    ) -> Result<Vec<Chosen>, Refusal> {
        let stacks = self.stacks(request);
        let mut asked = wanted(&request.properties, role, stacks);
        peer(request, &mut asked);
        let places = places(&request.properties.selection, inventory, &self.cib, role);
        for (key, wish) in wishes(places.as_deref().unwrap_or_default()).iter() {
            asked.insert(key.clone(), wish.clone());
        }
        let drafts = self.meant(request, asked, ledger)?;
        let joined = join(&drafts, stacks, ledger)?;
        let ways = ways(request, inventory, &places?)?;

        let mut all = Vec::with_capacity(joined.len() * ways.len());
        let asking = Asked { request, inventory, particular: self.is_particular(request) };
        let mut met = false;
        for (place, way) in ways.iter().enumerate() {
            for (stack, draft) in &joined {
                let StackFacts { protocol, row } = &stacks[*stack];
                if !way.is_for(protocol)
                    || role != Role::Listen && !request.remotes.iter().any(|to| to.is_for(protocol))
                {
                    continue;
                }
                met = true;
                self.branch(asking, (place, way), ((*stack, protocol, row), draft), ledger, &mut all)?;
            }
        }
        if !met {
            return Err(not_joined(
                &ways,
                joined.iter().map(|(stack, _)| &stacks[*stack].protocol),
                request,
                role,
            ));
        }
        if all.is_empty() {
            return Err(ruled_out(ledger));
        }
        all.sort_by(|one: &Chosen, other| one.rank.cmp(&other.rank));
        // One more than a listener may have, so that it can be told.
        let most = if role == Role::Listen { MAX_LISTEN_SPECS + 1 } else { MAX_BRANCHES };
        let mut distinct: Vec<Chosen> = Vec::with_capacity(all.len().min(most));
        for chosen in all {
            let known =
                |other: &Chosen| other.way.path == chosen.way.path && other.protocol == chosen.protocol;
            if distinct.len() < most && !distinct.iter().any(known) {
                distinct.push(chosen);
            }
        }
        Ok(distinct)
    }

    /// What the application asks for in its own words and in NEAT's, and what the profiles make of it.
    fn meant(
        &self,
        request: &Request,
        asked: Properties,
        ledger: &mut Ledger,
    ) -> Result<Vec<Draft>, Refusal> {
        let begun = ledger.begin(asked);
        let mut drafts = Vec::new();
        for set in request.properties.neat.expanded() {
            if set.is_empty() {
                drafts.push(begun.clone());
                continue;
            }
            let set = with_endpoint(set.clone()).map_err(explosion)?;
            let Some(set) = set else { continue };
            // The order of what is to choose from is the application's.
            match begun.properties.update_in_their_order(&set) {
                Ok(mut both) => {
                    both.unevaluate();
                    drafts.push(ledger.change(&begun, both, || Source::Request));
                }
                Err(conflicts) => ledger.reject(&begun, conflicts, || Source::Request),
            }
        }
        if drafts.is_empty() {
            return Err(ruled_out(ledger));
        }
        let drafts = apply(self.pib.profiles(), drafts, ledger).map_err(explosion)?;
        if drafts.is_empty() { Err(ruled_out(ledger)) } else { Ok(drafts) }
    }

    /// A stack over a path: what is known of both, and what the policies make of it.
    fn branch(
        &self,
        Asked { request, inventory, particular }: Asked<'_>,
        (place, way): (usize, &Way),
        ((stack, protocol, row), joined): ((usize, &Protocol, &Properties), &Draft),
        ledger: &mut Ledger,
        all: &mut Vec<Chosen>,
    ) -> Result<(), Refusal> {
        let before = joined.properties.score().evaluated;
        let Some(over) = self.over_path(request, way, joined, ledger) else { return Ok(()) };
        let basis = particular.then(|| Arc::new(over.properties.clone()));
        let Some(over) = annotate(&self.cib, over, false, ledger) else { return Ok(()) };
        let path = over.properties.score().evaluated.minus(before);
        let Some(over) = annotate(&self.cib, over, true, ledger) else { return Ok(()) };
        let over = self.remembering(request, way, protocol, over, ledger);

        // A stack may always have temporary addresses; that asks for nothing.
        let temporary = |set: &Properties| is_required(set, SelectionProperty::UseTemporaryLocalAddress);
        let had = temporary(&over.properties);
        let transports = joined_order(request, protocol);
        for draft in apply(self.pib.policies(), vec![over], ledger).map_err(explosion)? {
            // What a policy has taken out (`replace_matched`) and says anew makes no other stack of it.
            let mut conflicts = broken(row.iter(), &draft.properties);
            conflicts.extend(unset_options(&draft.properties));
            if !conflicts.is_empty() {
                ledger.reject(&draft, conflicts, || Source::Stack(protocol.as_str().into()));
                continue;
            }
            let temporary = asks_for_temporary(request) || !had && temporary(&draft.properties);
            let score = Reverse(draft.properties.score());
            let rank = Rank { path: Reverse(path), way: place, all: score, transport: transports, stack };
            let chosen = |way: Way, rank: Rank| Chosen {
                draft: draft.clone(),
                way,
                protocol: protocol.clone(),
                basis: basis.clone(),
                temporary,
                rank,
            };
            match bound(way, &draft.properties, inventory) {
                Bound::As(way) => all.push(chosen(way, rank)),
                Bound::To(ways, also_unbound) => {
                    let first = Rank { path: Reverse(path.plus(Finite::from(1))), ..rank.clone() };
                    all.extend(ways.into_iter().map(|way| chosen(way, first.clone())));
                    all.extend(also_unbound.then(|| chosen(way.clone(), rank)));
                }
                Bound::Nowhere(conflict) => {
                    ledger.reject(&draft, vec![conflict], || Source::Path(named(way)))
                }
            }
        }
        Ok(())
    }

    /// What the path adds, and what was measured over it whatever the protocol.
    fn over_path(&self, request: &Request, way: &Way, joined: &Draft, ledger: &mut Ledger) -> Option<Draft> {
        let mut over = joined.clone();
        if !way.row.is_empty() {
            match way.row.update_in_their_order(&joined.properties) {
                Ok(both) => over = ledger.change(joined, both, || Source::Path(named(way))),
                Err(conflicts) => {
                    ledger.reject(joined, conflicts, || Source::Path(named(way)));
                    return None;
                }
            }
        }
        if !self.learned.is_empty() && !request.properties.connection.isolate_session {
            let mut known = Properties::new();
            let (mut rtt, mut rate) = (None, None);
            for about in abouts(request, way) {
                let (least, most) = self.learned.measured(&about);
                rtt = [rtt, least].into_iter().flatten().min();
                rate = rate.max(most);
            }
            if let Some(millis) = rtt.and_then(|rtt| Finite::new(rtt.as_secs_f64() * 1_000.0)) {
                known.insert(Text::fixed("rtt"), Property::immutable(Scalar::Float(millis)));
            }
            if let Some(rate) = rate {
                known.insert(
                    Text::fixed("rate"),
                    Property::immutable(i64::try_from(rate).unwrap_or(i64::MAX)),
                );
            }
            // What was measured may have changed: it never rules a path out.
            if let (false, Ok(both)) = (known.is_empty(), known.update_in_their_order(&over.properties)) {
                over = ledger.change(&over, both, || Source::Observation(named(way)));
            }
        }
        Some(over)
    }

    /// What earlier connections have shown of the protocol over this path to this peer.
    fn remembering(
        &self,
        request: &Request,
        way: &Way,
        protocol: &Protocol,
        over: Draft,
        ledger: &Ledger,
    ) -> Draft {
        if self.learned.is_empty() || request.properties.connection.isolate_session {
            return over;
        }
        let standing = abouts(request, way).filter_map(|about| self.learned.standing(&about, protocol)).max();
        let Some(standing) = standing else { return over };
        let (good, score) = match standing {
            Standing::Good => (true, KNOWN_GOOD),
            Standing::Bad => (false, KNOWN_BAD),
        };
        let mut properties = over.properties.clone();
        let shown = Property { evaluated: true, ..Property::requested(good).scored(score) };
        properties.insert(Text::fixed("__he_candidate_success"), shown);
        ledger.change(&over, properties, || Source::Observation(named(way)))
    }

    /// Whether policies, the CIB or the application speak of peers, so that it must be asked again when names are
    /// resolved.
    fn is_particular(&self, request: &Request) -> bool {
        let of_peer = |set: &Properties| PEER.iter().any(|key| set.get(key).is_some());
        self.pib.speaks_of(PEER)
            || speaks_of_peers(&self.cib)
            || request.properties.neat.expanded().iter().any(of_peer)
    }

    /// The stacks, as they are for this request.
    fn stacks(&self, request: &Request) -> &[StackFacts] {
        if request.framers.is_empty() { &self.host.stacks } else { &self.host.framed }
    }

    /// What the policies and the CIB say when the peer is known; `None` if they rule it out.
    pub(in crate::policy) fn particular(
        &self,
        request: &Request,
        protocol: &Protocol,
        basis: &Properties,
        peer: &Properties,
    ) -> Option<(Properties, Score)> {
        // What the application says of its peer and will not give up. The port of its endpoint is where a service
        // binding may lead elsewhere (RFC 9460 §7.2), unless it is asked for in so many words.
        let insists = |key: &str| {
            let says =
                |set: &Properties| set.get(key).is_some_and(|said| said.precedence == Precedence::Immutable);
            request.properties.neat.expanded().iter().any(says)
        };
        let kept = peer.iter().filter(|(key, _)| **key != *"port" || insists(key));
        if !broken(kept, basis).is_empty() {
            return None;
        }
        let mut known = basis.clone();
        for (key, property) in peer.iter() {
            known.insert(key.clone(), property.clone());
        }
        let mut ledger = Ledger::closed();
        let draft = ledger.begin(known);
        let draft = annotate(&self.cib, draft, false, &mut ledger)?;
        let draft = annotate(&self.cib, draft, true, &mut ledger)?;
        let drafts = apply(self.pib.policies(), vec![draft], &mut ledger).ok()?;
        let row = self.stacks(request).iter().find(|stack| stack.protocol == *protocol);
        let stays = |draft: &Draft| {
            row.is_none_or(|of| broken(of.row.iter(), &draft.properties).is_empty())
                && unset_options(&draft.properties).is_empty()
        };
        let best = drafts.into_iter().filter(stays).max_by_key(|draft| draft.properties.score())?;
        let score = best.properties.score();
        Some((best.properties, score))
    }

    pub(in crate::policy) fn standing(
        &self,
        request: &Request,
        about: &About<'_>,
        protocol: &Protocol,
    ) -> Option<Standing> {
        if self.learned.is_empty() || request.properties.connection.isolate_session {
            return None;
        }
        self.learned.standing(about, protocol)
    }
}

/// Whether it is the same request; properties are compared last, and not at all if they are the same object.
fn same(known: &Request, request: &Request) -> bool {
    known.framers.is_empty() == request.framers.is_empty()
        && known.remotes == request.remotes
        && known.locals == request.locals
        && (Arc::ptr_eq(&known.properties, &request.properties) || known.properties == request.properties)
}

/// Each peer of a request, over the network of a path.
fn abouts<'a>(request: &'a Request, way: &'a Way) -> impl Iterator<Item = About<'a>> {
    request.remotes.iter().map(|remote| About {
        network: way.path.interface.as_deref(),
        host: remote.host.as_deref(),
        address: remote.literal(),
        port: remote.port,
    })
}

/// The place of a protocol among those the application named.
fn joined_order(request: &Request, protocol: &Protocol) -> usize {
    let name = crate::policy::neat::read::transport_name(protocol.as_str());
    let named = request.properties.neat.expanded().iter().filter_map(|set| set.get(TRANSPORT));
    named.filter_map(|transport| transport.value.place_of(&name)).min().unwrap_or(usize::MAX)
}

fn asks_for_temporary(request: &Request) -> bool {
    let property = SelectionProperty::UseTemporaryLocalAddress;
    request.properties.selection.preference(property) == crate::properties::Preference::Require
}

/// What a candidate's interface and local address mean for a path that was not bound to any.
enum Bound {
    As(Way),
    To(Vec<Way>, bool),
    Nowhere(Conflict),
}

fn bound(way: &Way, properties: &Properties, inventory: &Inventory) -> Bound {
    let mut way = way.clone();
    if way.path.address.is_none()
        && let Some(said) = properties.get("local_ip").filter(|said| said.precedence == Precedence::Immutable)
        && said.value != Value::Any
    {
        let address = said.value.each().find_map(|value| {
            let address: std::net::IpAddr = value.as_str()?.parse().ok()?;
            inventory.owner(address).map(|_| address)
        });
        let Some(address) = address else { return nowhere("local_ip", said) };
        way.path.address = Some(address);
    }
    let said = properties
        .get("interface")
        .filter(|said| said.precedence > Precedence::Default && said.value != Value::Any);
    let Some(said) = said.filter(|_| way.path.interface.is_none()) else { return Bound::As(way) };
    let ways = said.value.each().filter_map(|value| {
        let row = usable(inventory, value.as_str()?).ok()?;
        way.path.address.is_none_or(|address| row.has(address)).then(|| way.through(row))
    });
    let ways: Vec<Way> = ways.collect();
    let must = said.precedence == Precedence::Immutable;
    if ways.is_empty() && must {
        return nowhere("interface", said);
    }
    Bound::To(ways, !must)
}

fn nowhere(key: &'static str, said: &Property) -> Bound {
    let ours = Property::default();
    Bound::Nowhere(Conflict { key: Text::fixed(key), ours, theirs: said.clone() })
}

fn named(way: &Way) -> Text {
    way.path.interface.as_deref().unwrap_or("*").into()
}

fn explosion(error: LookupError) -> Refusal {
    Refusal::no_path(error.to_string())
}

/// Everything was ruled out: by whom, and why.
fn ruled_out(ledger: &Ledger) -> Refusal {
    let Some(rejection) = ledger.last_rejection() else {
        return Refusal::no_path("nothing is left of it".to_owned());
    };
    let conflicts: Vec<String> = rejection.conflicts.iter().map(ToString::to_string).collect();
    let why = format!("ruled out by {}: {}", rejection.by, conflicts.join("; "));
    Refusal::Nothing { properties: blamed(&rejection.conflicts), why: why.into() }
}

/// The endpoints are for other protocols than those that are eligible.
fn not_joined<'a>(
    ways: &[Way],
    protocols: impl Iterator<Item = &'a Protocol> + Clone,
    request: &Request,
    role: Role,
) -> Refusal {
    let names = names(protocols.clone());
    let some = |is_for: &dyn Fn(&Protocol) -> bool| protocols.clone().any(is_for);
    let remote = role == Role::Listen
        || request.remotes.iter().any(|remote| some(&|protocol| remote.is_for(protocol)));
    let local = ways.iter().any(|way| some(&|protocol| way.is_for(protocol)));
    Refusal::no_path(match (remote, local) {
        (false, _) => format!("no remote endpoint is for {names}"),
        (true, false) => format!("no local endpoint is for {names}"),
        (true, true) => format!("no local and remote endpoint are for the same protocol ({names})"),
    })
}
