//! The connection state machine.
//!
//! RFC 9622 §11, figure 2:
//!
//! ```text
//!                (*)                               (**)
//!  Establishing -----> Established -----> Closing ------> Closed
//!       |                                                   ^
//!       +---------------------------------------------------+
//!                      EstablishmentError
//!
//!  (*)  Ready, ConnectionReceived, RendezvousDone
//!  (**) Closed, ConnectionError
//! ```
//!
//! What it guarantees, whatever it is fed: exactly one fate for each message and one answer for each receive;
//! Sent in the order in which the transport took them; nothing received before Established; exactly one terminal event, after every
//! outstanding fate and answer, and nothing after it.

use super::framed::Framed;
use super::inbox::{Answer, Inbox};
use super::outbox::Outbox;
use super::partly::Room;
use super::words::{Event, Input, Output, Role, State};
use crate::failure::{ConnectionFailure, SendFailure};
use crate::message::{Message, MessageId};
use crate::properties::{MessageProperties, MessageRules};
use crate::time::Time;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Our end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OurEnd {
    Open,
    /// To be sent when the outbox is empty.
    Due,
    Sent,
    Acknowledged,
}

pub use sending::Queued;
pub use swift::Through;

/// One connection. Feed it with [`send`](Self::send), [`receive`](Self::receive) and [`handle`](Self::handle),
/// and drain [`poll`](Self::poll) after each.
#[derive(Debug)]
pub struct Machine {
    state: State,
    our_end: OurEnd,
    /// Closed by the application while establishing, with messages queued: close once they are delivered.
    close_when_ready: bool,
    /// The message of `initiate_with_send`, which shares the fate of the establishment.
    first: Option<MessageId>,
    outbox: Outbox,
    /// What may be said of messages.
    rules: MessageRules,
    inbox: Inbox,
    /// `None` if what is sent and what comes is as the transport has it.
    framed: Option<Box<Framed>>,
    /// Whether somebody heard of parts of messages when there was room the last time.
    hears_parts: bool,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A new connection.
    pub fn new(role: Role) -> Self {
        let state = match role {
            Role::Initiated => State::Establishing,
            Role::Accepted => State::Established,
        };
        Self {
            state,
            our_end: OurEnd::Open,
            close_when_ready: false,
            first: None,
            outbox: Outbox::new(Outbox::HIGH_WATER),
            rules: MessageRules::default(),
            inbox: Inbox::default(),
            framed: None,
            hears_parts: true,
            outputs: VecDeque::new(),
        }
    }

    /// The same for messages of which this holds where nothing else is said of them; default: nothing.
    #[must_use]
    pub fn with_usual(mut self, properties: &MessageProperties) -> Self {
        self.outbox = self.outbox.with_usual(properties);
        self
    }

    /// The same, and only this may be said of messages; default: anything.
    #[must_use]
    pub fn with_rules(mut self, rules: MessageRules) -> Self {
        self.rules = rules;
        self
    }

    /// Its transport keeps boundaries: to be said before it is established.
    pub fn keep_boundaries(&mut self) {
        self.outbox.keep_boundaries();
    }

    /// From now on these framers, which were [started](Framed::start), are between it and its transport: to be said
    /// before anything is written to that or comes from it.
    pub fn frame(&mut self, framed: Framed) {
        if framed.keeps_boundaries() {
            self.keep_boundaries();
        }
        self.framed = Some(Box::new(framed));
    }

