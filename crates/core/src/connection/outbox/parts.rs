//! Messages that are given in parts (RFC 9622 §9.2.3).

use super::ranked::Key;
use crate::failure::SendFailure;
use crate::message::{Message, MessageContext, MessageId};
use crate::time::Time;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The messages in parts of one outbox; most outboxes never have any. Each is named by the id of its first part.
#[derive(Debug)]
pub(super) struct InParts {
    series: BTreeMap<u64, Series>,
    /// Those that may be sent and were not begun, in order.
    order: BTreeSet<Key>,
    /// When which one expires: those that do, and were not begun.
    deadlines: BTreeSet<(Time, Key)>,
    /// Nothing goes between the parts of this one.
    begun: Option<Begun>,
    /// They are sent whole or not at all: the transport keeps boundaries.
    whole_only: bool,
}

/// The message of which parts were taken.
#[derive(Clone, Copy, Debug)]
struct Begun {
    key: Key,
    /// How much of its first part the transport has taken.
    written: usize,
}

/// One message in parts.
#[derive(Debug)]
pub(super) struct Series {
    key: Key,
    context: MessageContext,
    /// What was given of it and not taken.
    parts: VecDeque<(u64, Bytes)>,
    /// Bytes in `parts`, and of its first part all.
    bytes: usize,
    /// The last part was given.
    ended: bool,
    deadline: Option<Time>,
    /// Its content in one piece, once it has ended, where that is needed.
    whole: Bytes,
    /// Why its other parts are refused.
    broken: Option<SendFailure>,
}

/// A part that was taken out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: u64,
    pub(super) message: Message,
    /// Of which message it is a part.
    pub(super) of: u64,
    /// Whether that one ends with it.
    pub(super) ends: bool,
}

/// What becomes of the parts that were not taken, when their message does not go on.
pub(super) type Back<'a> = &'a mut dyn FnMut(MessageId, Message);

impl InParts {
    pub(super) fn new(whole_only: bool) -> Self {
        Self {
            series: BTreeMap::new(),
            order: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            begun: None,
            whole_only,
        }
    }

    /// The message of this name, if more of it is to come.
    pub(super) fn open(&self, of: u64) -> Option<&Series> {
        self.series.get(&of).filter(|series| !series.ended)
    }

    /// Whether parts of this message were taken: nothing else goes before it has ended.
    pub(super) fn is_begun(&self, of: u64) -> bool {
        self.begun.is_some_and(|begun| begun.key.id == of)
    }

    /// From now on none is sent before it has ended.
    pub(super) fn whole_only(&mut self) {
        self.whole_only = true;
        self.order.retain(|key| self.series.get(&key.id).is_some_and(|series| series.ended));
    }

    /// Begins a message, with a part to follow.
    pub(super) fn begin(&mut self, key: Key, context: MessageContext, deadline: Option<Time>) {
        let series = Series {
            key,
            context,
            parts: VecDeque::new(),
            bytes: 0,
            ended: false,
            deadline,
            whole: Bytes::new(),
            broken: None,
        };
        self.series.insert(key.id, series);
        self.deadlines.extend(deadline.map(|at| (at, key)));
        if !self.whole_only {
            self.order.insert(key);
        }
    }

    /// Adds a part.
    pub(super) fn add(&mut self, of: u64, id: u64, data: Bytes, ends: bool) {
        let Some(series) = self.series.get_mut(&of) else { return };
        series.bytes += data.len();
        series.parts.push_back((id, data));
        series.ended = ends;
        if ends && self.whole_only {
            series.join();
            self.order.insert(series.key);
        }
    }

    /// The first one that may go on; `None` if there is none, or if the one that was begun has nothing to go on with.
    pub(super) fn first(&self) -> Option<Key> {
        match self.begun {
            Some(Begun { key, .. }) => Some(key).filter(|key| !self.series[&key.id].parts.is_empty()),
            None => self.order.first().copied(),
        }
    }

    /// Whether one was begun that has not ended: nothing else may go.
    pub(super) fn is_amid(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether there is more of this message, or may be.
    pub(super) fn has(&self, of: u64) -> bool {
        self.series.get(&of).is_some_and(|series| series.broken.is_none())
    }

    /// Whether this is said to be the last message.
    pub(super) fn is_final(&self, of: u64) -> bool {
        self.series.get(&of).is_some_and(|series| series.context.properties.is_final())
    }

    /// Those that may be sent, in order; after one that has not ended nothing is.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Key, &Series)> {
        let begun = self.begun.map(|begun| begun.key);
        begun.into_iter().chain(self.order.iter().copied()).map(|key| (key, &self.series[&key.id]))
    }

