//! RFC 9622 §9, data transfer, over every stack: each sentence is a test of its own for each of them, and a stack joins
//! with one line. The number before a sentence is that of its section; *must* and *should* say which sentences of the RFC
//! do.

#[expect(dead_code, reason = "each file uses a part of what they have in common")]
mod common;

use common::stage::{Framing, Stage};
use common::{Events, SILENCE, eventually, kinds, probe, run, within};
use neatflow::events::{Event, EventKind};
use neatflow::framing::{LengthPrefix, Tlv};
use neatflow::properties::{
    CapacityProfile, Contradiction, Coverage, Lifetime, MessageProperties, TransportProperties,
};
use neatflow::{Connection, Message, MessageContext, ReceiveFailure, ReceiveLimits, SendFailure};
use std::time::Duration;

macro_rules! sentences {
    ($($sentence:ident,)*) => {$(
        #[test]
        fn $sentence() {
            run(async { super::$sentence(stage().await).await });
        }
    )*};
}

/// Every sentence as a test of its own, for each stack: its name, whether messages keep their boundaries, what is asked
/// for, and the framers.
macro_rules! every_stack {
    ($($name:ident: $stack:ident, $keeps_boundaries:expr, $properties:expr, $framing:expr;)*) => {
        $(mod $name {
            use super::*;

            async fn stage() -> Stage {
                Stage::framed(stringify!($stack), $keeps_boundaries, $properties, $framing).await
            }

            sentences! {
                must_6_framers_are_those_of_the_preconnection_when_the_connection_was_made,
                s9_1_1_a_context_comes_back_with_the_message_that_was_not_sent,
                s9_1_1_properties_are_added_and_read_by_their_names,
                should_9_1_2_2_metadata_of_one_name_in_two_namespaces_is_kept_apart,
                s9_1_3_a_context_that_is_changed_after_send_has_no_effect_on_that_send,
                s9_1_3_what_is_said_of_a_message_counts_more_than_what_is_said_of_all,
                s9_1_3_1_no_lifetime_at_all_is_a_send_error,
                s9_1_3_1_a_message_that_waits_for_longer_than_its_lifetime_expires,
                s9_1_3_2_a_lower_priority_number_goes_first,
                s9_1_3_3_an_ordered_message_keeps_its_place,
                must_9_1_3_4_a_message_that_is_not_replayable_is_a_send_error_where_it_may_come_twice,
                s9_1_3_5_the_final_message_goes_last_whatever_its_priority,
                s9_1_3_5_after_the_final_message_a_send_is_an_error,
                s9_1_3_6_less_than_full_coverage_is_advice,
                s9_1_3_7_reliability_is_changed_only_where_that_was_asked_for,
                s9_1_3_8_a_capacity_profile_of_a_message_costs_it_nothing,
                s9_1_3_9_what_fits_a_packet_goes_without_fragmentation,
                s9_2_1_a_message_above_the_limit_of_the_stack_is_a_send_error,
                s9_2_2_each_send_has_one_event_and_sent_comes_in_order,
                s9_2_3_parts_of_one_context_are_one_message,
                s9_2_3_a_message_in_parts_expires_with_one_event_for_each_part,
                s9_2_3_a_message_without_its_last_part_is_never_taken_for_a_whole_one,
                s9_2_4_a_batch_leaves_when_it_ends,
                s9_2_5_the_first_message_goes_with_the_connection,
                s9_3_messages_that_came_before_a_receive_serve_it_first,
                s9_3_1_each_receive_is_answered_once,
                should_9_3_1_what_is_received_says_how_long_it_is,
                s9_3_2_2_a_message_of_1500_bytes_comes_as_1000_and_500,
                s9_3_2_2_whoever_hears_of_parts_alone_hears_of_every_message,
                s9_3_2_2_so_it_does_when_it_is_attached,
                s9_3_3_1_ecn_is_told_where_it_is_known,
                should_9_3_3_3_the_end_is_told_to_a_receive_where_the_stack_knows_it,
                s10_close_delivers_what_is_queued,
                must_10_nothing_is_received_after_close,
                s10_an_abort_gives_everything_back_in_order_of_sending,
            }
        })*
    };
}

