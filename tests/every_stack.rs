//! What holds for connections over every stack: the same sentences for each, and a stack joins with one line.

#[expect(dead_code, reason = "each file uses a part of what they have in common")]
mod common;

use common::stage::Stage;
use common::{kinds, nobody_is_left, probe, run, within};
use neatflow::events::{Event, EventKind};
use neatflow::properties::TransportProperties;
use neatflow::{Connection, ConnectionFailure, Message, ReceiveFailure, SendFailure, State};

macro_rules! sentences {
    (($stack:expr, $properties:expr): $($sentence:ident,)*) => {$(
        #[test]
        fn $sentence() {
            run(async { super::$sentence(Stage::new($stack, $properties).await).await });
        }
    )*};
}

/// Every sentence as a test of its own, for each of the stacks.
macro_rules! every_stack {
    ($($stack:ident => $properties:expr,)*) => {
        $(mod $stack {
            use super::*;

            sentences! { (stringify!($stack), $properties):
                what_is_sent_is_received_and_closing_ends_both,
                what_is_sent_before_ready_arrives,
                the_stack_that_was_asked_for_carries_it,
                each_message_is_sent_in_order_and_each_receive_is_answered_once,
                a_final_message_is_the_last_one,
                after_close_nothing_is_taken_and_nothing_received,
                an_abort_is_one_connection_error_and_the_last_word,
                the_last_handle_that_goes_closes,
                a_subscriber_that_comes_late_hears_the_end,
                a_hundred_connections_at_once_keep_apart,
                nothing_is_left_of_a_thousand_connections,
            }
        })*
    };
}

every_stack! {
    tcp => TransportProperties::reliable_inorder_stream(),
    udp => TransportProperties::unreliable_datagram(),
}

async fn says(connection: &Connection) -> Vec<u8> {
    within(connection.received()).await.expect("a message").data.to_vec()
}

async fn what_is_sent_is_received_and_closing_ends_both(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    within(theirs.send("welcome")).await.expect("it is open");
    assert_eq!(says(&ours).await, b"welcome");
    ours.close();
    theirs.close();
    within(ours.closed()).await.expect("a good end");
    within(theirs.closed()).await.expect("a good end");
    assert_eq!((ours.state(), theirs.state()), (State::Closed, State::Closed));
}

async fn what_is_sent_before_ready_arrives(stage: Stage) {
    let ours = stage.there.initiate_with_send("early").expect("loopback");
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    assert_eq!(says(&theirs).await, b"early");
    drop(ours);
}

async fn the_stack_that_was_asked_for_carries_it(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    assert_eq!((ours.stack().as_str(), theirs.stack().as_str()), (stage.stack, stage.stack));
    assert_eq!((ours.local_addr(), ours.remote_addr()), (theirs.remote_addr(), theirs.local_addr()));
}

async fn each_message_is_sent_in_order_and_each_receive_is_answered_once(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    events.until(EventKind::Ready).await;
    for n in 0..20_u8 {
        within(ours.send(vec![n; 10])).await.expect("it is open");
        if n == 0 {
            let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
            within(theirs.send("one")).await.expect("it is open");
            ours.receive();
            events.until(EventKind::Received).await;
            ours.set_user_data(theirs);
        }
    }
    ours.receive();
    ours.close();
    // The probe itself holds each log against the rules.
    assert_eq!(kinds(&events.until_terminal().await).last(), Some(&EventKind::Closed));
}

async fn a_final_message_is_the_last_one(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    within(ours.send(Message::new("the last").last())).await.expect("it is open");
    assert!(!ours.can_send());
    let refused = within(ours.send("one more")).await;
    assert_eq!(refused, Err(SendFailure::AfterFinal));
    assert_eq!(says(&theirs).await, b"the last");
    within(theirs.send("heard")).await.expect("the other direction lives on");
    assert_eq!(says(&ours).await, b"heard");
}

async fn after_close_nothing_is_taken_and_nothing_received(stage: Stage) {
    let (ours, _theirs) = stage.pair().await;
    ours.close();
    assert_eq!(within(ours.send("late")).await, Err(SendFailure::Closed));
    within(ours.closed()).await.expect("a good end");
    assert_eq!(ours.send("later").into_unsent(), Some(Message::new("later")));
    assert_eq!(ours.receive(), None);
    let received = within(ours.received()).await;
    assert!(matches!(received, Err(ReceiveFailure::Closed | ReceiveFailure::Finished)), "{received:?}");
}

async fn an_abort_is_one_connection_error_and_the_last_word(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    events.until(EventKind::Ready).await;
    ours.receive();
    ours.abort();
    let told = events.until_terminal().await;
    let Some(Event::ConnectionError(end)) = told.last() else { panic!("{:?}", kinds(&told)) };
    assert_eq!(end.reason, ConnectionFailure::AbortedLocally);
    assert_eq!(kinds(&told), [EventKind::ReceiveError, EventKind::ConnectionError]);
}

async fn the_last_handle_that_goes_closes(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    events.until(EventKind::Ready).await;
    let copy = ours.clone();
    drop(ours);
    assert_eq!(copy.state(), State::Established);
    drop(copy);
    assert_eq!(events.end().await.kind(), EventKind::Closed);
}

async fn a_subscriber_that_comes_late_hears_the_end(stage: Stage) {
    let (ours, _theirs) = stage.pair().await;
    ours.close();
    within(ours.closed()).await.expect("a good end");
    let (actor, mut events) = probe();
    ours.subscribe::<Event, _>(&actor);
    assert_eq!(kinds(&events.until_terminal().await), [EventKind::Closed]);
}

async fn a_hundred_connections_at_once_keep_apart(stage: Stage) {
    let mut pairs = Vec::new();
    for _ in 0..100 {
        pairs.push(stage.pair().await);
    }
    for (n, (ours, _)) in pairs.iter().enumerate() {
        within(ours.send(format!("number {n}"))).await.expect("it is open");
    }
    for (n, (_, theirs)) in pairs.iter().enumerate() {
        assert_eq!(says(theirs).await, format!("number {n}").as_bytes());
    }
}

async fn nothing_is_left_of_a_thousand_connections(stage: Stage) {
    for n in 0..1_000 {
        let ours = stage.there.initiate().expect("loopback");
        match n % 4 {
            0 => drop(ours),
            1 => ours.abort(),
            2 => within(ours.ready()).await.expect("somebody listens"),
            _ => within(ours.send("and gone")).await.expect("somebody listens"),
        }
    }
    let Stage { transport, listener, there, .. } = stage;
    drop((listener, there));
    nobody_is_left(&transport).await;
}
