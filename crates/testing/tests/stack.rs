//! The scripted stack keeps the contract of `Stack`, without any actor.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use bytes::Bytes;
use futures::future::poll_fn;
use neatflow_core::connection::Batch;
use neatflow_core::{
    Candidate, CandidateId, Failure, Message, MessageProperties, Protocol, TransportProperties,
};
use neatflow_stacks::{Established, ListenOn, Progress, Stack, Stage, Wire};
use neatflow_testing::stack::{AttemptEnd, Outcome, ScriptedStack};
use neatflow_testing::{paused, settle};
use std::cell::RefCell;
use std::future::Future;
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::time::{Instant, sleep, timeout};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn candidate(remote: &str) -> Candidate {
    let properties = Arc::new(TransportProperties::new());
    Candidate::new(CandidateId(0), Protocol::named("scripted"), remote.parse().unwrap(), properties)
}

async fn connect(stack: &ScriptedStack) -> Established {
    stack.connect(&candidate("192.0.2.1:1").into(), Progress::ignored()).await.unwrap()
}

async fn read(wire: &mut Wire) -> Result<Bytes, Failure> {
    let mut buffer = [0; 100];
    let mut buffer = ReadBuf::new(&mut buffer);
    let Wire::Stream(wire) = wire else { panic!("it carries messages") };
    poll_fn(|cx| wire.poll_read(cx, &mut buffer)).await?;
    Ok(Bytes::copy_from_slice(buffer.filled()))
}

async fn write(wire: &mut Wire, text: &str) -> Result<usize, Failure> {
    let Wire::Stream(wire) = wire else { panic!("it carries messages") };
    poll_fn(|cx| wire.poll_write(cx, &[IoSlice::new(text.as_bytes())])).await
}

#[test]
fn an_attempt_takes_its_time_and_reports_its_stages() {
    paused(async {
        let stack = ScriptedStack::new().otherwise(
            Outcome::connects_after(ms(50))
                .reaching(Stage::Security, ms(40))
                .reaching(Stage::Transport, ms(20))
                .reaching(Stage::Transport, ms(500)),
        );
        let start = Instant::now();
        let reports = Rc::new(RefCell::new(Vec::new()));
        let reported = reports.clone();
        let progress = Progress::new(move |stage| reported.borrow_mut().push((stage, start.elapsed())));
        stack.connect(&candidate("192.0.2.1:1").into(), progress).await.unwrap();
        assert_eq!(start.elapsed(), ms(50));
        assert_eq!(*reports.borrow(), [(Stage::Transport, ms(20)), (Stage::Security, ms(40))]);
    });
}

#[test]
fn an_attempt_that_is_dropped_counts_as_cancelled_and_a_wire_that_is_dropped_as_gone() {
    paused(async {
        let stack =
            ScriptedStack::new().to("192.0.2.1:1", Outcome::silent()).to("192.0.2.1:1", Outcome::connects());
        let attempt = stack.connect(&candidate("192.0.2.1:1").into(), Progress::ignored());
        assert!(timeout(ms(100), attempt).await.is_err());
        let [attempted] = &stack.attempts()[..] else { panic!() };
        assert_eq!((attempted.end, attempted.ended_at), (Some(AttemptEnd::Cancelled), Some(ms(100))));
        let established = connect(&stack).await;
        let peer = stack.peer().await;
        assert_eq!((stack.alive(), peer.is_open()), (1, true));
        drop(established);
        peer.closed().await;
        assert_eq!((stack.alive(), peer.is_aborted()), (0, false));
        let established = connect(&stack).await;
        established.wire.abort();
        assert!(stack.peer().await.is_aborted());
        assert_eq!(stack.alive(), 0);
    });
}

#[test]
fn what_changes_wakes_whoever_waits_for_it() {
    paused(async {
        let stack = ScriptedStack::new();
        let mut wire = connect(&stack).await.wire;
        let peer = stack.peer().await;
        peer.window(3);
        peer.hold_acknowledgements();
        assert_eq!(write(&mut wire, "hello").await, Ok(3));
        let far = peer.clone();
        actix_rt::spawn(async move {
            sleep(ms(10)).await;
            assert_eq!(far.take(), "hel");
            sleep(ms(10)).await;
            far.send("hi");
            sleep(ms(10)).await;
            far.acknowledge();
            sleep(ms(10)).await;
            far.finish();
            sleep(ms(10)).await;
            far.reset();
        });
        let start = Instant::now();
        assert_eq!(write(&mut wire, "lo").await, Ok(2));
        assert_eq!(start.elapsed(), ms(10));
        assert_eq!(read(&mut wire).await.unwrap(), "hi");
        assert_eq!(start.elapsed(), ms(20));
        poll_fn(|cx| wire.control().poll_finish(cx)).await.unwrap();
        poll_fn(|cx| wire.control().poll_acknowledged(cx)).await.unwrap();
        assert_eq!(start.elapsed(), ms(30));
        assert_eq!(read(&mut wire).await.unwrap(), "");
        assert_eq!(start.elapsed(), ms(40));
        assert_eq!(poll_fn(|cx| wire.control().poll_failed(cx)).await, Failure::Reset);
        assert_eq!(start.elapsed(), ms(50));
        assert_eq!(read(&mut wire).await, Err(Failure::Reset));
        assert_eq!(write(&mut wire, "x").await, Err(Failure::Reset));
    });
}

