//! Datagrams: the profile says that messages keep their boundaries and may be lost, reordered or doubled, and UDP is
//! what gives that. A listener has a connection for each source. Talks to an echo server in the same process.

use neatflow::prelude::*;
use neatflow::{Error, SendFailure};

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();

    let listener = datagrams(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(serve(listener));

    let connection = datagrams(&transport).remote(address).initiate()?;
    connection.ready().await?; // nothing was sent for it: whether anybody is there shows later
    println!("ready over {}", connection.stack());

    // A message is a datagram, and comes back as one: no counting of bytes.
    for word in ["one", "two", "three"] {
        connection.send(word).await?;
        let answer = connection.received().await?;
        println!("sent {word}, received {}", String::from_utf8_lossy(&answer.data));
    }

    // One that no datagram can hold comes back by itself; the connection goes on.
    match connection.send(vec![0; 100_000]).await {
        Err(SendFailure::TooLarge { limit }) => println!("100000 bytes are too many; the limit is {limit}"),
        other => other?,
    }

    // UDP has no end that the peer would hear of: closing is done at once.
    connection.close();
    connection.closed().await?;
    println!("closed");
    Ok(())
}

fn datagrams(transport: &Transport) -> Preconnection {
    Preconnection::new(transport).properties(TransportProperties::unreliable_datagram())
}

/// Echoes until the listener stops.
async fn serve(listener: Listener) {
    while let Some(connection) = listener.accept().await {
        actix::spawn(async move {
            // The other end of a source is heard of only as silence: the connection ends after half a minute of it.
            while let Ok(message) = connection.received().await {
                // What is lost here is lost as anywhere on the way.
                let _ = connection.send(message).await;
            }
        });
    }
}
