//! Connections that one actor drives in its own turn.
//!
//! ```text
//!   wakers of the engines ──▶ Ready ──▶ Run (one future in the actor's context)
//!                                        │ gives those that are ready their turns
//!                                        ▼
//!                             Engine ──events──▶ the actor's handlers
//! ```
//!
//! There is one such future for each actor, however many connections it drives: actix polls everything that an actor
//! spawned whenever it wakes. What is in it outlives the context: when the context goes (the actor restarts, or ends),
//! the engines are driven by tasks of their own again, and their events take the mailbox.

use super::attached::{Attached, Claim};
use super::driver::{drive, hand_over};
use super::engine::{Engine, Turn};
use super::handle::{Connection, ConnectionRef};
use super::heard::Heard;
use super::moving::Moving;
use super::pace::{Pace, yield_to_others};
use super::shared::Shared;
use crate::events::Event;
use crate::subscription::{EventSet, Mouth, Subscriber, Subscription, SubscriptionId};
use actix::WeakAddr;
use actix::prelude::*;
use futures::channel::oneshot;
use futures::task::{ArcWake, AtomicWaker, waker_ref};
use slab::Slab;
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Cx, Poll};
use tokio::task::unconstrained;

thread_local! {
    /// The sets of this arbiter's actors.
    static SETS: RefCell<HashMap<SetKey, Weak<dyn Seats>, BuildHasherDefault<Mixed>>> = RefCell::default();
}

/// Names the set of one actor, by its address: that is used by no other as long as the set is there, which has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SetKey(u64);

/// A hash of addresses, which nobody else chooses.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(32) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Names a place in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) set: SetKey,
    index: usize,
}

/// A set, whatever its actor.
trait Seats: Any {
    /// Takes an engine in; it comes back if nobody waits for it.
    fn seat(&self, index: usize, engine: Box<Engine>) -> Option<Box<Engine>>;

    /// Gives up a place that was kept for the engine of this connection.
    fn vacate(&self, index: usize, shared: &Arc<Shared>);
}

/// Takes an engine into a set of this arbiter; it comes back if the set is gone.
pub(super) fn seat(seat: Seat, engine: Box<Engine>) -> Option<Box<Engine>> {
    match find(&seat.set) {
        Some(set) => set.seat(seat.index, engine),
        None => Some(engine),
    }
}

/// Waits for an engine that comes from another arbiter.
fn await_arrival(seat: Seat, shared: &Arc<Shared>) -> oneshot::Sender<Moving> {
    let (mover, arrival) = oneshot::channel();
    let shared = shared.clone();
    actix_rt::spawn(async move {
        // What does not arrive has ended, stays where it is, or was here already.
        let Ok(moving) = arrival.await else { return vacate(seat, &shared) };
        shared.lock().home = Some(std::thread::current().id());
        if let Some(mut engine) = self::seat(seat, Box::new(Engine::arrive(moving))) {
            engine.fall_back(None);
            drive(engine);
        }
    });
    mover
}

/// Nobody will come to this place.
pub(super) fn vacate(seat: Seat, shared: &Arc<Shared>) {
    if let Some(set) = find(&seat.set) {
        set.vacate(seat.index, shared);
    }
}

fn find(key: &SetKey) -> Option<Rc<dyn Seats>> {
    SETS.with_borrow(|sets| sets.get(key)?.upgrade())
}

/// Every connection that an actor drives itself: the actor's handlers hear of each in the actor's own turn, without a
/// mailbox between, and thousands of them cost no more than those that have something to say.
///
/// It is made of an actor's context, and there is one for each actor: all of them are views of the same.
/// [`Connection::attach`] adds to it as well.
pub struct FlowSet<A: Actor<Context = Context<A>>>(Rc<Set<A>>);

struct Set<A: Actor<Context = Context<A>>> {
    key: SetKey,
    actor: WeakAddr<A>,
    places: RefCell<Slab<Place<A>>>,
    ready: Arc<Ready>,
    /// Whether the actor's context has the future that gives turns.
    running: Cell<bool>,
    /// How subscribers of one event set reach the actor, should they have to. It keeps the actor alive, so it is here
    /// while there are connections, which do so too.
    mouth: RefCell<Option<(TypeId, Arc<dyn Mouth>)>>,
}

