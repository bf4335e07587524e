//! The smallest client: says what it needs, greets, prints the answer. It expects an echo server on port 7000;
//! `cargo run --example echo_server` is one.

use actix::prelude::*;
use neatflow::prelude::*;

struct Greeter;

impl Actor for Greeter {
    type Context = Context<Self>;
}

impl Handler<Ready> for Greeter {
    type Result = ();

    fn handle(&mut self, ready: Ready, _: &mut Self::Context) {
        println!("ready over {}", ready.connection.stack()); // whatever won the race
        ready.connection.send("hello");
        ready.connection.receive();
    }
}

impl Handler<Received> for Greeter {
    type Result = ();

    fn handle(&mut self, received: Received, _: &mut Self::Context) {
        println!("{received}");
        received.connection.close();
    }
}

#[actix::main]
async fn main() -> Result<(), neatflow::Error> {
    let transport = Transport::start();
    let connection = Preconnection::new(&transport)
        .remote("localhost:7000")
        .require(Reliability)
        .prefer(Multistreaming)
        .subscribe::<(Ready, Received), _>(&Greeter.start())
        .initiate()?;
    connection.closed().await
}
