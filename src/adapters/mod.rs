//! A connection in the clothes of other libraries: [`Stream`](futures::Stream) and [`Sink`](futures::Sink) of
//! messages, and tokio's `AsyncRead` and `AsyncWrite` on a byte stream. They pull and push at the pace of the network,
//! by the same queues as everybody: none has a buffer of its own, but for what a reader of bytes left of a message. And
//! the codecs of tokio-util as framers.

mod bytes;
#[cfg(feature = "codec")]
mod codec;
mod sink;
mod stream;

pub use bytes::{ByteStream, ByteStreamFailure};
#[cfg(feature = "codec")]
pub use codec::Codec;
pub use sink::MessageSink;
pub use stream::MessageStream;
