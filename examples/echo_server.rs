//! An echo server: one actor for all connections. It listens on every address, IPv6 and IPv4, on the port given as the
//! argument (7000 by default), and runs until it is interrupted. A flow is read only when it is asked for a message, so
//! a peer that sends faster than it reads is held back, not buffered.

use actix::prelude::*;
use neatflow::prelude::*;

struct Echo {
    /// Whoever keeps a connection holds it open.
    connections: Vec<Connection>,
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<ConnectionReceived> for Echo {
    type Result = ();

    fn handle(&mut self, event: ConnectionReceived, _: &mut Self::Context) {
        if let Some(peer) = event.connection.remote_addr() {
            println!("connection from {peer}");
        }
        event.connection.receive();
        self.connections.push(event.connection);
    }
}

impl Handler<Received> for Echo {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        for message in &event.messages {
            event.connection.send(message.clone());
        }
    }
}

/// The next message is asked for when the last one is on its way: a peer that does not read is not read either.
impl Handler<Sent> for Echo {
    type Result = ();

    fn handle(&mut self, event: Sent, _: &mut Self::Context) {
        event.connection.receive();
    }
}

/// The peer has finished, or is gone: so do we, once everything was echoed.
impl Handler<ReceiveError> for Echo {
    type Result = ();

    fn handle(&mut self, event: ReceiveError, _: &mut Self::Context) {
        event.connection.close();
        self.connections.retain(|connection| *connection != *event.connection);
    }
}

#[actix::main]
async fn main() -> Result<(), neatflow::Error> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "7000".into());
    let transport = Transport::start();
    let echo = Echo { connections: Vec::new() }.start();
    let listener = Preconnection::new(&transport)
        .local(format!("*:{port}"))
        .subscribe::<(ConnectionReceived, Received, Sent, ReceiveError), _>(&echo)
        .listen()?;
    println!("listening on {:?}", listener.listening().await?);
    std::future::pending().await
}
