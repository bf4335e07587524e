//! Messages on their way out: one id and one fate for each.
//!
//! # In which order
//!
//! What has begun to be written to a byte stream is finished first, whatever comes in the meantime. Of the rest a
//! lower `msgPriority` goes first (RFC 9622 §9.1.3.2), and among equals who was sent first. A final message goes last
//! (§9.1.3.5).
//!
//! `msgOrdered` (§9.1.3.3) and `msgPriority` ask for opposite things when a later message has the lower number. The
//! RFC says that order *will be preserved*, and that of priorities there is *no guarantee* (§9.2.6): so a message of
//! which `msgOrdered` is said keeps its place among those of default priority, and its own priority is set aside. But
//! where order is merely inherited from `preserveOrder`, as it is by default, a priority that was said wins: it is
//! said of this message, the order only of the connection (§9.1.3). Otherwise it would never do anything on a
//! connection that preserves order.
//!
//! So messages are not always sent in the order of their ids. They are told as sent in the order in which the
//! transport took them.
//!
//! # When they are late
//!
//! A message whose `msgLifetime` (§9.1.3.1) has run out comes back, unless a byte stream has taken a part of it: the
//! peer could make nothing of what followed. A final message can expire, too. Its content is then not sent; but it
//! said that nothing follows, and that stays true: the outbox takes no more, and our end is to be sent.
//!
//! # Messages in parts
//!
//! A message may be given in parts ([`push_part`](Outbox::push_part), RFC 9622 §9.2.3). Each part has an id and a fate
//! (§9.2.2), and the message one place: that of its first part. To a byte stream its parts go as they come, and nothing
//! goes between them; to a transport that keeps boundaries it goes when it is complete, as one. It is sent whole, or what
//! was not sent of it comes back: when it expires, which it does not once a part was taken; when a part finds no room;
//! when it is [given up](Outbox::give_up). Who gives it up after a part was taken has to end the stream.
//!
//! # How it is kept
//!
//! Two lists in the order of sending, of which the first one's first and the second one's first are compared:
//!
//! - the `lane`: messages of default rank that may wait for ever. Almost all are, so to add one costs a copy if it is
//!   small and a place in a queue if it is large.
//! - the others, `ranked`: a tree, O(log n) to add, to take and to expire.
//!
//! and, where there are any, a third one of messages in parts.

mod batch;
mod lane;
mod lifting;
mod pack;
mod partly;
mod parts;
mod ranked;
mod run;
mod spares;
mod told;
mod writing;

pub use batch::Batch;
pub(super) use lifting::Lifted;
pub use pack::Pack;
pub(super) use run::Run;
pub(super) use told::Told;

use crate::failure::SendFailure;
use crate::message::{Message, MessageContext, MessageId};
use crate::properties::MessageProperties;
use crate::time::Time;
use bytes::{Bytes, BytesMut};
use lane::Lane;
use parts::{InParts, Taken};
use ranked::{Key, Ranked};
use spares::Spares;

/// The send queue of one connection.
///
/// A message goes in once and comes out once: handed to the transport ([`written`](Self::written),
/// [`take_front`](Self::take_front)) or given back ([`refuse_front`](Self::refuse_front), [`expire`](Self::expire),
/// [`refuse_all`](Self::refuse_all)). Bounded: from twice the high-water mark on nothing more is taken, except by an
/// empty queue. What counts is bytes or messages, whichever are more: empty messages need room, too.
#[derive(Debug)]
pub struct Outbox {
    /// The message of which a byte stream has taken a part.
    begun: Option<Box<Begun>>,
    lane: Lane,
    ranked: Ranked,
    /// Messages that are given in parts, as long as there are any.
    in_parts: Option<Box<InParts>>,
    /// The transport keeps boundaries: a message goes whole or not at all.
    whole_only: bool,
    spares: Spares,
    /// Bytes in the queue that the transport has not taken.
    pending: usize,
    /// Messages in the queue.
    messages: usize,
    high_water: usize,
    /// Whether the mark was passed since [`take_writable`](Self::take_writable) said so the last time.
    was_high: bool,
    next: u64,
    end: End,
    /// `None`: nothing.
    usual: Option<Box<MessageProperties>>,
    /// Whether `usual` says nothing that would move a message out of the lane.
    is_usual_plain: bool,
    /// Messages that are through.
    spent: Vec<Message>,
}

