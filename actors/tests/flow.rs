//! An established connection: what it says, in which order, and what holds it back.

use actix::prelude::*;
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use neatflow_actors::events::{Closed, Event, EventKind, Received};
use neatflow_actors::flow::Connection;
use neatflow_core::connection::State;
use neatflow_core::{ConnectionFailure, Failure, Message, ReceiveFailure, SendFailure};
use neatflow_stacks::Report;
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Operation, Outcome, Peer, SCRIPTED_PANIC, ScriptedStack};
use neatflow_testing::talk::Talk;
use neatflow_testing::{paused, quiet_panics, settle};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const MARK: usize = neatflow_core::connection::Outbox::HIGH_WATER;

// ---------- Sending

#[test]
fn sent_comes_in_the_order_of_sending_when_the_transport_has_taken_the_whole_message() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(10);
        for text in ["four", "five!", "sixsix", ""] {
            talk.connection.send(text);
        }
        settle().await;
        assert_eq!(talk.heard(), ["Sent", "Sent"]);
        assert_eq!(talk.peer.take(), "fourfive!s");
        settle().await;
        assert_eq!(talk.heard(), ["Sent", "Sent", "Sent", "Sent", "AllWritten"]);
        talk.probe.check();
    });
}

#[test]
fn more_than_twice_the_mark_is_refused_and_comes_back() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(0);
        talk.connection.send(vec![0; 2 * MARK - 1]);
        talk.connection.send("x");
        let refused = talk.connection.send("one too many");
        assert_eq!(refused.refused(), Some(&SendFailure::QueueFull));
        assert_eq!(refused.await, Err(SendFailure::QueueFull));
        let Event::SendError(error) = talk.probe.until(EventKind::SendError).await else { panic!() };
        assert_eq!((error.id.0, error.message.data), (2, Bytes::from("one too many")));
        talk.peer.window(usize::MAX);
        talk.probe.until(EventKind::AllWritten).await;
        assert_eq!(talk.connection.send("welcome again").await, Ok(()));
        talk.probe.check();
    });
}

#[test]
fn a_final_message_ends_our_side_and_the_other_lives_on() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.send(Message::new("bye").last());
        assert_eq!(talk.connection.send("more").await, Err(SendFailure::AfterFinal));
        settle().await;
        assert!(talk.peer.is_finished());
        talk.connection.stream(4);
        talk.peer.send("still here");
        talk.peer.finish();
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(talk.heard(), ["SendError", "Sent", "AllWritten", "Received", "ReceiveError", "Closed"]);
        talk.probe.check();
    });
}

#[test]
fn closed_waits_for_the_peers_acknowledgement() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.hold_acknowledgements();
        talk.connection.send("important");
        talk.connection.close();
        sleep(Duration::from_secs(100)).await;
        assert_eq!(talk.heard(), ["Sent", "AllWritten"]);
        assert!(talk.peer.is_finished());
        assert_eq!(talk.connection.state(), State::Closing);
        talk.peer.acknowledge();
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(talk.connection.closed().await.map_err(|error| error.to_string()), Ok(()));
    });
}

#[test]
fn close_delivers_what_is_queued_however_slow_the_peer() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(10);
        let text: String = (0..100).map(|number| format!("{number} ")).collect();
        talk.connection.send(text.clone());
        talk.connection.close();
        assert_eq!(talk.connection.send("too late").await, Err(SendFailure::Closed));
        let mut read = String::new();
        while let Some(part) = talk.peer.read().await {
            read.push_str(std::str::from_utf8(&part).unwrap());
            sleep(ms(500)).await;
        }
        assert_eq!(read, text);
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(talk.heard(), ["SendError", "Sent", "AllWritten", "Closed"]);
    });
}

#[test]
fn close_before_ready_delivers_what_was_queued_and_then_closes() {
    paused(async {
        let network = ScriptedStack::new().otherwise(Outcome::connects_after(ms(100)));
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        connection.send("last ");
        connection.send("words");
        connection.receive();
        connection.close();
        drop(connection);
        let peer = network.peer().await;
        assert_eq!(peer.read_to_end().await, "last words");
        probe.until(EventKind::Closed).await;
        assert_eq!(probe.words(), ["ReceiveError", "Ready", "Sent", "Sent", "AllWritten", "Closed"]);
        probe.check();
    });
}

