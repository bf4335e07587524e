//! What goes through a stack of framers, and what it says.

use super::FramingFailure;
use crate::message::{Message, MessageContext};
use bytes::Bytes;

/// A message, or a part of one; parts of one message follow each other without gaps (RFC 9622 §9.2.3, §9.3.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The next bytes of the message; there may be none.
    pub data: Bytes,
    /// What is said about the message.
    pub context: MessageContext,
    /// Whether the message ends with these bytes.
    pub end_of_message: bool,
}

impl From<Message> for Part {
    fn from(message: Message) -> Self {
        Self { data: message.data, context: message.context, end_of_message: true }
    }
}

/// What lies below the lowest framer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Below {
    /// Bytes in order. To a framer they are one message, which ends when the peer's stream does. What cannot be
    /// parsed fails the connection: where the next message would begin is unknown.
    Stream,
    /// Messages. What cannot be parsed costs the message it is in, and no other.
    Messages,
}

/// How much a stack of framers keeps, for each framer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes may wait for a framer to make something of them. Default: 1 MiB.
    pub unparsed: usize,
    /// A message whose length is known and no longer than this is delivered whole; a longer one in parts, as they
    /// come, none of which is kept. In bytes; default: 256 KiB. RFC 9622 §9.3.2.2.
    pub whole: usize,
    /// After so many messages a framer is stopped until they were taken. Default: 1024.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unparsed: 1024 * 1024, whole: 256 * 1024, batch: 1024 }
    }
}

/// What a stack of framers puts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Every framer is ready: messages may be sent. Nothing is received before it. RFC 9623 §6.1,
    /// `MakeConnectionReady`.
    Ready,
    /// A message, or a part of one, came.
    Received(Part),
    /// Below are messages, and one was not what the framers understand: it is thrown away, with the rest of a
    /// message of which parts were received. RFC 9622 §9.3.2.3.
    ReceiveError(FramingFailure),
    /// The peer's end has come, after everything else it sent.
    Finished,
    /// Every framer has stopped: our end may be sent. RFC 9623 §6.1, `MakeConnectionClosed`.
    Closed,
    /// It failed, and nothing follows. Before `Ready` another candidate may be tried, with another stack. RFC 9623
    /// §6.1, `FailConnection`.
    Failed(FramingFailure),
}
