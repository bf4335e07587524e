//! One actor that serves every connection of a listener.

use crate::datagrams::carries_datagrams;
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow::events::{
    Closed, ConnectionError, ConnectionReceived, ListenError, ReceiveError, Received, SendError, Sent,
    Stopped,
};
use neatflow::{Connection, ConnectionId, ListenFailure, Preconnection};
use std::collections::HashMap;

/// How many messages of one peer may wait to be sent back before it is read no further.
const UNSENT: usize = 4;

/// What peers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// What they sent.
    Echo,
    /// Nothing.
    Discard,
}

/// Serves every connection. It is done when the listener has ended and the last connection has.
pub(crate) struct Server {
    service: Service,
    /// How many more connections are to be taken; `None` = any number.
    wanted: Option<u64>,
    /// Whoever keeps a connection holds it open.
    peers: HashMap<ConnectionId, Peer>,
    /// How the listener ended, once it has.
    ended: Option<Result<(), ListenFailure>>,
    done: Option<oneshot::Sender<Result<(), ListenFailure>>>,
}

struct Peer {
    connection: Connection,
    /// Messages on their way back.
    unsent: usize,
    /// Whether the next message was asked for.
    asked: bool,
}

impl Peer {
    /// Asks for the next message, unless enough are on their way back: a peer that does not read is not read.
    fn ask(&mut self) {
        if !self.asked && self.unsent < UNSENT {
            self.asked = self.connection.receive().is_some();
        }
    }
}

impl Server {
    /// `done` is told how the listener ended.
    pub(crate) fn new(
        service: Service,
        wanted: Option<u64>,
        done: oneshot::Sender<Result<(), ListenFailure>>,
    ) -> Self {
        Self { service, wanted, peers: HashMap::new(), ended: None, done: Some(done) }
    }

    /// Subscribes a server to what it has to know.
    pub(crate) fn subscribed(preconnection: Preconnection, server: &Addr<Self>) -> Preconnection {
        preconnection.subscribe::<(
            (ConnectionReceived, Stopped, ListenError),
            (Received, ReceiveError, Sent, SendError),
            (Closed, ConnectionError),
        ), _>(server)
    }

    fn forget(&mut self, connection: &Connection) {
        self.peers.remove(&connection.id());
        self.maybe_done();
    }

    fn end(&mut self, ended: Result<(), ListenFailure>) {
        self.ended = Some(ended);
        self.maybe_done();
    }

    fn maybe_done(&mut self) {
        if self.peers.is_empty()
            && let Some(ended) = self.ended.take()
            && let Some(done) = self.done.take()
        {
            // Nobody waits: the process is about to end.
            let _ = done.send(ended);
        }
    }
}

impl Actor for Server {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Server {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        let mut peer = Peer { connection: event.connection, unsent: 0, asked: false };
        peer.ask();
        self.peers.insert(peer.connection.id(), peer);
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(1));
        if self.wanted == Some(0) {
            event.listener.stop();
        }
    }
}

impl Handler<Received> for Server {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        let Some(peer) = self.peers.get_mut(&event.connection.id()) else { return };
        peer.asked = false;
        if self.service == Service::Echo {
            for message in &event.messages {
                if peer.connection.send(message.clone()).id().is_some() {
                    peer.unsent += 1;
                }
            }
        }
        peer.ask();
    }
}

impl Handler<Sent> for Server {
    type Result = ();

    fn handle(&mut self, event: Sent, _: &mut Self::Context) {
        let Some(peer) = self.peers.get_mut(&event.connection.id()) else { return };
        peer.unsent = peer.unsent.saturating_sub(1);
        peer.ask();
    }
}

/// What cannot be echoed is not left out: the peer is to know that something is missing. Over UDP things are missing
/// every day.
impl Handler<SendError> for Server {
    type Result = ();

    fn handle(&mut self, event: SendError, _: &mut Self::Context) {
        if !carries_datagrams(&event.connection) {
            return event.connection.abort();
        }
        let Some(peer) = self.peers.get_mut(&event.connection.id()) else { return };
        peer.unsent = peer.unsent.saturating_sub(1);
        peer.ask();
    }
}

/// The peer has finished: so do we, once everything was sent back.
impl Handler<ReceiveError> for Server {
    type Result = ();

    fn handle(&mut self, event: ReceiveError, _: &mut Self::Context) {
        event.connection.close();
    }
}

impl Handler<Closed> for Server {
    type Result = ();

    fn handle(&mut self, event: Closed, _: &mut Self::Context) {
        self.forget(&event.connection);
    }
}

/// The trouble of one peer is not the server's.
impl Handler<ConnectionError> for Server {
    type Result = ();

    fn handle(&mut self, event: ConnectionError, _: &mut Self::Context) {
        self.forget(&event.connection);
    }
}

impl Handler<Stopped> for Server {
    type Result = ();

    fn handle(&mut self, _: Stopped, _: &mut Self::Context) {
        self.end(Ok(()));
    }
}

impl Handler<ListenError> for Server {
    type Result = ();

    fn handle(&mut self, event: ListenError, _: &mut Self::Context) {
        self.end(Err(event.reason));
    }
}

/// Said by whoever stops the server: close every connection, gracefully.
///
/// No reply. Overflow: said once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CloseAll;

impl Handler<CloseAll> for Server {
    type Result = ();

    fn handle(&mut self, _: CloseAll, _: &mut Self::Context) {
        for peer in self.peers.values() {
            peer.connection.close();
        }
    }
}
