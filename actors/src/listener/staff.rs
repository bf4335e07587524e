//! Actors that a listener makes for itself, on each of its arbiters.

use crate::subscription::{EventSet, Subscriber};
use crate::supervision::{Down, Plan, Supervise};
use actix::WeakRecipient;
use actix::prelude::*;
use slog::Logger;
use std::fmt;
use std::sync::Arc;

/// Makes an actor on each arbiter of a listener, which hears of the connections accepted there.
///
/// It is supervised, and restarted after a panic and after stopping. When it has ended for good (its budget is spent,
/// or it said [`finish`](crate::supervision::finish)) its arbiter accepts no more.
#[derive(Clone)]
pub struct Staff(Arc<Hire>);

type Hire = dyn Fn(&Logger, WeakRecipient<Down>) -> Subscriber + Send + Sync;

impl Staff {
    /// Has `make` called once on each arbiter; the actor's mailbox gets the events of the set `S`.
    pub fn new<S, A>(make: impl Fn() -> A + Send + Sync + 'static) -> Self
    where
        S: EventSet<A>,
        A: Supervised + Actor<Context = Context<A>>,
    {
        Self(Arc::new(move |log, watcher| {
            let supervise = Supervise::new(Plan::permanent()).logger(log.clone());
            let child = supervise.start(|_| make());
            child.watch(watcher);
            Subscriber::mailbox::<S, A>(child.addr())
        }))
    }

    /// Makes one on this arbiter. The watcher is told when it has ended for good.
    pub(super) fn hire(&self, log: &Logger, watcher: WeakRecipient<Down>) -> Subscriber {
        (self.0)(log, watcher)
    }
}

impl fmt::Debug for Staff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Staff")
    }
}
