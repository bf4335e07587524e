//! Whatever comes, a stack of framers makes messages of it, waits, or says what is wrong; and what its peer sends
//! arrives. The first bytes choose the framers and the pieces, the others are what comes.

use crate::Target;
use bytes::Bytes;
use neatflow_core::MessageContext;
use neatflow_core::framing::{
    Below, FramerStack, Framers, LengthPrefix, Limits, Lines, Outgoing, Output, Tlv, Width,
};
use std::io::IoSlice;

const WIDTHS: [Width; 5] = [Width::One, Width::Two, Width::Three, Width::Four, Width::Eight];

fn framers(choice: &[u8; 4]) -> Framers {
    let mut framers = Framers::new();
    framers.limit(Limits { unparsed: 10_000, whole: 100 * usize::from(choice[0] & 3), batch: 10 });
    for byte in &choice[1..] {
        let width = WIDTHS[usize::from(byte >> 3) % WIDTHS.len()];
        match byte & 7 {
            0 | 1 => framers.add(LengthPrefix::new().width(width)),
            2 => framers.add(LengthPrefix::new().limit(u64::MAX).counting_itself().width(width)),
            3 => framers.add(Tlv::new().widths(width, Width::Two)),
            4 => framers.add(Lines::new()),
            5 => framers.add(Lines::crlf().limit(1_000)),
            _ => &mut framers,
        };
    }
    framers
}

struct Peer {
    stack: FramerStack,
    out: Outgoing,
    received: Vec<u8>,
    failed: bool,
}

impl Peer {
    fn start(framers: &Framers) -> Self {
        let below = Below::Stream;
        let mut peer = Self {
            stack: framers.stack(below),
            out: Outgoing::new(below),
            received: Vec::new(),
            failed: false,
        };
        peer.stack.start(&mut peer.out);
        peer
    }

    fn receive(&mut self, bytes: &[u8], piece: usize) {
        for piece in bytes.chunks(piece) {
            self.stack.receive(Bytes::copy_from_slice(piece));
            self.drain();
            assert!(self.stack.unparsed() <= 4 * 10_000);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.stack.poll(&mut self.out) {
            assert!(!self.failed, "{output:?} after the failure");
            match output {
                Output::Received(part) => self.received.extend_from_slice(&part.data),
                Output::Failed(_) => self.failed = true,
                _ => {}
            }
        }
    }
}

/// Both directions of a stack of framers.
pub const TARGET: Target = Target {
    name: "framing",
    run,
    seeds: &[
        // One-byte lengths.
        b"\x04\x00\x06\x06\x05hello\x00\x03you",
        // Four-byte lengths, whole messages only.
        b"\xff\x18\x06\x06\0\0\0\x05hello\0\0\0\0\0\0\x00\x02hi",
        // A type and a length.
        b"\x10\x1b\x06\x06\0\x07\0\0\0\x03abc\0\x01\0\0\0\0",
        b"\x04\x04\x06\x06one line\nanother\n\n",
        b"\x04\x05\x06\x06one line\r\nanother\r\n",
        // Lengths within lines.
        b"\x09\x04\x08\x06\0\x02ab\n\0\x01c\n",
        // Eight bytes of length, counting themselves.
        b"\x04\x22\x06\x06\0\0\0\0\0\0\0\x0bend",
    ],
    words: &[b"\n", b"\r\n", b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\x80\0\0\0\0\0\0\0", b"\0\0"],
};

fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first_chunk::<4>() else { return };
    let framers = framers(choice);
    let piece = 1 + usize::from(choice[0] >> 2);

    let mut garbled = Peer::start(&framers);
    garbled.receive(data, piece);
    assert!(garbled.received.len() <= data.len());
    garbled.stack.finish();
    garbled.drain();

    let (mut from, mut to) = (Peer::start(&framers), Peer::start(&framers));
    from.drain();
    let mut sent = Vec::new();
    for message in data.chunks(50) {
        let message = Bytes::copy_from_slice(message);
        if from.stack.send(&message, &MessageContext::default(), true, &mut from.out).is_ok() {
            sent.extend_from_slice(&message);
        }
    }
    while !from.out.is_empty() {
        let mut slices = [IoSlice::new(&[])];
        from.out.slices(&mut slices);
        let bytes = slices[0].to_vec();
        to.receive(&bytes, piece);
        from.out.advance(bytes.len());
    }
    assert!(!to.failed && to.received == sent);
}
