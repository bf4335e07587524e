//! Messages that go, as a sink.

use crate::Connection;
use futures::Sink;
use neatflow_actors::flow::Sender;
use neatflow_core::{Message, SendFailure};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Sends messages on a connection, at the pace of the network: it is ready while the queue is not above its high-water
/// mark (256 KiB), flushed when the transport has taken every message, and closed when the connection is
/// ([`Connection::close`]), with every byte acknowledged. It holds the connection open.
///
/// To end this direction alone, send a message that is [`last`](Message::last).
///
/// *Errors*: why a message was not sent, each told once, by whichever poll comes next. Where messages are independent
/// (datagrams) the sink goes on after it.
///
/// *Cancel safety*: a `send` or `flush` that is dropped unsends nothing; but a `send` that had to wait for room drops
/// its message with it, as with any sink: to keep it, wait for room first (`poll_ready`). What was started is sent also
/// when the sink is dropped.
#[derive(Debug)]
#[must_use = "sinks do nothing unless polled"]
pub struct MessageSink {
    connection: Connection,
    sender: Sender,
    closing: bool,
}

impl MessageSink {
    /// Sends on this connection.
    pub fn new(connection: Connection) -> Self {
        Self { sender: connection.sender(), connection, closing: false }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection; what was started is sent.
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

impl From<Connection> for MessageSink {
    fn from(connection: Connection) -> Self {
        Self::new(connection)
    }
}

impl Sink<Message> for MessageSink {
    type Error = SendFailure;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        self.get_mut().sender.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendFailure> {
        self.get_mut().sender.send(message).map(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        self.get_mut().sender.poll_sent(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.closing, true) {
            this.connection.close();
        }
        std::task::ready!(this.sender.poll_sent(cx))?;
        this.sender.poll_closed(cx)
    }
}
