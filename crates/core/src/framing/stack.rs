//! The machine that runs the framers of one connection.
//!
//! ```text
//!            send                       Received
//!              |                            ^
//!   +----------v----------------------------+---------+
//!   |  the framer added last                          |
//!   +----------+----------------------------^---------+
//!              v                            |             each starts when the one below it is ready,
//!             ...                          ...            each stops when the one above it has stopped
//!   +----------v----------------------------+---------+
//!   |  the framer added first                         |
//!   +----------+----------------------------^---------+
//!              v                            |
//!          Outgoing                      receive
//! ```
//!
//! How to drive it: [`start`](FramerStack::start) it; after that and after every input drain
//! [`poll`](FramerStack::poll) until it gives none, and only then feed it again; after each of these calls write what
//! is in the [`Outgoing`] they were given. Framers run in `poll`, as far as what they deliver is taken: whoever stops
//! polling stops them.
//!
//! What it guarantees: nothing is received before Ready, nothing follows Failed; every byte is in at most one part,
//! and parts of a message follow each other; it keeps no more than [`Limits`] say, and does not call a framer for ever
//! that gets nowhere. A framer's panic is its failure. There is no clock: whoever drives it bounds the waiting for
//! Ready and Closed.

use super::FramingFailure;
use super::framer::{Framer, Life};
use super::layer::{Layer, Outcome};
use super::outgoing::{Mark, Outgoing};
use super::passthrough::Passthrough;
use super::run::SentMessages;
use super::words::{Below, Limits, Output, Part};
use crate::message::{Chunk, Message, MessageContext};
use bytes::Bytes;
use std::collections::VecDeque;

/// The framers of one connection, and what is between them.
#[derive(Debug)]
pub struct FramerStack {
    /// The lowest first; there is one at least.
    layers: Vec<Layer>,
    below: Below,
    limits: Limits,
    /// What came and waits for its turn.
    queue: VecDeque<Part>,
    sending: Sending,
    peer: PeerEnd,
    ready: Telling,
    finished: Telling,
    closed: Telling,
    /// Why a message that came was thrown away.
    refused: Option<FramingFailure>,
    failed: Option<FramingFailure>,
    failure_told: bool,
}

/// The message that is being sent in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sending {
    /// There is none.
    None,
    /// Parts of it were taken; whether bytes of it were written.
    Begun { written: bool },
    /// It was refused: so are its other parts.
    Refused(FramingFailure),
}

/// The peer's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerEnd {
    Open,
    /// It has come, after what is in the queue.
    Come,
    /// The lowest framer has been told.
    Parsed,
}

/// Something that is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    NotYet,
    Due,
    Told,
}

impl Telling {
    fn fall_due(&mut self) {
        if *self == Self::NotYet {
            *self = Self::Due;
        }
    }

    /// Whether it is to be told now, the only time.
    fn take(&mut self) -> bool {
        let due = *self == Self::Due;
        if due {
            *self = Self::Told;
        }
        due
    }
}

impl FramerStack {
    /// The most framers that may be on top of each other.
    pub const DEEPEST: usize = 16;

    /// A stack of these framers, the lowest first. Without any everything passes as it is.
    pub fn new(framers: impl IntoIterator<Item = Box<dyn Framer>>, below: Below, limits: Limits) -> Self {
        let mut layers: Vec<_> = framers.into_iter().map(|framer| Layer::new(framer, limits)).collect();
        if layers.is_empty() {
            layers.push(Layer::new(Box::new(Passthrough), limits));
        }
        Self {
            layers,
            below,
            limits,
            queue: VecDeque::new(),
            sending: Sending::None,
            peer: PeerEnd::Open,
            ready: Telling::NotYet,
            finished: Telling::NotYet,
            closed: Telling::NotYet,
            refused: None,
            failed: None,
            failure_told: false,
        }
    }

    /// A stack that cannot be: it fails as soon as it is polled.
    pub(super) fn failing(below: Below, limits: Limits, failure: FramingFailure) -> Self {
        Self { failed: Some(failure), ..Self::new([], below, limits) }
    }

    /// Whether messages may be sent.
    pub fn is_ready(&self) -> bool {
        self.failed.is_none() && self.top() == Life::Ready
    }

    /// Whether every framer was ready at some time.
    pub fn was_ready(&self) -> bool {
        self.ready != Telling::NotYet
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.top() >= Life::Stopping
    }

    /// Whether every framer has stopped, or nobody waits for those that have not, though that may not have been told.
    pub fn is_stopped(&self) -> bool {
        self.closed != Telling::NotYet
    }