#[test]
fn a_message_transport_keeps_the_boundaries() {
    paused(async {
        let talk = Talk::over(ScriptedStack::new().messages()).await;
        for text in ["one", "", "three"] {
            talk.connection.send(text);
        }
        let mut parts = Vec::new();
        for _ in 0..3 {
            parts.push(talk.peer.read().await.unwrap());
        }
        assert_eq!(parts, ["one", "", "three"]);
        talk.connection.stream(8);
        talk.peer.send("a");
        talk.peer.send("");
        talk.peer.send("b");
        talk.peer.finish();
        talk.probe.until(EventKind::ReceiveError).await;
        let texts: Vec<_> =
            talk.probe.trace().of(EventKind::Received).map(|line| line.text.clone()).collect();
        assert_eq!(texts, ["a", "", "b"]);
    });
}

#[test]
fn a_message_that_is_too_long_for_the_transport_comes_back_alone() {
    paused(async {
        let talk = Talk::over(ScriptedStack::new().messages()).await;
        talk.peer.longest_message(5);
        talk.connection.send("short");
        let long = talk.connection.send("much too long");
        talk.connection.send("again");
        assert_eq!(long.await, Err(SendFailure::TooLarge { limit: 5 }));
        settle().await;
        assert_eq!(talk.heard(), ["Sent", "SendError", "Sent", "AllWritten"]);
        talk.probe.check();
    });
}

#[test]
fn a_soft_error_ends_nothing_and_holds_nothing_up() {
    paused(async {
        let talk = Talk::told(EventProbe::start().hold()).await;
        for _ in 0..100 {
            talk.peer.report_soft_error(Failure::Refused);
        }
        settle().await;
        let told = talk.heard().len();
        assert!(0 < told && told < 100, "they coalesce: {told}");
        talk.connection.send("on and on");
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        talk.probe.check();
    });
}

// ---------- Receiving

#[test]
fn nothing_is_read_before_somebody_asks() {
    paused(async {
        let talk = Talk::begin().await;
        for text in ["one", "two", "three"] {
            talk.peer.send(text);
        }
        sleep(Duration::from_secs(10)).await;
        assert_eq!(talk.peer.unread(), 3);
        let ids = [talk.connection.receive(), talk.connection.receive()];
        settle().await;
        assert_eq!(talk.peer.unread(), 1);
        let answers: Vec<_> = talk.probe.trace().of(EventKind::Received).map(|line| line.receive).collect();
        assert_eq!(answers, ids);
        assert_eq!(talk.probe.trace().received(), "onetwo");
    });
}

#[test]
fn every_receive_is_answered_when_the_peer_finishes() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.send("one");
        talk.peer.finish();
        for _ in 0..3 {
            talk.connection.receive();
        }
        settle().await;
        assert_eq!(talk.heard(), ["Received", "ReceiveError", "ReceiveError"]);
        assert_eq!(talk.connection.state(), State::Established, "our side is open");
        assert!(!talk.connection.can_receive() && talk.connection.can_send());
        talk.connection.send("you did not hear the last of me");
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        assert_eq!(talk.peer.take(), "you did not hear the last of me");
        talk.probe.trace().check_ended(talk.connection.id(), 0..1, 0..3);
    });
}

#[test]
fn a_subscriber_that_holds_its_events_stops_the_reading_and_dropping_them_resumes_it() {
    paused(async {
        let talk = Talk::told(EventProbe::start().hold()).await;
        talk.connection.stream(5);
        for _ in 0..20 {
            talk.peer.send("x");
        }
        sleep(Duration::from_secs(10)).await;
        assert_eq!(talk.probe.trace().received().len(), 5);
        assert_eq!(talk.peer.unread(), 15);
        talk.connection.send("not held up").await.unwrap();
        let held = talk.probe.until(EventKind::Received).await;
        sleep(ms(10)).await;
        assert_eq!(talk.peer.unread(), 15, "the event is still held, by the test");
        drop(held);
        settle().await;
        assert_eq!(talk.peer.unread(), 14);
        talk.probe.release();
        settle().await;
        assert_eq!(talk.peer.unread(), 0);
        assert_eq!(talk.probe.trace().received().len(), 20);
    });
}

