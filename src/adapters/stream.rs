//! Messages that come, as a stream.

use crate::Connection;
use futures::Stream;
use futures::stream::FusedStream;
use neatflow_actors::flow::ReceivedFuture;
use neatflow_core::{Message, ReceiveFailure};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The messages of a connection, to the peer's end. What fails instead is told once, and is the end, too.
///
/// Nothing is read further ahead than one read of the transport, so a peer that sends faster than the stream is polled
/// is held back. It holds the connection open, and pulls: subscribers are told of none of its messages.
///
/// *Cancel safety*: a `next()` that is dropped loses nothing; nor does the stream, when it is dropped: what has come
/// stays for whoever asks next.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MessageStream {
    connection: Connection,
    next: ReceivedFuture,
    ended: bool,
}

impl MessageStream {
    /// The messages of this connection, from now on.
    pub fn new(connection: Connection) -> Self {
        Self { next: connection.received(), connection, ended: false }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, with what has not been taken out of it.
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

impl From<Connection> for MessageStream {
    fn from(connection: Connection) -> Self {
        Self::new(connection)
    }
}

impl Stream for MessageStream {
    type Item = Result<Message, ReceiveFailure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let came = std::task::ready!(Pin::new(&mut this.next).poll(cx));
        this.ended = came.is_err();
        Poll::Ready(match came {
            Ok(message) => {
                this.next = this.connection.received();
                Some(Ok(message))
            }
            Err(ReceiveFailure::Finished) => None,
            Err(failure) => Some(Err(failure)),
        })
    }
}

impl FusedStream for MessageStream {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}