    /// Whether it has failed, though that may not have been told.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Why it has failed, though that may not have been told.
    pub fn failure(&self) -> Option<&FramingFailure> {
        self.failed.as_ref()
    }

    /// From now on so many bytes of a message that is not complete are delivered as a part; `None`: as
    /// [`Limits::whole`] says. Whether that is new.
    pub fn deliver_from(&mut self, length: Option<usize>) -> bool {
        let whole =
            length.map_or(self.limits.whole, |length| self.limits.whole.min(length.saturating_sub(1)));
        self.layers.last_mut().is_some_and(|top| top.inlet.limit_whole(whole))
    }

    /// How many bytes came that no framer has consumed yet.
    pub fn unparsed(&self) -> usize {
        let queued: usize = self.queue.iter().map(|part| part.data.len()).sum();
        queued + self.layers.iter().map(|layer| layer.inlet.available()).sum::<usize>()
    }

    /// How much memory it keeps for what came, in bytes.
    #[cfg(test)]
    fn memory(&self) -> usize {
        self.layers.iter().map(|layer| layer.inlet.memory()).sum()
    }

    // ---- by the application

    /// Frames a message, or the next part of one, into `out`; says how many bytes that made, which may be none. It
    /// is sent when the transport has taken them. RFC 9623 §6.2.
    ///
    /// *Errors*: why it was refused; `out` is as it was before. Should that leave half a message with the peer, the
    /// connection fails, which [`poll`](Self::poll) tells.
    pub fn send(
        &mut self,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
        out: &mut Outgoing,
    ) -> Result<usize, FramingFailure> {
        if !self.is_ready() {
            return Err(self.failed.clone().unwrap_or(FramingFailure::NotReady));
        }
        if let Sending::Refused(failure) = &self.sending {
            let failure = failure.clone();
            if end_of_message {
                self.sending = Sending::None;
            }
            return Err(failure);
        }
        let (mark, before) = (out.mark(), out.len());
        if let Err(failure) = self.push(self.layers.len(), data, context, end_of_message, out) {
            return Err(self.refuse_sent(*failure, end_of_message, mark, out));
        }
        if let Some(failure) = &self.failed {
            return Err(self.refuse_sent(failure.clone(), end_of_message, mark, out));
        }
        let written = out.len() - before;
        if !end_of_message {
            let before = self.sending == Sending::Begun { written: true };
            self.sending = Sending::Begun { written: written > 0 || before };
        } else if self.sending != Sending::None {
            self.sending = Sending::None;
        }
        Ok(written)
    }

    /// Frames as many of these whole messages as can be framed at once; the others go by [`send`](Self::send), one by
    /// one. To a byte stream.
    pub(crate) fn send_run(&mut self, messages: &mut SentMessages<'_>) {
        if !self.is_ready() || self.sending != Sending::None {
            return;
        }
        let Some((lowest, above)) = self.layers.split_first_mut() else { return };
        if lowest.is_passed_by() || !above.iter().all(Layer::is_passed_by) {
            return;
        }
        lowest.new_sent_messages(messages);
        // Of itself it can have said nothing else.
        if let Err(failure) = lowest.take_failure() {
            self.fail(0, *failure);
        }
    }

    /// The message that is being sent in parts will not go on, if there is one. Whether bytes of it were written: then
    /// the peer has half a message, and the connection has to end.
    pub fn abandon(&mut self) -> bool {
        let sending = std::mem::replace(&mut self.sending, Sending::None);
        if let Sending::Begun { .. } = sending {
            for layer in &mut self.layers {
                layer.abandon();
            }
        }
        sending == Sending::Begun { written: true }
    }

    /// The connection is closing, and everything was sent. `Closed` follows; until then messages may come. RFC 9623
    /// §6.1, `Stop`.
    pub fn stop(&mut self, out: &mut Outgoing) {
        if self.failed.is_none() {
            self.stop_below(self.layers.len(), out);
            self.stop_waiting();
        }
    }

    // ---- by the network

    /// There is a transport: the framers may begin. `Ready` follows. RFC 9623 §6.1, `Start`.
    pub fn start(&mut self, out: &mut Outgoing) {
        if self.failed.is_some() {
            // It cannot be.
        } else if self.layers.len() > Self::DEEPEST {
            self.fail(0, FramingFailure::TooDeep);
        } else if self.layers[0].life() == Life::Waiting {
            self.start_layer(0, out);
        }
    }

    /// Bytes came.
    pub fn receive(&mut self, data: Bytes) {
        self.receive_message(Message::new(data));
    }

