//! An actor that hears everything, remembers it, and knows what may not be.

mod trace;

pub use trace::{Line, Trace};

use actix::prelude::*;
use neatflow_actors::Credit;
use neatflow_actors::events::{
    Aborted, AllWritten, Closed, ConnectionError, ConnectionReceived, EstablishmentError, Event, EventKind,
    ListenError, NetworkStatusChanged, Ready, ReceiveError, Received, SendError, Sent, SoftError, Stopped,
    Timeout,
};
use neatflow_actors::subscription::{EventSet, Subscriber};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// How long a test may wait for the next event, in virtual time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A subscriber to everything. Cheap to clone; the clones are one.
///
/// It keeps each event until [`next`](Self::next) takes it, the connection of a `ConnectionReceived` included;
/// credit it gives back at once, unless it was told to [hold](Self::hold) it. What it heard it remembers for good
/// as a [`Trace`].
///
/// ```
/// use neatflow_actors::events::EventKind;
/// use neatflow_testing::harness::Harness;
/// use neatflow_testing::probe::EventProbe;
/// use neatflow_testing::stack::{Outcome, ScriptedStack};
/// use neatflow_testing::paused;
///
/// paused(async {
///     let harness = Harness::new(&ScriptedStack::new().otherwise(Outcome::refused()));
///     let probe = EventProbe::start();
///     let _connection = harness.to("192.0.2.1:443").tell(&probe).initiate();
///     probe.until(EventKind::EstablishmentError).await;
///     assert_eq!(probe.words(), ["EstablishmentError"]);
///     probe.check();
/// });
/// ```
#[derive(Clone)]
pub struct EventProbe {
    addr: Addr<Probe>,
    shared: Arc<Mutex<State>>,
}

/// The actor behind an [`EventProbe`].
pub struct Probe {
    shared: Arc<Mutex<State>>,
    start: Instant,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    trace: Trace,
    holds: bool,
    waiting: Vec<Waker>,
}

impl EventProbe {
    /// A probe on this arbiter.
    pub fn start() -> Self {
        let shared = Arc::<Mutex<State>>::default();
        let addr = Probe { shared: shared.clone(), start: Instant::now() }.start();
        Self { addr, shared }
    }

    /// A probe on another arbiter. Its clock is real: time passes there.
    pub fn start_on(arbiter: &ArbiterHandle) -> Self {
        let shared = Arc::<Mutex<State>>::default();
        let probe = shared.clone();
        let addr = Probe::start_in_arbiter(arbiter, move |_| Probe { shared: probe, start: Instant::now() });
        Self { addr, shared }
    }

    /// Keeps the credit of events until they are taken: a slow subscriber.
    #[must_use]
    pub fn hold(self) -> Self {
        self.lock().holds = true;
        self
    }

    /// Gives back all credit, and holds none from now on.
    pub fn release(&self) {
        let mut state = self.lock();
        state.holds = false;
        let held: Vec<Event> = state.events.drain(..).collect();
        state.events.extend(held.iter().cloned().map(without_credit));
        drop(state);
    }

    /// Its address, to subscribe by hand.
    pub fn addr(&self) -> &Addr<Probe> {
        &self.addr
    }

    /// A subscription to everything.
    pub fn subscriber(&self) -> Subscriber {
        self.subscriber_to::<Event>()
    }

    /// A subscription to the events of a set.
    pub fn subscriber_to<S: EventSet<Probe>>(&self) -> Subscriber {
        Subscriber::mailbox::<S, Probe>(&self.addr)
    }

    /// Ends the actor; what it heard is still here.
    pub fn stop(&self) {
        self.addr.do_send(Stop);
    }

    /// The next event that was not taken yet; waits for it.
    ///
    /// # Panics
    /// When none comes within a (virtual) hour, with what came before.
    pub async fn next(&self) -> Event {
        let next = poll_fn(|cx| {
            let mut state = self.lock();
            let event = state.events.pop_front();
            if event.is_none() {
                state.waiting.push(cx.waker().clone());
            }
            event.map_or(Poll::Pending, Poll::Ready)
        });
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(event) => event,
            Err(_) => panic!("nothing more happens after:\n{}", self.trace()),
        }
    }

    /// The next event of this kind; those before it are taken, too.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn until(&self, kind: EventKind) -> Event {
        loop {
            let event = self.next().await;
            if event.kind() == kind {
                return event;
            }
        }
    }

    /// The next terminal event; those before it are taken, too.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn end(&self) -> Event {
        loop {
            let event = self.next().await;
            if event.is_terminal() {
                return event;
            }
        }
    }

    /// The next event that was not taken yet, if there is one.
    pub fn try_next(&self) -> Option<Event> {
        self.lock().events.pop_front()
    }

    /// What was heard so far, taken or not, by name.
    pub fn words(&self) -> Vec<&'static str> {
        self.lock().trace.words()
    }

    /// What was heard so far, taken or not.
    pub fn trace(&self) -> Trace {
        self.lock().trace.clone()
    }

    /// Asserts that nothing was heard that may not be; see [`Trace::check`].
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn check(&self) {
        self.trace().check();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<Event> for Probe {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.trace.push(self.start.elapsed(), &event);
        let event = if state.holds { event } else { without_credit(event) };
        state.events.push_back(event);
        state.waiting.drain(..).for_each(Waker::wake);
    }
}

macro_rules! handles {
    ($($event:ident)*) => {$(
        impl Handler<$event> for Probe {
            type Result = ();

            fn handle(&mut self, event: $event, ctx: &mut Self::Context) {
                self.handle(Event::from(event), ctx);
            }
        }
    )*};
}

handles! {
    Ready EstablishmentError Sent SendError AllWritten Received ReceiveError Aborted Timeout Closed
    ConnectionError ConnectionReceived ListenError Stopped SoftError NetworkStatusChanged
}

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for Probe {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

fn without_credit(event: Event) -> Event {
    match event {
        Event::Received(mut received) => {
            received.credit = Credit::default();
            received.into()
        }
        Event::ConnectionReceived(mut received) => {
            received.credit = Credit::default();
            received.into()
        }
        Event::SoftError(mut error) => {
            error.credit = Credit::default();
            error.into()
        }
        Event::NetworkStatusChanged(mut changed) => {
            changed.credit = Credit::default();
            changed.into()
        }
        event => event,
    }
}

impl fmt::Debug for EventProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventProbe").field(&self.words()).finish()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}