/// One connection in a set.
struct Place<A: Actor<Context = Context<A>>> {
    shared: Arc<Shared>,
    /// Keeps the connection open.
    kept: Option<Connection>,
    handle: Handle<A>,
    /// `None` until it has arrived, and while it has its turn.
    engine: Option<Box<Engine>>,
    waker: Arc<PlaceWaker>,
}

/// The places whose engines are to have a turn.
#[derive(Default)]
struct Ready {
    queue: Mutex<Queue>,
    /// Wakes the actor.
    actor: AtomicWaker,
}

#[derive(Default)]
struct Queue {
    places: VecDeque<usize>,
    /// The actor is giving turns, or was woken to: there is no need to wake it.
    is_awake: bool,
}

struct PlaceWaker {
    index: usize,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl ArcWake for PlaceWaker {
    fn wake_by_ref(place: &Arc<Self>) {
        if place.queue() {
            place.ready.actor.wake();
        }
    }
}

impl PlaceWaker {
    /// Has the place get a turn when turns are given next; whether the actor has to be woken for that.
    fn queue(&self) -> bool {
        if self.queued.swap(true, Ordering::AcqRel) {
            return false;
        }
        let mut queue = self.ready.lock();
        queue.places.push_back(self.index);
        !std::mem::replace(&mut queue.is_awake, true)
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next place; with none the actor has to be woken for another.
    fn pop(&self) -> Option<usize> {
        let mut queue = self.lock();
        let next = queue.places.pop_front();
        queue.is_awake = next.is_some();
        next
    }

    /// Nobody gives turns for now, whatever is ready: the actor has to be woken for them.
    fn rest(&self) {
        self.lock().is_awake = false;
    }
}

impl<A: Actor<Context = Context<A>>> FlowSet<A> {
    /// The set of the actor whose context this is.
    pub fn of(ctx: &Context<A>) -> Self {
        let address = ctx.address();
        let mut hasher = Mixed::default();
        address.hash(&mut hasher);
        let key = SetKey(hasher.finish());
        let actor = address.downgrade();
        let known = find(&key).and_then(|set| (set as Rc<dyn Any>).downcast::<Set<A>>().ok());
        Self(known.filter(|set| set.actor == actor).unwrap_or_else(|| Set::new(key, actor)))
    }

    /// Has the actor drive the connection: its handlers hear the events of the set `S` in the actor's own turn. See
    /// [`Connection::attach`].
    pub fn attach<S: EventSet<A>>(&self, connection: &Connection, ctx: &mut Context<A>) -> SubscriptionId {
        self.0.attach::<S>(connection.shared(), None, ctx)
    }

    /// The same, and keeps the connection open until it has ended, also when the actor restarts meanwhile. When the actor
    /// ends its connections are let go of: at once those that it drives, and with the next thing that happens on them
    /// those that it has heard of by its mailbox since it was restarted. To withdraw the subscription of one of the latter
    /// is to let go of it, too.
    pub fn adopt<S: EventSet<A>>(&self, connection: Connection, ctx: &mut Context<A>) -> SubscriptionId {
        let shared = connection.shared().clone();
        self.0.attach::<S>(&shared, Some(connection), ctx)
    }

    /// How many connections are in it.
    pub fn len(&self) -> usize {
        self.0.places.borrow().len()
    }

    /// Whether no connection is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections in it, in no particular order.
    pub fn connections(&self) -> Vec<ConnectionRef> {
        let places = self.0.places.borrow();
        places.iter().map(|(_, place)| ConnectionRef::new(place.shared.clone())).collect()
    }
}

impl<A: Actor<Context = Context<A>>> Set<A> {
    fn new(key: SetKey, actor: WeakAddr<A>) -> Rc<Self> {
        let set = Rc::new(Self {
            key,
            actor,
            places: RefCell::default(),
            ready: Arc::default(),
            running: Cell::new(false),
            mouth: RefCell::default(),
        });
        let weak: Weak<Self> = Rc::downgrade(&set);
        SETS.with_borrow_mut(|sets| sets.insert(key, weak));
        set
    }

