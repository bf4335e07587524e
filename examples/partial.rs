//! A message that is longer than the application wants to hold goes in parts, and comes in parts: each byte once, and in
//! order. Whoever asks says how much it takes.

use futures::StreamExt;
use neatflow::framing::Lines;
use neatflow::prelude::*;
use neatflow::{Error, MessageContext, ReceiveLimits};

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let framed = Preconnection::new(&transport).framer(Lines::new());

    let listener = framed.clone().local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(async move {
        if let Some(connection) = listener.accept().await {
            // One message in three parts, each of which leaves as soon as it is said.
            let mut message = connection.send_partial(MessageContext::default());
            for part in [vec![b'a'; 1_000], vec![b'b'; 1_000]] {
                let sent = message.send(part).await;
                println!("a part is on its way: {}", sent.is_ok());
            }
            // Another waits until this one has ended.
            let _ = connection.send("short");
            let _ = message.last(vec![b'c'; 500]).await;
            connection.close();
            // It is kept until everything was delivered.
            let _ = connection.closed().await;
        }
    });

    let connection = framed.remote(address).initiate()?;
    let mut events = connection.events();
    connection.ready().await?;
    let ask = || connection.receive_with(ReceiveLimits { min_incomplete: Some(500), max: 1_000 });
    ask();
    while let Some(event) = events.next().await {
        match event {
            Event::ReceivedPartial(part) => {
                let end = if part.end_of_message { ", and that is its end" } else { "" };
                println!("{} bytes of a message{end}", part.message.len());
                ask();
            }
            Event::Received(whole) => {
                println!("a whole message: {whole}");
                ask();
            }
            Event::ReceiveError(error) => {
                println!("no more: {}", error.reason);
                connection.close();
            }
            _ => {}
        }
    }
    connection.closed().await
}
