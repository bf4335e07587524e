//! Who is subscribed to one connection or listener, and how far each of them has come.

use super::{Kinds, Subscriber, SubscriptionId, as_parts};
use crate::credit::{Credit, Window};
use crate::events::{Event, EventKind};
use crate::flow::{Connection, SetKey};
use futures::task::AtomicWaker;
use neatflow_core::Time;
use std::sync::Arc;
use std::time::Duration;

/// The subscribers of one connection or listener.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
    /// What one or another of them wants.
    kinds: Kinds,
    /// How many events that hold credit a new one may have.
    window: usize,
}

/// A subscriber, and its credit.
#[derive(Debug)]
pub(crate) struct Subscription {
    subscriber: Subscriber,
    window: Arc<Window>,
    patience: Option<Patience>,
    stand_in: Option<Box<StandIn>>,
}

/// The actor would drive the connection itself, and may again.
#[derive(Debug)]
struct StandIn {
    set: SetKey,
    /// Keeps the connection open, if the actor is to.
    kept: Option<Connection>,
}

/// How long a subscriber may be without room.
#[derive(Debug)]
struct Patience {
    timeout: Duration,
    full_since: Option<Time>,
}

impl Subscription {
    pub(crate) fn new(subscriber: Subscriber, window: usize, waker: &Arc<AtomicWaker>) -> Self {
        Self { subscriber, window: Window::new(window, waker), patience: None, stand_in: None }
    }

    pub(crate) fn id(&self) -> SubscriptionId {
        self.subscriber.id
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// A place in its window.
    pub(crate) fn credit(&self) -> Credit {
        self.window.credit()
    }

    /// For an actor that would drive the connection itself, with the handle that keeps it open.
    pub(crate) fn standing_in(mut self, set: SetKey, kept: Option<Connection>) -> Self {
        self.stand_in = Some(Box::new(StandIn { set, kept }));
        self
    }

    /// The handle that keeps the connection open; somebody else does so from now on.
    pub(crate) fn take_kept(&mut self) -> Option<Connection> {
        self.stand_in.as_mut()?.kept.take()
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.subscriber.kinds.contains(kind)
    }

    fn has_room_besides(&self, others: usize) -> bool {
        self.window.has_room_besides(others) || !self.is_alive()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.subscriber.mouth.is_alive()
    }

    pub(crate) fn deliver(&self, event: Event) {
        match event {
            Event::Received(received) if self.subscriber.parts_only => {
                as_parts(received).for_each(|part| self.subscriber.mouth.deliver(part));
            }
            event => self.subscriber.mouth.deliver(event),
        }
    }

    /// Whether a message that comes whole is to it a part that ends it.
    pub(crate) fn hears_parts_only(&self) -> bool {
        self.subscriber.parts_only
    }

    /// The event with a place in this window, if it is one that needs a place; `None` if it is to be missed.
    pub(crate) fn with_credit(&self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::Received(received) => received.credit = self.window.credit(),
            Event::ReceivedPartial(received) => received.credit = self.window.credit(),
            Event::ConnectionReceived(received) => received.credit = self.window.credit(),
            Event::SoftError(error) => error.credit = self.window.credit_for_soft_error()?,
            Event::NetworkStatusChanged(changed) => changed.credit = self.window.credit_for_soft_error()?,
            _ => {}
        }
        Some(event)
    }

    /// Whether it has been without room for longer than it may; or else when it will have been.
    fn stalls(&mut self, now: Time) -> Result<Option<Time>, ()> {
        let full = !self.has_room_besides(0);
        let Some(patience) = &mut self.patience else { return Ok(None) };
        if !full {
            patience.full_since = None;
            return Ok(None);
        }
        let end = *patience.full_since.get_or_insert(now) + patience.timeout;
        if end <= now { Err(()) } else { Ok(Some(end)) }
    }
}

impl Subscriptions {
    /// These subscribers, each with a window of this size; room in one of them wakes `waker`.
    pub(crate) fn new(window: usize, subscribers: &[Subscriber], waker: &Arc<AtomicWaker>) -> Self {
        let mut new = Self { list: Vec::new(), kinds: Kinds::none(), window };
        // Most connections have one subscriber or none.
        new.list.reserve_exact(subscribers.len());
        for subscriber in subscribers {
            new.add(subscriber.clone(), waker);
        }
        new
    }

