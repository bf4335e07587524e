//! What the tests of the front door have in common: a limit on every wait, a probe for events, peers on loopback,
//! and programs that nobody here wrote.

pub(crate) mod programs;
pub(crate) mod stage;

use actix::prelude::*;
use neatflow::events::{Event, EventKind};
use neatflow::{Connection, Count, Preconnection, ReceiveFailure, Transport};
use socket2::{Domain, Socket, Type};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// How long a test may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long one thing may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long nothing must happen for a test to believe that nothing will.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);

// ---------- Limits

/// Runs a test in an actix system of its own, and no longer than a test may take.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let _watchdog = Watchdog::start();
    System::new().block_on(async { timeout(LIMIT, test).await.expect("the test took too long") })
}

/// Waits no longer than one thing may take.
pub(crate) async fn within<T>(what: impl IntoFuture<Output = T>) -> T {
    timeout(PATIENCE, what.into_future()).await.expect("took too long")
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Ends the whole process when a test blocks its thread, where no timeout of the runtime helps.
pub(crate) struct Watchdog {
    _ended: mpsc::Sender<()>,
}

impl Watchdog {
    pub(crate) fn start() -> Self {
        let (_ended, end) = mpsc::channel();
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        std::thread::spawn(move || {
            if end.recv_timeout(LIMIT + PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{name} hangs");
                std::process::abort();
            }
        });
        Self { _ended }
    }
}

/// Says that a test, or a part of it, was skipped, and why. Where nothing may be skipped (`CI=true`) that is a failure.
pub(crate) fn skip(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
    // Past the capture of output, which hides what a test that passes says.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED {name}: {why}\n").as_bytes());
}

/// Whether this machine has the loopback address; skips when it has not.
pub(crate) fn has(address: IpAddr) -> bool {
    let has = std::net::TcpListener::bind((address, 0)).is_ok();
    if !has {
        skip(&format!("this machine has no {address}"));
    }
    has
}

// ---------- Events

/// Hands every event it is told of to a test.
pub(crate) struct Probe(UnboundedSender<Event>);

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<Event> for Probe {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        // The test may have seen enough.
        let _ = self.0.send(event);
    }
}

/// What a [`Probe`] was told, in order.
pub(crate) struct Events(UnboundedReceiver<Event>);

pub(crate) fn probe() -> (Addr<Probe>, Events) {
    let (sender, receiver) = unbounded_channel();
    (Probe(sender).start(), Events(receiver))
}

impl Events {
    pub(crate) async fn next(&mut self) -> Event {
        within(self.0.recv()).await.expect("the probe has died")
    }

    /// The next event; it must be of this kind.
    pub(crate) async fn expect(&mut self, kind: EventKind) -> Event {
        let event = self.next().await;
        assert_eq!(event.kind(), kind, "{event:?}");
        event
    }

    /// Skips what comes before an event of this kind.
    pub(crate) async fn until(&mut self, kind: EventKind) -> Event {
        loop {
            let event = self.next().await;
            if event.kind() == kind {
                return event;
            }
            assert!(!event.is_terminal(), "no {kind} before {event:?}");
        }
    }

    /// Every event to the last one. Makes sure that they are lawful, and that nothing follows.
    pub(crate) async fn until_terminal(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while !events.last().is_some_and(Event::is_terminal) {
            events.push(self.next().await);
        }
        self.silence().await;
        lawful(&events);
        events
    }

    /// The terminal event.
    pub(crate) async fn end(&mut self) -> Event {
        self.until_terminal().await.pop().expect("the loop above found one")
    }

    /// Nothing comes.
    pub(crate) async fn silence(&mut self) {
        if let Ok(Some(event)) = timeout(SILENCE, self.0.recv()).await {
            panic!("nothing should come, and there is {event:?}");
        }
    }
}

pub(crate) fn kinds(events: &[Event]) -> Vec<EventKind> {
    events.iter().map(Event::kind).collect()
}

