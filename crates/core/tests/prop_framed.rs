//! With framers, too, each message has one fate, and each byte is received once: whatever is done in whatever order.

use bytes::Bytes;
use neatflow_core::connection::{
    Asker, Event, Framed, Input, Machine, Output, ReceiveLimits, Role, Room, State,
};
use neatflow_core::framing::{Below, Framers, LengthPrefix, Limits, Lines};
use neatflow_core::{Message, MessageId, ReceiveFailure, SendFailure, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;

/// The longest message that the framers take.
const LONGEST: usize = 5_000;

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Receive,
    ReceiveWith(usize, usize),
    Stream(bool),
    Pull,
    /// The transport takes so many bytes.
    Take(usize),
    /// So many bytes come.
    Bring(usize),
    Room(Room),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let some = |g: &mut Gen, sizes: &[usize]| *g.choose(sizes).expect("a choice");
        match u8::arbitrary(g) % 20 {
            0..6 => Self::Send(some(g, &[0, 1, 10, 63, 64, 65, 200, 3_000, LONGEST, LONGEST + 1, 70_000])),
            6..8 => Self::Receive,
            8..10 => {
                Self::ReceiveWith(some(g, &[0, 1, 50, 100, 9_999]), some(g, &[0, 1, 40, 100, usize::MAX]))
            }
            10 => Self::Stream(bool::arbitrary(g)),
            11..13 => Self::Pull,
            13..16 => Self::Take(some(g, &[1, 3, 100, 10_000])),
            16..19 => Self::Bring(some(g, &[1, 4, 30, 100, 10_000])),
            _ => Self::Room(some_room(g)),
        }
    }
}

fn some_room(g: &mut Gen) -> Room {
    *g.choose(&[Room::None, Room::Parts, Room::Parts]).expect("a choice")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Refused,
    Back,
}

/// One who sends, a stream of bytes, and one who receives.
struct Pair {
    ours: Machine,
    theirs: Machine,
    room: Room,
    pipe: VecDeque<u8>,
    /// How many bytes the transport has taken.
    taken: usize,
    sent: Vec<Message>,
    fates: BTreeMap<MessageId, Fate>,
    received: Vec<Vec<u8>>,
    open: Option<Vec<u8>>,
    asked: u64,
    answered: u64,
    pulling: bool,
    error: bool,
}

fn framed() -> Framed {
    let mut framers = Framers::new();
    let lines = Lines::new().limit(2 * LONGEST as u64);
    framers.add(lines).add(LengthPrefix::new().limit(LONGEST as u64));
    framers.limit(Limits { whole: 64, batch: 4, ..Limits::default() });
    framers.start(Below::Stream).expect("there are framers")
}

/// Bytes that a line may have.
fn content(n: usize, length: usize) -> Bytes {
    (0..length).map(|at| b'a' + ((at + n) % 26) as u8).collect::<Vec<_>>().into()
}

impl Pair {
    fn new() -> Self {
        let machine = || {
            let mut machine = Machine::new(Role::Accepted);
            machine.frame(framed());
            machine
        };
        Self {
            ours: machine(),
            theirs: machine(),
            room: Room::Parts,
            pipe: VecDeque::new(),
            taken: 0,
            sent: Vec::new(),
            fates: BTreeMap::new(),
            received: Vec::new(),
            open: None,
            asked: 0,
            answered: 0,
            pulling: false,
            error: false,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(length) => {
                let message = Message::new(content(self.sent.len(), length));
                let queued = self.ours.send(message.clone(), Time::ZERO).expect("it is open");
                assert_eq!(queued.id.0, self.sent.len() as u64);
                self.sent.push(message);
            }
            Step::Receive => {
                self.asked += u64::from(self.theirs.receive().is_ok());
            }
            Step::ReceiveWith(min, max) => {
                let limits = ReceiveLimits { min_incomplete: Some(min), max };
                self.asked += u64::from(self.theirs.receive_with(limits).is_ok());
            }
            Step::Stream(on) => self.theirs.handle(Input::Stream(on)),
            Step::Pull => self.pull(),
            Step::Take(bytes) => self.take(bytes),
            Step::Bring(bytes) => self.bring(bytes),
            Step::Room(room) => self.room = room,
        }
        self.drain();
        if self.pulling && self.theirs.is_pull_due() {
            self.pull();
            self.drain();
        }
    }

    fn pull(&mut self) {
        match self.theirs.pull() {
            None if self.pulling => return,
            None => return self.begin(),
            Some(Ok(message)) => {
                assert!(self.open.is_none(), "a message that began in parts ends in parts");
                self.received.push(message.data.to_vec());
            }
            Some(Err(ReceiveFailure::InParts)) => assert!(self.open.is_some()),
            Some(Err(failure)) => assert_eq!(failure, ReceiveFailure::Finished),
        }
        if std::mem::take(&mut self.pulling) {
            self.theirs.end_pull();
        }
    }

    fn begin(&mut self) {
        self.pulling = true;
        self.theirs.begin_pull();
    }

    fn take(&mut self, most: usize) {
        if !self.ours.wants_write() {
            return;
        }
        let framed = self.ours.framed().expect("it is framed");
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = framed.slices(&mut slices);
        let bytes: Vec<u8> =
            slices[..filled].iter().flat_map(|slice| slice.iter().copied()).take(most).collect();
        self.pipe.extend(&bytes);
        self.taken += bytes.len();
        self.ours.handle(Input::Written(bytes.len()));
    }

