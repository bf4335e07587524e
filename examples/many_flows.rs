//! Many flows, one actor: a `FlowSet` of 1,000 connections, which the actor drives in its own turn. No task and no
//! mailbox for each: what comes on any of them is handled at once, and what is idle costs nothing. Talks to an echo
//! server in the same process.

use actix::prelude::*;
use neatflow::Error;
use neatflow::prelude::*;
use std::time::Duration;

const MANY: usize = 1_000;

/// Throws a ball into each connection; every ball comes back nine times.
struct Juggler {
    from: Preconnection,
    ready: usize,
}

impl Actor for Juggler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for connection in (0..MANY).flat_map(|_| self.from.initiate()) {
            FlowSet::of(ctx).adopt::<(Ready, Received, Closed)>(connection, ctx);
        }
    }
}

impl Handler<Ready> for Juggler {
    type Result = ();

    fn handle(&mut self, event: Ready, ctx: &mut Self::Context) {
        event.connection.stream(16);
        self.ready += 1;
        if self.ready == MANY {
            let set = FlowSet::of(ctx);
            println!("{} connections, one actor", set.len());
            for connection in set.connections() {
                connection.send("123456789");
            }
        }
    }
}

impl Handler<Received> for Juggler {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        for ball in event.messages {
            match ball.data.get(1..) {
                None | Some([]) => event.connection.close(),
                Some(smaller) => drop(event.connection.send(smaller.to_vec())),
            }
        }
    }
}

impl Handler<Closed> for Juggler {
    type Result = ();

    fn handle(&mut self, _: Closed, ctx: &mut Self::Context) {
        if FlowSet::of(ctx).len() == 1 {
            // this one, until we return
            println!("every ball has come back, and all is closed");
            ctx.stop();
        }
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let from = Preconnection::new(&transport).remote(listener.listening().await?[0]);
    actix::spawn(serve(listener));
    let juggler = Juggler { from, ready: 0 }.start();
    while juggler.connected() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Echoes until the listener stops.
async fn serve(listener: Listener) {
    while let Some(connection) = listener.accept().await {
        actix::spawn(async move {
            while let Ok(message) = connection.received().await {
                connection.send(message);
            }
        });
    }
}
