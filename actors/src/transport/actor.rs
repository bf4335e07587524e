//! The Transport actor.

use super::config::Config;
use super::messages::{Arbiters, AskPolicyManager, Initiate, Listen, Measure, ResolveEndpoints, TakeCensus};
use crate::census::Census;
use crate::flow::{self, Origin};
use crate::happy_eyeballs::{self, Order};
use crate::listener::{self, Setup};
use crate::metrics::Metrics;
use crate::name_resolver::{FindPref64, FindProviders, NameResolver, Resolve, settle, settle_remotes};
use crate::network_monitor::messages::Watch;
use crate::network_monitor::{Audience, NetworkMonitor};
use crate::placement::{Placement, Pool, Threads, spin};
use crate::policy_manager::messages::{Observe, Unwatched};
use crate::policy_manager::{Calls, PolicyManager};
use crate::registry::Registry;
#[cfg(unix)]
use crate::remote_policy::RemotePolicy;
use crate::supervision::{Child, ChildEvent, ChildEventKind, ChildId, Plan, Supervise, finish};
use actix::WeakRecipient;
use actix::prelude::*;
use actix_rt::ArbiterHandle;
use futures::channel::oneshot;
use neatflow_core::policy::HostNetwork;
use neatflow_core::{LocalEndpoint, RemoteEndpoint, ResolutionFailure, racing};
use slog::{Logger, debug, error, o};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How much longer than a resolution may take a race waits for its answer.
const GRACE: Duration = Duration::from_secs(1);

/// What races and listeners need of the house.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) policy: Addr<PolicyManager>,
    /// Who answers the calls of races.
    pub(crate) calls: Calls,
    /// Who learns how flows went, for each of them to hold: that of `calls`.
    pub(crate) observe: Arc<Recipient<Observe>>,
    /// Who tells of the networks; `None` if nobody does.
    pub(crate) monitor: Option<Addr<NetworkMonitor>>,
    /// Connections that want to hear of the networks.
    pub(crate) audience: Arc<Audience>,
    pub(crate) resolver: Recipient<Resolve>,
    /// Who knows who provides a service, unless the application has a resolver of its own.
    pub(crate) providers: Option<Recipient<FindProviders>>,
    /// Who finds the prefix of a NAT64; the same.
    pub(crate) pref64: Option<Recipient<FindPref64>>,
    pub(crate) registry: Registry,
    pub(crate) racing: racing::Config,
    /// Whether races may rely on what the resolver says.
    pub(crate) secure_dns: bool,
    pub(crate) candidate_plan: Plan,
    /// How long a race waits for the answer to one question.
    pub(crate) patience: Duration,
    pub(crate) census: Arc<Census>,
    pub(crate) metrics: Arc<Metrics>,
    /// The transport, which is told how its children fare; it is not kept alive by them.
    pub(crate) parent: WeakRecipient<ChildEvent>,
}

/// The root supervisor.
#[derive(Debug)]
pub struct Transport {
    config: Config,
    census: Arc<Census>,
    metrics: Arc<Metrics>,
    services: Option<Arc<Services>>,
    /// Its further arbiters, once they are started.
    pool: Option<Pool>,
    /// Their threads, until somebody keeps them.
    threads: Option<Threads>,
    /// Taken at the first start.
    life: Option<Life>,
    /// Those without whom nothing can be established.
    staff: Vec<ChildId>,
    /// The network monitor, without whom the policy manager looks for itself.
    monitor: Option<ChildId>,
}

/// The end of a transport, from both sides.
#[derive(Debug)]
struct Life {
    /// Cancelled when it and everyone it started have ended.
    over: oneshot::Receiver<()>,
    /// Dropped when its arbiters have ended, too.
    ended: oneshot::Sender<()>,
}

impl Transport {
    /// A transport that has not started, and what is cancelled when it, everyone it started, and its further arbiters
    /// have ended.
    pub fn new(config: Config) -> (Self, oneshot::Receiver<()>) {
        let (census, over) = Census::new();
        let (ended, end) = oneshot::channel();
        let life = Some(Life { over, ended });
        let (services, pool, threads, staff) = (None, None, None, Vec::new());
        let metrics = Arc::default();
        (Self { config, census, metrics, services, pool, threads, life, staff, monitor: None }, end)
    }

