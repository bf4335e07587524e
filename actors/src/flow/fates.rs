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
    /// What a connection has of which every message was sent in its turn.
    odd: Option<Box<Odd>>,
}

#[derive(Debug, Default)]
struct Odd {
    /// Runs that are known beyond `through`, from the first message of each to the one after its last.
    ahead: BTreeMap<u64, u64>,
    refusals: Refusals,
    /// Of which messages somebody waits to know, and how many wait.
    asked: BTreeMap<u64, usize>,
    /// Why those of them were not sent that `refusals` has forgotten.
    kept: BTreeMap<u64, SendFailure>,
}

impl Fates {
    /// These were sent.
    pub(crate) fn sent(&mut self, ids: &RangeInclusive<MessageId>) {
        self.known(ids.start().0, ids.end().0 + 1);
    }

    /// This one was not.
    pub(crate) fn refused(&mut self, id: MessageId, reason: &SendFailure) {
        let odd = self.odd.get_or_insert_default();
        if let Some((ids, reason)) = odd.refusals.note(id, reason) {
            let asked = odd.asked.range(ids.start().0..=ids.end().0);
            odd.kept.extend(asked.map(|(id, _)| (*id, reason.clone())));
        }
        self.known(id.0, id.0 + 1);
    }

    /// Somebody waits to know what becomes of this one: it is remembered until as many have
    /// [left](Self::leave) as have asked.
    pub(crate) fn ask(&mut self, id: MessageId) {
        *self.odd.get_or_insert_default().asked.entry(id.0).or_default() += 1;
    }

    /// Somebody who asked waits no longer.
    pub(crate) fn leave(&mut self, id: MessageId) {
        let Some(odd) = &mut self.odd else { return };
        let Some(count) = odd.asked.get_mut(&id.0) else { return };
        *count -= 1;
        if *count == 0 {
            odd.asked.remove(&id.0);
            odd.kept.remove(&id.0);
        }
    }

    /// What became of a message; `None` while it is on its way. Of one that nobody has [asked](Self::ask) about it may be
    /// forgotten that it was not sent; then it is not said to be.
    pub(crate) fn of(&self, id: MessageId) -> Option<Result<(), SendFailure>> {
        let Some(odd) = &self.odd else { return (id.0 < self.through).then_some(Ok(())) };
        let known =
            id.0 < self.through || odd.ahead.range(..=id.0).next_back().is_some_and(|(_, end)| id.0 < *end);
        let forgotten = || odd.refusals.may_have_forgotten(id) && !odd.asked.contains_key(&id.0);
        let refusal = || {
            let kept = odd.refusals.of(id).or_else(|| odd.kept.get(&id.0)).cloned();
            kept.or_else(|| forgotten().then_some(SendFailure::Unknown))
        };
        known.then(|| refusal().map_or(Ok(()), Err))
    }

    /// The first of these that is known not to have been sent, and why; `Unknown` of those that may be forgotten, all at
    /// once: then the message is the last of them.
    pub(crate) fn refused_among(&self, ids: &RangeInclusive<MessageId>) -> Option<(MessageId, SendFailure)> {
        let odd = self.odd.as_ref()?;
        let forgotten = odd.refusals.last_forgotten().filter(|last| ids.start() <= last);
        if let Some(last) = forgotten {
            return Some((last.min(*ids.end()), SendFailure::Unknown));
        }
        odd.refusals.first_among(ids).map(|(id, reason)| (id, reason.clone()))
    }

    /// Whether the fate of every message up to this one is known.
    pub(crate) fn is_settled(&self, last: MessageId) -> bool {
        last.0 < self.through
    }

    fn known(&mut self, first: u64, end: u64) {
        if first > self.through {
            self.odd.get_or_insert_default().ahead.insert(first, end);
            return;
        }
        self.through = self.through.max(end);
        let Some(odd) = &mut self.odd else { return };
        while let Some(next) = odd.ahead.first_entry().filter(|next| *next.key() <= self.through) {
            self.through = self.through.max(next.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn whoever_waits_learns_the_truth_however_much_was_refused_since() {
        let mut fates = Fates::default();
        fates.ask(MessageId(0));
        fates.refused(MessageId(0), &SendFailure::AfterFinal);
        for id in 1..5_000 {
            // Each is a run of its own.
            let reason = if id % 2 == 0 { SendFailure::QueueFull } else { SendFailure::Expired };
            fates.refused(MessageId(id), &reason);
        }
        assert_eq!(fates.of(MessageId(0)), Some(Err(SendFailure::AfterFinal)));
        fates.leave(MessageId(0));
        assert!(fates.odd.is_some_and(|odd| odd.kept.is_empty() && odd.asked.is_empty()));
    }

    #[test]
    fn what_was_refused_is_never_said_to_be_sent_not_even_when_it_is_forgotten() {
        let mut fates = Fates::default();
        let reason =
            |id: u64| if id.is_multiple_of(2) { SendFailure::QueueFull } else { SendFailure::Expired };
        for id in 0..3_000 {
            fates.refused(MessageId(id), &reason(id));
        }
        fates.sent(&(MessageId(3_000)..=MessageId(3_001)));
        assert!((0..3_000).all(|id| matches!(fates.of(MessageId(id)), Some(Err(_)))));
        assert_eq!(fates.of(MessageId(0)), Some(Err(SendFailure::Unknown)));
        assert_eq!(fates.of(MessageId(2_999)), Some(Err(SendFailure::Expired)));
        assert_eq!(fates.of(MessageId(3_001)), Some(Ok(())));
        let (forgotten, why) = fates.refused_among(&(MessageId(5)..=MessageId(3_001))).unwrap();
        assert_eq!((forgotten, why), (MessageId(1_975), SendFailure::Unknown));
        let next = fates.refused_among(&(MessageId(1_976)..=MessageId(3_001)));
        assert_eq!(next, Some((MessageId(1_976), SendFailure::QueueFull)));
        assert_eq!(fates.refused_among(&(MessageId(3_000)..=MessageId(3_001))), None);
    }

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
            fates.odd.is_none_or(|odd| odd.ahead.is_empty()) && fates.through == ids.len() as u64
        }
    }
}
