//! The handlers, the same for every mode: what differs is who calls them, and where sessions are kept.

use super::session::Session;
use super::trade::Trade;
use actix::prelude::*;
use neatflow::events::SendError;
use neatflow::prelude::*;
use neatflow::{Connection, ConnectionId};

/// What it hears of each connection.
pub(super) type Heard = (Received, ReceiveError, Writable, SendError, Closed, ConnectionError);

/// How many Received events may wait.
pub(super) const WINDOW: usize = 4;

/// Serves one connection or many.
pub(super) struct Server<K> {
    pub(super) trade: Trade,
    pub(super) keeps: K,
}

/// Where sessions are kept.
pub(super) trait Keeps: Sized + Unpin + 'static {
    /// The actor has started.
    fn begin(&mut self, ctx: &mut Context<Server<Self>>);

    fn session(&mut self, of: ConnectionId) -> Option<&mut Session>;

    /// The connection has ended.
    fn end(&mut self, of: ConnectionId, ctx: &mut Context<Server<Self>>);
}

impl<K: Keeps> Actor for Server<K> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.keeps.begin(ctx);
    }
}

impl<K: Keeps> Supervised for Server<K> {}

impl<K: Keeps> Server<K> {
    fn with(&mut self, connection: &Connection, act: impl FnOnce(&Trade, &mut Session)) {
        if let Some(session) = self.keeps.session(connection.id()) {
            act(&self.trade, session);
        }
    }
}

impl<K: Keeps> Handler<Received> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        let Received { connection, messages, .. } = event;
        self.with(&connection, |trade, session| trade.take(session, &connection, messages));
    }
}

impl<K: Keeps> Handler<Writable> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: Writable, _: &mut Self::Context) {
        self.with(&event.connection, |trade, session| trade.fill(session, &event.connection));
    }
}

/// The peer has finished.
impl<K: Keeps> Handler<ReceiveError> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: ReceiveError, _: &mut Self::Context) {
        self.with(&event.connection, |trade, session| trade.finish(session, &event.connection));
    }
}

impl<K: Keeps> Handler<SendError> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: SendError, _: &mut Self::Context) {
        // The client must not wait for what is lost. Those that it leaves behind are not news.
        event.connection.abort();
    }
}

impl<K: Keeps> Handler<Closed> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: Closed, ctx: &mut Self::Context) {
        self.keeps.end(event.connection.id(), ctx);
    }
}

impl<K: Keeps> Handler<ConnectionError> for Server<K> {
    type Result = ();

    fn handle(&mut self, event: ConnectionError, ctx: &mut Self::Context) {
        self.keeps.end(event.connection.id(), ctx);
    }
}
