//! What an outbox should be: a list.

use neatflow_core::properties::MessageProperties;
use neatflow_core::{Message, MessageId, SendFailure, Time};

/// A message in the list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) message: Message,
    /// What holds of it, where what is said of all is heeded.
    pub(crate) holds: MessageProperties,
    pub(crate) deadline: Option<Time>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) high_water: usize,
    /// In the order in which they are to be sent.
    pub(crate) queue: Vec<Entry>,
    /// How many bytes of the first message the transport has taken; if any, nothing overtakes it.
    pub(crate) taken: usize,
    /// Why no more messages are taken.
    pub(crate) end: Option<SendFailure>,
    pub(crate) was_high: bool,
}

impl Entry {
    /// Final ones last, then by priority unless order was asked for, then by id.
    fn place(&self) -> (bool, u32, MessageId) {
        let in_order = self.holds.msg_ordered == Some(true);
        let priority = if in_order { 100 } else { self.holds.msg_priority.unwrap_or(100) };
        let is_final = self.message.is_final();
        (is_final, if is_final { 0 } else { priority }, self.id)
    }
}

impl Model {
    /// Takes a message, or says why not.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), SendFailure> {
        let full = self.load() >= 2 * self.high_water && !self.queue.is_empty();
        if let Some(reason) = self.end.clone().or_else(|| full.then_some(SendFailure::QueueFull)) {
            return Err(reason);
        }
        if entry.message.is_final() {
            self.end = Some(SendFailure::AfterFinal);
        }
        let begun = usize::from(self.taken > 0);
        let at = begun + self.queue[begun..].partition_point(|other| other.place() < entry.place());
        self.queue.insert(at, entry);
        self.was_high |= self.is_high();
        Ok(())
    }

    /// A message is sent once its last byte is taken; an empty one, once it is first.
    pub(crate) fn written(&mut self, mut bytes: usize) -> Vec<(MessageId, bool)> {
        let mut sent = 0;
        for entry in &self.queue {
            let rest = entry.message.len() - self.taken;
            if bytes < rest {
                self.taken += bytes;
                break;
            }
            bytes -= rest;
            self.taken = 0;
            sent += 1;
        }
        self.queue.drain(..sent).map(|entry| (entry.id, entry.message.is_final())).collect()
    }

    pub(crate) fn take_front(&mut self, count: usize) -> Vec<(MessageId, bool)> {
        let count = count.min(self.queue.len());
        if count > 0 {
            self.taken = 0;
        }
        self.queue.drain(..count).map(|entry| (entry.id, entry.message.is_final())).collect()
    }

    pub(crate) fn refuse_front(&mut self) -> Option<(MessageId, Message)> {
        if self.queue.is_empty() {
            return None;
        }
        self.taken = 0;
        let Entry { id, message, .. } = self.queue.remove(0);
        if message.is_final() && self.end == Some(SendFailure::AfterFinal) {
            self.end = None;
        }
        Some((id, message))
    }

    pub(crate) fn refuse_all(&mut self) -> Vec<(MessageId, Message)> {
        self.end = Some(SendFailure::Closed);
        self.taken = 0;
        self.queue.drain(..).map(|entry| (entry.id, entry.message)).collect()
    }

    /// Everything that is late and not begun, in the order of its deadlines; among equals, who would be sent first.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<(MessageId, Message)> {
        let begun = usize::from(self.taken > 0);
        let waiting = self.queue.split_off(begun);
        let (mut late, in_time): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|entry| entry.deadline.is_some_and(|at| at <= now));
        self.queue.extend(in_time);
        late.sort_by_key(|entry| entry.deadline);
        late.into_iter().map(|entry| (entry.id, entry.message)).collect()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.queue[usize::from(self.taken > 0)..].iter().filter_map(|entry| entry.deadline).min()
    }

    pub(crate) fn take_writable(&mut self) -> bool {
        let is_writable = self.was_high && self.end.is_none() && self.load() <= self.high_water / 2;
        if is_writable {
            self.was_high = false;
        }
        is_writable
    }

    pub(crate) fn is_high(&self) -> bool {
        self.load() > self.high_water
    }

    /// How many bytes the transport has not taken.
    pub(crate) fn pending(&self) -> usize {
        self.queue.iter().map(|entry| entry.message.len()).sum::<usize>() - self.taken
    }

    /// These bytes.
    pub(crate) fn rest(&self) -> Vec<u8> {
        let all: Vec<u8> = self.queue.iter().flat_map(|entry| entry.message.data.iter().copied()).collect();
        all[self.taken..].to_vec()
    }

    /// A queue is full by its bytes, or by its messages if these have none.
    fn load(&self) -> usize {
        self.pending().max(self.queue.len())
    }
}
