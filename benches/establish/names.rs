//! To a dual-stack name, against hyper-util's HttpConnector. Both are told the addresses at once.
//!
//! `isolated` is what a first connection to a name costs: nothing is remembered of the others (RFC 9622 §8.1.10). Without
//! that, a transport that has found IPv6 broken tries IPv4 first: `learned`.

use crate::server::{Dual, Ipv6};
use crate::stats::{head, median, micros, ratios, row};
use crate::{Failure, Scale};
use actix::Actor;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use neatflow::prelude::*;
use neatflow_testing::resolver::ScriptedResolver;
use serde_json::{Map, Value, json};
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{io, vec};
use tower_service::Service;

const NAME: &str = "dual.example";

/// hyper-util's resolver: both addresses, IPv6 first.
#[derive(Clone)]
struct Both;

impl Service<Name> for Both {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let addresses = [(Ipv6Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, 0).into()];
        ready(Ok(Vec::from(addresses).into_iter()))
    }
}

pub(crate) async fn measure(scale: Scale) -> Result<Value, Failure> {
    let mut all = Map::new();
    for (name, ipv6, rounds, each) in [
        ("both_good", Ipv6::Good, scale.of(1, 10, 40), scale.of(5, 100, 500)),
        ("ipv6_refused", Ipv6::Refused, scale.of(1, 5, 20), scale.of(3, 10, 20)),
        ("ipv6_silent", Ipv6::Silent, scale.of(1, 2, 8), scale.of(1, 2, 4)),
    ] {
        all.insert(name.to_owned(), case(name, ipv6, rounds, each).await?);
    }
    Ok(Value::Object(all))
}

async fn case(name: &str, ipv6: Ipv6, rounds: usize, each: usize) -> Result<Value, Failure> {
    let server = Dual::new(ipv6)?;
    let names = ScriptedResolver::new().answers(NAME, Duration::ZERO, ["::1"]);
    let names = names.answers(NAME, Duration::ZERO, ["127.0.0.1"]);
    let transport = Transport::builder().resolver(names.start().recipient()).start();
    let learned = Preconnection::new(&transport).remote(format!("{NAME}:{}", server.port).as_str());
    let mut properties = TransportProperties::new();
    properties.connection.isolate_session = true;
    let isolated = learned.clone().properties(properties);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let mut of_rounds = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let mut round_times = [Vec::new(), Vec::new(), Vec::new()];
        for turn in 0..3 {
            let who = (turn + round) % 3;
            for _ in 0..each {
                round_times[who].push(match who {
                    0 => hyper(server.port).await?,
                    1 => ours(&isolated).await?,
                    _ => ours(&learned).await?,
                });
            }
        }
        let medians = round_times.each_ref().map(|times| median(&micros(times)));
        of_rounds[0].push(medians[1] / medians[0]);
        of_rounds[1].push(medians[2] / medians[0]);
        for (all, more) in times.iter_mut().zip(round_times) {
            all.extend(more);
        }
    }
    println!("names, {name}: {} of each, in {rounds} rounds, times in µs", times[0].len());
    head();
    Ok(json!({
        "hyper": row("hyper     HttpConnector", &micros(&times[0])),
        "isolated": row("neatflow  that remembers nothing", &micros(&times[1])),
        "learned": row("neatflow", &micros(&times[2])),
        "isolated_ratio": ratios("isolated  median over median", &of_rounds[0]),
        "learned_ratio": ratios("learned   median over median", &of_rounds[1]),
    }))
}

async fn hyper(port: u16) -> Result<Duration, Failure> {
    let mut connector = HttpConnector::new_with_resolver(Both);
    let to = format!("http://{NAME}:{port}/").parse()?;
    let start = Instant::now();
    let stream = connector.call(to).await?;
    let took = start.elapsed();
    socket2::SockRef::from(stream.inner()).set_linger(Some(Duration::ZERO))?;
    Ok(took)
}

async fn ours(preconnection: &Preconnection) -> Result<Duration, Failure> {
    let start = Instant::now();
    let connection = preconnection.initiate()?;
    connection.ready().await?;
    let took = start.elapsed();
    connection.abort();
    let _ = connection.closed().await;
    Ok(took)
}
