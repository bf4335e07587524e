//! To a literal address, one after the other.

use crate::stats::{head, median, micro, micros, ratios, row};
use crate::{Failure, Scale, server};
use neatflow::prelude::*;
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

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

pub(crate) async fn measure(scale: Scale) -> Result<Value, Failure> {
    // In each round: so many of one, then so many of the other; the next round begins with the other.
    let (rounds, each) = scale.of((2, 20), (10, 200), (40, 1_000));
    let address = server::one_by_one()?;
    let transport = Transport::start();
    let preconnection = Preconnection::new(&transport).remote(address);
    for _ in 0..each.min(100) {
        raw(address).await?;
        establish(&preconnection).await?;
    }
    let (mut all_raw, mut all_ours, mut of_rounds) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
        for turn in 0..2 {
            for _ in 0..each {
                if turn == round % 2 {
                    by_hand.push(raw(address).await?);
                } else {
                    ours.push(establish(&preconnection).await?);
                }
            }
        }
        of_rounds.push(median(&totals(&ours)) / median(&micros(&by_hand)));
        all_raw.extend(by_hand);
        all_ours.extend(ours);
    }
    println!("literal: {} of each, in {rounds} rounds, times in µs", all_raw.len());
    head();
    let part = |take: fn(&Establishment) -> Duration| -> Vec<f64> {
        all_ours.iter().map(|one| micro(take(one))).collect()
    };
    Ok(json!({
        "raw": row("raw       connect of tokio", &micros(&all_raw)),
        "neatflow": row("neatflow  initiate to ready", &totals(&all_ours)),
        "policy": row("          .. of it, the race up to the attempt", &part(|one| one.policy)),
        "attempt": row("          .. of it, the attempt", &part(|one| one.attempt)),
        "ratio": ratios("ratio     median over median", &of_rounds),
    }))
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

fn totals(establishments: &[Establishment]) -> Vec<f64> {
    establishments.iter().map(|one| micro(one.total)).collect()
}
