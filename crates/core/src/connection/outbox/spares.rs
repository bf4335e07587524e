//! Buffers that nothing is written in.

use bytes::BytesMut;

/// How many are kept: as many as one large write empties.
const KEPT: usize = 8;

/// Empty buffers: the lent ones that are not in use yet, and those that are empty again. Most outboxes have one at a
/// time.
#[derive(Debug, Default)]
pub(super) struct Spares {
    /// The largest.
    first: Option<BytesMut>,
    others: Vec<BytesMut>,
}

impl Spares {
    /// Keeps a buffer. With no room left one that is no larger than the largest is let go.
    pub(super) fn put(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        if buffer.capacity() == 0 {
            return;
        }
        let other = match &mut self.first {
            None => return self.first = Some(buffer),
            Some(first) if first.capacity() < buffer.capacity() => std::mem::replace(first, buffer),
            Some(_) => buffer,
        };
        if self.others.len() + 1 < KEPT {
            self.others.push(other);
        }
    }

    /// How many bytes the largest one has room for.
    pub(super) fn largest(&self) -> usize {
        self.first.as_ref().map_or(0, BytesMut::capacity)
    }

    /// Gives the largest one.
    #[inline]
    pub(super) fn take(&mut self) -> Option<BytesMut> {
        let taken = self.first.take()?;
        if !self.others.is_empty() {
            self.replace();
        }
        Some(taken)
    }

    #[cold]
    fn replace(&mut self) {
        let largest = (0..self.others.len()).max_by_key(|at| self.others[*at].capacity());
        self.first = largest.map(|at| self.others.swap_remove(at));
        if self.others.is_empty() {
            self.others = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_given_first_and_no_more_than_a_few_are_kept() {
        for capacities in [[100, 200, 300], [300, 200, 100], [200, 300, 100]] {
            let mut spares = Spares::default();
            for capacity in capacities {
                spares.put(BytesMut::with_capacity(capacity));
            }
            assert_eq!(spares.largest(), 300);
            let given = [spares.take(), spares.take(), spares.take(), spares.take()];
            assert_eq!(
                given.map(|buffer| buffer.map(|buffer| buffer.capacity())),
                [Some(300), Some(200), Some(100), None]
            );
        }
        let mut spares = Spares::default();
        (0..20).for_each(|_| spares.put(BytesMut::with_capacity(100)));
        assert_eq!(std::iter::from_fn(|| spares.take()).count(), KEPT);
    }

    #[test]
    fn what_has_no_memory_is_not_kept_and_what_had_content_is_empty() {
        let mut spares = Spares::default();
        spares.put(BytesMut::new());
        assert_eq!(spares.take(), None);
        spares.put(BytesMut::from(&b"old"[..]));
        assert!(spares.take().is_some_and(|buffer| buffer.is_empty() && buffer.capacity() >= 3));
    }
}
