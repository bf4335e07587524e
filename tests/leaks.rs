//! What is left when it is over: no socket, no actor, no thread, no memory of a connection.
//!
//! Sockets are counted for the whole process, so these tests run one at a time, and nothing else is in this file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use actix::prelude::*;
use common::*;
use neatflow::network_monitor::messages::NetworkChanged;
use neatflow::prelude::*;
use neatflow::{Error, State};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::net::TcpStream;

const MANY: usize = 1_000;

/// Held by the test whose turn it is.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many descriptors this process has open, but for those by which the system tells of its networks: each transport
/// has one of them, as long as it lives. `None`, and the test is skipped, where the system does not tell.
fn descriptors() -> Option<usize> {
    let all = all_descriptors()?;
    let told = std::fs::read_to_string("/proc/net/netlink").unwrap_or_default();
    let netlink: Vec<_> = told
        .lines()
        .filter_map(|line| Some(format!("socket:[{}]", line.split_whitespace().last()?)))
        .collect();
    Some(all.iter().filter(|open| !netlink.contains(open)).count())
}

/// What this process has open.
fn all_descriptors() -> Option<Vec<String>> {
    let open = std::fs::read_dir("/proc/self/fd");
    let open = open.map_err(|error| skip(&format!("descriptors cannot be counted: {error}"))).ok()?;
    let target = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).unwrap_or_default();
    Some(open.flatten().map(|entry| target(entry).to_string_lossy().into_owned()).collect())
}

/// Nobody of this transport is left, and no more descriptors than before.
async fn nothing_is_left(transport: &Transport, before: usize) {
    nobody_is_left(transport).await;
    eventually("every socket is closed", async || descriptors().is_some_and(|now| now <= before)).await;
}

/// A server that takes connections and never says anything, in a thread of its own.
struct Silent {
    address: SocketAddr,
    accepted: Arc<Mutex<Vec<std::net::TcpStream>>>,
}

impl Silent {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind((V4, 0)).unwrap();
        let (address, accepted) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let taking = Arc::downgrade(&accepted);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(taken) = Weak::upgrade(&taking) else { return };
                taken.lock().unwrap().push(stream.unwrap());
            }
        });
        Self { address, accepted }
    }

    /// Drops what it has taken.
    fn forget(&self) {
        self.accepted.lock().unwrap().clear();
    }
}

struct Deaf;

impl Actor for Deaf {
    type Context = Context<Self>;
}

impl Handler<NetworkChanged> for Deaf {
    type Result = ();

    fn handle(&mut self, _: NetworkChanged, _: &mut Self::Context) {}
}

#[test]
fn transports_that_followed_the_networks_take_what_they_did_it_with_along() {
    let _alone = alone();
    run(async {
        let Some(before) = all_descriptors().map(|open| open.len()) else { return };
        let deaf = Deaf.start();
        let transports: Vec<Transport> = (0..20).map(|_| Transport::start()).collect();
        for transport in &transports {
            eventually("the networks are known", async || {
                transport.watch_network(&deaf).await.unwrap().is_some()
            })
            .await;
        }
        drop(transports);
        eventually("everything is closed", async || {
            all_descriptors().is_some_and(|open| open.len() <= before)
        })
        .await;
    });
}

#[test]
fn a_thousand_connects_and_aborts_leave_nothing() {
    let _alone = alone();
    run(async {
        let server = Silent::start();
        let transport = Transport::start();
        let Some(before) = descriptors() else { return };
        let stays = connect(&transport, server.address);
        within(stays.ready()).await.unwrap();
        let mut remembered = Vec::new();
        for n in 0..MANY {
            let connection = connect(&transport, server.address);
            let memory = Arc::new(());
            remembered.push(Arc::downgrade(&memory));
            connection.set_user_data(memory);
            connection.send(vec![7; 1000]);
            connection.receive();
            // At every stage of its life, and by every way out.
            match n % 10 {
                0 => connection.abort(),
                1 => drop(connection.clone()),
                2 => tokio::task::yield_now().await,
                3 => {
                    tokio::task::yield_now().await;
                    connection.abort();
                }
                4 => {
                    tokio::time::sleep(Duration::from_micros(n as u64)).await;
                    connection.abort();
                }
                5 => connection.close(),
                6 => {
                    within(connection.ready()).await.unwrap();
                    connection.close();
                }
                _ => {
                    within(connection.ready()).await.unwrap();
                    connection.abort();
                    assert_eq!(connection.state(), State::Closed);
                }
            }
        }
        server.forget();
        eventually("only one is alive", async || transport.census().await.unwrap().flows == 1).await;
        eventually("no connection is remembered", async || {
            server.forget();
            remembered.iter().all(|memory| memory.strong_count() == 0)
        })
        .await;
        assert_eq!(stays.state(), State::Established);
        drop(stays);
        server.forget();
        nothing_is_left(&transport, before).await;
        // And it still works.
        within(connect(&transport, server.address).ready()).await.unwrap();
    });
}

