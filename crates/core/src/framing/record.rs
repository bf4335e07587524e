//! What all framers with a header share: messages are collected until their length is known.

use super::{FramingFailure, MessageFramer};
use bytes::Bytes;

/// The parts of a message that is being sent, of which the last has not come.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    parts: Vec<Bytes>,
    length: u64,
}

impl Collected {
    /// Takes the next part. Once the message is complete: its length.
    ///
    /// *Errors*: `TooLong`.
    #[inline]
    pub(super) fn add(&mut self, data: &Bytes, end: bool, limit: u64) -> Result<Option<u64>, FramingFailure> {
        let length = self.length.saturating_add(data.len() as u64);
        if length > limit {
            return Err(FramingFailure::TooLong { limit });
        }
        if end {
            return Ok(Some(length));
        }
        self.length = length;
        self.keep(data);
        Ok(None)
    }

    #[cold]
    fn keep(&mut self, data: &Bytes) {
        // Many tiny parts would cost more than their bytes.
        match self.parts.pop() {
            Some(last) if last.len() + data.len() <= Self::JOINED => {
                let mut last = last.try_into_mut().unwrap_or_else(|last| last[..].into());
                last.extend_from_slice(data);
                self.parts.push(last.freeze());
            }
            last => self.parts.extend(last.into_iter().chain([data.clone()])),
        }
    }

    /// Sends the message, whose last part this is.
    #[inline]
    pub(super) fn send(&mut self, framer: &mut MessageFramer<'_>, last: &Bytes) {
        if !self.parts.is_empty() {
            self.send_parts(framer);
        }
        framer.send_bytes(last);
    }

    #[cold]
    fn send_parts(&mut self, framer: &mut MessageFramer<'_>) {
        for part in &self.parts {
            framer.send_bytes(part);
        }
        self.clear();
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        if !self.parts.is_empty() {
            *self = Self::default();
        }
    }

    const JOINED: usize = 4096;
}
