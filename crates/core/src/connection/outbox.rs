//! Messages on their way out: one id and one fate for each.

use crate::failure::SendFailure;
use crate::message::{Message, MessageId};
use std::collections::VecDeque;
use std::io::IoSlice;

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
        Self { queue: VecDeque::new(), pending: 0, high_water, next: 0, end: End::Open, spent: Vec::new() }
    }

    /// Takes a message, or gives it back with the reason; either way it has an id.
    pub fn push(&mut self, message: Message) -> (MessageId, Result<(), (SendFailure, Message)>) {
        let id = MessageId(self.next);
        self.next += 1;
        if let Some(reason) = self.refusal() {
            return (id, Err((reason, message)));
        }
        if message.is_final() {
            self.end = End::Final;
        }
        self.pending = self.pending.saturating_add(message.len());
        self.queue.push_back(Entry { id, message, written: 0 });
        (id, Ok(()))
    }

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
    pub fn written(&mut self, mut bytes: usize, mut sent: impl FnMut(MessageId, bool)) {
        self.pending = self.pending.saturating_sub(bytes);
        while let Some(entry) = self.queue.front_mut() {
            let rest = entry.message.len() - entry.written;
            if bytes < rest {
                entry.written += bytes;
                return;
            }
            bytes -= rest;
            sent(entry.id, entry.message.is_final());
            self.spent.extend(self.queue.pop_front().map(|entry| entry.message));
        }
    }

    /// For message transports: the message to be handed over next.
    pub fn front(&self) -> Option<&Message> {
        self.queue.front().map(|entry| &entry.message)
    }

    /// For message transports: the transport has taken the message at the front.
    pub fn take_front(&mut self, sent: impl FnOnce(MessageId, bool)) {
        if let Some(entry) = self.queue.pop_front() {
            self.pending = self.pending.saturating_sub(entry.message.len() - entry.written);
            sent(entry.id, entry.message.is_final());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_messages_need_room_too() {
        let mut outbox = Outbox::new(2);
        let refused: Vec<bool> = (0..6).map(|_| outbox.push(Message::default()).1.is_err()).collect();
        assert_eq!(refused, [false, false, false, false, true, true]);
        assert_eq!(outbox.pending(), 0);
        assert!(outbox.is_high());
    }

    #[test]
    fn an_empty_queue_takes_a_message_of_any_size() {
        let mut outbox = Outbox::new(0);
        assert_eq!(outbox.push(Message::new("long")).1, Ok(()));
        assert_eq!(outbox.push(Message::new("x")).1, Err((SendFailure::QueueFull, Message::new("x"))));
    }

    #[test]
    fn taking_a_half_written_message_leaves_the_next_one_pending() {
        let mut outbox = filled(&["first", "next"]);
        outbox.written(3, |id, _| panic!("{id:?} is not written yet"));
        outbox.take_front(|id, _| assert_eq!(id, MessageId(0)));
        assert_eq!(outbox.pending(), 4);
    }

    #[test]
    fn a_half_written_message_comes_back_whole() {
        let mut outbox = filled(&["half"]);
        outbox.written(2, |_, _| {});
        let mut back = Vec::new();
        outbox.refuse_all(|_, message| back.push(message));
        assert_eq!(back, [Message::new("half")]);
    }

    #[test]
    fn a_final_message_that_is_refused_may_be_sent_again_unless_the_application_has_closed() {
        for (closed, refusal) in [(false, None), (true, Some(SendFailure::Closed))] {
            let mut outbox = filled(&["before"]);
            outbox.push(Message::new("too long").last()).1.unwrap();
            if closed {
                outbox.seal();
            }
            assert_eq!(outbox.refuse_front(), Some((MessageId(0), Message::new("before"))));
            assert!(outbox.refusal().is_some(), "the final message is still on its way");
            assert_eq!(outbox.refuse_front(), Some((MessageId(1), Message::new("too long").last())));
            assert_eq!(outbox.refusal(), refusal);
            assert_eq!((outbox.pending(), outbox.refuse_front()), (0, None));
        }
    }

    fn filled(messages: &[&'static str]) -> Outbox {
        let mut outbox = Outbox::new(100);
        for message in messages {
            assert_eq!(outbox.push(Message::new(*message)).1, Ok(()));
        }
        outbox
    }
}
