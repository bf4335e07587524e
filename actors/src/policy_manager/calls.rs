//! Who answers the calls of races.

use super::actor::PolicyManager;
use super::messages::{Eligible, Observe, Rank};
use actix::prelude::*;

/// Who answers the two calls of a race, and hears how it went: the policy manager, or somebody in its place.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Who answers call 1.
    pub eligible: Recipient<Eligible>,
    /// Who answers call 2.
    pub rank: Recipient<Rank>,
    /// Who learns from it.
    pub observe: Recipient<Observe>,
}

impl Calls {
    /// All of them to one actor.
    pub fn to<A>(actor: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<Eligible> + Handler<Rank> + Handler<Observe>,
    {
        let actor = || actor.clone();
        Self { eligible: actor().recipient(), rank: actor().recipient(), observe: actor().recipient() }
    }
}

impl From<&Addr<PolicyManager>> for Calls {
    fn from(manager: &Addr<PolicyManager>) -> Self {
        Self::to(manager)
    }
}