#[test]
fn the_slowest_of_several_subscribers_sets_the_pace_until_it_dies() {
    paused(async {
        let talk = Talk::begin().await;
        let slow = EventProbe::start().hold();
        talk.connection.subscribe::<Event, _>(slow.addr());
        talk.connection.stream(3);
        for _ in 0..10 {
            talk.peer.send("x");
        }
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 3);
        slow.stop();
        settle().await;
        // Its mailbox is gone; what it held in its hands is given back.
        slow.release();
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 10);
        assert_eq!(slow.trace().received().len(), 3);
    });
}

#[test]
fn a_subscriber_that_dies_takes_what_waits_in_its_mailbox_with_it() {
    paused(async {
        let talk = Talk::begin().await;
        let lazy = Arbiter::new();
        let blocked = EventProbe::start_on(&lazy.handle());
        talk.connection.subscribe::<Event, _>(blocked.addr());
        talk.connection.stream(3);
        lazy.stop();
        lazy.join().unwrap();
        for _ in 0..10 {
            talk.peer.send("x");
        }
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 10);
    });
}

#[test]
fn unsubscribing_the_one_that_is_full_resumes_the_reading() {
    paused(async {
        let talk = Talk::begin().await;
        let slow = EventProbe::start().hold();
        let subscription = talk.connection.subscribe::<(Received, Closed), _>(slow.addr());
        talk.connection.stream(2);
        for _ in 0..10 {
            talk.peer.send("x");
        }
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 2);
        talk.connection.unsubscribe(subscription);
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 10);
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        settle().await;
        assert_eq!(slow.words(), ["Received", "Received"], "whoever has left hears no end");
    });
}

#[test]
fn two_subscribers_on_two_arbiters_hear_everything_in_the_same_order() {
    paused(async {
        let talk = Talk::begin().await;
        let arbiters = [Arbiter::new(), Arbiter::new()];
        let probes: Vec<_> = arbiters.iter().map(|arbiter| EventProbe::start_on(&arbiter.handle())).collect();
        for probe in &probes {
            talk.connection.subscribe::<Event, _>(probe.addr());
        }
        talk.connection.stream(1000);
        for number in 0..100 {
            talk.peer.send(format!("{number} "));
            talk.connection.send(format!("{number} "));
        }
        settle().await;
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        let expected = talk.heard();
        for probe in &probes {
            // Their time is real.
            let deadline = std::time::SystemTime::now() + Duration::from_secs(30);
            while probe.words().last() != Some(&"Closed") && std::time::SystemTime::now() < deadline {
                std::thread::yield_now();
            }
            assert_eq!(probe.words(), expected);
            assert_eq!(probe.trace().received(), talk.probe.trace().received());
            probe.check();
        }
        arbiters.into_iter().for_each(|arbiter| {
            arbiter.stop();
            arbiter.join().unwrap();
        });
    });
}

#[test]
fn a_standing_stream_can_be_ended_and_begun_again() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.stream(4);
        talk.peer.send("heard");
        settle().await;
        talk.connection.stream(0);
        // What the driver waits for is not taken back; a message may come through.
        settle().await;
        talk.peer.send("not heard");
        talk.peer.send("yet");
        settle().await;
        assert_eq!(talk.probe.trace().received(), "heard");
        talk.connection.stream(4);
        settle().await;
        assert_eq!(talk.probe.trace().received(), "heardnot heardyet");
    });
}

#[test]
fn a_pull_takes_a_message_that_no_subscriber_is_told_of() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.send("one");
        talk.peer.send("two");
        assert_eq!(talk.connection.received().await.unwrap().data, "one");
        let waiting = talk.connection.received();
        assert_eq!(waiting.await.unwrap().data, "two");
        assert_eq!(timeout(ms(100), talk.connection.received()).await.ok(), None);
        talk.peer.send("three");
        sleep(ms(100)).await;
        assert_eq!(talk.peer.unread(), 1, "nobody pulls any more");
        talk.peer.finish();
        assert_eq!(talk.connection.received().await.unwrap().data, "three");
        assert_eq!(talk.connection.received().await, Err(ReceiveFailure::Finished));
        assert_eq!(talk.heard(), Vec::<&str>::new());
    });
}