    /// Adds a subscriber, in place of those that have died, which are given back.
    pub(crate) fn add(&mut self, subscriber: Subscriber, waker: &Arc<AtomicWaker>) -> Vec<Subscription> {
        self.admit(Subscription::new(subscriber, self.window, waker))
    }

    /// The same for a subscription that was made before.
    pub(crate) fn admit(&mut self, new: Subscription) -> Vec<Subscription> {
        let dead = self.take(|one| !one.is_alive());
        self.kinds = self.kinds.and(new.subscriber.kinds);
        self.list.push(new);
        dead
    }

    /// Removes a subscriber, which is given back.
    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Vec<Subscription> {
        self.take(|one| one.subscriber.id == id)
    }

    /// Removes what stands in for an actor that drives the connection again.
    pub(crate) fn relieve(&mut self, set: SetKey) -> Vec<Subscription> {
        self.take(|one| one.stand_in.as_ref().is_some_and(|stand_in| stand_in.set == set))
    }

    /// Removes what stands in for actors that are no more: they keep nothing open.
    pub(crate) fn bury(&mut self) -> Vec<Subscription> {
        let is_left = |one: &Subscription| one.stand_in.is_some() && !one.is_alive();
        if self.list.iter().any(is_left) { self.take(|one| is_left(one)) } else { Vec::new() }
    }

    /// Removes everybody.
    pub(crate) fn take_all(&mut self) -> Vec<Subscription> {
        self.take(|_| true)
    }

    fn take(&mut self, which: impl FnMut(&mut Subscription) -> bool) -> Vec<Subscription> {
        let list: Vec<_> = self.list.extract_if(.., which).collect();
        if !list.is_empty() {
            self.kinds = self.list.iter().fold(Kinds::none(), |all, one| all.and(one.subscriber.kinds));
        }
        list
    }

    /// How many events that hold credit each may have, from now on.
    pub(crate) fn resize_windows(&mut self, size: usize) {
        self.window = size;
        for one in &self.list {
            one.window.resize(size);
        }
    }

    /// The size of a new window.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// How long one of them may be without room; false if it is not subscribed.
    pub(crate) fn be_patient(&mut self, id: SubscriptionId, timeout: Option<Duration>) -> bool {
        let Some(one) = self.list.iter_mut().find(|one| one.subscriber.id == id) else { return false };
        one.patience = timeout.map(|timeout| Patience { timeout, full_since: None });
        true
    }

    /// Removes those that have been without room for longer than they may; and when the next one will have been.
    pub(crate) fn stalled(&mut self, now: Time) -> (Vec<Subscription>, Option<Time>) {
        let mut next: Option<Time> = None;
        let stalled = self.take(|one| {
            if !one.wants(EventKind::Received) && !one.wants(EventKind::ReceivedPartial) {
                return false;
            }
            let end = one.stalls(now);
            if let Ok(Some(end)) = end {
                next = Some(next.map_or(end, |next| next.min(end)));
            }
            end.is_err()
        });
        (stalled, next)
    }

    /// Whether some of them may not be without room for ever.
    pub(crate) fn are_patient(&self) -> bool {
        self.list.iter().all(|one| one.patience.is_none())
    }

    /// Whether somebody wants events of this kind.
    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.kinds.contains(kind) && self.list.iter().any(|one| one.wants(kind) && one.is_alive())
    }

    /// Whether everyone who wants events of this kind has room for one more.
    pub(crate) fn have_room(&self, kind: EventKind) -> bool {
        self.have_room_besides(kind, 0)
    }

    /// The same, besides so many that are to come.
    pub(crate) fn have_room_besides(&self, kind: EventKind, others: usize) -> bool {
        self.list.iter().filter(|one| one.wants(kind)).all(|one| one.has_room_besides(others))
    }

    /// Whether anybody is subscribed.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn deliver(&self, event: &Event) {
        if !self.kinds.contains(event.kind()) {
            return;
        }
        for one in self.list.iter().filter(|one| one.wants(event.kind())) {
            if let Some(event) = one.with_credit(event.clone()) {
                one.deliver(event);
            }
        }
    }
}
