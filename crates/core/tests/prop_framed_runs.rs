//! To frame many messages at once is the same as to frame one after the other: the same bytes, the same fates, the same
//! messages, whatever is mixed and however it is cut.

use bytes::{Bytes, BytesMut};
use neatflow_core::connection::{
    Asker, Event, Framed, Input, Machine, Output, Pack, ReceiveLimits, Role, Room, State,
};
use neatflow_core::framing::tlv::Type;
use neatflow_core::framing::{
    Below, Framer, FramerStack, FramingFailure, LengthPrefix, Limits, Lines, MessageFramer, SentMessages,
    Tlv, Width,
};
use neatflow_core::properties::{Lifetime, MessageProperties};
use neatflow_core::{Message, MessageContext, MessageId, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::io::IoSlice;
use std::time::Duration;

/// The longest message that the framers take.
const LONGEST: u64 = 300;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Length(bool),
    Tlv,
    Lines(bool),
    /// Panics over a message that begins with this byte.
    Panicky(u8),
}

impl Arbitrary for Kind {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 7 {
            0..3 => Self::Length(bool::arbitrary(g)),
            3 => Self::Tlv,
            4 | 5 => Self::Lines(bool::arbitrary(g)),
            _ => Self::Panicky(b'a' + u8::arbitrary(g) % 26),
        }
    }
}

impl Kind {
    fn length(counting: bool) -> LengthPrefix {
        let plain = LengthPrefix::new().width(Width::Two).limit(LONGEST);
        if counting { plain.counting_itself() } else { plain }
    }

    fn tlv() -> Tlv {
        Tlv::new().widths(Width::One, Width::Three).limit(LONGEST)
    }

    fn lines(with_return: bool) -> Lines {
        if with_return { Lines::crlf() } else { Lines::new() }.limit(LONGEST)
    }

    /// As it is.
    fn framer(self) -> Box<dyn Framer> {
        match self {
            Self::Length(counting) => Box::new(Self::length(counting)),
            Self::Tlv => Box::new(Self::tlv()),
            Self::Lines(with_return) => Box::new(Self::lines(with_return)),
            Self::Panicky(byte) => Box::new(Panicky { byte, inner: Self::length(false) }),
        }
    }

    /// The same, one after the other.
    fn one_by_one(self) -> Box<dyn Framer> {
        Box::new(OneByOne { kind: self, inner: self.framer() })
    }
}

/// Sends one message a call, and delivers one a call.
#[derive(Debug)]
struct OneByOne {
    kind: Kind,
    inner: Box<dyn Framer>,
}

impl Framer for OneByOne {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        self.inner.new_sent_message(framer, data, context, end_of_message)
    }

    fn abandon_sent_message(&mut self) {
        self.inner.abandon_sent_message();
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        let too_long = || FramingFailure::TooLong { limit: LONGEST };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        let mut context = framer.received_context();
        if let Kind::Lines(_) = self.kind {
            let Some(end) = framer.find(b'\n') else {
                return if framer.available() as u64 > LONGEST + 1 { Err(too_long()) } else { Ok(()) };
            };
            let Some(line) = framer.parse(end + 1, end + 1) else { return Ok(()) };
            let with_return = u64::from(line.data[..end].ends_with(b"\r"));
            let text = end as u64 - with_return;
            if text > LONGEST {
                return Err(too_long());
            }
            framer.deliver_and_advance_receive_cursor(context, text, true);
            framer.advance_receive_cursor(1 + with_return);
            return Ok(());
        }
        let header = if let Kind::Tlv = self.kind { 4 } else { 2 };
        let Some(parsed) = framer.parse(header, header) else { return Ok(()) };
        let length = match self.kind {
            Kind::Tlv => {
                context.add(Type(parsed.data[0].into()));
                number(&parsed.data[1..])
            }
            Kind::Length(true) => number(parsed.data)
                .checked_sub(2)
                .ok_or_else(|| FramingFailure::malformed("a length that is shorter than itself"))?,
            _ => number(parsed.data),
        };
        if length > LONGEST {
            return Err(too_long());
        }
        framer.advance_receive_cursor(header as u64);
        framer.deliver_and_advance_receive_cursor(context, length, true);
        Ok(())
    }
}

