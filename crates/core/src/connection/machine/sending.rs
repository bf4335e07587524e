//! What an application gives a connection to be sent.

use super::Machine;
use crate::connection::outbox::{Pack, Pushed};
use crate::connection::words::{Event, Output, State};
use crate::failure::{ConnectionFailure, SendFailure};
use crate::message::{Message, MessageId};
use crate::time::Time;
use bytes::BytesMut;

/// What became of a message that was given to be sent.
#[derive(Debug)]
pub struct Queued {
    /// The id that its fate will carry.
    pub id: MessageId,
    /// Why it was refused at once, if it was.
    pub refused: Option<SendFailure>,
    /// The message, if its content was copied: to be dropped where nothing is locked.
    pub copied: Option<Message>,
}

impl Machine {
    /// Queues a message. Its fate is an event, whatever it is, unless the connection is Closed: no event may
    /// follow the terminal one, so the message comes back at once.
    #[expect(clippy::result_large_err, reason = "the message comes back as it went in")]
    pub fn send(&mut self, message: Message, now: Time) -> Result<Queued, (SendFailure, Message)> {
        if self.state == State::Closed {
            return Err((SendFailure::Closed, message));
        }
        let (id, pushed) = match self.rules.check(&message.context.properties) {
            Ok(()) => self.outbox.push(message, now),
            Err(reason) => self.outbox.refuse(SendFailure::Properties(reason), message),
        };
        Ok(self.queued(id, pushed))
    }

    /// Queues the first part of a message, or, with the id of that one, another; `ends` with the last. Each has a fate
    /// of its own, as a message has after [`send`](Self::send). What is said of the message is said by its first part.
    #[expect(clippy::result_large_err, reason = "the message comes back as it went in")]
    pub fn send_part(
        &mut self,
        of: Option<MessageId>,
        message: Message,
        ends: bool,
        now: Time,
    ) -> Result<Queued, (SendFailure, Message)> {
        if self.state == State::Closed {
            return Err((SendFailure::Closed, message));
        }
        let (id, pushed) = match self.rules.check(&message.context.properties) {
            Ok(()) => self.outbox.push_part(of, message, ends, now),
            Err(reason) => self.outbox.refuse(SendFailure::Properties(reason), message),
        };
        let full = matches!(pushed, Pushed::Refused(SendFailure::QueueFull, _));
        let queued = self.queued(id, pushed);
        if full && let Some(of) = of {
            // It would have a hole.
            self.give_up(of);
            if ends {
                self.outbox.forget(of);
            }
        }
        Ok(queued)
    }

    /// The last part of this message will not be given. What was not taken of it comes back; if a part was, the peer
    /// has half a message, and the connection fails.
    pub fn abandon(&mut self, of: MessageId) {
        if self.state != State::Closed {
            self.give_up(of);
            self.outbox.forget(of);
        }
    }

    fn give_up(&mut self, of: MessageId) {
        let reason = SendFailure::Incomplete;
        let Self { outbox, outputs, framed, .. } = self;
        let mut back = |id, message| {
            outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
        };
        let Some(begun) = outbox.give_up(of, reason.clone(), &mut back) else { return };
        let halved = begun && framed.as_mut().is_none_or(|framed| framed.abandon(outbox, &mut back));
        if halved && self.is_connected() {
            self.outputs.push_back(Output::Abort);
            return self.end_with(ConnectionFailure::Incomplete);
        }
        if self.state == State::Established {
            self.tell_of_room();
        }
        self.maybe_finish();
    }

    fn queued(&mut self, id: MessageId, pushed: Pushed) -> Queued {
        let (refused, copied) = match pushed {
            Pushed::Kept => (None, None),
            Pushed::Copied(message) => (None, Some(message)),
            Pushed::Refused(reason, message) => {
                self.tell(match reason {
                    // The other parts of its message have expired.
                    SendFailure::Expired => Event::Expired { id, message },
                    _ => Event::SendError { id, message, reason: reason.clone() },
                });
                (Some(reason), None)
            }
        };
        Queued { id, refused, copied }
    }

    /// Queues the messages of a pack, each as [`send`](Self::send) does. False if the connection is Closed: then none
    /// has a fate.
    pub fn send_pack(&mut self, pack: Pack, now: Time) -> bool {
        if self.state == State::Closed {
            return false;
        }
        let Self { outbox, outputs, .. } = self;
        outbox.push_pack(pack, now, |id, data, reason| {
            let message = Message::new(data.to_vec());
            outputs.push_back(Output::Event(Event::SendError { id, message, reason }));
        });
        true
    }

    /// Queues the message of `initiate_with_send`, before any other. Should establishing fail, its fate is the
    /// EstablishmentError, and no SendError is told (RFC 9622 §9.2.5).
    pub fn send_first(&mut self, message: Message, now: Time) -> Option<Message> {
        let queued = self.send(message, now).ok()?;
        self.first = Some(queued.id);
        queued.copied
    }

    /// An empty buffer, for what is sent next.
    pub fn lend(&mut self, buffer: BytesMut) {
        self.outbox.lend(buffer);
    }

    /// A buffer that is empty again.
    pub fn reclaim(&mut self) -> Option<BytesMut> {
        self.outbox.reclaim()
    }

    /// The transport takes no more for now: what is left is to occupy no more than it needs.
    pub fn trim(&mut self) {
        self.outbox.trim();
    }
}
