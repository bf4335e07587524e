//! The length of a message, and the message.

use super::record::Collected;
use super::{Found, Framer, FramingFailure, MessageFramer, SentMessages, Width};
use crate::message::MessageContext;
use bytes::Bytes;

/// Every message goes after its length: four bytes, unless said otherwise, in network byte order. So do those of
/// NEATPy's `ExampleFramer`.
///
/// A message that is sent in parts is kept until its last one, for its length is not known before.
#[derive(Clone, Debug)]
pub struct LengthPrefix {
    width: Width,
    limit: u64,
    /// What the length counts besides the message.
    counted: u64,
    collected: Collected,
}

impl LengthPrefix {
    /// The longest message by default: 16 MiB.
    pub const LIMIT: u64 = 16 * 1024 * 1024;

    /// Four bytes of length, which do not count themselves, and messages up to 16 MiB.
    pub fn new() -> Self {
        Self { width: Width::Four, limit: Self::LIMIT, counted: 0, collected: Collected::default() }
    }

    /// With a length of this width. Default: four bytes.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        if self.counted > 0 {
            self.counted = width.bytes() as u64;
        }
        self.width = width;
        self
    }

    /// With messages up to so many bytes. Default: 16 MiB. No message is longer than its length can say.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// With a length that counts its own bytes, too. Default: it does not.
    #[must_use]
    pub fn counting_itself(mut self) -> Self {
        self.counted = self.width.bytes() as u64;
        self
    }

    /// The longest message, in bytes.
    fn longest(&self) -> u64 {
        self.limit.min(self.width.max() - self.counted)
    }

    /// Finds the message at the beginning of this, if its length makes sense.
    #[inline]
    fn find(&self, rest: &[u8]) -> Option<Found> {
        let before = self.width.bytes();
        let length = self.width.read(rest.get(..before)?).checked_sub(self.counted)?;
        let length = usize::try_from(length).ok().filter(|_| length <= self.limit)?;
        Some(Found { before, length, after: 0 })
    }
}

impl Default for LengthPrefix {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for LengthPrefix {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        let Some(length) = self.collected.add(data, end_of_message, self.longest())? else { return Ok(()) };
        let mut header = [0; 8];
        self.width.write(length + self.counted, &mut header);
        framer.send(&header[..self.width.bytes()]);
        self.collected.send(framer, data);
        Ok(())
    }

    fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        let (longest, width) = (self.longest(), self.width.bytes());
        let mut header = [0; 8];
        while let Some(data) = messages.peek()
            && data.len() as u64 <= longest
        {
            self.width.write(data.len() as u64 + self.counted, &mut header);
            messages.send(&header[..width], &[]);
        }
    }

    fn abandon_sent_message(&mut self) {
        self.collected.clear();
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        let width = self.width.bytes();
        loop {
            let context = framer.received_context();
            framer.deliver_run(|| context, |rest| self.find(rest));
            let Some(header) = framer.parse(width, width) else { return Ok(()) };
            let Some(length) = self.width.read(header.data).checked_sub(self.counted) else {
                return Err(FramingFailure::malformed("a length that is shorter than itself"));
            };
            if length > self.limit {
                return Err(FramingFailure::TooLong { limit: self.limit });
            }
            framer.advance_receive_cursor(width as u64);
            framer.deliver_and_advance_receive_cursor(framer.received_context(), length, true);
        }
    }
}
