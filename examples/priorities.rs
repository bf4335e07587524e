//! Messages that wait go by their priority, the lower number first, and not at all when their lifetime has run out.

use neatflow::framing::Lines;
use neatflow::prelude::*;
use neatflow::properties::Lifetime;
use neatflow::{Error, Message};
use std::time::Duration;

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let framed = Preconnection::new(&transport).framer(Lines::new());
    let listener = framed.clone().local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];

    let connection = framed.remote(address).initiate()?;
    // Nothing leaves before it is Ready: all of this waits together.
    let say = |text: &'static str, priority| {
        let mut message = Message::new(text);
        message.context.properties.msg_priority = Some(priority);
        message
    };
    let _ = connection.send(say("a report that has time", 300));
    let _ = connection.send(say("news", 100));
    let _ = connection.send(say("fire!", 1));
    let mut fleeting = say("the time is 12:00:00.000", 200);
    fleeting.context.properties.msg_lifetime = Some(Lifetime::Limited(Duration::from_nanos(1)));
    let fleeting = connection.send(fleeting);
    match fleeting.await {
        Err(reason) => println!("not sent: {reason}"),
        Ok(()) => println!("sent in no time"),
    }
    connection.close();

    let peer = listener.accept().await.ok_or(Error::Stopped)?;
    while let Ok(message) = peer.received().await {
        println!("received {}", String::from_utf8_lossy(&message.data));
    }
    peer.close();
    connection.closed().await
}
