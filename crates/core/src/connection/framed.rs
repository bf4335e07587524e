//! The framers of a connection, between its two queues and its transport.
//!
//! ```text
//!   Outbox ──lift──▶ FramerStack ──▶ Outgoing ──▶ transport      the ledger: whose bytes are in Outgoing
//!   Inbox  ◀──────── FramerStack ◀────────────── transport
//! ```
//!
//! What waits, waits in the outbox, where priorities and lifetimes work and whence everything can be given back; no more
//! than about [`Framed::AHEAD`] bytes are framed ahead of the transport. Framers run as far as somebody asks for
//! messages, or they have something to settle among themselves.

use super::outbox::{Batch, Lifted, Outbox, Run};
use crate::failure::SendFailure;
use crate::framing::run::Framed as FramedSpan;
use crate::framing::{Below, FramerStack, FramingFailure, Outgoing, Output, SentMessages};
use crate::message::{Chunk, Message, MessageContext, MessageId, Messages};
use crate::time::Time;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::time::Duration;

mod ledger;

use ledger::{Entry, Ledger};

/// The framers of one connection, and what they have written.
#[derive(Debug)]
pub struct Framed {
    stack: FramerStack,
    below: Below,
    out: Outgoing,
    /// For message transports: the messages in `out` that are complete.
    packets: VecDeque<Message>,
    /// Bytes in `packets`.
    packed: usize,
    /// Messages that are framed, and that the transport has not taken whole.
    ledger: Ledger,
    /// What was made of the messages that were framed together last; here to be used again.
    spans: Vec<FramedSpan>,
    /// How many bytes (on message transports: messages) were framed, ever.
    made: u64,
    /// How many of these the transport has taken.
    taken: u64,
    /// The stack has nothing to say until it is fed again.
    is_drained: bool,
    /// The peer has sent its end.
    has_peer_finished: bool,
    stopping: Stopping,
}

/// How far the framers are with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// They were told to, or are to become ready first.
    Begun {
        until: Option<Time>,
    },
    /// Nobody waits for them any longer.
    Abandoned,
}

/// What became of the messages that were framed.
pub(super) enum Fate {
    /// These were taken whole; whether the last of them was the final one.
    Sent(RangeInclusive<MessageId>, bool),
    Refused(MessageId, Message, SendFailure),
}

impl Framed {
    /// How many bytes may be framed ahead of the transport, one message aside.
    pub const AHEAD: usize = 64 * 1024;

    /// The same in messages, which may be empty.
    const MESSAGES_AHEAD: usize = 1024;

    /// For so many bytes of small messages room is made at once.
    const MANY: usize = 4 * 1024;

    /// Nobody waits longer for framers: to stop, or to become ready when the connection is closing already.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// These framers, which have not been started, above a transport of this kind.
    pub fn new(stack: FramerStack, below: Below) -> Self {
        Self {
            stack,
            below,
            out: Outgoing::new(below),
            packets: VecDeque::new(),
            packed: 0,
            ledger: Ledger::default(),
            spans: Vec::new(),
            made: 0,
            taken: 0,
            is_drained: true,
            has_peer_finished: false,
            stopping: Stopping::No,
        }
    }

    /// Whether the transport below keeps boundaries.
    pub fn keeps_boundaries(&self) -> bool {
        self.below == Below::Messages
    }

    /// There is a transport.
    pub fn start(&mut self) {
        self.stack.start(&mut self.out);
        self.fed();
    }

    /// Lets the framers go on until they are ready. `None`: something has to come first.
    ///
    /// *Errors*: why they will not be.
    pub fn poll_ready(&mut self) -> Option<Result<(), FramingFailure>> {
        loop {
            match self.poll()? {
                Output::Ready => return Some(Ok(())),
                Output::Failed(failure) => return Some(Err(failure)),
                Output::Finished | Output::Closed => return Some(Err(FramingFailure::Truncated)),
                // Nothing is received before Ready; a packet that makes no sense costs itself alone.
                Output::Received(_) | Output::ReceiveError(_) => {}
            }
        }
    }

    /// Whether the framers were ready at some time.
    pub fn was_ready(&self) -> bool {
        self.stack.was_ready()
    }

    // ---- to the transport

    /// Whether there is something to write.
    pub fn has_output(&self) -> bool {
        match self.below {
            Below::Stream => !self.out.is_empty(),
            Below::Messages => !self.packets.is_empty(),
        }
    }

