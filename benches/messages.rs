//! What messages cost: framers beside bytes without boundaries and beside tokio-util's codec, one long message, and a
//! queue of messages that have priorities and lifetimes.
//!
//! Beside the framer stand the same bytes without one, twice: as nobody takes them apart, and as the application does
//! it by hand, which is what it has to do where there is no framer.
//!
//! `cargo bench --bench messages` takes about half a minute once it is built, with `-- --quick` some seconds. Both ends of
//! a connection are in one process, on one thread. In each round every variant is measured once; a ratio is of two
//! figures of one round, which share the machine's mood, and the median of all rounds is told. Prints each figure beside the one it
//! has to keep, and writes them to `target/bench/messages.json`; with `-- --check` it fails when one is not kept.

use actix::prelude::*;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use neatflow::events::{Received, ReceivedPartial};
use neatflow::framing::{LengthPrefix, Limits, Width};
use neatflow::prelude::*;
use neatflow::properties::{Lifetime, MessageProperties};
use neatflow::{Message, ReceiveLimits, Time};
use neatflow_core::connection::Outbox;
use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{env, fs};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

type Failure = Box<dyn std::error::Error>;

/// The length of a message, in bytes; four more say so.
const SIZE: usize = 64;

/// A figure, and what it has to keep.
struct Figure {
    name: &'static str,
    key: &'static str,
    value: f64,
    keeps: Keeps,
    unit: &'static str,
}

enum Keeps {
    AtLeast(f64),
    AtMost(f64),
}

fn main() -> Result<(), Failure> {
    let full = asked("--bench") && !asked("--quick");
    let (rounds, count) = if full { (9, 1_000_000) } else { (3, 50_000) };
    // First: later the process has memory to spare, and its growth would tell nothing.
    let long = long_message(if full { 1 << 30 } else { 1 << 26 })?;
    let [by_bytes, by_hand, by_codec] = small_messages(rounds, count)?;
    let [enqueue, expire, dequeue] = queue(if full { 100_000 } else { 10_000 });
    let at_most_one = |name, key, value| Figure { name, key, value, keeps: Keeps::AtMost(1.0), unit: "µs" };
    report(&[
        Figure {
            name: "64 B framed, of the same bytes untouched",
            key: "framed_of_bytes",
            value: by_bytes,
            keeps: Keeps::AtLeast(0.9),
            unit: "x",
        },
        Figure {
            name: "64 B framed, of the same by hand",
            key: "framed_of_hand",
            value: by_hand,
            keeps: Keeps::AtLeast(0.9),
            unit: "x",
        },
        Figure {
            name: "64 B framed, of tokio-util one by one",
            key: "framed_of_codec",
            value: by_codec,
            keeps: Keeps::AtLeast(5.0),
            unit: "x",
        },
        Figure {
            name: "memory for one long message",
            key: "long_message",
            value: long,
            keeps: Keeps::AtMost(1.0),
            unit: "MiB",
        },
        at_most_one("enqueue, priorities and lifetimes", "enqueue", enqueue),
        at_most_one("expire", "expire", expire),
        at_most_one("dequeue", "dequeue", dequeue),
    ])
}

fn asked(flag: &str) -> bool {
    env::args().any(|argument| argument == flag)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

// ---------- Small messages

/// Who makes messages of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Framer,
    /// Nobody: bytes are counted.
    Nobody,
    /// The application.
    Hand,
}

/// How fast framed messages go: of the speed of the same bytes without a framer, untouched and taken apart by hand, and
/// of tokio-util's codec.
fn small_messages(rounds: usize, count: usize) -> Result<[f64; 3], Failure> {
    System::new().block_on(async {
        let mut ratios = [const { Vec::new() }; 3];
        for round in 0..=rounds {
            let framed = ours(By::Framer, count).await?;
            let others = [ours(By::Nobody, count).await?, ours(By::Hand, count).await?, one_by_one(count / 10).await?];
            // The first one warms up.
            if round > 0 {
                ratios.iter_mut().zip(others).for_each(|(all, other)| all.push(framed / other));
                let [bytes, hand, codec] = others.map(|rate| rate / 1e6);
                let framed = framed / 1e6;
                println!(
                    "round {round}: {framed:.2} M messages/s framed, {bytes:.2} M/s untouched, {hand:.2} M/s by hand, \
                     {codec:.2} M/s by the codec"
                );
            }
        }
        Ok(ratios.map(median))
    })
}

/// Counts what comes: messages, or bytes as so many messages.
struct Sink {
    connection: Connection,
    by: By,
    left: usize,
    /// What has come of a message whose end has not.
    partial: Vec<u8>,
    done: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Actor for Sink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connection.attach::<Received, _>(ctx);
        self.connection.stream(64);
    }
}