#[test]
fn a_pull_that_is_dropped_loses_nothing() {
    paused(async {
        let talk = Talk::begin().await;
        let mut pull = Box::pin(talk.connection.received());
        assert!((&mut pull).now_or_never().is_none());
        talk.peer.send("kept");
        settle().await;
        drop(pull);
        assert_eq!(talk.connection.received().await.unwrap().data, "kept");
    });
}

#[test]
fn whoever_pulls_is_not_starved_by_a_stream_that_nobody_hears() {
    paused(async {
        let network = ScriptedStack::new();
        let connection = Harness::new(&network).to("192.0.2.1:1").initiate();
        let peer = network.peer().await;
        connection.stream(4);
        for text in ["one", "two", "three"] {
            peer.send(text);
        }
        for text in ["one", "two", "three"] {
            let pulled = timeout(Duration::from_secs(1), connection.received()).await;
            assert_eq!(pulled.unwrap().unwrap().data, text);
        }
        assert_eq!(timeout(Duration::from_secs(1), connection.send("heard")).await, Ok(Ok(())));
    });
}

#[test]
fn a_request_that_nobody_hears_holds_up_neither_pulls_nor_fates() {
    paused(async {
        let network = ScriptedStack::new();
        let connection = Harness::new(&network).to("192.0.2.1:1").initiate();
        let peer = network.peer().await;
        connection.receive();
        peer.send("one");
        peer.send("two");
        let pulled = timeout(Duration::from_secs(1), connection.received()).await;
        assert_eq!(pulled.unwrap().unwrap().data, "one");
        // This leaves a message to the request, for which there is nobody.
        let mut pull = Box::pin(connection.received());
        assert!((&mut pull).now_or_never().is_none());
        settle().await;
        drop(pull);
        settle().await;
        assert_eq!(timeout(Duration::from_secs(1), connection.send("heard")).await, Ok(Ok(())));
        let probe = EventProbe::start();
        connection.subscribe::<Event, _>(probe.addr());
        probe.until(EventKind::Received).await;
        assert_eq!(probe.trace().received(), "two");
    });
}

#[test]
fn a_full_subscriber_does_not_hold_up_the_fates_of_messages() {
    paused(async {
        let talk = Talk::told(EventProbe::start().hold()).await;
        talk.connection.stream(1);
        for _ in 0..5 {
            talk.peer.send("x");
        }
        // Pulls read on although the subscriber is full.
        let pulled = timeout(Duration::from_secs(1), talk.connection.received()).await;
        assert_eq!(pulled.unwrap().unwrap().data, "x");
        assert_eq!(timeout(Duration::from_secs(1), talk.connection.send("mine")).await, Ok(Ok(())));
        assert!(talk.heard().contains(&"Sent"));
    });
}

#[test]
fn a_waiting_pull_does_not_keep_the_arbiter_busy() {
    paused(async {
        let talk = Talk::begin().await;
        let connection = talk.connection.clone();
        let pull = actix_rt::spawn(async move { connection.received().await });
        // It would not return if anybody kept waking anybody.
        settle().await;
        sleep(Duration::from_secs(60)).await;
        talk.peer.send("at last");
        assert_eq!(pull.await.unwrap().unwrap().data, "at last");
    });
}

#[test]
fn two_pulls_get_one_message_each() {
    paused(async {
        let talk = Talk::begin().await;
        let pulls = futures::future::join(talk.connection.received(), talk.connection.received());
        talk.peer.send("one");
        talk.peer.send("two");
        let (one, two) = pulls.await;
        let mut got = [one.unwrap().data, two.unwrap().data];
        got.sort();
        assert_eq!(got, ["one", "two"]);
    });
}

#[test]
fn the_same_events_come_as_a_stream_that_ends() {
    paused(async {
        let talk = Talk::begin().await;
        let events = talk.connection.events();
        talk.connection.stream(4);
        talk.peer.send("one");
        talk.connection.send("two");
        settle().await;
        talk.connection.close();
        let kinds: Vec<_> = events.map(|event| event.kind().name()).collect().await;
        assert_eq!(kinds, ["Sent", "AllWritten", "Received", "Closed"]);
        let late = talk.connection.events().map(|event| event.kind().name()).collect::<Vec<_>>();
        assert_eq!(timeout(ms(1), late).await.unwrap(), ["Closed"]);
    });
}

