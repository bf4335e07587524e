//! What an application sends and receives.

use bytes::Bytes;

/// Names one message of one connection; ids rise in the order of `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// Names one `receive` of one connection; ids rise in the order of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiveId(pub u64);

/// Bytes with the context they travel in (RFC 9622 §9.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The content; it may be empty.
    pub data: Bytes,
    /// What is said about it.
    pub context: MessageContext,
}

/// What is said about a message (RFC 9622 §9.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageContext {
    /// The last message of its direction. Sent over TCP it is followed by the end of our stream; the other
    /// direction lives on. Default: false. RFC 9622 §9.1.3.5 (`final`), §9.3.3.3.
    pub is_final: bool,
}

impl Message {
    /// A message of these bytes, with every property at its default.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), context: MessageContext::default() }
    }

    /// Marks the message as the last one of its direction (RFC 9622 §9.1.3.5).
    #[must_use]
    pub fn last(mut self) -> Self {
        self.context.is_final = true;
        self
    }

    /// How many bytes the message has.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

macro_rules! message_from {
    ($($source:ty),* $(,)?) => {$(
        impl From<$source> for Message {
            fn from(data: $source) -> Self {
                Self::new(data)
            }
        }
    )*};
}

message_from!(Bytes, bytes::BytesMut, &'static str, &'static [u8], String, Vec<u8>);