every_stack! {
    tcp: tcp, false, TransportProperties::reliable_inorder_stream(), BARE;
    udp: udp, true, TransportProperties::unreliable_datagram(), BARE;
    tcp_framed: tcp, true, TransportProperties::reliable_inorder_stream(), FRAMED;
    udp_framed: udp, true, TransportProperties::unreliable_datagram(), FRAMED;
}

const BARE: Framing = |preconnection| preconnection;
const FRAMED: Framing = |preconnection| preconnection.framer(LengthPrefix::new());

fn said(data: &'static str, say: impl FnOnce(&mut MessageProperties)) -> Message {
    let mut properties = MessageProperties::new();
    say(&mut properties);
    Message::new(data).with_properties(&properties)
}

fn lifetime(time: Duration) -> Option<Lifetime> {
    Some(Lifetime::Limited(time))
}

/// Messages as they come, to this many bytes: where boundaries are not kept, as one.
async fn received(stage: &Stage, theirs: &Connection, bytes: usize) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    while all.iter().map(Vec::len).sum::<usize>() < bytes {
        all.push(within(theirs.received()).await.expect("more is to come").data.to_vec());
    }
    if stage.keeps_boundaries { all } else { vec![all.concat()] }
}

/// The same as text, where boundaries are kept with bars between messages.
async fn texts(stage: &Stage, theirs: &Connection, expected: &str) -> String {
    let bytes = expected.bytes().filter(|byte| *byte != b'|').count();
    let all = received(stage, theirs, bytes).await;
    let texts: Vec<_> = all.iter().map(|message| String::from_utf8_lossy(message)).collect();
    texts.join("|")
}

fn joined(stage: &Stage, expected: &str) -> String {
    if stage.keeps_boundaries { expected.to_owned() } else { expected.replace('|', "") }
}

async fn comes(stage: &Stage, theirs: &Connection, expected: &str) {
    assert_eq!(texts(stage, theirs, expected).await, joined(stage, expected));
}

/// A connection, its events, and the peer's end.
async fn heard_pair(stage: &Stage) -> (Connection, Events, Connection) {
    let (actor, events) = probe();
    let (ours, theirs) = stage.pair_of(&stage.there.clone().subscribe::<Event, _>(&actor)).await;
    (ours, events, theirs)
}

/// What is sent before there is a transport waits together: there priorities decide.
async fn sent_together(stage: &Stage, messages: impl IntoIterator<Item = Message>, expected: &str) {
    let ours = stage.there.initiate().expect("loopback");
    for message in messages {
        assert_eq!(ours.send(message).refused(), None);
    }
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(stage, &theirs, expected).await;
}

// ---------- §6, §9.1: framers and contexts

async fn must_6_framers_are_those_of_the_preconnection_when_the_connection_was_made(stage: Stage) {
    let there = stage.there.clone();
    let (ours, theirs) = stage.pair_of(&there).await;
    // For other connections, not for this one.
    let _there = there.framer(Tlv::new());
    within(ours.send("as before")).await.expect("it is open");
    comes(&stage, &theirs, "as before").await;
}

async fn s9_1_1_a_context_comes_back_with_the_message_that_was_not_sent(stage: Stage) {
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Note(&'static str);
    let (ours, mut events, _theirs) = heard_pair(&stage).await;
    ours.close();
    let message = said("late", |it| it.msg_priority = Some(7)).with(Note("kept"));
    match ours.send(message.clone()).into_unsent() {
        Some(unsent) => assert_eq!(unsent, message),
        None => {
            let Event::SendError(error) = events.until(EventKind::SendError).await else { panic!() };
            assert_eq!((error.message, error.reason), (message, SendFailure::Closed));
        }
    }
}

async fn s9_1_1_properties_are_added_and_read_by_their_names(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    let mut context = MessageContext::default();
    context.properties.add("msgPriority", 3).expect("a property of messages");
    context.properties.add("msg-lifetime", 60).expect("NEATPy's name of one");
    assert_eq!(context.property("msgPriority").expect("it was said").to_string(), "3");
    assert!(context.properties.add("msgColour", 3).is_err() && context.property("ecn").is_err());
    within(ours.send(Message { data: "said".into(), context })).await.expect("it is open");
    let came = within(theirs.received()).await.expect("a message");
    assert_eq!(came.data, "said");
    assert_eq!(came.context.property("earlyData").expect("a flag").to_string(), "false");
    assert_eq!(came.context.property("receivingFinalMessages").expect("a flag").to_string(), "false");
}

async fn should_9_1_2_2_metadata_of_one_name_in_two_namespaces_is_kept_apart(stage: Stage) {
    mod one {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) struct Kind(pub(super) u8);
    }
    mod other {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) struct Kind(pub(super) &'static str);
    }
    let message = Message::new("two kinds").with(one::Kind(1)).with(other::Kind("b"));
    assert_eq!(message.context.get(), Some(&one::Kind(1)));
    assert_eq!(message.context.get(), Some(&other::Kind("b")));
    let (ours, theirs) = stage.pair().await;
    within(ours.send(message)).await.expect("what no framer knows harms nobody");
    comes(&stage, &theirs, "two kinds").await;
}