    fn attach<S: EventSet<A>>(
        self: &Rc<Self>,
        shared: &Arc<Shared>,
        kept: Option<Connection>,
        ctx: &mut Context<A>,
    ) -> SubscriptionId {
        let subscriber = self.subscriber::<S>(ctx);
        let (id, minds_network) = (subscriber.id(), subscriber.minds_network());
        let mut core = shared.lock();
        if let Some(last) = core.last_words(shared) {
            drop(core);
            // Too late for anything else: whoever subscribes hears the terminal event.
            subscriber.tell(&last);
            return id;
        }
        // It may have fallen back to the mailbox before.
        let mut relieved = core.subscribers.relieve(self.key);
        let kept = kept.or_else(|| relieved.iter_mut().find_map(Subscription::take_kept));
        core.let_go(relieved);
        let subscription = Subscription::new(subscriber.clone(), core.subscribers.window(), &shared.waker);
        match &mut core.attached {
            Some(attached) if attached.seat.set == self.key => {
                let before = attached.resubscribe(subscription);
                let index = attached.seat.index;
                core.leaving().subscriptions.push(before);
                if let Some(place) = self.places.borrow_mut().get_mut(index) {
                    place.handle = S::handle;
                    place.kept = kept.or_else(|| place.kept.take());
                }
            }
            // Somebody else drives it.
            Some(_) => {
                let dead = core.subscribers.admit(subscription.standing_in(self.key, kept));
                core.let_go(dead);
            }
            None => {
                let seat = Seat { set: self.key, index: self.reserve::<S>(shared, kept) };
                core.attached = Some(Box::new(Attached::new(seat, subscription)));
                let home = std::thread::current().id();
                let is_near = core.home == Some(home);
                let mover = (!is_near).then(|| await_arrival(seat, shared));
                core.claim = Some(Box::new(Claim { seat, home, mover }));
                if !self.running.replace(true) {
                    ctx.spawn(Run(self.clone()));
                }
            }
        }
        shared.rouse(core);
        shared.has_subscriber(minds_network);
        id
    }

    fn subscriber<S: EventSet<A>>(&self, ctx: &Context<A>) -> Subscriber {
        let mut known = self.mouth.borrow_mut();
        match &*known {
            Some((set, mouth)) if *set == TypeId::of::<S>() => Subscriber::new(S::KINDS, mouth.clone()),
            _ => {
                let subscriber = Subscriber::at::<S, A>(ctx.address());
                if self.running.get() {
                    *known = Some((TypeId::of::<S>(), subscriber.mouth()));
                }
                subscriber
            }
        }
    }

    fn reserve<S: EventSet<A>>(&self, shared: &Arc<Shared>, kept: Option<Connection>) -> usize {
        let mut places = self.places.borrow_mut();
        let vacant = places.vacant_entry();
        let index = vacant.key();
        let waker = Arc::new(PlaceWaker { index, queued: AtomicBool::new(false), ready: self.ready.clone() });
        vacant.insert(Place { shared: shared.clone(), kept, handle: S::handle, engine: None, waker });
        index
    }