#[derive(Debug)]
struct Panicky {
    byte: u8,
    inner: LengthPrefix,
}

impl Framer for Panicky {
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        assert!(data.first() != Some(&self.byte), "it is afraid of this byte");
        self.inner.new_sent_message(framer, data, context, end_of_message)
    }

    fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        while let Some(data) = messages.peek() {
            assert!(data.first() != Some(&self.byte), "it is afraid of this byte");
            if data.len() as u64 > LONGEST {
                break;
            }
            messages.send(&(data.len() as u16).to_be_bytes(), &[]);
        }
    }

    fn abandon_sent_message(&mut self) {
        self.inner.abandon_sent_message();
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        self.inner.handle_received_data(framer)
    }
}

/// What is said of a message.
#[derive(Clone, Copy, Debug)]
enum Said {
    Nothing,
    Type(u8),
    Priority(u32),
    Lifetime(u64),
    Last,
}

#[derive(Clone, Debug)]
enum Step {
    Send(usize, Said),
    /// Several at once.
    Pack(Vec<usize>),
    Part(usize, bool),
    /// A millisecond later.
    Later,
    /// The transport takes so many bytes.
    Take(usize),
    Poll,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let some = |g: &mut Gen, of: &[usize]| *g.choose(of).expect("a choice");
        let sizes = [0, 1, 5, 64, 64, 64, 64, 200, LONGEST as usize, LONGEST as usize + 1, 1_000, 2_000];
        match u8::arbitrary(g) % 20 {
            0..8 => Self::Send(some(g, &sizes), Said::Nothing),
            8..11 => {
                let said = match u8::arbitrary(g) % 10 {
                    0..4 => Said::Type(u8::arbitrary(g) % 2),
                    4..6 => Said::Priority(*g.choose(&[0, 99, 100, 101]).expect("a choice")),
                    6..9 => Said::Lifetime(1 + u64::arbitrary(g) % 3),
                    _ => Said::Last,
                };
                Self::Send(some(g, &sizes), said)
            }
            11..14 => Self::Pack((0..some(g, &[1, 2, 30, 400])).map(|_| some(g, &sizes[1..8])).collect()),
            14 => Self::Part(some(g, &[0, 1, 64, 200]), bool::arbitrary(g)),
            15 => Self::Later,
            16..19 => Self::Take(some(g, &[0, 1, 3, 66, 100, 1_000, 100_000])),
            _ => Self::Poll,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::Pack(sizes) => Box::new(sizes.shrink().map(Self::Pack)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}

/// A connection, and what it has put out: fates one by one, and everything else.
struct End {
    machine: Machine,
    now: Time,
    series: Option<MessageId>,
    said: Vec<String>,
}

fn content(n: usize, length: usize) -> Vec<u8> {
    // Here and there something that is no line.
    let odd = if n.is_multiple_of(37) { b'\r' } else { b'z' };
    (0..length).map(|at| if at + 1 == length { odd } else { b'a' + ((at + n) % 26) as u8 }).collect()
}

impl End {
    fn new(framer: Box<dyn Framer>, batch: usize, usual: &MessageProperties) -> Self {
        let limits = Limits { batch, whole: 50, ..Limits::default() };
        let mut framed = Framed::new(FramerStack::new([framer], Below::Stream, limits), Below::Stream);
        framed.start();
        assert_eq!(framed.poll_ready(), Some(Ok(())));
        let mut machine = Machine::new(Role::Accepted).with_usual(usual);
        machine.frame(framed);
        Self { machine, now: Time::ZERO, series: None, said: Vec::new() }
    }

    /// A step, but for what the transport does.
    fn step(&mut self, n: usize, step: &Step) {
        match step {
            Step::Send(length, said) => {
                let mut message = Message::new(content(n, *length));
                let properties = &mut message.context.properties;
                match *said {
                    Said::Nothing => {}
                    Said::Type(kind) => message.context.add(Type(kind.into())),
                    Said::Priority(priority) => properties.msg_priority = Some(priority),
                    Said::Lifetime(millis) => {
                        properties.msg_lifetime = Some(Lifetime::Limited(Duration::from_millis(millis)));
                    }
                    Said::Last => message = message.last(),
                }
                self.machine.send(message, self.now).map(drop).unwrap_or_default();
            }
            Step::Pack(sizes) => {
                let mut pack = Pack::new(BytesMut::new());
                sizes.iter().enumerate().for_each(|(at, size)| _ = pack.push(&content(n + at, *size)));
                self.machine.send_pack(pack, self.now);
            }
            Step::Part(length, ends) => {
                let message = Message::new(vec![b'p'; *length]);
                if let Ok(queued) = self.machine.send_part(self.series, message, *ends, self.now) {
                    self.series = (!ends).then(|| self.series.unwrap_or(queued.id));
                }
            }
            Step::Later => {
                self.now += Duration::from_millis(1);
                self.machine.expire(self.now);
            }
            Step::Take(_) | Step::Poll => {}
        }
        if !matches!(step, Step::Send(..)) || n.is_multiple_of(5) {
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll(Room::Parts) {
            self.note(output);
        }
        self.machine.take_spent();
    }

    fn note(&mut self, output: Output) {
        match output {
            Output::Event(Event::Sent(ids)) => {
                self.said.extend((ids.start().0..=ids.end().0).map(|id| format!("{id} is sent")));
            }
            Output::Event(Event::Received { asker: Asker::Stream, messages }) => {
                assert!(messages.contents().map(<[u8]>::len).eq(messages.iter().map(Message::len)));
                assert_eq!(messages.len(), messages.iter().count());
                self.said.extend(messages.into_iter().map(|message| format!("{message:?} came")));
            }
            output => self.said.push(format!("{output:?}")),
        }
    }

    /// The next bytes, at most so many.
    fn next(&self, most: usize) -> Vec<u8> {
        if !self.machine.wants_write() {
            return Vec::new();
        }
        let framed = self.machine.framed().expect("it is framed");
        let mut slices = [IoSlice::new(&[]); 1_000];
        let filled = framed.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.iter().copied()).take(most).collect()
    }
}

fn same_bytes_and_fates(kind: Kind, lifetime: Option<u8>, steps: Vec<Step>) {
    let mut usual = MessageProperties::new();
    usual.msg_lifetime =
        lifetime.map(|millis| Lifetime::Limited(Duration::from_millis(1 + u64::from(millis % 4))));
    // Some of them with messages that have a lifetime, and take no part.
    let usual = if lifetime.is_some_and(|n| n > 200) { usual } else { MessageProperties::new() };
    let mut ends = [kind.framer(), kind.one_by_one()].map(|framer| End::new(framer, 256, &usual));
    let all = steps.into_iter().chain((0..200).map(|_| Step::Take(100_000)));
    for (n, step) in all.enumerate() {
        if n.is_multiple_of(11) {
            ends.iter_mut().for_each(End::drain);
        }
        ends.iter_mut().for_each(|end| end.step(n, &step));
        if let Step::Take(most) = step {
            let next = ends[0].next(most);
            assert_eq!(next, ends[1].next(most), "other bytes");
            ends.iter_mut().for_each(|end| end.machine.handle(Input::Written(next.len())));
            ends.iter_mut().for_each(End::drain);
        }
        assert_eq!(ends[0].said, ends[1].said);
        let pending = ends.each_ref().map(|end| (end.machine.outbox().pending(), end.machine.state()));
        assert_eq!(pending[0], pending[1]);
    }
    // What was framed and not taken comes back as it was given.
    for end in &mut ends {
        end.machine.send(Message::new("before the end"), end.now).map(drop).unwrap_or_default();
        end.drain();
        end.machine.handle(Input::Abort);
        end.drain();
        assert_eq!((end.machine.state(), end.machine.outbox().pending()), (State::Closed, 0));
    }
    assert_eq!(ends[0].said, ends[1].said);
}

#[test]
fn many_messages_framed_at_once_are_the_same_bytes_and_have_the_same_fates() {
    let test: fn(Kind, Option<u8>, Vec<Step>) = same_bytes_and_fates;
    QuickCheck::new().tests(600).quickcheck(test);
}

fn an_abort_in_between(kind: Kind, steps: Vec<Step>, after: u16) {
    let nothing = MessageProperties::new();
    let mut ends = [kind.framer(), kind.one_by_one()].map(|framer| End::new(framer, 256, &nothing));
    for (n, step) in steps.iter().enumerate() {
        ends.iter_mut().for_each(|end| end.step(n, step));
    }
    for end in &mut ends {
        end.drain();
        // In the middle of a message, perhaps.
        let taken = end.next(after.into()).len();
        end.machine.handle(Input::Written(taken));
        end.machine.handle(Input::Abort);
        end.drain();
        assert_eq!(end.machine.outbox().pending(), 0);
    }
    assert_eq!(ends[0].said, ends[1].said);
}

#[test]
fn many_messages_framed_at_once_come_back_each_as_it_was_given() {
    QuickCheck::new().tests(600).quickcheck(an_abort_in_between as fn(Kind, Vec<Step>, u16));
}

/// How messages are asked for.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Stream,
    One,
    Some(usize),
    Pull,
}

impl Arbitrary for Ask {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 6 {
            0..3 => Self::Stream,
            3 => Self::One,
            4 => Self::Some(1 + usize::arbitrary(g) % 100),
            _ => Self::Pull,
        }
    }
}

