//! A message framer: what is sent comes as it was sent, although TCP knows no messages. This one puts a byte of length
//! before each message. Talks to an echo server in the same process.

use bytes::Bytes;
use neatflow::framing::{Framer, FramingFailure, MessageFramer};
use neatflow::prelude::*;
use neatflow::{Error, MessageContext, SendFailure};

/// One byte of length, and so many bytes.
#[derive(Clone, Debug)]
struct Pascal;

impl Framer for Pascal {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        let length = u8::try_from(data.len()).map_err(|_| FramingFailure::TooLong { limit: 255 })?;
        if !end_of_message {
            return Err(FramingFailure::unframeable("a part of a message"));
        }
        framer.send(&[length]);
        framer.send_bytes(data);
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        while let Some(header) = framer.parse(1, 1) {
            let length = header.data[0].into();
            framer.advance_receive_cursor(1);
            // It need not have come yet.
            framer.deliver_and_advance_receive_cursor(framer.received_context(), length, true);
        }
        Ok(())
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    // With a framer TCP keeps the boundaries of messages, and may be asked for it.
    let framed = Preconnection::new(&transport).framer(Pascal).require(PreserveMsgBoundaries);

    let listener = framed.clone().local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(async move {
        while let Some(connection) = listener.accept().await {
            while let Ok(message) = connection.received().await {
                // What is lost with the connection is lost.
                let _ = connection.send(message).await;
            }
        }
    });

    let connection = framed.remote(address).initiate()?;
    for word in ["one", "two", "", "three"] {
        // They leave together, and come one by one.
        let _ = connection.send(word);
    }
    for _ in 0..4 {
        let message = connection.received().await?;
        println!("received {:?}", String::from_utf8_lossy(&message.data));
    }
    // A message that the framer cannot express comes back by itself; the connection goes on.
    match connection.send(vec![0; 1000]).await {
        Err(SendFailure::Framing(reason)) => println!("1000 bytes: {reason}"),
        other => other?,
    }
    connection.close();
    connection.closed().await
}