#[test]
fn an_event_stream_that_is_not_read_holds_the_flow_back_and_dropped_it_does_not() {
    paused(async {
        let talk = Talk::begin().await;
        let events = talk.connection.events();
        talk.connection.stream(3);
        for _ in 0..10 {
            talk.peer.send("x");
        }
        settle().await;
        assert_eq!(talk.peer.unread(), 7);
        drop(events);
        settle().await;
        assert_eq!(talk.peer.unread(), 0);
    });
}

// ---------- The end

#[test]
fn a_reset_in_mid_transfer_settles_everything_before_the_one_error() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(5);
        for text in ["sent", "half", "unsent"] {
            talk.connection.send(text);
        }
        talk.connection.receive();
        talk.connection.receive();
        settle().await;
        talk.peer.reset();
        talk.probe.end().await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(
            talk.heard(),
            ["Sent", "SendError", "SendError", "ReceiveError", "ReceiveError", "Aborted", "ConnectionError"]
        );
        talk.probe.trace().check_ended(talk.connection.id(), 0..3, 0..2);
        assert!(matches!(talk.connection.closed().await, Err(neatflow_core::Error::Connection(_))));
        assert_eq!(talk.network.alive(), 0);
        let reset = SendFailure::Connection(ConnectionFailure::AbortedByPeer);
        assert!(talk.probe.trace().of(EventKind::SendError).all(|line| line.text == reset.to_string()));
    });
}

#[test]
fn a_failure_is_noticed_although_nobody_reads_or_writes() {
    paused(async {
        let talk = Talk::begin().await;
        settle().await;
        talk.peer.fail(Failure::TimedOut);
        let Event::ConnectionError(error) = talk.probe.end().await else { panic!() };
        assert_eq!(error.reason, ConnectionFailure::TimedOut);
        assert_eq!(talk.heard(), ["Timeout", "ConnectionError"]);
    });
}

#[test]
fn what_was_read_before_a_reset_is_delivered_before_the_error() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.stream(4);
        talk.peer.send("in time");
        settle().await;
        talk.peer.send("too late");
        talk.peer.reset();
        talk.probe.end().await;
        assert_eq!(talk.heard(), ["Received", "Aborted", "ConnectionError"]);
    });
}

#[test]
fn abort_gives_back_what_is_queued_and_resets() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(0);
        talk.connection.send("unsent");
        talk.connection.receive();
        talk.connection.abort();
        let Event::ConnectionError(error) = talk.probe.end().await else { panic!() };
        assert_eq!(error.reason, ConnectionFailure::AbortedLocally);
        assert_eq!(talk.heard(), ["SendError", "ReceiveError", "ConnectionError"]);
        assert!(talk.peer.is_aborted());
        assert!(talk.connection.send("more").id().is_none());
        assert_eq!(talk.connection.receive(), None);
        settle().await;
        talk.probe.trace().check_ended(talk.connection.id(), 0..1, 0..1);
        assert_eq!((talk.network.alive(), talk.harness.census().await.flows), (0, 0));
    });
}

#[test]
fn abort_ends_a_connection_that_is_closing_in_vain() {
    paused(async {
        let talk = Talk::begin().await;
        talk.peer.window(0);
        talk.connection.send("unsent");
        talk.connection.close();
        sleep(Duration::from_secs(100)).await;
        assert_eq!(talk.heard(), Vec::<&str>::new());
        talk.connection.abort();
        talk.probe.end().await;
        assert_eq!(talk.heard(), ["SendError", "ConnectionError"]);
    });
}

#[test]
fn a_peer_that_finishes_first_and_a_close_of_ours_end_well() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.stream(4);
        talk.peer.send("bye");
        talk.peer.finish();
        settle().await;
        talk.connection.send("bye bye");
        talk.connection.close();
        talk.probe.end().await;
        assert!(talk.peer.is_finished(), "our end was sent, not just dropped");
        assert_eq!(talk.heard(), ["Received", "ReceiveError", "Sent", "AllWritten", "Closed"]);
        settle().await;
        assert_eq!(talk.network.alive(), 0, "there is nothing to linger for");
    });
}

