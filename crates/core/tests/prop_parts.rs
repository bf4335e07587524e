//! Messages that are sent in parts (RFC 9622 §9.2.3), among others, over every kind of transport: each part has one fate;
//! a message arrives whole, in one piece and in its place, or the rest of it comes back; and who has seen half a message
//! sees the connection fail.

use bytes::Bytes;
use neatflow_core::connection::{Event, Input, Machine, Output, Role, State};
use neatflow_core::framing::{Below, Framers, LengthPrefix, Lines};
use neatflow_core::properties::{Lifetime, MessageProperties};
use neatflow_core::{ConnectionFailure, Message, MessageId, SendFailure, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::Duration;

/// What carries the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Stream,
    /// A framer that keeps parts until it knows how long their message is.
    Collected,
    /// One that sends them on as they come.
    Flowing,
    Datagrams,
    FramedDatagrams,
}

#[derive(Clone, Debug)]
enum Step {
    Send(usize, Said),
    /// The first part of a message, which may be the only one.
    Begin(usize, bool, Said),
    /// Another part of one of the messages that were begun.
    Part(usize, usize, bool),
    Abandon(usize),
    /// The transport takes a share of what it is offered.
    Take(u8),
    Refuse,
    Pass(u64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    priority: Option<u32>,
    lifetime: Option<u64>,
    last: bool,
}

impl Arbitrary for Carrier {
    fn arbitrary(g: &mut Gen) -> Self {
        *g.choose(&[
            Self::Stream,
            Self::Stream,
            Self::Collected,
            Self::Flowing,
            Self::Datagrams,
            Self::FramedDatagrams,
        ])
        .expect("a choice")
    }
}

impl Arbitrary for Said {
    fn arbitrary(g: &mut Gen) -> Self {
        Self {
            priority: *g.choose(&[None, None, None, Some(1), Some(200)]).expect("a choice"),
            lifetime: *g.choose(&[None, None, None, Some(3), Some(20)]).expect("a choice"),
            last: u8::arbitrary(g).is_multiple_of(24),
        }
    }
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = *g.choose(&[0, 0, 1, 2, 10, 500, 1500, 100_000]).expect("a choice");
        match u8::arbitrary(g) % 20 {
            0..4 => Self::Send(length, Said::arbitrary(g)),
            4..7 => Self::Begin(length, u8::arbitrary(g).is_multiple_of(8), Said::arbitrary(g)),
            7..12 => Self::Part(usize::arbitrary(g) % 8, length, u8::arbitrary(g).is_multiple_of(3)),
            12 => Self::Abandon(usize::arbitrary(g) % 8),
            13..18 => Self::Take(u8::arbitrary(g)),
            18 if bool::arbitrary(g) => Self::Refuse,
            _ => Self::Pass(*g.choose(&[1, 2, 10]).expect("a choice")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Expired,
    Failed(SendFailure),
}

/// A message as the application gave it.
#[derive(Debug)]
struct Given {
    /// Its parts that were given, each with its content.
    parts: Vec<(MessageId, Bytes)>,
    ended: bool,
}

struct Scene {
    carrier: Carrier,
    machine: Machine,
    given: Vec<Given>,
    /// Those of which more may be given, as places in `given`.
    open: Vec<usize>,
    fates: BTreeMap<MessageId, Fate>,
    written: Vec<u8>,
    datagrams: Vec<Vec<u8>>,
    now: Time,
    end: Option<Result<(), ConnectionFailure>>,
}

impl Scene {
    fn new(carrier: Carrier) -> Self {
        let mut machine = Machine::new(Role::Accepted);
        let mut framers = Framers::new();
        match carrier {
            Carrier::Collected | Carrier::FramedDatagrams => {
                framers.add(LengthPrefix::new());
            }
            Carrier::Flowing => {
                framers.add(Lines::new().limit(u64::MAX));
            }
            Carrier::Datagrams => machine.keep_boundaries(),
            Carrier::Stream => {}
        }
        let below = if carrier == Carrier::FramedDatagrams { Below::Messages } else { Below::Stream };
        if let Some(framed) = framers.start(below) {
            machine.frame(framed);
        }
        Self {
            carrier,
            machine,
            given: Vec::new(),
            open: Vec::new(),
            fates: BTreeMap::new(),
            written: Vec::new(),
            datagrams: Vec::new(),
            now: Time::ZERO,
            end: None,
        }
    }

    /// Content that tells of which message it is.
    fn content(of: usize, length: usize) -> Bytes {
        vec![b'a' + (of % 26) as u8; length].into()
    }

    fn message(of: usize, length: usize, said: Said) -> Message {
        let mut properties = MessageProperties::new();
        properties.msg_priority = said.priority;
        properties.msg_lifetime =
            said.lifetime.map(|millis| Lifetime::Limited(Duration::from_millis(millis)));
        properties.is_final = said.last.then_some(true);
        Message::new(Self::content(of, length)).with_properties(&properties)
    }

    fn step(&mut self, step: &Step) {
        let of = self.given.len();
        match *step {
            Step::Send(length, said) => {
                let message = Self::message(of, length, said);
                let data = message.data.clone();
                if let Ok(queued) = self.machine.send(message, self.now) {
                    self.given.push(Given { parts: vec![(queued.id, data)], ended: true });
                }
            }
            Step::Begin(length, ends, said) => {
                let message = Self::message(of, length, said);
                let data = message.data.clone();
                if let Ok(queued) = self.machine.send_part(None, message, ends, self.now) {
                    self.given.push(Given { parts: vec![(queued.id, data)], ended: ends });
                    if !ends && queued.refused.is_none() {
                        self.open.push(of);
                    }
                }
            }
            Step::Part(which, length, ends) if !self.open.is_empty() => {
                let place = which % self.open.len();
                let of = self.open[place];
                let first = self.given[of].parts[0].0;
                let data = Self::content(of, length);
                let part = Message::new(data.clone());
                if let Ok(queued) = self.machine.send_part(Some(first), part, ends, self.now) {
                    self.given[of].parts.push((queued.id, data));
                }
                if ends {
                    self.given[of].ended = true;
                    self.open.remove(place);
                }
            }
            Step::Abandon(which) if !self.open.is_empty() => {
                let of = self.open.remove(which % self.open.len());
                self.machine.abandon(self.given[of].parts[0].0);
            }
            Step::Take(share) => self.take(share),
            Step::Refuse if matches!(self.carrier, Carrier::Datagrams | Carrier::FramedDatagrams) => {
                if self.machine.wants_write() {
                    self.machine.handle(Input::FrontRefused(SendFailure::TooLarge { limit: 7 }));
                }
            }
            Step::Pass(millis) => {
                self.now += Duration::from_millis(millis);
                self.machine.expire(self.now);
            }
            Step::Part(..) | Step::Abandon(_) | Step::Refuse => {}
        }
        self.drain();
    }

    fn take(&mut self, share: u8) {
        if !self.machine.wants_write() {
            return;
        }
        if matches!(self.carrier, Carrier::Datagrams | Carrier::FramedDatagrams) {
            let batch = match self.machine.framed() {
                Some(framed) => framed.front(),
                None => self.machine.outbox().front_batch(),
            };
            let batch = batch.expect("it wants to write");
            let count = 1 + (batch.count - 1) * usize::from(share) / 255;
            self.datagrams.extend(batch.messages().take(count).map(<[u8]>::to_vec));
            self.machine.handle(Input::FrontTaken(count));
            return;
        }
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = match self.machine.framed() {
            Some(framed) => framed.slices(&mut slices),
            None => self.machine.outbox().slices(&mut slices),
        };
        let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let taken = (offered.len() * usize::from(share)).div_ceil(255);
        self.written.extend_from_slice(&offered[..taken]);
        self.machine.handle(Input::Written(taken));
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll(true) {
            let Output::Event(event) = output else { continue };
            assert!(self.end.is_none(), "{event:?} after the end");
            match event {
                Event::Sent(ids) => {
                    for id in ids.start().0..=ids.end().0 {
                        self.fate(MessageId(id), Fate::Sent);
                    }
                }
                Event::Expired { id, message } => {
                    self.fate(id, Fate::Expired);
                    self.as_it_was_given(id, &message);
                }
                Event::SendError { id, message, reason } => {
                    self.fate(id, Fate::Failed(reason));
                    self.as_it_was_given(id, &message);
                }
                Event::Closed => self.end = Some(Ok(())),
                Event::ConnectionError(failure) => self.end = Some(Err(failure)),
                _ => {}
            }
        }
    }

    fn fate(&mut self, id: MessageId, fate: Fate) {
        let earlier = self.fates.insert(id, fate);
        assert_eq!(earlier, None, "{id:?} has two fates");
    }

    fn as_it_was_given(&self, id: MessageId, message: &Message) {
        let given = self.given.iter().flat_map(|given| &given.parts).find(|(part, _)| *part == id);
        // One that was refused at once is not in the list yet.
        assert!(given.is_none_or(|(_, data)| *data == message.data), "{id:?} comes back changed");
    }

    /// To the end: what can be sent is.
    fn close(&mut self) {
        self.machine.handle(Input::Close);
        self.drain();
        while self.machine.wants_write() {
            self.step(&Step::Take(255));
        }
        if self.machine.state() == State::Closing {
            assert!(self.machine.wants_acknowledgement(), "our end was sent: {:?}", self.machine);
            self.machine.handle(Input::Acknowledged);
            self.drain();
        }
        assert_eq!(self.machine.state(), State::Closed);
        assert!(self.machine.outbox().is_empty() && self.machine.outbox().pending() == 0);
    }

    fn judge(&self) {
        let of = |id: &MessageId| self.fates.get(id).unwrap_or_else(|| panic!("{id:?} has no fate"));
        let mut whole = Vec::new();
        let mut half = false;
        for (n, given) in self.given.iter().enumerate() {
            let fates: Vec<&Fate> = given.parts.iter().map(|(id, _)| of(id)).collect();
            let sent = fates.iter().take_while(|fate| ***fate == Fate::Sent).count();
            assert!(!fates[sent..].contains(&&Fate::Sent), "message {n} was sent with a hole: {fates:?}");
            if sent == fates.len() && given.ended {
                whole.push(n);
            } else if sent > 0 {
                half = true;
            }
        }
        let is_stream = matches!(self.carrier, Carrier::Stream | Carrier::Collected | Carrier::Flowing);
        if half {
            assert!(is_stream, "a datagram is sent whole or not at all");
            assert_eq!(self.end, Some(Err(ConnectionFailure::Incomplete)), "half a message was sent");
        }
        self.judge_arrivals(&whole);
    }

    /// Each message that was sent whole arrives as it is, in one piece.
    fn judge_arrivals(&self, whole: &[usize]) {
        let content = |n: &usize| -> Vec<u8> {
            self.given[*n].parts.iter().flat_map(|(_, data)| data.iter().copied()).collect()
        };
        let mut expected: Vec<Vec<u8>> = whole.iter().map(content).collect();
        let mut arrived = match self.carrier {
            Carrier::Datagrams => self.datagrams.clone(),
            Carrier::FramedDatagrams => {
                self.datagrams.iter().flat_map(|datagram| unprefixed(datagram)).collect()
            }
            Carrier::Collected => unprefixed(&self.written),
            Carrier::Flowing => {
                let mut lines: Vec<_> =
                    self.written.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                // What follows the last end of a line is half a message.
                lines.pop();
                lines
            }
            Carrier::Stream => {
                // Runs of one letter; empty messages leave none, and neighbours of one letter are one.
                expected.retain(|content| !content.is_empty());
                self.written.chunk_by(|a, b| a == b).map(<[u8]>::to_vec).collect()
            }
        };
        if self.end == Some(Ok(())) || self.carrier != Carrier::Stream {
            let total = |all: &[Vec<u8>]| all.iter().map(Vec::len).sum::<usize>();
            assert_eq!(total(&arrived), total(&expected), "more arrived than was sent, or less");
        }
        if self.carrier != Carrier::Stream {
            // Priorities change the order.
            expected.sort();
            arrived.sort();
            assert!(arrived == expected, "a message arrived as something else");
        } else if self.given.len() <= 26 && self.end == Some(Ok(())) {
            assert_eq!(arrived.len(), expected.len(), "a message was interrupted by another");
        }
    }
}

/// Messages after their lengths; what is incomplete at the end is left out.
fn unprefixed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>()
        && let Some((message, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)
    {
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}

fn whole_or_not_at_all(carrier: Carrier, steps: Vec<Step>) {
    let mut scene = Scene::new(carrier);
    steps.iter().for_each(|step| scene.step(step));
    scene.close();
    scene.judge();
}

#[test]
fn a_message_in_parts_is_sent_whole_or_the_rest_of_it_comes_back() {
    QuickCheck::new().tests(1_500).quickcheck(whole_or_not_at_all as fn(Carrier, Vec<Step>));
}

fn an_abort_leaves_nothing(carrier: Carrier, steps: Vec<Step>) {
    let mut scene = Scene::new(carrier);
    steps.iter().for_each(|step| scene.step(step));
    scene.machine.handle(Input::Abort);
    scene.drain();
    assert!(scene.end.is_some() && scene.machine.outbox().is_empty());
    let parts: usize = scene.given.iter().map(|given| given.parts.len()).sum();
    assert_eq!(scene.fates.len(), parts, "each part has one fate");
    assert_eq!(scene.machine.outbox().pending(), 0);
}

#[test]
fn an_abort_in_the_middle_gives_every_part_back_that_was_not_sent() {
    QuickCheck::new().tests(700).quickcheck(an_abort_leaves_nothing as fn(Carrier, Vec<Step>));
}
