//! Where a race has its candidates from.

use super::config::Config;
use super::dns::{Answer, Query, QueryId};
use super::endpoint::{Endpoint, Found};
use super::memory::Memory;
use super::network::Network;
use super::order::{self, LastWord, Rule};
use super::resolution::{Gate, Group, Resolution};
use super::target::Target;
use crate::time::Time;
use std::time::Duration;

/// A race has at most this many targets; the later ones are left out.
pub const MAX_TARGETS: usize = 64;

/// Where a race has its candidates from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Whoever drives it gives them.
    Given { more_may_come: bool },
    /// It resolves names.
    Names(Box<Names>),
}

/// The names a race resolves, and what they are resolved for.
#[derive(Clone, Debug)]
pub(super) struct Names {
    resolutions: Vec<Resolution>,
    pub(super) network: Network,
    pub(super) memory: Memory,
    /// Whether somebody else makes candidates of what is found.
    pub(super) ranked_elsewhere: bool,
    /// Whether a ranking is asked for and not there yet.
    pub(super) is_ranking: bool,
    /// Whether something was learned that the list does not show yet.
    pub(super) changed: bool,
    asked: u32,
}

impl Names {
    pub(super) fn new(targets: Vec<Target>, network: Network, memory: Memory) -> Self {
        let targets = targets.into_iter().take(MAX_TARGETS);
        Self {
            resolutions: targets.map(|target| Resolution::new(target, &network)).collect(),
            network,
            memory,
            ranked_elsewhere: false,
            is_ranking: false,
            changed: true,
            asked: 0,
        }
    }

    pub(super) fn add(&mut self, target: Target) {
        if self.resolutions.len() < MAX_TARGETS {
            self.resolutions.push(Resolution::new(target, &self.network));
            self.changed = true;
        }
    }

    pub(super) fn ask(&mut self) -> Option<Query> {
        let id = QueryId(self.asked);
        let query =
            (0..).zip(&mut self.resolutions).find_map(|(place, resolution)| resolution.ask(id, place))?;
        self.asked += 1;
        Some(query)
    }

    /// False if nobody asked.
    pub(super) fn answer(&mut self, id: QueryId, answer: &Answer, now: Time) -> bool {
        let network = &self.network;
        let taken =
            self.resolutions.iter_mut().any(|resolution| resolution.answer(id, answer.clone(), network, now));
        self.changed |= taken;
        taken
    }

    pub(super) fn network_changed(&mut self, network: Network) {
        self.network = network;
        self.changed = true;
        for resolution in &mut self.resolutions {
            resolution.network_changed(&self.network);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_ranking || self.resolutions.iter().any(Resolution::is_open)
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.resolutions.iter().any(Resolution::is_fatal)
    }

    pub(super) fn holds_security(&self) -> bool {
        self.resolutions.iter().any(Resolution::holds_security)
    }

    /// When the race may begin: as soon as one target allows it.
    pub(super) fn gate(&self, config: &Config) -> Gate {
        let gates = self.resolutions.iter().map(|resolution| resolution.gate(&self.network, config));
        gates.fold(Gate::Closed, |one, other| match (one, other) {
            (Gate::Open, _) | (_, Gate::Open) => Gate::Open,
            (Gate::At(one), Gate::At(other)) => Gate::At(one.min(other)),
            (Gate::At(at), Gate::Closed) | (Gate::Closed, Gate::At(at)) => Gate::At(at),
            (Gate::Closed, Gate::Closed) => Gate::Closed,
        })
    }

    /// Notes of which targets addresses are known now; true if there are any.
    pub(super) fn note_addresses(&mut self, config: &Config, now: Time) -> bool {
        let mut known = false;
        for resolution in &mut self.resolutions {
            let known_here = match resolution.literal() {
                Some(address) => self.network.reach(address).is_some(),
                None => resolution.groups(config).iter().any(|group| reachable(group, &self.network)),
            };
            if known_here {
                resolution.addresses_are_known(now);
                known = true;
            }
        }
        known
    }

    /// What is known now, in order. The targets come one after the other, as they were given.
    pub(super) fn arrange(&self, config: &Config) -> Vec<(Endpoint, Rule)> {
        let groups: Vec<Group> =
            self.resolutions.iter().flat_map(|resolution| resolution.groups(config)).collect();
        order::arrange(&groups, &self.network, &self.memory, LastWord::History, config)
    }

    /// What is known of one target, in order; the last winner and penalties are left to whoever ranks.
    pub(super) fn found(&self, place: usize, config: &Config) -> Vec<Found> {
        let Some(resolution) = self.resolutions.get(place) else { return Vec::new() };
        let groups = resolution.groups(config);
        let arranged = order::arrange(&groups, &self.network, &self.memory, LastWord::Others, config);
        let found = |(endpoint, rule)| Found { delay: self.delay(&endpoint), endpoint, rule };
        arranged.into_iter().map(found).collect()
    }

    /// How long an attempt there runs alone, as far as that was learned.
    pub(super) fn delay(&self, endpoint: &Endpoint) -> Option<Duration> {
        let delays = &self.memory.delays;
        delays.get(&endpoint.address.ip()).or_else(|| delays.get(&endpoint.logical.ip())).copied()
    }
}

fn reachable(group: &Group, network: &Network) -> bool {
    group.addresses.iter().any(|address| network.reach(address).is_some())
}