#[test]
fn a_closing_connection_reads_on_so_that_a_peer_that_writes_first_is_not_stuck() {
    paused(async {
        let talk = Talk::begin().await;
        for _ in 0..100 {
            talk.peer.send(vec![0; 10_000]);
        }
        talk.peer.window(0);
        talk.connection.send("after all that");
        talk.connection.close();
        settle().await;
        assert_eq!(talk.peer.unread(), 0);
        talk.peer.window(100);
        talk.probe.until(EventKind::Closed).await;
        assert!(talk.probe.trace().of(EventKind::Received).next().is_none(), "it is discarded");
    });
}

#[test]
fn a_wire_lingers_for_a_peer_that_still_sends_but_not_for_ever() {
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        settle().await;
        assert_eq!(talk.network.alive(), 1);
        talk.peer.send("more");
        settle().await;
        assert_eq!(talk.peer.unread(), 0);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(talk.network.alive(), 0);
        assert!(!talk.peer.is_aborted());
    });
}

// ---------- What goes wrong inside

#[test]
fn a_wire_that_panics_ends_its_connection_in_order_and_no_other() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        for operation in [Operation::Read, Operation::Write, Operation::Finish, Operation::Acknowledge] {
            let talk = Talk::begin().await;
            let other = talk.harness.to("192.0.2.2:2").tell(&EventProbe::start()).initiate();
            let other_peer = talk.network.peer().await;
            talk.peer.window(3);
            talk.connection.stream(4);
            settle().await;
            talk.connection.send("unlucky");
            talk.connection.receive();
            talk.peer.panic_at(operation);
            if operation != Operation::Read {
                talk.connection.close();
                talk.peer.window(usize::MAX);
            }
            let Event::ConnectionError(error) = talk.probe.end().await else {
                panic!("{operation:?}:\n{}", talk.probe.trace())
            };
            assert_eq!(error.reason, ConnectionFailure::Panicked(SCRIPTED_PANIC.into()), "{operation:?}");
            settle().await;
            talk.probe.trace().check_ended(talk.connection.id(), 0..1, 0..1);
            assert!(talk.peer.is_aborted(), "{operation:?}: the peer is to know that something is missing");
            assert_eq!((talk.network.alive(), talk.harness.census().await.flows), (1, 1));
            assert_eq!(other.send("still fine").await, Ok(()));
            assert_eq!(other_peer.take(), "still fine");
        }
    });
}

#[test]
fn a_flow_that_panics_finds_its_connection_as_it_was() {
    let _quiet = quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let talk = Talk::begin().await;
        let rtt = Some(ms(20));
        let mut report = Report::default();
        report.rtt = rtt;
        talk.peer.report(report);
        assert_eq!(talk.connection.report().await.rtt, rtt);
        talk.peer.panic_at(Operation::Report);
        // More often than any restart budget.
        for _ in 0..20 {
            assert_eq!(talk.connection.report().await, Report::default());
            assert_eq!(talk.connection.send("on and on").await, Ok(()));
        }
        talk.connection.stream(4);
        talk.peer.send("and back");
        talk.probe.until(EventKind::Received).await;
        talk.connection.close();
        talk.probe.until(EventKind::Closed).await;
        talk.probe.check();
        settle().await;
        assert_eq!(talk.harness.census().await.flows, 0);
    });
}

#[test]
fn a_subscriber_that_panics_in_a_handler_harms_itself_only() {
    let _quiet = quiet_panics("the application is broken");
    struct Broken;
    impl Actor for Broken {
        type Context = Context<Self>;
    }
    impl Handler<Received> for Broken {
        type Result = ();
        fn handle(&mut self, _: Received, _: &mut Context<Self>) {
            panic!("the application is broken")
        }
    }
    paused(async {
        let talk = Talk::begin().await;
        talk.connection.subscribe::<Received, _>(&Broken.start());
        talk.connection.stream(2);
        for _ in 0..10 {
            talk.peer.send("x");
        }
        settle().await;
        assert_eq!(talk.probe.trace().received().len(), 10);
    });
}

#[test]
fn handles_and_events_may_go_to_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<Peer>();
    is_send::<Connection>();
    is_send::<Event>();
}
