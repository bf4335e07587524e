//! The Listener actor.

use super::acceptance::{Acceptance, Opening};
use super::shared::Shared;
use super::sockets::{AcceptFilter, Company};
use super::staff::Staff;
use crate::census::{Counted, Kind};
use crate::name_resolver::settle;
use crate::placement::Spot;
use crate::policy_manager::messages::Where;
use crate::subscription::Subscriber;
use crate::supervision::{Child, Plan, Supervise, finish};
use crate::transport::Services;
use actix::prelude::*;
use futures::channel::oneshot;
use futures::future::{Either, select};
use neatflow_core::policy::{ListenSpec, Request};
use neatflow_core::{ListenFailure, LocalEndpoint, Protocol};
use slog::{Logger, info, o};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

/// What a listener is for.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) shared: Arc<Shared>,
    pub(crate) request: Arc<Request>,
    /// Subscribers that accepted connections inherit.
    pub(crate) subscribers: Vec<Subscriber>,
    /// Who is made on each of its arbiters.
    pub(crate) staff: Vec<Staff>,
    pub(crate) filters: Vec<AcceptFilter>,
}

/// Starts a listener on this arbiter, which accepts in these places.
pub(crate) fn start(mut setup: Setup, spots: Vec<Spot>, services: &Arc<Services>, logger: &Logger) {
    // RFC 9622 §7.2: remote endpoints of a listener say from where connections are taken.
    let remotes = setup.request.remotes.iter().filter_map(|remote| remote.literal()).collect::<Vec<_>>();
    if !remotes.is_empty() {
        setup.filters.insert(0, AcceptFilter::from_addresses(remotes));
    }
    let logger = logger.new(o!("listener" => setup.shared.id.as_u64()));
    let counted = services.census.count(Kind::Listener);
    // It runs no code but ours, and what it waits for could not be taken up half-way.
    Supervise::new(Plan::temporary())
        .name(format!("listener {}", setup.shared.id))
        .parent(services.parent.clone())
        .logger(logger.clone())
        .start(|ctx| Listener {
            _own: ctx.address(),
            house: House { setup: Arc::new(setup), services: services.clone(), logger },
            spots,
            _counted: counted,
        });
}

/// Sees a listener through: has its sockets opened, and waits for its end.
struct Listener {
    /// Nobody else has its address, and a child whose address nobody has ends.
    _own: Addr<Self>,
    house: House,
    spots: Vec<Spot>,
    _counted: Counted,
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let life = live(self.house.clone(), std::mem::take(&mut self.spots));
        ctx.spawn(life.into_actor(self).map(|failure, listener, ctx| {
            listener.house.setup.shared.end(failure);
            finish(ctx);
        }));
    }
}

impl Supervised for Listener {}

impl Drop for Listener {
    fn drop(&mut self) {
        self.house.setup.shared.end(Some(gave_up()));
    }
}

fn gave_up() -> ListenFailure {
    ListenFailure::Stopped("the listener gave up".into())
}

/// What the listener and its acceptances work with.
#[derive(Clone)]
pub(super) struct House {
    pub(super) setup: Arc<Setup>,
    pub(super) services: Arc<Services>,
    pub(super) logger: Logger,
}

/// An acceptance, and what is cancelled when it has ended, and its sockets are closed.
struct Member {
    child: Child<Acceptance>,
    end: oneshot::Receiver<()>,
}

/// From the order to the end, and why that was if it was not told to stop.
async fn live(house: House, spots: Vec<Spot>) -> Option<ListenFailure> {
    let shared = house.setup.shared.clone();
    let mut members = Vec::new();
    let accepting = async {
        match open(&house, spots, &mut members).await {
            Ok(sockets) => {
                info!(house.logger, "listening"; "on" => ?sockets, "arbiters" => members.len());
                shared.listening(sockets);
            }
            Err(failure) => return failure,
        }
        for member in &mut members {
            let _ = (&mut member.end).await;
        }
        gave_up()
    };
    let failure = match select(pin!(accepting), pin!(shared.told_to_stop())).await {
        Either::Left((failure, _)) => Some(failure),
        Either::Right(_) => None,
    };
    members.iter().for_each(|member| member.child.stop());
    // The end is told when every socket is closed.
    for member in members {
        let _ = member.end.await;
    }
    failure
}

/// Opens every socket, or says why not. The first acceptance finds the ports; the others join it where the protocol
/// lets them.
async fn open(
    house: &House,
    spots: Vec<Spot>,
    members: &mut Vec<Member>,
) -> Result<Vec<(Protocol, SocketAddr)>, ListenFailure> {
    let Services { registry, .. } = &*house.services;
    let specs = plan(&house.services, &house.setup.request).await?;
    let company = if spots.len() > 1 { Company::First } else { Company::None };
    let mut spots = spots.into_iter();
    let first = house.hire(spots.next().flatten(), specs, company, members);
    let opened = first.await.map_err(|_| gave_up())??;
    let spread = |spec: &&ListenSpec| registry.get(&spec.protocol).is_some_and(|stack| stack.spreads());
    let joined = opened.iter().filter(spread).cloned().collect::<Vec<_>>();
    if !joined.is_empty() {
        let others = spots.map(|spot| house.hire(spot, joined.clone(), Company::Further, members));
        for other in others.collect::<Vec<_>>() {
            other.await.map_err(|_| gave_up())??;
        }
    }
    Ok(opened.into_iter().map(|spec| (spec.protocol, spec.local)).collect())
}

impl House {
    /// Starts an acceptance; what it opened.
    fn hire(
        &self,
        spot: Spot,
        specs: Vec<ListenSpec>,
        company: Company,
        members: &mut Vec<Member>,
    ) -> oneshot::Receiver<Result<Vec<ListenSpec>, ListenFailure>> {
        let number = members.len() + 1;
        let (name, logger) = match company {
            Company::None => (format!("listener {}", self.setup.shared.id), self.logger.clone()),
            _ => (
                format!("listener {}, {number}", self.setup.shared.id),
                self.logger.new(o!("acceptance" => number)),
            ),
        };
        let house = Self { logger: logger.clone(), ..self.clone() };
        let (done, opened) = oneshot::channel();
        let (ending, end) = oneshot::channel();
        let make = move |_: &mut _| Acceptance::new(house, Opening { specs, company, done }, ending);
        let parent = self.services.parent.clone();
        let supervise = Supervise::new(Plan::permanent()).name(name).parent(parent).logger(logger);
        let child = match spot {
            None => supervise.start(make),
            Some(arbiter) => supervise.on(&arbiter).start(make),
        };
        members.push(Member { child, end });
        opened
    }
}

/// Asks where to listen; names are resolved before, unless nothing could be used anyway.
async fn plan(services: &Services, request: &Arc<Request>) -> Result<Vec<ListenSpec>, ListenFailure> {
    if request.locals.iter().any(|local| local.unresolved().is_some()) {
        let anywhere = Request { locals: vec![LocalEndpoint::new()], ..Request::clone(request) };
        ask(services, Arc::new(anywhere)).await?;
    }
    let (request, _) = settle(services, request.clone()).await?;
    ask(services, request).await
}

async fn ask(services: &Services, request: Arc<Request>) -> Result<Vec<ListenSpec>, ListenFailure> {
    let gone = |gone| Err(ListenFailure::Stopped(format!("policy manager: {gone}").into()));
    services.policy.send(Where { request }).await.unwrap_or_else(gone)
}
