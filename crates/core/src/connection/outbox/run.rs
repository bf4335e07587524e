//! Small messages, end to end in one buffer.

use super::Batch;
use crate::framing::run::Span;
use crate::message::{Message, MessageContext};
use bytes::{Bytes, BytesMut};
use std::collections::{VecDeque, vec_deque};
use std::ops::RangeInclusive;

/// Messages of one context whose contents lie end to end, so that one slice of a write has them all.
///
/// What is kept of each is its id and its size, and of neighbours of one size with consecutive ids no more than of
/// one: to queue a thousand messages like this costs a thousand copies and nothing else.
#[derive(Debug, Default)]
pub(in crate::connection) struct Run {
    buffer: BytesMut,
    /// How many bytes at the beginning of the buffer have left.
    taken: usize,
    /// Whose bytes the others are, in order, up to `last`.
    spans: VecDeque<Span>,
    /// The end of that list, here because most lists have one element. Empty only if the run is.
    last: Span,
    /// What is said of each; `None` = nothing.
    context: Option<Box<MessageContext>>,
    /// Messages were taken out that are in its buffer still.
    is_shared: bool,
}

impl Run {
    /// How many bytes a run may have: what one write takes at best.
    pub(super) const LIMIT: usize = 64 * 1024;
    /// From this capacity on it matters how much of a buffer is in use.
    const LARGE: usize = 4096;

    /// An empty run of messages of which this is said.
    pub(super) fn new(buffer: BytesMut, context: Option<&MessageContext>) -> Self {
        Self { buffer, context: context.cloned().map(Box::new), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.count == 0
    }

    /// Whether so many bytes more are too many.
    #[inline]
    pub(super) fn is_full_for(&self, len: usize) -> bool {
        self.buffer.len() + len > Self::LIMIT
    }

    /// Whether its buffer has to grow for so many bytes more.
    #[inline]
    pub(super) fn grows_by(&self, len: usize) -> bool {
        self.buffer.len() + len > self.buffer.capacity()
    }

    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether this is what is said of its messages.
    #[inline]
    pub(super) fn is_of(&self, context: Option<&MessageContext>) -> bool {
        match (&self.context, context) {
            (None, None) => true,
            (Some(own), Some(other)) => **own == *other,
            _ => false,
        }
    }

    /// Adds a message; there is room for it.
    #[inline(always)]
    pub(super) fn append(&mut self, id: u64, data: &[u8]) {
        // No run is longer than 64 KiB, so no message in it is.
        let size = data.len() as u32;
        if !self.last.is_continued_by(id, size) {
            self.begin_span(id, size);
        }
        self.last.count += 1;
        self.buffer.extend_from_slice(data);
    }

    /// Adds a message with the id that follows; in a run from which none has left, and whose ids begin with 0.
    #[inline(always)]
    pub(super) fn append_next(&mut self, data: &[u8]) {
        let size = data.len() as u32;
        // Of one that is empty the size is 0, and so is the count.
        if self.last.size != size || self.last.count == u32::MAX {
            self.begin_span(self.next(), size);
        }
        self.last.count += 1;
        self.buffer.extend_from_slice(data);
    }

    /// The same for a message of this size, which is written in place; it is zero before.
    #[inline(always)]
    pub(super) fn append_next_with(&mut self, size: usize, write: impl FnOnce(&mut [u8])) {
        let size_in_span = size as u32;
        if self.last.size != size_in_span || self.last.count == u32::MAX {
            self.begin_span(self.next(), size_in_span);
        }
        let begin = self.buffer.len();
        self.buffer.resize(begin + size, 0);
        // Should this panic, the message is there, as far as it was written.
        self.last.count += 1;
        write(&mut self.buffer[begin..]);
    }

    /// Adds so many messages of this size with the ids that follow, which `write` writes in place, each by its number
    /// among them; they are zero before.
    #[inline(always)]
    pub(super) fn append_many_with(
        &mut self,
        size: usize,
        count: usize,
        mut write: impl FnMut(usize, &mut [u8]),
    ) {
        let (size_in_span, count_in_span) = (size as u32, count as u32);
        if self.last.size != size_in_span || self.last.count > u32::MAX - count_in_span {
            self.begin_span(self.next(), size_in_span);
        }
        let begin = self.buffer.len();
        self.buffer.resize(begin + size * count, 0);
        // Should `write` panic, the messages are there, as far as they were written.
        self.last.count += count_in_span;
        if size == 0 {
            return (0..count).for_each(|number| write(number, &mut []));
        }
        for (number, room) in self.buffer[begin..].chunks_exact_mut(size).enumerate() {
            write(number, room);
        }
    }

    /// The id that follows the last one.
    pub(super) fn next(&self) -> u64 {
        self.last.first + u64::from(self.last.count)
    }

    /// How many bytes have not left.
    #[inline]
    pub(in crate::connection) fn len(&self) -> usize {
        self.buffer.len() - self.taken
    }

    #[cold]
    fn begin_span(&mut self, first: u64, size: u32) {
        if self.last.count > 0 {
            self.spans.push_back(self.last);
        }
        self.last = Span { first, size, count: 0 };
    }

    /// The sizes of its messages, one by one.
    pub(super) fn all_sizes(&self) -> impl Iterator<Item = usize> {
        let sizes = |span: &Span| std::iter::repeat_n(span.size as usize, span.count as usize);
        self.spans.iter().flat_map(sizes).chain(sizes(&self.last))
    }

    /// Counts the ids from this one on: they were counted from 0.
    pub(super) fn renumber(&mut self, first: u64) {
        self.spans.iter_mut().chain([&mut self.last]).for_each(|span| span.first += first);
    }

    /// The bytes that have not left.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// The id of its first message, if it has one.
    pub(super) fn first(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.front().first)
    }

