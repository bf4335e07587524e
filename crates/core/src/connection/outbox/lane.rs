//! Messages that go in the order of sending.

use super::Batch;
use super::run::Run;
use super::spares::Spares;
use crate::message::{Message, MessageContext};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// The messages of which nothing is said that would move them: they have the default rank and may wait for ever.
/// Small ones are copied into runs, large ones stay as they are.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// What comes first.
    closed: VecDeque<Segment>,
    /// The run that grows, after all of `closed`. Here, so that a connection whose messages fit into one run needs
    /// no list of them.
    open: Run,
}

#[derive(Debug)]
enum Segment {
    Run(Run),
    Whole(u64, Message),
}

impl Lane {
    /// The longest message that is copied into a run: up to here a copy is cheaper than a slice of its own.
    pub(super) const SMALL: usize = 1024;

    /// Copies a small message of this context to the end; `None` = nothing is said of it.
    #[inline]
    pub(super) fn append(
        &mut self,
        id: u64,
        data: &[u8],
        context: Option<&MessageContext>,
        spares: &mut Spares,
    ) {
        let open = &self.open;
        if open.is_empty()
            || open.is_full_for(data.len())
            || open.grows_by(data.len())
            || !open.is_of(context)
        {
            self.make_room(data.len(), context, spares);
        }
        self.open.append(id, data);
    }

    /// Opens a run with room for a message, if the one that is open is not to grow for it.
    #[cold]
    fn make_room(&mut self, len: usize, context: Option<&MessageContext>, spares: &mut Spares) {
        let is_full = self.open.is_full_for(len);
        let may_grow = !self.open.is_empty() && !is_full && self.open.is_of(context);
        // To go on in a larger buffer that is there costs less than to copy what is written already.
        if may_grow && spares.largest() <= self.open.capacity() {
            return;
        }
        self.close_run(spares);
        // Where one run was filled, the next one will be.
        let new = || if is_full { BytesMut::with_capacity(Run::LIMIT) } else { BytesMut::new() };
        self.open = Run::new(spares.take().unwrap_or_else(new), context);
    }

    /// Puts a run of messages of which nothing is said to the end, as it is.
    pub(super) fn push_run(&mut self, run: Run, spares: &mut Spares) {
        self.close_run(spares);
        self.open = run;
    }

    /// Lets nothing more into the run that grows: what is queued next may be queued elsewhere.
    pub(super) fn close_run(&mut self, spares: &mut Spares) {
        if !self.open.is_empty() {
            self.open.fit().into_iter().for_each(|buffer| spares.put(buffer));
            self.closed.push_back(Segment::Run(std::mem::take(&mut self.open)));
        }
    }

    /// Puts a message to the end, as it is.
    pub(super) fn push(&mut self, id: u64, message: Message, spares: &mut Spares) {
        self.close_run(spares);
        self.closed.push_back(Segment::Whole(id, message));
    }

    /// The id of the first message.
    pub(super) fn first(&self) -> Option<u64> {
        match self.closed.front() {
            Some(Segment::Run(run)) => run.first(),
            Some(Segment::Whole(id, _)) => Some(*id),
            None => self.open.first(),
        }
    }

    /// The size of the messages at the front, and how many of this size lie end to end; it is not empty.
    #[inline]
    pub(super) fn sizes(&self) -> (usize, usize) {
        match self.closed.front() {
            Some(Segment::Run(run)) => run.sizes(),
            Some(Segment::Whole(_, message)) => (message.len(), 1),
            None => self.open.sizes(),
        }
    }