    /// For byte streams: fills `slices` with what is to be written next; how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.out.slices(slices)
    }

    /// For message transports: the message to be handed over next.
    pub fn front(&self) -> Option<Batch<'_>> {
        self.packets.front().map(Batch::from)
    }

    /// The transport has taken so many bytes.
    pub fn written(&mut self, bytes: usize) {
        self.out.advance(bytes);
        self.taken += bytes as u64;
    }

    /// The transport has taken so many messages.
    pub fn front_taken(&mut self, count: usize) {
        let count = count.min(self.packets.len());
        self.packed -= self.packets.drain(..count).map(|packet| packet.len()).sum::<usize>();
        self.taken += count as u64;
    }

    // ---- from the transport

    /// This came.
    pub fn arrived(&mut self, messages: Messages) {
        for message in messages {
            self.stack.receive_message(message);
        }
        self.fed();
    }

    /// The peer's end came.
    pub fn peer_finished(&mut self) {
        self.has_peer_finished = true;
        self.stack.finish();
        self.fed();
    }

    /// The peer's end came, and nobody is interested in what came before.
    pub(super) fn peer_gone(&mut self) {
        self.has_peer_finished = true;
    }

    /// Whether more may be read: it has made all it can of what has come, and the peer has not finished.
    pub fn wants_read(&self) -> bool {
        self.is_drained && !self.has_peer_finished
    }

    /// Whether the peer has sent its end.
    pub fn has_peer_finished(&self) -> bool {
        self.has_peer_finished
    }

    // ---- for the machine

    /// Whether the stack may have something to say.
    pub(super) fn is_due(&self) -> bool {
        !self.is_drained
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        let output = self.stack.poll(&mut self.out);
        self.is_drained = output.is_none();
        self.note_output();
        output
    }

    /// Takes whole messages that came already: as [`FramerStack::take_whole`].
    pub(super) fn take_whole(&mut self, more: impl FnMut(Chunk) -> bool) {
        self.stack.take_whole(more);
    }

    /// Whoever asks next is content with so much of a message; `None`: it wants all of it.
    pub(super) fn deliver_from(&mut self, enough: Option<usize>) {
        if self.stack.deliver_from(enough) {
            self.fed();
        }
    }

    /// Frames what is queued, as far as it is to be framed now. What becomes of it at once goes to `told`.
    pub(super) fn frame(&mut self, outbox: &mut Outbox, mut told: impl FnMut(Fate)) {
        if !self.stack.is_ready() {
            return;
        }
        while !self.is_ahead() {
            if self.below == Below::Stream && self.frame_run(outbox) {
                continue;
            }
            let Some(lifted) = outbox.lift() else { break };
            self.frame_one(outbox, lifted, &mut told);
        }
        self.settle(outbox, told);
    }

    /// Frames the next small messages, as many as go together; false if none does.
    fn frame_run(&mut self, outbox: &mut Outbox) -> bool {
        let Some(bytes) = outbox.first_run().map(Run::len) else { return false };
        if bytes >= Self::MANY {
            let room = (bytes + bytes / 8).min(Self::AHEAD.saturating_sub(self.out.len()) + Self::MANY);
            self.out.make_room(room, || outbox.reclaim());
        }
        let Some(run) = outbox.first_run() else { return false };
        let mut whole_context = None;
        let context = match run.context() {
            Some(said) => {
                let merged = whole_context.insert(said.clone());
                merged.properties = said.properties.or(outbox.usual());
                &*merged
            }
            None => &*whole_context.insert(MessageContext::from(*outbox.usual())),
        };
        let most = Self::MESSAGES_AHEAD.saturating_sub(self.ledger.waiting());
        let bounds = (Self::AHEAD, most);
        let mut messages = SentMessages::new(run.messages(), context, &mut self.out, bounds, &mut self.spans);
        self.stack.send_run(&mut messages);
        let any = !self.spans.is_empty();
        if any {
            let said = run.context().cloned().map(Box::new);
            let (count, bytes) =
                self.spans.iter().fold((0, 0), |(n, b), span| (n + span.count, b + span.count * span.size));
            let data = outbox.lift_run(count, bytes);
            self.made = self.ledger.push_run(self.made, data, said.as_deref(), self.spans.drain(..));
        }
        any
    }

    fn frame_one(&mut self, outbox: &mut Outbox, lifted: Lifted, told: &mut dyn FnMut(Fate)) {
        let Lifted { id, message, of, ends } = lifted;
        let start = self.made;
        let Message { data, context } = &message;
        let sent = if context.properties.or(outbox.usual()) == context.properties {
            self.stack.send(data, context, ends, &mut self.out)
        } else {
            let mut context = context.clone();
            context.properties = context.properties.or(outbox.usual());
            self.stack.send(data, &context, ends, &mut self.out)
        };
        self.note_output();
        match sent {
            Ok(_) => {
                let is_kept = !ends && self.made == start;
                let end = (!is_kept).then_some(self.made);
                if is_kept {
                    outbox.set_aside(&message);
                } else {
                    self.ledger.made_of_kept(outbox, start, self.made);
                }
                self.ledger.push(Entry { id, of, message, start, end });
            }
            Err(reason) => {
                let reason = SendFailure::Framing(reason);
                let mut told = |id, message| told(Fate::Refused(id, message, reason.clone()));
                self.ledger.give_back_kept(outbox, &mut told);
                outbox.settle(&message);
                let is_final = message.is_final();
                told(id, message);
                if !ends {
                    self.stack.abandon();
                    outbox.give_up(of, reason.clone(), told);
                } else if is_final {
                    outbox.reopen();
                }
            }
        }
    }

    /// The message that is being framed in parts does not go on: what was kept of it comes back. Whether the peer has
    /// half of it, or will have.
    pub(super) fn abandon(&mut self, outbox: &mut Outbox, mut back: impl FnMut(MessageId, Message)) -> bool {
        self.ledger.give_back_kept(outbox, &mut back);
        self.stack.abandon()
    }

    /// Tells of the messages that the transport has taken whole.
    pub(super) fn settle(&mut self, outbox: &mut Outbox, mut told: impl FnMut(Fate)) {
        self.ledger.settle(self.taken, outbox, |ids, is_final| told(Fate::Sent(ids, is_final)));
        if self.ledger.is_empty() && self.out.is_empty() {
            self.out.release().into_iter().for_each(|buffer| outbox.lend(buffer));
        }
    }

    /// The transport would not take the packet at the front: the message it belongs to is not sent, with the rest of
    /// its packets.
    ///
    /// *Errors*: it was a framer's own, without which nothing goes on.
    pub(super) fn front_refused(
        &mut self,
        outbox: &mut Outbox,
        reason: &SendFailure,
        mut refused: impl FnMut(MessageId, Message),
    ) -> Result<(), FramingFailure> {
        if self.packets.is_empty() {
            return Ok(());
        }
        let owner = self.ledger.owner(self.taken);
        let Some((of, end)) = owner else {
            return Err(FramingFailure::other(format!("what a framer sent was refused: {reason}")));
        };
        self.front_taken((end - self.taken) as usize);
        let is_final = self.ledger.refuse(of, outbox, &mut refused);
        if is_final {
            outbox.reopen();
        }
        Ok(())
    }

    /// Gives back every message that was framed and not taken whole.
    pub(super) fn give_back(&mut self, outbox: &mut Outbox, refused: impl FnMut(MessageId, Message)) {
        self.ledger.give_back(outbox, refused);
    }

    /// Everything was sent, or will not be: the framers are to stop, once. Whether they are done, or nobody waits for
    /// them.
    pub(super) fn stop(&mut self) -> bool {
        if !self.stack.is_stopping() && !self.stack.has_failed() {
            self.stopping = Stopping::Begun { until: None };
            self.stack.stop(&mut self.out);
            self.note_output();
            self.fed();
        }
        let done = self.stack.is_stopped() || self.stack.has_failed() || self.has_peer_finished;
        (done || self.stopping == Stopping::Abandoned) && !self.has_output()
    }

    /// The connection is closing: nobody waits for long until the framers are ready.
    pub(super) fn hurry(&mut self) {
        if self.stopping == Stopping::No && !self.was_ready() {
            self.stopping = Stopping::Begun { until: None };
        }
    }

    /// When it is to be told the time.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self.stopping {
            Stopping::Begun { until } => Some(until.unwrap_or(Time::ZERO)),
            Stopping::No | Stopping::Abandoned => None,
        }
    }

    /// It is this late; whether patience has run out now.
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let Stopping::Begun { until } = &mut self.stopping else { return false };
        let over = now >= *until.get_or_insert(now + Self::PATIENCE);
        if over {
            self.stopping = Stopping::Abandoned;
        }
        over
    }

    /// Nothing is to come of it any more but what was framed already.
    pub(super) fn has_failed(&self) -> bool {
        self.stack.has_failed()
    }

    pub(super) fn failure(&self) -> Option<FramingFailure> {
        self.stack.failure().cloned()
    }

    fn fed(&mut self) {
        self.is_drained = false;
        self.note_output();
    }

    /// Whether enough waits for the transport.
    fn is_ahead(&self) -> bool {
        self.out.len() + self.packed >= Self::AHEAD || self.ledger.waiting() >= Self::MESSAGES_AHEAD
    }

    /// Counts what was written.
    fn note_output(&mut self) {
        match self.below {
            Below::Stream => self.made = self.taken + self.out.len() as u64,
            Below::Messages => {
                while let Some(packet) = self.out.pop_message() {
                    self.packed += packet.len();
                    self.packets.push_back(packet);
                    self.made += 1;
                }
            }
        }
    }
}
