//! An actor for each connection, with the connection's events in its mailbox.

use super::session::Session;
use crate::Failure;
use crate::order::Service;
use crate::wire::{FRAME, PIECE, piece};
use actix::prelude::*;
use bytes::Bytes;
use neatflow::prelude::*;

/// How many Received events may wait in a mailbox.
const WINDOW: usize = 4;

/// How much is made at once, and how much is handed over before waiting until it is written.
const BATCH: usize = 64 * 1024;
const BATCHES: usize = 4;

pub(super) fn listen(preconnection: Preconnection, service: Service) -> Result<Listener, Failure> {
    let piece = if service == Service::ProducePieces { piece().into() } else { Bytes::new() };
    let acceptor = Acceptor { service, piece }.start();
    Ok(preconnection.subscribe::<ConnectionReceived, _>(&acceptor).listen()?)
}

struct Acceptor {
    service: Service,
    piece: Bytes,
}

impl Actor for Acceptor {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Acceptor {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        Peer {
            service: self.service,
            session: Session::new(self.service),
            piece: self.piece.clone(),
            writing: false,
            connection: event.connection,
        }
        .start();
    }
}

struct Peer {
    service: Service,
    session: Session,
    piece: Bytes,
    /// Something was sent, and AllWritten is due.
    writing: bool,
    connection: Connection,
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let this = ctx.address();
        self.connection.subscribe::<(Received, ReceiveError, Closed, ConnectionError), _>(&this);
        if matches!(self.service, Service::Produce | Service::ProducePieces) {
            self.connection.subscribe::<AllWritten, _>(&this);
        }
        self.connection.stream(WINDOW);
    }
}

impl Peer {
    fn send(&mut self, message: impl Into<neatflow::Message>) {
        self.writing = true;
        let sending = self.connection.send(message);
        if let Some(reason) = sending.refused() {
            // The client must not wait for what is lost.
            eprintln!("a message was refused: {reason}");
            self.connection.abort();
        }
    }

    fn fill(&mut self) {
        for _ in 0..BATCHES {
            if self.service == Service::Produce {
                let mut batch = Vec::with_capacity(BATCH);
                self.session.make(BATCH / FRAME, &mut batch);
                if batch.is_empty() {
                    return;
                }
                self.send(batch);
            } else {
                for _ in 0..self.session.grant((BATCH / PIECE) as u64) {
                    self.send(self.piece.clone());
                }
            }
        }
    }
}

impl Handler<Received> for Peer {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        if self.service == Service::EchoDatagrams {
            for message in &event.messages {
                self.send(message.data.clone());
            }
            return;
        }
        let mut out = Vec::new();
        for message in &event.messages {
            self.session.take(&message.data, &mut out);
        }
        if !out.is_empty() {
            self.send(out);
        }
        // It fills by itself whenever everything is written.
        if !self.writing {
            self.fill();
        }
    }
}

impl Handler<AllWritten> for Peer {
    type Result = ();

    fn handle(&mut self, _: AllWritten, _: &mut Self::Context) {
        self.writing = false;
        self.fill();
    }
}

/// The peer has finished.
impl Handler<ReceiveError> for Peer {
    type Result = ();

    fn handle(&mut self, _: ReceiveError, _: &mut Self::Context) {
        if let Some(verdict) = self.session.verdict() {
            self.send(Bytes::copy_from_slice(&verdict));
        }
        self.connection.close();
    }
}

impl Handler<Closed> for Peer {
    type Result = ();

    fn handle(&mut self, _: Closed, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<ConnectionError> for Peer {
    type Result = ();

    fn handle(&mut self, _: ConnectionError, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
