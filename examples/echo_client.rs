//! A client without an actor: every action has an `async` form, and a transport can have a thread of its own, so
//! that plain tokio code needs to know nothing of actix. Talks to an echo server in the same process.

use neatflow::Message;
use neatflow::prelude::*;
use neatflow::{Error, ReceiveFailure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let transport = Transport::builder().start_thread()?;

    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await.map_err(Error::from)?[0];
    tokio::spawn(serve(listener));

    let connection = Preconnection::new(&transport).remote(address).initiate()?;
    talk(&connection).await?;

    // Both ends were sent and everything was read: the connection ends by itself.
    connection.closed().await?;
    println!("closed");
    Ok(())
}

async fn talk(connection: &Connection) -> Result<(), Error> {
    connection.ready().await?;
    println!("ready over {}", connection.stack());

    for word in ["one", "two", "three"] {
        connection.send(word).await?; // the transport has taken it
        println!("sent {word}, received {}", receive(connection, word.len()).await?);
    }

    // The last message is followed by our end. The other direction lives on, until the peer's end.
    connection.send(Message::new("and out").last()).await?;
    loop {
        match connection.received().await {
            Ok(message) => println!("received {}", text(&message.data)),
            Err(ReceiveFailure::Finished) => return Ok(()),
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// A byte stream has no boundaries: a message is what one read brought, so we count.
async fn receive(connection: &Connection, length: usize) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend_from_slice(&connection.received().await?.data);
    }
    Ok(text(&bytes))
}

/// Echoes until the listener stops.
async fn serve(listener: Listener) {
    while let Some(connection) = listener.accept().await {
        tokio::spawn(async move {
            while let Ok(message) = connection.received().await {
                if connection.send(message).await.is_err() {
                    return;
                }
            }
            // The last handle is dropped here: that closes the connection, after what was sent.
        });
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
