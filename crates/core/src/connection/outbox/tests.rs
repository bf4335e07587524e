use super::*;
use crate::properties::Lifetime;
use std::io::IoSlice;
use std::time::Duration;

const NOW: Time = Time::ZERO;

#[test]
fn empty_messages_need_room_too() {
    let mut outbox = Outbox::new(2);
    let refused: Vec<bool> = (0..6).map(|_| outbox.push_slice(b"").1.is_err()).collect();
    assert_eq!(refused, [false, false, false, false, true, true]);
    assert_eq!(outbox.pending(), 0);
    assert!(outbox.is_high());
}

#[test]
fn an_empty_queue_takes_a_message_of_any_size() {
    let mut outbox = Outbox::new(0);
    assert_eq!(outbox.push(Message::new("long"), NOW).1, Pushed::Copied(Message::new("long")));
    let refused = Pushed::Refused(SendFailure::QueueFull, Message::new("x"));
    assert_eq!(outbox.push(Message::new("x"), NOW), (MessageId(1), refused));
}

#[test]
fn small_messages_are_one_slice_and_one_batch() {
    let mut outbox = Outbox::new(Outbox::HIGH_WATER);
    for _ in 0..100 {
        outbox.push_slice(&[1; 64]).1.unwrap();
    }
    assert_eq!(written_next(&outbox), vec![1; 6400]);
    let batch = outbox.front_batch().unwrap();
    assert_eq!((batch.size, batch.count, batch.data.len()), (64, 100, 6400));
    let mut told = Vec::new();
    outbox.written(6400, |ids, is_final| told.push((ids, is_final)));
    assert_eq!(told, [(MessageId(0)..=MessageId(99), false)]);
}

#[test]
fn a_large_message_is_written_from_where_it_lies() {
    let mut outbox = Outbox::new(Outbox::HIGH_WATER);
    let large = Message::new(vec![7; 100_000]);
    let at = large.data.as_ptr();
    assert_eq!(outbox.push(large, NOW).1, Pushed::Kept);
    assert_eq!(outbox.front_batch().unwrap().data.as_ptr(), at);
    outbox.written(100_000, |_, _| {});
    let spent = outbox.take_spent();
    assert_eq!(spent[0].data.as_ptr(), at, "and is dropped by whoever holds no lock");
}

#[test]
fn a_half_written_message_comes_back_whole() {
    let mut outbox = filled(&["half"]);
    outbox.written(2, |_, _| {});
    let mut back = Vec::new();
    outbox.refuse_all(|_, message| back.push(message));
    assert_eq!((back, outbox.pending()), (vec![Message::new("half")], 0));
}

#[test]
fn taking_a_half_written_message_leaves_the_next_one_pending() {
    let mut outbox = filled(&["first", "next"]);
    outbox.written(3, |ids, _| panic!("{ids:?} are not written yet"));
    outbox.take_front(1, |ids, _| assert_eq!(ids, MessageId(0)..=MessageId(0)));
    assert_eq!(outbox.pending(), 4);
}

#[test]
fn a_lower_number_goes_first_but_not_into_the_middle_of_a_message() {
    let mut outbox = filled(&["abc", "def"]);
    outbox.written(1, |_, _| {});
    for (data, priority) in [("later", 200), ("now", 0), ("NOW", 0)] {
        outbox.push(Message::new(data).with_properties(&priority_of(priority)), NOW);
    }
    assert_eq!(written_next(&outbox), b"bcnowNOWdeflater");
    let mut told = Vec::new();
    outbox.written(16, |ids, _| told.push((ids.start().0, ids.end().0)));
    assert_eq!(told, [(0, 0), (3, 4), (1, 2)], "in the order in which they were taken");
}

#[test]
fn a_priority_that_was_said_counts_more_than_an_order_that_was_inherited_and_less_than_one_that_was_said() {
    let mut outbox = filled(&["1"]);
    let in_order = MessageProperties { msg_ordered: Some(true), ..priority_of(0) };
    outbox.push(Message::new("2").with_properties(&in_order), NOW);
    outbox.push_slice(b"3").1.unwrap();
    outbox.push(Message::new("0").with_properties(&priority_of(99)), NOW);
    assert_eq!(written_next(&outbox), b"0123");
}

