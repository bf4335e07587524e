//! Call 2: what was found becomes candidates.

use super::actor::HappyEyeballs;
use super::resolving::stopped;
use crate::policy_manager::messages::{Rank, Ranked};
use actix::prelude::*;
use neatflow_core::policy::{Branch, Resolved, Roster, is_call_2};
use neatflow_core::racing::{Endpoint, Entry, Found, Input, Mode, Race, Rule};
use neatflow_core::{Candidate, CandidateId, EstablishmentFailure};
use std::sync::Arc;

/// What the policy manager made of what was found.
#[derive(Default)]
pub(super) struct Ranking {
    pub(super) branches: Arc<[Branch]>,
    /// What each target of the race stands for, by its place.
    pub(super) aims: Vec<Aim>,
    roster: Roster,
    /// What call 2 was asked about.
    found: Vec<Vec<Found>>,
    /// What call 1 said of it, until call 2 would be asked.
    pub(super) first: Option<Ranked>,
    /// As last ranked, best first.
    order: Vec<CandidateId>,
    /// Every candidate there ever was: one that ran may be ranked no more.
    known: Vec<Arc<Candidate>>,
    /// Why there were none, when last ranked.
    pub(super) why_none: Option<EstablishmentFailure>,
}

/// What a target of the race stands for: a remote endpoint, resolved over an interface if its paths are bound to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// Its place in the request.
    pub(super) remote: usize,
    pub(super) interface: Option<Arc<str>>,
}

impl Ranking {
    pub(super) fn candidate(&self, id: CandidateId) -> Option<&Arc<Candidate>> {
        self.known.iter().find(|known| known.id == id)
    }

    /// Takes note of candidates, instead of what was known of the same ones.
    fn note(&mut self, candidates: Vec<Candidate>) {
        for candidate in candidates {
            match self.known.iter_mut().find(|known| known.id == candidate.id) {
                Some(known) => *known = candidate.into(),
                None => self.known.push(candidate.into()),
            }
        }
    }

    /// What is known of a candidate's endpoint now.
    pub(super) fn find(&self, race: &Race, candidate: &Candidate) -> Option<Endpoint> {
        let mut found = (0..self.aims.len()).flat_map(|target| race.found(target));
        found.find(|found| is_of(found, candidate)).map(|found| found.endpoint)
    }

    /// Whether this is what call 2 would say. Of several remote endpoints the race may know better.
    fn is_about(&self, first: &Ranked) -> bool {
        let [found] = self.found.as_slice() else { return false };
        let endpoints: Vec<&Endpoint> = found.iter().map(|found| &found.endpoint).collect();
        is_call_2(&first.candidates, &endpoints)
    }

    /// All candidates: as last ranked, then those that are ranked no more.
    pub(super) fn take_candidates(&mut self) -> Vec<Arc<Candidate>> {
        let mut candidates = std::mem::take(&mut self.known);
        let place = |one: &Arc<Candidate>| self.order.iter().position(|id| *id == one.id);
        candidates.sort_by_key(|one| (place(one).unwrap_or(usize::MAX), one.id));
        candidates
    }
}

impl HappyEyeballs {
    pub(super) fn rank(&mut self, ctx: &mut Context<Self>) {
        let Some(race) = &self.race else { return };
        let ranking = &mut self.ranking;
        ranking.found = (0..ranking.aims.len()).map(|target| race.found(target)).collect();
        if let Some(first) = ranking.first.take()
            && ranking.is_about(&first)
        {
            return self.ranked(first);
        }
        let resolved = |(aim, found): (&Aim, &Vec<Found>)| {
            let endpoints = found.iter().map(|found| found.endpoint.clone()).collect();
            Resolved::endpoints(aim.remote, endpoints).over(aim.interface.clone())
        };
        let call = self.services.calls.rank.send(Rank {
            request: self.request.clone(),
            branches: ranking.branches.clone(),
            resolved: ranking.aims.iter().zip(&ranking.found).map(resolved).collect(),
            roster: std::mem::take(&mut ranking.roster),
        });
        ctx.spawn(call.into_actor(self).map(|reply, race, ctx| match reply {
            Ok(ranked) => race.ranked(ranked),
            Err(gone) => race.lose(stopped("policy manager", &gone), ctx),
        }));
    }

    fn ranked(&mut self, Ranked { mut candidates, roster, why_none }: Ranked) {
        let Some(memory) = self.race.as_ref().and_then(|race| race.memory()) else { return };
        let ranking = &mut self.ranking;
        (ranking.roster, ranking.why_none) = (roster, why_none);
        let found: Vec<Found> = std::mem::take(&mut ranking.found).into_iter().flatten().collect();
        // They are few: a list is as fast as a map, and smaller.
        let as_ranked: Vec<CandidateId> = candidates.iter().map(|one| one.id).collect();
        let place_of = |id: CandidateId| as_ranked.iter().position(|known| *known == id);
        // Within a path: what is preferred of paths is preferred whoever won.
        for path in candidates.chunk_by_mut(|one, other| one.interface == other.interface) {
            memory.reorder(path, |candidate| (candidate.remote.ip().to_canonical(), &candidate.transport));
        }
        let moved = candidates.iter().zip(&as_ranked).any(|(one, ranked)| one.id != *ranked);
        // There the priority is a time, and whoever ranks may have set it.
        let timed = matches!(self.services.racing.mode, Mode::Neat(_)) && !moved;
        let entry = |(place, candidate): (usize, &Candidate)| {
            let found = found.iter().find(|found| is_of(found, candidate));
            let before = place.checked_sub(1).and_then(|before| candidates.get(before));
            let moved = before.is_some_and(|before| place_of(before.id) > place_of(candidate.id));
            let rule = before.map_or(Rule::First, |before| decided(before, candidate, found, moved));
            let learned = || memory.delays.get(&candidate.remote.ip().to_canonical()).copied();
            let delay = found.and_then(|found| found.delay).or_else(learned);
            let mut entry = Entry::from(candidate).rule(rule).delay(delay);
            if !timed {
                entry.priority = u32::try_from(place).unwrap_or(u32::MAX);
            }
            entry
        };
        let entries = candidates.iter().enumerate().map(entry).collect();
        ranking.order = candidates.iter().map(|candidate| candidate.id).collect();
        ranking.note(candidates);
        self.tell(Input::Candidates(entries));
        self.rouse();
    }
}

/// What put a candidate after the one before it; `moved`: it would have gone before.
fn decided(before: &Candidate, candidate: &Candidate, found: Option<&Found>, moved: bool) -> Rule {
    if before.interface != candidate.interface {
        Rule::Path
    } else if moved && before.transport != candidate.transport {
        Rule::Penalty
    } else if moved {
        Rule::Cached
    } else {
        match found.map_or(Rule::Given, |found| found.rule) {
            // The first of its remote endpoint, and not the first of all.
            Rule::First => Rule::Target,
            // What was between them is elsewhere now.
            Rule::Family if before.remote.is_ipv4() == candidate.remote.is_ipv4() => Rule::Given,
            rule => rule,
        }
    }
}

fn is_of(found: &Found, candidate: &Candidate) -> bool {
    let Found { endpoint, .. } = found;
    endpoint.transport == candidate.transport
        && endpoint.address.ip() == candidate.remote.ip().to_canonical()
        && endpoint.port == candidate.remote.port()
}
