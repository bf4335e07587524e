//! One message for each line.

use super::inlet::position;
use super::{Found, Framer, FramingFailure, MessageFramer, SentMessages};
use crate::message::MessageContext;
use bytes::Bytes;

/// Every message is a line, which ends in a line feed. The line feed is no part of the message, nor is a carriage return
/// just before it, which may come or not.
///
/// A message that contains a line feed, or ends in a carriage return, cannot be sent. One that is sent in parts goes out
/// part by part.
#[derive(Clone, Debug)]
pub struct Lines {
    limit: u64,
    with_return: bool,
    /// How much of a message was sent in parts, and whether that ends in a carriage return.
    sent: u64,
    ends_in_return: bool,
}

impl Lines {
    /// The longest line by default: 64 KiB.
    pub const LIMIT: u64 = 64 * 1024;

    /// Sends lines that end in a line feed.
    pub fn new() -> Self {
        Self { limit: Self::LIMIT, with_return: false, sent: 0, ends_in_return: false }
    }

    /// Sends lines that end in a carriage return and a line feed, as most protocols of the Internet.
    pub fn crlf() -> Self {
        Self { with_return: true, ..Self::new() }
    }

    /// With lines up to so many bytes, without their end. Default: 64 KiB.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Finds the line at the beginning of this, if it is not too long.
    fn find(&self, rest: &[u8]) -> Option<Found> {
        let end = position(rest, b'\n')?;
        let length = end - usize::from(rest[..end].ends_with(b"\r"));
        (length as u64 <= self.limit).then_some(Found { before: 0, length, after: end + 1 - length })
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for Lines {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        let sent = self.sent.saturating_add(data.len() as u64);
        if sent > self.limit {
            return Err(FramingFailure::TooLong { limit: self.limit });
        }
        if position(data, b'\n').is_some() {
            return Err(FramingFailure::unframeable("a line feed within a line"));
        }
        let ends_in_return = data.last().map_or(self.ends_in_return, |last| *last == b'\r');
        if end_of_message && ends_in_return {
            return Err(FramingFailure::unframeable("a carriage return at the end of a line"));
        }
        framer.send_bytes(data);
        if end_of_message {
            framer.send(if self.with_return { b"\r\n" } else { b"\n" });
            self.abandon_sent_message();
        } else {
            self.sent = sent;
            self.ends_in_return = ends_in_return;
        }
        Ok(())
    }

    fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        let end: &[u8] = if self.with_return { b"\r\n" } else { b"\n" };
        while let Some(data) = messages.peek()
            && data.len() as u64 <= self.limit
            && !data.ends_with(b"\r")
            && position(data, b'\n').is_none()
        {
            messages.send(&[], end);
        }
    }

    fn abandon_sent_message(&mut self) {
        self.sent = 0;
        self.ends_in_return = false;
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        loop {
            let context = framer.received_context();
            framer.deliver_run(|| context, |rest| self.find(rest));
            let Some(length) = framer.find(b'\n') else {
                // One more may be the carriage return.
                let too_long = framer.available() as u64 > self.limit.saturating_add(1);
                return if too_long && framer.parse(0, 0).is_some() {
                    Err(FramingFailure::TooLong { limit: self.limit })
                } else {
                    Ok(())
                };
            };
            let Some(line) = framer.parse(length + 1, length + 1) else { return Ok(()) };
            let with_return = line.data[..length].ends_with(b"\r");
            let text = (length - usize::from(with_return)) as u64;
            if text > self.limit {
                return Err(FramingFailure::TooLong { limit: self.limit });
            }
            framer.deliver_and_advance_receive_cursor(framer.received_context(), text, true);
            framer.advance_receive_cursor(1 + u64::from(with_return));
        }
    }
}