impl Sink {
    /// Takes bytes apart, as whoever has no framer does; how many messages.
    fn by_hand(&mut self, mut data: &[u8]) -> usize {
        let mut count = 0;
        while !self.partial.is_empty() && !data.is_empty() {
            let wanted = match self.partial.first_chunk::<4>() {
                Some(length) => 4 + u32::from_be_bytes(*length) as usize,
                None => 4,
            };
            let (more, rest) = data.split_at((wanted - self.partial.len()).min(data.len()));
            self.partial.extend_from_slice(more);
            data = rest;
            if self.partial.len() == wanted && wanted > 4 {
                count += usize::from(is_good(&self.partial[4..]));
                self.partial.clear();
            }
        }
        while let Some((length, rest)) = data.split_first_chunk::<4>()
            && let Some((message, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        {
            count += usize::from(is_good(message));
            data = rest;
        }
        self.partial.extend_from_slice(data);
        count
    }
}

/// What the application makes of a message: so that it looks at each.
fn is_good(message: &[u8]) -> bool {
    message.first() == Some(&7)
}

impl Handler<Received> for Sink {
    type Result = ();

    fn handle(&mut self, received: Received, _: &mut Self::Context) {
        let came = match self.by {
            By::Framer => received.messages.contents().filter(|message| is_good(message)).count(),
            By::Nobody => received.messages.bytes(),
            By::Hand => received.messages.contents().map(|data| self.by_hand(data)).sum(),
        };
        self.left = self.left.saturating_sub(came);
        if self.left == 0
            && let Some(done) = self.done.take()
        {
            // Whoever waits may have given up.
            let _ = done.send(());
        }
    }
}

/// So many messages through a connection; how many a second.
async fn ours(by: By, count: usize) -> Result<f64, Failure> {
    let transport = Transport::start();
    let plain = Preconnection::new(&transport);
    let here = if by == By::Framer { plain.framer(LengthPrefix::new()) } else { plain };
    let listener = here.clone().local("127.0.0.1:0").listen()?;
    let connection = here.remote(listener.listening().await?[0]).initiate()?;
    connection.ready().await?;
    let peer = listener.accept().await.ok_or("the listener has stopped")?;
    let (done, all) = tokio::sync::oneshot::channel();
    let mut message = [7; SIZE + 4];
    *message.first_chunk_mut().ok_or("it has a length")? = (SIZE as u32).to_be_bytes();
    let message = if by == By::Framer { &message[4..] } else { &message[..] };
    let left = if by == By::Nobody { count * (SIZE + 4) } else { count };
    let sink = Sink { connection: peer, by, left, partial: Vec::new(), done: Some(done) };
    let _sink = sink.start();

    let began = Instant::now();
    let mut sender = connection.sender();
    let mut sent = 0;
    while sent < count {
        poll_fn(|cx| sender.poll_room(cx)).await?;
        connection.batch(|batch| {
            for _ in 0..900.min(count - sent) {
                batch.send(message);
            }
        });
        sent += 900.min(count - sent);
        tokio::task::yield_now().await;
    }
    all.await?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// The same by tokio-util, one item a poll; how many a second.
async fn one_by_one(count: usize) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connecting = TcpStream::connect(listener.local_addr()?);
    let (ours, theirs) = tokio::try_join!(connecting, listener.accept())?;
    let mut from = Framed::new(ours, LengthDelimitedCodec::new());
    let mut to = Framed::new(theirs.0, LengthDelimitedCodec::new());
    let began = Instant::now();
    let sending = actix::spawn(async move {
        for _ in 0..count {
            from.send(Bytes::from_static(&[7; SIZE])).await?;
        }
        Ok::<_, std::io::Error>(from)
    });
    for _ in 0..count {
        let item = to.next().await.ok_or("it ended early")??;
        black_box(item);
    }
    let elapsed = began.elapsed();
    drop(sending.await??);
    Ok(count as f64 / elapsed.as_secs_f64())
}

// ---------- One long message

/// Takes a long message as it comes.
struct Taker {
    connection: Connection,
    left: usize,
    most: Rc<Cell<f64>>,
    seen: usize,
}

impl Actor for Taker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connection.attach::<(Received, ReceivedPartial), _>(ctx);
        self.ask();
    }
}

impl Taker {
    fn ask(&self) {
        self.connection.receive_with(ReceiveLimits { min_incomplete: Some(1), max: usize::MAX });
    }
}

impl Handler<Received> for Taker {
    type Result = ();