    /// Starts its further arbiters, unless they have been started. Else they are started with the transport, which
    /// stops at once if they cannot be.
    ///
    /// *Errors*: there were to be too many, or a thread could not be started.
    pub fn start_arbiters(&mut self) -> io::Result<()> {
        if self.pool.is_none() {
            let Config { arbiters, spinning, logger, .. } = &self.config;
            let (pool, threads) = Pool::start(*arbiters, *spinning, logger.clone())?;
            (self.pool, self.threads) = (Some(pool), Some(threads));
        }
        Ok(())
    }

    /// Watches over the arbiters until everybody has ended. When this arbiter stops before, so do they.
    fn keep_arbiters(&mut self) {
        let (Some(threads), Some(Life { over, ended })) = (self.threads.take(), self.life.take()) else {
            return;
        };
        let spinning = self.config.spinning.map(spin);
        actix_rt::spawn(async move {
            threads.keep(over).await;
            drop((spinning, ended));
        });
    }

    /// Where it logs.
    pub fn logger(&self) -> &Logger {
        &self.config.logger
    }

    fn hire(&mut self, ctx: &Context<Self>) -> Services {
        let Config {
            registry,
            resolver,
            other_resolver,
            other_policy,
            secure_dns,
            interfaces,
            network,
            policy,
            racing,
            candidate_restarts,
            logger,
            ..
        } = self.config.clone();
        let parent: WeakRecipient<ChildEvent> = ctx.address().downgrade().recipient();
        let hire = |name: &'static str| {
            let logger = logger.new(o!("actor" => name));
            let plan = Supervise::new(Plan::permanent()).name(name).parent(parent.clone());
            (plan.logger(logger.clone()), logger)
        };
        let patience = resolver.timeout.saturating_add(GRACE);
        let secure_dns = if other_resolver.is_some() { secure_dns } else { resolver.is_secure() };
        let (hiring, for_policy) = hire("policy manager");
        let policy =
            hiring.start(|_| PolicyManager::new(&registry, interfaces, for_policy).configured(policy));
        self.staff.push(policy.id());
        let audience: Arc<Audience> = Arc::default();
        let monitor = network.is_some().then(|| {
            let (hiring, for_monitor) = hire("network monitor");
            let (watcher, audience) = (policy.addr().downgrade().recipient(), audience.clone());
            hiring.start(|_| NetworkMonitor::new(network, for_monitor).watched_by(watcher).telling(audience))
        });
        self.monitor = monitor.as_ref().map(Child::id);
        #[cfg(unix)]
        let other_policy = other_policy.or_else(|| {
            let remote = self.config.remote_policy.clone()?;
            let (hiring, for_remote) = hire("remote policy");
            let own = policy.addr().clone();
            let remote = hiring.start(|_| RemotePolicy::new(remote, own, for_remote));
            self.staff.push(remote.id());
            Some(Calls::to(remote.addr()))
        });
        let (resolver, providers, pref64) = match other_resolver {
            Some(resolver) => (resolver, None, None),
            None => {
                let (hiring, for_resolver) = hire("name resolver");
                let resolver = hiring.start(|_| NameResolver::new(resolver, for_resolver));
                self.staff.push(resolver.id());
                let at = resolver.addr().clone();
                (at.clone().recipient(), Some(at.clone().recipient()), Some(at.recipient()))
            }
        };
        let calls = other_policy.unwrap_or_else(|| Calls::from(policy.addr()));
        Services {
            observe: Arc::new(calls.observe.clone()),
            calls,
            policy: policy.addr().clone(),
            monitor: monitor.map(|monitor| monitor.addr().clone()),
            audience,
            resolver,
            providers,
            pref64,
            registry,
            racing,
            secure_dns,
            candidate_plan: Plan::transient().intensity(candidate_restarts),
            patience,
            census: self.census.clone(),
            metrics: self.metrics.clone(),
            parent,
        }
    }
}

