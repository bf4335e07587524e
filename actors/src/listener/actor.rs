//! The Listener actor.

use super::shared::Shared;
use super::sockets::{AcceptFilter, Held, Sockets};
use crate::census::{Counted, Kind};
use crate::flow::{self, Origin};
use crate::name_resolver::settle;
use crate::policy_manager::messages::Where;
use crate::subscription::Subscriber;
use crate::supervision::{Plan, Supervise, finish};
use crate::transport::Services;
use actix::prelude::*;
use neatflow_core::connection::Role;
use neatflow_core::policy::{ListenSpec, Request};
use neatflow_core::{ListenFailure, LocalEndpoint};
use slog::{Logger, info, o, warn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How many connections are accepted before others on this arbiter get their turn.
const BUDGET: usize = 64;

/// How long accepting rests after an error (too many open files, say).
const REST: Duration = Duration::from_millis(50);

/// How often a connection is looked at before it is refused: once more after a panic.
const LOOKS: u32 = 2;

/// What a listener is for.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) shared: Arc<Shared>,
    pub(crate) request: Arc<Request>,
    /// Subscribers that accepted connections inherit.
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) filters: Vec<AcceptFilter>,
}

/// Starts a listener on this arbiter.
pub(crate) fn start(mut setup: Setup, services: &Arc<Services>, logger: &Logger) {
    // RFC 9622 §7.2: remote endpoints of a listener say from where connections are taken.
    let remotes = setup.request.remotes.iter().filter_map(|remote| remote.literal()).collect::<Vec<_>>();
    if !remotes.is_empty() {
        setup.filters.insert(0, AcceptFilter::from_addresses(remotes));
    }
    let logger = logger.new(o!("listener" => setup.shared.id.as_u64()));
    let counted = services.census.count(Kind::Listener);
    Supervise::new(Plan::permanent())
        .name(format!("listener {}", setup.shared.id))
        .parent(services.parent.clone())
        .logger(logger.clone())
        .start(|ctx| Listener {
            _own: ctx.address(),
            setup,
            services: services.clone(),
            sockets: Sockets::default(),
            logger,
            _counted: counted,
        });
}

/// Asks where to listen; names are resolved before, unless nothing could be used anyway.
async fn plan(services: Arc<Services>, request: Arc<Request>) -> Result<Vec<ListenSpec>, ListenFailure> {
    if request.locals.iter().any(|local| local.unresolved().is_some()) {
        let anywhere = Request { locals: vec![LocalEndpoint::new()], ..Request::clone(&request) };
        ask(&services, Arc::new(anywhere)).await?;
    }
    let request = settle(services.resolver.clone(), services.patience, request).await?;
    ask(&services, request).await
}

async fn ask(services: &Services, request: Arc<Request>) -> Result<Vec<ListenSpec>, ListenFailure> {
    let gone = |gone| Err(ListenFailure::Stopped(format!("policy manager: {gone}").into()));
    services.policy.send(Where { request }).await.unwrap_or_else(gone)
}

pub(crate) struct Listener {
    /// Nobody else has its address, and a child whose address nobody has is not restarted.
    _own: Addr<Self>,
    setup: Setup,
    services: Arc<Services>,
    sockets: Sockets,
    logger: Logger,
    _counted: Counted,
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.sockets.is_open() {
            ctx.spawn(Accepting { rest: None });
            return;
        }
        let planned = plan(self.services.clone(), self.setup.request.clone());
        ctx.spawn(planned.into_actor(self).map(|specs, listener, ctx| {
            match specs.and_then(|specs| listener.open(specs)) {
                Ok(()) => {
                    ctx.spawn(Accepting { rest: None });
                }
                Err(failure) => listener.end(Some(failure), ctx),
            }
        }));
    }
}

impl Supervised for Listener {
    /// The sockets stay open, and the connection that was being looked at stays at hand.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.setup.shared.end(Some(ListenFailure::Stopped("the listener gave up".into())));
    }
}

impl Listener {
    fn open(&mut self, specs: Vec<ListenSpec>) -> Result<(), ListenFailure> {
        let properties = &self.setup.request.properties;
        let sockets = self.sockets.open(specs, properties, &self.services.registry)?;
        info!(self.logger, "listening"; "on" => ?sockets);
        self.setup.shared.listening(sockets);
        Ok(())
    }

    fn end(&mut self, failure: Option<ListenFailure>, ctx: &mut Context<Self>) {
        self.sockets.close();
        self.setup.shared.end(failure);
        finish(ctx);
    }

    /// Looks at the connection at hand, and keeps it or refuses it. A panic in a filter leaves it at hand.
    fn look(&mut self) {
        let Some(looked) = self.sockets.held() else { return };
        looked.looks += 1;
        let accepted = if looked.looks > LOOKS {
            warn!(self.logger, "refused: the accept filter panicked over it"; "from" => %looked.incoming.path.remote);
            false
        } else {
            self.setup.filters.iter().all(|filter| filter.accepts(&looked.incoming))
        };
        if let Some(held) = self.sockets.take().filter(|_| accepted) {
            self.welcome(held);
        }
    }

    fn welcome(&mut self, Held { incoming, established, .. }: Held) {
        let shared =
            flow::Shared::new(Role::Accepted, self.setup.request.properties.clone(), &self.setup.subscribers);
        let connection = shared.handle();
        shared.carried_by(incoming.protocol.clone(), &established);
        let mut core = self.setup.shared.lock();
        core.receive(&self.setup.shared, connection);
        drop(core);
        let origin = Origin::Accepted(incoming.protocol, established);
        flow::start(shared, origin, &self.services.census, &self.services.parent, &self.logger);
    }
}

/// Accepts, as long as somebody wants connections.
struct Accepting {
    rest: Option<Pin<Box<Sleep>>>,
}

impl ActorFuture<Listener> for Accepting {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        listener: &mut Listener,
        ctx: &mut Context<Listener>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        let shared = listener.setup.shared.clone();
        shared.waker.register(cx.waker());
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() && !shared.lock().stopping {
                return Poll::Pending;
            }
            self.rest = None;
        }
        for _ in 0..BUDGET {
            if shared.lock().stopping {
                listener.end(None, ctx);
                return Poll::Ready(());
            }
            if !shared.lock().wants() {
                return Poll::Pending;
            }
            match listener.sockets.poll_look(cx) {
                Poll::Ready(Ok(())) => listener.look(),
                Poll::Ready(Err(failure)) => {
                    warn!(listener.logger, "cannot accept"; "reason" => %failure);
                    let mut rest = Box::pin(tokio::time::sleep(REST));
                    let _ = rest.as_mut().poll(cx);
                    self.rest = Some(rest);
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
