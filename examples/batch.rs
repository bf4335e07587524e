//! Many small messages as a batch: they are queued at once, leave together, and each is a message all the same.

use neatflow::Error;
use neatflow::framing::LengthPrefix;
use neatflow::prelude::*;

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let framed = Preconnection::new(&transport).framer(LengthPrefix::new());
    let listener = framed.clone().local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];

    let connection = framed.remote(address).initiate()?;
    connection.batch(|batch| {
        for n in 0..1_000_u32 {
            batch.send(&n.to_be_bytes());
        }
    });
    connection.close();

    let peer = listener.accept().await.ok_or(Error::Stopped)?;
    let (mut messages, mut sum) = (0, 0);
    while let Ok(message) = peer.received().await {
        let number: [u8; 4] = message.data[..].try_into().unwrap_or_default();
        messages += 1;
        sum += u32::from_be_bytes(number);
    }
    println!("{messages} messages, whose numbers sum up to {sum}");
    peer.close();
    connection.closed().await
}
