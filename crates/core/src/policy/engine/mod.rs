//! The one engine of every decision: NEAT's lookup, and RFC 9622's selection on top of it.

mod answer;
mod decisions;
mod explanation;
mod lookup;
mod selection;
mod socket_options;

pub use answer::LookupError;
pub use decisions::MAX_DECISIONS;
pub use explanation::{Change, Explained, Explanation, MAX_REJECTIONS, Rejection, Source, Step};
pub use lookup::Limits;

pub(super) use explanation::{Draft, Ledger};

use super::cib::Cib;
use super::inventory::Inventory;
use super::learned::Learned;
use super::neat::{Alternatives, Properties};
use super::pib::Pib;
use super::refusal::Refusal;
use super::request::Request;
use super::rows::StackFacts;
use super::select::{Branch, First};
use crate::failure::EstablishmentFailure;
use crate::properties::Role;
use crate::time::Time;
use decisions::{Decisions, Generations};

/// A lookup has at most this many candidates at a time; policies that make more of them end it with an error.
pub const MAX_DRAFTS: usize = 4_096;

/// A lookup holds so many candidates against rows at most, in all: a request that multiplies to more among so many rows
/// ends with an error before it keeps everybody else waiting.
pub const MAX_COMPARISONS: usize = 1 << 20;

/// Decides: which candidates there are, in which order, and why.
///
/// It owns what decisions depend on (the PIB, the CIB and what was learned) and remembers what it decided lately. Time
/// is an argument, measured from the Unix epoch, and may only matter for what expires. Equal input gives equal output.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    pib: Pib,
    cib: Cib,
    learned: Learned,
    limits: Limits,
    /// Rises when something was changed from outside.
    epoch: u64,
    host: Host,
    /// Requests with framers apart from those without.
    branches: Decisions<(Request, Role), Result<Vec<Branch>, Refusal>>,
    firsts: Decisions<Request, Result<First, EstablishmentFailure>>,
    answers: Decisions<Vec<Alternatives>, Vec<Properties>>,
}

/// What there was to choose from the last time, as rows.
#[derive(Clone, Debug, Default)]
struct Host {
    inventory: Inventory,
    stacks: Vec<StackFacts>,
    /// The same together with framers: who sends now with them and now without has one host all the same.
    framed: Vec<StackFacts>,
    generation: u64,
}

impl Engine {
    /// No policy, and nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these policies and profiles, and nothing known.
    pub fn with_pib(pib: Pib) -> Self {
        Self { pib, ..Self::default() }
    }

    /// The policies and profiles.
    pub fn pib(&self) -> &Pib {
        &self.pib
    }

    /// The policies and profiles, to be changed.
    pub fn pib_mut(&mut self) -> &mut Pib {
        self.epoch += 1;
        &mut self.pib
    }

    /// What is known.
    pub fn cib(&self) -> &Cib {
        &self.cib
    }

    /// What is known, to be changed.
    pub fn cib_mut(&mut self) -> &mut Cib {
        self.epoch += 1;
        &mut self.cib
    }

    /// What was learned.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// What was learned, to be added to. Earlier decisions stay, unless what is added can change them.
    pub fn learned_mut(&mut self) -> &mut Learned {
        &mut self.learned
    }

    /// Replaces what was learned, as after reading a snapshot.
    pub fn set_learned(&mut self, learned: Learned) {
        self.epoch += 1;
        self.learned = learned;
    }

    /// How many candidates a lookup gives.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sets how many candidates a lookup gives; at least one of each.
    pub fn set_limits(&mut self, limits: Limits) {
        self.epoch += 1;
        self.limits = Limits { candidates: limits.candidates.max(1), rows: limits.rows.max(1) };
    }

    /// Lets go of what has expired, as every decision does first. `now` is measured from the Unix epoch.
    pub fn expire(&mut self, now: Time) {
        self.refresh(now);
    }

    /// Lets go of what has expired.
    fn refresh(&mut self, now: Time) -> Generations {
        self.cib.expire(now);
        self.learned.expire(now);
        [
            self.epoch,
            self.pib.generation(),
            self.cib.generation(),
            self.learned.generation(),
            self.host.generation,
        ]
    }

    /// Looks at what there is to choose from; the stacks are formed into rows when they have changed.
    fn look(&mut self, inventory: &Inventory) {
        if self.host.generation > 0 && self.host.inventory == *inventory {
            return;
        }
        self.host.stacks = super::rows::stacks(&inventory.stacks);
        self.host.framed = super::rows::stacks(&super::request::framed(&inventory.stacks));
        self.host.inventory = inventory.clone();
        self.host.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory::StackRow;
    use super::*;
    use crate::framing::{Framers, LengthPrefix};
    use crate::properties::{Offers, SelectionProperty, TransportProperties};
    use std::sync::Arc;

    #[test]
    fn who_alternates_between_framers_and_none_has_both_decisions_remembered() {
        let tcp = StackRow { protocol: crate::Protocol::TCP, offers: Offers::none() };
        let inventory = Inventory { stacks: vec![tcp], ..Inventory::default() };
        let nothing = |all: TransportProperties, property: &SelectionProperty| all.no_preference(*property);
        let properties = SelectionProperty::ALL.iter().fold(TransportProperties::new(), nothing);
        let properties = Arc::new(properties.require(SelectionProperty::PreserveMsgBoundaries));
        let remotes = vec!["192.0.2.1:443".parse().unwrap()];
        let bare = Request { remotes, properties, ..Request::default() };
        let mut framers = Framers::new();
        framers.add(LengthPrefix::new());
        let framed = Request { framers, ..bare.clone() };
        let mut engine = Engine::new();
        for _ in 0..3 {
            assert!(engine.branches(&bare, &inventory, Time::ZERO).is_err(), "TCP keeps no boundaries");
            assert_eq!(engine.branches(&framed, &inventory, Time::ZERO).unwrap().len(), 1);
        }
        assert_eq!((engine.host.generation, engine.branches.len()), (1, 2));
    }
}
