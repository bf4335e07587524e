//! Small messages that are queued together.

use super::run::Run;
use bytes::BytesMut;

/// Small messages of which nothing is said, end to end, on their way into an [`Outbox`](super::Outbox): a batch that
/// is queued at once. Up to 64 KiB.
#[derive(Debug)]
pub struct Pack {
    run: Run,
}

impl Pack {
    /// An empty pack, whose messages are written into this buffer.
    pub fn new(buffer: BytesMut) -> Self {
        Self { run: Run::new(buffer, None) }
    }

    /// Adds a message of these bytes; false, and nothing is added, if there is no room for it.
    #[inline(always)]
    pub fn push(&mut self, data: &[u8]) -> bool {
        let room = !self.run.is_full_for(data.len());
        if room {
            self.run.append_next(data);
        }
        room
    }

    /// The same for a message of this size, which is written in place, over zeros.
    ///
    /// *Errors*: there is no room for it; nothing is added, and here is who would write.
    #[inline(always)]
    pub fn push_with<W: FnOnce(&mut [u8])>(&mut self, size: usize, write: W) -> Result<(), W> {
        if self.run.is_full_for(size) {
            return Err(write);
        }
        self.run.append_next_with(size, write);
        Ok(())
    }

    /// Adds as many messages of this size as there is room for, and no more than `count`, which are written in place,
    /// over zeros, each by its number among them; how many.
    #[inline(always)]
    pub fn push_many_with(
        &mut self,
        size: usize,
        count: usize,
        write: impl FnMut(usize, &mut [u8]),
    ) -> usize {
        let room = (Run::LIMIT - self.run.len()).checked_div(size).unwrap_or(Run::LIMIT);
        let added = count.min(room);
        if added > 0 {
            self.run.append_many_with(size, added, write);
        }
        added
    }

    /// How many bytes are in it.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.run.len()
    }

    /// How many messages are in it.
    pub fn count(&self) -> u64 {
        self.run.next()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    /// The messages, one by one.
    pub(super) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.run.rest();
        self.run.all_sizes().map(move |size| {
            let (message, more) = rest.split_at(size);
            rest = more;
            message
        })
    }

    /// The run, its ids counted from this one on.
    pub(super) fn into_run(mut self, first: u64) -> Run {
        self.run.renumber(first);
        self.run
    }

    /// The buffer, for another.
    pub(super) fn into_buffer(self) -> BytesMut {
        self.run.into_buffer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_takes_what_one_write_takes_and_no_more() {
        let mut pack = Pack::new(BytesMut::new());
        let taken = (0..2_000).take_while(|_| pack.push(&[7; 64])).count();
        assert_eq!((taken, pack.count(), pack.bytes()), (1024, 1024, 64 * 1024));
        assert!(pack.push(b""), "nothing needs no room");
        assert!(!pack.push(&[7; 65 * 1024]));
    }

    #[test]
    fn a_message_is_written_in_place_as_it_would_be_copied() {
        let (mut copied, mut written) = (Pack::new(BytesMut::new()), Pack::new(BytesMut::new()));
        for message in [&b"one"[..], b"", b"three", b"seven"] {
            assert!(copied.push(message));
            assert!(written.push_with(message.len(), |room| room.copy_from_slice(message)).is_ok());
        }
        assert!(written.push_with(65 * 1024, |_| panic!("there is no room")).is_err());
        assert!(written.messages().eq(copied.messages()) && written.count() == copied.count());
    }

    #[test]
    fn many_messages_are_written_as_one_by_one_up_to_what_there_is_room_for() {
        let (mut many, mut single) = (Pack::new(BytesMut::new()), Pack::new(BytesMut::new()));
        let write = |number: usize, room: &mut [u8]| room.fill(number as u8);
        for (size, count) in [(3, 5), (3, 2), (0, 4), (64, 2_000), (64, 1), (1, 9)] {
            let added = many.push_many_with(size, count, write);
            let alone = (0..count).take_while(|n| single.push_with(size, |room| write(*n, room)).is_ok());
            assert_eq!(added, alone.count(), "{count} of {size} bytes");
        }
        assert!(many.messages().eq(single.messages()) && many.count() == single.count());
        assert_eq!(many.bytes(), 21 + 1023 * 64 + 9);
    }

    #[test]
    fn its_messages_are_those_that_were_put_into_it() {
        let mut pack = Pack::new(BytesMut::new());
        let messages: [&[u8]; 5] = [b"one", b"two", b"", b"four", b"five"];
        assert!(messages.iter().all(|message| pack.push(message)));
        assert!(pack.messages().eq(messages));
        let mut run = pack.into_run(7);
        let ids: Vec<_> = (0..5).map(|_| run.pop().0).collect();
        assert_eq!(ids, [7, 8, 9, 10, 11]);
    }
}
