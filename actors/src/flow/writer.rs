//! Many small messages at once.

use super::buffers;
use super::shared::Shared;
use neatflow_core::connection::{Outbox, Pack};
use neatflow_core::{Message, SendFailure, Time};
use std::fmt;

/// How many bytes are zeroed before they are written: few enough to stay in the cache, and to be zeroed by plain stores,
/// which for so few bytes are faster than the string instructions that the C library takes for more.
const AT_ONCE: usize = 2047;

/// Small messages on their way into the send queue, as batches of up to 64 KiB: the queue is locked once for each, at
/// the latest when the writer is dropped, and the flow writes them at the end of its turn. Each message has an id and a
/// fate of its own, as after [`send`](super::Connection::send); that the connection is Closed only
/// [`flush`](Self::flush) tells, as no event may follow the terminal one. The connection may be used as usual meanwhile.
#[must_use = "what is written is queued when the writer is dropped"]
pub struct Writer<'a> {
    shared: &'a Shared,
    /// `None` until something is written.
    pack: Option<Pack>,
    /// How much was queued a moment ago.
    queued: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, pack: None, queued: shared.queued() }
    }

    /// Adds a message of these bytes. Whether the next one is welcome: false when what is queued is above the
    /// high-water mark of 256 KiB; then a polite sender waits for Writable. From twice the mark on messages are refused,
    /// each with a SendError.
    // Into the loop that calls it: a message of a size known there is copied without a call.
    #[inline(always)]
    pub fn send(&mut self, data: &[u8]) -> bool {
        let Some(pack) = &mut self.pack else { return self.send_on_its_own(data) };
        if !pack.push(data) {
            return self.send_on_its_own(data);
        }
        self.queued + pack.bytes() <= Outbox::HIGH_WATER
    }

    /// Adds a message of this size, which `write` writes where it is queued, over zeros: for those that would be made
    /// only to be copied. Whether the next one is welcome, as [`send`](Self::send) tells.
    #[inline(always)]
    pub fn send_with(&mut self, size: usize, write: impl FnOnce(&mut [u8])) -> bool {
        let unwritten = match &mut self.pack {
            Some(pack) => pack.push_with(size, write),
            None => Err(write),
        };
        match (unwritten, &self.pack) {
            (Ok(()), Some(pack)) => self.queued + pack.bytes() <= Outbox::HIGH_WATER,
            (Ok(()), None) => !self.is_high(),
            (Err(write), _) => {
                let mut message = vec![0; size];
                write(&mut message);
                self.send_on_its_own(&message)
            }
        }
    }

    /// Adds up to `count` messages of this size, which `write` writes where they are queued, over zeros, each by its
    /// number among them: the cheapest way to make many. How many were added: no more than are welcome, as
    /// [`send`](Self::send) tells, but at least one if any; whether the next one is, [`is_high`](Self::is_high) tells.
    pub fn send_many_with(
        &mut self,
        size: usize,
        count: usize,
        mut write: impl FnMut(usize, &mut [u8]),
    ) -> usize {
        // Up to the mark and one beyond. An empty message counts, too.
        let below = (Outbox::HIGH_WATER + 1).saturating_sub(self.queued + self.bytes());
        let count = count.min(below.div_ceil(size.max(1)).max(1));
        // So few at once that they are written before they leave the cache.
        let few = (AT_ONCE / size.max(1)).max(1);
        let mut added = 0;
        while added < count {
            let asked = few.min(count - added);
            let taken = match &mut self.pack {
                Some(pack) => pack.push_many_with(size, asked, |number, room| write(added + number, room)),
                None => 0,
            };
            if taken == 0 {
                self.send_with(size, |room| write(added, room));
            }
            added += taken.max(1);
        }
        added
    }

    fn bytes(&self) -> usize {
        self.pack.as_ref().map_or(0, Pack::bytes)
    }

    /// Whether the queue will be above its high-water mark.
    #[inline]
    pub fn is_high(&self) -> bool {
        self.queued + self.bytes() > Outbox::HIGH_WATER
    }

    /// Adds a message for which there is no pack, or no room in it, and perhaps in none.
    #[cold]
    #[inline(never)]
    fn send_on_its_own(&mut self, data: &[u8]) -> bool {
        // On a Closed connection nothing is told, here and below.
        let _ = self.flush();
        let mut pack = Pack::new(buffers::take());
        if pack.push(data) {
            self.pack = Some(pack);
        } else {
            let _ = self.shared.send(Message::new(data.to_vec()));
            self.queued = self.shared.queued();
        }
        !self.is_high()
    }

    /// Queues what was written until now.
    ///
    /// *Errors*: the connection is Closed, and nothing of it was taken.
    pub fn flush(&mut self) -> Result<(), SendFailure> {
        let Some(pack) = self.pack.take() else { return Ok(()) };
        let mut core = self.shared.lock();
        let now = if core.machine.outbox().is_timed() { self.shared.now() } else { Time::ZERO };
        let taken = core.machine.send_pack(pack, now);
        self.queued = core.machine.outbox().pending();
        self.shared.rouse(core);
        if taken { Ok(()) } else { Err(SendFailure::Closed) }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("pack", &self.pack).finish_non_exhaustive()
    }
}
