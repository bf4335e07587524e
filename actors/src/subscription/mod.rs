//! Who hears of what: event sets, subscriptions, and the credit that holds a flow back.
//!
//! A subscription names a set of event types and an actor's address; the events of the set arrive in the actor's
//! mailbox, in the order in which they happened, across types. Several actors may subscribe to one connection,
//! from any arbiter. A subscription holds its actor until the terminal event, until it is withdrawn, or until the
//! actor dies.

mod list;

pub(crate) use list::{Subscription, Subscriptions};

use crate::events::{Event, EventKind, EventType, Received, ReceivedPartial};
use actix::dev::MessageResponse;
use actix::prelude::*;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A set of event types that an actor handles: one type, or a tuple of sets.
pub trait EventSet<A: Actor>: 'static {
    /// Which events are in it.
    const KINDS: Kinds;

    /// Whether no event is in two of the sets that it is made of: then nothing is copied.
    #[doc(hidden)]
    const APART: bool = true;

    /// Puts the event into the actor's mailbox.
    fn deliver(to: &Addr<A>, event: Event);

    /// Has the actor handle the event now, in its own turn.
    fn handle(actor: &mut A, ctx: &mut A::Context, event: Event);
}

impl<E: EventType, A: Actor<Context = Context<A>> + Handler<E>> EventSet<A> for E {
    const KINDS: Kinds = Kinds::of(E::KIND);

    #[expect(
        clippy::disallowed_methods,
        reason = "events are bounded by what the application asked for (see `events`), Received by Credit; a refused event would break the order across types"
    )]
    fn deliver(to: &Addr<A>, event: Event) {
        if let Ok(event) = E::try_from(event) {
            to.do_send(event);
        }
    }

    fn handle(actor: &mut A, ctx: &mut Context<A>, event: Event) {
        if let Ok(event) = E::try_from(event) {
            // Whatever a handler may return works here too: what is asynchronous is spawned.
            let result = <A as Handler<E>>::handle(actor, event, ctx);
            MessageResponse::<A, E>::handle(result, ctx, None);
        }
    }
}

/// Every event, as one type.
impl<A: Actor<Context = Context<A>> + Handler<Self>> EventSet<A> for Event {
    const KINDS: Kinds = Kinds::all();

    #[expect(clippy::disallowed_methods, reason = "bounded like the events it stands for")]
    fn deliver(to: &Addr<A>, event: Event) {
        to.do_send(event);
    }

    fn handle(actor: &mut A, ctx: &mut Context<A>, event: Event) {
        let result = <A as Handler<Self>>::handle(actor, event, ctx);
        MessageResponse::<A, Self>::handle(result, ctx, None);
    }
}

/// Gives an event to each set that has it; the last one need not copy it.
fn share<F: Copy>(event: Event, sets: &[(Kinds, F)], mut give: impl FnMut(F, Event)) {
    let kind = event.kind();
    let Some(last) = sets.iter().rposition(|(kinds, _)| kinds.contains(kind)) else { return };
    for (_, to) in sets[..last].iter().filter(|(kinds, _)| kinds.contains(kind)) {
        give(*to, event.clone());
    }
    give(sets[last].1, event);
}

/// The same messages for whoever hears of parts alone. Each holds a place in the window.
pub(crate) fn as_parts(received: Received) -> impl Iterator<Item = Event> {
    let Received { connection, receive, messages, credit } = received;
    messages.into_iter().map(move |message| {
        let (connection, credit) = (connection.clone(), credit.clone());
        ReceivedPartial { connection, receive, message, end_of_message: true, credit }.into()
    })
}

macro_rules! event_sets {
    ($( ($($set:ident)+) )*) => {$(
        impl<A: Actor, $($set: EventSet<A>),+> EventSet<A> for ($($set,)+) {
            const KINDS: Kinds = Kinds::none() $(.and($set::KINDS))+;
            const APART: bool = 0 $(+ $set::KINDS.count())+ == Self::KINDS.count();

            fn deliver(to: &Addr<A>, event: Event) {
                let kind = event.kind();
                $(if Self::APART && $set::KINDS.contains(kind) {
                    return $set::deliver(to, event);
                })+
                let sets = [$(($set::KINDS, $set::deliver as fn(&Addr<A>, Event)),)+];
                share(event, &sets, |deliver, event| deliver(to, event));
            }

            fn handle(actor: &mut A, ctx: &mut A::Context, event: Event) {
                let kind = event.kind();
                $(if Self::APART && $set::KINDS.contains(kind) {
                    return $set::handle(actor, ctx, event);
                })+
                let sets = [$(($set::KINDS, $set::handle as fn(&mut A, &mut A::Context, Event)),)+];
                share(event, &sets, |handle, event| handle(actor, ctx, event));
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

    /// Those of connections; what happens to listeners is told by these alone.
    pub(crate) const OF_CONNECTIONS: Self = {
        let of_listeners = Self::of(EventKind::ConnectionReceived)
            .and(Self::of(EventKind::ListenError))
            .and(Self::of(EventKind::Stopped));
        Self(!of_listeners.0)
    };

    /// Whether an event is in both.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// How many.
    const fn count(self) -> u32 {
        self.0.count_ones()
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
    /// It hears of parts of messages alone: to it a message that comes whole is a part that ends it.
    parts_only: bool,
    mouth: Arc<dyn Mouth>,
}

/// The far end of a subscription.
pub(crate) trait Mouth: Send + Sync {
    fn deliver(&self, event: Event);

    /// Whether somebody is still there.
    fn is_alive(&self) -> bool;
}

struct Mailbox<A: Actor, S> {
    addr: Addr<A>,
    set: std::marker::PhantomData<fn() -> S>,
}

impl<A: Actor, S: EventSet<A>> Mouth for Mailbox<A, S> {
    fn deliver(&self, event: Event) {
        S::deliver(&self.addr, event);
    }

    fn is_alive(&self) -> bool {
        self.addr.connected()
    }
}

impl Subscriber {
    /// Delivers the events of the set `S` to the actor's mailbox.
    pub fn mailbox<S: EventSet<A>, A: Actor>(addr: &Addr<A>) -> Self {
        Self::at::<S, A>(addr.clone())
    }

    pub(crate) fn at<S: EventSet<A>, A: Actor>(addr: Addr<A>) -> Self {
        let set = std::marker::PhantomData::<fn() -> S>;
        Self::new(S::KINDS, Arc::new(Mailbox { addr, set }))
    }

    pub(crate) fn mouth(&self) -> Arc<dyn Mouth> {
        self.mouth.clone()
    }

    pub(crate) fn new(kinds: Kinds, mouth: Arc<dyn Mouth>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = SubscriptionId(NEXT.fetch_add(1, Ordering::Relaxed) as u64);
        let received = Kinds::of(EventKind::Received);
        let parts_only = kinds.contains(EventKind::ReceivedPartial) && !kinds.contains(EventKind::Received);
        Self { id, kinds: if parts_only { kinds.and(received) } else { kinds }, parts_only, mouth }
    }

    /// Tells it of one event, if it is subscribed to events of that kind.
    pub(crate) fn tell(&self, event: &Event) {
        if self.kinds.contains(event.kind()) {
            self.mouth.deliver(event.clone());
        }
    }

    /// Which events it hears of.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Whether it wants to hear of the networks.
    pub(crate) fn minds_network(&self) -> bool {
        self.kinds.contains(EventKind::NetworkStatusChanged)
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
