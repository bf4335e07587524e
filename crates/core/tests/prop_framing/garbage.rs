//! What the framers do not understand.

use crate::peer::Peer;
use crate::plan::{Chunks, Stack, pick};
use neatflow_core::framing::{Below, Output};
use neatflow_core::{Message, MessageContext};
use quickcheck::{Arbitrary, Gen, QuickCheck};

/// Bytes that look a little like headers.
#[derive(Clone, Debug)]
struct Garbage(Vec<u8>);

impl Arbitrary for Garbage {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = pick(g, &[0, 1, 3, 10, 100, 3_000, 20_000]);
        let mostly_zero = bool::arbitrary(g);
        let byte =
            |g: &mut Gen| if mostly_zero { pick(g, &[0, 0, 0, 0, 1, 3, 10, 64]) } else { u8::arbitrary(g) };
        Self((0..length).map(|_| byte(g)).collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

fn in_a_stream(stack: Stack, garbage: Garbage, chunks: Chunks) {
    let mut peer = Peer::start(&stack.framers(), Below::Stream);
    let mut came = 0;
    for chunk in chunks.of(&garbage.0) {
        peer.receive(chunk);
        came += chunk.len();
        assert!(peer.stack.unparsed() <= 1024 * 1024 + 64 * 1024);
    }
    let delivered: usize = peer.parts().map(|part| part.data.len()).sum();
    assert!(delivered + peer.stack.unparsed() <= came, "a byte came twice");
    peer.finish();
    assert!(matches!(peer.outputs.last(), Some(Output::Finished | Output::Failed(_))));
}

#[test]
fn garbage_in_a_stream_is_a_typed_failure_or_no_message() {
    QuickCheck::new().tests(1_500).quickcheck(in_a_stream as fn(Stack, Garbage, Chunks));
}

fn in_messages(stack: Stack, garbage: Vec<Garbage>) {
    let below = Below::Messages;
    let (mut from, mut to) = (Peer::start(&stack.framers(), below), Peer::start(&stack.framers(), below));
    for Garbage(bytes) in garbage {
        to.stack.receive_message(Message::new(bytes));
        to.drain();
        assert!(!matches!(to.outputs.last(), Some(Output::Failed(_))));
        assert_eq!(to.stack.unparsed(), 0);
        if from.send(b"in between", &MessageContext::default(), true).is_ok() {
            while let Some(message) = from.out.pop_message() {
                to.stack.receive_message(message);
                to.drain();
            }
            assert!(to.messages().last().is_some_and(|message| message.data.ends_with(b"in between")));
        }
    }
}

#[test]
fn a_datagram_of_garbage_costs_no_other() {
    QuickCheck::new().tests(300).quickcheck(in_messages as fn(Stack, Vec<Garbage>));
}