    /// The messages at the front; it is not empty.
    pub(super) fn batch(&self) -> Batch<'_> {
        match self.closed.front() {
            Some(Segment::Run(run)) => run.batch(),
            Some(Segment::Whole(_, message)) => message.into(),
            None => self.open.batch(),
        }
    }

    /// What is to be written, in order, each piece with the id of its first message.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let closed = self.closed.iter().filter_map(|segment| match segment {
            Segment::Run(run) => Some((run.first()?, run.rest())),
            Segment::Whole(id, message) => Some((*id, &*message.data)),
        });
        closed.chain(self.open.first().map(|id| (id, self.open.rest())))
    }

    /// What is to be written, if that is one run.
    #[inline]
    pub(super) fn only_piece(&self) -> Option<&[u8]> {
        self.closed.is_empty().then(|| self.open.rest())
    }

    /// The first `count` messages of the first batch have left; the id of the first of them.
    pub(super) fn take(&mut self, count: usize, spares: &mut Spares, spent: &mut Vec<Message>) -> u64 {
        let (id, is_empty) = match self.closed.front_mut() {
            Some(Segment::Run(run)) => (run.take(count), run.is_empty()),
            None => (self.open.take(count), self.open.is_empty()),
            Some(Segment::Whole(..)) => {
                let (id, message) = self.pop(spares);
                spent.push(message);
                return id;
            }
        };
        if is_empty {
            self.let_go(spares);
        }
        id
    }

    /// Everything has left, if that is messages of one size whose ids follow each other; their ids.
    pub(super) fn take_only(&mut self, spares: &mut Spares) -> Option<RangeInclusive<u64>> {
        let ids = if self.closed.is_empty() { self.open.only_ids() } else { None };
        if ids.is_some() {
            spares.put(std::mem::take(&mut self.open).into_buffer());
        }
        ids
    }

    /// Takes the first message out; it is not empty.
    pub(super) fn pop(&mut self, spares: &mut Spares) -> (u64, Message) {
        let popped = match self.closed.pop_front() {
            Some(Segment::Whole(id, message)) => (id, message),
            Some(Segment::Run(mut run)) => {
                let popped = run.pop();
                self.closed.push_front(Segment::Run(run));
                popped
            }
            None => self.open.pop(),
        };
        self.let_go(spares);
        popped
    }

    /// The same without a copy of what is small; for whoever keeps it for a short time only.
    pub(super) fn share(&mut self, spares: &mut Spares) -> (u64, Message) {
        let shared = match self.closed.front_mut() {
            Some(Segment::Whole(..)) => return self.pop(spares),
            Some(Segment::Run(run)) => run.share(),
            None => self.open.share(),
        };
        self.let_go(spares);
        shared
    }

    /// The run at the front, if that is one.
    pub(super) fn first_run(&self) -> Option<&Run> {
        match self.closed.front() {
            Some(Segment::Run(run)) => Some(run),
            Some(Segment::Whole(..)) => None,
            None => Some(&self.open).filter(|run| !run.is_empty()),
        }
    }

    /// Takes the first messages of that run out: [`Run::share_many`].
    pub(super) fn share_many(&mut self, count: usize, bytes: usize, spares: &mut Spares) -> Bytes {
        let shared = match self.closed.front_mut() {
            Some(Segment::Run(run)) => run.share_many(count, bytes),
            Some(Segment::Whole(..)) => return Bytes::new(),
            None => self.open.share_many(count, bytes),
        };
        self.let_go(spares);
        shared
    }

    /// Moves what stays behind small in a large buffer.
    pub(super) fn trim(&mut self, spares: &mut Spares) {
        // Of the other runs nothing has left, and they were full when they were closed, or moved.
        if let Some(Segment::Run(run)) = self.closed.front_mut() {
            run.fit().into_iter().for_each(|buffer| spares.put(buffer));
        }
        self.open.fit().into_iter().for_each(|buffer| spares.put(buffer));
    }

    /// Lets go of what is empty.
    fn let_go(&mut self, spares: &mut Spares) {
        if let Some(Segment::Run(run)) = self.closed.front_mut()
            && run.is_empty()
        {
            spares.put(std::mem::take(run).into_buffer());
            self.closed.pop_front();
        }
        if self.closed.is_empty() {
            self.closed = VecDeque::new();
        }
        if self.open.is_empty() {
            spares.put(std::mem::take(&mut self.open).into_buffer());
        }
    }
}
