//! What a message transport is offered.

use crate::message::Message;
use crate::properties::MessageProperties;

/// One or more messages of one size, end to end, of which the same is said.
///
/// A transport that can hand over several packets in one call (UDP's generic segmentation offload) may take them all;
/// any other takes the first, or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Their contents: `size` * `count` bytes.
    pub data: &'a [u8],
    /// How many bytes each has; it may be 0.
    pub size: usize,
    /// How many there are, at least 1.
    pub count: usize,
    /// What holds of each.
    pub properties: MessageProperties,
}

impl<'a> Batch<'a> {
    /// The contents of each message, in order.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let Self { data, size, count, .. } = *self;
        (0..count).map(move |n| &data[n * size..][..size])
    }
}

impl<'a> From<&'a Message> for Batch<'a> {
    fn from(message: &'a Message) -> Self {
        Self { data: &message.data, size: message.len(), count: 1, properties: message.context.properties }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_its_messages() {
        let properties = MessageProperties::new();
        let batch = Batch { data: b"onetwo", size: 3, count: 2, properties };
        assert!(batch.messages().eq([&b"one"[..], b"two"]));
        let empty = Batch { data: b"", size: 0, count: 3, properties };
        assert!(empty.messages().eq([b"", b"", b""]));
        assert!(Batch::from(&Message::new("whole")).messages().eq([b"whole"]));
    }
}
