//! An actor for each connection, which hears of it by its mailbox or in its own turn.

use super::server::{Heard, Keeps, Server, WINDOW};
use super::session::Session;
use super::trade::Trade;
use actix::prelude::*;
use neatflow::prelude::*;
use neatflow::{Connection, ConnectionId};

/// How a peer hears of its connection.
#[derive(Clone, Copy)]
pub(super) enum By {
    Mailbox,
    Attachment,
}

/// Starts a peer for each connection.
pub(super) struct Acceptor {
    trade: Trade,
    by: By,
}

impl Acceptor {
    pub(super) fn new(trade: Trade, by: By) -> Self {
        Self { trade, by }
    }
}

impl Actor for Acceptor {
    type Context = Context<Self>;
}

impl Supervised for Acceptor {}

impl Handler<ConnectionReceived> for Acceptor {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        let keeps = One { session: self.trade.session(), connection: event.connection, by: self.by };
        Server { trade: self.trade.clone(), keeps }.start();
    }
}

/// The one connection of a peer.
struct One {
    session: Session,
    connection: Connection,
    by: By,
}

impl Keeps for One {
    fn begin(&mut self, ctx: &mut Context<Server<Self>>) {
        match self.by {
            By::Mailbox => self.connection.subscribe::<Heard, _>(&ctx.address()),
            By::Attachment => self.connection.attach::<Heard, _>(ctx),
        };
        self.connection.stream(WINDOW);
    }

    fn session(&mut self, _: ConnectionId) -> Option<&mut Session> {
        Some(&mut self.session)
    }

    fn end(&mut self, _: ConnectionId, ctx: &mut Context<Server<Self>>) {
        ctx.stop();
    }
}
