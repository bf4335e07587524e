//! An actor of the application's that panics, and comes back: under the same address, with its subscription, its
//! connection and the mail that waited. Its budget has two restarts; the third panic is the end, and that is an
//! event too. Talks to an echo server in the same process.

use actix::prelude::*;
use neatflow::Error;
use neatflow::prelude::*;
use neatflow::supervision::{ChildEvent, Down, Intensity, Plan, Supervise};
use std::time::Duration;

/// Adds up numbers that it has the peer echo. Some are none.
struct Adder {
    connection: Option<Connection>,
    numbers: std::slice::Iter<'static, &'static str>,
    sum: u32,
}

impl Actor for Adder {
    type Context = Context<Self>;

    /// Runs for every incarnation. The first has no connection yet.
    fn started(&mut self, _: &mut Self::Context) {
        self.ask_for_next();
    }
}

impl Supervised for Adder {
    /// The fields are as the panic left them; here that is just right.
    fn restarting(&mut self, _: &mut Self::Context) {
        println!("  adder: I am back, and still at {}", self.sum);
    }
}

impl Handler<Ready> for Adder {
    type Result = ();

    fn handle(&mut self, ready: Ready, _: &mut Self::Context) {
        self.connection = Some(ready.connection.keep());
        self.ask_for_next();
    }
}

impl Handler<Received> for Adder {
    type Result = ();

    fn handle(&mut self, received: Received, ctx: &mut Self::Context) {
        let text = received.to_string();
        // Waits in the mailbox behind this message, and is delivered even if we panic over this one.
        let _ = ctx.address().try_send(Note(text.clone()));
        self.sum += text.parse::<u32>().unwrap_or_else(|_| panic!("{text:?} is no number"));
        println!("  adder: {text}, which makes {}", self.sum);
        self.ask_for_next();
    }
}

impl Adder {
    fn ask_for_next(&mut self) {
        let Some(connection) = &self.connection else { return };
        match self.numbers.next() {
            Some(number) => {
                connection.send(*number);
                connection.receive();
            }
            None => connection.close(),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Note(String);

impl Handler<Note> for Adder {
    type Result = ();

    fn handle(&mut self, note: Note, _: &mut Self::Context) {
        println!("  adder: mail that waited behind {:?}", note.0);
    }
}

/// Is told what becomes of the adder.
struct Boss {
    connection: Connection,
}

impl Actor for Boss {
    type Context = Context<Self>;
}

/// As the parent.
impl Handler<ChildEvent> for Boss {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, _: &mut Self::Context) {
        println!("boss, as the parent: {event}");
    }
}

/// As one who watches; anybody may.
impl Handler<Down> for Boss {
    type Result = ();

    fn handle(&mut self, down: Down, _: &mut Self::Context) {
        println!("boss, as a watcher: {} is down, it {}", down.name, down.reason);
        self.connection.close();
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    // Who supervises tells of the panics: the report on standard error is not needed.
    std::panic::set_hook(Box::new(|_| {}));

    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(serve(listener));

    let connection = Preconnection::new(&transport).remote(address).initiate()?;
    let boss = Boss { connection: connection.clone() }.start();

    let budget = Intensity { restarts: 2, within: Duration::from_secs(10), ..Intensity::default() };
    let adder = Supervise::new(Plan::permanent().intensity(budget))
        .name("adder")
        .parent(boss.clone())
        .start(|_| Adder { connection: None, numbers: ["1", "two", "3", "four", "five"].iter(), sum: 0 });
    adder.watch(boss.clone()); // neither this nor `parent` keeps the boss alive: `boss` does
    connection.subscribe::<(Ready, Received), _>(&adder);

    connection.closed().await?;
    println!("closed: the connection has survived its reader");
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