#[test]
fn the_final_message_goes_last_whatever_its_priority() {
    let mut outbox = filled(&[]);
    outbox.push(Message::new("later ").with_properties(&priority_of(u32::MAX)), NOW);
    let last = Message::new("last").with_properties(&priority_of(0)).last();
    outbox.push(last.clone(), NOW);
    assert_eq!(written_next(&outbox), b"later last");
    assert_eq!(outbox.push(last.clone(), NOW).1, Pushed::Refused(SendFailure::AfterFinal, last));
}

#[test]
fn what_is_late_comes_back_unless_a_part_of_it_is_gone() {
    let mut outbox = filled(&[]);
    for data in ["begun", "late"] {
        outbox.push(Message::new(data).with_properties(&lifetime_of(10)), NOW);
    }
    outbox.push(Message::new("in time").with_properties(&lifetime_of(20)), NOW);
    outbox.written(1, |_, _| {});
    assert_eq!(outbox.deadline(), Some(Time::from_millis(10)));
    assert_eq!(expired(&mut outbox, 9), []);
    assert_eq!(expired(&mut outbox, 10), [(MessageId(1), "late")].map(timed(10)));
    assert_eq!((outbox.deadline(), outbox.pending()), (Some(Time::from_millis(20)), 11));
    assert_eq!(written_next(&outbox), b"egunin time");
}

#[test]
fn nothing_follows_a_final_message_that_expired() {
    let mut outbox = filled(&[]);
    let last = Message::new("bye").with_properties(&lifetime_of(10)).last();
    outbox.push(last.clone(), NOW);
    assert_eq!(expired(&mut outbox, 10), [(MessageId(0), last)]);
    assert_eq!((outbox.is_empty(), outbox.refusal()), (true, Some(SendFailure::AfterFinal)));
}

#[test]
fn what_is_usual_holds_where_nothing_else_is_said_and_is_not_given_back() {
    let usual = MessageProperties { safely_replayable: Some(true), ..priority_of(50) };
    let mut outbox = Outbox::new(100).with_usual(&usual);
    outbox.push_slice(b"usual").1.unwrap();
    outbox.push(Message::new("unusual").with_properties(&priority_of(49)), NOW);
    assert_eq!(outbox.front_batch().unwrap().properties, priority_of(49).or(&usual));
    assert_eq!(
        refuse_front(&mut outbox).unwrap().1,
        Message::new("unusual").with_properties(&priority_of(49))
    );
    assert_eq!(refuse_front(&mut outbox).unwrap().1, Message::new("usual"));

    assert!(!outbox.is_timed());
    assert!(Outbox::new(100).with_usual(&lifetime_of(10)).is_timed());
}

#[test]
fn writable_is_told_once_and_only_after_the_mark_was_passed() {
    let mut outbox = Outbox::new(10);
    outbox.push_slice(&[0; 10]).1.unwrap();
    outbox.written(10, |_, _| {});
    assert!(!outbox.take_writable(), "it was never high");
    outbox.push_slice(&[0; 11]).1.unwrap();
    outbox.written(5, |_, _| {});
    assert!(!outbox.take_writable(), "more than half is left");
    outbox.written(1, |_, _| {});
    assert!(outbox.take_writable() && !outbox.take_writable());
}

#[test]
fn a_final_message_that_is_refused_may_be_sent_again_unless_the_application_has_closed() {
    for (closed, refusal) in [(false, None), (true, Some(SendFailure::Closed))] {
        let mut outbox = filled(&["before"]);
        outbox.push(Message::new("too long").last(), NOW);
        if closed {
            outbox.seal();
        }
        assert_eq!(refuse_front(&mut outbox), Some((MessageId(0), Message::new("before"))));
        assert!(outbox.refusal().is_some(), "the final message is still on its way");
        assert_eq!(refuse_front(&mut outbox), Some((MessageId(1), Message::new("too long").last())));
        assert_eq!(outbox.refusal(), refusal);
        assert_eq!((outbox.pending(), refuse_front(&mut outbox)), (0, None));
    }
}

