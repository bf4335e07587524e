//! The PolicyManager actor.

use super::messages::{Eligible, Rank, Ranked, Where};
use crate::registry::Registry;
use actix::prelude::*;
use neatflow_core::policy::{self, Branch, InterfaceRow, Inventory, ListenSpec, Request};
use neatflow_core::{EstablishmentFailure, ListenFailure};
use slog::{Logger, debug, warn};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
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
    inventory: Inventory,
    looked: Option<Instant>,
    logger: Logger,
}

impl PolicyManager {
    /// A policy manager for these stacks.
    pub fn new(registry: &Registry, interfaces: Interfaces, logger: Logger) -> Self {
        let inventory = Inventory { stacks: registry.rows(), interfaces: Vec::new() };
        Self { interfaces, inventory, looked: None, logger }
    }

    /// What is here now. A request that names interfaces or addresses of ours gets a fresh look.
    fn inventory(&mut self, request: &Request) -> &Inventory {
        let particular = !request.locals.is_empty() || !request.properties.selection.interfaces().is_empty();
        let stale = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        if particular || stale {
            match (self.interfaces.0)() {
                Ok(interfaces) => self.inventory.interfaces = interfaces,
                Err(error) => warn!(self.logger, "cannot list interfaces"; "error" => %error),
            }
            self.looked = Some(Instant::now());
        }
        &self.inventory
    }
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
        let branches = policy::branches(&call.request, self.inventory(&call.request));
        debug!(self.logger, "call 1"; "branches" => branches.as_ref().map_or(0, Vec::len));
        branches
    }
}

impl Handler<Rank> for PolicyManager {
    type Result = MessageResult<Rank>;

    fn handle(&mut self, mut call: Rank, _: &mut Self::Context) -> Self::Result {
        let candidates = policy::candidates(
            &mut call.roster,
            &call.request,
            &call.branches,
            &call.resolved,
            &self.inventory,
        );
        debug!(self.logger, "call 2"; "candidates" => candidates.len());
        let why_none = candidates
            .is_empty()
            .then(|| policy::explain(&call.request, &call.branches, &call.resolved, &self.inventory));
        MessageResult(Ranked { candidates, roster: call.roster, why_none })
    }
}

impl Handler<Where> for PolicyManager {
    type Result = Result<Vec<ListenSpec>, ListenFailure>;

    fn handle(&mut self, call: Where, _: &mut Self::Context) -> Self::Result {
        policy::listen_plan(&call.request, self.inventory(&call.request))
    }
}
