//! Many at once: connections each second, their ends included.

use crate::stats::ratios;
use crate::{Failure, Scale, server};
use futures::future::try_join_all;
use neatflow::prelude::*;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const AT_ONCE: usize = 50;

pub(crate) async fn measure(scale: Scale) -> Result<Value, Failure> {
    let (rounds, each) = scale.of((2, 2), (10, 40), (40, 100));
    let address = server::many()?;
    let transport = Transport::start();
    let preconnection = Preconnection::new(&transport).remote(address);
    raw(address, each).await?;
    ours(&preconnection, each).await?;
    let (mut rates, mut of_rounds) = ((0.0, 0.0), Vec::new());
    for round in 0..rounds {
        let (by_hand, neatflow) = if round % 2 == 0 {
            let by_hand = raw(address, each).await?;
            (by_hand, ours(&preconnection, each).await?)
        } else {
            let neatflow = ours(&preconnection, each).await?;
            (raw(address, each).await?, neatflow)
        };
        of_rounds.push(neatflow / by_hand);
        rates = (rates.0 + by_hand / rounds as f64, rates.1 + neatflow / rounds as f64);
    }
    let (by_hand, neatflow) = (rates.0.round(), rates.1.round());
    println!("parallel: {AT_ONCE} at once, {} of each, in {rounds} rounds", rounds * each * AT_ONCE);
    println!("raw {by_hand} connections a second, neatflow {neatflow}");
    Ok(json!({
        "raw_per_second": by_hand,
        "neatflow_per_second": neatflow,
        "ratio": ratios("ratio of the rates", &of_rounds),
    }))
}

/// Connections each second.
async fn raw(address: SocketAddr, each: usize) -> Result<f64, Failure> {
    let start = Instant::now();
    let one = || async move {
        for _ in 0..each {
            let stream = tokio::net::TcpStream::connect(address).await?;
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok::<_, Failure>(())
    };
    finish(start, each, (0..AT_ONCE).map(|_| tokio::task::spawn_local(one()))).await
}

async fn ours(preconnection: &Preconnection, each: usize) -> Result<f64, Failure> {
    let start = Instant::now();
    let one = |preconnection: Preconnection| async move {
        for _ in 0..each {
            let connection = preconnection.initiate()?;
            connection.ready().await?;
            connection.abort();
            let _ = connection.closed().await;
        }
        Ok::<_, Failure>(())
    };
    finish(start, each, (0..AT_ONCE).map(|_| tokio::task::spawn_local(one(preconnection.clone())))).await
}

async fn finish(
    start: Instant,
    each: usize,
    tasks: impl Iterator<Item = tokio::task::JoinHandle<Result<(), Failure>>>,
) -> Result<f64, Failure> {
    for ended in try_join_all(tasks).await? {
        ended?;
    }
    Ok((AT_ONCE * each) as f64 / start.elapsed().as_secs_f64())
}
