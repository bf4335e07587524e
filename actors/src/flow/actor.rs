//! The Flow actor: the control plane of one connection.

use super::driver::{Driver, Lane, Outcome};
use super::messages::{Ended, Inspect};
use super::shared::Shared;
use crate::census::{Census, Counted, Kind};
use crate::supervision::{ChildEvent, Plan, Supervise};
use actix::WeakRecipient;
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
    lane: Lane,
    /// Taken at the first start.
    driver: Option<Driver>,
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
pub(crate) fn start(
    shared: Arc<Shared>,
    origin: Origin,
    census: &Arc<Census>,
    parent: &WeakRecipient<ChildEvent>,
    logger: &Logger,
) {
    let lane = Lane::default();
    let driver = Driver::new(shared.clone(), lane.clone(), census.clone());
    let driver = match origin {
        Origin::Race(race) => driver.after(race),
        Origin::Accepted(protocol, established) => driver.carried_by(protocol, established),
    };
    let logger = logger.new(o!("flow" => shared.id.as_u64()));
    let counted = census.count(Kind::Flow);
    let flow = Supervise::new(Plan::transient())
        .name(format!("flow {}", shared.id))
        .parent(parent.clone())
        .logger(logger.clone())
        .start(|_| Flow { lane, driver: Some(driver), logger, _counted: counted });
    shared.inspected_by(flow.addr().clone().recipient());
}

impl Actor for Flow {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(driver) = self.driver.take() {
            actix_rt::spawn(driver.telling(ctx.address().recipient()));
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
