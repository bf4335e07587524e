//! The play, in three acts.

use super::cast::{GREETING, Greeter, Journal};
use super::expect::{Wrong, expect};
use super::mischief::{Mischief, UnsteadyTcp};
use super::restarts::{Restart, Restarts};
use super::scenery::{LOOPBACK, Refusing, Silent};
use crate::listen::{Server, Service};
use crate::report::{Report, Seen, To};
use actix::prelude::*;
use futures::channel::oneshot;
use futures::future::try_join_all;
use neatflow::racing::{Cause, Reason};
use neatflow::{Connection, Event, Listener, Preconnection, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Subscribers of the greeter's connection, besides the greeter: on its own arbiter, and on the server's.
const NEAR: &str = "near";
const FAR: &str = "far";

/// Subscriber of the listener and its connections.
const SERVER: &str = "server";

/// How many connections are opened while the listener panics.
const CROWD: usize = 3;

pub(super) async fn play(report: &Report) -> Result<(), Wrong> {
    report.step("A listener and its clients in one process, on two arbiters, over loopback.");
    let arbiters = (Arbiter::new(), Arbiter::new());
    let (journal, mut seen) = Journal::new(report);
    let server = Serving::start(&arbiters.0.handle(), &journal).await?;
    report.listening(To::Stdout, &server.listener.sockets());
    let client = Client::start(&arbiters.1.handle());

    race(report, &client, &server, &journal, (&arbiters.0.handle(), &arbiters.1.handle()), &mut seen).await?;
    an_attempt_panics(report, &client, &server).await?;
    the_listener_panics(report, &client, &server).await?;

    for arbiter in [arbiters.0, arbiters.1] {
        arbiter.stop();
    }
    Ok(())
}

/// The side that listens.
struct Serving {
    listener: Listener,
    address: SocketAddr,
    /// In its accept filter.
    mischief: Mischief,
    restarts: Restarts,
}

impl Serving {
    async fn start(arbiter: &ArbiterHandle, journal: &Journal) -> Result<Self, Wrong> {
        let (mischief, restarts) = (Mischief::default(), Restarts::default());
        let transport = Transport::builder().logger(restarts.logger()).start_on(arbiter);
        let server =
            Server::start_in_arbiter(arbiter, |_| Server::new(Service::Echo, None, oneshot::channel().0));
        let preconnection = Preconnection::new(&transport)
            .local(LOOPBACK)
            .accept_filter(mischief.filter())
            .subscribe::<Event, _>(&journal.witness(SERVER, arbiter));
        let listener = Server::subscribed(preconnection, &server).listen()?;
        let addresses = listener.listening().await?;
        let address = *addresses.first().ok_or("a listener without an address")?;
        Ok(Self { listener, address, mischief, restarts })
    }
}

/// The side that connects.
struct Client {
    transport: Transport,
    /// In its protocol stack.
    mischief: Mischief,
    restarts: Restarts,
}

impl Client {
    fn start(arbiter: &ArbiterHandle) -> Self {
        let (mischief, restarts) = (Mischief::default(), Restarts::default());
        let transport = Transport::builder()
            .stack(UnsteadyTcp::new(&mischief))
            .logger(restarts.logger())
            .start_on(arbiter);
        Self { transport, mischief, restarts }
    }

    fn connect(&self, server: &Serving) -> Result<Connection, Wrong> {
        Ok(Preconnection::new(&self.transport).remote(server.address).initiate()?)
    }
}

/// One candidate is refused, one gets no answer, one wins; and several subscribers hear of it.
async fn race(
    report: &Report,
    client: &Client,
    server: &Serving,
    journal: &Journal,
    (far, near): (&ArbiterHandle, &ArbiterHandle),
    seen: &mut UnboundedReceiver<Seen>,
) -> Result<(), Wrong> {
    report.step("1. Three candidates race: one is refused, one gets no answer, one wins.");
    let (refusing, silent) = (Refusing::new()?, Silent::new().await?);
    let places = [
        ("nobody listens there", refusing.address),
        ("its backlog is full", silent.address),
        ("the listener", server.address),
    ];
    for (what, address) in places {
        report.note("remote", &[("address", json!(address.to_string())), ("is", json!(what))]);
    }
    let (answers, mut answered) = unbounded_channel();
    let greeter = Greeter::start_in_arbiter(near, {
        let greeter = Greeter::new(journal, answers);
        |_| greeter
    });
    let preconnection =
        places.iter().fold(Preconnection::new(&client.transport), |preconnection, (_, place)| {
            preconnection.remote(*place)
        });
    let connection = Greeter::subscribed(preconnection, &greeter)
        .subscribe::<Event, _>(&journal.witness(NEAR, near))
        .subscribe::<Event, _>(&journal.witness(FAR, far))
        .initiate()?;
    connection.ready().await?;
    report.race(&connection);
    check_race(&connection, places.map(|(_, address)| address))?;

    let answer = answered.recv().await.ok_or("the greeter got no answer")?;
    report.note("echoed", &[("text", json!(answer))]);
    expect("the echo", &answer.as_str(), &GREETING)?;

    report.step("   What each subscriber got, on the arbiter of the client (greeter, near) or the server (far, server):");
    let heard = hear_all(seen, &[Greeter::NAME, NEAR, FAR, SERVER]).await?;
    let whole = ["Ready", "Sent", "AllWritten", "Received", "Closed"].as_slice();
    let served =
        ["ConnectionReceived", "Received", "Sent", "AllWritten", "ReceiveError", "Closed"].as_slice();
    let parts = [
        (Greeter::NAME, ["Ready", "Received", "Closed"].as_slice()),
        (NEAR, whole),
        (FAR, whole),
        (SERVER, served),
    ];
    for (subscriber, expected) in parts {
        heard[subscriber].iter().for_each(|seen| report.seen(seen));
        let got: Vec<&str> = heard[subscriber].iter().map(|seen| seen.kind.name()).collect();
        expect(&format!("the events of {subscriber}"), &got.as_slice(), &expected)?;
    }
    Ok(())
}

fn check_race(connection: &Connection, places: [SocketAddr; 3]) -> Result<(), Wrong> {
    let record = connection.race().ok_or("there is no record of the race")?;
    let priorities: Vec<_> = record.candidates.iter().map(|one| (one.priority, one.remote)).collect();
    expect("the candidates", &priorities, &(0..).zip(places).collect())?;
    let attempts = record.timeline.attempts.iter();
    let courses: Vec<_> = attempts.map(|one| (one.id.0, one.cause, one.end.map(|end| end.reason))).collect();
    let expected = [
        (0, Cause::First, Some(Reason::Failed)),
        (1, Cause::Failure, Some(Reason::Cancelled)),
        (2, Cause::Timer, Some(Reason::Won)),
    ];
    expect("the course of the race", &courses.as_slice(), &expected.as_slice())
}

/// Reads the journal until each of these has got its terminal event.
async fn hear_all(
    seen: &mut UnboundedReceiver<Seen>,
    subscribers: &[&'static str],
) -> Result<BTreeMap<&'static str, Vec<Seen>>, Wrong> {
    let mut heard = BTreeMap::<&str, Vec<Seen>>::new();
    let has_ended = |heard: &BTreeMap<&str, Vec<Seen>>, subscriber: &str| {
        heard.get(subscriber).and_then(|seen| seen.last()).is_some_and(|last| last.kind.is_terminal())
    };
    while !subscribers.iter().all(|subscriber| has_ended(&heard, subscriber)) {
        let next = seen.recv().await.ok_or("the journal was closed")?;
        heard.entry(next.subscriber.unwrap_or_default()).or_default().push(next);
    }
    Ok(heard)
}

/// The code of a stack panics in an attempt: it is restarted, and connects.
async fn an_attempt_panics(report: &Report, client: &Client, server: &Serving) -> Result<(), Wrong> {
    report.step("2. An attempt panics, is restarted, and connects.");
    let before = client.mischief.runs();
    client.mischief.plot();
    let connection = client.connect(server)?;
    connection.ready().await?;
    report.race(&connection);
    echo(report, &connection).await?;
    expect("how often the attempt ran", &(client.mischief.runs() - before), &2)?;
    expect_restart(report, client.restarts.take(), "candidate")?;
    close(connection).await
}

/// An accept filter panics in the listener: it is restarted with its sockets, and nobody who connects notices.
async fn the_listener_panics(report: &Report, client: &Client, server: &Serving) -> Result<(), Wrong> {
    report.step("3. The listener panics and is restarted; no connection is lost.");
    let earlier = client.connect(server)?;
    echo(report, &earlier).await?;

    let before = server.mischief.runs();
    server.mischief.plot();
    let crowd = (0..CROWD).map(|_| client.connect(server)).collect::<Result<Vec<_>, _>>()?;
    try_join_all(crowd.iter().map(|connection| echo(report, connection))).await?;
    expect("how often the filter looked", &(server.mischief.runs() - before), &(CROWD + 1))?;
    expect_restart(report, server.restarts.take(), "listener")?;
    echo(report, &earlier).await?;
    expect("where it listens", &server.listener.addresses(), &vec![server.address])?;

    try_join_all(crowd.into_iter().chain([earlier]).map(close)).await?;
    expect("restarts without mischief", &(client.restarts.take().len() + server.restarts.take().len()), &0)
}

/// Sends something, and expects it back.
async fn echo(report: &Report, connection: &Connection) -> Result<(), Wrong> {
    let said = format!("are you there, {}?", connection.id());
    connection.send(said.clone());
    let mut answer = Vec::new();
    while answer.len() < said.len() {
        answer.extend_from_slice(&connection.received().await?.data);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    expect("the echo", &answer, &said)?;
    report.note("echoed", &[("connection", json!(connection.id().as_u64())), ("text", json!(answer))]);
    Ok(())
}

async fn close(connection: Connection) -> Result<(), Wrong> {
    connection.close();
    Ok(connection.closed().await?)
}

/// One restart, of a child whose name begins like this, after the panic that was plotted.
fn expect_restart(report: &Report, restarts: Vec<Restart>, child: &str) -> Result<(), Wrong> {
    for restart in &restarts {
        let data: Vec<_> = restart
            .iter()
            .map(|(key, value)| (*key, value.parse::<u64>().map_or_else(|_| json!(value), Value::from)))
            .collect();
        report.note("restarted", &data);
    }
    let [restart] = restarts.as_slice() else {
        return Err(format!("expected one restart of a {child}, got {}", restarts.len()).into());
    };
    let is_child = restart.get("child").is_some_and(|name| name.starts_with(child));
    let panicked = restart.get("reason").is_some_and(|reason| reason.starts_with("panicked"));
    expect(&format!("a restart of a {child}, after a panic"), &(is_child, panicked), &(true, true))
}
