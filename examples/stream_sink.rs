//! A connection in the clothes of other libraries: a `Stream` and a `Sink` of messages, with the combinators of
//! futures; and `AsyncRead` with `AsyncWrite`, with the codecs of tokio-util. Each goes at the pace of the network.

use futures::{SinkExt, StreamExt, TryStreamExt};
use neatflow::adapters::{ByteStream, MessageSink, MessageStream};
use neatflow::prelude::*;
use neatflow::{Error, Message};
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{Framed, LinesCodec};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let transport = Transport::builder().start_thread()?;
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    tokio::spawn(serve(listener));

    // Messages: what one read brought is one, so they are counted in bytes here.
    let connection = Preconnection::new(&transport).remote(address).initiate()?;
    let mut sink = MessageSink::new(connection.clone());
    for chunk in 0..1_000_u32 {
        sink.feed(vec![chunk as u8; 1_000].into()).await?; // waits while the queue is high
    }
    sink.send(Message::default().last()).await?; // our end, and all before it, is with the system
    let lengths = MessageStream::new(connection).map_ok(|message| message.len());
    let (messages, bytes) = lengths.try_fold((0, 0), async |(n, all), len| Ok((n + 1, all + len))).await?;
    println!("1000 messages of 1000 bytes went out; {bytes} bytes came back, in {messages} messages");

    // Bytes, with somebody else's codec.
    let connection = Preconnection::new(&transport).remote(address).initiate()?;
    let mut lines = Framed::new(ByteStream::over(connection).await?, LinesCodec::new());
    for line in ["one", "two", "three"] {
        lines.send(line).await?;
        if let Some(answer) = lines.next().await {
            println!("line: {}", answer?);
        }
    }
    lines.get_mut().shutdown().await?; // our end
    println!("after it: {:?}", lines.next().await.transpose()?);
    Ok(())
}

/// Echoes: a stream forwarded into a sink, which closes at the peer's end.
async fn serve(listener: Listener) {
    while let Some(connection) = listener.accept().await {
        let stream = MessageStream::new(connection.clone()).map_err(Error::from);
        let sink = MessageSink::new(connection).sink_map_err(Error::from);
        tokio::spawn(stream.forward(sink));
    }
}
