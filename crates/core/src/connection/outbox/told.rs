//! Ids told in ranges.

use crate::message::MessageId;
use std::ops::RangeInclusive;

/// Gathers ids that follow each other, and tells them as one.
pub(in crate::connection) struct Told<F: FnMut(RangeInclusive<MessageId>, bool)> {
    tell: F,
    /// The first and the last of what was not told yet.
    range: Option<(u64, u64)>,
}

impl<F: FnMut(RangeInclusive<MessageId>, bool)> Told<F> {
    pub(in crate::connection) fn new(tell: F) -> Self {
        Self { tell, range: None }
    }

    /// Tells `count` ids from `first` on, sooner or later; at once if they end with the final message.
    pub(in crate::connection) fn add(&mut self, first: u64, count: usize, is_final: bool) {
        let last = first + count as u64 - 1;
        match &mut self.range {
            Some((_, end)) if *end + 1 == first && !is_final => *end = last,
            _ => {
                self.flush();
                self.range = Some((first, last));
            }
        }
        if is_final && let Some((first, last)) = self.range.take() {
            (self.tell)(MessageId(first)..=MessageId(last), true);
        }
    }

    /// Tells what is left.
    pub(in crate::connection) fn flush(&mut self) {
        if let Some((first, last)) = self.range.take() {
            (self.tell)(MessageId(first)..=MessageId(last), false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_follow_each_other_are_told_as_one_and_the_final_one_alone() {
        let mut told = Vec::new();
        let mut ids = Told::new(|range: RangeInclusive<MessageId>, is_final| {
            told.push((range.start().0, range.end().0, is_final));
        });
        for (first, count) in [(0, 2), (2, 1), (4, 1)] {
            ids.add(first, count, false);
        }
        ids.add(5, 1, true);
        ids.add(3, 1, false);
        ids.flush();
        ids.flush();
        assert_eq!(told, [(0, 2, false), (4, 4, false), (5, 5, true), (3, 3, false)]);
    }
}