    /// The size of the first messages, and how many there are of this size.
    #[inline]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let Span { size, count, .. } = self.front();
        (size as usize, count as usize)
    }

    /// The ids of its messages, if they have one size and follow each other.
    #[inline]
    pub(super) fn only_ids(&self) -> Option<RangeInclusive<u64>> {
        (!self.is_empty() && self.spans.is_empty()).then(|| self.last.first..=self.next() - 1)
    }

    /// Whether there are messages after those.
    pub(super) fn has_more_sizes(&self) -> bool {
        !self.spans.is_empty()
    }

    /// The first messages of one size.
    pub(super) fn batch(&self) -> Batch<'_> {
        let (size, count) = self.sizes();
        Batch {
            data: &self.rest()[..size * count],
            size,
            count,
            properties: self.context.as_ref().map(|context| context.properties).unwrap_or_default(),
        }
    }

    /// The first `count` messages of the first batch have left; the id of the first of them.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> u64 {
        let span = self.spans.front_mut().unwrap_or(&mut self.last);
        let Span { first, size, .. } = *span;
        // No more than the batch has, which is a u32.
        span.count -= count as u32;
        span.first += count as u64;
        if span.count == 0 {
            self.spans.pop_front();
        }
        self.taken += size as usize * count;
        first
    }

    /// Takes the first message out.
    pub(super) fn pop(&mut self) -> (u64, Message) {
        let batch = self.batch();
        let data = Bytes::copy_from_slice(&batch.data[..batch.size]);
        let context = self.context.as_deref().cloned().unwrap_or_default();
        (self.take(1), Message { data, context })
    }

    /// Takes the first message out, without a copy: the buffer is shared from now on.
    pub(super) fn share(&mut self) -> (u64, Message) {
        let (size, _) = self.sizes();
        let mut data = self.buffer.split_to(self.taken + size);
        bytes::Buf::advance(&mut data, self.taken);
        self.is_shared = true;
        let context = self.context.as_deref().cloned().unwrap_or_default();
        let id = self.take(1);
        self.taken = 0;
        (id, Message { data: data.freeze(), context })
    }

    /// Its messages: their contents, and which ones they are.
    pub(in crate::connection) fn messages(&self) -> (&[u8], vec_deque::Iter<'_, Span>, Span) {
        (self.rest(), self.spans.iter(), self.last)
    }

    /// What is said of each of its messages; `None` = nothing.
    pub(in crate::connection) fn context(&self) -> Option<&MessageContext> {
        self.context.as_deref()
    }

    /// Takes out the first messages, so many and with so many bytes, as [`share`](Self::share) does with one: their
    /// contents, end to end.
    pub(super) fn share_many(&mut self, mut count: usize, bytes: usize) -> Bytes {
        let mut data = self.buffer.split_to(self.taken + bytes);
        bytes::Buf::advance(&mut data, self.taken);
        self.is_shared = true;
        while count > 0 && !self.is_empty() {
            let some = self.sizes().1.min(count);
            self.take(some);
            count -= some;
        }
        self.taken = 0;
        data.freeze()
    }

    /// Moves what is left of a large buffer into one of its size; the large one.
    pub(super) fn fit(&mut self) -> Option<BytesMut> {
        let rest = self.buffer.len() - self.taken;
        if self.buffer.capacity() < Self::LARGE || self.buffer.capacity() / 4 < rest {
            return None;
        }
        let exact = BytesMut::from(self.rest());
        self.taken = 0;
        if std::mem::take(&mut self.is_shared) {
            self.buffer = exact;
            return None;
        }
        Some(std::mem::replace(&mut self.buffer, exact))
    }

    /// Its buffer, for another run; one that is shared is of no use.
    pub(super) fn into_buffer(self) -> BytesMut {
        if self.is_shared { BytesMut::new() } else { self.buffer }
    }

    #[inline]
    fn front(&self) -> Span {
        self.spans.front().copied().unwrap_or(self.last)
    }
}

