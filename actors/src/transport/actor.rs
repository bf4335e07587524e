//! The Transport actor.

use super::messages::{Initiate, Listen, ResolveEndpoints, TakeCensus};
use crate::census::Census;
use crate::flow::{self, Origin};
use crate::happy_eyeballs::{self, Order};
use crate::listener::{self, Setup};
use crate::name_resolver::{self, NameResolver, Resolve, settle, settle_remotes};
use crate::policy_manager::{Interfaces, PolicyManager};
use crate::registry::Registry;
use crate::supervision::{ChildEvent, ChildEventKind, ChildId, Intensity, Plan, Supervise, finish};
use actix::WeakRecipient;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow_core::{LocalEndpoint, RemoteEndpoint, ResolutionFailure, racing};
use slog::{Logger, debug, error, o};
use std::sync::Arc;
use std::time::Duration;

/// How much longer than a resolution may take a race waits for its answer.
const GRACE: Duration = Duration::from_secs(1);

/// How a transport is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The protocol stacks. Default: those this build has.
    pub registry: Registry,
    /// How names are resolved. Default: as the system does.
    pub resolver: name_resolver::Config,
    /// Who resolves names, in place of the name resolver. Default: nobody. It has one second longer than
    /// `resolver.timeout`; what it has not answered by then counts as failed.
    pub other_resolver: Option<Recipient<Resolve>>,
    /// Where interfaces are looked up. Default: the system.
    pub interfaces: Interfaces,
    /// How candidates are raced. Default: RFC 8305.
    pub racing: racing::Config,
    /// How often the attempt of a candidate is restarted after a panic. Default: 3 times in 10 s, after 10 ms
    /// and more.
    pub candidate_restarts: Intensity,
    /// Where it logs; each actor's logger is a child of its parent's.
    pub logger: Logger,
}

impl Config {
    /// The defaults, with this logger.
    pub fn new(logger: Logger) -> Self {
        Self {
            registry: Registry::built_in(),
            resolver: name_resolver::Config::default(),
            other_resolver: None,
            interfaces: Interfaces::system(),
            racing: racing::Config::default(),
            candidate_restarts: Intensity {
                restarts: 3,
                within: Duration::from_secs(10),
                backoff: Duration::from_millis(10),
                max_backoff: Duration::from_secs(1),
            },
            logger,
        }
    }
}

/// What races and listeners need of the house.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) policy: Addr<PolicyManager>,
    pub(crate) resolver: Recipient<Resolve>,
    pub(crate) registry: Registry,
    pub(crate) racing: racing::Config,
    pub(crate) candidate_plan: Plan,
    /// How long a race waits for the answer to one question.
    pub(crate) patience: Duration,
    pub(crate) census: Arc<Census>,
    /// The transport, which is told how its children fare; it is not kept alive by them.
    pub(crate) parent: WeakRecipient<ChildEvent>,
}

/// The root supervisor.
#[derive(Debug)]
pub struct Transport {
    config: Config,
    census: Arc<Census>,
    services: Option<Arc<Services>>,
    /// Those without whom nothing can be established.
    staff: Vec<ChildId>,
}

impl Transport {
    /// A transport that has not started, and what is cancelled when it and everyone it started have ended.
    pub fn new(config: Config) -> (Self, oneshot::Receiver<()>) {
        let (census, end) = Census::new();
        (Self { config, census, services: None, staff: Vec::new() }, end)
    }

    /// Where it logs.
    pub fn logger(&self) -> &Logger {
        &self.config.logger
    }

    fn hire(&mut self, ctx: &Context<Self>) -> Services {
        let Config { registry, resolver, other_resolver, interfaces, racing, candidate_restarts, logger } =
            self.config.clone();
        let parent: WeakRecipient<ChildEvent> = ctx.address().downgrade().recipient();
        let hire = |name: &'static str| {
            let logger = logger.new(o!("actor" => name));
            let plan = Supervise::new(Plan::permanent()).name(name).parent(parent.clone());
            (plan.logger(logger.clone()), logger)
        };
        let patience = resolver.timeout.saturating_add(GRACE);
        let (hiring, for_policy) = hire("policy manager");
        let policy = hiring.start(|_| PolicyManager::new(&registry, interfaces, for_policy));
        self.staff.push(policy.id());
        let resolver = other_resolver.unwrap_or_else(|| {
            let (hiring, for_resolver) = hire("name resolver");
            let resolver = hiring.start(|_| NameResolver::new(resolver, for_resolver));
            self.staff.push(resolver.id());
            resolver.addr().clone().recipient()
        });
        Services {
            policy: policy.addr().clone(),
            resolver,
            registry,
            racing,
            candidate_plan: Plan::transient().intensity(candidate_restarts),
            patience,
            census: self.census.clone(),
            parent,
        }
    }
}

impl Actor for Transport {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.services.is_none() {
            self.services = Some(Arc::new(self.hire(ctx)));
        }
    }
}

impl Supervised for Transport {
    /// The staff lives on.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<Initiate> for Transport {
    type Result = ();

    fn handle(&mut self, mut order: Initiate, _: &mut Self::Context) {
        let Some(services) = &self.services else { return };
        let (outcome, race) = oneshot::channel();
        let logger = self.config.logger.new(o!("flow" => order.shared.id.as_u64()));
        flow::start(order.shared.clone(), Origin::Race(race), &services.census, &services.parent, &logger);
        order.taken = true;
        let order = Order { request: order.request.clone(), timeout: order.timeout, outcome };
        happy_eyeballs::start(order, services, &logger);
    }
}

impl Handler<Listen> for Transport {
    type Result = ();

    fn handle(&mut self, mut order: Listen, _: &mut Self::Context) {
        let Some(services) = &self.services else { return };
        order.taken = true;
        let setup = Setup {
            shared: order.shared.clone(),
            request: order.request.clone(),
            subscribers: std::mem::take(&mut order.subscribers),
            filters: std::mem::take(&mut order.filters),
        };
        listener::start(setup, services, &self.config.logger);
    }
}

impl Handler<ResolveEndpoints> for Transport {
    type Result = ResponseFuture<Result<(Vec<LocalEndpoint>, Vec<RemoteEndpoint>), ResolutionFailure>>;

    fn handle(&mut self, call: ResolveEndpoints, _: &mut Self::Context) -> Self::Result {
        let services = self.services.clone();
        Box::pin(async move {
            // The staff is hired before the first message is handled.
            let Some(services) = services else { return Ok(Default::default()) };
            let (resolver, patience) = (&services.resolver, services.patience);
            let request = settle(resolver.clone(), patience, call.request).await?;
            let remotes = settle_remotes(resolver.clone(), patience, request.clone()).await?;
            Ok((request.locals.clone(), remotes))
        })
    }
}

impl Handler<TakeCensus> for Transport {
    type Result = MessageResult<TakeCensus>;

    fn handle(&mut self, _: TakeCensus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.census.read())
    }
}

impl Handler<ChildEvent> for Transport {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, ctx: &mut Self::Context) {
        match event.what {
            // A listener that gives up has told its subscribers; without the staff nothing can be established.
            ChildEventKind::GaveUp { .. } if self.staff.contains(&event.child) => {
                error!(self.config.logger, "stopping: cannot go on without"; "child" => %event.name);
                finish(ctx);
            }
            what => debug!(self.config.logger, "child"; "name" => %event.name, "what" => ?what),
        }
    }
}
