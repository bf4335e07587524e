//! The PolicyManager actor.

use super::messages::{Eligible, Rank, Ranked, Where};
use crate::registry::Registry;
use actix::prelude::*;
use neatflow_core::policy::{Branch, Engine, InterfaceRow, Inventory, ListenSpec, Request, built_in};
use neatflow_core::{EstablishmentFailure, ListenFailure, Time};
use slog::{Logger, debug, warn};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How long a look at the interfaces serves requests that name none.
const FRESH: Duration = Duration::from_secs(1);

/// Where the policy manager looks up the interfaces of this machine.
#[derive(Clone)]
pub struct Interfaces(Arc<dyn Fn() -> io::Result<Vec<InterfaceRow>> + Send + Sync>);

impl Interfaces {
    /// Asks the system.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let rows = neatflow_stacks::interfaces()?.into_iter().map(|interface| InterfaceRow {
                name: interface.name.into(),
                index: interface.index,
                addresses: interface.addresses,
                up: interface.up,
                loopback: interface.loopback,
            });
            Ok(rows.collect())
        })
    }

    /// Asks a function, which must not block for long.
    pub fn from_fn(look: impl Fn() -> io::Result<Vec<InterfaceRow>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interfaces")
    }
}

/// Decides which candidates there are, and in which order.
#[derive(Debug)]
pub struct PolicyManager {
    interfaces: Interfaces,
    engine: Engine,
    inventory: Inventory,
    looked: Option<Instant>,
    logger: Logger,
}

impl PolicyManager {
    /// A policy manager for these stacks, with the built-in policies.
    pub fn new(registry: &Registry, interfaces: Interfaces, logger: Logger) -> Self {
        let inventory = Inventory { stacks: registry.rows(), interfaces: Vec::new() };
        Self { interfaces, engine: Engine::with_pib(built_in::pib()), inventory, looked: None, logger }
    }

    /// What is here now. A request that names interfaces or addresses of ours gets a fresh look.
    fn look(&mut self, request: &Request) {
        let particular = !request.locals.is_empty() || !request.properties.selection.interfaces().is_empty();
        let stale = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        if particular || stale {
            match (self.interfaces.0)() {
                Ok(interfaces) => self.inventory.interfaces = interfaces,
                Err(error) => warn!(self.logger, "cannot list interfaces"; "error" => %error),
            }
            self.looked = Some(Instant::now());
        }
    }
}

/// Now, since the Unix epoch: what is known expires by the calendar.
fn now() -> Time {
    Time::from_origin(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

impl Actor for PolicyManager {
    type Context = Context<Self>;
}

impl Supervised for PolicyManager {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.looked = None;
    }
}

impl Handler<Eligible> for PolicyManager {
    type Result = Result<Vec<Branch>, EstablishmentFailure>;

    fn handle(&mut self, call: Eligible, _: &mut Self::Context) -> Self::Result {
        self.look(&call.request);
        let branches = self.engine.branches(&call.request, &self.inventory, now());
        debug!(self.logger, "call 1"; "branches" => branches.as_ref().map_or(0, Vec::len));
        branches
    }
}

impl Handler<Rank> for PolicyManager {
    type Result = MessageResult<Rank>;

    fn handle(&mut self, mut call: Rank, _: &mut Self::Context) -> Self::Result {
        let Rank { request, branches, resolved, roster } = &mut call;
        let candidates = self.engine.candidates(roster, request, branches, resolved, &self.inventory);
        debug!(self.logger, "call 2"; "candidates" => candidates.len());
        let why_none = candidates
            .is_empty()
            .then(|| self.engine.why_none(&call.request, &call.branches, &call.resolved, &self.inventory));
        MessageResult(Ranked { candidates, roster: call.roster, why_none })
    }
}

impl Handler<Where> for PolicyManager {
    type Result = Result<Vec<ListenSpec>, ListenFailure>;

    fn handle(&mut self, call: Where, _: &mut Self::Context) -> Self::Result {
        self.look(&call.request);
        self.engine.listen_plan(&call.request, &self.inventory, now())
    }
}
