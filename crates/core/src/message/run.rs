//! Messages that came together, and lie in one piece of memory.

use super::{Message, MessageContext};
use bytes::Bytes;
use std::collections::VecDeque;

/// Messages of one context in one piece of memory, with anything between them. A [`Message`] is made of one when
/// somebody takes it, so that many of one size cost no more than one.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    data: Bytes,
    /// What is said of each; `None` = nothing.
    context: Option<Box<MessageContext>>,
    /// Where they are, in order, up to `last`.
    spans: VecDeque<Span>,
    /// The end of that list, here because many lists have one element. Empty only if the run is.
    last: Span,
    /// Bytes of the messages.
    bytes: usize,
    /// How many there are.
    count: usize,
}

/// Messages of one size at regular distances.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    /// Where the first one begins.
    first: u32,
    size: u32,
    /// From one to the next.
    stride: u32,
    count: u32,
}

impl Run {
    /// None yet, in this piece of memory; `None` if that is too long.
    pub(crate) fn new(data: Bytes, context: MessageContext) -> Option<Self> {
        u32::try_from(data.len()).ok()?;
        let context = (context != MessageContext::default()).then(|| Box::new(context));
        Some(Self { data, context, spans: VecDeque::new(), last: Span::default(), bytes: 0, count: 0 })
    }

    /// Adds the message that begins here, after those before it.
    #[inline]
    pub(crate) fn push(&mut self, first: usize, size: usize) {
        self.bytes += size;
        self.count += 1;
        // The memory is no longer than a u32 says.
        let (first, size) = (first as u32, size as u32);
        let last = &mut self.last;
        if last.size == size && last.count > 1 && last.end() == first {
            last.count += 1;
        } else if last.size == size && last.count == 1 {
            last.stride = first - last.first;
            last.count = 2;
        } else {
            self.begin_span(first, size);
        }
    }

    fn begin_span(&mut self, first: u32, size: u32) {
        if self.last.count > 0 {
            self.spans.push_back(self.last);
        }
        self.last = Span { first, size, stride: 0, count: 1 };
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the first one out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let span = self.spans.front_mut().unwrap_or(&mut self.last);
        let Span { first, size, .. } = *span;
        span.count = span.count.checked_sub(1)?;
        span.first += if span.count == 0 { 0 } else { span.stride };
        if span.count == 0 {
            self.spans.pop_front();
        }
        self.count -= 1;
        self.bytes -= size as usize;
        let first = first as usize;
        let context = self.context.as_deref().cloned().unwrap_or_default();
        Some(Message { data: self.data.slice(first..first + size as usize), context })
    }

    /// The contents, in order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let data = &self.data[..];
        self.spans.iter().chain([&self.last]).flat_map(move |span| {
            let Span { first, size, stride, count } = *span;
            (0..count as usize).map(move |n| &data[first as usize + n * stride as usize..][..size as usize])
        })
    }
}

impl Span {
    /// Where the next one would begin.
    #[inline]
    fn end(&self) -> u32 {
        self.first.saturating_add(self.stride.saturating_mul(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_at_regular_distances_are_one_span_and_others_are_themselves() {
        let data = Bytes::from_static(b"-aa-bb-cc--dd-e-f-");
        let mut run = Run::new(data, MessageContext::default()).unwrap();
        for (first, size) in [(1, 2), (4, 2), (7, 2), (11, 2), (14, 1), (16, 1), (18, 0)] {
            run.push(first, size);
        }
        assert_eq!((run.spans.len(), run.len(), run.bytes()), (3, 7, 10));
        assert!(run.contents().eq([&b"aa"[..], b"bb", b"cc", b"dd", b"e", b"f", b""]));
        let all: Vec<_> = std::iter::from_fn(|| run.pop()).map(|message| message.data).collect();
        assert_eq!(all, ["aa", "bb", "cc", "dd", "e", "f", ""]);
        assert_eq!((run.len(), run.bytes(), run.contents().count()), (0, 0, 0));
    }

    #[test]
    fn empty_messages_at_one_place_are_as_many_as_were_put_there() {
        let mut run = Run::new(Bytes::new(), MessageContext::default()).unwrap();
        (0..5).for_each(|_| run.push(0, 0));
        assert_eq!(run.contents().count(), 5);
        assert_eq!(std::iter::from_fn(|| run.pop()).count(), 5);
    }

    #[test]
    fn what_is_said_of_the_run_is_said_of_each() {
        let mut run = Run::new(Bytes::from_static(b"ab"), Message::new("").last().context).unwrap();
        run.push(0, 1);
        run.push(1, 1);
        assert!(std::iter::from_fn(|| run.pop()).all(|message| message.is_final()));
    }
}
