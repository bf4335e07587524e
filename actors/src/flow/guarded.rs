//! What is behind the lock of a connection: its machine, who hears of it, and who waits.

use super::attached::{Attached, Claim};
use super::buffers;
use super::fates::Fates;
use super::handle::{Connection, ConnectionRef};
use super::heard::Heard;
use super::set::Seat;
use super::shared::{End, Shared};
use crate::events::{Event, EventKind, Stalled};
use crate::subscription::{Subscriber, Subscription, SubscriptionId, Subscriptions};
use crate::watchers::{Place, Watchers};
use futures::channel::oneshot;
use futures::task::AtomicWaker;
use neatflow_core::connection::{self, Machine, Output, Room};
use neatflow_core::{Message, Time};
use neatflow_stacks::Report;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::task::Waker;
use std::thread::ThreadId;

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) machine: Machine,
    pub(crate) subscribers: Subscriptions,
    /// The actor that drives the connection in its own turn, or is about to.
    pub(crate) attached: Option<Box<Attached>>,
    /// That actor asks for the engine.
    pub(crate) claim: Option<Box<Claim>>,
    /// The arbiter where the engine is, once it runs.
    pub(crate) home: Option<ThreadId>,
    /// Who waits for a report of the transport.
    pub(crate) inspections: Vec<oneshot::Sender<Report>>,
    /// Whether Ready was told, or the connection was accepted.
    pub(crate) is_ready: bool,
    /// How it ended, once the terminal event was told.
    pub(crate) end: Option<Result<(), End>>,
    /// What became of messages, for whoever waits for it.
    pub(crate) fates: Fates,
    /// Futures that wait for something to change.
    pub(crate) watchers: Watchers,
    /// What is to be woken and dropped when the lock is gone: it may run an application's code.
    pub(super) leaving: Option<Box<Leaving>>,
}

/// What leaves the lock.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    woken: Vec<Waker>,
    /// Not to be woken: a future polled with a new waker each time would be polled for ever.
    forgotten: Vec<Waker>,
    pub(crate) events: Vec<Event>,
    pub(crate) subscriptions: Vec<Subscription>,
    messages: Vec<Message>,
    /// Perhaps the last handles.
    kept: Vec<Connection>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.woken.drain(..).for_each(Waker::wake);
    }
}

/// The lock, held. What may run an application's code (wakers, and destructors of messages and subscriptions) is woken
/// and dropped when the lock is gone: fields are dropped in their order.
pub(crate) struct Locked<'a> {
    pub(super) core: MutexGuard<'a, Core>,
    pub(super) queued: &'a AtomicUsize,
    pub(super) leaving: Option<Box<Leaving>>,
}

impl Deref for Locked<'_> {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.queued.store(self.core.machine.outbox().pending(), Ordering::Relaxed);
        if self.core.machine.has_spent() {
            let spent = self.core.machine.take_spent();
            self.core.leaving().messages = spent;
        }
        self.leaving = self.core.leaving.take();
    }
}

impl Core {
    /// What leaves the lock.
    pub(crate) fn leaving(&mut self) -> &mut Leaving {
        self.leaving.get_or_insert_default()
    }

    /// These subscriptions leave the lock.
    pub(crate) fn let_go(&mut self, gone: Vec<Subscription>) {
        if !gone.is_empty() {
            self.leaving().subscriptions.extend(gone);
        }
    }

    /// Ends the attachment: what the actor is to hear comes by its mailbox from now on, and so does what it was to hear
    /// already, `heard` first. What it keeps open it goes on keeping, as long as it lives. The place that it had.
    pub(crate) fn fall_back(&mut self, heard: &mut Heard, kept: Option<Connection>) -> Option<Seat> {
        let Some(attached) = self.attached.take() else {
            self.leaving().kept.extend(kept);
            return None;
        };
        let seat = attached.seat;
        self.claim = None;
        let (subscription, events) = attached.fall_back(kept);
        let events = heard.chain(events);
        if subscription.is_alive() {
            events.for_each(|event| subscription.deliver(event));
        } else {
            self.leaving().events.extend(events);
        }
        if self.end.is_none() && subscription.is_alive() {
            let dead = self.subscribers.admit(subscription);
            self.let_go(dead);
        } else {
            self.leaving().subscriptions.push(subscription);
        }
        Some(seat)
    }

    /// Actors that would drive the connection themselves, and are no more, let go of it.
    pub(crate) fn bury(&mut self) {
        let dead = self.subscribers.bury();
        self.let_go(dead);
    }

