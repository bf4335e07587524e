//! What becomes of the sockets of those who do not win, seen from the servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::prelude::*;
use neatflow::racing::{Config, Mode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// How many servers there are, and how often a race is run.
const SERVERS: usize = 20;
const RACES: usize = 10;

#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    ended: AtomicUsize,
}

/// Counts who comes, and who goes: an end, or a reset.
async fn server(seen: Arc<Seen>) -> SocketAddr {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    actix::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.accepted.fetch_add(1, Ordering::SeqCst);
            let seen = seen.clone();
            actix::spawn(async move {
                let mut buffer = [0; 64];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                seen.ended.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    address
}

/// All of them are tried at once, and several connect in the same moment.
#[test]
fn no_loser_stays_open_after_the_win() {
    run(async {
        let seen = Arc::new(Seen::default());
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            servers.push(server(seen.clone()).await);
        }
        let transport = Transport::builder().racing(Config::default().mode(Mode::Simultaneous)).start();
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        let mut open = Vec::new();
        for race in 1..=RACES {
            let all = servers.iter().fold(Preconnection::new(&transport), |all, one| all.remote(*one));
            let connection = all.initiate().unwrap();
            within(connection.ready()).await.unwrap();
            open.push(connection);
            // A connection that was closed before it was accepted is accepted all the same, and has ended.
            eventually("only winners are open", async || {
                count(&seen.accepted) == count(&seen.ended) + race
                    && transport.census().await.unwrap().candidates == 0
            })
            .await;
        }
        assert!(count(&seen.accepted) > RACES, "nobody has lost");
        drop(open);
        eventually("the winners go", async || count(&seen.accepted) == count(&seen.ended)).await;
    });
}