#[test]
fn messages_stay_whole() {
    paused(async {
        let stack = ScriptedStack::new().messages();
        let Wire::Messages(mut wire) = connect(&stack).await.wire else { panic!("it carries bytes") };
        let peer = stack.peer().await;
        peer.window(4);
        for text in ["longer than the window", ""] {
            // The first goes alone, the second waits for room.
            let batch = batch(text, 1);
            let sent = poll_fn(|cx| wire.poll_send(cx, &batch));
            assert_eq!(timeout(ms(10), sent).await.is_ok(), !text.is_empty());
        }
        assert_eq!(peer.read().await.unwrap(), "longer than the window");
        peer.send("a");
        peer.send("");
        peer.finish();
        let mut got = Vec::new();
        for told in 1.. {
            poll_fn(|cx| wire.poll_recv(cx, &mut got)).await.unwrap();
            if got.len() < told {
                break;
            }
        }
        assert_eq!(got, [Message::new("a"), Message::new("")]);
    });
}

#[test]
fn of_a_batch_as_many_go_as_there_is_room_for() {
    paused(async {
        let stack = ScriptedStack::new().messages();
        let Wire::Messages(mut wire) = connect(&stack).await.wire else { panic!("it carries bytes") };
        let peer = stack.peer().await;
        peer.window(5);
        assert_eq!(poll_fn(|cx| wire.poll_send(cx, &batch("aabbcc", 3))).await, Ok(2));
        for text in ["aa", "bb"] {
            assert_eq!(peer.read().await.unwrap(), text);
        }
        assert_eq!(poll_fn(|cx| wire.poll_send(cx, &batch("", 3))).await, Ok(3));
    });
}

/// So many messages of one size.
fn batch(text: &str, count: usize) -> Batch<'_> {
    let properties = MessageProperties::new();
    Batch { data: text.as_bytes(), size: text.len() / count, count, properties }
}

#[test]
fn an_association_has_streams_of_both_sides() {
    paused(async {
        let stack = ScriptedStack::new().streams();
        let mut first = connect(&stack).await;
        assert_eq!(first.stream, Some(0));
        let mut association = first.association.take().unwrap();
        let peer = stack.peer().await;

        let mut second = association.open().await.unwrap();
        let its_peer = stack.peer().await;
        assert_eq!((second.stream, its_peer.stream()), (Some(2), Some(2)));
        assert!(second.association.is_none(), "it is handed over once");
        write(&mut second.wire, "on the second").await.unwrap();
        assert_eq!(its_peer.read().await.unwrap(), "on the second");
        assert_eq!(peer.take(), "");

        let theirs = peer.open_stream().unwrap();
        theirs.send("from there");
        let mut third = poll_fn(|cx| association.poll_accept(cx)).await.unwrap();
        assert_eq!((third.stream, read(&mut third.wire).await.unwrap()), (Some(1), "from there".into()));

        drop(first);
        assert!(!peer.is_open() && its_peer.is_open(), "a stream ends alone");
        assert_eq!(stack.alive(), 1);
        peer.end_streams();
        assert!(poll_fn(|cx| association.poll_accept(cx)).await.is_none());
        association.abort();
        assert!(its_peer.is_aborted() && theirs.is_aborted());
        assert_eq!(read(&mut second.wire).await, Err(Failure::Cancelled));
        drop((second, third));
        assert_eq!(stack.alive(), 0);
    });
}

#[test]
fn a_listener_takes_whoever_dials_its_address_and_an_address_is_taken_once() {
    paused(async {
        let stack = ScriptedStack::new();
        let properties = Arc::new(TransportProperties::new());
        let on = |local: &str| ListenOn::new(local.parse().unwrap(), properties.clone());
        let mut everywhere = stack.listen(&on("0.0.0.0:7")).unwrap();
        assert!(matches!(stack.listen(&on("0.0.0.0:7")), Err(Failure::LocalAddress(_))));
        assert_eq!(stack.dial("[::1]:7").unwrap_err(), Failure::Refused);
        let peer = stack.dial("192.0.2.9:7").unwrap();
        let waiting = stack.dial("192.0.2.9:7").unwrap();
        let mut accepted = poll_fn(|cx| everywhere.poll_accept(cx)).await.unwrap();
        assert_eq!(accepted.path, *peer.path());
        peer.send("hello");
        assert_eq!(read(&mut accepted.wire).await.unwrap(), "hello");
        drop(everywhere);
        assert!(peer.is_open() && waiting.is_aborted());
        assert!(stack.listening().is_empty());
    });
}

#[test]
fn an_attempt_that_nobody_polls_is_under_way() {
    paused(async {
        let stack = ScriptedStack::new();
        let attempt = stack.connect(&candidate("192.0.2.1:1").into(), Progress::ignored());
        settle().await;
        assert_eq!((stack.ended(None), stack.alive()), (1, 0));
        let mut attempt = Box::pin(attempt);
        let polled = poll_fn(|cx| Poll::Ready(attempt.as_mut().poll(cx).is_ready())).await;
        assert!(polled);
        assert_eq!(stack.ended(Some(AttemptEnd::Connected)), 1);
    });
}
