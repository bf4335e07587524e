//! What establishing through neatflow costs: `initiate` to a literal loopback address, one after the other, against
//! a bare tokio `connect` to the same listener, alternating in the same run.
//!
//! `cargo bench --bench establish` takes some ten seconds once it is built, with `-- --quick` about one.
//! Prints the distribution of each, where neatflow's time goes, and the ratio of the medians in each round; writes
//! the same to `target/bench/establish.json`. Two figures taken in the same round share the machine's mood, so
//! the ratios are steadier than the times.

use neatflow::prelude::*;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

type Failure = Box<dyn std::error::Error>;

/// How much is measured.
struct Scale {
    /// In each round: so many of one, then so many of the other; the next round begins with the other.
    rounds: usize,
    each: usize,
}

/// One establishment through neatflow.
#[derive(Clone, Copy)]
struct Establishment {
    /// From `initiate` to the return of `ready().await`.
    total: Duration,
    /// From the start of the attempt to its handshake.
    attempt: Duration,
    /// From the start of the race to the start of the attempt: both calls to the policy manager.
    policy: Duration,
}

#[derive(Default)]
struct Figures {
    raw: Vec<Duration>,
    neatflow: Vec<Establishment>,
    /// Median over median, one for each round.
    ratios: Vec<f64>,
}

fn main() -> Result<(), Failure> {
    let address = serve()?;
    let figures = actix::System::new().block_on(measure(address, scale()))?;
    report(&figures)?;
    Ok(())
}

/// `cargo bench` passes `--bench`. Whoever runs this without it, `cargo test --benches` say, only wants to see it run.
fn scale() -> Scale {
    match (asked("--bench"), asked("--quick")) {
        (false, _) => Scale { rounds: 2, each: 20 },
        (true, true) => Scale { rounds: 10, each: 200 },
        (true, false) => Scale { rounds: 40, each: 1_000 },
    }
}

fn asked(flag: &str) -> bool {
    env::args().any(|argument| argument == flag)
}

/// Accepts on a thread of its own, and keeps each connection until its peer is gone.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut accepted in listener.incoming().flatten() {
            // The peer resets; whatever this says, the connection is over.
            let _ = accepted.read(&mut [0]);
        }
    });
    Ok(address)
}

async fn measure(address: SocketAddr, scale: Scale) -> Result<Figures, Failure> {
    let transport = Transport::start();
    let preconnection = Preconnection::new(&transport).remote(address);
    let mut figures = Figures::default();
    for _ in 0..scale.each.min(100) {
        raw(address).await?;
        establish(&preconnection).await?;
    }
    for round in 0..scale.rounds {
        let mut times = (Vec::new(), Vec::new());
        for turn in 0..2 {
            for _ in 0..scale.each {
                if turn == round % 2 {
                    times.0.push(raw(address).await?);
                } else {
                    times.1.push(establish(&preconnection).await?);
                }
            }
        }
        let (raw, neatflow) = times;
        figures.ratios.push(percentile(totals(&neatflow), 50) / percentile(micros(&raw), 50));
        figures.raw.extend(raw);
        figures.neatflow.extend(neatflow);
    }
    Ok(figures)
}

async fn raw(address: SocketAddr) -> io::Result<Duration> {
    let start = Instant::now();
    let stream = tokio::net::TcpStream::connect(address).await?;
    let took = start.elapsed();
    // A reset leaves nothing in TIME-WAIT, or the ports would run out.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(took)
}

async fn establish(preconnection: &Preconnection) -> Result<Establishment, Failure> {
    let start = Instant::now();
    let connection = preconnection.initiate()?;
    connection.ready().await?;
    let total = start.elapsed();

    let race = connection.race().ok_or("there was no race")?;
    let attempt = race.timeline.attempts.first().ok_or("there was no attempt")?;
    let transport = attempt.transport.ok_or("the handshake was not noted")?;
    let taken =
        Establishment { total, attempt: transport - attempt.started, policy: attempt.started.since_origin() };

    // The end of a connection is not measured, and must not overlap with the next.
    connection.abort();
    let _ = connection.closed().await;
    Ok(taken)
}

fn report(figures: &Figures) -> io::Result<()> {
    let rows = [
        ("raw", micros(&figures.raw)),
        ("neatflow", totals(&figures.neatflow)),
        ("policy", figures.neatflow.iter().map(|one| micro(one.policy)).collect()),
        ("attempt", figures.neatflow.iter().map(|one| micro(one.attempt)).collect()),
    ];
    let named = [
        "raw       connect of tokio",
        "neatflow  initiate to ready",
        "          .. of it, the race up to the attempt",
        "          .. of it, the attempt",
    ];
    println!("{} of each, in {} rounds, times in µs", figures.raw.len(), figures.ratios.len());
    println!("{:42}{:>9}{:>9}{:>9}", "", "p50", "p90", "p99");
    let mut json = Vec::new();
    for ((key, times), name) in rows.into_iter().zip(named) {
        let [p50, p90, p99] = [50, 90, 99].map(|rank| percentile(times.clone(), rank));
        println!("{name:42}{p50:9.1}{p90:9.1}{p99:9.1}");
        json.push(format!(r#""{key}":{{"p50_us":{p50:.2},"p90_us":{p90:.2},"p99_us":{p99:.2}}}"#));
    }
    let [low, middle, high] = [0, 50, 100].map(|rank| percentile(figures.ratios.clone(), rank));
    println!("ratio     median over median, by round: {middle:.2} ({low:.2} .. {high:.2})");
    json.push(format!(r#""ratio":{{"min":{low:.3},"median":{middle:.3},"max":{high:.3}}}"#));

    if !asked("--bench") {
        return Ok(());
    }
    let path = target().join("bench/establish.json");
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    fs::write(&path, format!("{{{}}}\n", json.join(",")))?;
    println!("written to {}", path.display());
    Ok(())
}

/// Cargo runs benches in the package's directory.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

fn totals(establishments: &[Establishment]) -> Vec<f64> {
    establishments.iter().map(|one| micro(one.total)).collect()
}

fn micros(times: &[Duration]) -> Vec<f64> {
    times.iter().copied().map(micro).collect()
}

fn micro(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The nearest rank; 0 and 100 are the least and the greatest.
fn percentile(mut values: Vec<f64>, rank: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last * rank + 50) / 100).copied().unwrap_or(f64::NAN)
}
