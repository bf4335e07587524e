//! A message that is sent in parts.

use super::handle::Connection;
use super::shared::Shared;
use super::waiting::{Sending, SentFuture};
use bytes::Bytes;
use neatflow_core::{Message, MessageContext, MessageId};
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

/// A message that is sent in parts, all of this context (RFC 9622 §9.2.3, `Send` with `endOfMessage`): for one that is
/// too long to be held at once, or whose length is not known yet.
///
/// Each part has an id and a fate of its own, as a message has after [`send`](Connection::send). Together they are one
/// message: with one place in the queue, by its priority and that of its first part; it arrives in one piece; it expires
/// as a whole, unless a part was sent already. Over a transport that keeps boundaries it is sent when it is complete,
/// and so it is above a framer that has to know its length; then no part is Sent before the last one is given. Over a byte
/// stream parts are sent as they come, and other messages wait for the end of this one.
///
/// Dropped without its [last](Self::last) part, or closed meanwhile, the message does not go on: parts that were not sent
/// come back as SendError ([`Incomplete`](neatflow_core::SendFailure::Incomplete)). If the peer may have seen a part the
/// connection fails ([`Incomplete`](neatflow_core::ConnectionFailure::Incomplete)), for what follows would be taken for
/// the rest. So it does when the send queue refuses a part: a polite sender looks at [`Sending::is_high`]. It keeps the
/// connection open.
#[must_use = "a message in parts that is dropped without its last part is not sent"]
pub struct PartialMessage {
    connection: Connection,
    context: MessageContext,
    /// The id of its first part, once that was given.
    first: Option<MessageId>,
    ended: bool,
}

impl PartialMessage {
    pub(super) fn new(connection: Connection, context: MessageContext) -> Self {
        Self { connection, context, first: None, ended: false }
    }

    /// Sends the next part. RFC 9622 §9.2.3, `endOfMessage` is false.
    pub fn send(&mut self, data: impl Into<Bytes>) -> Sending<'_> {
        self.part(data.into(), false)
    }

    /// Sends the last part, which may be empty. RFC 9622 §9.2.3, `endOfMessage` is true. Its fate can be awaited as that
    /// of a message.
    pub fn last(mut self, data: impl Into<Bytes>) -> SentFuture {
        self.ended = true;
        self.part(data.into(), true).into_future()
    }

    /// What is said of the message. RFC 9622 §9.1.1.
    pub fn context(&self) -> &MessageContext {
        &self.context
    }

    /// The id of its first part, once that was given: the name of the message.
    pub fn id(&self) -> Option<MessageId> {
        self.first
    }

    fn part(&mut self, data: Bytes, ends: bool) -> Sending<'_> {
        let shared: &Arc<Shared> = self.connection.shared();
        let message = Message { data, context: self.context.clone() };
        let outcome = shared.send_part(self.first, message, ends);
        if self.first.is_none()
            && let Ok(accepted) = &outcome
        {
            if accepted.refused.is_some() {
                // There is no message that others could continue: each is refused on its own.
                self.ended = true;
            }
            self.first = Some(accepted.id);
        }
        Sending::new(shared, outcome)
    }
}

impl Drop for PartialMessage {
    fn drop(&mut self) {
        if let Some(first) = self.first.filter(|_| !self.ended) {
            self.connection.shared().abandon(first);
        }
    }
}

impl fmt::Debug for PartialMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialMessage")
            .field("connection", &self.connection)
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}
