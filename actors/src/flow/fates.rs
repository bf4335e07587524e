//! What became of each message, for futures that ask later.

use super::refusals::Refusals;
use neatflow_core::{MessageId, SendFailure};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The fates of the messages of one connection. Every message has one in the end, so what is kept is how far they are
/// known without a gap, and what is known beyond: no more than is queued.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    /// The fate of every message before this one is known.
    through: u64,
    /// Runs that are known beyond it, from the first message of each to the one after its last.
    ahead: BTreeMap<u64, u64>,
    refusals: Refusals,
}

impl Fates {
    /// These were sent.
    pub(crate) fn sent(&mut self, ids: &RangeInclusive<MessageId>) {
        self.known(ids.start().0, ids.end().0 + 1);
    }

    /// This one was not.
    pub(crate) fn refused(&mut self, id: MessageId, reason: &SendFailure) {
        self.refusals.note(id, reason);
        self.known(id.0, id.0 + 1);
    }

    /// What became of a message; `None` while it is on its way.
    pub(crate) fn of(&self, id: MessageId) -> Option<Result<(), SendFailure>> {
        let known =
            id.0 < self.through || self.ahead.range(..=id.0).next_back().is_some_and(|(_, end)| id.0 < *end);
        known.then(|| self.refusals.of(id).cloned().map_or(Ok(()), Err))
    }

    /// The first of these that is known not to have been sent, and why, if that is remembered.
    pub(crate) fn refused_among(&self, ids: &RangeInclusive<MessageId>) -> Option<(MessageId, SendFailure)> {
        self.refusals.first_among(ids).map(|(id, reason)| (id, reason.clone()))
    }

    /// Whether the fate of every message up to this one is known.
    pub(crate) fn is_settled(&self, last: MessageId) -> bool {
        last.0 < self.through
    }

    fn known(&mut self, first: u64, end: u64) {
        if first > self.through {
            self.ahead.insert(first, end);
            return;
        }
        self.through = self.through.max(end);
        while let Some(next) = self.ahead.first_entry().filter(|next| *next.key() <= self.through) {
            self.through = self.through.max(next.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn in_whatever_order_fates_come_each_is_known_from_then_on(order: Vec<u8>) -> bool {
            // A permutation of 0..n, by the ranks of random numbers.
            let mut ids: Vec<u64> = (0..order.len() as u64).collect();
            ids.sort_by_key(|id| (order[*id as usize], *id));
            let mut fates = Fates::default();
            for (n, id) in ids.iter().enumerate() {
                if fates.of(MessageId(*id)).is_some() {
                    return false;
                }
                if id.is_multiple_of(3) {
                    fates.refused(MessageId(*id), &SendFailure::QueueFull);
                } else {
                    fates.sent(&(MessageId(*id)..=MessageId(*id)));
                }
                let right = |id: &u64| {
                    let fate = if id.is_multiple_of(3) { Err(SendFailure::QueueFull) } else { Ok(()) };
                    fates.of(MessageId(*id)) == Some(fate)
                };
                if !ids[..=n].iter().all(right) {
                    return false;
                }
            }
            fates.ahead.is_empty() && fates.through == ids.len() as u64
        }
    }
}