    /// A message came; above a byte stream it is the next bytes.
    pub fn receive_message(&mut self, message: Message) {
        if self.failed.is_some() || self.peer != PeerEnd::Open {
            return;
        }
        if self.layers[0].life() == Life::Waiting {
            return self.fail(0, FramingFailure::NotReady);
        }
        self.queue.push_back(Part { end_of_message: self.below == Below::Messages, ..message.into() });
    }

    /// The peer's end came. `Finished` follows, or a failure if it came too early.
    pub fn finish(&mut self) {
        if self.failed.is_none() && self.peer == PeerEnd::Open {
            self.peer = PeerEnd::Come;
        }
    }

    // ---- what follows

    /// Takes out messages that were delivered already, as long as `more`, and the next is whole: the first one is, unless
    /// a part that did not end its message came before. The same as by [`poll`](Self::poll), for whoever takes many.
    #[inline]
    pub(crate) fn take_whole(&mut self, mut more: impl FnMut(Chunk) -> bool) {
        if self.ready == Telling::Due {
            return;
        }
        let Some(top) = self.layers.last_mut() else { return };
        while let Some(chunk) = top.inlet.take_whole() {
            if !more(chunk) {
                return;
            }
        }
    }

    /// What follows; `None` until it is fed again. What framers send meanwhile is in `out`.
    #[inline]
    pub fn poll(&mut self, out: &mut Outgoing) -> Option<Output> {
        if self.ready != Telling::Due
            && let Some(part) = self.layers.last_mut().and_then(|top| top.inlet.take_delivered())
        {
            return Some(Output::Received(part));
        }
        self.go_on(out)
    }

    /// Lets the framers go on until there is something to tell.
    fn go_on(&mut self, out: &mut Outgoing) -> Option<Output> {
        loop {
            if self.ready.take() {
                return Some(Output::Ready);
            }
            if let Some(part) = self.layers.last_mut().and_then(|top| top.inlet.take_delivered()) {
                return Some(Output::Received(part));
            }
            // The highest one first: what was delivered to it was delivered before what the others have.
            if (0..self.layers.len()).rev().any(|n| self.step(n, out)) {
                continue;
            }
            if let Some(failure) = self.refused.take() {
                self.layers.iter_mut().for_each(|layer| layer.inlet.reset());
                return Some(Output::ReceiveError(failure));
            }
            if !self.end(out) {
                return self.tell();
            }
        }
    }

    /// What is to be told when nothing is left to be parsed.
    fn tell(&mut self) -> Option<Output> {
        if self.failure_told {
            return None;
        }
        if let Some(failure) = self.failed.clone() {
            self.failure_told = true;
            return Some(Output::Failed(failure));
        }
        if self.finished.take() {
            return Some(Output::Finished);
        }
        self.closed.take().then_some(Output::Closed)
    }

    /// Lets a framer see what came for it; false if there is nothing.
    fn step(&mut self, n: usize, out: &mut Outgoing) -> bool {
        if !self.layers[n].inlet.is_due() {
            let next = match n.checked_sub(1) {
                Some(below) => self.layers[below].inlet.take_delivered(),
                None if self.refused.is_none() => self.queue.pop_front(),
                None => None,
            };
            let Some(part) = next else { return false };
            self.layers[n].feed(part);
        }
        let outcome = self.layers[n].turn(lowest(n, out));
        self.heed(n, out);
        if let Err(failure) = outcome {
            self.give_up(n, *failure);
        }
        true
    }

    /// What is done when everything that came was parsed; false if nothing is.
    fn end(&mut self, out: &mut Outgoing) -> bool {
        if self.failed.is_some() {
            return false;
        }
        match self.peer {
            PeerEnd::Open => return false,
            PeerEnd::Come => {
                self.peer = PeerEnd::Parsed;
                // Above messages the end belongs to none.
                if self.below == Below::Stream && self.layers[0].feed_end() {
                    self.step(0, out);
                }
            }
            PeerEnd::Parsed if self.finished != Telling::NotYet => return false,
            PeerEnd::Parsed => {
                let amid = self.layers.iter().any(Layer::is_amid);
                if amid || self.top() < Life::Ready {
                    self.fail(self.layers.len() - 1, FramingFailure::Truncated);
                } else {
                    self.finished = Telling::Due;
                    self.stop_waiting();
                }
            }
        }
        true
    }
}

/// What must not happen, and what follows if it does.
impl FramerStack {
    /// A framer could make nothing of what came.
    fn give_up(&mut self, n: usize, failure: FramingFailure) {
        match self.below {
            Below::Stream => self.fail(n, failure),
            Below::Messages => {
                self.discard(n);
                self.refused.get_or_insert(failure);
            }
        }
    }

