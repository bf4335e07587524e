//! Messages that are received in parts, and requests that say how (RFC 9622 §9.3.1, §9.3.2.2).

use crate::failure::ReceiveFailure;
use crate::framing::Part;
use crate::message::{Message, MessageContext};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// How much of a message a request takes at once (RFC 9622 §9.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiveLimits {
    /// `minIncompleteLength`, in bytes: so much of a message that is not complete is delivered. Default: none is,
    /// unless its framer gives it in parts.
    pub min_incomplete: Option<usize>,
    /// `maxLength`, in bytes: of a longer message the first so many are delivered. Default: `usize::MAX`; 0 counts as 1.
    pub max: usize,
}

impl Default for ReceiveLimits {
    fn default() -> Self {
        Self { min_incomplete: None, max: usize::MAX }
    }
}

impl ReceiveLimits {
    /// No part of a message waits to become longer than this, in bytes.
    const BUFFER: usize = 256 * 1024;

    /// The most that is delivered at once.
    pub(super) fn most(&self) -> usize {
        self.max.max(1)
    }

    /// How much of a message without its end is enough.
    pub(super) fn enough(&self) -> usize {
        self.min_incomplete.unwrap_or(1).clamp(1, Self::BUFFER.min(self.most()))
    }
}

/// Whether somebody has room for what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Nobody has.
    None,
    /// For whole messages, and nobody hears of parts: messages are collected, up to [`Room::COLLECTED`].
    Whole,
    /// For whole messages, and for parts.
    Parts,
}

impl Room {
    /// How long a message may be for whoever takes only whole ones, if it comes in parts. In bytes.
    pub const COLLECTED: usize = 1024 * 1024;
}

impl From<bool> for Room {
    /// Room for everything, or none.
    fn from(room: bool) -> Self {
        if room { Self::Parts } else { Self::None }
    }
}

/// What an inbox keeps beside whole messages; most never do.
#[derive(Debug, Default)]
pub(super) struct Partly {
    /// The requests with limits that were not answered, in order.
    pub(super) requests: VecDeque<(u64, ReceiveLimits)>,
    /// A part of the first message was delivered already.
    pub(super) begun: bool,
    /// A message whose end has not come; it comes after the whole ones.
    pub(super) open: Option<Open>,
    /// What came after all that, and could not be parsed.
    pub(super) spoilt: Option<ReceiveFailure>,
    /// Nobody hears of parts.
    pub(super) whole_only: bool,
}

/// A message whose end has not come: what has come of it, and was not delivered.
#[derive(Debug)]
pub(super) struct Open {
    context: MessageContext,
    data: Gathered,
    /// It was too long: the rest of it is thrown away.
    pub(super) skipped: bool,
}

/// Bytes, which are copied only if they came in several pieces.
#[derive(Debug)]
enum Gathered {
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::One(data) => data.len(),
            Self::Many(data) => data.len(),
        }
    }

    fn add(&mut self, more: Bytes) {
        match self {
            Self::One(data) if data.is_empty() => *data = more,
            _ if more.is_empty() => {}
            Self::One(data) => {
                let mut many = BytesMut::with_capacity(data.len() + more.len());
                many.extend_from_slice(data);
                many.extend_from_slice(&more);
                *self = Self::Many(many);
            }
            Self::Many(data) => data.extend_from_slice(&more),
        }
    }

    /// Takes the first bytes out, at most so many.
    fn take(&mut self, most: usize) -> Bytes {
        match self {
            Self::One(data) => data.split_to(most.min(data.len())),
            Self::Many(data) if most < data.len() => data.split_to(most).freeze(),
            Self::Many(data) => {
                let all = std::mem::take(data).freeze();
                *self = Self::One(Bytes::new());
                all
            }
        }
    }
}

impl Open {
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    pub(super) fn take(&mut self, most: usize) -> Part {
        Part { data: self.data.take(most), context: self.context.clone(), end_of_message: false }
    }

    /// Throws away what has come of it, and what will.
    pub(super) fn skip(&mut self) {
        self.data = Gathered::One(Bytes::new());
        self.skipped = true;
    }
}

impl Partly {
    /// What the request of this number asks for.
    pub(super) fn limits(&self, request: u64) -> ReceiveLimits {
        self.requests.front().filter(|(id, _)| *id == request).map(|(_, limits)| *limits).unwrap_or_default()
    }

    /// The request of this number was answered.
    pub(super) fn answered(&mut self, request: u64) {
        while self.requests.front().is_some_and(|(id, _)| *id <= request) {
            self.requests.pop_front();
        }
    }

    /// Whether it need not be kept.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.begun && self.open.is_none() && self.spoilt.is_none()
    }

    /// Takes a part of the message that is open, or of a new one; the message, if that was its end.
    pub(super) fn add(&mut self, part: Part) -> Option<Message> {
        let Part { data, context, end_of_message } = part;
        let open = self.open.get_or_insert_with(|| Open {
            context,
            data: Gathered::One(Bytes::new()),
            skipped: false,
        });
        if !open.skipped {
            open.data.add(data);
        }
        let mut open = if end_of_message { self.open.take()? } else { return None };
        let Part { data, context, .. } = open.take(usize::MAX);
        (!open.skipped).then_some(Message { data, context })
    }
}

/// Takes the first bytes of a message out, as a part; whether that is all of it.
pub(super) fn cut(message: &mut Message, most: usize) -> Part {
    let end_of_message = message.len() <= most;
    let data = if end_of_message { std::mem::take(&mut message.data) } else { message.data.split_to(most) };
    Part { data, context: message.context.clone(), end_of_message }
}
