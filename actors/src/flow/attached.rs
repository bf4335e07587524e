//! What an actor that drives a connection in its own turn is to hear.

use super::handle::Connection;
use super::heard::Heard;
use super::moving::Moving;
use super::set::Seat;
use crate::credit::Credit;
use crate::events::{Event, EventKind};
use crate::subscription::{Subscription, SubscriptionId, as_parts};
use futures::channel::oneshot;
use std::thread::ThreadId;

/// How many events wait at most before the flow stops reading; the actor hears them in the turn in which they happen,
/// so more than a few wait only while it cannot be reached.
const WAITING: usize = 64;

/// The attached subscriber of a connection: where it sits, and what it has not heard yet.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) seat: Seat,
    subscription: Subscription,
    pub(crate) events: Heard,
}

/// An attached actor asks for the engine.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) seat: Seat,
    /// The arbiter where it sits.
    pub(crate) home: ThreadId,
    /// Where it waits, unless the engine is known to be on the same arbiter.
    pub(crate) mover: Option<oneshot::Sender<Moving>>,
}

impl Claim {
    /// Whether it comes from this arbiter.
    pub(crate) fn is_from_here(&self) -> bool {
        self.home == std::thread::current().id()
    }
}

impl Attached {
    pub(crate) fn new(seat: Seat, subscription: Subscription) -> Self {
        Self { seat, subscription, events: Heard::default() }
    }

    pub(crate) fn id(&self) -> SubscriptionId {
        self.subscription.id()
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.subscription.wants(kind)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.subscription.window().has_room_besides(0) && self.events.len() < WAITING
    }

    /// Whether it is to hear the next message at once, and has heard everything before it.
    pub(crate) fn is_all_ears(&self) -> bool {
        self.events.is_empty()
            && self.wants(EventKind::Received)
            && !self.subscription.hears_parts_only()
            && self.subscription.window().has_room_besides(0)
    }

    /// A place in its window.
    pub(crate) fn credit(&self) -> Credit {
        self.subscription.credit()
    }

    /// From now on it hears what this subscription says.
    pub(crate) fn resubscribe(&mut self, subscription: Subscription) -> Subscription {
        std::mem::replace(&mut self.subscription, subscription)
    }

    pub(crate) fn resize_window(&self, size: usize) {
        self.subscription.window().resize(size);
    }

    /// Keeps an event that it wants; any other comes back.
    pub(crate) fn deliver(&mut self, event: Event) -> Option<Event> {
        if !self.wants(event.kind()) {
            return Some(event);
        }
        match self.subscription.with_credit(event) {
            Some(Event::Received(received)) if self.subscription.hears_parts_only() => {
                as_parts(received).for_each(|part| self.events.push(part));
            }
            Some(event) => self.events.push(event),
            None => {}
        }
        None
    }

    /// The same subscription, by the mailbox, with the handle that keeps the connection open; and what it has not heard.
    pub(crate) fn fall_back(self, kept: Option<Connection>) -> (Subscription, Heard) {
        (self.subscription.standing_in(self.seat.set, kept), self.events)
    }
}
