//! What an outbox does about messages in parts; most never have any.

use super::parts::{InParts, Taken};
use super::ranked::Key;
use super::told::Told;
use super::{End, Front, Outbox, Pushed, lane_key};
use crate::failure::SendFailure;
use crate::message::{Message, MessageId};
use crate::time::Time;
use std::io::IoSlice;
use std::iter;
use std::ops::RangeInclusive;

impl Outbox {
    /// Takes the first part of a message, or, with the id of that one, another; `ends` with the last. What is said of the
    /// message is said by its first part. Where `QueueFull` refuses a part of a message that was begun to be given, the
    /// message is to be [given up](Self::give_up).
    pub fn push_part(
        &mut self,
        of: Option<MessageId>,
        message: Message,
        ends: bool,
        now: Time,
    ) -> (MessageId, Pushed) {
        let id = self.next_id();
        let first = of.map_or(id, |of| of.0);
        let refusal = match of {
            None => self.refusal(),
            Some(_) => self.part_refusal(first),
        };
        if let Some(reason) = refusal {
            if ends && let Some(in_parts) = &mut self.in_parts {
                in_parts.forget(first);
            }
            self.tidy();
            return (MessageId(id), Pushed::Refused(reason, message));
        }
        self.count(message.len());
        let Message { data, context } = message;
        let usual = *self.usual();
        let in_parts = self.in_parts.get_or_insert_with(|| Box::new(InParts::new(self.whole_only)));
        if of.is_none() {
            let holds = context.properties.or(&usual);
            let key = Key::new(id, &holds);
            if key.rank == Key::DEFAULT {
                self.lane.close_run(&mut self.spares);
            }
            if holds.is_final() {
                self.end = End::Final;
            }
            in_parts.begin(key, context, holds.lifetime().map(|lifetime| now + lifetime));
        }
        in_parts.add(first, id, data, ends);
        (MessageId(id), Pushed::Kept)
    }

    /// Why another part of this message would be refused.
    #[cold]
    fn part_refusal(&self, of: u64) -> Option<SendFailure> {
        let in_parts = self.in_parts.as_deref();
        let Some(series) = in_parts.and_then(|in_parts| in_parts.open(of)) else {
            return Some(if self.end == End::Sealed { SendFailure::Closed } else { SendFailure::Incomplete });
        };
        if let Some(reason) = series.broken() {
            return Some(reason.clone());
        }
        // What nothing can overtake has room of its own, or those that wait behind it could hold it up for ever.
        let is_begun = in_parts.is_some_and(|in_parts| in_parts.is_begun(of));
        let is_full = if is_begun {
            series.bytes() >= self.high_water.saturating_mul(2) && series.bytes() > 0
        } else {
            self.is_full()
        };
        is_full.then_some(SendFailure::QueueFull)
    }

    /// A message in parts does not go on: its parts that were not taken come back, and others are refused for this
    /// reason. Whether parts of it were taken; `None` if there is no such message, or it was given up before.
    pub fn give_up(
        &mut self,
        of: MessageId,
        reason: SendFailure,
        mut back: impl FnMut(MessageId, Message),
    ) -> Option<bool> {
        let in_parts = self.in_parts.as_deref_mut()?;
        let written = if in_parts.is_begun(of.0) { in_parts.written() } else { 0 };
        let (mut count, mut bytes, mut is_final) = (0, 0, in_parts.is_final(of.0));
        let begun = in_parts.give_up(of.0, reason.clone(), &mut |id, message| {
            count += 1;
            bytes += message.len();
            back(id, message);
        })?;
        // That it was to be the last one stays true of one that has expired.
        is_final &= reason != SendFailure::Expired;
        self.discount(count, bytes - written.min(bytes));
        if is_final {
            self.reopen();
        }
        self.tidy();
        Some(begun)
    }

    /// Nobody will give more parts of this message, which was given up.
    pub fn forget(&mut self, of: MessageId) {
        if let Some(in_parts) = &mut self.in_parts {
            in_parts.forget(of.0);
        }
        self.tidy();
    }

    /// Whether the last part of some message was not given.
    pub fn has_unended(&self) -> bool {
        self.in_parts.as_ref().is_some_and(|in_parts| in_parts.unended().next().is_some())
    }

    /// The messages of which the last part was not given.
    pub fn unended(&self) -> Vec<MessageId> {
        self.in_parts.as_ref().map_or_else(Vec::new, |in_parts| in_parts.unended().map(MessageId).collect())
    }

