//! What a listener's handles and its actor have in common.

use super::handle::{Listener, ListenerId, ListenerRef};
use crate::credit::Credit;
use crate::events::{ConnectionReceived, Event, EventKind, ListenError, Stopped};
use crate::flow::Connection;
use crate::subscription::{Subscriber, Subscriptions};
use crate::watchers::Watchers;
use futures::task::AtomicWaker;
use neatflow_core::{ListenFailure, Protocol};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// How many ConnectionReceived events a subscriber may hold before the listener stops accepting; the others wait
/// in the backlog.
const WINDOW: usize = 128;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) id: ListenerId,
    /// Wakes the actor.
    pub(super) waker: Arc<AtomicWaker>,
    handles: AtomicUsize,
    core: Mutex<Core>,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) subscribers: Subscriptions,
    /// How many more connections are wanted (RFC 9622 §7.2, SetNewConnectionLimit); `None` = any number.
    pub(super) limit: Option<u64>,
    pub(super) stopping: bool,
    /// Where it listens, once it does; why it does not, once it does not.
    pub(super) state: State,
    /// Accepted for `accept`, and not taken yet.
    pub(super) accepted: VecDeque<Connection>,
    /// Who waits in `accept`.
    pub(super) accepting: usize,
    pub(super) watchers: Watchers,
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
        let waker = Arc::new(AtomicWaker::new());
        Arc::new(Self {
            id: ListenerId::next(),
            handles: AtomicUsize::new(0),
            core: Mutex::new(Core {
                subscribers: Subscriptions::new(WINDOW, subscribers, &waker),
                limit: None,
                stopping: false,
                state: State::Opening,
                accepted: VecDeque::new(),
                accepting: 0,
                watchers: Watchers::default(),
            }),
            waker,
        })
    }

    pub(crate) fn handle(self: &Arc<Self>) -> Listener {
        Listener::counted(self.clone())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.stop();
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.waker.wake();
    }

    pub(super) fn listening(&self, sockets: Vec<(Protocol, SocketAddr)>) {
        let mut core = self.lock();
        core.state = State::Listening(sockets);
        core.notify();
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
        let _gone = core.subscribers.take_all();
        core.notify();
        // Dropped outside the lock: a connection that nobody took closes, and that takes a lock of its own.
        let _left = std::mem::take(&mut core.accepted);
        drop(core);
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
    /// Whether somebody wants the next connection now.
    pub(super) fn wants(&self) -> bool {
        let subscribed = self.subscribers.wants(EventKind::ConnectionReceived)
            && self.subscribers.have_room(EventKind::ConnectionReceived);
        self.limit != Some(0) && (subscribed || self.accepting > self.accepted.len())
    }

    /// Hands a new connection to whoever waits for one, or to the subscribers.
    pub(super) fn receive(&mut self, shared: &Arc<Shared>, connection: Connection) {
        self.limit = self.limit.map(|limit| limit.saturating_sub(1));
        if self.accepting > self.accepted.len() {
            self.accepted.push_back(connection);
        } else {
            let listener = ListenerRef::new(shared.clone());
            let event = ConnectionReceived { listener, connection, credit: Credit::default() };
            self.subscribers.deliver(&event.into());
        }
        self.notify();
    }

    pub(super) fn notify(&mut self) {
        self.watchers.take().for_each(Waker::wake);
    }
}
