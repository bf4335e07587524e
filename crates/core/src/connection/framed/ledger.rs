//! Whose bytes framers have written.

use crate::connection::outbox::{Outbox, Told};
use crate::framing::run::Framed;
use crate::message::{Message, MessageContext, MessageId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Messages that are framed, and that the transport has not taken whole; in the order in which they were framed. What
/// is counted, from the first one ever, is bytes, or, on message transports, messages.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: VecDeque<Line>,
    /// How many messages, and parts of messages, there are.
    count: usize,
    /// How many of these, the last ones, a framer keeps: parts of a message that made no bytes yet.
    kept: usize,
}

#[derive(Debug)]
enum Line {
    One(Entry),
    Run(Run),
}

/// A message, or a part of one.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: MessageId,
    /// Of which message it is a part: the id of the first one.
    pub(super) of: MessageId,
    /// As it was given.
    pub(super) message: Message,
    /// How many were made before it.
    pub(super) start: u64,
    /// It has left when this many were taken; `None` while a framer keeps it.
    pub(super) end: Option<u64>,
}

/// Whole messages with consecutive ids, of one size, each of which made as many bytes.
#[derive(Debug)]
struct Run {
    /// The first one and how many.
    first: u64,
    count: usize,
    size: usize,
    /// How many bytes each made.
    each: usize,
    /// How many were made before the first one.
    start: u64,
    /// Their contents, end to end, and those of some that have left before them.
    data: Bytes,
    /// Where the first one's begins.
    at: usize,
    /// What is said of each; `None` = nothing.
    context: Option<Box<MessageContext>>,
}

impl Line {
    /// Of which message the first one is a part.
    fn of(&self) -> MessageId {
        match self {
            Self::One(entry) => entry.of,
            Self::Run(run) => MessageId(run.first),
        }
    }
}

impl Run {
    /// How many of them have left when so many bytes were taken.
    fn left(&self, taken: u64) -> usize {
        let Some(bytes) = taken.checked_sub(self.start) else { return 0 };
        bytes.checked_div(self.each as u64).map_or(self.count, |left| self.count.min(left as usize))
    }

    /// Takes out the first one.
    fn pop(&mut self) -> Option<(MessageId, Message)> {
        self.count = self.count.checked_sub(1)?;
        let id = MessageId(self.first);
        self.first += 1;
        let context = self.context.as_deref().cloned().unwrap_or_default();
        let data = self.data.slice(self.at..self.at + self.size);
        self.at += self.size;
        Some((id, Message { data, context }))
    }
}

impl Ledger {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many wait for the transport.
    pub(super) fn waiting(&self) -> usize {
        self.count - self.kept
    }

    /// Adds what was framed.
    pub(super) fn push(&mut self, entry: Entry) {
        self.count += 1;
        self.kept += usize::from(entry.end.is_none());
        self.lines.push_back(Line::One(entry));
    }

    /// Adds messages that were framed together, after so many bytes; how many bytes that are now. Their contents are
    /// `data`.
    pub(super) fn push_run(
        &mut self,
        mut made: u64,
        mut data: Bytes,
        context: Option<&MessageContext>,
        spans: impl Iterator<Item = Framed>,
    ) -> u64 {
        for Framed { first, count, size, each } in spans {
            let context = context.cloned().map(Box::new);
            let data = data.split_to(size * count);
            self.lines.push_back(Line::Run(Run {
                first,
                count,
                size,
                each,
                start: made,
                data,
                at: 0,
                context,
            }));
            self.count += count;
            made += (each * count) as u64;
        }
        made
    }

    /// What framers kept of the message that was framed last has made bytes now, from this one on to that one.
    #[inline]
    pub(super) fn made_of_kept(&mut self, outbox: &mut Outbox, start: u64, end: u64) {
        if self.kept == 0 {
            return;
        }
        for line in self.lines.iter_mut().rev().take(std::mem::take(&mut self.kept)) {
            if let Line::One(entry) = line {
                (entry.start, entry.end) = (start, Some(end));
                outbox.take_back(&entry.message);
            }
        }
    }