fn bring(end: &mut End, bytes: &[u8], ask: Ask) {
    end.machine.handle(Input::Arrived(Message::new(bytes.to_vec()).into()));
    end.machine.handle(Input::Stream(matches!(ask, Ask::Stream)));
    loop {
        let before = end.said.len();
        match ask {
            Ask::Stream => {}
            Ask::One => _ = end.machine.receive(),
            Ask::Some(most) => {
                let limits = ReceiveLimits { min_incomplete: Some(1), max: most };
                _ = end.machine.receive_with(limits);
            }
            Ask::Pull => {
                let pulled = end.machine.try_pull();
                let failed = matches!(pulled, Some(Err(_)));
                end.said.extend(pulled.map(|pulled| format!("{pulled:?} was pulled")));
                if failed {
                    end.drain();
                    break;
                }
            }
        }
        end.drain();
        // Requests that were not answered remain, for both.
        if end.said.len() == before {
            break;
        }
    }
}

/// How much comes at once, and how it is asked for.
type Cuts = Vec<(u16, Ask)>;

fn same_messages(kind: Kind, batch: u8, sizes: Vec<u16>, cuts: Cuts, garbage: Option<u8>) {
    let nothing = MessageProperties::new();
    let mut from = End::new(kind.framer(), 256, &nothing);
    let mut bytes = Vec::new();
    for (n, size) in sizes.iter().enumerate() {
        // Mostly of one size.
        let size = if size % 4 == 0 { usize::from(*size) % 310 } else { 64 };
        let said = if n % 7 > 4 { Said::Type(1) } else { Said::Nothing };
        from.step(n, &Step::Send(size, said));
        from.drain();
        let next = from.next(usize::MAX);
        from.machine.handle(Input::Written(next.len()));
        bytes.extend(next);
    }
    if let Some(byte) = garbage {
        let at = usize::from(byte) * bytes.len() / 256;
        bytes.splice(at..at, [byte; 7]);
    }
    let mut ends =
        [kind.framer(), kind.one_by_one()].map(|framer| End::new(framer, 1 + usize::from(batch), &nothing));
    let mut rest = &bytes[..];
    let cuts = cuts.into_iter().chain([(u16::MAX, Ask::Stream)]);
    for (length, ask) in cuts {
        let (piece, more) = rest.split_at(rest.len().min(usize::from(length % 5_000)));
        rest = more;
        ends.iter_mut().for_each(|end| bring(end, piece, ask));
        assert_eq!(ends[0].said, ends[1].said);
    }
    ends.iter_mut().for_each(|end| bring(end, rest, Ask::Stream));
    for end in &mut ends {
        end.machine.handle(Input::PeerFinished);
        end.drain();
    }
    assert_eq!(ends[0].said, ends[1].said);
}

#[test]
fn many_messages_that_come_at_once_are_those_that_come_one_after_the_other() {
    let test: fn(Kind, u8, Vec<u16>, Cuts, Option<u8>) = same_messages;
    QuickCheck::new().tests(1_000).quickcheck(test);
}
