//! What has come for one framer, and what it makes of it.

use super::FramingFailure;
use super::run::Found;
use super::words::{Limits, Part};
use crate::message::{Chunk, Message, MessageContext, Run};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::BufRead;

/// The unconsumed bytes of the message below, a cursor at their beginning, and what was delivered.
///
/// They are in two pieces: the one that has just come, which is cut up without copying, and before it the joint, which
/// holds what earlier pieces left over. Between two pieces everything is in the joint, which is memory of its own: a
/// few bytes that wait for the rest of their message keep no read buffer alive.
#[derive(Debug)]
pub(super) struct Inlet {
    limits: Limits,
    joint: BytesMut,
    piece: Bytes,
    /// Of the message below.
    context: MessageContext,
    /// Whether the message below ends with the piece.
    end: bool,
    /// Whether its framer should be called.
    due: bool,
    /// What is to become of the bytes from the cursor on, although they may not have come yet; in their order.
    earmarks: VecDeque<Earmark>,
    /// A byte that was looked for, and how many bytes from the cursor on are none.
    searched: (u8, usize),
    /// How often the framer has called since something came or was consumed.
    idle: u32,
    /// How many bytes of its own the framer has delivered in this turn.
    made: usize,
    delivered: VecDeque<Delivered>,
    /// How many messages and parts of messages that are.
    waiting: usize,
    /// Whether the last part that was delivered did not end its message.
    open: bool,
    failure: Option<FramingFailure>,
}

#[derive(Debug)]
enum Delivered {
    Part(Part),
    /// Whole messages; there is one at least.
    Run(Run),
}

#[derive(Debug)]
struct Earmark {
    left: u64,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    Discarded,
    Delivered {
        context: MessageContext,
        end_of_message: bool,
        /// Whether a part of it was delivered already.
        begun: bool,
    },
}

/// What is there to be parsed (RFC 9623 §6.3, `Parse`).
#[derive(Clone, Copy, Debug)]
pub struct Parsed<'a> {
    /// The next bytes.
    pub data: &'a [u8],
    /// What is said of the message below, which they are part of.
    pub context: &'a MessageContext,
    /// Whether the message below ends with these bytes. On a byte stream: whether the peer's end follows them.
    pub end_of_message: bool,
}

