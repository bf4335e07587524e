//! What happens on a connection, told to whoever wants to hear: by mailbox, or in the attached actor's own turn.

use super::guarded::Core;
use super::handle::ConnectionRef;
use super::shared::{End, Shared};
use crate::credit::Credit;
use crate::events::{
    Aborted, AllWritten, Closed, ConnectionError, EstablishmentError, Event, EventKind, Expired, Readable,
    Ready, ReceiveError, Received, ReceivedPartial, SendError, Sent, SoftError, Timeout, Writable,
};
use neatflow_core::connection::{self, Asker, Input, Room, Through};
use neatflow_core::{Message, MessageId, Messages, SendFailure};
use std::ops::RangeInclusive;
use std::sync::Arc;

impl Core {
    /// Tells the subscribers, and remembers what futures will ask for.
    pub(crate) fn tell(&mut self, shared: &Arc<Shared>, event: connection::Event) {
        let terminal = event.is_terminal();
        if let connection::Event::Sent(ids) = event {
            return self.tell_of_sent(shared, ids);
        }
        if let Some(kind) = unremembered(&event).filter(|kind| !self.is_wanted(*kind)) {
            debug_assert!(!terminal, "{kind} must be remembered");
            return;
        }
        let event = self.address(ConnectionRef::new(shared.clone()), event);
        self.deliver(event);
        if terminal {
            let left = self.subscribers.take_all();
            self.let_go(left);
        }
    }

    fn tell_of_sent(&mut self, shared: &Arc<Shared>, ids: RangeInclusive<MessageId>) {
        self.fates.sent(&ids);
        if self.is_wanted(EventKind::Sent) {
            for id in ids.start().0..=ids.end().0 {
                let connection = ConnectionRef::new(shared.clone());
                self.deliver(Sent { connection, id: MessageId(id) }.into());
            }
        }
    }

    pub(super) fn is_wanted(&self, kind: EventKind) -> bool {
        self.subscribers.wants(kind) || self.attached.as_ref().is_some_and(|attached| attached.wants(kind))
    }

    pub(super) fn deliver(&mut self, event: Event) {
        self.subscribers.deliver(&event);
        // Perhaps nobody else has the message in it.
        let left = match &mut self.attached {
            Some(attached) => attached.deliver(event),
            None => Some(event),
        };
        if let Some(left) = left.filter(Event::has_message) {
            self.leaving().events.push(left);
        }
    }

    /// The terminal event, for whoever subscribes after it.
    pub(crate) fn last_words(&self, shared: &Arc<Shared>) -> Option<Event> {
        let connection = ConnectionRef::new(shared.clone());
        Some(match self.end.clone()? {
            Ok(()) => Closed { connection }.into(),
            Err(End::NotEstablished(reason)) => EstablishmentError { connection, reason }.into(),
            Err(End::Failed(reason)) => ConnectionError { connection, reason }.into(),
        })
    }

    /// Messages came: if they are for the attached actor alone, and nothing is before them, here is what it is to
    /// hear.
    pub(crate) fn hand(&mut self, shared: &Arc<Shared>, messages: Messages) -> Option<Event> {
        let straight = !shared.is_awake() && self.subscribers.is_empty();
        let ear = self.attached.as_ref().filter(|attached| straight && attached.is_all_ears());
        let Some((attached, asker)) =
            ear.and_then(|ear| Some((ear, self.machine.pass(&messages, Room::Parts)?)))
        else {
            self.feed(shared, Input::Arrived(messages));
            return None;
        };
        let (connection, credit) = (ConnectionRef::new(shared.clone()), attached.credit());
        shared.listens();
        self.notify();
        Some(Received { connection, receive: request(asker), messages, credit }.into())
    }

    /// Feeds the machine what the network has done, and tells what follows and waits in no queue.
    pub(crate) fn feed(&mut self, shared: &Arc<Shared>, fact: Input) {
        let through = match fact {
            Input::Arrived(messages) => {
                match self.machine.pass(&messages, self.room()) {
                    Some(asker) => self.tell(shared, connection::Event::Received { asker, messages }),
                    None => self.machine.handle(Input::Arrived(messages)),
                }
                Through::default()
            }
            Input::Written(bytes) => self.machine.written(bytes),
            Input::FrontTaken(count) => self.machine.front_taken(count),
            fact => {
                self.machine.handle(fact);
                Through::default()
            }
        };
        if let Some(ids) = through.sent {
            self.tell_of_sent(shared, ids);
        }
        if through.writable {
            self.tell(shared, connection::Event::Writable);
        }
        if through.all_written {
            self.tell(shared, connection::Event::AllWritten);
        }
        self.notify();
    }

    /// Gives an event of the machine its RFC 9622 name and its connection.
    fn address(&mut self, connection: ConnectionRef, event: connection::Event) -> Event {
        use connection::Event as E;
        match event {
            E::Ready => {
                self.is_ready = true;
                Ready { connection }.into()
            }
            E::EstablishmentError(reason) => {
                let reason = Arc::new(reason);
                self.end = Some(Err(End::NotEstablished(reason.clone())));
                EstablishmentError { connection, reason }.into()
            }
            E::Sent(ids) => Sent { connection, id: *ids.end() }.into(),
            E::Expired { id, message } => {
                self.fates.refused(id, &SendFailure::Expired);
                Expired { connection, id, message }.into()
            }
            E::SendError { id, message, reason } => {
                self.fates.refused(id, &reason);
                SendError { connection, id, message, reason }.into()
            }
            E::Writable => Writable { connection }.into(),
            E::AllWritten => AllWritten { connection }.into(),
            E::Readable => Readable { connection }.into(),
            E::Received { asker, messages } => {
                Received { connection, receive: request(asker), messages, credit: Credit::default() }.into()
            }
            E::ReceivedPartial { asker, part } => {
                let message = Message { data: part.data, context: part.context };
                let (receive, end_of_message) = (request(asker), part.end_of_message);
                let credit = Credit::default();
                ReceivedPartial { connection, receive, message, end_of_message, credit }.into()
            }
            E::ReceiveError { asker, reason } => {
                ReceiveError { connection, receive: request(asker), reason }.into()
            }
            E::SoftError(reason) => SoftError { connection, reason, credit: Credit::default() }.into(),
            E::Aborted => Aborted { connection }.into(),
            E::Timeout => Timeout { connection }.into(),
            E::Closed => {
                self.end = Some(Ok(()));
                Closed { connection }.into()
            }
            E::ConnectionError(reason) => {
                self.end = Some(Err(End::Failed(reason.clone())));
                ConnectionError { connection, reason }.into()
            }
        }
    }
}

/// The kind of an event that is of no interest unless somebody wants it.
fn unremembered(event: &connection::Event) -> Option<EventKind> {
    use connection::Event as E;
    match event {
        E::Writable => Some(EventKind::Writable),
        E::AllWritten => Some(EventKind::AllWritten),
        E::Readable => Some(EventKind::Readable),
        _ => None,
    }
}

fn request(asker: Asker) -> Option<neatflow_core::ReceiveId> {
    match asker {
        Asker::Request(id) => Some(id),
        Asker::Stream => None,
    }
}