    fn bring(&mut self, most: usize) {
        if self.theirs.wants_read() && !self.pipe.is_empty() {
            let bytes: Vec<u8> = self.pipe.drain(..most.min(self.pipe.len())).collect();
            self.theirs.handle(Input::Arrived(Message::new(bytes).into()));
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.ours.poll(self.room) {
            match output {
                Output::Event(Event::Sent(ids)) => {
                    for id in ids.start().0..=ids.end().0 {
                        self.fate(MessageId(id), Fate::Sent);
                        self.judge_sent(id);
                    }
                }
                Output::Event(Event::SendError { id, message, reason }) => {
                    assert_eq!(message, self.sent[id.0 as usize], "it comes back as it was given");
                    let refused = matches!(reason, SendFailure::Framing(_) | SendFailure::QueueFull);
                    self.fate(id, if refused { Fate::Refused } else { Fate::Back });
                }
                _ => {}
            }
        }
        while let Some(output) = self.theirs.poll(self.room) {
            let Output::Event(event) = output else { continue };
            match event {
                Event::Received { asker, messages } => {
                    assert!(self.open.is_none(), "parts of a message follow each other");
                    assert!(messages.len() == 1 || asker == Asker::Stream);
                    self.answer(asker);
                    self.received.extend(messages.iter().map(|message| message.data.to_vec()));
                }
                Event::ReceivedPartial { asker, part } => {
                    self.answer(asker);
                    self.open.get_or_insert_default().extend_from_slice(&part.data);
                    if part.end_of_message {
                        self.received.extend(self.open.take());
                    }
                }
                Event::ReceiveError { asker, .. } => self.answer(asker),
                Event::ConnectionError(failure) => panic!("{failure}"),
                _ => {}
            }
        }
    }

    /// The transport has taken all bytes of this message and of those before it: four of length, and the end of a line.
    fn judge_sent(&self, id: u64) {
        let sizes = (0..=id)
            .filter(|id| self.fates.get(&MessageId(*id)) == Some(&Fate::Sent))
            .map(|id| self.sent[id as usize].len() + 5);
        assert!(sizes.sum::<usize>() <= self.taken, "message {id} is said to be sent, and was not taken");
    }

    fn answer(&mut self, asker: Asker) {
        if let Asker::Request(id) = asker {
            assert_eq!(id.0, self.answered, "requests are answered in order, once");
            self.answered += 1;
        }
    }

    fn fate(&mut self, id: MessageId, fate: Fate) {
        self.error |= self.fates.insert(id, fate).is_some();
    }

    /// What was sent is received, whole and in order, as far as it came.
    fn judge(&self, complete: bool) {
        assert!(!self.error, "a message has two fates");
        let fate = |n: usize| self.fates.get(&MessageId(n as u64));
        let taken: Vec<_> = (0..self.sent.len()).filter(|n| fate(*n) != Some(&Fate::Refused)).collect();
        assert!(self.received.len() <= taken.len(), "more came than was sent");
        for (n, received) in taken.iter().zip(&self.received) {
            assert!(self.sent[*n].data == received, "message {n} came as something else");
        }
        if complete {
            assert_eq!(self.received.len(), taken.len(), "something did not come");
            assert_eq!(self.fates.len(), self.sent.len(), "each has a fate");
        }
    }
}

fn each_message_has_one_fate_and_each_byte_is_received_once(steps: Vec<Step>) {
    let mut pair = Pair::new();
    for step in &steps {
        pair.step(step);
        pair.judge(false);
    }
    // And now to the end.
    pair.room = Room::Parts;
    pair.step(&Step::Stream(true));
    pair.ours.handle(Input::Close);
    pair.drain();
    while pair.ours.wants_write() || !pair.pipe.is_empty() {
        pair.step(&Step::Take(10_000));
        pair.step(&Step::Bring(10_000));
    }
    assert_eq!(pair.ours.state(), State::Closing);
    assert!(pair.ours.wants_acknowledgement(), "our end was sent");
    pair.theirs.handle(Input::PeerFinished);
    pair.drain();
    assert!(pair.open.is_none(), "the last message ends");
    pair.judge(true);
    assert_eq!(pair.asked, pair.answered, "each request has an answer");
}

#[test]
fn framed_each_message_has_one_fate_and_each_byte_is_received_once() {
    let test: fn(Vec<Step>) = each_message_has_one_fate_and_each_byte_is_received_once;
    QuickCheck::new().tests(1_000).quickcheck(test);
}

fn an_abort_gives_back_what_was_not_sent(steps: Vec<Step>) {
    let mut pair = Pair::new();
    for step in &steps {
        pair.step(step);
    }
    pair.ours.handle(Input::Abort);
    pair.drain();
    assert_eq!(pair.ours.state(), State::Closed);
    assert_eq!(pair.fates.len(), pair.sent.len(), "each message has a fate");
    assert!(pair.ours.outbox().is_empty() && pair.ours.outbox().pending() == 0);
    pair.judge(false);
}

#[test]
fn framed_an_abort_gives_back_what_was_not_sent_as_it_was_given() {
    QuickCheck::new().tests(1_000).quickcheck(an_abort_gives_back_what_was_not_sent as fn(Vec<Step>));
}
