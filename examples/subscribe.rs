//! Several actors hear of one connection. A reader on this arbiter subscribes to two events and talks; an observer
//! on an arbiter of its own subscribes to every event, and is unsubscribed half-way. A value of the application's
//! travels with the connection. Talks to an echo server in the same process.

use actix::prelude::*;
use neatflow::Error;
use neatflow::prelude::*;
use neatflow::subscription::SubscriptionId;
use std::thread;

/// What the application keeps with the connection: whoever has a handle, or an event, can read it.
struct Tour {
    name: &'static str,
    observed: SubscriptionId,
}

/// Says one word at a time, and waits for its echo.
struct Reader {
    words: std::slice::Iter<'static, &'static str>,
}

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Ready> for Reader {
    type Result = ();

    fn handle(&mut self, ready: Ready, _: &mut Self::Context) {
        println!("reader   ({}): ready over {}", here(), ready.connection.stack());
        self.say_next(&ready.connection);
    }
}

impl Handler<Received> for Reader {
    type Result = ();

    fn handle(&mut self, received: Received, _: &mut Self::Context) {
        let connection = &received.connection;
        println!("reader   ({}): {received}", here());
        if let Some(tour) = connection.user_data::<Tour>().filter(|_| self.words.len() == 1) {
            println!("reader   ({}): no more of {} for the observer", here(), tour.name);
            connection.unsubscribe(tour.observed);
        }
        self.say_next(connection);
    }
}

impl Reader {
    fn say_next(&mut self, connection: &Connection) {
        match self.words.next() {
            Some(word) => {
                connection.send(*word);
                connection.receive(); // the observer hears the answer, too
            }
            None => connection.close(),
        }
    }
}

/// Hears everything, for as long as it is subscribed.
struct Observer {
    heard: usize,
}

impl Actor for Observer {
    type Context = Context<Self>;
}

impl Handler<Event> for Observer {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let tour = event.connection().and_then(|connection| connection.user_data::<Tour>());
        let name = tour.map_or("a connection", |tour| tour.name);
        println!("observer ({}): {} on {name}: {}", here(), event.kind(), event.status());
        self.heard += 1;
    }
}

/// How many events have you heard?
#[derive(Message)]
#[rtype(result = "usize")]
struct HowMany;

impl Handler<HowMany> for Observer {
    type Result = usize;

    fn handle(&mut self, _: HowMany, _: &mut Self::Context) -> usize {
        self.heard
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(serve(listener));

    let elsewhere = Arbiter::new();
    let observer = Observer::start_in_arbiter(&elsewhere.handle(), |_| Observer { heard: 0 });
    let reader = Reader { words: ["first", "second", "third"].iter() }.start();

    let connection = Preconnection::new(&transport)
        .remote(address)
        .subscribe::<(Ready, Received), _>(&reader)
        .initiate()?;
    // Nothing has happened yet: the transport works on this arbiter, and its turn comes when we wait.
    let observed = connection.subscribe::<Event, _>(&observer);
    connection.set_user_data(Tour { name: "the tour", observed });
    connection.closed().await?;

    let heard = observer.send(HowMany).await.unwrap_or_default();
    println!("closed; the observer had heard {heard} events");
    elsewhere.stop();
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

fn here() -> String {
    thread::current().name().unwrap_or("a thread").to_owned()
}
