//! Many small messages at once.

use super::buffers;
use super::shared::Shared;
use bytes::BytesMut;
use neatflow_core::connection::State;
use std::fmt;

/// Small messages on their way into the send queue, as one batch: the queue is locked once, when the writer is dropped,
/// and the flow writes them at the end of its turn. Each has an id and a fate of its own, as after
/// [`send`](super::Connection::send). The connection may be used as usual meanwhile.
#[must_use = "what is written is queued when the writer is dropped"]
pub struct Writer<'a> {
    shared: &'a Shared,
    data: BytesMut,
    /// How long each message is; neighbours of the same length are counted.
    lengths: Vec<(usize, usize)>,
    /// How much was queued when the writer was made.
    queued: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        let queued = shared.lock().machine.outbox().pending();
        Self { shared, data: buffers::take(), lengths: Vec::new(), queued }
    }

    /// Adds a message of these bytes. Whether the next one is welcome: false when what is queued is above the
    /// high-water mark of 256 KiB; then a polite sender waits for Writable. From twice the mark on messages are refused,
    /// each with a SendError.
    pub fn send(&mut self, data: &[u8]) -> bool {
        self.data.extend_from_slice(data);
        match self.lengths.last_mut() {
            Some((length, count)) if *length == data.len() => *count += 1,
            _ => self.lengths.push((data.len(), 1)),
        }
        !self.is_high()
    }

    /// Whether the queue will be above its high-water mark.
    pub fn is_high(&self) -> bool {
        self.queued + self.data.len() > neatflow_core::connection::Outbox::HIGH_WATER
    }

    /// Whether the connection takes messages at all.
    pub fn is_open(&self) -> bool {
        self.shared.lock().machine.state() <= State::Established
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        let mut rest = &self.data[..];
        for (length, count) in &self.lengths {
            for _ in 0..*count {
                let (message, more) = rest.split_at(*length);
                rest = more;
                let _ = core.machine.send_slice(message);
            }
        }
        self.shared.rouse(core);
        self.data.clear();
        buffers::give(std::mem::take(&mut self.data));
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.data.len()).finish_non_exhaustive()
    }
}