#[test]
fn a_stalled_connection_holds_no_more_than_its_bytes_and_an_idle_one_nothing() {
    let mut outbox = Outbox::new(Outbox::HIGH_WATER);
    outbox.lend(BytesMut::with_capacity(64 * 1024));
    for _ in 0..900 {
        outbox.push_slice(&[5; 68]).1.unwrap();
    }
    assert_eq!(outbox.reclaim(), None, "it is in use");
    outbox.written(899 * 68, |_, _| {});
    assert_eq!(outbox.reclaim(), None, "it is still in use");
    outbox.trim();
    assert!(outbox.reclaim().is_some_and(|buffer| buffer.is_empty() && buffer.capacity() >= 64 * 1024));
    assert_eq!(written_next(&outbox), [5; 68]);
    outbox.written(68, |_, _| {});
    assert!(outbox.reclaim().is_some_and(|buffer| buffer.capacity() < 200));
    assert_eq!(outbox.reclaim(), None);
}

#[test]
fn a_run_is_bounded_and_goes_on_in_a_larger_buffer_if_there_is_one() {
    let mut outbox = Outbox::new(Outbox::HIGH_WATER);
    for _ in 0..1025 {
        outbox.push_slice(&[1; 64]).1.unwrap();
    }
    assert_eq!(slices_of(&outbox), [65_536, 64]);
    outbox.lend(BytesMut::with_capacity(100_000));
    for _ in 0..2047 {
        outbox.push_slice(&[1; 64]).1.unwrap();
    }
    assert_eq!(slices_of(&outbox), [65_536, 65_536, 65_536], "the second one had room enough");
    let mut told = Vec::new();
    outbox.written(3 * 65_536, |ids, _| told.push(ids));
    assert_eq!(told, [MessageId(0)..=MessageId(3071)]);

    outbox = filled(&["a few bytes"]);
    outbox.lend(BytesMut::with_capacity(4096));
    outbox.push_slice(&[2; 80]).1.unwrap();
    assert_eq!(slices_of(&outbox), [11, 80]);
}

#[test]
fn a_crowd_of_empty_messages_is_not_walked_through_to_find_bytes() {
    let mut outbox = filled(&[]);
    for data in ["", "", "", "data"] {
        outbox.push(Message::new(data).with_properties(&priority_of(1)), NOW);
    }
    let mut slices = [IoSlice::new(&[]); 2];
    assert_eq!(outbox.slices(&mut slices), 0);
    let mut told = Vec::new();
    outbox.written(0, |ids, _| told.push(ids));
    assert_eq!(told, [MessageId(0)..=MessageId(2)]);
    assert_eq!(written_next(&outbox), b"data");
}

#[test]
fn different_small_messages_take_turns_without_a_large_buffer_each() {
    let mut outbox = Outbox::new(Outbox::HIGH_WATER);
    outbox.lend(BytesMut::with_capacity(64 * 1024));
    for _ in 0..10 {
        outbox.push_slice(b"head").1.unwrap();
        outbox.push(Message::new(vec![b'.'; 2000]), NOW);
    }
    assert!(outbox.reclaim().is_some_and(|buffer| buffer.capacity() >= 64 * 1024), "it goes round");
    assert_eq!(written_next(&outbox).len(), 10 * 2004);
}

fn filled(messages: &[&'static str]) -> Outbox {
    let mut outbox = Outbox::new(100);
    for message in messages {
        assert!(matches!(outbox.push(Message::new(*message), NOW).1, Pushed::Copied(_)));
    }
    outbox
}

fn written_next(outbox: &Outbox) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = outbox.slices(&mut slices);
    slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
}

fn slices_of(outbox: &Outbox) -> Vec<usize> {
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = outbox.slices(&mut slices);
    slices[..filled].iter().map(|slice| slice.len()).collect()
}

fn expired(outbox: &mut Outbox, millis: u64) -> Vec<(MessageId, Message)> {
    let mut expired = Vec::new();
    outbox.expire(Time::from_millis(millis), |id, message| expired.push((id, message)));
    expired
}

fn timed(millis: u64) -> impl Fn((MessageId, &'static str)) -> (MessageId, Message) {
    move |(id, data)| (id, Message::new(data).with_properties(&lifetime_of(millis)))
}

fn priority_of(priority: u32) -> MessageProperties {
    MessageProperties { msg_priority: Some(priority), ..MessageProperties::new() }
}

fn lifetime_of(millis: u64) -> MessageProperties {
    let lifetime = Lifetime::Limited(Duration::from_millis(millis));
    MessageProperties { msg_lifetime: Some(lifetime), ..MessageProperties::new() }
}

fn refuse_front(outbox: &mut Outbox) -> Option<(MessageId, Message)> {
    let mut back = None;
    outbox.refuse_front(&SendFailure::Closed, |id, message| back = Some((id, message)));
    back
}
