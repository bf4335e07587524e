//! One actor that drives every connection of a server.

use super::Stop;
use super::args::Mode;
use super::tally::Served;
use actix::prelude::{Actor, Addr, Context, Handler};
use futures::channel::oneshot;
use neatflow::events::{
    Closed, ConnectionError, ConnectionReceived, ListenError, ReceiveError, Received, SendError, Stopped,
    Writable,
};
use neatflow::{FlowSet, ListenFailure, Message, Preconnection};
use std::time::Instant;

/// How many Received events of a connection may wait.
const WINDOW: usize = 16;

/// What is heard of every connection.
type Heard = ((Received, ReceiveError), (SendError, Writable), (Closed, ConnectionError));

/// Serves every connection in its own turn. It is done when the listener has ended and the last connection has.
pub(super) struct Server {
    mode: Mode,
    served: Option<Served>,
    /// Connections that have not ended.
    open: u64,
    stopping: bool,
    listens: bool,
    done: Option<oneshot::Sender<Served>>,
}

impl Server {
    /// `done` is told what was served.
    pub(super) fn new(mode: Mode, done: oneshot::Sender<Served>) -> Self {
        let served = Some(Served::new(mode));
        Self { mode, served, open: 0, stopping: false, listens: true, done: Some(done) }
    }

    /// Subscribes a server to what it has to know of its listener.
    pub(super) fn subscribed(preconnection: Preconnection, server: &Addr<Self>) -> Preconnection {
        preconnection.subscribe::<(ConnectionReceived, Stopped, ListenError), _>(server)
    }

    fn note(&mut self, what: impl FnOnce(&mut Served)) {
        if let Some(served) = &mut self.served {
            what(served);
        }
    }

    fn forget(&mut self) {
        self.open -= 1;
        self.maybe_done();
    }

    fn unheard(&mut self, ended: Result<(), ListenFailure>) {
        self.listens = false;
        self.note(|served| served.ended = ended);
        self.maybe_done();
    }

    fn maybe_done(&mut self) {
        if self.open == 0
            && !self.listens
            && let Some(served) = self.served.take()
            && let Some(done) = self.done.take()
        {
            // Nobody waits: the process is about to end.
            let _ = done.send(served);
        }
    }
}

impl Actor for Server {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Server {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, ctx: &mut Self::Context) {
        let connection = event.connection;
        self.open += 1;
        let stack = connection.stack().as_str().to_owned();
        self.note(|served| *served.stacks.entry(stack).or_default() += 1);
        connection.stream(WINDOW);
        if self.stopping {
            connection.close();
        }
        FlowSet::of(ctx).adopt::<Heard>(connection, ctx);
    }
}

impl Handler<Received> for Server {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        let now = Instant::now();
        let mut full = false;
        for Message { data, .. } in event.messages {
            self.note(|served| {
                served.bytes += data.len() as u64;
                served.messages += 1;
                served.span.extend(now);
            });
            if self.mode == Mode::Echo {
                full |= event.connection.send(data).is_high();
            }
        }
        if full {
            // A peer that does not read is not read, until Writable.
            event.connection.stream(0);
        }
    }
}

impl Handler<Writable> for Server {
    type Result = ();

    fn handle(&mut self, event: Writable, _: &mut Self::Context) {
        event.connection.stream(WINDOW);
    }
}

/// What cannot be echoed is not left out: the peer is to know that something is missing. Datagrams are missing every
/// day.
impl Handler<SendError> for Server {
    type Result = ();

    fn handle(&mut self, event: SendError, _: &mut Self::Context) {
        self.note(|served| served.unsent += 1);
        if event.connection.preserves_boundaries() != Some(true) {
            event.connection.abort();
        }
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

    fn handle(&mut self, _: Closed, _: &mut Self::Context) {
        self.forget();
    }
}

/// The trouble of one peer is not the server's. That of a source which fell silent is none.
impl Handler<ConnectionError> for Server {
    type Result = ();

    fn handle(&mut self, event: ConnectionError, _: &mut Self::Context) {
        if !self.stopping {
            self.note(|served| served.failures.add(event.reason.to_string()));
        }
        self.forget();
    }
}

impl Handler<Stopped> for Server {
    type Result = ();

    fn handle(&mut self, _: Stopped, _: &mut Self::Context) {
        self.unheard(Ok(()));
    }
}

impl Handler<ListenError> for Server {
    type Result = ();

    fn handle(&mut self, event: ListenError, _: &mut Self::Context) {
        self.unheard(Err(event.reason));
    }
}

/// Closes every connection; said again, aborts what is left.
impl Handler<Stop> for Server {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        let again = std::mem::replace(&mut self.stopping, true);
        for connection in FlowSet::of(ctx).connections() {
            if again { connection.abort() } else { connection.close() }
        }
    }
}