async fn s9_1_3_a_context_that_is_changed_after_send_has_no_effect_on_that_send(stage: Stage) {
    let ours = stage.there.initiate().expect("loopback");
    let mut context = MessageContext::default();
    context.properties.msg_priority = Some(200);
    let _ = ours.send(Message { data: "second".into(), context: context.clone() });
    // The same context again, with another priority.
    context.properties.msg_priority = Some(1);
    let _ = ours.send(Message { data: "first".into(), context: context.clone() });
    context.properties.is_final = Some(true);
    assert!(ours.can_send(), "neither of them was final when it was sent");
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(&stage, &theirs, "first|second").await;
}

async fn s9_1_3_what_is_said_of_a_message_counts_more_than_what_is_said_of_all(stage: Stage) {
    let (mut wanted, mut patient) = (TransportProperties::unreliable_datagram(), MessageProperties::new());
    if stage.stack == "tcp" {
        wanted = TransportProperties::reliable_inorder_stream();
    }
    wanted.message.msg_lifetime = lifetime(Duration::from_nanos(1));
    patient.msg_lifetime = Some(Lifetime::Infinite);
    let (actor, mut events) = probe();
    let there = stage.there.clone().properties(wanted).subscribe::<Event, _>(&actor);
    let ours = there.initiate().expect("loopback");
    let _ = ours.send("gone at once");
    let _ = ours.send(Message::new("patient").with_properties(&patient));
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(&stage, &theirs, "patient").await;
    let Event::Expired(expired) = events.until(EventKind::Expired).await else { panic!() };
    assert_eq!(expired.message.data, "gone at once");
}

async fn s9_1_3_1_no_lifetime_at_all_is_a_send_error(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    let never = within(ours.send(said("never", |it| it.msg_lifetime = lifetime(Duration::ZERO)))).await;
    assert_eq!(never, Err(SendFailure::Properties(Contradiction::NoLifetime)));
    within(ours.send("the next")).await.expect("it costs itself alone");
    comes(&stage, &theirs, "the next").await;
}

async fn s9_1_3_1_a_message_that_waits_for_longer_than_its_lifetime_expires(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    let late = ours.send(said("late", |it| it.msg_lifetime = lifetime(Duration::from_nanos(1)))).id();
    let _ = ours.send(said("in time", |it| it.msg_lifetime = lifetime(Duration::from_secs(600))));
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(&stage, &theirs, "in time").await;
    let Event::Expired(expired) = events.until(EventKind::Expired).await else { panic!() };
    assert_eq!((Some(expired.id), expired.message.data.as_ref()), (late, &b"late"[..]));
}

async fn s9_1_3_2_a_lower_priority_number_goes_first(stage: Stage) {
    let of = |data, priority| said(data, |it| it.msg_priority = Some(priority));
    let messages = [of("100", 100), of("1", 1), of("200", 200), Message::new("none")];
    sent_together(&stage, messages, "1|100|none|200").await;
}

