//! Two deliveries, the same handlers: by mailbox (`subscribe`) and in the actor's own turn (`attach`), without a mailbox
//! between. The attached actor is supervised and panics over one message: the connection does not notice, and the actor
//! attaches again. Talks to an echo server in the same process.

use actix::prelude::*;
use neatflow::Error;
use neatflow::prelude::*;
use neatflow::supervision::Plan;

struct Reader {
    name: &'static str,
    /// To be attached to, whenever it starts.
    attached_to: Option<Connection>,
}

impl Actor for Reader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = &self.attached_to {
            connection.attach::<Received, _>(ctx);
            println!("{}: attached; delivery is {:?}", self.name, connection.delivery());
        }
    }
}

impl Supervised for Reader {
    /// The panic has ended the context, and so the attachment: `started` runs again, and attaches again. What came
    /// meanwhile is in the mailbox.
    fn restarting(&mut self, _: &mut Self::Context) {
        if let Some(connection) = &self.attached_to {
            println!("{}: I panicked; delivery is {:?}", self.name, connection.delivery());
        }
    }
}

impl Handler<Received> for Reader {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        assert_ne!(event.to_string(), "boo", "a handler that does not like it");
        println!("{}: {event}", self.name);
    }
}

#[actix::main]
async fn main() -> Result<(), Error> {
    // The supervisor tells of the panic: the report on standard error is not needed.
    std::panic::set_hook(Box::new(|_| {}));

    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen()?;
    let address = listener.listening().await?[0];
    actix::spawn(serve(listener));

    let by_mail = Preconnection::new(&transport).remote(address).initiate()?;
    let mailed = Reader { name: "by mailbox", attached_to: None };
    by_mail.subscribe::<Received, _>(&mailed.start());
    println!("by mailbox: subscribed; delivery is {:?}", by_mail.delivery());
    talk(&by_mail, &["one", "two"]).await?;

    let attached = Preconnection::new(&transport).remote(address).initiate()?;
    let _reader =
        supervise(Reader { name: "attached", attached_to: Some(attached.clone()) }, Plan::permanent());
    talk(&attached, &["one", "boo", "two"]).await?;
    println!("attached: delivery is {:?} again", attached.delivery());

    for connection in [by_mail, attached] {
        connection.close();
        connection.closed().await?;
    }
    println!("both are closed");
    Ok(())
}

/// Sends word by word, with time for each echo.
async fn talk(connection: &Connection, words: &[&'static str]) -> Result<(), Error> {
    connection.stream(4);
    for word in words {
        connection.send(*word).await?;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
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