impl Actor for Transport {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.services.is_some() {
            return;
        }
        if let Err(reason) = self.start_arbiters() {
            error!(self.config.logger, "stopping: cannot start the arbiters"; "reason" => %reason);
            return finish(ctx);
        }
        self.keep_arbiters();
        self.services = Some(Arc::new(self.hire(ctx)));
    }
}

impl Supervised for Transport {
    /// The staff lives on.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<Initiate> for Transport {
    type Result = ();

    fn handle(&mut self, mut order: Initiate, _: &mut Self::Context) {
        let (Some(services), Some(pool)) = (&self.services, &self.pool) else { return };
        let logger = self.config.logger.new(o!("flow" => order.shared.id.as_u64()));
        match pool.one(&order.placement) {
            None => initiate(order, services, &logger),
            Some(arbiter) => {
                // If the arbiter drops the order, its connection is to say why.
                order.gone = "its arbiter has stopped";
                let services = services.clone();
                arbiter.spawn_fn(move || initiate(order, &services, &logger));
            }
        }
    }
}

/// Starts a flow and its race on this arbiter.
fn initiate(mut order: Initiate, services: &Arc<Services>, logger: &Logger) {
    let (outcome, race) = oneshot::channel();
    flow::start(order.shared.clone(), Origin::Race(race), services, logger);
    order.taken = true;
    let shared = Arc::downgrade(&order.shared);
    let order = Order { request: order.request.clone(), timeout: order.timeout, outcome, shared };
    happy_eyeballs::start(order, services, logger);
}

impl Handler<Listen> for Transport {
    type Result = ();

    fn handle(&mut self, mut order: Listen, _: &mut Self::Context) {
        let (Some(services), Some(pool)) = (&self.services, &self.pool) else { return };
        order.taken = true;
        let everywhere = if order.staff.is_empty() { Placement::Own } else { Placement::Pool };
        let spots = pool.every(order.placement.as_ref().unwrap_or(&everywhere));
        let setup = Setup {
            shared: order.shared.clone(),
            request: order.request.clone(),
            subscribers: std::mem::take(&mut order.subscribers),
            staff: std::mem::take(&mut order.staff),
            filters: std::mem::take(&mut order.filters),
        };
        listener::start(setup, spots, services, &self.config.logger);
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
            let (request, _) = settle(&services, call.request).await?;
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

impl Handler<Measure> for Transport {
    type Result = MessageResult<Measure>;

    fn handle(&mut self, _: Measure, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.metrics.read())
    }
}

impl<M> Handler<AskPolicyManager<M>> for Transport
where
    M: Message<Result: Send> + Send + 'static,
    PolicyManager: Handler<M>,
{
    type Result = ResponseFuture<Option<M::Result>>;

    fn handle(
        &mut self,
        AskPolicyManager(question): AskPolicyManager<M>,
        _: &mut Self::Context,
    ) -> Self::Result {
        let policy = self.services.as_ref().map(|services| services.policy.clone());
        Box::pin(async move { policy?.send(question).await.ok() })
    }
}

impl Handler<Watch> for Transport {
    type Result = ResponseFuture<Option<Arc<HostNetwork>>>;

    fn handle(&mut self, watch: Watch, _: &mut Self::Context) -> Self::Result {
        let monitor = self.services.as_ref().and_then(|services| services.monitor.clone());
        Box::pin(async move { monitor?.send(watch).await.ok().flatten() })
    }
}

impl Handler<Arbiters> for Transport {
    type Result = MessageResult<Arbiters>;

    fn handle(&mut self, _: Arbiters, _: &mut Self::Context) -> Self::Result {
        MessageResult(
            self.pool.as_ref().map_or_else(Vec::<ArbiterHandle>::new, |pool| pool.arbiters().to_vec()),
        )
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
            ChildEventKind::GaveUp { .. } if self.monitor == Some(event.child) => {
                error!(self.config.logger, "nobody tells of the networks any more");
                if let Some(services) = &self.services {
                    #[expect(clippy::disallowed_methods, reason = "once: it gives up once")]
                    services.policy.do_send(Unwatched);
                }
            }
            what => debug!(self.config.logger, "child"; "name" => %event.name, "what" => ?what),
        }
    }
}