async fn s9_1_3_3_an_ordered_message_keeps_its_place(stage: Stage) {
    let ordered = |it: &mut MessageProperties| {
        (it.msg_ordered, it.msg_priority) = (Some(stage.stack != "udp"), Some(100));
    };
    let first = said("first", ordered);
    let last = said("last", |it| {
        ordered(it);
        // Set aside where order was asked for.
        it.msg_priority = Some(if stage.stack == "udp" { 100 } else { 1 });
    });
    let between = said("early", |it| it.msg_priority = Some(1));
    sent_together(&stage, [first, between, last], "early|first|last").await;
}

async fn must_9_1_3_4_a_message_that_is_not_replayable_is_a_send_error_where_it_may_come_twice(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    let sent = within(ours.send(said("once", |it| it.safely_replayable = Some(false)))).await;
    if stage.stack == "udp" {
        assert_eq!(sent, Err(SendFailure::Properties(Contradiction::Replayed)));
        // And that costs it alone.
        within(ours.send("again")).await.expect("it is open");
        comes(&stage, &theirs, "again").await;
    } else {
        sent.expect("nothing comes twice");
        comes(&stage, &theirs, "once").await;
    }
}

async fn s9_1_3_5_the_final_message_goes_last_whatever_its_priority(stage: Stage) {
    let ours = stage.there.initiate().expect("loopback");
    let _ = ours.send(said("second", |it| it.msg_priority = Some(1000)));
    let _ = ours.send(said("first", |it| it.msg_priority = Some(5)));
    let _ = ours.send(said("last", |it| it.msg_priority = Some(0)).last());
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(&stage, &theirs, "first|second|last").await;
    // The other direction lives on.
    within(theirs.send("and you?")).await.expect("it is open");
    comes(&stage, &ours, "and you?").await;
}

async fn s9_1_3_5_after_the_final_message_a_send_is_an_error(stage: Stage) {
    let (ours, mut events, _theirs) = heard_pair(&stage).await;
    within(ours.send(Message::new("last").last())).await.expect("it is open");
    assert!(!ours.can_send());
    let late = ours.send("later").id();
    let Event::SendError(error) = events.until(EventKind::SendError).await else { panic!() };
    assert_eq!((Some(error.id), error.reason), (late, SendFailure::AfterFinal));
}

async fn s9_1_3_6_less_than_full_coverage_is_advice(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    for coverage in [Coverage::AtLeast(0), Coverage::AtLeast(4), Coverage::AtLeast(u32::MAX), Coverage::Full]
    {
        let message = said("covered", |it| it.msg_checksum_len = Some(coverage));
        within(ours.send(message)).await.expect("only full coverage is guaranteed");
        comes(&stage, &theirs, "covered").await;
    }
}

async fn s9_1_3_7_reliability_is_changed_only_where_that_was_asked_for(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    let reliable = stage.stack == "tcp";
    let other = said("other", |it| it.msg_reliable = Some(!reliable));
    let id = ours.send(other.clone()).id();
    let Event::SendError(error) = events.until(EventKind::SendError).await else { panic!() };
    assert_eq!((Some(error.id), error.message), (id, other));
    assert_eq!(error.reason, SendFailure::Properties(Contradiction::Reliability));
    within(ours.send(said("same", |it| it.msg_reliable = Some(reliable)))).await.expect("that is no change");
    comes(&stage, &theirs, "same").await;
}

async fn s9_1_3_8_a_capacity_profile_of_a_message_costs_it_nothing(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    for profile in
        [CapacityProfile::Scavenger, CapacityProfile::LowLatencyInteractive, CapacityProfile::Default]
    {
        let message = said("marked", |it| it.msg_capacity_profile = Some(profile));
        within(ours.send(message)).await.expect("it is open");
        comes(&stage, &theirs, "marked").await;
    }
}

async fn s9_1_3_9_what_fits_a_packet_goes_without_fragmentation(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    let whole = [
        said("uncut", |it| it.no_fragmentation = Some(true)),
        said("one packet", |it| it.no_segmentation = Some(true)),
    ];
    for message in whole {
        let text = String::from_utf8(message.data.to_vec()).expect("text");
        within(ours.send(message)).await.expect("it fits");
        comes(&stage, &theirs, &text).await;
    }
}

// ---------- §9.2: sending