/// What became of a message that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is queued.
    Kept,
    /// Its content was copied, and is queued; the message itself is needed no more. It is given back because what it
    /// is made of may have a destructor of the application's, which is not to run under a lock.
    Copied(Message),
    /// It is not queued; that is its fate.
    Refused(SendFailure, Message),
}

#[derive(Debug)]
struct Begun {
    id: u64,
    /// The message as it was sent, to be given back if it fails.
    message: Message,
    /// How much of it the transport has taken.
    written: usize,
}

/// Whether more may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// A final message is in the queue, or was.
    Final,
    /// The application closed.
    Sealed,
}

/// Where the first message is.
#[derive(Clone, Copy)]
enum Front {
    Begun,
    Lane,
    Ranked,
    Parts,
}

impl Outbox {
    /// The high-water mark of a new outbox, in bytes.
    pub const HIGH_WATER: usize = 256 * 1024;

    /// An empty outbox.
    pub fn new(high_water: usize) -> Self {
        Self {
            begun: None,
            lane: Lane::default(),
            ranked: Ranked::default(),
            in_parts: None,
            whole_only: false,
            spares: Spares::default(),
            pending: 0,
            messages: 0,
            high_water,
            was_high: false,
            next: 0,
            end: End::Open,
            usual: None,
            is_usual_plain: true,
            spent: Vec::new(),
        }
    }

    /// The same for messages of which this holds where nothing else is said of them; default: nothing. It decides
    /// about rank and lifetime and stands in [`Batch::properties`]; messages come back as they were given. `final` is
    /// of one message alone, and not heeded here.
    #[must_use]
    pub fn with_usual(mut self, properties: &MessageProperties) -> Self {
        let usual = MessageProperties { is_final: None, ..*properties };
        self.is_usual_plain = is_plain(&usual);
        self.usual = (usual != MessageProperties::new()).then(|| Box::new(usual));
        self
    }

    /// Whether messages of which nothing is said have a lifetime: then they are to be [pushed](Self::push) with the
    /// time, and not as slices.
    pub fn is_timed(&self) -> bool {
        self.usual().lifetime().is_some()
    }

    /// The transport keeps boundaries, so messages in parts go when they are complete. Default: it does not.
    pub fn keep_boundaries(&mut self) {
        self.whole_only = true;
        if let Some(in_parts) = &mut self.in_parts {
            in_parts.whole_only();
        }
    }

    // ---- by the application

    /// Takes a message, or gives it back with the reason; either way it has an id. Its lifetime begins `now`.
    pub fn push(&mut self, message: Message, now: Time) -> (MessageId, Pushed) {
        let id = self.next_id();
        if let Some(reason) = self.refusal() {
            return (MessageId(id), Pushed::Refused(reason, message));
        }
        self.count(message.len());
        let said = (message.context != MessageContext::default()).then_some(&message.context);
        let holds = said.map_or_else(|| *self.usual(), |context| context.properties.or(self.usual()));
        if !is_plain(&holds) {
            self.rank(id, message, &holds, now);
        } else if message.len() <= Lane::SMALL {
            self.lane.append(id, &message.data, said, &mut self.spares);
            return (MessageId(id), Pushed::Copied(message));
        } else {
            self.lane.push(id, message, &mut self.spares);
        }
        (MessageId(id), Pushed::Kept)
    }

    /// Refuses a message, which has an id all the same.
    pub(super) fn refuse(&mut self, reason: SendFailure, message: Message) -> (MessageId, Pushed) {
        (MessageId(self.next_id()), Pushed::Refused(reason, message))
    }

    /// Takes a message of which nothing is said, by its content. The cheapest way to send a small one: nothing is
    /// allocated but room for its bytes, now and then.
    ///
    /// *Errors*: why it was not taken.
    #[inline]
    pub fn push_slice(&mut self, data: &[u8]) -> (MessageId, Result<(), SendFailure>) {
        let id = self.next_id();
        if let Some(reason) = self.refusal() {
            return (MessageId(id), Err(reason));
        }
        self.count(data.len());
        if self.is_usual_plain && data.len() <= Lane::SMALL {
            self.lane.append(id, data, None, &mut self.spares);
        } else {
            self.keep_slice(id, data);
        }
        (MessageId(id), Ok(()))
    }

