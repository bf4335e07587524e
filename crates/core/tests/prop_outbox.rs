//! The outbox against a model of it that is too simple to be wrong: a list of messages, and how far the
//! transport has come in the first of them.

use neatflow_core::connection::Outbox;
use neatflow_core::{Message, MessageId, SendFailure};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What is done to an outbox.
#[derive(Clone, Debug)]
enum Step {
    Push {
        len: usize,
        is_final: bool,
    },
    /// A vectored write with room for `slots` slices, of which the transport takes `share` / 255.
    Write {
        slots: usize,
        share: u8,
    },
    /// A transport that claims to have taken this many bytes, whatever is queued.
    Claim(usize),
    TakeFront,
    RefuseFront,
    Seal,
    RefuseAll,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 42 {
            0..18 => Self::Push { len: pick(g, &[0, 0, 1, 2, 7, 30, 100]), is_final: one_in(g, 40) },
            18..32 => Self::Write { slots: pick(g, &[0, 1, 2, 3, 64]), share: u8::arbitrary(g) },
            32..34 => Self::Claim(pick(g, &[0, 1, 10, 1000, usize::MAX])),
            34..38 => Self::TakeFront,
            38 => Self::Seal,
            39..41 => Self::RefuseFront,
            _ => Self::RefuseAll,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Push { len, is_final } => {
                Box::new((len, is_final).shrink().map(|(len, is_final)| Self::Push { len, is_final }))
            }
            Self::Write { slots, share } => {
                Box::new((slots, share).shrink().map(|(slots, share)| Self::Write { slots, share }))
            }
            _ => quickcheck::empty_shrinker(),
        }
    }
}

fn pick(g: &mut Gen, of: &[usize]) -> usize {
    *g.choose(of).expect("a choice")
}

fn one_in(g: &mut Gen, n: usize) -> bool {
    usize::arbitrary(g).is_multiple_of(n)
}

/// The longest message that is pushed.
const LONGEST: usize = 100;

/// An outbox, and what it should be.
struct Pair {
    real: Outbox,
    high_water: usize,
    queue: VecDeque<(MessageId, Message)>,
    /// How many bytes of the first message the transport has taken.
    taken: usize,
    /// Why no more messages are taken.
    end: Option<SendFailure>,
    pushed: u64,
    accepted: Vec<MessageId>,
    fates: Vec<MessageId>,
}

impl Pair {
    fn new(high_water: usize) -> Self {
        Self {
            real: Outbox::new(high_water),
            high_water,
            queue: VecDeque::new(),
            taken: 0,
            end: None,
            pushed: 0,
            accepted: Vec::new(),
            fates: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { len, is_final } => self.push(len, is_final),
            Step::Write { slots, share } => self.write(slots, share),
            Step::Claim(bytes) => self.written(bytes),
            Step::TakeFront => self.take_front(),
            Step::RefuseFront => self.refuse_front(),
            Step::Seal => {
                self.real.seal();
                self.end = Some(SendFailure::Closed);
            }
            Step::RefuseAll => self.refuse_all(),
        }
        self.compare();
    }

    fn push(&mut self, len: usize, is_final: bool) {
        let bytes: Vec<u8> = (0..len as u64).map(|n| (self.pushed * 31 + n) as u8).collect();
        let message = Message::new(bytes);
        let message = if is_final { message.last() } else { message };
        // A queue is full by its bytes, or by its messages if these have none; an empty one never is.
        let load = self.rest().len().max(self.queue.len());
        let full = load >= 2 * self.high_water && !self.queue.is_empty();
        let refusal = self.end.clone().or_else(|| full.then_some(SendFailure::QueueFull));

        let (id, outcome) = self.real.push(message.clone());

        assert_eq!(id, MessageId(self.pushed), "ids rise by one, refused or not");
        self.pushed += 1;
        if let Some(reason) = refusal {
            assert_eq!(outcome, Err((reason, message)), "it comes back as it was");
            return;
        }
        assert_eq!(outcome, Ok(()));
        if is_final {
            self.end = Some(SendFailure::AfterFinal);
        }
        self.accepted.push(id);
        self.queue.push_back((id, message));
    }