async fn s9_2_1_a_message_above_the_limit_of_the_stack_is_a_send_error(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    let limit = within(ours.report()).await.max_send;
    assert_eq!(limit.is_some(), stage.stack == "udp");
    let long = vec![b'x'; limit.map_or(200_000, |limit| limit + 1)];
    let sent = within(ours.send(long.clone())).await;
    if let Some(limit) = limit {
        assert_eq!(sent, Err(SendFailure::TooLarge { limit }));
        within(ours.send("shorter")).await.expect("it costs itself alone");
        comes(&stage, &theirs, "shorter").await;
    } else {
        sent.expect("a stream takes any");
        assert_eq!(received(&stage, &theirs, long.len()).await.concat(), long);
    }
}

async fn s9_2_2_each_send_has_one_event_and_sent_comes_in_order(stage: Stage) {
    let (ours, mut events, _theirs) = heard_pair(&stage).await;
    let sent: Vec<_> = (0..50_u8).map(|n| ours.send(vec![n; 100]).id()).collect();
    ours.close();
    // The probe holds what is told against the rules: one fate each, in order.
    let told = events.until_terminal().await;
    for id in sent.into_iter().flatten() {
        assert!(told.iter().any(|event| matches!(event, Event::Sent(sent) if sent.id == id)), "{id:?}");
    }
    assert_eq!(kinds(&told).last(), Some(&EventKind::Closed));
}

async fn s9_2_3_parts_of_one_context_are_one_message(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    let mut message = ours.send_partial(MessageContext::default());
    let mut ids = vec![message.send("hel").id(), message.send("").id()];
    // Another one does not go between them.
    let between = ours.send("after").id();
    ids.push(message.send("lo").id());
    let last = message.last("!");
    within(last).await.expect("it is open");
    if stage.stack == "udp" {
        // A datagram that is complete need not wait.
        let mut both = received(&stage, &theirs, 11).await;
        both.sort();
        assert_eq!(both, [&b"after"[..], b"hello!"]);
    } else {
        comes(&stage, &theirs, "hello!|after").await;
    }
    ours.close();
    // Not by the rules of the probe: who was sent later may have been taken earlier.
    let mut sent = Vec::new();
    loop {
        match events.next().await {
            Event::Sent(one) => sent.push(one.id),
            event if event.is_terminal() => break,
            _ => {}
        }
    }
    for id in ids.into_iter().chain([between]).flatten() {
        assert_eq!(sent.iter().filter(|one| **one == id).count(), 1, "one event for each call to send");
    }
}

async fn s9_2_3_a_message_in_parts_expires_with_one_event_for_each_part(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    let context = said("", |it| it.msg_lifetime = lifetime(Duration::from_nanos(1))).context;
    let mut message = ours.send_partial(context);
    message.send("never");
    message.send("sent");
    let last = message.last("");
    let theirs = async {
        let _ = ours.send("hello");
        within(stage.listener.accept()).await.expect("it was not stopped")
    };
    let (sent, theirs) = futures::future::join(within(last), theirs).await;
    assert_eq!(sent, Err(SendFailure::Expired));
    comes(&stage, &theirs, "hello").await;
    for part in ["never", "sent", ""] {
        let Event::Expired(expired) = events.until(EventKind::Expired).await else { panic!() };
        assert_eq!(expired.message.data, part);
    }
}

async fn s9_2_3_a_message_without_its_last_part_is_never_taken_for_a_whole_one(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    let mut message = ours.send_partial(MessageContext::default());
    message.send("half");
    let bare_stream = !stage.keeps_boundaries;
    if bare_stream {
        // It has left.
        let id = message.id();
        let left = |event: &Event| matches!(event, Event::Sent(sent) if Some(sent.id) == id);
        while !left(&events.next().await) {}
    }
    drop(message);
    if bare_stream {
        let end = within(ours.closed()).await.expect_err("the peer has half a message");
        assert!(end.to_string().contains("incomplete"), "{end}");
        let received = async {
            loop {
                if let Err(failure) = within(theirs.received()).await {
                    return failure;
                }
            }
        };
        let failure = received.await;
        assert!(matches!(failure, ReceiveFailure::Connection(_)), "no clean end, but {failure}");
    } else {
        let Event::SendError(error) = events.until(EventKind::SendError).await else { panic!() };
        assert_eq!((error.message.data.as_ref(), error.reason), (&b"half"[..], SendFailure::Incomplete));
        within(ours.send("the next")).await.expect("nothing was written");
        comes(&stage, &theirs, "the next").await;
    }
}

