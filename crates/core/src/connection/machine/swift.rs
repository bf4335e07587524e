//! The two things that happen all the time, past the queues: what came goes to whoever asked for it, and what was
//! written is through. Whatever is not as usual takes the way by [`handle`](Machine::handle) and [`poll`](Machine::poll).

use super::{Machine, OurEnd};
use crate::connection::inbox::Asker;
use crate::connection::outbox::Outbox;
use crate::connection::partly::Room;
use crate::connection::words::{Event, Input, Output, State};
use crate::message::{MessageId, Messages};
use std::ops::RangeInclusive;

/// What was told of a write, and is in no queue: to be told now, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Through {
    /// The transport has taken these messages whole; as [`Event::Sent`].
    pub sent: Option<RangeInclusive<MessageId>>,
    /// As [`Event::Writable`].
    pub writable: bool,
    /// As [`Event::AllWritten`].
    pub all_written: bool,
}

impl Machine {
    /// Whether [`poll`](Self::poll) has nothing to say, with room and without; false when it may have.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        // A queue that was used is let go of by `poll`.
        self.outputs.capacity() == 0
            && (self.state != State::Established || self.framed.is_none() && self.inbox.is_idle())
            && (self.state != State::Closing || self.framed.is_none())
    }

    /// Whether it is established, has nothing to say, and is not waiting for a time: all that may be due is a write.
    #[inline]
    pub fn is_calm(&self) -> bool {
        self.state == State::Established && self.is_quiet() && self.deadline().is_none()
    }

    /// Messages came. If the first who asked is to have them at once, all of them, here is who: then that is told,
    /// as by [`Event::Received`]. If not, nothing has happened, and they are to be [handled](Self::handle).
    #[inline]
    pub fn pass(&mut self, messages: &Messages, room: Room) -> Option<Asker> {
        let straight = room != Room::None
            && self.state == State::Established
            && self.outputs.is_empty()
            && self.framed.is_none();
        let asker = if straight { self.inbox.claims_all(messages.len()) } else { None };
        if asker.is_some() {
            self.hears_parts = room == Room::Parts;
        }
        asker
    }

    /// A byte stream took this many bytes, as by `Input::Written`.
    #[inline]
    pub fn written(&mut self, bytes: usize) -> Through {
        if !self.is_plain() {
            self.handle(Input::Written(bytes));
            return Through::default();
        }
        self.through(|outbox, sent| outbox.written(bytes, sent))
    }

    /// A message transport took this many messages, as by `Input::FrontTaken`.
    #[inline]
    pub fn front_taken(&mut self, count: usize) -> Through {
        if !self.is_plain() {
            self.handle(Input::FrontTaken(count));
            return Through::default();
        }
        self.through(|outbox, sent| outbox.take_front(count, sent))
    }

    /// Whether nothing is said before what is said now.
    fn is_plain(&self) -> bool {
        self.outputs.is_empty() && self.framed.is_none() && self.is_connected()
    }

    fn through(
        &mut self,
        take: impl FnOnce(&mut Outbox, &mut dyn FnMut(RangeInclusive<MessageId>, bool)),
    ) -> Through {
        let mut through = Through::default();
        let was_empty = self.outbox.is_empty();
        let Self { outbox, outputs, our_end, .. } = self;
        take(outbox, &mut |ids, is_final| {
            if outputs.is_empty() && through.sent.is_none() {
                through.sent = Some(ids);
            } else {
                outputs.push_back(Output::Event(Event::Sent(ids)));
            }
            if is_final {
                *our_end = OurEnd::Due;
            }
        });
        if !was_empty && self.outputs.is_empty() {
            through.writable = self.outbox.take_writable() && self.can_send();
            through.all_written = self.outbox.is_empty();
        } else if !was_empty {
            self.tell_of_room();
        }
        self.maybe_finish();
        through
    }
}
