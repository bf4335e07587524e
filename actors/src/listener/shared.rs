//! What a listener's handles and its acceptances have in common.

use super::bell::Bell;
use super::handle::{Listener, ListenerId, ListenerRef};
use crate::credit::Credit;
use crate::events::{ConnectionReceived, Event, EventKind, ListenError, Stopped};
use crate::flow::Connection;
use crate::subscription::{Subscriber, Subscription, SubscriptionId, Subscriptions};
use crate::watchers::{Place, Watchers};
use futures::task::AtomicWaker;
use neatflow_core::{ListenFailure, Protocol};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// How many ConnectionReceived events a subscriber may hold before the listener stops accepting; the others wait
/// in the backlog.
pub(super) const WINDOW: usize = 128;

const RECEIVED: EventKind = EventKind::ConnectionReceived;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) id: ListenerId,
    /// Wakes the acceptances that wait until they are wanted.
    pub(super) bell: Arc<Bell>,
    /// Rings it when a subscriber has room again.
    pub(super) room: Arc<AtomicWaker>,
    handles: AtomicUsize,
    core: Mutex<Core>,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) subscribers: Subscriptions,
    /// Subscribers that hear only of what is accepted on their arbiter; here to be told of the end.
    staff: Vec<Subscriber>,
    /// How many more connections are wanted (RFC 9622 §7.2, SetNewConnectionLimit); `None` = any number.
    pub(super) limit: Option<u64>,
    /// How many connections acceptances are about to take.
    reserved: usize,
    /// Whether somebody was not given what another has reserved, and may not take.
    passed_over: bool,
    pub(super) stopping: bool,
    /// Where it listens, once it does; why it does not, once it does not.
    pub(super) state: State,
    /// Accepted for `accept`, and not taken yet.
    pub(super) accepted: VecDeque<Connection>,
    /// Who waits in `accept`.
    pub(super) accepting: usize,
    watchers: Watchers,
    /// What is to be woken and dropped when the lock is gone: it may run an application's code.
    leaving: Option<Box<Leaving>>,
}

/// What leaves the lock.
#[derive(Debug, Default)]
struct Leaving {
    woken: Vec<Waker>,
    /// Not to be woken: a future polled with a new waker each time would be polled for ever.
    forgotten: Vec<Waker>,
    events: Vec<Event>,
    subscriptions: Vec<Subscription>,
    staff: Vec<Subscriber>,
    accepted: VecDeque<Connection>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.woken.drain(..).for_each(Waker::wake);
    }
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Opening,
    Listening(Vec<(Protocol, SocketAddr)>),
    Failed(ListenFailure),
    Stopped,
}

impl Shared {
    pub(crate) fn new(subscribers: &[Subscriber]) -> Arc<Self> {
        let room = Arc::new(AtomicWaker::new());
        Arc::new(Self {
            id: ListenerId::next(),
            bell: Arc::default(),
            handles: AtomicUsize::new(0),
            core: Mutex::new(Core {
                subscribers: Subscriptions::new(WINDOW, subscribers, &room),
                staff: Vec::new(),
                limit: None,
                reserved: 0,
                passed_over: false,
                stopping: false,
                state: State::Opening,
                accepted: VecDeque::new(),
                accepting: 0,
                watchers: Watchers::default(),
                leaving: None,
            }),
            room,
        })
    }

    pub(crate) fn handle(self: &Arc<Self>) -> Listener {
        Listener::counted(self.clone())
    }

    /// What is behind the lock. No code of an application runs while it is held.
    pub(super) fn lock(&self) -> Locked<'_> {
        Locked { core: self.core.lock().unwrap_or_else(PoisonError::into_inner), leaving: None }
    }

    pub(super) fn count_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.stop();
        }
    }

    /// From now on nobody is accepted; the listener's actor closes the sockets.
    pub(super) fn stop(&self) {
        let mut core = self.lock();
        core.stopping = true;
        core.notify();
    }

    /// Waits until it is told to stop.
    pub(super) async fn told_to_stop(&self) {
        let mut place = None;
        poll_fn(|cx| {
            let mut core = self.lock();
            if core.stopping {
                return Poll::Ready(());
            }
            core.watch(&mut place, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Subscribers that hear only of what is accepted on their arbiter.
    pub(super) fn hired(&self, staff: &[Subscriber]) {
        self.lock().staff.extend_from_slice(staff);
    }

    pub(super) fn listening(&self, sockets: Vec<(Protocol, SocketAddr)>) {
        let mut core = self.lock();
        core.state = State::Listening(sockets);
        core.notify();
        drop(core);
        self.bell.ring();
    }

    /// Tells the end, once.
    pub(crate) fn end(self: &Arc<Self>, failure: Option<ListenFailure>) {
        let mut core = self.lock();
        if core.state.has_ended() {
            return;
        }
        let listener = ListenerRef::new(self.clone());
        let event: Event = match failure.clone() {
            None => Stopped { listener }.into(),
            Some(reason) => ListenError { listener, reason }.into(),
        };
        core.state = failure.map_or(State::Stopped, State::Failed);
        core.subscribers.deliver(&event);
        core.staff.iter().for_each(|one| one.tell(&event));
        core.notify();
        let core = &mut *core;
        let gone = core.subscribers.take_all();
        let (staff, accepted) = (std::mem::take(&mut core.staff), std::mem::take(&mut core.accepted));
        let leaving = core.leaving();
        leaving.subscriptions.extend(gone);
        leaving.staff = staff;
        leaving.accepted = accepted;
    }

    /// A place for one more connection, on an arbiter with this staff; `None` while nobody wants one.
    pub(super) fn reserve<'a>(self: &'a Arc<Self>, staff: &Subscriptions) -> Option<Reservation<'a>> {
        let mut core = self.lock();
        let wanted = core.wants(staff, core.reserved);
        if wanted {
            core.reserved += 1;
        } else if core.wants(staff, 0) {
            core.passed_over = true;
        }
        wanted.then(|| Reservation { shared: self, used: false })
    }
}

/// A place for one connection. Arbiters accept at the same time, and together no more than is wanted.
#[derive(Debug)]
pub(super) struct Reservation<'a> {
    shared: &'a Arc<Shared>,
    used: bool,
}

