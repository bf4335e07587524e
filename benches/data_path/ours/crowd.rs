//! One actor for all connections, which drives them in its own turn.

use super::server::{Heard, Keeps, Server, WINDOW};
use super::session::Session;
use super::trade::Trade;
use actix::prelude::*;
use neatflow::ConnectionId;
use neatflow::prelude::*;
use std::collections::HashMap;

/// The sessions of many connections; the actor's set keeps the connections themselves.
#[derive(Default)]
pub(super) struct Crowd(HashMap<ConnectionId, Session>);

impl Server<Crowd> {
    pub(super) fn of_all(trade: Trade) -> Self {
        Self { trade, keeps: Crowd::default() }
    }
}

impl Keeps for Crowd {
    fn begin(&mut self, _: &mut Context<Server<Self>>) {}

    fn session(&mut self, of: ConnectionId) -> Option<&mut Session> {
        self.0.get_mut(&of)
    }

    fn end(&mut self, of: ConnectionId, _: &mut Context<Server<Self>>) {
        self.0.remove(&of);
    }
}

impl Handler<ConnectionReceived> for Server<Crowd> {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, ctx: &mut Self::Context) {
        let connection = event.connection;
        self.keeps.0.insert(connection.id(), self.trade.session());
        connection.stream(WINDOW);
        FlowSet::of(ctx).adopt::<Heard>(connection, ctx);
    }
}
