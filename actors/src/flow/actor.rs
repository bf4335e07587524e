//! The Flow actor: the control plane of one connection.

use super::driver::{Driver, Lane, Outcome};
use super::messages::{Ended, Inspect};
use super::shared::Shared;
use crate::census::{Census, Counted, Kind};
use crate::supervision::{Plan, Supervise};
use actix::prelude::*;
use neatflow_core::Protocol;
use neatflow_stacks::{Established, Report};
use slog::{Logger, debug, o};
use std::sync::Arc;

/// Supervises one connection, from `initiate` or its acceptance to its terminal event. Its transport failing is
/// data, not a crash: that is a ConnectionError. If the actor itself panics it is restarted, and finds its driver
/// as it was.
#[derive(Debug)]
pub struct Flow {
    shared: Arc<Shared>,
    lane: Lane,
    /// Taken at the first start.
    origin: Option<Option<Outcome>>,
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
pub(crate) fn start(shared: Arc<Shared>, origin: Origin, census: &Arc<Census>, logger: &Logger) {
    let lane = Lane::default();
    let race = match origin {
        Origin::Race(race) => Some(race),
        Origin::Accepted(protocol, established) => {
            shared.carried_by(protocol, &established);
            *lane.borrow_mut() = Some(established.wire);
            None
        }
    };
    let logger = logger.new(o!("flow" => shared.id.as_u64()));
    let counted = census.count(Kind::Flow);
    let flow = Supervise::new(Plan::transient())
        .name(format!("flow {}", shared.id))
        .logger(logger.clone())
        .start(|_| Flow { shared: shared.clone(), lane, origin: Some(race), logger, _counted: counted });
    shared.inspected_by(flow.addr().clone().recipient());
}

impl Actor for Flow {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(race) = self.origin.take() {
            actix_rt::spawn(Driver::new(
                self.shared.clone(),
                self.lane.clone(),
                race,
                ctx.address().recipient(),
            ));
        }
    }
}

impl Supervised for Flow {
    /// Everything a flow has outlives it: the shared state, the wire, and the driver that runs beside it.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<Inspect> for Flow {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Self::Result {
        let report = self.lane.borrow().as_ref().map_or_else(Report::default, |wire| wire.report());
        MessageResult(report)
    }
}

impl Handler<Ended> for Flow {
    type Result = ();

    fn handle(&mut self, _: Ended, ctx: &mut Self::Context) {
        debug!(self.logger, "flow ended");
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