    /// Takes the messages of a pack, each as [`push_slice`](Self::push_slice) does, and `refused` hears of those that
    /// it does not take. The pack's buffer is used as it is, unless that would be a waste. The time counts where every
    /// message [has a lifetime](Self::is_timed).
    pub fn push_pack(
        &mut self,
        pack: Pack,
        now: Time,
        mut refused: impl FnMut(MessageId, &[u8], SendFailure),
    ) {
        let bytes = pack.bytes();
        let fits = self.end == End::Open
            && self.is_usual_plain
            && self.load().saturating_add(bytes.max(pack.count() as usize))
                < self.high_water.saturating_mul(2);
        // Behind others even a little would occupy a whole buffer for as long as they take.
        if fits && !pack.is_empty() && (self.is_empty() || bytes >= Run::LIMIT / 4) {
            self.pending += bytes;
            self.messages += pack.count() as usize;
            self.was_high |= self.is_high();
            let first = self.next;
            self.next += pack.count();
            self.lane.push_run(pack.into_run(first), &mut self.spares);
            return;
        }
        for data in pack.messages() {
            let (id, outcome) = if self.is_timed() {
                let (id, pushed) = self.push(Message::new(data.to_vec()), now);
                (id, if let Pushed::Refused(reason, _) = pushed { Err(reason) } else { Ok(()) })
            } else {
                self.push_slice(data)
            };
            if let Err(reason) = outcome {
                refused(id, data, reason);
            }
        }
        self.spares.put(pack.into_buffer());
    }

    fn keep_slice(&mut self, id: u64, data: &[u8]) {
        let message = Message::new(Bytes::copy_from_slice(data));
        if self.is_usual_plain {
            self.lane.push(id, message, &mut self.spares);
        } else {
            // No time was told, so no lifetime begins.
            let holds = MessageProperties { msg_lifetime: None, ..*self.usual() };
            self.rank(id, message, &holds, Time::ZERO);
        }
    }

    fn rank(&mut self, id: u64, message: Message, holds: &MessageProperties, now: Time) {
        let key = Key::new(id, holds);
        if key.rank == Key::DEFAULT {
            // What comes into the lane from now on comes after this one.
            self.lane.close_run(&mut self.spares);
        }
        if holds.is_final() {
            self.end = End::Final;
        }
        self.ranked.insert(key, message, holds.lifetime().map(|lifetime| now + lifetime));
    }

    /// Why the next message would be refused, if it would be.
    #[inline]
    pub fn refusal(&self) -> Option<SendFailure> {
        match self.end {
            End::Sealed => Some(SendFailure::Closed),
            End::Final => Some(SendFailure::AfterFinal),
            End::Open if self.is_full() => Some(SendFailure::QueueFull),
            End::Open => None,
        }
    }

    /// Takes no more messages.
    pub fn seal(&mut self) {
        self.end = End::Sealed;
    }

    /// Whether another message would be taken, its size aside.
    pub fn is_open(&self) -> bool {
        self.end == End::Open
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// How many bytes are queued and not taken by the transport.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether the queue is above its high-water mark: a polite sender waits.
    #[inline]
    pub fn is_high(&self) -> bool {
        self.load() > self.high_water
    }

    /// Whether those who waited may send again: true once, when the queue was above its high-water mark and is down
    /// to half of it. Not while the outbox takes no messages.
    pub fn take_writable(&mut self) -> bool {
        let is_writable = self.was_high && self.is_open() && self.load() <= self.high_water / 2;
        self.was_high &= !is_writable;
        is_writable
    }

    // ---- what is said

    /// What holds of messages of which nothing else is said.
    pub(super) fn usual(&self) -> &MessageProperties {
        static NOTHING: MessageProperties = MessageProperties::new();
        self.usual.as_deref().unwrap_or(&NOTHING)
    }

    // ---- what the time brings

    /// When the next message expires.
    pub fn deadline(&self) -> Option<Time> {
        self.next_deadline().map(|(at, _)| at)
    }

    fn next_deadline(&self) -> Option<(Time, Key)> {
        if self.ranked.is_empty() && self.in_parts.is_none() {
            return None;
        }
        let in_parts = self.in_parts.as_ref().and_then(|in_parts| in_parts.deadline());
        self.ranked.deadline().into_iter().chain(in_parts).min()
    }

    /// Gives back the messages whose lifetime has run out, soonest first. If the final one is among them our end is
    /// to be sent without it.
    pub fn expire(&mut self, now: Time, mut expired: impl FnMut(MessageId, Message)) {
        while let Some((_, key)) = self.next_deadline().filter(|(at, _)| *at <= now) {
            if self.ranked.deadline().is_some_and(|(_, other)| other == key) {
                let Some((id, message)) = self.ranked.expired(now) else { break };
                self.discount(1, message.len());
                expired(id, message);
            } else {
                self.give_up(MessageId(key.id), SendFailure::Expired, &mut expired);
            }
        }
    }

    // ---- the end

    /// Gives every message back, in the order in which they would have been sent, and takes no more.
    pub fn refuse_all(&mut self, mut refused: impl FnMut(MessageId, Message)) {
        self.end = End::Sealed;
        loop {
            while let Some((id, message)) = self.give_back() {
                refused(id, message);
            }
            let left = self.in_parts.as_ref().and_then(|in_parts| in_parts.left());
            let Some(left) = left else { break };
            self.give_up(MessageId(left), SendFailure::Closed, &mut refused);
        }
        self.in_parts = None;
    }

    /// Whether there are [spent](Self::take_spent) messages.
    #[inline]
    pub fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    /// The messages that are through, for whoever holds a lock on this: what a message is made of may have a
    /// destructor of the application's, which is not to run under it.
    pub fn take_spent(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.spent)
    }

