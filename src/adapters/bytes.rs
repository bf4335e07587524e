//! A byte stream, for code written to tokio's traits.

use crate::Connection;
use bytes::{Buf, Bytes};
use neatflow_actors::flow::{ReceivedFuture, Sender};
use neatflow_core::{Error, EstablishmentFailure, Message, Protocol, ReceiveFailure, SendFailure};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much one write takes at most: the queue passes its high-water mark by no more.
const CHUNK: usize = 64 * 1024;

/// A connection over a byte stream as tokio's `AsyncRead` and `AsyncWrite`, for `tokio::io::copy`, codecs, and
/// protocols written to them.
///
/// Reading ends at the peer's end. A write is taken while the queue is not above its high-water mark (256 KiB);
/// `flush` waits until the transport has taken everything; `shutdown` sends our end and leaves the other direction
/// open. It holds the connection open: dropping it closes the connection gracefully, once what was written is
/// delivered.
///
/// *Cancel safety*: a read or write that is dropped has read, or written, nothing; a `shutdown` that is dropped may
/// have sent our end.
#[derive(Debug)]
pub struct ByteStream {
    connection: Connection,
    next: ReceivedFuture,
    sender: Sender,
    /// The rest of a message that was read in part.
    unread: Bytes,
    /// Our end was sent.
    shut: bool,
}

/// Why a connection cannot be read and written as bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ByteStreamFailure {
    /// It was not established.
    #[error(transparent)]
    NotEstablished(Arc<EstablishmentFailure>),
    /// It carries messages with boundaries, which would be lost.
    #[error("{0} carries messages, not a stream of bytes")]
    Messages(Protocol),
}

impl From<ByteStreamFailure> for io::Error {
    fn from(failure: ByteStreamFailure) -> Self {
        match failure {
            ByteStreamFailure::NotEstablished(reason) => Error::from(reason).into(),
            ByteStreamFailure::Messages(_) => Self::new(io::ErrorKind::Unsupported, failure.to_string()),
        }
    }
}

impl ByteStream {
    /// Waits until the connection is established, and takes it over.
    ///
    /// *Errors*: it was not established, or keeps message boundaries (`require` `PreserveMsgBoundaries` not, and
    /// `Reliability`, to get a stream). *Cancel safety*: the handle is dropped with it; another keeps the connection.
    pub async fn over(connection: Connection) -> Result<Self, ByteStreamFailure> {
        connection.ready().await.map_err(ByteStreamFailure::NotEstablished)?;
        if connection.preserves_boundaries() == Some(true) {
            return Err(ByteStreamFailure::Messages(connection.stack().clone()));
        }
        let (next, sender) = (connection.received(), connection.sender());
        Ok(Self { connection, next, sender, unread: Bytes::new(), shut: false })
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, and what was taken out of it and not read.
    pub fn into_parts(self) -> (Connection, Bytes) {
        (self.connection, self.unread)
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // An empty message would look like the end.
        while this.unread.is_empty() {
            match ready!(Pin::new(&mut this.next).poll(cx)) {
                Ok(message) => this.unread = message.data,
                Err(ReceiveFailure::Finished) => return Poll::Ready(Ok(())),
                Err(failure) => return Poll::Ready(Err(Error::from(failure).into())),
            }
            this.next = this.connection.received();
        }
        let length = this.unread.len().min(buffer.remaining());
        buffer.put_slice(&this.unread[..length]);
        this.unread.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let sender = &mut self.get_mut().sender;
        let data = &data[..data.len().min(CHUNK)];
        loop {
            ready!(sender.poll_room(cx)).map_err(unwritten)?;
            if data.is_empty() {
                return Poll::Ready(Ok(0));
            }
            match sender.send(Bytes::copy_from_slice(data)) {
                Ok(_) => return Poll::Ready(Ok(data.len())),
                // Others send as well, and were faster: now there is no room.
                Err(SendFailure::QueueFull) => {}
                Err(reason) => return Poll::Ready(Err(unwritten(reason))),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().sender.poll_sent(cx).map_err(unwritten)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.shut {
            match this.sender.send(Message::default().last()) {
                // Somebody else has sent it.
                Ok(_) | Err(SendFailure::AfterFinal | SendFailure::Closed) => this.shut = true,
                Err(SendFailure::QueueFull) => ready!(this.sender.poll_room(cx)).map_err(unwritten)?,
                Err(reason) => return Poll::Ready(Err(unwritten(reason))),
            }
        }
        this.sender.poll_sent(cx).map_err(unwritten)
    }
}

fn unwritten(reason: SendFailure) -> io::Error {
    match reason {
        SendFailure::AfterFinal | SendFailure::Closed => {
            io::Error::new(io::ErrorKind::BrokenPipe, reason.to_string())
        }
        reason => Error::from(reason).into(),
    }
}
