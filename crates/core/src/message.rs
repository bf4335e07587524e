//! What an application sends and receives.

use crate::framing::{Metadata, Metadatum};
use crate::properties::{MessageProperties, PropertyError, Value};
use bytes::Bytes;
use std::fmt;

mod messages;
mod queue;
mod run;

pub use messages::{IntoMessages, Messages, NoMessage};
pub(crate) use queue::{Chunk, Queue};
pub(crate) use run::Run;

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
    /// Of a received message: what its packet says of congestion. Default: none, where the transport does not
    /// tell. RFC 9622 §9.3.3.1.
    pub ecn: Option<Ecn>,
    /// Of a received message: that it came before the connection was established (TLS 1.3 early data), so that somebody
    /// may have replayed it. Default: false; no stack here receives any yet. RFC 9622 §9.3.3.2.
    pub early_data: bool,
    /// What the application and the framers tell each other about it. Default: nothing. RFC 9622 §9.1.2.2.
    pub metadata: Metadata,
}

impl MessageContext {
    /// Reads a property by its name in RFC 9622, or NEATPy's: those that are said of messages, and those that only
    /// received ones have (`ecn`, `earlyData`, `receivingFinalMessages`). RFC 9622 §9.1.1, §9.3.3.
    ///
    /// *Errors*: as [`MessageProperties::get`]; `ReadOnly` for `ecn` where the transport does not tell it.
    pub fn property(&self, name: &str) -> Result<Value, PropertyError> {
        match self.properties.get(name) {
            Err(PropertyError::ReadOnly("ecn")) if self.ecn.is_some() => {
                Ok(Value::Text(self.ecn.map_or_else(String::new, |ecn| ecn.to_string()).into()))
            }
            Err(PropertyError::ReadOnly("earlyData")) => Ok(Value::Boolean(self.early_data)),
            Err(PropertyError::ReadOnly("receivingFinalMessages")) => {
                Ok(Value::Boolean(self.properties.is_final()))
            }
            read => read,
        }
    }

    /// Tells a framer something about the message, in place of what was told in this type before. RFC 9622 §9.1.2.2.
    pub fn add(&mut self, value: impl Metadatum) {
        self.metadata.add(value);
    }

    /// What was told in this type, by the application or a framer. RFC 9622 §9.1.2.2.
    pub fn get<T: Metadatum>(&self) -> Option<&T> {
        self.metadata.get()
    }
}

impl From<MessageProperties> for MessageContext {
    /// This is said, and nothing else.
    fn from(properties: MessageProperties) -> Self {
        Self { properties, ..Self::default() }
    }
}

/// The Explicit Congestion Notification of a packet (RFC 3168 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The sender does not take part.
    NotEct,
    /// It does, by the code point that RFC 9331 gives to low-latency traffic.
    Ect1,
    /// It does.
    Ect0,
    /// There was congestion on the way.
    Ce,
}

impl Ecn {
    /// The lower two bits of an IPv4 TOS octet or IPv6 traffic class.
    pub const fn of_octet(octet: u8) -> Self {
        match octet & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEct => "Not-ECT",
            Self::Ect1 => "ECT(1)",
            Self::Ect0 => "ECT(0)",
            Self::Ce => "CE",
        })
    }
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

    /// The same, with something said to a framer. RFC 9622 §9.1.2.2.
    #[must_use]
    pub fn with(mut self, value: impl Metadatum) -> Self {
        self.context.add(value);
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