    /// Whether nothing is sent before more is given: the message that was begun waits for its next part, or those that
    /// are queued for their last one.
    pub fn is_stuck(&self) -> bool {
        self.in_parts.is_some() && self.front().is_none()
    }

    /// Whether parts of this message are queued, or are to come.
    pub(in crate::connection) fn has_more_of(&self, of: MessageId) -> bool {
        self.in_parts.as_ref().is_some_and(|in_parts| in_parts.has(of.0))
    }

    /// A framer keeps a part of a message that was lifted until it has more of it: its bytes do not wait for the
    /// transport, and whoever waits for room is not to wait for them.
    pub(in crate::connection) fn set_aside(&mut self, part: &Message) {
        self.pending = self.pending.saturating_sub(part.len());
    }

    /// That part waits for the transport now, or comes back.
    pub(in crate::connection) fn take_back(&mut self, part: &Message) {
        self.pending = self.pending.saturating_add(part.len());
        self.was_high |= self.is_high();
    }

    /// The same where there are messages in parts, which nothing follows that was not there when it was begun.
    #[cold]
    pub(super) fn slices_with_parts<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let begun =
            self.begun.as_ref().map(|begun| (lane_key(begun.id), &begun.message.data[begun.written..]));
        let mut lane = self.lane.pieces().map(|(id, piece)| (lane_key(id), piece)).peekable();
        let mut ranked = self.ranked.iter().map(|(key, message)| (key, &message.data[..])).peekable();
        let others = iter::from_fn(|| match (lane.peek(), ranked.peek()) {
            (Some((first, _)), Some((second, _))) if second < first => ranked.next(),
            (Some(_), _) => lane.next(),
            (None, _) => ranked.next(),
        });
        let mut others = others.peekable();
        let (mut filled, most) = (0, slices.len());
        let mut looked_at = 0;
        // Empty pieces are not walked through: `written` takes them.
        let mut put = |piece: &'a [u8]| {
            looked_at += 1;
            if !piece.is_empty() && filled < most {
                slices[filled] = IoSlice::new(piece);
                filled += 1;
            }
            looked_at < most
        };
        let mut go_on = begun.is_none_or(|(_, piece)| put(piece));
        let in_parts = self.in_parts.as_deref();
        let mut skip = in_parts.map_or(0, InParts::written);
        let mut is_first = in_parts.is_some_and(InParts::is_amid);
        for (key, series) in in_parts.into_iter().flat_map(InParts::in_order) {
            while go_on
                && !is_first
                && let Some((_, piece)) = others.next_if(|(other, _)| *other < key)
            {
                go_on = put(piece);
            }
            is_first = false;
            for piece in series.pieces() {
                go_on = go_on && put(&piece[std::mem::take(&mut skip).min(piece.len())..]);
            }
            go_on &= series.has_ended();
        }
        while go_on && let Some((_, piece)) = others.next() {
            go_on = put(piece);
        }
        filled
    }

    #[cold]
    pub(super) fn front_with_parts(&self) -> Option<Front> {
        let in_parts = self.in_parts.as_deref()?;
        if in_parts.is_amid() {
            return in_parts.first().map(|_| Front::Parts);
        }
        let lane = self.lane.first().map(|id| (lane_key(id), Front::Lane));
        let ranked = self.ranked.first().map(|(key, _)| (key, Front::Ranked));
        let parts = in_parts.first().map(|key| (key, Front::Parts));
        let (key, first) = [lane, ranked, parts].into_iter().flatten().min_by_key(|(key, _)| *key)?;
        // Nothing goes after the final one, so it waits for those that have not ended.
        let waits = key.rank == Key::LAST && in_parts.unended().any(|of| of != key.id);
        (!waits).then_some(first)
    }

    /// The next part of the first message has left, or, where it goes whole, all of them.
    #[cold]
    pub(super) fn take_parts<F: FnMut(RangeInclusive<MessageId>, bool)>(&mut self, told: &mut Told<F>) {
        while let Some(Taken { id, message, ends, .. }) = self.pop_part() {
            self.messages -= 1;
            told.add(id, 1, ends && message.is_final());
            self.spent.push(message);
            if ends || !self.whole_only {
                break;
            }
        }
    }

    /// Takes the next part of the first message out, without counting.
    pub(super) fn pop_part(&mut self) -> Option<Taken> {
        let taken = self.in_parts.as_mut()?.pop();
        self.tidy();
        taken
    }

    pub(super) fn tidy(&mut self) {
        self.in_parts.take_if(|in_parts| in_parts.is_idle());
    }
}
