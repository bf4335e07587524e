//! The PolicyManager actor.

use super::config::Config;
use super::files::now;
use super::keeping::Keeping;
use super::messages::{Eligibility, Eligible, Observe, Rank, Ranked, Unwatched, Where};
use crate::clock::Clock;
use crate::network_monitor::messages::NetworkChanged;
use crate::registry::Registry;
use actix::prelude::*;
use neatflow_core::policy::daemon::InterfaceNodes;
use neatflow_core::policy::learned::teach;
use neatflow_core::policy::{
    Branch, Engine, First, HostNetwork, InterfaceRow, Inventory, ListenSpec, Observation, Request, built_in,
};
use neatflow_core::racing::{History, Memory};
use neatflow_core::{EstablishmentFailure, ListenFailure};
use slog::{Logger, debug, warn};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a look at the interfaces serves requests that name none.
const FRESH: Duration = Duration::from_secs(1);

/// Of so many interfaces the routers are remembered, also of those that are not there at the moment.
const MOST_ROUTERS: usize = 64;

/// Where the policy manager looks up the interfaces of this machine.
#[derive(Clone)]
pub struct Interfaces(Arc<dyn Fn() -> io::Result<Vec<InterfaceRow>> + Send + Sync>);

impl Interfaces {
    /// Asks the system.
    pub fn system() -> Self {
        Self::from_fn(|| Ok(neatflow_stacks::network()?.interfaces))
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
    pub(super) engine: Engine,
    pub(super) inventory: Inventory,
    /// What races taught, network by network; its clock is no calendar, which may jump.
    history: History,
    clock: Clock,
    /// The interfaces as nodes, once somebody asks in NEAT's JSON.
    pub(super) interface_nodes: InterfaceNodes,
    looked: Option<Instant>,
    /// What the network monitor told last, if one tells; what is named and not there is looked for all the same.
    network: Option<Arc<HostNetwork>>,
    /// Behind which router each interface was last.
    routers: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) keeping: Keeping,
    pub(super) logger: Logger,
}

impl PolicyManager {
    /// A policy manager for these stacks, with the built-in policies.
    pub fn new(registry: &Registry, interfaces: Interfaces, logger: Logger) -> Self {
        let inventory = Inventory { stacks: registry.rows(), ..Inventory::default() };
        let engine = Engine::with_pib(built_in::pib());
        let (history, keeping, interface_nodes) = Default::default();
        let (looked, network, routers) = Default::default();
        Self {
            interfaces,
            engine,
            inventory,
            history,
            clock: Clock::start(),
            interface_nodes,
            looked,
            network,
            routers,
            keeping,
            logger,
        }
    }

    /// With what it is to read and to keep. Default: nothing.
    #[must_use]
    pub fn configured(mut self, config: Config) -> Self {
        self.keeping = Keeping::new(config);
        self
    }

    /// What is here now. A request that names interfaces or addresses of ours gets a fresh look, if a network monitor
    /// has not told of them: it may not have heard yet of what the application has just made.
    fn look(&mut self, request: &Request) {
        let particular = !request.locals.is_empty() || !request.properties.selection.interfaces().is_empty();
        match self.network {
            Some(_) if particular && !self.inventory.has_what_is_named(request) => self.look_again(),
            Some(_) => {}
            None => self.look_if(particular),
        }
    }

    /// What is here now: a fresh look if need be, or if the last one is old.
    pub(super) fn look_if(&mut self, particular: bool) {
        let stale = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        if self.network.is_none() && (particular || stale) {
            match (self.interfaces.0)() {
                Ok(interfaces) => self.inventory.interfaces = interfaces,
                Err(error) => warn!(self.logger, "cannot list interfaces"; "error" => %error),
            }
            self.looked = Some(Instant::now());
        }
    }

    /// A look beside the network monitor. Where it finds what is known already, more is known of it.
    fn look_again(&mut self) {
        let Ok(found) = (self.interfaces.0)() else { return };
        let known = std::mem::take(&mut self.inventory.interfaces);
        let newest =
            |row: InterfaceRow| known.iter().find(|known| known.agrees_with(&row)).cloned().unwrap_or(row);
        self.inventory.interfaces = found.into_iter().map(newest).collect();
    }