async fn s9_2_4_a_batch_leaves_when_it_ends(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    ours.batch(|batch| {
        for text in [b"one", b"two", b"six"] {
            batch.send(text);
        }
    });
    comes(&stage, &theirs, "one|two|six").await;
}

async fn s9_2_5_the_first_message_goes_with_the_connection(stage: Stage) {
    let ours = stage.there.initiate_with_send("first").expect("loopback");
    let _ = ours.send("second");
    let theirs = within(stage.listener.accept()).await.expect("it was not stopped");
    comes(&stage, &theirs, "first|second").await;
}

// ---------- §9.3: receiving

async fn s9_3_messages_that_came_before_a_receive_serve_it_first(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    within(theirs.send("early")).await.expect("it is open");
    tokio::time::sleep(SILENCE).await;
    ours.receive();
    let Event::Received(received) = events.until(EventKind::Received).await else { panic!() };
    assert_eq!(received.messages[0].data, "early");
}

async fn s9_3_1_each_receive_is_answered_once(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    let asked: Vec<_> = (0..3).map(|_| ours.receive()).collect();
    for id in &asked {
        within(theirs.send("for one")).await.expect("it is open");
        let Event::Received(received) = events.until(EventKind::Received).await else { panic!() };
        assert_eq!((received.receive, received.messages.len()), (*id, 1));
    }
    within(theirs.send("for nobody")).await.expect("it is open");
    events.silence().await;
}

async fn should_9_3_1_what_is_received_says_how_long_it_is(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    ours.receive_with(ReceiveLimits { min_incomplete: Some(1_000), max: usize::MAX });
    within(theirs.send("short")).await.expect("it is open");
    loop {
        // Complete, it may be shorter than was asked for.
        match events.next().await {
            Event::Received(received) => {
                assert_eq!(received.messages[0].len(), 5);
                break;
            }
            Event::ReceivedPartial(part) => {
                assert_eq!((part.message.len(), part.end_of_message), (5, true));
                break;
            }
            event => assert!(!event.is_terminal(), "{event:?}"),
        }
    }
}

async fn s9_3_2_2_a_message_of_1500_bytes_comes_as_1000_and_500(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    within(theirs.send(vec![9; 1_500])).await.expect("it is open");
    let mut parts = Vec::new();
    for _ in 0..2 {
        ours.receive_with(ReceiveLimits { min_incomplete: Some(1), max: 1_000 });
        let Event::ReceivedPartial(part) = events.until(EventKind::ReceivedPartial).await else { panic!() };
        parts.push((part.message.len(), part.end_of_message, part.message.context));
    }
    let context = parts[0].2.clone();
    assert_eq!(parts, [(1_000, false, context.clone()), (500, true, context)]);
}

async fn s9_3_2_2_whoever_hears_of_parts_alone_hears_of_every_message(stage: Stage) {
    let (parts_only, mut parts) = parts_only();
    let (ours, theirs) = stage.pair().await;
    ours.subscribe::<neatflow::events::ReceivedPartial, _>(&actix::Actor::start(parts_only));
    hears_parts(&ours, &theirs, &mut parts).await;
}

async fn s9_3_2_2_so_it_does_when_it_is_attached(stage: Stage) {
    let (mut parts_only, mut parts) = parts_only();
    let (ours, theirs) = stage.pair().await;
    parts_only.attach_to = Some(ours.clone());
    let _addr = actix::Actor::start(parts_only);
    eventually("it is attached", async || ours.delivery() == neatflow::Delivery::Attached).await;
    hears_parts(&ours, &theirs, &mut parts).await;
}

/// An actor that wants nothing but parts.
struct PartsOnly {
    told: tokio::sync::mpsc::UnboundedSender<(Vec<u8>, bool)>,
    attach_to: Option<Connection>,
}

