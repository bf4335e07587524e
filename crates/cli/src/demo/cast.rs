//! The actors of the demo.

use crate::report::{Report, Seen};
use crate::witness::Witness;
use actix::prelude::*;
use neatflow::events::{Closed, ConnectionError, EstablishmentError, Ready, Received};
use neatflow::{Event, Preconnection};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the greeter says.
pub(super) const GREETING: &str = "hello, flow";

/// Where subscribers note what they see. Unbounded: the demo has a few dozen events.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    report: Report,
    entries: UnboundedSender<Seen>,
}

impl Journal {
    pub(super) fn new(report: &Report) -> (Self, UnboundedReceiver<Seen>) {
        let (entries, seen) = unbounded_channel();
        (Self { report: *report, entries }, seen)
    }

    fn note(&self, subscriber: &'static str, event: &Event) {
        let seen = Seen { subscriber: Some(subscriber), ..Seen::now(&self.report, event) };
        // The demo is over, and nobody reads it any more.
        let _ = self.entries.send(seen);
    }

    /// A subscriber on this arbiter that notes every event.
    pub(super) fn witness(&self, name: &'static str, arbiter: &ArbiterHandle) -> Addr<Witness> {
        let journal = self.clone();
        Witness::start_in_arbiter(arbiter, move |_| Witness::new(move |event| journal.note(name, event)))
    }
}

/// A client: greets when it is connected, and closes when it was answered.
#[derive(Debug)]
pub(super) struct Greeter {
    journal: Journal,
    /// Where the answer goes.
    answers: UnboundedSender<String>,
}

impl Greeter {
    /// Its name as a subscriber.
    pub(super) const NAME: &'static str = "greeter";

    pub(super) fn new(journal: &Journal, answers: UnboundedSender<String>) -> Self {
        Self { journal: journal.clone(), answers }
    }

    /// Subscribes a greeter to what it has to know.
    pub(super) fn subscribed(preconnection: Preconnection, greeter: &Addr<Self>) -> Preconnection {
        preconnection.subscribe::<(Ready, Received, Closed, EstablishmentError, ConnectionError), _>(greeter)
    }

    fn note(&self, event: impl Into<Event>) {
        self.journal.note(Self::NAME, &event.into());
    }
}

impl Actor for Greeter {
    type Context = Context<Self>;
}

impl Handler<Ready> for Greeter {
    type Result = ();

    fn handle(&mut self, event: Ready, _: &mut Self::Context) {
        event.connection.send(GREETING);
        event.connection.receive();
        self.note(event);
    }
}

impl Handler<Received> for Greeter {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        let _ = self.answers.send(event.to_string());
        event.connection.close();
        self.note(event);
    }
}

impl Handler<Closed> for Greeter {
    type Result = ();

    fn handle(&mut self, event: Closed, _: &mut Self::Context) {
        self.note(event);
    }
}

impl Handler<EstablishmentError> for Greeter {
    type Result = ();

    fn handle(&mut self, event: EstablishmentError, _: &mut Self::Context) {
        self.note(event);
    }
}

impl Handler<ConnectionError> for Greeter {
    type Result = ();

    fn handle(&mut self, event: ConnectionError, _: &mut Self::Context) {
        self.note(event);
    }
}
