//! The type of a message, its length, and the message.

use super::record::Collected;
use super::{Found, Framer, FramingFailure, LengthPrefix, MessageFramer, SentMessages, Width};
use crate::message::MessageContext;
use bytes::Bytes;

/// The type of a message: metadata that [`Tlv`] reads from messages that are sent, and adds to those that come.
/// A message of which none is said has type 0.
///
/// ```
/// use neatflow_core::Message;
/// use neatflow_core::framing::tlv::Type;
///
/// let message = Message::new("how are you?").with(Type(7));
/// assert_eq!(message.context.get(), Some(&Type(7)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u64);

/// Every message goes after its [type](Type) and its length: two bytes and four, unless said otherwise, in network byte
/// order. The length is the value's alone.
///
/// A message that is sent in parts is kept until its last one, for its length is not known before. Two of these on top
/// of each other send the same type.
#[derive(Clone, Debug)]
pub struct Tlv {
    types: Width,
    lengths: Width,
    limit: u64,
    collected: Collected,
}

impl Tlv {
    /// Two bytes of type, four of length, and messages up to 16 MiB.
    pub fn new() -> Self {
        Self {
            types: Width::Two,
            lengths: Width::Four,
            limit: LengthPrefix::LIMIT,
            collected: Collected::default(),
        }
    }

    /// With a type and a length of these widths. Default: two bytes and four.
    #[must_use]
    pub fn widths(mut self, types: Width, lengths: Width) -> Self {
        self.types = types;
        self.lengths = lengths;
        self
    }

    /// Finds the message at the beginning of this, if it is of this type and its length makes sense.
    #[inline]
    fn find(&self, rest: &[u8], kind: Type) -> Option<Found> {
        let middle = self.types.bytes();
        let before = middle + self.lengths.bytes();
        let header = rest.get(..before)?;
        let length = self.lengths.read(&header[middle..]);
        let length = usize::try_from(length).ok().filter(|_| length <= self.limit)?;
        (self.types.read(header) == kind.0).then_some(Found { before, length, after: 0 })
    }

    /// With messages up to so many bytes. Default: 16 MiB. No message is longer than its length can say.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

impl Default for Tlv {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for Tlv {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        let Type(kind) = context.get().copied().unwrap_or_default();
        if kind > self.types.max() {
            return Err(FramingFailure::unframeable(format!(
                "type {kind} is more than {}",
                self.types.max()
            )));
        }
        let limit = self.limit.min(self.lengths.max());
        let Some(length) = self.collected.add(data, end_of_message, limit)? else { return Ok(()) };
        let mut header = [0; 16];
        let middle = self.types.bytes();
        self.types.write(kind, &mut header);
        self.lengths.write(length, &mut header[middle..]);
        framer.send(&header[..middle + self.lengths.bytes()]);
        self.collected.send(framer, data);
        Ok(())
    }

    fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        let Type(kind) = messages.context().get().copied().unwrap_or_default();
        if kind > self.types.max() {
            return;
        }
        let limit = self.limit.min(self.lengths.max());
        let mut header = [0; 16];
        let middle = self.types.bytes();
        self.types.write(kind, &mut header);
        while let Some(data) = messages.peek()
            && data.len() as u64 <= limit
        {
            self.lengths.write(data.len() as u64, &mut header[middle..]);
            messages.send(&header[..middle + self.lengths.bytes()], &[]);
        }
    }

    fn abandon_sent_message(&mut self) {
        self.collected.clear();
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        let middle = self.types.bytes();
        let header = middle + self.lengths.bytes();
        while let Some(parsed) = framer.parse(header, header) {
            let kind = Type(self.types.read(parsed.data));
            let length = self.lengths.read(&parsed.data[middle..]);
            if length > self.limit {
                return Err(FramingFailure::TooLong { limit: self.limit });
            }
            framer.advance_receive_cursor(header as u64);
            let mut context = framer.received_context();
            context.add(kind);
            framer.deliver_and_advance_receive_cursor(context.clone(), length, true);
            // Those that follow usually are of the same type.
            framer.deliver_run(|| context, |rest| self.find(rest, kind));
        }
        Ok(())
    }
}