fn parts_only() -> (PartsOnly, tokio::sync::mpsc::UnboundedReceiver<(Vec<u8>, bool)>) {
    let (told, parts) = tokio::sync::mpsc::unbounded_channel();
    (PartsOnly { told, attach_to: None }, parts)
}

impl actix::Actor for PartsOnly {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(connection) = self.attach_to.take() {
            connection.attach::<neatflow::events::ReceivedPartial, _>(ctx);
        }
    }
}

impl actix::Handler<neatflow::events::ReceivedPartial> for PartsOnly {
    type Result = ();

    fn handle(&mut self, part: neatflow::events::ReceivedPartial, _: &mut Self::Context) {
        // The test may have seen enough.
        let _ = self.told.send((part.message.data.to_vec(), part.end_of_message));
    }
}

async fn hears_parts(
    ours: &Connection,
    theirs: &Connection,
    parts: &mut tokio::sync::mpsc::UnboundedReceiver<(Vec<u8>, bool)>,
) {
    ours.receive();
    within(theirs.send("whole")).await.expect("it is open");
    assert_eq!(within(parts.recv()).await, Some((b"whole".to_vec(), true)));
    within(theirs.send("in two")).await.expect("it is open");
    for part in [("in t", false), ("wo", true)] {
        ours.receive_with(ReceiveLimits { min_incomplete: Some(1), max: 4 });
        assert_eq!(within(parts.recv()).await, Some((part.0.as_bytes().to_vec(), part.1)));
    }
}

async fn s9_3_3_1_ecn_is_told_where_it_is_known(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    within(ours.send("marked")).await.expect("it is open");
    let came = within(theirs.received()).await.expect("a message");
    let known = stage.stack == "udp" && cfg!(target_os = "linux");
    assert_eq!(came.context.ecn.is_some(), known);
    assert_eq!(came.context.property("ecn").is_ok(), known);
}

async fn should_9_3_3_3_the_end_is_told_to_a_receive_where_the_stack_knows_it(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    within(ours.send(Message::new("last").last())).await.expect("it is open");
    comes(&stage, &theirs, "last").await;
    if stage.stack == "tcp" {
        for _ in 0..2 {
            assert_eq!(within(theirs.received()).await, Err(ReceiveFailure::Finished));
        }
        assert!(!theirs.can_receive());
    } else {
        // No datagram says so: who relied on it would wait for ever.
        let waits = tokio::time::timeout(SILENCE, theirs.received()).await;
        assert!(waits.is_err(), "{waits:?}");
    }
}

// ---------- §10: the end

async fn s10_close_delivers_what_is_queued(stage: Stage) {
    let (ours, theirs) = stage.pair().await;
    for n in 0..50_u8 {
        let _ = ours.send(vec![n; 1_000]);
    }
    ours.close();
    let all = received(&stage, &theirs, 50_000).await.concat();
    let expected: Vec<u8> = (0..50_u8).flat_map(|n| vec![n; 1_000]).collect();
    assert!(all == expected);
    within(ours.closed()).await.expect("a good end");
}

async fn must_10_nothing_is_received_after_close(stage: Stage) {
    let (ours, mut events, theirs) = heard_pair(&stage).await;
    ours.receive();
    ours.close();
    let _ = theirs.send("in flight");
    let told = events.until_terminal().await;
    assert!(!kinds(&told).contains(&EventKind::Received), "{:?}", kinds(&told));
    assert_eq!(ours.receive(), None);
}

async fn s10_an_abort_gives_everything_back_in_order_of_sending(stage: Stage) {
    let (actor, mut events) = probe();
    let ours = stage.there.clone().subscribe::<Event, _>(&actor).initiate().expect("loopback");
    let mut message = ours.send_partial(MessageContext::default());
    message.send("a part");
    let _ = ours.send("second");
    let _ = ours.send(said("first", |it| it.msg_priority = Some(1)));
    ours.abort();
    let told = events.until_terminal().await;
    let back: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::SendError(error) => Some(String::from_utf8_lossy(&error.message.data).into_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(back.len(), 3, "{back:?}");
    assert_eq!(back[0], "first");
    assert_eq!(message.send("late").refused(), Some(&SendFailure::Closed));
}