impl Inlet {
    /// How many calls that consume nothing are taken for a loop.
    const STUCK: u32 = 1 << 16;

    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            joint: BytesMut::new(),
            piece: Bytes::new(),
            context: MessageContext::default(),
            end: false,
            due: false,
            earmarks: VecDeque::new(),
            searched: (0, 0),
            idle: 0,
            made: 0,
            delivered: VecDeque::new(),
            waiting: 0,
            open: false,
            failure: None,
        }
    }

    // ---- for the stack

    /// Brings the next piece.
    pub(super) fn feed(&mut self, part: Part) {
        self.stash();
        self.piece = part.data;
        self.context = part.context;
        // That it is the last one is not said of each message in it.
        self.context.properties.is_final = None;
        self.end = part.end_of_message;
        self.due = true;
        self.idle = 0;
        self.fulfil();
    }

    /// The message below ends with what was brought already.
    pub(super) fn feed_end(&mut self) {
        self.end = true;
        self.due = true;
        self.idle = 0;
    }

    /// Whether its framer should be called.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// Begins a turn: whether there is something to call its framer for.
    pub(super) fn begin_turn(&mut self) -> bool {
        self.due = false;
        self.made = 0;
        self.earmarks.is_empty() && (self.end || self.available() > 0)
    }

    /// Its framer was called. If that got it on, and something is left, it is due again.
    ///
    /// *Errors*: what the framer did wrong; or the message below has ended, and something is left; or more is left
    /// than may be.
    pub(super) fn settle(&mut self) -> Result<(), FramingFailure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.due &= self.available() > 0 && self.earmarks.is_empty();
        if self.due {
            return Ok(());
        }
        if self.end {
            if self.is_amid() {
                return Err(FramingFailure::Truncated);
            }
            self.end = false;
            self.piece = Bytes::new();
            return Ok(());
        }
        self.stash();
        if self.earmarks.is_empty() && self.joint.len() > self.limits.unparsed {
            return Err(FramingFailure::Unparsed { limit: self.limits.unparsed });
        }
        Ok(())
    }

    /// From now on a message whose length is known and no longer than this is delivered whole. Whether that is new.
    pub(super) fn limit_whole(&mut self, whole: usize) -> bool {
        let new = self.limits.whole != whole;
        if new {
            self.limits.whole = whole;
            self.fulfil();
        }
        new
    }

    /// Whether something has come of which nothing was made, or something has to come.
    pub(super) fn is_amid(&self) -> bool {
        self.available() > 0 || !self.earmarks.is_empty()
    }

    /// Whether a message was delivered in part only.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Passes on as it is what has come and was neither consumed nor earmarked.
    pub(super) fn pass_rest(&mut self) {
        self.due = false;
        if !self.earmarks.is_empty() {
            return;
        }
        let end = std::mem::take(&mut self.end);
        let joint = std::mem::take(&mut self.joint).freeze();
        let piece = std::mem::take(&mut self.piece);
        for data in [joint, piece] {
            if !data.is_empty() {
                self.deliver(self.context.clone(), data, false);
            }
        }
        if end && self.open {
            self.deliver(self.context.clone(), Bytes::new(), true);
        }
    }

    /// Passes on as it is what comes.
    pub(super) fn pass(&mut self, part: Part) {
        self.put(part);
    }

    /// Throws away what has come and was not delivered.
    pub(super) fn reset(&mut self) {
        self.joint = BytesMut::new();
        self.piece = Bytes::new();
        self.end = false;
        self.due = false;
        self.earmarks.clear();
        self.searched.1 = 0;
        self.open = false;
        self.failure = None;
    }

    /// Throws away what was delivered, too.
    pub(super) fn clear(&mut self) {
        self.reset();
        self.delivered.clear();
        self.waiting = 0;
    }

    /// The next part that was delivered.
    #[inline]
    pub(super) fn take_delivered(&mut self) -> Option<Part> {
        let Delivered::Run(run) = self.delivered.front_mut()? else {
            let Some(Delivered::Part(part)) = self.delivered.pop_front() else { return None };
            self.waiting -= 1;
            return Some(part);
        };
        let next = run.pop();
        if run.len() == 0 {
            self.delivered.pop_front();
        }
        self.waiting -= 1;
        next.map(Part::from)
    }

    /// The next whole messages, unless a part that does not end its message comes before.
    #[inline]
    pub(super) fn take_whole(&mut self) -> Option<Chunk> {
        match self.delivered.front()? {
            Delivered::Part(Part { end_of_message: false, .. }) => return None,
            Delivered::Part(_) | Delivered::Run(_) => {}
        }
        let whole = match self.delivered.pop_front()? {
            Delivered::Part(Part { data, context, .. }) => Chunk::One(Message { data, context }),
            Delivered::Run(run) => Chunk::Run(run),
        };
        self.waiting -= whole.len();
        Some(whole)
    }

    /// How much memory is kept for what came.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.joint.capacity() + self.piece.len()
    }

    // ---- for the framer

    pub(super) fn fail(&mut self, failure: FramingFailure) {
        self.failure.get_or_insert(failure);
    }

    #[inline]
    pub(super) fn context(&self) -> MessageContext {
        self.context.clone()
    }

    #[inline]
    pub(super) fn available(&self) -> usize {
        self.joint.len() + self.piece.len()
    }

    #[inline]
    pub(super) fn parse(&mut self, min: usize, max: usize) -> Option<Parsed<'_>> {
        if !self.may_go_on() || self.available() < min {
            return None;
        }
        let max = max.max(min);
        let data = if self.joint.is_empty() {
            &self.piece[..max.min(self.piece.len())]
        } else {
            if self.joint.len() < min {
                self.join(max);
            }
            &self.joint[..max.min(self.joint.len())]
        };
        let end_of_message = self.end && data.len() == self.joint.len() + self.piece.len();
        Some(Parsed { data, context: &self.context, end_of_message })
    }

    pub(super) fn find(&mut self, byte: u8) -> Option<usize> {
        if !self.may_go_on() {
            return None;
        }
        let from = if self.searched.0 == byte { self.searched.1 } else { 0 };
        let joint = self.joint.len();
        let found = match self.joint.get(from..).and_then(|rest| position(rest, byte)) {
            Some(at) => Some(from + at),
            None => {
                let skipped = from.saturating_sub(joint);
                position(&self.piece[skipped..], byte).map(|at| joint + skipped + at)
            }
        };
        self.searched = (byte, found.unwrap_or_else(|| self.available()));
        found
    }

    #[inline]
    pub(super) fn advance(&mut self, length: u64) {
        match usize::try_from(length) {
            Ok(length) if self.earmarks.is_empty() && length <= self.available() => self.skip(length),
            _ => self.earmark(length, Fate::Discarded),
        }
    }

    #[inline]
    pub(super) fn deliver_and_advance(&mut self, context: MessageContext, length: u64, end_of_message: bool) {
        match usize::try_from(length) {
            Ok(length) if self.earmarks.is_empty() && length <= self.available() => {
                let data = self.take(length);
                self.deliver(context, data, end_of_message);
            }
            _ => self.earmark(length, Fate::Delivered { context, end_of_message, begun: false }),
        }
    }

    pub(super) fn deliver_own(&mut self, context: MessageContext, data: Bytes, end_of_message: bool) {
        self.made = self.made.saturating_add(data.len());
        self.due = true;
        self.deliver(context, data, end_of_message);
    }

    #[inline]
    fn deliver(&mut self, context: MessageContext, data: Bytes, end_of_message: bool) {
        // Empty messages consume nothing.
        self.idle += 1;
        if self.idle > Self::STUCK {
            self.fail(FramingFailure::Stuck);
        } else if self.failure.is_none() {
            self.put(Part { data, context, end_of_message });
        }
    }

    #[inline]
    fn put(&mut self, part: Part) {
        self.open = !part.end_of_message;
        self.waiting += 1;
        self.delivered.push_back(Delivered::Part(part));
    }

    /// Delivers messages that have come whole, one after the other, as long as `find` finds the next one in what
    /// follows.
    #[inline]
    pub(super) fn deliver_run(
        &mut self,
        context: impl FnOnce() -> MessageContext,
        mut find: impl FnMut(&[u8]) -> Option<Found>,
    ) {
        // What is in two pieces, or continues a message, takes the other way.
        let straight = self.joint.is_empty() && !self.piece.is_empty() && !self.open;
        if !straight || !self.may_go_on() {
            return;
        }
        let (mut at, mut most) = (0, self.limits.batch - self.waiting);
        let mut run = None;
        let mut context = Some(context);
        while most > 0
            && let Some(Found { before, length, after }) = find(&self.piece[at..])
            && let Some(all) = before.checked_add(length).and_then(|all| all.checked_add(after))
            && all > 0
            && all <= self.piece.len() - at
        {
            if let Some(context) = context.take() {
                run = Run::new(self.piece.clone(), context());
            }
            let Some(run) = &mut run else { break };
            run.push(at + before, length);
            at += all;
            most -= 1;
        }
        if let Some(run) = run {
            self.skip(at);
            self.waiting += run.len();
            self.delivered.push_back(Delivered::Run(run));
        }
    }

    /// Whether the framer may look at what is there, or should return.
    #[inline]
    fn may_go_on(&mut self) -> bool {
        self.idle += 1;
        if self.idle > Self::STUCK {
            self.fail(FramingFailure::Stuck);
        }
        self.failure.is_none()
            && self.earmarks.is_empty()
            && self.waiting < self.limits.batch
            && self.made <= self.limits.unparsed
    }

    #[cold]
    fn earmark(&mut self, length: u64, fate: Fate) {
        self.idle += 1;
        if self.idle > Self::STUCK {
            return self.fail(FramingFailure::Stuck);
        }
        self.earmarks.push_back(Earmark { left: length, fate });
        self.fulfil();
    }

    /// Gives what has come to those who have earmarked it.
    fn fulfil(&mut self) {
        while let Some(Earmark { left, fate }) = self.earmarks.pop_front() {
            let here = self.available();
            let length = usize::try_from(left).unwrap_or(usize::MAX);
            match fate {
                Fate::Discarded => self.skip(length.min(here)),
                Fate::Delivered { context, end_of_message, .. } if length <= here => {
                    let data = self.take(length);
                    self.deliver(context, data, end_of_message);
                }
                Fate::Delivered { begun: false, .. } if length <= self.limits.whole => {
                    return self.earmarks.push_front(Earmark { left, fate });
                }
                Fate::Delivered { context, end_of_message, .. } => {
                    let joint = self.take(self.joint.len());
                    let piece = self.take(self.piece.len());
                    for data in [joint, piece] {
                        if !data.is_empty() {
                            self.deliver(context.clone(), data, false);
                        }
                    }
                    let fate = Fate::Delivered { context, end_of_message, begun: true };
                    return self.earmarks.push_front(Earmark { left: left - here as u64, fate });
                }
            }
            if length > here {
                return self.earmarks.push_front(Earmark { left: left - here as u64, fate: Fate::Discarded });
            }
        }
    }

    /// Consumes what has come.
    #[inline]
    fn skip(&mut self, length: usize) {
        if self.joint.is_empty() {
            self.piece.advance(length);
        } else {
            self.skip_joined(length);
        }
        self.moved(length);
    }

    #[cold]
    fn skip_joined(&mut self, length: usize) {
        let joint = length.min(self.joint.len());
        if joint == self.joint.len() {
            self.joint = BytesMut::new();
        } else {
            self.joint.advance(joint);
        }
        self.piece.advance(length - joint);
    }

    /// Consumes what has come, and gives it in one piece.
    #[inline]
    fn take(&mut self, length: usize) -> Bytes {
        let data = if self.joint.is_empty() { self.piece.split_to(length) } else { self.take_joined(length) };
        self.moved(length);
        data
    }

    #[cold]
    fn take_joined(&mut self, length: usize) -> Bytes {
        self.join(length);
        if length == self.joint.len() {
            std::mem::take(&mut self.joint).freeze()
        } else {
            self.joint.split_to(length).freeze()
        }
    }

    #[inline]
    fn moved(&mut self, length: usize) {
        if length > 0 {
            self.idle = 0;
            self.due = true;
            self.searched.1 = self.searched.1.saturating_sub(length);
        }
    }

    /// Lengthens the joint to so many bytes, or to all there are.
    fn join(&mut self, length: usize) {
        let missing = length.saturating_sub(self.joint.len()).min(self.piece.len());
        self.joint.extend_from_slice(&self.piece[..missing]);
        self.piece.advance(missing);
    }

    /// Lets go of the piece.
    fn stash(&mut self) {
        if !self.piece.is_empty() {
            self.join(usize::MAX);
        }
        self.piece = Bytes::new();
    }
}

/// Where the byte is.
pub(super) fn position(data: &[u8], byte: u8) -> Option<usize> {
    // The search of `BufRead` is the system's, some ten times as fast as a loop over the bytes.
    let mut rest = data;
    let skipped = rest.skip_until(byte).unwrap_or(0);
    (skipped > 0 && data[skipped - 1] == byte).then(|| skipped - 1)
}
