//! The handle of a listener.

use super::shared::{Core, Shared, State};
use crate::flow::Connection;
use crate::subscription::{EventSet, Subscriber, SubscriptionId};
use crate::watchers::Place;
use actix::prelude::*;
use neatflow_core::{ListenFailure, Protocol};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Cx, Poll};

/// Names a listener within this process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ListenerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A listener, as an application holds it (RFC 9622 §7.2). Dropping the last handle stops it; connections that it
/// has accepted live on.
#[must_use = "dropping the last handle of a listener stops it"]
pub struct Listener {
    shared: Arc<Shared>,
    /// Whether it keeps the listener going.
    counts: bool,
}

impl Listener {
    pub(super) fn counted(shared: Arc<Shared>) -> Self {
        shared.count_handle();
        Self { shared, counts: true }
    }

    /// Its name within this process.
    pub fn id(&self) -> ListenerId {
        self.shared.id
    }

    /// Where it listens; empty until it does. All sockets have the same port, unless ports were given.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.lock().state.addresses()
    }

    /// Each of its sockets: the protocol, and where it listens; empty until it does. What several arbiters share
    /// counts once.
    pub fn sockets(&self) -> Vec<(Protocol, SocketAddr)> {
        self.shared.lock().state.sockets().to_vec()
    }

    /// Waits until it listens; the addresses.
    ///
    /// *Errors*: why it does not. *Cancel safety*: safe.
    pub fn listening(&self) -> ListeningFuture {
        ListeningFuture { shared: self.shared.clone(), place: None }
    }

    /// Waits for a connection and takes it: no subscriber is told of it. `None` once the listener has stopped.
    ///
    /// *Cancel safety*: safe; a connection that has come stays for whoever accepts next.
    pub fn accept(&self) -> AcceptFuture {
        AcceptFuture { shared: self.shared.clone(), waits: false, place: None }
    }

    /// Takes this many connections more, and then none until the limit is set again; the others wait in the
    /// backlog. `None` = any number (default). RFC 9622 §7.2 (SetNewConnectionLimit).
    pub fn new_connection_limit(&self, limit: Option<u64>) {
        self.shared.lock().limit = limit;
        self.shared.bell.ring();
    }

    /// Stops listening; Stopped tells when it has. Connections that were accepted live on. RFC 9622 §7.2.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// From now on, delivers the events of the set `S` to the actor's mailbox. For connections that are accepted
    /// only subscriptions made before `listen` count, or those made on the connection.
    pub fn subscribe<S: EventSet<A>, A: Actor>(&self, actor: &Addr<A>) -> SubscriptionId {
        let subscriber = Subscriber::mailbox::<S, A>(actor);
        let id = subscriber.id();
        let mut core = self.shared.lock();
        if let Some(last) = self.last_words(&core) {
            subscriber.tell(&last);
        } else {
            core.subscribe(subscriber, &self.shared.room);
        }
        drop(core);
        self.shared.bell.ring();
        id
    }

    /// Withdraws a subscription.
    pub fn unsubscribe(&self, subscription: SubscriptionId) {
        self.shared.lock().unsubscribe(subscription);
        // It may have been the one that had no room.
        self.shared.bell.ring();
    }

    /// The terminal event, for whoever subscribes after it.
    fn last_words(&self, core: &Core) -> Option<crate::events::Event> {
        let listener = ListenerRef::new(self.shared.clone());
        match &core.state {
            State::Opening | State::Listening(_) => None,
            State::Stopped => Some(crate::events::Stopped { listener }.into()),
            State::Failed(reason) => {
                Some(crate::events::ListenError { listener, reason: reason.clone() }.into())
            }
        }
    }
}

impl Clone for Listener {
    fn clone(&self) -> Self {
        Self::counted(self.shared.clone())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.counts {
            self.shared.drop_handle();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id()).field("addresses", &self.addresses()).finish()
    }
}

/// The listener an event speaks of. It can do all a [`Listener`] can, but does not keep it going;
/// [`keep`](Self::keep) makes a handle that does.
pub struct ListenerRef(Listener);

impl ListenerRef {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(Listener { shared, counts: false })
    }

    /// A handle that keeps the listener going.
    pub fn keep(&self) -> Listener {
        self.0.clone()
    }
}

impl Deref for ListenerRef {
    type Target = Listener;

    fn deref(&self) -> &Listener {
        &self.0
    }
}

impl Clone for ListenerRef {
    fn clone(&self) -> Self {
        Self::new(self.0.shared.clone())
    }
}

impl fmt::Debug for ListenerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the addresses: an event may be printed while the listener is locked.
        f.debug_tuple("ListenerRef").field(&self.0.id()).finish()
    }
}

/// Waits until a listener listens.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ListeningFuture {
    shared: Arc<Shared>,
    place: Place,
}

impl Future for ListeningFuture {
    type Output = Result<Vec<SocketAddr>, ListenFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut core = this.shared.lock();
        match &core.state {
            State::Listening(_) => return Poll::Ready(Ok(core.state.addresses())),
            State::Failed(failure) => return Poll::Ready(Err(failure.clone())),
            State::Stopped => return Poll::Ready(Err(ListenFailure::Stopped("it was told to".into()))),
            State::Opening => {}
        }
        core.watch(&mut this.place, cx.waker());
        Poll::Pending
    }
}

impl Drop for ListeningFuture {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.shared.lock().leave(self.place);
        }
    }
}

/// Waits for a connection and takes it.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct AcceptFuture {
    shared: Arc<Shared>,
    /// Whether the listener knows that we wait.
    waits: bool,
    place: Place,
}

impl Future for AcceptFuture {
    type Output = Option<Connection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Option<Connection>> {
        let this = self.get_mut();
        let mut core = this.shared.lock();
        let accepted = core.accepted.pop_front();
        let over = accepted.is_some() || core.state.has_ended();
        match (this.waits, over) {
            (false, false) => core.accepting += 1,
            (true, true) => core.accepting -= 1,
            _ => {}
        }
        this.waits = !over;
        if over {
            return Poll::Ready(accepted);
        }
        core.watch(&mut this.place, cx.waker());
        drop(core);
        this.shared.bell.ring();
        Poll::Pending
    }
}

impl Drop for AcceptFuture {
    fn drop(&mut self) {
        if self.place.is_some() {
            let mut core = self.shared.lock();
            core.accepting -= usize::from(self.waits);
            core.leave(self.place);
        }
    }
}
