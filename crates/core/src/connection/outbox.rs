//! Messages on their way out: one id and one fate for each.

use super::batch::Batch;
use crate::failure::SendFailure;
use crate::message::{Message, MessageId};
use crate::time::Time;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::RangeInclusive;

/// What became of a message that was to be queued.
#[derive(Debug)]
pub enum Pushed {
    /// It is queued.
    Kept,
    /// Its content is queued; to be dropped where nothing is locked.
    Copied(Message),
    /// It is not queued.
    Refused(SendFailure, Message),
}

/// The send queue of one connection.
///
/// A message goes in once and comes out once: handed to the transport ([`written`](Self::written),
/// [`take_front`](Self::take_front)) or given back ([`refuse_front`](Self::refuse_front),
/// [`refuse_all`](Self::refuse_all)). Bounded: from twice the
/// high-water mark on nothing more is taken, except by an empty queue. What counts is bytes or messages,
/// whichever are more: empty messages need room, too.
#[derive(Debug)]
pub struct Outbox {
    queue: VecDeque<Entry>,
    /// Bytes in the queue that the transport has not taken.
    pending: usize,
    high_water: usize,
    next: u64,
    end: End,
    was_high: bool,
    /// Messages that are through.
    spent: Vec<Message>,
}

#[derive(Debug)]
struct Entry {
    id: MessageId,
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

impl Outbox {
    /// The high-water mark of a new outbox, in bytes.
    pub const HIGH_WATER: usize = 256 * 1024;

    /// An empty outbox.
    pub fn new(high_water: usize) -> Self {
        Self { queue: VecDeque::new(), pending: 0, high_water, next: 0, end: End::Open, was_high: false, spent: Vec::new() }
    }

    /// Takes a message, or gives it back with the reason; either way it has an id.
    pub fn push(&mut self, message: Message, _now: Time) -> (MessageId, Pushed) {
        let id = MessageId(self.next);
        self.next += 1;
        if let Some(reason) = self.refusal() {
            return (id, Pushed::Refused(reason, message));
        }
        if message.is_final() {
            self.end = End::Final;
        }
        self.pending = self.pending.saturating_add(message.len());
        self.queue.push_back(Entry { id, message, written: 0 });
        self.was_high |= self.is_high();
        (id, Pushed::Kept)
    }

    /// Takes a message of these bytes.
    pub fn push_slice(&mut self, data: &[u8]) -> (MessageId, Result<(), SendFailure>) {
        let (id, pushed) = self.push(Message::new(bytes::Bytes::copy_from_slice(data)), Time::ZERO);
        match pushed {
            Pushed::Refused(reason, _) => (id, Err(reason)),
            _ => (id, Ok(())),
        }
    }

    /// Lends a buffer.
    pub fn lend(&mut self, _: BytesMut) {}

    /// Gives a buffer back.
    pub fn reclaim(&mut self) -> Option<BytesMut> {
        None
    }

    /// Moves what is left to a smaller buffer.
    pub fn trim(&mut self) {}

    /// Whether the load has fallen below half.
    pub fn take_writable(&mut self) -> bool {
        self.was_high && self.load() < self.high_water / 2 && std::mem::take(&mut self.was_high)
    }

    /// The moment at which the next lifetime ends.
    pub fn deadline(&self) -> Option<Time> {
        None
    }

    /// Gives back what is too old.
    pub fn expire(&mut self, _: Time, _: &mut dyn FnMut(MessageId, Message)) {}

    /// Why the next message would be refused, if it would be.
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
        self.queue.is_empty()
    }

    /// How many bytes are queued and not taken by the transport.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether the queue is above its high-water mark: a polite sender waits.
    pub fn is_high(&self) -> bool {
        self.load() > self.high_water
    }

    /// For byte streams: fills `slices` with what is to be written next; how many were filled. Zero while
    /// something is queued means that only empty messages are: call [`written`](Self::written) with 0.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.queue.iter().map(|entry| &entry.message.data[entry.written..]);
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// For byte streams: the transport has taken the next `bytes` bytes. Tells of each message that it has
    /// taken whole, in the order of sending, and whether that was the final one.
    pub fn written(&mut self, mut bytes: usize, sent: &mut dyn FnMut(RangeInclusive<MessageId>, bool)) {
        self.pending = self.pending.saturating_sub(bytes);
        while let Some(entry) = self.queue.front_mut() {
            let rest = entry.message.len() - entry.written;
            if bytes < rest {
                entry.written += bytes;
                return;
            }
            bytes -= rest;
            sent(entry.id..=entry.id, entry.message.is_final());
            self.spent.extend(self.queue.pop_front().map(|entry| entry.message));
        }
    }

    /// For message transports: the message to be handed over next.
    pub fn front_batch(&self) -> Option<Batch<'_>> {
        self.queue.front().map(|entry| Batch { data: &entry.message.data, size: entry.message.len(), count: 1, properties: entry.message.context.properties })
    }

    /// For message transports: the transport has taken the message at the front.
    pub fn take_front(&mut self, count: usize, sent: &mut dyn FnMut(RangeInclusive<MessageId>, bool)) {
        for _ in 0..count { let Some(entry) = self.queue.pop_front() else { return };
            self.pending = self.pending.saturating_sub(entry.message.len() - entry.written);
            sent(entry.id..=entry.id, entry.message.is_final());
            self.spent.push(entry.message);
        }
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

    /// For message transports: gives back the message at the front. If it was the final one it was not sent, and
    /// another may be.
    pub fn refuse_front(&mut self) -> Option<(MessageId, Message)> {
        let entry = self.queue.pop_front()?;
        self.pending = self.pending.saturating_sub(entry.message.len() - entry.written);
        if entry.message.is_final() && self.end == End::Final {
            self.end = End::Open;
        }
        Some((entry.id, entry.message))
    }

    /// Gives every message back, in the order of sending, and takes no more.
    pub fn refuse_all(&mut self, mut refused: impl FnMut(MessageId, Message)) {
        self.end = End::Sealed;
        self.pending = 0;
        for entry in self.queue.drain(..) {
            refused(entry.id, entry.message);
        }
    }

    fn is_full(&self) -> bool {
        !self.is_empty() && self.load() >= self.high_water.saturating_mul(2)
    }

    fn load(&self) -> usize {
        self.pending.max(self.queue.len())
    }
}

