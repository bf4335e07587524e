//! What framers have written.

use super::words::{Below, Part};
use crate::message::{Message, MessageContext};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What framers have written and the transport has not taken.
///
/// Small pieces are copied, one after the other, into one buffer; large ones are kept as they are, in their place.
#[derive(Debug)]
pub struct Outgoing {
    below: Below,
    /// What comes before the buffer. Above a byte stream none ends a message.
    pieces: VecDeque<Part>,
    buffer: BytesMut,
    /// Bytes in `pieces`.
    sealed: usize,
}

/// A place in an [`Outgoing`], at its end when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pieces: usize,
    buffer: usize,
}

impl Outgoing {
    /// From this length on, in bytes, a piece is not copied.
    pub const SPLICED: usize = 8 * 1024;

    /// How much room is kept while nothing waits, in bytes.
    const KEPT: usize = 4096;

    /// Nothing written yet.
    pub fn new(below: Below) -> Self {
        Self { below, pieces: VecDeque::new(), buffer: BytesMut::new(), sealed: 0 }
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.sealed + self.buffer.len()
    }

    /// Whether no bytes wait; an empty message may.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For byte streams: fills `slices` with what is to be written next; how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces.iter().map(|piece| &piece.data[..]).chain([&self.buffer[..]]);
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// For byte streams: the transport has taken the next `bytes` bytes, or as many as there are.
    pub fn advance(&mut self, mut bytes: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            let taken = bytes.min(piece.data.len());
            self.sealed -= taken;
            bytes -= taken;
            if taken < piece.data.len() {
                return piece.data.advance(taken);
            }
            self.pieces.pop_front();
        }
        if bytes < self.buffer.len() {
            self.buffer.advance(bytes);
        } else {
            self.buffer.clear();
        }
    }

    /// Keeps no room for bytes while there are none: the buffer, if that was large.
    pub(crate) fn release(&mut self) -> Option<BytesMut> {
        let is_large = self.buffer.is_empty() && self.buffer.capacity() > Self::KEPT;
        is_large.then(|| std::mem::take(&mut self.buffer))
    }

    /// Many bytes are to be written: into a buffer that `lend` gives, if it has none and that is large enough.
    pub(crate) fn make_room(&mut self, bytes: usize, lend: impl FnOnce() -> Option<BytesMut>) {
        if self.buffer.is_empty()
            && self.buffer.capacity() < bytes
            && let Some(lent) = lend()
        {
            self.buffer = lent;
        }
        self.buffer.reserve(bytes);
    }

    /// For message transports: takes the next message out, if it is complete.
    pub fn pop_message(&mut self) -> Option<Message> {
        let last = self.pieces.iter().position(|piece| piece.end_of_message)?;
        let parts = self.pieces.drain(..=last);
        let mut whole: Option<BytesMut> = None;
        let mut message = Message::default();
        for part in parts {
            self.sealed -= part.data.len();
            if message.data.is_empty() && whole.is_none() {
                message.data = part.data;
            } else if !part.data.is_empty() {
                let so_far = std::mem::take(&mut message.data);
                whole.get_or_insert_with(|| BytesMut::from(so_far)).extend_from_slice(&part.data);
            }
            message.context = part.context;
        }
        if let Some(whole) = whole {
            message.data = whole.freeze();
        }
        Some(message)
    }

    /// Takes out the next piece.
    pub(super) fn pop_part(&mut self) -> Option<Part> {
        let part = self.pieces.pop_front()?;
        self.sealed -= part.data.len();
        Some(part)
    }

    #[inline]
    pub(super) fn put(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    #[inline]
    pub(super) fn put_bytes(&mut self, data: &Bytes, context: &MessageContext) {
        if data.len() < Self::SPLICED {
            self.put(data);
        } else {
            self.seal(context);
            self.push(data.clone(), context, false);
        }
    }

    /// What was put since the last end is a message.
    #[inline]
    pub(super) fn end_message(&mut self, context: &MessageContext) {
        if self.below == Below::Messages {
            let data = self.buffer.split().freeze();
            self.push(data, context, true);
        }
    }

    /// Makes a piece of what is in the buffer.
    pub(super) fn seal(&mut self, context: &MessageContext) {
        if !self.buffer.is_empty() {
            let data = self.buffer.split().freeze();
            self.push(data, context, false);
        }
    }

    fn push(&mut self, data: Bytes, context: &MessageContext, end_of_message: bool) {
        self.sealed += data.len();
        let context = if self.below == Below::Stream { MessageContext::default() } else { context.clone() };
        self.pieces.push_back(Part { data, context, end_of_message });
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { pieces: self.pieces.len(), buffer: self.buffer.len() }
    }

    /// Forgets what was put since, of which nothing was taken out.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        if self.pieces.len() > mark.pieces {
            let first = self.pieces.drain(mark.pieces..).next();
            let first = first.map_or_else(Bytes::new, |part| part.data);
            self.sealed = self.pieces.iter().map(|part| part.data.len()).sum();
            // The first piece since begins with what was in the buffer then.
            self.buffer = BytesMut::from(&first[..mark.buffer.min(first.len())]);
        } else {
            self.buffer.truncate(mark.buffer);
        }
    }
}
