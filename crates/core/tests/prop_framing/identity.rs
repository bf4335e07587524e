//! What is sent arrives.

use crate::peer::Peer;
use crate::plan::{Chunks, Kind, Sent, Stack};
use neatflow_core::framing::tlv::Type;
use neatflow_core::framing::{Below, Output};
use neatflow_core::{Message, MessageContext};
use quickcheck::QuickCheck;

/// Sends what can be sent; what that was.
fn send(from: &mut Peer, messages: &[Sent]) -> Vec<Message> {
    let mut sent = Vec::new();
    for message in messages {
        let mut context = MessageContext::default();
        if let Some(kind) = message.kind {
            context.add(Type(kind.into()));
        }
        let parts = message.parts();
        let outcomes: Vec<_> = parts.iter().map(|(part, last)| from.send(part, &context, *last)).collect();
        let refused = outcomes.iter().skip_while(|outcome| outcome.is_ok()).all(Result::is_err);
        assert!(refused, "a part went through after one of its message that did not");
        if outcomes.iter().all(Result::is_ok) {
            sent.push(Message { data: message.data.clone().into(), context });
        }
        if !from.stack.is_ready() {
            break;
        }
    }
    sent
}

fn texts(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.data[..]).collect()
}

/// Whether the highest framer is the only one that uses types: then the type arrives.
fn is_typed(stack: &Stack) -> bool {
    matches!(stack.kinds[..], [Kind::Tlv(..)])
}

fn over_a_stream(stack: Stack, messages: Vec<Sent>, chunks: Chunks) {
    let (mut from, mut to) =
        (Peer::start(&stack.framers(), Below::Stream), Peer::start(&stack.framers(), Below::Stream));
    let sent = send(&mut from, &messages);
    let complete = from.stack.is_ready();
    for chunk in chunks.of(&from.written()) {
        to.receive(chunk);
        assert!(to.stack.unparsed() <= 64 * 1024 + 256 * 1024);
    }
    to.finish();
    assert_eq!(texts(&to.messages()), texts(&sent));
    if is_typed(&stack) {
        let types = |messages: &[Message]| -> Vec<_> {
            messages.iter().map(|message| message.context.get().copied().unwrap_or(Type(0))).collect()
        };
        assert_eq!(types(&to.messages()), types(&sent));
    }
    assert_eq!(to.outputs.first(), Some(&Output::Ready));
    if complete {
        assert_eq!(to.outputs.last(), Some(&Output::Finished), "{:?}", to.failure());
    }
}

#[test]
fn what_is_sent_over_a_stream_arrives_however_it_is_cut() {
    QuickCheck::new().tests(600).quickcheck(over_a_stream as fn(Stack, Vec<Sent>, Chunks));
}

fn over_messages(stack: Stack, messages: Vec<Sent>) {
    let below = Below::Messages;
    let (mut from, mut to) = (Peer::start(&stack.framers(), below), Peer::start(&stack.framers(), below));
    let sent = send(&mut from, &messages);
    while let Some(message) = from.out.pop_message() {
        to.stack.receive_message(message);
        to.drain();
        assert_eq!(to.stack.unparsed(), 0);
    }
    to.finish();
    assert_eq!(texts(&to.messages()), texts(&sent));
    assert_eq!(to.outputs.last(), Some(&Output::Finished));
}

#[test]
fn what_is_sent_over_messages_arrives() {
    QuickCheck::new().tests(600).quickcheck(over_messages as fn(Stack, Vec<Sent>));
}