    /// Counts a message among those that are through, though its fate was told by other means.
    pub(crate) fn spend(&mut self, message: Message) {
        self.spent.push(message);
    }

    // ---- buffers

    /// Lends it a buffer for the small messages to come; what is in it is dropped. Without one it allocates. It keeps
    /// two at most, the largest.
    pub fn lend(&mut self, buffer: BytesMut) {
        self.spares.put(buffer);
    }

    /// Gives back a buffer that is empty. To be called until there is none, after messages were taken and after
    /// [`trim`](Self::trim): an outbox that waits is to hold no memory but its messages'.
    #[inline]
    pub fn reclaim(&mut self) -> Option<BytesMut> {
        self.spares.take()
    }

    /// Moves what waits in a much larger buffer into one of its size: to be called when the transport takes no more.
    pub fn trim(&mut self) {
        self.lane.trim(&mut self.spares);
    }

    // ---- within

    #[inline]
    fn front(&self) -> Option<Front> {
        if self.begun.is_some() {
            return Some(Front::Begun);
        }
        if self.in_parts.is_some() {
            return self.front_with_parts();
        }
        match (self.lane.first(), self.ranked.first()) {
            (Some(id), Some((key, _))) if key < lane_key(id) => Some(Front::Ranked),
            (Some(_), _) => Some(Front::Lane),
            (None, Some(_)) => Some(Front::Ranked),
            (None, None) => None,
        }
    }

    /// Takes the first message out, or its next part, without counting.
    fn pop(&mut self) -> Option<(u64, Message)> {
        match self.front()? {
            Front::Begun => self.begun.take().map(|begun| (begun.id, begun.message)),
            Front::Lane => Some(self.lane.pop(&mut self.spares)),
            Front::Ranked => self.ranked.pop(),
            Front::Parts => self.pop_part().map(|Taken { id, message, .. }| (id, message)),
        }
    }

    fn give_back(&mut self) -> Option<(MessageId, Message)> {
        let in_parts = self.in_parts.as_ref().map_or(0, |in_parts| in_parts.written());
        let written = self.begun.as_ref().map_or(in_parts, |begun| begun.written);
        let (id, message) = self.pop()?;
        self.discount(1, message.len() - written);
        Some((MessageId(id), message))
    }

    #[inline]
    fn next_id(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    #[inline]
    fn count(&mut self, bytes: usize) {
        self.pending = self.pending.saturating_add(bytes);
        self.messages += 1;
        self.was_high |= self.is_high();
    }

    fn discount(&mut self, messages: usize, bytes: usize) {
        self.messages -= messages;
        self.pending = self.pending.saturating_sub(bytes);
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.load() >= self.high_water.saturating_mul(2) && !self.is_empty()
    }

    #[inline]
    fn load(&self) -> usize {
        self.pending.max(self.messages)
    }
}

/// Whether nothing in this moves a message out of the lane.
fn is_plain(holds: &MessageProperties) -> bool {
    !holds.is_final() && holds.lifetime().is_none() && Key::new(0, holds).rank == Key::DEFAULT
}

fn lane_key(id: u64) -> Key {
    Key { rank: Key::DEFAULT, id }
}

#[cfg(test)]
mod tests;