    /// Its framers, if it has any.
    pub fn framed(&self) -> Option<&Framed> {
        self.framed.as_deref()
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a message would be taken (RFC 9622 §8.1.11.2, `canSend`).
    pub fn can_send(&self) -> bool {
        self.state <= State::Established && self.outbox.is_open()
    }

    /// Whether a message may still come (RFC 9622 §8.1.11.3, `canReceive`).
    pub fn can_receive(&self) -> bool {
        self.state <= State::Established && !self.inbox.is_shut() && !self.inbox.is_exhausted()
    }

    /// When the machine is to be told the time, though nothing else happens.
    pub fn deadline(&self) -> Option<Time> {
        let framers =
            self.framed.as_ref().filter(|_| self.is_connected()).and_then(|framed| framed.deadline());
        self.outbox.deadline().into_iter().chain(framers).min()
    }

    fn is_connected(&self) -> bool {
        matches!(self.state, State::Established | State::Closing)
    }

    /// It is this late: lets lifetimes run out (RFC 9622 §9.1.3.1).
    pub fn expire(&mut self, now: Time) {
        let was_empty = self.outbox.is_empty();
        let Self { outbox, outputs, our_end, .. } = self;
        outbox.expire(now, |id, message| {
            // It is not sent, but what it said stays true: nothing follows.
            if message.is_final() {
                *our_end = OurEnd::Due;
            }
            outputs.push_back(Output::Event(Event::Expired { id, message }));
        });
        if !was_empty && self.state == State::Established {
            self.tell_of_room();
        }
        if self.framed.is_some() && self.is_connected() {
            self.hurry_framers(now);
        }
        self.maybe_finish();
    }

    /// What is to be written.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether there are [spent](Self::take_spent) messages.
    #[inline]
    pub fn has_spent(&self) -> bool {
        self.outbox.has_spent()
    }

    /// The messages that are through, and have no event that gives them back: to be dropped where nothing is locked.
    pub fn take_spent(&mut self) -> Vec<Message> {
        self.outbox.take_spent()
    }

    /// Whether there is something to write, and somewhere to write it.
    pub fn wants_write(&self) -> bool {
        self.is_connected()
            && match &self.framed {
                None => !self.outbox.is_empty() && !self.outbox.is_stuck(),
                Some(framed) => framed.has_output() && self.our_end <= OurEnd::Due,
            }
    }

    /// Whether the transport should be read: somebody waits for a message, or the connection is closing and
    /// what still comes is discarded, so that a peer that writes before it reads is not stuck.
    pub fn wants_read(&self) -> bool {
        if let Some(framed) = &self.framed {
            let asked = self.state == State::Closing || self.is_framing_up() || self.inbox.is_hungry();
            return self.is_connected() && framed.wants_read() && asked;
        }
        match self.state {
            State::Established => self.inbox.is_hungry(),
            State::Closing => !self.inbox.is_finished(),
            State::Establishing | State::Closed => false,
        }
    }

    /// Whether its framers are not ready yet, and what comes is theirs alone.
    pub fn is_framing_up(&self) -> bool {
        self.is_connected() && self.framed.as_ref().is_some_and(|framed| !framed.was_ready())
    }

    /// Whether messages may come in parts.
    pub fn may_receive_parts(&self) -> bool {
        self.framed.is_some() || self.inbox.is_partly()
    }

    /// Whether the peer has sent its end.
    pub fn has_peer_finished(&self) -> bool {
        self.inbox.is_finished() || self.framed.as_ref().is_some_and(|framed| framed.has_peer_finished())
    }

    /// Whether it matters now when the peer has acknowledged everything.
    pub fn wants_acknowledgement(&self) -> bool {
        let matters = match self.state {
            State::Established => self.inbox.is_finished(),
            State::Closing => true,
            State::Establishing | State::Closed => false,
        };
        // Who was not asked to send our end yet has sent none to be acknowledged.
        let asked = !self.outputs.iter().any(|output| matches!(output, Output::Finish));
        matters && self.our_end == OurEnd::Sent && asked
    }

    /// Feeds it.
    pub fn handle(&mut self, input: Input) {
        if self.state == State::Closed {
            return;
        }
        match input {
            Input::Stream(on) => self.stream(on),
            Input::Close => self.close(),
            Input::Abort if self.state == State::Establishing => self.cancel(),
            Input::Abort => {
                self.outputs.push_back(Output::Abort);
                self.end_with(ConnectionFailure::AbortedLocally);
            }
            Input::Release if self.state == State::Establishing && !self.close_when_ready => self.cancel(),
            Input::Release => self.close(),
            Input::Established => self.established(),
            // The transport is not ours before it is established; whoever raced it reports.
            Input::PeerFinished
            | Input::Written(_)
            | Input::FrontTaken(_)
            | Input::FrontRefused(_)
            | Input::SoftError(_)
            | Input::Failed(_)
                if self.state == State::Establishing => {}
            Input::EstablishmentFailed(failure) => {
                if self.state == State::Establishing {
                    self.fail_establishment(failure);
                }
            }
            Input::Arrived(_)
            | Input::PeerFinished
            | Input::Written(_)
            | Input::FrontTaken(_)
            | Input::FrontRefused(_)
                if self.framed.is_some() =>
            {
                self.handle_framed(input);
            }
            Input::Arrived(messages) => {
                if self.state == State::Established {
                    self.inbox.arrived(messages);
                }
            }
            Input::PeerFinished => {
                self.inbox.finished();
                self.maybe_closed();
            }
            Input::Written(bytes) => self.taken(|outbox, sent| outbox.written(bytes, sent)),
            Input::FrontTaken(count) => self.taken(|outbox, sent| outbox.take_front(count, sent)),
            Input::FrontRefused(reason) => self.front_refused(reason),
            Input::SoftError(reason) => self.tell(Event::SoftError(reason)),
            Input::Acknowledged => {
                if self.our_end == OurEnd::Sent {
                    self.our_end = OurEnd::Acknowledged;
                    self.maybe_closed();
                }
            }
            Input::Failed(failure) => self.end_with(failure),
        }
    }

    /// Whether there is something to do that does not depend on room.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// What to do next; `None` until it is fed again. Without `room` for a message, messages stay, and everything
    /// else goes past them.
    pub fn poll(&mut self, room: impl Into<Room>) -> Option<Output> {
        let room = room.into();
        if room != Room::None {
            self.hears_parts = room == Room::Parts;
        }
        if self.framed.is_some() && self.outputs.is_empty() {
            self.run_framers();
        }
        if self.outputs.is_empty() && self.state == State::Established {
            // Not by way of the queue, which most of these would be the only ones in.
            if let Some(answer) = self.answer(room) {
                return Some(Output::Event(answer));
            }
            if self.inbox.take_readable() {
                return Some(Output::Event(Event::Readable));
            }
            self.maybe_closed();
        }
        let output = self.outputs.pop_front();
        if output.is_none() {
            // Most connections have nothing to say most of the time.
            self.outputs = VecDeque::new();
        }
        output
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn stream(&mut self, on: bool) {
        if !self.inbox.is_shut() {
            self.inbox.stream(on);
        }
    }

    fn established(&mut self) {
        if self.state != State::Establishing {
            return;
        }
        self.state = State::Established;
        self.tell(Event::Ready);
        if self.close_when_ready {
            self.close();
        }
    }

    fn taken(&mut self, take: impl FnOnce(&mut Outbox, &mut dyn FnMut(RangeInclusive<MessageId>, bool))) {
        let was_empty = self.outbox.is_empty();
        let Self { outbox, outputs, our_end, .. } = self;
        take(outbox, &mut |ids, is_final| {
            outputs.push_back(Output::Event(Event::Sent(ids)));
            if is_final {
                *our_end = OurEnd::Due;
            }
        });
        if !was_empty {
            self.tell_of_room();
        }
        self.maybe_finish();
    }

    /// Room for more is no news where no more is taken.
    fn tell_of_room(&mut self) {
        if self.outbox.take_writable() && self.can_send() {
            self.tell(Event::Writable);
        }
        if self.outbox.is_empty() {
            self.tell(Event::AllWritten);
        }
    }

    fn front_refused(&mut self, reason: SendFailure) {
        let Self { outbox, outputs, .. } = self;
        let any = outbox.refuse_front(&reason, |id, message| {
            outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
        });
        if !any {
            return;
        }
        self.tell_of_room();
        self.maybe_finish();
    }

    /// The answer for whoever asked first, if there is something to be said.
    fn answer(&mut self, room: Room) -> Option<Event> {
        let (asker, answer) = self.inbox.answer(room)?;
        Some(match answer {
            Answer::Whole(messages) => Event::Received { asker, messages },
            Answer::Part(part) => Event::ReceivedPartial { asker, part },
            Answer::Error(reason) => Event::ReceiveError { asker, reason },
        })
    }
}

mod ending;
mod framing;
mod receiving;
mod sending;
mod swift;
#[cfg(test)]
mod tests;
