//! Messages that are to go sooner or later than others, or not at all when they are late.

use crate::message::{Message, MessageId};
use crate::properties::MessageProperties;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Where a message stands: by rank, and within one rank by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) rank: u64,
    pub(super) id: u64,
}

impl Key {
    /// The rank of a message of which none is said.
    pub(super) const DEFAULT: u64 = MessageProperties::DEFAULT_PRIORITY as u64;
    /// The rank of the final message, after every priority there is.
    pub(super) const LAST: u64 = u64::MAX;

    pub(super) fn new(id: u64, properties: &MessageProperties) -> Self {
        let rank = if properties.is_final() {
            Self::LAST
        } else if properties.msg_ordered == Some(true) {
            Self::DEFAULT
        } else {
            properties.priority().into()
        };
        Self { rank, id }
    }
}

/// Messages by rank, of which those with a lifetime may leave from anywhere.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    messages: BTreeMap<Key, (Message, Option<Time>)>,
    /// When which one expires: those of `messages` that do.
    deadlines: BTreeSet<(Time, Key)>,
}

impl Ranked {
    pub(super) fn insert(&mut self, key: Key, message: Message, deadline: Option<Time>) {
        self.messages.insert(key, (message, deadline));
        self.deadlines.extend(deadline.map(|at| (at, key)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The first one.
    #[inline]
    pub(super) fn first(&self) -> Option<(Key, &Message)> {
        self.messages.first_key_value().map(|(key, (message, _))| (*key, message))
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Message)> {
        self.messages.iter().map(|(key, (message, _))| (*key, message))
    }

    /// Takes the first one out.
    pub(super) fn pop(&mut self) -> Option<(u64, Message)> {
        let (key, (message, deadline)) = self.messages.pop_first()?;
        if let Some(at) = deadline {
            self.deadlines.remove(&(at, key));
        }
        self.let_go();
        Some((key.id, message))
    }

    /// When the next one expires, and which that is.
    pub(super) fn deadline(&self) -> Option<(Time, Key)> {
        self.deadlines.first().copied()
    }

    /// Takes out one that has expired.
    pub(super) fn expired(&mut self, now: Time) -> Option<(MessageId, Message)> {
        self.deadline().filter(|(at, _)| *at <= now)?;
        let (_, key) = self.deadlines.pop_first()?;
        let (message, _) = self.messages.remove(&key)?;
        self.let_go();
        Some((MessageId(key.id), message))
    }

    /// An empty map keeps a node, and an idle connection is to keep nothing.
    fn let_go(&mut self) {
        if self.messages.is_empty() {
            *self = Self::default();
        } else if self.deadlines.is_empty() {
            self.deadlines = BTreeSet::new();
        }
    }
}