    /// What framers kept of a message that does not go on comes back.
    pub(super) fn give_back_kept(&mut self, outbox: &mut Outbox, back: &mut dyn FnMut(MessageId, Message)) {
        // Each of them is a line of its own.
        let first = self.lines.len() - std::mem::take(&mut self.kept);
        for line in self.lines.drain(first..) {
            if let Line::One(Entry { id, message, .. }) = line {
                self.count -= 1;
                outbox.take_back(&message);
                outbox.settle(&message);
                back(id, message);
            }
        }
    }

    /// So many were taken: tells of the messages that have left whole, and whether that was the final one.
    pub(super) fn settle(
        &mut self,
        taken: u64,
        outbox: &mut Outbox,
        sent: impl FnMut(RangeInclusive<MessageId>, bool),
    ) {
        let mut told = Told::new(sent);
        while let Some(line) = self.lines.front_mut() {
            match line {
                Line::One(entry) if entry.end.is_some_and(|end| end <= taken) => {
                    let Some(Line::One(Entry { id, of, message, .. })) = self.lines.pop_front() else {
                        break;
                    };
                    self.count -= 1;
                    outbox.settle(&message);
                    // Of a message in parts the last one ends it.
                    let more =
                        self.lines.front().is_some_and(|next| next.of() == of) || outbox.has_more_of(of);
                    told.add(id.0, 1, message.is_final() && !more);
                    outbox.spend(message);
                }
                Line::One(_) => break,
                Line::Run(run) => {
                    let left = run.left(taken);
                    if left == 0 {
                        break;
                    }
                    told.add(run.first, left, false);
                    outbox.settle_many(left, left * run.size);
                    self.count -= left;
                    run.count -= left;
                    run.first += left as u64;
                    run.start += (left * run.each) as u64;
                    run.at += left * run.size;
                    if run.count > 0 {
                        break;
                    }
                    let Some(Line::Run(Run { data, context, .. })) = self.lines.pop_front() else { break };
                    if let Ok(buffer) = data.try_into_mut() {
                        outbox.lend(buffer);
                    }
                    if let Some(context) = context {
                        outbox.spend(Message { data: Bytes::new(), context: *context });
                    }
                }
            }
        }
        told.flush();
    }

    /// Of which message the next one that is taken is a part, and where that part ends.
    pub(super) fn owner(&self, taken: u64) -> Option<(MessageId, u64)> {
        // Those before it were settled.
        match self.lines.front()? {
            Line::One(entry) => {
                let end = entry.end.filter(|end| (entry.start..*end).contains(&taken))?;
                Some((entry.of, end))
            }
            Line::Run(run) => {
                let end = run.start + run.each as u64;
                (run.start..end).contains(&taken).then_some((MessageId(run.first), end))
            }
        }
    }

    /// The first message is not sent, with all its parts. Whether it was the final one.
    pub(super) fn refuse(
        &mut self,
        of: MessageId,
        outbox: &mut Outbox,
        refused: &mut dyn FnMut(MessageId, Message),
    ) -> bool {
        let mut is_final = false;
        while let Some((id, message)) = self.pop_if(|first| first == of) {
            outbox.settle(&message);
            is_final |= message.is_final();
            refused(id, message);
        }
        is_final
    }

    /// Gives back every one.
    pub(super) fn give_back(&mut self, outbox: &mut Outbox, mut refused: impl FnMut(MessageId, Message)) {
        let kept = std::mem::take(&mut self.kept);
        while let Some((id, message)) = self.pop_if(|_| true) {
            // The last ones are kept by framers.
            if self.count < kept {
                outbox.take_back(&message);
            }
            outbox.settle(&message);
            refused(id, message);
        }
    }

    /// Takes out the first one, if it is a part of such a message.
    fn pop_if(&mut self, is_it: impl FnOnce(MessageId) -> bool) -> Option<(MessageId, Message)> {
        self.lines.front().filter(|first| is_it(first.of()))?;
        let popped = match self.lines.front_mut()? {
            Line::Run(run) if run.count > 1 => {
                run.start += run.each as u64;
                run.pop()
            }
            _ => match self.lines.pop_front()? {
                Line::One(entry) => Some((entry.id, entry.message)),
                Line::Run(mut run) => run.pop(),
            },
        };
        self.count -= 1;
        popped
    }
}