    /// Gives the engine at this place a turn.
    fn turn(&self, index: usize, pace: &mut Pace, actor: &mut A, ctx: &mut Context<A>) {
        let Some((mut turn, place, handle)) = Taken::out_of(self, index) else { return };
        let waker = waker_ref(&place);
        place.queued.store(false, Ordering::Release);
        let mut ear = |event| {
            handle(actor, ctx, event);
            // A handler may have stopped the actor, or have it wait for something.
            let hears = !ctx.waiting() && ctx.state() == ActorState::Running;
            if hears { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let Some(engine) = &mut turn.engine else { return };
        // The pace is what limits a turn. The budget that tokio gives a task is left to the actor's own futures: they are
        // polled afterwards, and timers would find it used up, turn after turn.
        let given = poll_fn(|cx| Poll::Ready(engine.turn(cx, pace, Some(&mut ear))));
        let Poll::Ready(turned) = pin!(unconstrained(given)).poll(&mut Cx::from_waker(&waker)) else {
            return;
        };
        match turned {
            Turn::Idle => {}
            // Turns are being given now: to wake the actor would only have it polled before others.
            Turn::Unfinished => drop(place.queue()),
            Turn::Claimed(claim) => {
                if let Some(engine) = turn.engine.take().and_then(|engine| hand_over(engine, claim)) {
                    turn.engine = Some(engine);
                    waker.wake_by_ref();
                }
            }
            Turn::Over => turn.engine = None,
        }
    }

    /// Nobody gives turns here any more: the engines are driven by tasks of their own.
    fn dissolve(&self) {
        self.running.set(false);
        let mouth = self.mouth.take();
        drop(mouth);
        for Place { shared, kept, engine, .. } in self.places.take().drain() {
            match engine {
                Some(mut engine) => {
                    engine.fall_back(kept);
                    drive(engine);
                }
                // It has not arrived yet, and finds nobody when it does.
                None => drop(shared.lock().fall_back(&mut Heard::default(), kept)),
            }
        }
    }
}

impl<A: Actor<Context = Context<A>>> Seats for Set<A> {
    fn seat(&self, index: usize, engine: Box<Engine>) -> Option<Box<Engine>> {
        let mut places = self.places.borrow_mut();
        let place = places.get_mut(index).filter(|place| {
            self.running.get() && place.engine.is_none() && Arc::ptr_eq(&place.shared, engine.shared())
        });
        let Some(place) = place else { return Some(engine) };
        place.engine = Some(engine);
        let waker = place.waker.clone();
        drop(places);
        ArcWake::wake(waker);
        None
    }

    fn vacate(&self, index: usize, shared: &Arc<Shared>) {
        let mut places = self.places.borrow_mut();
        let waits = |place: &Place<A>| place.engine.is_none() && Arc::ptr_eq(&place.shared, shared);
        let left = if places.get(index).is_some_and(waits) { places.try_remove(index) } else { None };
        drop(places);
        // The set may be empty now.
        self.ready.actor.wake();
        drop(left);
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Set<A> {
    fn drop(&mut self) {
        // A thread that ends has no sets.
        let _ = SETS.try_with(|sets| {
            let mut sets = sets.borrow_mut();
            // Another set may have taken the name.
            if sets.get(&self.key).is_some_and(|set| set.strong_count() == 0) {
                sets.remove(&self.key);
            }
        });
    }
}

/// An engine that has its turn: back to its place afterwards, also when a handler panics.
struct Taken<'a, A: Actor<Context = Context<A>>> {
    set: &'a Set<A>,
    index: usize,
    engine: Option<Box<Engine>>,
}

/// What hears the events of a place.
type Handle<A> = fn(&mut A, &mut Context<A>, Event);

impl<'a, A: Actor<Context = Context<A>>> Taken<'a, A> {
    fn out_of(set: &'a Set<A>, index: usize) -> Option<(Self, Arc<PlaceWaker>, Handle<A>)> {
        let mut places = set.places.borrow_mut();
        let place = places.get_mut(index)?;
        let engine = Some(place.engine.take()?);
        Some((Self { set, index, engine }, place.waker.clone(), place.handle))
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Taken<'_, A> {
    fn drop(&mut self) {
        let mut places = self.set.places.borrow_mut();
        let left = match self.engine.take() {
            Some(engine) => {
                if let Some(place) = places.get_mut(self.index) {
                    place.engine = Some(engine);
                }
                None
            }
            None => places.try_remove(self.index),
        };
        drop(places);
        // Outside the borrow: the last handle of a connection may be in it.
        drop(left);
    }
}

/// The future in the actor's context.
struct Run<A: Actor<Context = Context<A>>>(Rc<Set<A>>);

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Run<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, cx: &mut Cx<'_>) -> Poll<()> {
        let set = &self.0;
        set.ready.actor.register(cx.waker());
        let mut pace = Pace::default();
        while !pace.is_over() {
            if ctx.waiting() || ctx.state() != ActorState::Running {
                set.ready.rest();
                return Poll::Pending;
            }
            match set.ready.pop() {
                Some(index) => set.turn(index, &mut pace, actor, ctx),
                // A future that stays would keep the actor alive.
                None if set.places.borrow().is_empty() => return Poll::Ready(()),
                None => return Poll::Pending,
            }
        }
        yield_to_others(cx);
        Poll::Pending
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Run<A> {
    fn drop(&mut self) {
        self.0.dissolve();
    }
}

impl<A: Actor<Context = Context<A>>> Clone for FlowSet<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor<Context = Context<A>>> fmt::Debug for FlowSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
