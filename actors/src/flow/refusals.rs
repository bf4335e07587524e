//! The messages that a transport would not take, one by one, for futures that ask for their fate later.

use neatflow_core::{MessageId, SendFailure};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// How many runs are remembered.
const RUNS: usize = 1024;

/// The latest messages that were not sent, and why. Neighbours with the same reason count as one run; of the runs the
/// oldest is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    runs: VecDeque<Run>,
    /// The last message of those that are forgotten: of it and of those before it nothing is known but what is in `runs`.
    forgotten: Option<MessageId>,
}

#[derive(Debug)]
struct Run {
    first: MessageId,
    last: MessageId,
    reason: SendFailure,
}

impl Refusals {
    /// This one was not sent. Ids come in any order: a message refused at once overtakes those that are queued. What is
    /// forgotten for it.
    pub(crate) fn note(
        &mut self,
        id: MessageId,
        reason: &SendFailure,
    ) -> Option<(RangeInclusive<MessageId>, SendFailure)> {
        if let Some(run) = self.runs.back_mut().filter(|run| run.last.0 + 1 == id.0 && run.reason == *reason)
        {
            run.last = id;
            return None;
        }
        let forgotten = if self.runs.len() == RUNS { self.runs.pop_front() } else { None };
        self.forgotten = self.forgotten.max(forgotten.as_ref().map(|run| run.last));
        self.runs.push_back(Run { first: id, last: id, reason: reason.clone() });
        forgotten.map(|run| (run.first..=run.last, run.reason))
    }

    /// Why it was not sent, if that is so and remembered.
    pub(crate) fn of(&self, id: MessageId) -> Option<&SendFailure> {
        let run = self.runs.iter().rev().find(|run| (run.first..=run.last).contains(&id));
        run.map(|run| &run.reason)
    }

    /// The last of those that are forgotten, if any are.
    pub(crate) fn last_forgotten(&self) -> Option<MessageId> {
        self.forgotten
    }

    /// Whether this one may have been forgotten.
    pub(crate) fn may_have_forgotten(&self, id: MessageId) -> bool {
        Some(id) <= self.forgotten
    }

    /// The first of these that was not sent, as far as that is remembered.
    pub(crate) fn first_among(&self, ids: &RangeInclusive<MessageId>) -> Option<(MessageId, &SendFailure)> {
        let within = |run: &Run| (run.first.max(*ids.start()), run.last.min(*ids.end()));
        let runs = self.runs.iter().map(|run| (within(run), &run.reason));
        let first = runs.filter(|((first, last), _)| first <= last).min_by_key(|((first, _), _)| *first);
        first.map(|((first, _), reason)| (first, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_message_is_told_from_its_neighbours_that_were_sent() {
        let mut refusals = Refusals::default();
        for id in [1, 2, 4] {
            refusals.note(MessageId(id), &SendFailure::TooLarge { limit: 7 });
        }
        refusals.note(MessageId(5), &SendFailure::QueueFull);
        refusals.note(MessageId(3), &SendFailure::AfterFinal);
        let reasons: Vec<_> = (0..7).map(|id| refusals.of(MessageId(id)).cloned()).collect();
        let large = Some(SendFailure::TooLarge { limit: 7 });
        let expected = [
            None,
            large.clone(),
            large.clone(),
            Some(SendFailure::AfterFinal),
            large,
            Some(SendFailure::QueueFull),
            None,
        ];
        assert_eq!(reasons, expected);
        let first = |from, to| refusals.first_among(&(MessageId(from)..=MessageId(to))).map(|(id, _)| id.0);
        assert_eq!(
            [first(0, 0), first(0, 9), first(2, 9), first(3, 4), first(6, 9)],
            [None, Some(1), Some(2), Some(3), None]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut refusals = Refusals::default();
        for id in 0..10_000 {
            refusals.note(MessageId(2 * id), &SendFailure::QueueFull);
        }
        assert_eq!(refusals.runs.len(), RUNS);
        assert_eq!(refusals.of(MessageId(19_998)), Some(&SendFailure::QueueFull));
        assert!(refusals.may_have_forgotten(MessageId(7)));
        assert!(!refusals.may_have_forgotten(MessageId(19_997)));
    }
}