    fn write(&mut self, slots: usize, share: u8) {
        let rest = self.rest();
        let pieces = self.pieces();
        let mut slices = vec![IoSlice::new(&[]); slots];
        let filled = self.real.slices(&mut slices);
        assert_eq!(filled, slots.min(pieces), "as many slices as there are pieces, or slots");
        assert!(slices[..filled].iter().all(|slice| !slice.is_empty()), "no slice is empty");
        assert!(slices[filled..].iter().all(|slice| slice.is_empty()), "the other slots are left alone");
        let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(rest.starts_with(&offered), "what is offered is what comes next");
        assert!(slots < pieces || offered == rest, "all of it is offered if there are slots enough");
        self.written(offered.len() * usize::from(share) / 255);
    }

    /// A message is sent once its last byte is taken; an empty one, once it is first.
    fn written(&mut self, bytes: usize) {
        let mut left = bytes;
        let mut expected = Vec::new();
        while let Some((id, message)) = self.queue.front() {
            let rest = message.len() - self.taken;
            if left < rest {
                self.taken += left;
                break;
            }
            left -= rest;
            self.taken = 0;
            expected.push((*id, message.is_final()));
            self.queue.pop_front();
        }
        let mut told = Vec::new();
        self.real.written(bytes, |id, is_final| told.push((id, is_final)));
        assert_eq!(told, expected, "sent are those whose last byte was taken");
        self.fates.extend(told.iter().map(|(id, _)| id));
    }

    fn take_front(&mut self) {
        assert_eq!(self.real.front(), self.queue.front().map(|(_, message)| message));
        let expected = self.queue.pop_front().map(|(id, message)| (id, message.is_final()));
        self.taken = 0;
        let mut told = None;
        self.real.take_front(|id, is_final| told = Some((id, is_final)));
        assert_eq!(told, expected, "sent is the message at the front");
        self.fates.extend(told.map(|(id, _)| id));
    }

    fn refuse_front(&mut self) {
        let expected = self.queue.pop_front();
        self.taken = 0;
        let told = self.real.refuse_front();
        assert_eq!(told, expected, "the message at the front comes back, whole");
        let Some((id, message)) = told else { return };
        if message.is_final() && self.end == Some(SendFailure::AfterFinal) {
            self.end = None;
        }
        self.fates.push(id);
    }

    fn refuse_all(&mut self) {
        self.end = Some(SendFailure::Closed);
        self.taken = 0;
        let expected: Vec<_> = self.queue.drain(..).collect();
        let mut told = Vec::new();
        self.real.refuse_all(|id, message| told.push((id, message)));
        assert_eq!(told, expected, "every message comes back, whole");
        self.fates.extend(told.iter().map(|(id, _)| id));
    }

    fn compare(&self) {
        let pending = self.rest().len();
        assert_eq!(self.real.pending(), pending, "pending are the bytes that were not taken");
        assert_eq!(self.real.is_empty(), self.queue.is_empty());
        assert_eq!(self.real.is_open(), self.end.is_none());
        assert_eq!(self.real.is_high(), pending.max(self.queue.len()) > self.high_water);
        assert!(pending <= 2 * self.high_water + LONGEST, "{pending} bytes are too many");
        assert!(self.queue.len() <= 2 * self.high_water + 1, "{} messages are too many", self.queue.len());
    }

    /// What the transport has not taken.
    fn rest(&self) -> Vec<u8> {
        let all: Vec<u8> = self.queue.iter().flat_map(|(_, message)| message.data.to_vec()).collect();
        all[self.taken..].to_vec()
    }

    /// How many messages have bytes left.
    fn pieces(&self) -> usize {
        self.queue.iter().filter(|(_, message)| !message.is_empty()).count()
    }
}

fn one_fate_each_in_order(high_water: u8, steps: Vec<Step>) {
    let mut pair = Pair::new(usize::from(high_water % 64));
    for step in &steps {
        pair.step(step);
    }
    pair.step(&Step::RefuseAll);
    assert_eq!(
        pair.fates, pair.accepted,
        "one fate for each message that was taken, in the order of pushing"
    );
}

#[test]
fn an_outbox_behaves_like_a_list_of_messages() {
    QuickCheck::new().tests(5_000).quickcheck(one_fate_each_in_order as fn(u8, Vec<Step>));
}