/// What holds for the events of every connection: nothing is received before Ready, each message has one fate and
/// each receive one answer, messages are sent in order, and one terminal event ends it all.
fn lawful(events: &[Event]) {
    let told = kinds(events);
    let ready = told.iter().position(|kind| *kind == EventKind::Ready).unwrap_or(0);
    let (mut fates, mut answers, mut last_sent) = (HashSet::new(), HashSet::new(), None);
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.is_terminal(), at + 1 == events.len(), "one terminal event, at the end: {told:?}");
        match event {
            Event::Sent(sent) => {
                assert!(last_sent < Some(sent.id), "sent out of order: {:?}", sent.id);
                last_sent = Some(sent.id);
                assert!(fates.insert(sent.id), "two fates of {:?}", sent.id);
            }
            Event::SendError(failed) => assert!(fates.insert(failed.id), "two fates of {:?}", failed.id),
            Event::Received(received) => {
                assert!(at >= ready, "received before Ready: {told:?}");
                let new = received.receive.is_none_or(|id| answers.insert(id));
                assert!(new, "two answers to {:?}", received.receive);
            }
            Event::ReceivedPartial(received) => {
                assert!(at >= ready, "received before Ready: {told:?}");
                let new = received.receive.is_none_or(|id| answers.insert(id));
                assert!(new, "two answers to {:?}", received.receive);
            }
            Event::ReceiveError(failed) => {
                let new = failed.receive.is_none_or(|id| answers.insert(id));
                assert!(new, "two answers to {:?}", failed.receive);
            }
            _ => {}
        }
    }
}

// ---------- Peers

/// A connection to this address, with nothing else said.
pub(crate) fn connect(transport: &Transport, remote: SocketAddr) -> Connection {
    Preconnection::new(transport).remote(remote).initiate().expect("this is an address")
}

/// A connection that was accepted, and its peer.
pub(crate) async fn pair(transport: &Transport) -> (Connection, TcpStream) {
    let preconnection = Preconnection::new(transport).local(SocketAddr::new(V4, 0));
    let listener = preconnection.listen().expect("this is an address");
    let here = within(listener.listening()).await.expect("loopback")[0];
    let peer = TcpStream::connect(here).await.expect("somebody listens");
    (within(listener.accept()).await.expect("it was not stopped"), peer)
}

/// Everybody whom this transport has started has ended.
pub(crate) async fn nobody_is_left(transport: &Transport) {
    let is = async || transport.census().await.expect("we hold it") == Count::default();
    eventually("everybody has ended", is).await;
}

/// A server that sends back whatever comes, for each connection until its end.
pub(crate) async fn echo(on: IpAddr) -> SocketAddr {
    serve(on, |mut stream| async move {
        let (mut reader, mut writer) = stream.split();
        // Clients may leave as they like.
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    })
    .await
}

/// A server that treats each connection like this, in a task of its own on this thread.
pub(crate) async fn serve<F: Future<Output = ()> + 'static>(
    on: IpAddr,
    treat: impl Fn(TcpStream) -> F + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((on, 0)).await.expect("loopback");
    let address = listener.local_addr().expect("it is bound");
    actix::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            actix::spawn(treat(stream));
        }
    });
    address
}

/// A port where nobody listens, and that nobody else is given as long as the socket lives.
pub(crate) fn vacant(address: IpAddr) -> (Socket, SocketAddr) {
    let any = SocketAddr::new(address, 0);
    let holder = Socket::new(Domain::for_address(any), Type::STREAM, None).expect("a socket");
    holder.bind(&any.into()).expect("loopback");
    let local = holder.local_addr().expect("it is bound");
    (holder, local.as_socket().expect("it is of the Internet"))
}

/// Everything that comes until the peer's end.
pub(crate) async fn receive_all(connection: &Connection) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match within(connection.received()).await {
            Ok(message) => all.extend_from_slice(&message.data),
            Err(ReceiveFailure::Finished) => return all,
            Err(failure) => panic!("after {} bytes: {failure}", all.len()),
        }
    }
}

/// This many bytes.
pub(crate) async fn receive_bytes(connection: &Connection, count: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < count {
        let message = within(connection.received()).await.expect("more is to come");
        all.extend_from_slice(&message.data);
    }
    assert_eq!(all.len(), count, "more than that came");
    all
}

/// Reads a stream to its end.
pub(crate) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    within(stream.read_to_end(&mut all)).await.expect("a clean end");
    all
}

/// Writes to a stream until it takes no more; how much it took.
pub(crate) async fn fill(stream: &mut TcpStream) -> usize {
    let chunk = vec![7; 64 * 1024];
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_millis(500), stream.write(&chunk)).await {
        taken += written.expect("the connection holds");
        assert!(taken < 128 << 20, "there is no end to it");
    }
    taken
}

/// Bytes that tell where in the stream they belong.
pub(crate) fn pattern(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Memory of this process that is in use, in bytes; `None` where the system does not tell.
pub(crate) fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}