    /// How much of the first part of the first one was taken.
    pub(super) fn written(&self) -> usize {
        self.begun.map_or(0, |begun| begun.written)
    }

    /// The size of what is taken next of the first one: what is left of a part, or all of it.
    pub(super) fn next_size(&self) -> usize {
        let Some(series) = self.first().and_then(|key| self.series.get(&key.id)) else { return 0 };
        if self.whole_only {
            series.bytes
        } else {
            series.parts.front().map_or(0, |(_, data)| data.len()) - self.written()
        }
    }

    /// The content of the first one, or of its next part.
    pub(super) fn next(&self) -> Option<(&Bytes, &MessageContext)> {
        let series = self.series.get(&self.first()?.id)?;
        let data = if self.whole_only { &series.whole } else { &series.parts.front()?.1 };
        Some((data, &series.context))
    }

    /// The transport has taken so much of the first part of the first one, which is not all of it.
    pub(super) fn advance(&mut self, bytes: usize) {
        if self.begun.is_none()
            && let Some(key) = self.first()
        {
            self.go(key);
        }
        if let Some(begun) = &mut self.begun {
            begun.written += bytes;
        }
    }

    /// It is begun: it neither waits nor expires.
    fn go(&mut self, key: Key) {
        self.order.remove(&key);
        let deadline = self.series.get(&key.id).and_then(|series| series.deadline);
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, key));
        }
        self.begun = Some(Begun { key, written: 0 });
    }

    /// Takes the next part of the first one out.
    pub(super) fn pop(&mut self) -> Option<Taken> {
        let key = self.first()?;
        if self.begun.is_none() {
            self.go(key);
        }
        let series = self.series.get_mut(&key.id)?;
        let (id, data) = series.parts.pop_front()?;
        series.bytes -= data.len();
        let ends = series.ended && series.parts.is_empty();
        let message = Message { data, context: series.context.clone() };
        if let Some(begun) = &mut self.begun {
            begun.written = 0;
        }
        if ends {
            self.series.remove(&key.id);
            self.begun = None;
        }
        Some(Taken { id, message, of: key.id, ends })
    }

    /// A message does not go on, for this reason: what was not taken of it comes back. Whether parts of it were taken;
    /// `None` if there is no such message, or it was broken before.
    pub(super) fn give_up(&mut self, of: u64, reason: SendFailure, back: Back<'_>) -> Option<bool> {
        let series = self.series.get_mut(&of).filter(|series| series.broken.is_none())?;
        for (id, data) in series.parts.drain(..) {
            back(MessageId(id), Message { data, context: series.context.clone() });
        }
        series.bytes = 0;
        series.whole = Bytes::new();
        let (key, ended, deadline) = (series.key, series.ended, series.deadline);
        series.broken = Some(reason);
        self.order.remove(&key);
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, key));
        }
        let begun = self.begun.take_if(|begun| begun.key == key).is_some();
        if ended {
            self.series.remove(&of);
        }
        Some(begun)
    }

    /// Nobody will give more of this message.
    pub(super) fn forget(&mut self, of: u64) {
        if self.series.get(&of).is_some_and(|series| series.broken.is_some()) {
            self.series.remove(&of);
        }
    }

    /// The messages of which more was to come, and that are not broken.
    pub(super) fn unended(&self) -> impl Iterator<Item = u64> {
        self.series.values().filter(|series| !series.ended && series.broken.is_none()).map(|one| one.key.id)
    }

    /// When the next one expires, and which that is.
    pub(super) fn deadline(&self) -> Option<(Time, Key)> {
        self.deadlines.first().copied()
    }

    /// One that cannot be sent as it is: it waits for its end, or was begun and has nothing to go on with.
    pub(super) fn left(&self) -> Option<u64> {
        let begun = self.begun.map(|begun| begun.key.id);
        begun.or_else(|| self.unended().next())
    }

    /// Whether there is nothing to be remembered.
    pub(super) fn is_idle(&self) -> bool {
        self.series.is_empty()
    }
}

impl Series {
    /// How many bytes of it wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Why its next part is refused.
    pub(super) fn broken(&self) -> Option<&SendFailure> {
        self.broken.as_ref()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What waits of it, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|(_, data)| &data[..])
    }

    /// Makes one piece of it.
    fn join(&mut self) {
        self.whole = match &self.parts.make_contiguous()[..] {
            [(_, only)] => only.clone(),
            parts => {
                let mut whole = BytesMut::with_capacity(self.bytes);
                parts.iter().for_each(|(_, data)| whole.extend_from_slice(data));
                whole.freeze()
            }
        };
    }
}
