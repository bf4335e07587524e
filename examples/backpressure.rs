//! Back-pressure: a reader that takes its time, and a sender that keeps to it. The sender queues messages until the
//! queue is above its high-water mark, stops, and goes on at Writable; so however much there is to send, what is queued
//! is bounded.

use actix::prelude::*;
use neatflow::prelude::*;
use neatflow::{Error, ReceiveFailure};
use std::time::Duration;

const MESSAGE: usize = 16 * 1024;
const ALL: usize = 32 * 1024 * 1024;

struct Hasty {
    connection: Connection,
    queued: usize,
    sent: usize,
    most: usize,
    stops: usize,
}

impl Actor for Hasty {
    type Context = Context<Self>;
}

impl Hasty {
    fn send_on(&mut self) {
        while self.queued < ALL {
            self.queued += MESSAGE;
            let high = self.connection.send(vec![0; MESSAGE]).is_high();
            self.most = self.most.max(self.queued - self.sent);
            if high {
                self.stops += 1;
                return; // until Writable
            }
        }
        self.connection.close(); // what is queued is delivered first
    }
}

impl Handler<Ready> for Hasty {
    type Result = ();

    fn handle(&mut self, _: Ready, _: &mut Self::Context) {
        self.send_on();
    }
}

impl Handler<Sent> for Hasty {
    type Result = ();

    fn handle(&mut self, _: Sent, _: &mut Self::Context) {
        self.sent += MESSAGE;
    }
}

impl Handler<Writable> for Hasty {
    type Result = ();

    fn handle(&mut self, _: Writable, _: &mut Self::Context) {
        self.send_on();
    }
}

impl Handler<Closed> for Hasty {
    type Result = ();

    fn handle(&mut self, _: Closed, _: &mut Self::Context) {
        let (all, most) = (self.queued / 1024, self.most / 1024);
        println!("sender: {all} KiB sent; never more than {most} KiB queued; stopped {} times", self.stops);
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let connection = Preconnection::new(&transport).remote(listener.listening().await?[0]).initiate()?;
    let hasty = Hasty { connection: connection.clone(), queued: 0, sent: 0, most: 0, stops: 0 }.start();
    connection.subscribe::<(Ready, Sent, Writable, Closed), _>(&hasty);

    let Some(slow) = listener.accept().await else { return Ok(()) };
    let (mut read, mut rested) = (0, 0);
    loop {
        match slow.received().await {
            Ok(message) => read += message.len(),
            Err(ReceiveFailure::Finished) => break,
            Err(failure) => return Err(failure.into()),
        }
        if read >> 22 > rested {
            rested = read >> 22;
            println!("reader: {:>2} MiB, and a rest", read >> 20);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    connection.closed().await?;
    println!("reader: {} KiB, which is all of it", read / 1024);
    Ok(())
}
