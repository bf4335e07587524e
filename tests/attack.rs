//! What an adversary tried, and what it found.

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use bytes::Bytes;
use common::*;
use futures::StreamExt;
use neatflow::prelude::*;
use neatflow::{Message, State};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Memory(#[expect(dead_code, reason = "held")] Arc<()>);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        b"memory"
    }
}

fn remembered() -> (Message, Weak<()>) {
    let memory = Arc::new(());
    let weak = Arc::downgrade(&memory);
    (Message::new(Bytes::from_owner(Memory(memory))), weak)
}

#[test]
fn a_stream_of_events_that_was_dropped_keeps_nothing() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        drop(connection.events());
        within(connection.send(Message::default().last())).await.unwrap();
        let (message, memory) = remembered();
        // Refused: the message comes back in an event, which nobody hears.
        let _ = within(connection.send(message)).await.unwrap_err();
        actix::clock::sleep(SILENCE).await;
        assert!(memory.upgrade().is_none(), "an event waits for nobody");
    });
}

#[test]
fn a_stream_of_events_that_is_dropped_holds_nobody_up() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let (actor, mut probe) = probe();
        connection.subscribe::<Event, _>(&actor);
        let mut events = connection.events();
        connection.stream(1);
        peer.write_all(b"one").await.unwrap();
        let held = within(events.next()).await.unwrap();
        drop(probe.next().await);
        peer.write_all(b"two").await.unwrap();
        probe.silence().await;
        drop(events);
        drop(probe.next().await);
        drop(held);
    });
}

#[test]
fn what_a_message_is_made_of_may_use_its_connection_when_it_is_dropped() {
    struct Owner(Connection);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"owned"
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            assert!(self.0.state() >= State::Establishing);
        }
    }
    for refused in [false, true] {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            run(async {
                let transport = Transport::start();
                let (connection, _peer) = pair(&transport).await;
                if refused {
                    within(connection.send(Message::default().last())).await.unwrap();
                }
                let _ = within(connection.send(Bytes::from_owner(Owner(connection.clone())))).await;
            });
            tell.send(()).unwrap();
        });
        told.recv_timeout(Duration::from_secs(5)).unwrap_or_else(|_| panic!("deadlock, refused: {refused}"));
    }
}

struct Ear;

impl Wake for Ear {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn futures_that_are_dropped_leave_no_waker_behind() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        let listener = Preconnection::new(&transport).local("127.0.0.1:0").listen().unwrap();
        within(listener.listening()).await.unwrap();
        let mut ears = Vec::new();
        let mut hear = |future: std::pin::Pin<&mut dyn Future<Output = ()>>| {
            let ear = Arc::new(Ear);
            ears.push(Arc::downgrade(&ear));
            let waker = Waker::from(ear);
            assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
        };
        for _ in 0..100 {
            hear(pin!(async { drop(connection.closed().await) }));
            hear(pin!(async { drop(connection.received().await) }));
            hear(pin!(async { drop(listener.accept().await) }));
        }
        actix::clock::sleep(SILENCE).await;
        let left = ears.iter().filter(|ear| ear.strong_count() > 0).count();
        assert!(left <= 3, "{left} of {}", ears.len());
    });
}

#[test]
fn what_still_comes_is_discarded_after_closed_also_on_a_thread_that_ends() {
    run(async {
        let server = tokio::net::TcpListener::bind((V4, 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        let transport = Transport::builder().start_thread().unwrap();
        let connection = connect(&transport, address);
        let (mut peer, _) = within(server.accept()).await.unwrap();
        within(connection.send("hello")).await.unwrap();
        connection.close();
        drop(transport);
        within(connection.closed()).await.unwrap();
        actix::clock::sleep(Duration::from_millis(100)).await;
        // The peer talks on for a moment before it reads.
        for _ in 0..5 {
            peer.write_all(b"still here").await.unwrap();
            actix::clock::sleep(Duration::from_millis(20)).await;
        }
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"hello");
    });
}

#[test]
fn what_came_before_a_reset_is_for_whoever_awaits_it() {
    run(async {
        let transport = Transport::start();
        let (connection, peer) = pair(&transport).await;
        let mut answer = Box::pin(connection.received());
        assert!(futures::poll!(&mut answer).is_pending());
        actix::clock::sleep(SILENCE).await;
        // Both are there before the connection has its turn.
        assert_eq!(peer.try_write(b"answer").unwrap(), 6);
        peer.set_zero_linger().unwrap();
        drop(peer);
        assert_eq!(within(answer).await.unwrap().data, "answer");
        within(connection.received()).await.unwrap_err();
    });
}