    /// The connection fails, with what came for this framer and those below it. Those above it see what was delivered
    /// to them before.
    fn fail(&mut self, n: usize, failure: FramingFailure) {
        self.failed.get_or_insert(failure);
        self.queue.clear();
        if self.ready == Telling::NotYet {
            self.layers.iter_mut().for_each(|layer| layer.inlet.clear());
        } else {
            self.discard(n);
        }
    }

    fn discard(&mut self, n: usize) {
        self.layers[..n].iter_mut().for_each(|layer| layer.inlet.clear());
        self.layers[n].inlet.reset();
    }

    /// A message, or a part of one, is not sent.
    #[cold]
    fn refuse_sent(
        &mut self,
        failure: FramingFailure,
        end_of_message: bool,
        mark: Mark,
        out: &mut Outgoing,
    ) -> FramingFailure {
        out.roll_back(mark);
        if self.sending == (Sending::Begun { written: true }) {
            self.fail(0, failure.clone());
        }
        for layer in &mut self.layers {
            layer.abandon();
        }
        self.sending = if end_of_message { Sending::None } else { Sending::Refused(failure.clone()) };
        failure
    }
}

/// The way down, and the life of the framers.
impl FramerStack {
    /// Sends something to the framers below `n`.
    fn push(
        &mut self,
        n: usize,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
        out: &mut Outgoing,
    ) -> Outcome {
        let Some(n) = n.checked_sub(1) else {
            out.put_bytes(data, context);
            if end_of_message {
                out.end_message(context);
            }
            return Ok(());
        };
        let layer = &mut self.layers[n];
        if layer.is_passed_by() {
            return self.push(n, data, context, end_of_message, out);
        }
        let outcome = layer.new_sent_message(lowest(n, out), data, context, end_of_message);
        let said = layer.control.said;
        if n > 0 && outcome.is_ok() {
            self.push_down(n, out)?;
        }
        if said {
            self.heed(n, out);
        }
        outcome
    }

    /// Passes on what a framer has sent to the one below it.
    fn push_down(&mut self, n: usize, out: &mut Outgoing) -> Outcome {
        while let Some(Part { data, context, end_of_message }) = self.layers[n].down.pop_part() {
            self.push(n, &data, &context, end_of_message, out)?;
        }
        Ok(())
    }

    /// Does what a framer has said in a call.
    fn heed(&mut self, n: usize, out: &mut Outgoing) {
        if n == 0 && !self.layers[n].control.said {
            return;
        }
        let said = self.push_down(n, out).and_then(|()| self.layers[n].take_failure());
        if let Err(failure) = said {
            return self.fail(n, *failure);
        }
        if let Some(other) = self.layers[n].control.prepended.take() {
            if self.layers.len() >= Self::DEEPEST {
                return self.fail(n, FramingFailure::TooDeep);
            }
            self.layers.insert(n + 1, Layer::new(other, self.limits));
        }
        match self.layers[n].life() {
            Life::Ready if n + 1 == self.layers.len() => self.ready.fall_due(),
            Life::Ready if self.layers[n + 1].life() == Life::Waiting => self.start_layer(n + 1, out),
            Life::Stopped => self.stop_below(n, out),
            _ => {}
        }
    }

    fn start_layer(&mut self, n: usize, out: &mut Outgoing) {
        let outcome = self.layers[n].start(lowest(n, out));
        self.heed(n, out);
        if let Err(failure) = outcome {
            self.fail(n, *failure);
        }
    }

    /// Stops the framers below `n`, the highest first.
    fn stop_below(&mut self, n: usize, out: &mut Outgoing) {
        let Some(n) = n.checked_sub(1) else { return self.closed.fall_due() };
        let outcome = self.layers[n].stop(lowest(n, out));
        self.heed(n, out);
        if let Err(failure) = outcome {
            self.fail(n, *failure);
        }
    }

    /// After the peer's end nobody answers a framer that has not stopped yet.
    fn stop_waiting(&mut self) {
        if self.finished != Telling::NotYet && self.top() >= Life::Stopping {
            self.closed.fall_due();
        }
    }

    /// Where the highest framer is in its life, and so the stack.
    fn top(&self) -> Life {
        self.layers.last().map_or(Life::Waiting, Layer::life)
    }
}

/// Where a framer writes to: the lowest one to the transport, the others to the one below them.
fn lowest(n: usize, out: &mut Outgoing) -> Option<&mut Outgoing> {
    (n == 0).then_some(out)
}

#[cfg(test)]
mod tests;
