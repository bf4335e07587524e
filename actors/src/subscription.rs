//! Who hears of what: event sets, subscriptions, and the credit that holds a flow back.
//!
//! A subscription names a set of event types and an actor's address; the events of the set arrive in the actor's
//! mailbox, in the order in which they happened, across types. Several actors may subscribe to one connection,
//! from any arbiter. A subscription holds its actor until the terminal event, until it is withdrawn, or until the
//! actor dies.

use crate::credit::Window;
use crate::events::{ConnectionReceived, Event, EventKind, EventType, Received, SoftError};
use actix::prelude::*;
use futures::task::AtomicWaker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A set of event types that an actor handles: one type, or a tuple of sets.
pub trait EventSet<A: Actor>: 'static {
    /// Which events are in it.
    const KINDS: Kinds;

    /// Puts the event into the actor's mailbox.
    fn deliver(to: &Addr<A>, event: &Event);
}

impl<E: EventType, A: Actor<Context = Context<A>> + Handler<E>> EventSet<A> for E {
    const KINDS: Kinds = Kinds::of(E::KIND);

    #[expect(
        clippy::disallowed_methods,
        reason = "events are bounded by what the application asked for (see `events`), Received by Credit; a refused event would break the order across types"
    )]
    fn deliver(to: &Addr<A>, event: &Event) {
        if let Some(event) = E::of(event) {
            to.do_send(event.clone());
        }
    }
}

/// Every event, as one type.
impl<A: Actor<Context = Context<A>> + Handler<Self>> EventSet<A> for Event {
    const KINDS: Kinds = Kinds::all();

    #[expect(clippy::disallowed_methods, reason = "bounded like the events it stands for")]
    fn deliver(to: &Addr<A>, event: &Event) {
        to.do_send(event.clone());
    }
}

macro_rules! event_sets {
    ($( ($($set:ident)+) )*) => {$(
        impl<A: Actor, $($set: EventSet<A>),+> EventSet<A> for ($($set,)+) {
            const KINDS: Kinds = Kinds::none() $(.and($set::KINDS))+;

            fn deliver(to: &Addr<A>, event: &Event) {
                $(
                    if $set::KINDS.contains(event.kind()) {
                        $set::deliver(to, event);
                    }
                )+
            }
        }
    )*};
}

event_sets! {
    (E1) (E1 E2) (E1 E2 E3) (E1 E2 E3 E4) (E1 E2 E3 E4 E5) (E1 E2 E3 E4 E5 E6) (E1 E2 E3 E4 E5 E6 E7)
    (E1 E2 E3 E4 E5 E6 E7 E8) (E1 E2 E3 E4 E5 E6 E7 E8 E9) (E1 E2 E3 E4 E5 E6 E7 E8 E9 E10)
    (E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11) (E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12)
}

/// A set of event kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// No event.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every event.
    pub const fn all() -> Self {
        Self(u64::MAX)
    }

    /// One kind of event.
    pub const fn of(kind: EventKind) -> Self {
        Self(1 << kind as u64)
    }

    /// Those of either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the kind is among them.
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }
}

/// Names a subscription, to withdraw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

/// Where events go. Made once; every connection it is used for keeps its own credit.
#[derive(Clone)]
pub struct Subscriber {
    id: SubscriptionId,
    kinds: Kinds,
    mouth: Arc<dyn Mouth>,
}

/// The far end of a subscription.
pub(crate) trait Mouth: Send + Sync {
    fn deliver(&self, event: &Event);

    /// Whether somebody is still there.
    fn is_alive(&self) -> bool;
}

struct Mailbox<A: Actor, S> {
    addr: Addr<A>,
    set: std::marker::PhantomData<fn() -> S>,
}

impl<A: Actor, S: EventSet<A>> Mouth for Mailbox<A, S> {
    fn deliver(&self, event: &Event) {
        S::deliver(&self.addr, event);
    }

    fn is_alive(&self) -> bool {
        self.addr.connected()
    }
}

impl Subscriber {
    /// Delivers the events of the set `S` to the actor's mailbox.
    pub fn mailbox<S: EventSet<A>, A: Actor>(addr: &Addr<A>) -> Self {
        Self::new(
            S::KINDS,
            Arc::new(Mailbox { addr: addr.clone(), set: std::marker::PhantomData::<fn() -> S> }),
        )
    }

    pub(crate) fn new(kinds: Kinds, mouth: Arc<dyn Mouth>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = SubscriptionId(NEXT.fetch_add(1, Ordering::Relaxed) as u64);
        Self { id, kinds, mouth }
    }

    /// Tells it of one event, if it is subscribed to events of that kind.
    pub(crate) fn tell(&self, event: &Event) {
        if self.kinds.contains(event.kind()) {
            self.mouth.deliver(event);
        }
    }

    /// Its name.
    pub fn id(&self) -> SubscriptionId {
        self.id
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("id", &self.id).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

/// The subscribers of one connection or listener.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    subscriber: Subscriber,
    window: Arc<Window>,
}

impl Subscriptions {
    /// These subscribers, with full windows; room in one of them wakes `waker`.
    pub(crate) fn new(subscribers: &[Subscriber], waker: &Arc<AtomicWaker>) -> Self {
        let mut new = Self::default();
        for subscriber in subscribers {
            new.add(subscriber.clone(), waker);
        }
        new
    }

    /// Adds a subscriber, in place of those that have died, which are given back.
    pub(crate) fn add(&mut self, subscriber: Subscriber, waker: &Arc<AtomicWaker>) -> Option<Self> {
        let dead = self.take(|one| !one.subscriber.mouth.is_alive());
        self.list.push(Subscription { subscriber, window: Window::new(waker) });
        dead
    }

    /// Removes a subscriber, which is given back.
    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<Self> {
        self.take(|one| one.subscriber.id == id)
    }

    fn take(&mut self, which: impl FnMut(&mut Subscription) -> bool) -> Option<Self> {
        let list: Vec<_> = self.list.extract_if(.., which).collect();
        (!list.is_empty()).then_some(Self { list })
    }

    /// Whether somebody wants events of this kind.
    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.list.iter().any(|one| one.subscriber.kinds.contains(kind) && one.subscriber.mouth.is_alive())
    }

    /// Whether everyone who wants events of this kind has room for one more, given windows of `size`.
    pub(crate) fn have_room(&self, kind: EventKind, size: usize) -> bool {
        self.list
            .iter()
            .filter(|one| one.subscriber.kinds.contains(kind) && one.subscriber.mouth.is_alive())
            .all(|one| one.window.has_room(size))
    }

    pub(crate) fn deliver(&self, event: &Event) {
        for one in self.list.iter().filter(|one| one.subscriber.kinds.contains(event.kind())) {
            match event {
                Event::Received(received) => {
                    let credit = one.window.credit();
                    one.subscriber.mouth.deliver(&Received { credit, ..received.clone() }.into());
                }
                Event::ConnectionReceived(received) => {
                    let credit = one.window.credit();
                    one.subscriber.mouth.deliver(&ConnectionReceived { credit, ..received.clone() }.into());
                }
                Event::SoftError(error) => {
                    if let Some(credit) = one.window.credit_for_soft_error() {
                        one.subscriber.mouth.deliver(&SoftError { credit, ..error.clone() }.into());
                    }
                }
                event => one.subscriber.mouth.deliver(event),
            }
        }
    }
}
