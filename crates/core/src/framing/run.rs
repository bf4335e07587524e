//! Many messages at once.

use super::outgoing::Outgoing;
use crate::message::MessageContext;
use std::collections::vec_deque;

/// Where a message is in what follows the cursor, for [`deliver_run`](super::MessageFramer::deliver_run).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many bytes are before it: its header.
    pub before: usize,
    /// How many bytes it has.
    pub length: usize,
    /// How many bytes follow that belong to it: what ends it.
    pub after: usize,
}

/// Messages of one size with consecutive ids.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) size: u32,
    pub(crate) count: u32,
}

/// What became of a span, or of a part of one: each message made so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed {
    pub(crate) first: u64,
    pub(crate) count: usize,
    pub(crate) size: usize,
    pub(crate) each: usize,
}

/// Whole messages of which the same is said, on their way through a framer
/// ([`new_sent_messages`](super::Framer::new_sent_messages)).
#[derive(Debug)]
pub struct SentMessages<'a> {
    /// The contents of those that were not sent, and of some more.
    rest: &'a [u8],
    /// The next ones.
    span: Span,
    spans: vec_deque::Iter<'a, Span>,
    last: Option<Span>,
    context: &'a MessageContext,
    out: &'a mut Outgoing,
    /// As long as fewer bytes wait for the transport.
    until: usize,
    /// How many more may be sent.
    most: usize,
    framed: &'a mut Vec<Framed>,
}

impl<'a> SentMessages<'a> {
    /// These messages, whose contents lie end to end; they are written to `out` as long as fewer than `until` bytes
    /// wait there, and at most so many.
    pub(crate) fn new(
        (rest, spans, last): (&'a [u8], vec_deque::Iter<'a, Span>, Span),
        context: &'a MessageContext,
        out: &'a mut Outgoing,
        (until, most): (usize, usize),
        framed: &'a mut Vec<Framed>,
    ) -> Self {
        let mut this =
            Self { rest, span: Span::default(), spans, last: Some(last), context, out, until, most, framed };
        this.next_span();
        this
    }

    /// What is said of each of them.
    pub fn context(&self) -> &MessageContext {
        self.context
    }

    /// The content of the next one; `None` if there is none, or it is not to be sent now.
    #[inline]
    pub fn peek(&self) -> Option<&'a [u8]> {
        let more = self.span.count > 0 && self.most > 0 && self.out.len() < self.until;
        more.then(|| &self.rest[..self.span.size as usize])
    }

    /// Sends the next one, between these bytes. Without effect if there is none.
    #[inline]
    pub fn send(&mut self, before: &[u8], after: &[u8]) {
        let Some(content) = self.peek() else { return };
        self.out.put(before);
        self.out.put(content);
        if !after.is_empty() {
            self.out.put(after);
        }
        let Span { first: id, size, .. } = self.span;
        let (size, each) = (size as usize, before.len() + content.len() + after.len());
        match self.framed.last_mut() {
            Some(last) if last.each == each && last.size == size && last.first + last.count as u64 == id => {
                last.count += 1;
            }
            _ => self.framed.push(Framed { first: id, count: 1, size, each }),
        }
        self.rest = &self.rest[size..];
        self.most -= 1;
        self.span.first += 1;
        self.span.count -= 1;
        if self.span.count == 0 {
            self.next_span();
        }
    }

    fn next_span(&mut self) {
        let next = self.spans.next().copied().or_else(|| self.last.take());
        self.span = next.unwrap_or_default();
    }
}
