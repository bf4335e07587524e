//! The Flow actor: the control plane of one connection.

use super::driver::drive;
use super::engine::{Engine, Outcome};
use super::learning::observation;
use super::messages::{Ended, Inspect, Went};
use super::shared::Shared;
use crate::census::{Counted, Kind};
use crate::policy_manager::messages::Observe;
use crate::supervision::{Plan, Supervise};
use crate::transport::Services;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow_core::Protocol;
use neatflow_stacks::{Established, Report};
use slog::{Logger, debug};
use std::sync::{Arc, LazyLock};

/// What supervision calls a flow; made once, not for each.
static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "flow".into());

/// Supervises one connection, from `initiate` or its acceptance to its terminal event. Its transport failing is
/// data, not a crash: that is a ConnectionError. If the actor itself panics it is restarted, and finds its engine
/// as it was.
#[derive(Debug)]
pub struct Flow {
    shared: Arc<Shared>,
    /// Who learns how it went.
    observe: Arc<Recipient<Observe>>,
    logger: Logger,
    _counted: Counted,
}

/// Where a flow's transport comes from.
pub(crate) enum Origin {
    /// A race.
    Race(Outcome),
    /// A listener.
    Accepted(Protocol, Established),
}

/// Starts the flow of a connection on this arbiter.
pub(crate) fn start(shared: Arc<Shared>, origin: Origin, services: &Services, logger: &Logger) {
    let engine = Engine::new(shared.clone(), services.census.clone());
    let engine = match origin {
        Origin::Race(race) => engine.after(race),
        Origin::Accepted(protocol, established) => engine.carried_by(protocol, established),
    };
    let logger = logger.clone();
    let counted = services.census.count(Kind::Flow);
    let (own, observe) = (shared.clone(), services.observe.clone());
    let flow = Supervise::new(Plan::transient())
        .name(NAME.clone())
        .parent(services.parent.clone())
        .logger(logger.clone())
        .start(|_| Flow { shared: own, observe, logger, _counted: counted });
    shared.listens_among(&services.audience);
    shared.supervised_by(flow.into_addr());
    drive(Box::new(engine));
}

impl Actor for Flow {
    type Context = Context<Self>;
}

impl Supervised for Flow {
    /// Everything a flow has outlives it: the shared state, and the engine that runs beside it.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<Inspect> for Flow {
    type Result = ResponseFuture<Report>;

    /// The engine may be on another arbiter.
    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Self::Result {
        let (asking, report) = oneshot::channel();
        let mut core = self.shared.lock();
        if core.end.is_none() {
            core.inspections.push(asking);
        }
        self.shared.rouse(core);
        Box::pin(async { report.await.unwrap_or_default() })
    }
}

impl Handler<Went> for Flow {
    type Result = ();

    fn handle(&mut self, Went(outcome): Went, _: &mut Self::Context) {
        if let Some(observation) = observation(&self.shared, outcome) {
            #[expect(clippy::disallowed_methods, reason = "one for each connection")]
            self.observe.do_send(Observe(vec![observation]));
        }
    }
}

impl Handler<Ended> for Flow {
    type Result = ();

    fn handle(&mut self, _: Ended, ctx: &mut Self::Context) {
        debug!(self.logger, "flow ended"; "flow" => self.shared.id.as_u64());
        ctx.stop();
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Race(_) => f.write_str("Race"),
            Self::Accepted(protocol, _) => write!(f, "Accepted({protocol})"),
        }
    }
}