#[test]
fn a_thousand_at_once_are_aborted_at_once() {
    let _alone = alone();
    run(async {
        let server = Silent::start();
        let transport = Transport::start();
        let Some(before) = descriptors() else { return };
        let all = (0..MANY / 2).map(|_| connect(&transport, server.address)).collect::<Vec<_>>();
        for connection in all.iter().step_by(2) {
            within(connection.ready()).await.unwrap();
        }
        for connection in &all {
            connection.abort();
        }
        for connection in &all {
            assert!(within(connection.closed()).await.is_err());
        }
        drop(all);
        // The server may be behind, and take some of them only now.
        eventually("every socket is closed", async || {
            server.forget();
            descriptors().is_some_and(|now| now <= before)
        })
        .await;
        nothing_is_left(&transport, before).await;
    });
}

#[test]
fn establishments_that_fail_or_are_dropped_leave_nothing() {
    let _alone = alone();
    run(async {
        let dns = DnsServer::start().await.unwrap();
        dns.on("silent.example", RecordType::A, Reply::silence());
        dns.on("silent.example", RecordType::AAAA, Reply::silence());
        let (_holder, refusing) = vacant(V4);
        let limit = Duration::from_millis(100);
        let transport = Transport::builder().name_servers([dns.address()]).resolution_timeout(limit).start();
        let Some(before) = descriptors() else { return };
        for n in 0..100 {
            let names =
                Preconnection::new(&transport).remote("silent.example:80").remote("missing.example:80");
            let named = names.initiate().unwrap();
            let refused = connect(&transport, refusing);
            let unlucky = Preconnection::new(&transport).remote(refusing).require(Multistreaming);
            let unlucky = unlucky.initiate().unwrap();
            if n % 2 == 0 {
                assert!(matches!(within(refused.closed()).await, Err(Error::Establishment(_))));
                assert!(matches!(within(unlucky.closed()).await, Err(Error::Establishment(_))));
            }
            if n % 25 == 0 {
                assert!(matches!(within(named.closed()).await, Err(Error::Establishment(_))));
            }
        }
        nothing_is_left(&transport, before).await;
    });
}

#[test]
fn listeners_and_what_they_accepted_leave_nothing() {
    let _alone = alone();
    run(async {
        let transport = Transport::start();
        let Some(before) = descriptors() else { return };
        for n in 0..100 {
            let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
            if n % 4 == 0 {
                continue;
            }
            let here = within(listener.listening()).await.unwrap()[0];
            let _waiting = TcpStream::connect(here).await.unwrap();
            if n % 4 == 1 {
                continue;
            }
            let connection = within(listener.accept()).await.unwrap();
            match n % 4 {
                2 => connection.abort(),
                _ => listener.stop(),
            }
        }
        nothing_is_left(&transport, before).await;
    });
}

#[test]
fn subscribers_are_let_go_with_the_terminal_event() {
    let _alone = alone();
    run(async {
        let server = Silent::start();
        let transport = Transport::start();
        let (probe, mut events) = probe();
        let weak = probe.downgrade();
        let connection = Preconnection::new(&transport)
            .remote(server.address)
            .subscribe::<Event, _>(&probe)
            .initiate()
            .unwrap();
        drop(probe);
        within(connection.ready()).await.unwrap();
        // The subscription holds it ..
        assert!(weak.upgrade().is_some());
        connection.abort();
        events.until_terminal().await;
        // .. until there is nothing to tell any more, although the connection is still at hand.
        eventually("the subscriber has ended", async || weak.upgrade().is_none_or(|addr| !addr.connected()))
            .await;
        drop(connection);
    });
}

/// How many threads of this process bear this name.
fn threads(name: &str) -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task");
    let tasks = tasks.map_err(|error| skip(&format!("threads cannot be counted: {error}"))).ok()?;
    let named = |task: &std::fs::DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    Some(tasks.flatten().filter(named).count())
}

#[test]
fn a_transports_own_thread_ends_with_its_last_handle_and_its_last_connection() {
    let _alone = alone();
    let _watchdog = Watchdog::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Silent::start();
        let Some(before) = descriptors() else { return };
        let transport = Transport::builder().start_thread().unwrap();
        let connection = connect(&transport, server.address);
        within(connection.ready()).await.unwrap();
        let cancelled = connect(&transport, server.address);
        drop(transport);
        drop(cancelled);
        tokio::time::sleep(SILENCE).await;
        within(connection.send("alive")).await.unwrap();
        assert_eq!(threads("neatflow").unwrap_or(1), 1);
        connection.close();
        within(connection.closed()).await.unwrap();
        drop(connection);
        server.forget();
        eventually("the thread has ended", async || threads("neatflow").unwrap_or(0) == 0).await;
        eventually("every descriptor is closed", async || {
            server.forget();
            descriptors().is_some_and(|now| now <= before)
        })
        .await;
    });
}

#[test]
fn a_transport_that_nobody_used_ends_with_its_handle() {
    let _alone = alone();
    let _watchdog = Watchdog::start();
    for _ in 0..10 {
        drop(Transport::builder().start_thread().unwrap());
    }
    let start = std::time::Instant::now();
    while threads("neatflow").is_some_and(|count| count > 0) {
        assert!(start.elapsed() < Duration::from_secs(20), "threads are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}
