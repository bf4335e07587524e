//! Framers that do anything a framer can do, at any moment.

use crate::peer::Peer;
use crate::plan::{Chunks, pick};
use bytes::Bytes;
use neatflow_core::MessageContext;
use neatflow_core::framing::{Below, Framer, FramerStack, FramingFailure, Limits, MessageFramer, Output};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Clone, Debug)]
enum Act {
    Parse(usize, usize),
    Find(u8),
    Advance(u64),
    Deliver(u8, bool),
    Earmark(u64, bool),
    Send(u8),
    EndMessage,
    Ready,
    Closed,
    Passthrough,
    Prepend,
    FailConnection,
    Refuse,
    Panic,
    /// For ever, until nothing is given any more.
    ParseOn,
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = |g: &mut Gen| pick(g, &[0, 1, 2, 5, 40, 1 << 20, 1 << 63, u64::MAX]);
        match u8::arbitrary(g) % 40 {
            0..4 => Self::Parse(pick(g, &[0, 1, 4, 50, usize::MAX]), pick(g, &[0, 1, 4, usize::MAX])),
            4..6 => Self::Find(pick(g, b"\n\0x")),
            6..11 => Self::Advance(length(g)),
            11..14 => Self::Deliver(u8::arbitrary(g), bool::arbitrary(g)),
            14..20 => Self::Earmark(length(g), bool::arbitrary(g)),
            20..25 => Self::Send(u8::arbitrary(g)),
            25..27 => Self::EndMessage,
            27..34 => Self::Ready,
            34 => Self::Closed,
            35 => Self::Passthrough,
            36 => Self::Prepend,
            37 => pick(g, &[0, 1, 2]).into(),
            _ => Self::ParseOn,
        }
    }
}

impl From<u8> for Act {
    fn from(n: u8) -> Self {
        [Self::FailConnection, Self::Refuse, Self::Panic][usize::from(n)].clone()
    }
}

/// Does the next few acts in each call, over and over.
#[derive(Clone, Debug)]
struct Chaos {
    acts: Vec<Act>,
    next: usize,
    step: usize,
    /// How many acts are left to it and all it has prepended: each layer may make many messages of one, and sixteen of
    /// them would never end.
    left: Arc<AtomicUsize>,
}

/// How many acts there are in one test.
const ACTS: usize = 20_000;

impl Arbitrary for Chaos {
    fn arbitrary(g: &mut Gen) -> Self {
        Self { acts: Vec::arbitrary(g), next: 0, step: pick(g, &[1, 2, 5]), left: Arc::default() }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        Box::new(self.acts.shrink().map(move |acts| Self { acts, ..this.clone() }))
    }
}

impl Chaos {
    fn act(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        for _ in 0..self.step.min(self.acts.len()) {
            if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
                return Ok(());
            }
            let act = self.acts[self.next % self.acts.len()].clone();
            self.next += 1;
            match act {
                Act::Parse(min, max) => {
                    if let Some(parsed) = framer.parse(min, max) {
                        assert!(parsed.data.len() >= min && parsed.data.len() <= max.max(min));
                    }
                }
                Act::Find(byte) => {
                    if let Some(at) = framer.find(byte) {
                        assert_eq!(framer.parse(at + 1, at + 1).map(|parsed| parsed.data[at]), Some(byte));
                    }
                }
                Act::Advance(length) => framer.advance_receive_cursor(length),
                Act::Deliver(length, end) => {
                    framer.deliver(framer.received_context(), vec![7; length.into()].into(), end);
                }
                Act::Earmark(length, end) => {
                    framer.deliver_and_advance_receive_cursor(framer.received_context(), length, end);
                }
                Act::Send(length) => framer.send(&vec![b'x'; length.into()]),
                Act::EndMessage => framer.end_message(),
                Act::Ready => framer.make_connection_ready(),
                Act::Closed => framer.make_connection_closed(),
                Act::Passthrough => framer.start_passthrough(),
                Act::Prepend => {
                    let _ = framer.prepend_framer(Box::new(self.clone()));
                }
                Act::FailConnection => framer.fail_connection(FramingFailure::other("chaos")),
                Act::Refuse => return Err(FramingFailure::other("chaos")),
                Act::Panic => std::panic::resume_unwind(Box::new("chaos")),
                Act::ParseOn => while framer.parse(0, 1).is_some() {},
            }
        }
        Ok(())
    }
}

impl Framer for Chaos {
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        self.act(framer)
    }

    fn stop(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        self.act(framer)
    }

    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Result<(), FramingFailure> {
        framer.send_bytes(data);
        self.act(framer)
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        self.act(framer)
    }
}

fn is_kept_within_its_bounds(chaos: Vec<Chaos>, messages: bool, sent: Vec<(u8, bool)>, chunks: Chunks) {
    let below = if messages { Below::Messages } else { Below::Stream };
    let limits = Limits { unparsed: 1000, whole: 100, batch: 10 };
    let left = Arc::new(AtomicUsize::new(ACTS));
    let framers = chaos
        .into_iter()
        .take(4)
        .map(|chaos| Box::new(Chaos { left: left.clone(), ..chaos }) as Box<dyn Framer>);
    let mut peer = Peer::start_stack(FramerStack::new(framers, below, limits), below);
    for chunk in chunks.of(&[b'x'; 3000]).into_iter().take(300) {
        peer.receive(chunk);
        assert!(peer.stack.unparsed() <= 16 * 1000, "{}", peer.stack.unparsed());
    }
    for (length, end) in sent {
        let _ = peer.send(&vec![b'y'; length.into()], &MessageContext::default(), end);
    }
    peer.stack.stop(&mut peer.out);
    peer.drain();
    peer.finish();

    let ready = peer.outputs.iter().position(|output| *output == Output::Ready).unwrap_or(usize::MAX);
    let received = peer.outputs.iter().position(|output| matches!(output, Output::Received(_)));
    assert!(received.is_none_or(|received| ready < received), "received before Ready");
    for told_once in [Output::Ready, Output::Finished, Output::Closed] {
        assert!(peer.outputs.iter().filter(|output| **output == told_once).count() <= 1);
    }
    let over = |output: &Output| matches!(output, Output::Closed | Output::Failed(_));
    assert!(peer.outputs.iter().any(over), "neither closed nor failed: {:?}", peer.outputs.last());
}

#[test]
fn a_framer_can_do_what_it_likes_within_its_bounds() {
    QuickCheck::new()
        .tests(5_000)
        .quickcheck(is_kept_within_its_bounds as fn(Vec<Chaos>, bool, Vec<(u8, bool)>, Chunks));
}
