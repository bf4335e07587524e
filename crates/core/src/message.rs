//! What an application sends and receives.

use crate::properties::MessageProperties;
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
    /// How it is to be sent. Of a received message only `final` is said: that it is the last one (RFC 9622
    /// §9.3.3.3).
    pub properties: MessageProperties,
}

impl Message {
    /// A message of these bytes, with every property at its default.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), context: MessageContext::default() }
    }

    /// Marks the message as the last one of its direction (RFC 9622 §9.1.3.5).
    #[must_use]
    pub fn last(mut self) -> Self {
        self.context.properties.is_final = Some(true);
        self
    }

    /// Whether it is the last one of its direction (RFC 9622 §9.1.3.5, §9.3.3.3).
    pub fn is_final(&self) -> bool {
        self.context.properties.is_final()
    }

    /// The same with these properties, but for those that were said of it before (RFC 9622 §9.1.3).
    #[must_use]
    pub fn with_properties(mut self, properties: &MessageProperties) -> Self {
        self.context.properties = self.context.properties.or(properties);
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
