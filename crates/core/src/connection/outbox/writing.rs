//! What a transport takes out of an outbox, as bytes or as messages.

use super::ranked::Key;
use super::told::Told;
use super::{Batch, Begun, End, Front, Outbox, lane_key};
use crate::failure::SendFailure;
use crate::message::{Message, MessageId};
use std::io::IoSlice;
use std::iter;
use std::ops::RangeInclusive;

impl Outbox {
    // ---- for byte streams

    /// Fills `slices` with what is to be written next; how many were filled. Zero while something is queued means
    /// that empty messages come first: call [`written`](Self::written) with 0.
    ///
    /// Nothing may be pushed, refused or expired between this and `written`: it could change what comes next.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.in_parts.is_some() {
            return self.slices_with_parts(slices);
        }
        let mut filled = 0;
        // As many are looked at as could be filled, so that a crowd of empty messages is not walked through here.
        for piece in self.pieces().take(slices.len()).filter(|piece| !piece.is_empty()) {
            slices[filled] = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// What is to be written next, if that is one piece and all there is; it is not empty.
    #[inline]
    pub fn only_piece(&self) -> Option<&[u8]> {
        let alone = self.begun.is_none() && self.ranked.is_empty() && self.in_parts.is_none();
        let only = if alone { self.lane.only_piece() } else { None };
        only.filter(|piece| !piece.is_empty())
    }

    /// What is to be written, in order.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut lane = self.lane.pieces().peekable();
        let mut ranked = self.ranked.iter().peekable();
        let queued = iter::from_fn(move || match (lane.peek(), ranked.peek()) {
            (Some((id, _)), Some((key, _))) if *key < lane_key(*id) => ranked.next().map(bytes_of),
            (Some(_), _) => lane.next().map(|(_, piece)| piece),
            (None, _) => ranked.next().map(bytes_of),
        });
        let begun = self.begun.as_ref().map(|begun| &begun.message.data[begun.written..]);
        begun.into_iter().chain(queued)
    }

    /// The transport has taken the next `bytes` bytes. Tells of the messages that it has taken whole, in the order in
    /// which it took them, and whether that was the final one.
    pub fn written(&mut self, bytes: usize, mut sent: impl FnMut(RangeInclusive<MessageId>, bool)) {
        // Most writes take everything there is, which is messages that were queued together.
        if bytes == self.pending
            && self.only_piece().is_some_and(|piece| piece.len() == bytes)
            && let Some(ids) = self.lane.take_only(&mut self.spares)
        {
            (self.pending, self.messages) = (0, 0);
            return sent(MessageId(*ids.start())..=MessageId(*ids.end()), false);
        }
        let mut left = bytes;
        let affordable = |size: usize, count: usize| {
            let whole = if left >= size * count { count } else { left / size };
            left -= whole * size;
            whole
        };
        self.take(affordable, sent);
        if left > 0 {
            self.begin(left);
        }
    }

    /// The transport has taken these bytes of the first message, which are not all of it. It moves to where nothing
    /// overtakes it, nothing expires, and it stays whole.
    fn begin(&mut self, bytes: usize) {
        if let (Some(Front::Parts), Some(in_parts)) = (self.front(), &mut self.in_parts) {
            in_parts.advance(bytes);
            self.pending -= bytes;
            return;
        }
        if self.begun.is_none() {
            self.begun = self.pop().map(|(id, message)| Box::new(Begun { id, message, written: 0 }));
        }
        if let Some(begun) = &mut self.begun {
            begun.written += bytes;
            self.pending -= bytes;
        }
    }

    // ---- for message transports

    /// The messages to be handed over next: one, or several that lie end to end.
    pub fn front_batch(&self) -> Option<Batch<'_>> {
        let batch = match self.front()? {
            Front::Begun => Batch::from(&self.begun.as_ref()?.message),
            Front::Lane => self.lane.batch(),
            Front::Ranked => Batch::from(self.ranked.first()?.1),
            Front::Parts => {
                let (data, context) = self.in_parts.as_ref()?.next()?;
                Batch { data, size: data.len(), count: 1, properties: context.properties }
            }
        };
        Some(Batch { properties: batch.properties.or(self.usual()), ..batch })
    }

    /// The transport has taken the first `count` messages. Tells of them, and whether that was the final one.
    pub fn take_front(&mut self, count: usize, sent: impl FnMut(RangeInclusive<MessageId>, bool)) {
        let mut left = count;
        let affordable = |_, count: usize| {
            let taken = count.min(left);
            left -= taken;
            taken
        };
        self.take(affordable, sent);
    }

    /// Gives back the first message, with all its parts, and refuses others of it for this reason. If it was the final
    /// one it was not sent, and another may be. Whether there was one.
    pub fn refuse_front(
        &mut self,
        reason: &SendFailure,
        mut refused: impl FnMut(MessageId, Message),
    ) -> bool {
        if let (Some(Front::Parts), Some(in_parts)) = (self.front(), &self.in_parts) {
            let first = in_parts.first().map(|key| MessageId(key.id));
            return first.is_some_and(|first| self.give_up(first, reason.clone(), refused).is_some());
        }
        let Some((id, message)) = self.give_back() else { return false };
        if message.is_final() && self.end == End::Final {
            self.end = End::Open;
        }
        refused(id, message);
        true
    }

    // ---- for both

    /// Takes messages from the front while `affordable`, asked with the size of one and how many there are of this
    /// size, says that all of them are taken.
    fn take(
        &mut self,
        mut affordable: impl FnMut(usize, usize) -> usize,
        sent: impl FnMut(RangeInclusive<MessageId>, bool),
    ) {
        let mut told = Told::new(sent);
        while let Some(front) = self.front() {
            let (size, count) = match (front, &self.begun) {
                (Front::Begun, Some(begun)) => (begun.message.len() - begun.written, 1),
                (Front::Lane, _) => self.lane.sizes(),
                (Front::Parts, _) => (self.in_parts.as_ref().map_or(0, |in_parts| in_parts.next_size()), 1),
                _ => (self.ranked.first().map_or(0, |(_, message)| message.len()), 1),
            };
            let taken = affordable(size, count);
            if taken == 0 {
                break;
            }
            self.discount(taken, size * taken);
            if let Front::Lane = front {
                let first = self.lane.take(taken, &mut self.spares, &mut self.spent);
                told.add(first, taken, false);
            } else if let Front::Parts = front {
                // Its parts were counted one by one.
                self.messages += 1;
                self.take_parts(&mut told);
            } else if let Some((id, message)) = self.pop() {
                told.add(id, 1, message.is_final());
                self.spent.push(message);
            }
            if taken < count {
                break;
            }
        }
        told.flush();
    }
}

fn bytes_of((_, message): (Key, &Message)) -> &[u8] {
    &message.data
}