    /// Lets lifetimes and patience run out; when the next one will.
    pub(crate) fn keep_time(&mut self, shared: &Arc<Shared>) -> Option<Time> {
        if self.machine.deadline().is_none() && self.subscribers.are_patient() {
            return None;
        }
        let now = shared.now();
        self.machine.expire(now);
        let stall = self.drop_stalled(shared, now);
        self.machine.deadline().into_iter().chain(stall).min()
    }

    /// Drops subscribers that have been without room for too long; when the next one will have been.
    fn drop_stalled(&mut self, shared: &Arc<Shared>, now: Time) -> Option<Time> {
        let (stalled, next) = self.subscribers.stalled(now);
        for subscription in stalled {
            let connection = ConnectionRef::new(shared.clone());
            if subscription.wants(EventKind::Stalled) {
                subscription.deliver(Stalled { connection, subscription: subscription.id() }.into());
            }
            self.leaving().subscriptions.push(subscription);
        }
        next
    }

    /// A buffer for what is about to be sent, if there is none.
    pub(crate) fn lend(&mut self) {
        if self.machine.outbox().is_empty() {
            self.machine.lend(buffers::take());
        }
    }

    /// What to do next. Messages wait for room; nothing else does.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        if self.machine.is_quiet() {
            return None;
        }
        let room = self.room();
        self.machine.poll(room)
    }

    pub(super) fn room(&self) -> Room {
        match self.may_receive() {
            false => Room::None,
            true if self.machine.may_receive_parts() && !self.is_wanted(EventKind::ReceivedPartial) => {
                Room::Whole
            }
            true => Room::Parts,
        }
    }

    /// Whether nothing is to be seen to but what the attached actor alone hears and sends.
    pub(crate) fn is_calm(&self) -> bool {
        self.machine.is_calm()
            && self.subscribers.is_empty()
            && self.claim.is_none()
            && self.inspections.is_empty()
            && self.attached.as_ref().is_some_and(|attached| attached.events.is_empty())
    }

    /// Whether the next Received may go out: somebody wants it, and all who do have room.
    pub(crate) fn may_receive(&self) -> bool {
        const RECEIVED: EventKind = EventKind::Received;
        let attached = self.attached.as_ref().filter(|attached| attached.wants(RECEIVED));
        (attached.is_some() || self.subscribers.wants(RECEIVED))
            && attached.is_none_or(|attached| attached.has_room())
            && self.subscribers.have_room(RECEIVED)
            && (!self.machine.may_receive_parts() || self.subscribers.have_room(EventKind::ReceivedPartial))
    }

    /// Whether the transport should be read.
    pub(crate) fn may_read(&self) -> bool {
        self.machine.wants_read()
            && (self.may_receive()
                || self.machine.is_pulled()
                || self.machine.is_watched()
                || self.machine.is_framing_up()
                || self.machine.state() == connection::State::Closing)
    }

    /// Wakes every future that waits for something to change, once the lock is gone.
    pub(crate) fn notify(&mut self) {
        if !self.watchers.is_empty() {
            let left = self.watchers.take();
            self.leaving().woken.extend(left);
        }
    }

    /// Wakes the future at this place when something changes.
    pub(crate) fn watch(&mut self, place: &mut Place, waker: &Waker) {
        if let Some(left) = self.watchers.watch(place, waker) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Whoever had this place waits no longer.
    pub(crate) fn leave(&mut self, place: Place) {
        if let Some(left) = self.watchers.leave(place) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Adds a subscriber, in place of those that have died.
    pub(crate) fn subscribe(&mut self, subscriber: Subscriber, waker: &Arc<AtomicWaker>) {
        let dead = self.subscribers.add(subscriber, waker);
        self.let_go(dead);
    }

    /// How many events that hold credit each subscriber may have, from now on.
    pub(crate) fn resize_windows(&mut self, size: usize) {
        self.subscribers.resize_windows(size);
        if let Some(attached) = &self.attached {
            attached.resize_window(size);
        }
    }

    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        let removed = self.subscribers.remove(id);
        self.let_go(removed);
        // A claim stands: whoever made it drives the connection, though it hears nothing.
        if let Some(attached) = self.attached.take_if(|attached| attached.id() == id) {
            let (subscription, events) = attached.fall_back(None);
            self.leaving().subscriptions.push(subscription);
            self.leaving().events.extend(events);
        }
    }
}
