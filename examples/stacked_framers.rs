//! Two framers on top of each other: the one added last runs first when a message is sent, and last when one is
//! received. Here each message has a type and a length, and that goes into a line. Shows the bytes on the wire.

use neatflow::framing::tlv::Type;
use neatflow::framing::{Lines, Tlv, Width};
use neatflow::prelude::*;
use neatflow::{Error, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A peer that shows what comes, and sends it back.
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = peer.local_addr()?;
    actix::spawn(async move {
        let (mut stream, _) = peer.accept().await?;
        let mut buffer = [0; 64];
        loop {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                return Ok::<_, std::io::Error>(());
            }
            println!("on the wire: {}", buffer[..length].escape_ascii());
            stream.write_all(&buffer[..length]).await?;
        }
    });

    let transport = Transport::start();
    let connection = Preconnection::new(&transport)
        .remote(address)
        .framer(Lines::new())
        .framer(Tlv::new().widths(Width::One, Width::One))
        .initiate()?;
    // What is said to a framer goes with the message.
    connection.send(Message::new("good morning").with(Type(7))).await.map_err(to_text)?;
    let message = connection.received().await.map_err(to_text)?;
    println!("received {:?}: {:?}", message.context.get::<Type>(), message.data);
    connection.close();
    let closed: Result<(), Error> = connection.closed().await;
    Ok(closed?)
}

fn to_text(failure: impl ToString) -> String {
    failure.to_string()
}