    fn handle(&mut self, _: Received, _: &mut Self::Context) {
        self.left = 0;
        System::current().stop();
    }
}

impl Handler<ReceivedPartial> for Taker {
    type Result = ();

    fn handle(&mut self, part: ReceivedPartial, _: &mut Self::Context) {
        self.left -= part.message.len();
        self.seen += 1;
        if self.seen.is_multiple_of(64) {
            self.most.set(self.most.get().max(resident()));
        }
        if part.end_of_message {
            System::current().stop();
        } else {
            self.ask();
        }
    }
}

/// What this process grows by at most while one message of this length comes, in MiB.
fn long_message(length: usize) -> Result<f64, Failure> {
    let system = System::new();
    let most = Rc::new(Cell::new(0.0));
    let before = system.block_on(async {
        let transport = Transport::start();
        let here = Preconnection::new(&transport)
            .framer(LengthPrefix::new().width(Width::Eight).limit(u64::MAX))
            .framing_limits(Limits::default());
        let listener = here.local("127.0.0.1:0").listen()?;
        let address = listener.listening().await?[0];
        let writer = std::thread::spawn(move || -> std::io::Result<()> {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(&(length as u64).to_be_bytes())?;
            let piece = vec![7; 64 * 1024];
            for _ in 0..length / piece.len() {
                stream.write_all(&piece)?;
            }
            Ok(())
        });
        let connection = listener.accept().await.ok_or("the listener has stopped")?;
        // The writer has filled the buffers of the sockets meanwhile, and has its own.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = resident();
        let keep = (transport, listener, writer);
        Taker { connection, left: length, most: most.clone(), seen: 0 }.start();
        Ok::<_, Failure>((before, keep))
    })?;
    system.run()?;
    let (before, (_, _, writer)) = before;
    writer.join().map_err(|_| "the writer panicked")??;
    Ok((most.get() - before).max(0.0))
}

/// Memory of this process in use, in MiB.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4_096.0 / (1024.0 * 1024.0)
}

// ---------- A queue

/// What it costs to enqueue, expire and dequeue one of so many messages, in µs.
fn queue(count: usize) -> [f64; 3] {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..7 {
        let messages: Vec<Message> = (0..count).map(mixed).collect();
        let mut outbox = Outbox::new(usize::MAX / 4);
        let began = Instant::now();
        for (n, message) in messages.into_iter().enumerate() {
            black_box(outbox.push(message, Time::from_millis(n as u64 / 1_000)));
        }
        times[0].push(each(began, count));

        let began = Instant::now();
        let mut expired = 0;
        for millis in 0..1_000 {
            outbox.expire(Time::from_millis(millis), |_, message| {
                expired += 1;
                black_box(message);
            });
        }
        assert!(expired > count / 4, "{expired} expired");
        times[1].push(each(began, expired));

        let (mut left, began) = (0, Instant::now());
        while outbox.front_batch().is_some() {
            outbox.take_front(1, |_, _| left += 1);
            outbox.take_spent();
        }
        assert_eq!(left + expired, count);
        times[2].push(each(began, left));
    }
    times.map(median)
}

fn each(began: Instant, count: usize) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

/// Every priority from 0 to 255, and for half of them a lifetime of up to a second.
fn mixed(n: usize) -> Message {
    // Without an order.
    let n = n.wrapping_mul(0x9e37_79b9) >> 7;
    let mut properties = MessageProperties::new();
    properties.msg_priority = Some(n as u32 % 256);
    properties.msg_lifetime =
        n.is_multiple_of(2).then(|| Lifetime::Limited(Duration::from_millis(1 + n as u64 % 800)));
    Message::new(Bytes::from_static(&[7; SIZE])).with_properties(&properties)
}

// ---------- The report

fn report(figures: &[Figure]) -> Result<(), Failure> {
    let (mut json, mut broken) = (Vec::new(), 0);
    for Figure { name, key, value, keeps, unit } in figures {
        let (kept, word, limit) = match keeps {
            Keeps::AtLeast(limit) => (value >= limit, "least", limit),
            Keeps::AtMost(limit) => (value <= limit, "most", limit),
        };
        let verdict = if kept { "" } else { "  NOT KEPT" };
        broken += usize::from(!kept);
        println!("{name:42}{value:8.2} {unit:3} of at {word} {limit} {unit}{verdict}");
        json.push(format!(r#""{key}":{value:.3}"#));
    }
    if asked("--bench") {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let path = target.join("bench/messages.json");
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, format!("{{{}}}\n", json.join(",")))?;
        println!("written to {}", path.display());
    }
    if asked("--check") && broken > 0 { Err(format!("{broken} not kept").into()) } else { Ok(()) }
}
