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
use super::inbox::{Answer, Asker, Inbox};
use super::outbox::{Outbox, Pack, Pushed};
use super::partly::{ReceiveLimits, Room};
use super::words::{Event, Input, Output, Role, State};
use crate::failure::{ConnectionFailure, EstablishmentFailure, ReceiveFailure, SendFailure};
use crate::message::{Message, MessageId, ReceiveId};
use crate::properties::{MessageProperties, MessageRules};
use crate::time::Time;
use bytes::BytesMut;
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

pub use swift::Through;

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

    /// Asks for one message. The answer is an event, whatever it is, unless the connection is Closed.
    pub fn receive(&mut self) -> Result<ReceiveId, ReceiveFailure> {
        self.receive_with(ReceiveLimits::default())
    }

    /// Asks for one message, or for a part of it (RFC 9622 §9.3.1). The answer is an event, as to
    /// [`receive`](Self::receive).
    pub fn receive_with(&mut self, limits: ReceiveLimits) -> Result<ReceiveId, ReceiveFailure> {
        if self.state == State::Closed {
            return Err(ReceiveFailure::Closed);
        }
        let id = self.inbox.request_with(limits);
        if self.inbox.is_shut() {
            self.shut_inbox(ReceiveFailure::Closed);
        }
        Ok(id)
    }

    /// Takes a message by hand; `None` if none is here yet. Whoever waits says so by
    /// [`begin_pull`](Self::begin_pull), and lets go by [`end_pull`](Self::end_pull).
    ///
    /// *Errors*: why no message will come; `Finished` after the peer's end, also when that closed the connection.
    pub fn pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        let pulled = self.inbox.pull();
        self.maybe_closed();
        pulled
    }

    /// Somebody waits to pull.
    pub fn begin_pull(&mut self) {
        self.inbox.begin_pull();
    }

    /// That one waits no longer.
    pub fn end_pull(&mut self) {
        self.inbox.end_pull();
    }

    /// Whether somebody waits to pull.
    pub fn is_pulled(&self) -> bool {
        self.inbox.is_pulled()
    }

    /// Whether somebody waits to pull and need wait no longer.
    pub fn is_pull_due(&self) -> bool {
        self.inbox.is_pull_due()
    }

    /// Takes a message by hand, as [`pull`](Self::pull) does; if there is none, Readable tells when there is.
    pub fn try_pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        let pulled = self.pull();
        if pulled.is_none() {
            self.inbox.watch();
        }
        pulled
    }

    /// Whether somebody is to be told when there is something to pull.
    pub fn is_watched(&self) -> bool {
        self.inbox.is_watched()
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

    fn close(&mut self) {
        match self.state {
            // RFC 9622 §10: what was given for delivery is delivered first, even if that needs establishing.
            State::Establishing if !self.outbox.is_empty() => {
                self.close_when_ready = true;
                for of in self.outbox.unended() {
                    self.abandon(of);
                }
                if self.outbox.is_empty() {
                    return self.cancel();
                }
                self.outbox.seal();
                self.shut_inbox(ReceiveFailure::Closed);
            }
            State::Establishing => self.cancel(),
            State::Established => {
                self.state = State::Closing;
                self.shut_inbox(ReceiveFailure::Closed);
                self.outbox.seal();
                if self.our_end == OurEnd::Open {
                    self.our_end = OurEnd::Due;
                }
                for of in self.outbox.unended() {
                    self.abandon(of);
                }
                if self.state == State::Closed {
                    // One of them was begun.
                    return;
                }
                if let Some(framed) = &mut self.framed {
                    framed.hurry();
                }
                self.maybe_finish();
                self.maybe_closed();
            }
            State::Closing | State::Closed => {}
        }
    }

    fn cancel(&mut self) {
        self.outputs.push_back(Output::CancelEstablishment);
        self.fail_establishment(EstablishmentFailure::Cancelled);
    }

    fn fail_establishment(&mut self, failure: EstablishmentFailure) {
        self.refuse_outbox(&SendFailure::NotEstablished);
        self.shut_inbox(ReceiveFailure::NotEstablished);
        self.tell(Event::EstablishmentError(failure));
        self.release();
    }

    fn end_with(&mut self, failure: ConnectionFailure) {
        self.refuse_outbox(&SendFailure::Connection(failure.clone()));
        self.shut_inbox(ReceiveFailure::Connection(failure.clone()));
        match failure {
            ConnectionFailure::AbortedByPeer => self.tell(Event::Aborted),
            ConnectionFailure::TimedOut => self.tell(Event::Timeout),
            _ => {}
        }
        self.tell(Event::ConnectionError(failure));
        self.release();
    }

    fn release(&mut self) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Release);
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

    fn maybe_finish(&mut self) {
        if self.our_end == OurEnd::Due
            && self.outbox.is_empty()
            && !self.outbox.has_unended()
            && self.framed.as_mut().is_none_or(|framed| framed.stop())
        {
            self.our_end = OurEnd::Sent;
            self.outputs.push_back(Output::Finish);
        }
    }

    /// A connection ends well when our end is acknowledged, and either the application closed it or the peer's
    /// end has come and everything before it was taken.
    fn maybe_closed(&mut self) {
        let ended = self.our_end == OurEnd::Acknowledged
            && (self.state == State::Closing
                || self.state == State::Established && self.inbox.is_exhausted());
        if ended {
            self.shut_inbox(ReceiveFailure::Finished);
            self.tell(Event::Closed);
            self.release();
        }
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

    /// Refuses every request that is open. What has come for those who asked is theirs still, room or not: it is no
    /// more than one read brought.
    fn shut_inbox(&mut self, reason: ReceiveFailure) {
        let answers = self.state != State::Establishing && !self.inbox.is_shut();
        let room = if self.hears_parts { Room::Parts } else { Room::Whole };
        while let Some(answer) = answers.then(|| self.answer(room)).flatten() {
            self.tell(answer);
        }
        let Self { inbox, outputs, .. } = self;
        inbox.shut(reason.clone(), |id| {
            let asker = Asker::Request(id);
            outputs.push_back(Output::Event(Event::ReceiveError { asker, reason: reason.clone() }));
        });
    }

    fn refuse_outbox(&mut self, reason: &SendFailure) {
        let Self { outbox, outputs, first, framed, .. } = self;
        let told_already = first.filter(|_| *reason == SendFailure::NotEstablished);
        let mut first = None;
        if let Some(framed) = framed {
            framed.give_back(outbox, |id, message| {
                outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
            });
        }
        outbox.refuse_all(|id, message| {
            if Some(id) == told_already {
                first = Some(message);
            } else {
                outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
            }
        });
        if let Some(first) = first {
            outbox.spend(first);
        }
    }
}

mod framing;
mod swift;
#[cfg(test)]
mod tests;
