//! Buffers that nothing is written in.

use bytes::BytesMut;

/// A few empty buffers: the lent ones that are not in use yet, and those that are empty again.
#[derive(Debug, Default)]
pub(super) struct Spares([Option<BytesMut>; 2]);

impl Spares {
    /// Keeps a buffer. With no room left the smallest is let go.
    pub(super) fn put(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        for slot in &mut self.0 {
            match slot {
                Some(kept) if kept.capacity() >= buffer.capacity() => {}
                Some(kept) => std::mem::swap(kept, &mut buffer),
                None if buffer.capacity() == 0 => {}
                None => {
                    *slot = Some(buffer);
                    return;
                }
            }
        }
    }

    /// How many bytes the largest one has room for.
    pub(super) fn largest(&self) -> usize {
        self.0[0].as_ref().map_or(0, BytesMut::capacity)
    }

    /// Gives the largest one.
    pub(super) fn take(&mut self) -> Option<BytesMut> {
        let [first, second] = &mut self.0;
        std::mem::replace(first, second.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_two_are_kept_and_the_largest_is_given_first() {
        for capacities in [[100, 200, 300], [300, 200, 100], [200, 300, 100]] {
            let mut spares = Spares::default();
            for capacity in capacities {
                spares.put(BytesMut::with_capacity(capacity));
            }
            assert_eq!(spares.largest(), 300);
            let given = [spares.take(), spares.take(), spares.take()];
            assert_eq!(
                given.map(|buffer| buffer.map(|buffer| buffer.capacity())),
                [Some(300), Some(200), None]
            );
        }
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