impl Span {
    #[inline]
    fn is_continued_by(&self, id: u64, size: u32) -> bool {
        self.size == size
            && self.first + u64::from(self.count) == id
            && self.count.wrapping_sub(1) < u32::MAX - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_size_are_one_batch_and_a_gap_in_the_ids_ends_it() {
        let mut run = Run::default();
        for (id, data) in [(3, b"one"), (4, b"two"), (6, b"six")] {
            run.append(id, data);
        }
        assert_eq!((run.batch().data, run.batch().count), (&b"onetwo"[..], 2));
        assert_eq!(run.take(2), 3);
        assert_eq!((run.batch().data, run.first()), (&b"six"[..], Some(6)));
        assert_eq!(run.pop(), (6, Message::new("six")));
        assert!(run.is_empty() && run.rest().is_empty());
    }

    #[test]
    fn equal_messages_cost_no_more_than_their_bytes() {
        let mut run = Run::default();
        (0..1000).for_each(|id| run.append(id, &[7; 64]));
        assert_eq!((run.batch().size, run.batch().count), (64, 1000));
        assert_eq!(run.spans.capacity(), 0);
    }

    #[test]
    fn a_full_span_is_followed_by_another() {
        let mut run = Run { last: Span { first: 0, size: 0, count: u32::MAX }, ..Run::default() };
        run.append(u64::from(u32::MAX), b"");
        assert_eq!((run.spans.len(), run.last.count), (1, 1));
    }

    #[test]
    fn what_stays_behind_in_a_large_buffer_moves_to_one_of_its_size() {
        let mut run = Run::new(BytesMut::with_capacity(Run::LIMIT), None);
        (0..1000).for_each(|id| run.append(id, &[id as u8; 64]));
        assert_eq!(run.fit(), None, "it is in use");
        run.take(998);
        assert!(run.fit().is_some_and(|large| large.capacity() >= Run::LIMIT));
        assert_eq!((run.rest().len(), run.buffer.capacity()), (128, 128));
        assert_eq!(run.fit(), None, "it fits");
        assert_eq!(run.pop(), (998, Message::new(vec![998_u32 as u8; 64])));
    }
}
