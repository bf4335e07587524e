//! Descriptors of TCP: who opens one closes it. In a program of its own, because it counts them.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions clippy knows to be tests")]

#[expect(dead_code, reason = "this program uses a part")]
mod support;

use neatflow_core::Failure;
use neatflow_stacks::tcp::Tcp;
use neatflow_stacks::{ListenOn, Progress, Stack};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use support::*;

/// One test at a time: each counts the descriptors of the whole program.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn run(test: impl Future<Output = ()>) {
    let _alone = alone();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_thousand_connections_leave_no_descriptor_behind() {
    run(async {
        let mut acceptor = listen_at(V4);
        let before = open_descriptors();
        for _ in 0..1_000 {
            let candidate = candidate(acceptor.local());
            let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
            assert_eq!(open_descriptors(), before + 2);
            // Half of what ends a connection is the server's; the reset keeps TIME-WAIT from piling up.
            accepted.wire.abort();
            drop(opened.unwrap());
        }
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn refusals_leave_no_descriptor_behind() {
    run(async {
        let (_held, vacant) = vacant(V4);
        let mut onto_itself = candidate(vacant);
        onto_itself.local = Some(vacant);
        let mut not_ours = candidate(vacant);
        not_ours.local = Some("192.0.2.77:0".parse().unwrap());
        let mut nowhere = candidate(vacant);
        nowhere.interface = Some("no-such-if".into());
        let before = open_descriptors();
        for candidate in [candidate(vacant), onto_itself, not_ours, nowhere] {
            connect(&candidate).await.unwrap_err();
            assert_eq!(open_descriptors(), before, "{candidate}");
        }
    });
}

#[test]
fn dropping_an_attempt_closes_its_socket_at_once() {
    run(async {
        let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
        on.backlog = 0;
        let acceptor = listen(&on);
        let before = open_descriptors();
        // Nobody answers once the queue is full, so sooner or later an attempt hangs in its handshake.
        let mut waiting = Vec::new();
        loop {
            let mut attempt = Tcp::new().connect(&candidate(acceptor.local()).into(), Progress::ignored());
            match tokio::time::timeout(Duration::from_millis(200), &mut attempt).await {
                Ok(established) => waiting.push(established.unwrap()),
                Err(_) => {
                    assert_eq!(open_descriptors(), before + waiting.len() + 1);
                    drop(attempt);
                    assert_eq!(open_descriptors(), before + waiting.len());
                    break;
                }
            }
            assert!(waiting.len() < 10, "the queue never fills");
        }
        waiting.clear();
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn the_peer_of_a_dropped_attempt_sees_it_end() {
    run(async {
        let mut acceptor = listen_at(V4);
        let mut attempt = Tcp::new().connect(&candidate(acceptor.local()).into(), Progress::ignored());
        // On loopback the handshake is done when the first poll returns; nobody was told yet.
        let first = poll_fn(|cx| Poll::Ready(attempt.as_mut().poll(cx).map(drop))).await;
        drop(attempt);
        if first.is_pending() {
            let accepted = accept(&mut acceptor).await;
            assert_eq!(read(&mut stream(accepted.wire)).await.unwrap(), b"");
        }
    });
}

#[test]
fn a_connection_that_moved_is_closed_by_its_last_owner() {
    run(async {
        let before = open_descriptors();
        let (client, mut server) = pair().await;
        assert_eq!(open_descriptors(), before + 2);
        let portable = server.detach().unwrap();
        drop(server);
        assert_eq!(open_descriptors(), before + 2);
        drop(portable);
        assert_eq!(open_descriptors(), before + 1);
        drop(client);
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_wire_that_is_watched_closes_when_it_is_dropped() {
    run(async {
        let before = open_descriptors();
        let (mut client, server) = pair().await;
        assert!(stays_pending(|cx| client.poll_failed(cx)).await);
        drop(client);
        drop(server);
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn out_of_descriptors_a_listener_fails_for_the_moment_only() {
    run(async {
        let mut acceptor = listen_at(V4);
        let _client = connect(&candidate(acceptor.local())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let failure = {
            let _full = Full::now();
            within(poll_fn(|cx| acceptor.poll_accept(cx))).await.unwrap_err()
        };
        assert!(matches!(failure, Failure::Io { os: Some(libc::EMFILE), .. }), "{failure:?}");
        accept(&mut acceptor).await;
    });
}

/// Every descriptor the process may have is taken.
struct Full {
    _taken: Vec<std::fs::File>,
    limit: libc::rlimit,
}

impl Full {
    fn now() -> Self {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a live structure of the type that the call fills.
        #[expect(unsafe_code, reason = "no crate at hand has a safe function for this")]
        let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        assert_eq!(status, 0);
        set_limit(&libc::rlimit { rlim_cur: 64, ..limit });
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        Self { _taken: taken, limit }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        set_limit(&self.limit);
    }
}

fn set_limit(limit: &libc::rlimit) {
    // SAFETY: the pointer is to a live structure of the type that the call reads.
    #[expect(unsafe_code, reason = "no crate at hand has a safe function for this")]
    let status = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) };
    assert_eq!(status, 0);
}