    /// Where an interface leads to another network now, what was learned over it says nothing any more.
    fn forget_where_networks_changed(&mut self) {
        for row in &self.inventory.interfaces {
            let Some(router) = self.inventory.routed_name(row) else { continue };
            let earlier = self.routers.insert(row.name.clone(), router.clone());
            if earlier.is_some_and(|earlier| earlier != router) {
                debug!(self.logger, "another network"; "interface" => %row.name, "network" => %router);
                self.engine.learned_mut().forget(&row.name);
            }
        }
        if self.routers.len() > MOST_ROUTERS {
            let inventory = &self.inventory;
            self.routers.retain(|name, _| inventory.interface(name).is_some());
        }
    }
}

impl Handler<NetworkChanged> for PolicyManager {
    type Result = ();

    fn handle(&mut self, NetworkChanged { network, .. }: NetworkChanged, _: &mut Self::Context) {
        self.inventory.on(&network);
        self.network = Some(network);
        self.forget_where_networks_changed();
    }
}

impl Handler<Unwatched> for PolicyManager {
    type Result = ();

    fn handle(&mut self, _: Unwatched, _: &mut Self::Context) {
        self.network = None;
        self.looked = None;
        self.inventory.routes = None;
    }
}

impl PolicyManager {
    /// What earlier races on the network of the best branch taught.
    fn recall(&mut self, request: &Request, branches: &[Branch]) -> Memory {
        let (Some(branch), Some(remote)) = (branches.first(), request.remotes.first()) else {
            return Memory::default();
        };
        if request.properties.connection.isolate_session {
            return Memory::default();
        }
        let literal = remote.literal().map(|address| address.to_canonical());
        let network = self.inventory.network_name(branch.path.interface.as_deref(), literal);
        let host = remote.host.clone().or_else(|| Some(literal?.to_string().into()));
        self.history.recall(&network, &host.unwrap_or_default(), self.clock.now())
    }
}

impl Actor for PolicyManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_keeping(ctx);
    }
}

impl Supervised for PolicyManager {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.looked = None;
    }
}

impl Handler<Eligible> for PolicyManager {
    type Result = Result<Eligibility, EstablishmentFailure>;

    fn handle(&mut self, call: Eligible, _: &mut Self::Context) -> Self::Result {
        self.look(&call.request);
        let First { branches, candidates, roster, .. } =
            self.engine.first(&call.request, &self.inventory, now())?;
        debug!(self.logger, "call 1"; "branches" => branches.len());
        let network = self.inventory.network(branches.iter().map(|branch| &branch.path));
        let memory = if call.begins { self.recall(&call.request, &branches) } else { Memory::default() };
        let first = (!candidates.is_empty()).then_some(Ranked { candidates, roster, why_none: None });
        Ok(Eligibility { branches, network, memory, as_of: self.network.clone(), first })
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

impl Handler<Observe> for PolicyManager {
    type Result = ();

    fn handle(&mut self, Observe(mut observations): Observe, ctx: &mut Self::Context) {
        let now = now();
        let name = |observation: &Observation| {
            self.inventory.network_name(observation.network.as_deref(), Some(observation.remote.ip()))
        };
        teach(&mut self.history, &observations, name, self.clock.now());
        for observation in &mut observations {
            // Where nothing was bound, the routing table has chosen.
            if observation.network.is_none() {
                let row = self.inventory.towards(observation.remote.ip());
                observation.network = row.map(|row| row.name.clone());
            }
            self.engine.learned_mut().observe(observation, now);
        }
        self.learned_more(ctx);
    }
}

impl Handler<Where> for PolicyManager {
    type Result = Result<Vec<ListenSpec>, ListenFailure>;

    fn handle(&mut self, call: Where, _: &mut Self::Context) -> Self::Result {
        self.look(&call.request);
        self.engine.listen_plan(&call.request, &self.inventory, now())
    }
}