impl Reservation<'_> {
    /// Hands a new connection to whoever waits for one, or to the subscribers.
    pub(super) fn fill(mut self, connection: Connection, staff: &Subscriptions) {
        self.used = true;
        let mut core = self.shared.lock();
        core.limit = core.limit.map(|limit| limit.saturating_sub(1));
        let subscribed = core.subscribers.wants(RECEIVED) || staff.wants(RECEIVED);
        // Whoever wanted it may have left meanwhile: then it is for whoever accepts next.
        if core.accepting > core.accepted.len() || !subscribed {
            core.accepted.push_back(connection);
            core.notify();
        } else {
            let listener = ListenerRef::new(self.shared.clone());
            let event = ConnectionReceived { listener, connection, credit: Credit::default() }.into();
            staff.deliver(&event);
            core.subscribers.deliver(&event);
            core.leaving().events.push(event);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        core.reserved -= 1;
        let ring = !self.used && std::mem::take(&mut core.passed_over);
        drop(core);
        if ring {
            self.shared.bell.ring();
        }
    }
}

/// The lock, held. What may run an application's code (wakers, and destructors of connections and subscriptions) is
/// woken and dropped when the lock is gone: fields are dropped in their order.
pub(super) struct Locked<'a> {
    core: MutexGuard<'a, Core>,
    leaving: Option<Box<Leaving>>,
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
        self.leaving = self.core.leaving.take();
    }
}

impl State {
    /// Where it listens, each address once.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for (_, address) in self.sockets() {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }

    pub(super) fn sockets(&self) -> &[(Protocol, SocketAddr)] {
        match self {
            Self::Listening(sockets) => sockets,
            _ => &[],
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Stopped)
    }
}

impl Core {
    /// Whether somebody wants a connection now, besides those that are reserved.
    fn wants(&self, staff: &Subscriptions, reserved: usize) -> bool {
        if self.stopping || !matches!(self.state, State::Listening(_)) {
            return false;
        }
        let subscribed = (self.subscribers.wants(RECEIVED) || staff.wants(RECEIVED))
            && self.subscribers.have_room_besides(RECEIVED, reserved)
            && staff.have_room(RECEIVED);
        self.limit.is_none_or(|limit| limit > reserved as u64)
            && (subscribed || self.accepting > self.accepted.len() + reserved)
    }

    /// What leaves the lock.
    fn leaving(&mut self) -> &mut Leaving {
        self.leaving.get_or_insert_default()
    }

    /// Wakes every future that waits for something to change, once the lock is gone.
    pub(super) fn notify(&mut self) {
        if !self.watchers.is_empty() {
            let left = self.watchers.take();
            self.leaving().woken.extend(left);
        }
    }

    /// Wakes the future at this place when something changes.
    pub(super) fn watch(&mut self, place: &mut Place, waker: &Waker) {
        if let Some(left) = self.watchers.watch(place, waker) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Whoever had this place waits no longer.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some(left) = self.watchers.leave(place) {
            self.leaving().forgotten.push(left);
        }
    }

    /// Adds a subscriber, in place of those that have died.
    pub(super) fn subscribe(&mut self, subscriber: Subscriber, room: &Arc<AtomicWaker>) {
        let dead = self.subscribers.add(subscriber, room);
        self.leaving().subscriptions.extend(dead);
    }

    pub(super) fn unsubscribe(&mut self, id: SubscriptionId) {
        let removed = self.subscribers.remove(id);
        self.leaving().subscriptions.extend(removed);
    }
}
