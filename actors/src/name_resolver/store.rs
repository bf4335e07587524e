//! What is known, and who is asking: shared by all questions.

use super::Config;
use super::messages::Origin;
use super::servers::Dns;
use super::upstream::{Reply, Verdict};
use futures::future::{Either, select};
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::resolution::{Cache, Look, Records};
use neatflow_core::{ResolutionFailure, Time};
use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a lookup goes on after nobody waits for it any more: a race that was won need not ask again
/// (RFC 8305 §5).
const LINGER: Duration = Duration::from_secs(1);

/// A lookup: one type of one name, asked of one set of servers over one interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) name: Name,
    kind: u16,
    interface: Option<Arc<str>>,
    generation: u64,
}

/// What became of a lookup.
pub(super) struct Found {
    pub(super) result: Result<Records, ResolutionFailure>,
    pub(super) origin: Origin,
    /// For how long it is good, where somebody says.
    pub(super) ttl: Option<Duration>,
}

impl Found {
    pub(super) fn nobody(failure: ResolutionFailure) -> Self {
        Self { result: Err(failure), origin: Origin::Nobody, ttl: None }
    }
}

/// The cache, and the lookups under way.
pub(super) struct Store {
    state: Mutex<State>,
    in_flight: Arc<Semaphore>,
    timeout: Duration,
    epoch: Instant,
}

struct State {
    cache: Cache<Key, Kept>,
    flights: HashMap<Key, Arc<watch::Sender<Option<Reply>>>>,
    /// A task for each lookup; dropping the set ends all.
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Kept {
    result: Result<Records, ResolutionFailure>,
    secure: bool,
}

impl Store {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                cache: Cache::new(config.cache),
                flights: HashMap::new(),
                tasks: JoinSet::new(),
            }),
            in_flight: Arc::new(Semaphore::new(config.bounded_in_flight())),
            timeout: config.bounded_timeout(),
            epoch: Instant::now(),
        })
    }

    /// What a name has of one type: as it was kept, as somebody hears who asks already, or as the servers say now.
    /// Needs an arbiter.
    ///
    /// *Errors*: a failure of that name; there is no time limit but that of each lookup.
    ///
    /// *Cancel safety*: the lookup goes on for a moment, for whoever asks next.
    pub(super) async fn get(
        self: &Arc<Self>,
        dns: &Arc<Dns>,
        name: &Name,
        kind: RecordType,
        interface: Option<&Arc<str>>,
    ) -> Found {
        let key = Key {
            name: name.clone(),
            kind: kind.into(),
            interface: interface.cloned(),
            generation: dns.generation,
        };
        let mut patient = true;
        loop {
            let (mut answer, joined) = {
                let mut state = self.lock();
                match (state.cache.look(&key, self.now()), state.flights.get(&key)) {
                    (Look::Kept(kept, left), _) => {
                        let origin = Origin::Cache { secure: kept.secure };
                        return Found { result: kept.result, origin, ttl: Some(left) };
                    }
                    (Look::Open, Some(flight)) => (flight.subscribe(), true),
                    _ => (self.start(&mut state, dns, key.clone(), kind), false),
                }
            };
            let reply = match answer.wait_for(Option::is_some).await {
                Ok(reply) => reply.clone(),
                Err(_gone) => None,
            };
            match reply {
                // Its time was over earlier than ours.
                Some(reply) if joined && patient && is_late(&reply) => patient = false,
                Some(Reply { result, origin, ttl, verdict }) => {
                    let ttl = Some(ttl).filter(|_| verdict == Verdict::Answered);
                    return Found { result, origin, ttl };
                }
                None => {
                    let name = name.to_ascii().into();
                    let why = "the lookup failed".into();
                    return Found::nobody(ResolutionFailure::Other { name, why });
                }
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        state: &mut State,
        dns: &Arc<Dns>,
        key: Key,
        kind: RecordType,
    ) -> watch::Receiver<Option<Reply>> {
        while state.tasks.try_join_next().is_some() {}
        let (tell, answer) = watch::channel(None);
        let tell = Arc::new(tell);
        state.flights.insert(key.clone(), tell.clone());
        let flight = Flight {
            store: Arc::downgrade(self),
            key,
            outcome: None,
            in_flight: self.in_flight.clone(),
            timeout: self.timeout,
        };
        state.tasks.spawn_local(flight.run(dns.clone(), kind, tell));
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::from_origin(self.epoch.elapsed())
    }
}

/// A lookup under way. However it ends, dropping it says so.
struct Flight {
    store: Weak<Store>,
    key: Key,
    outcome: Option<Reply>,
    in_flight: Arc<Semaphore>,
    timeout: Duration,
}

impl Flight {
    async fn run(mut self, dns: Arc<Dns>, kind: RecordType, tell: Arc<watch::Sender<Option<Reply>>>) {
        let reply = {
            let asking = pin!(self.ask(&dns, kind));
            match select(asking, pin!(abandoned(&tell))).await {
                Either::Left((reply, _)) => reply,
                Either::Right(((), _)) => return,
            }
        };
        self.outcome = Some(reply.clone());
        // Before it is told: whoever hears it and asks again finds it kept.
        drop(self);
        tell.send_replace(Some(reply));
    }

    async fn ask(&self, dns: &Dns, kind: RecordType) -> Reply {
        let failed = |why: Arc<str>| {
            let name = self.key.name.to_ascii().into();
            Reply::nobody(ResolutionFailure::Other { name, why })
        };
        let Ok(_place) = self.in_flight.acquire().await else {
            return failed("the name resolver has stopped".into());
        };
        let pool = match dns.over(self.key.interface.as_ref()) {
            Ok(pool) => pool,
            Err(why) => return failed(why),
        };
        let asked = timeout(self.timeout, pool.ask(&self.key.name, kind));
        asked.await.unwrap_or_else(|_elapsed| {
            let name = self.key.name.to_ascii().into();
            Reply::nobody(ResolutionFailure::TimedOut { name, after: self.timeout })
        })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(store) = self.store.upgrade() else { return };
        let mut state = store.lock();
        state.flights.remove(&self.key);
        let outcome = self.outcome.take();
        let ttl = outcome.as_ref().map_or(Duration::ZERO, |reply| reply.ttl);
        let records = outcome.as_ref().map_or(0, |reply| reply.result.as_ref().map_or(0, Records::len));
        let kept = outcome.map(|reply| Kept { secure: reply.origin.is_secure(), result: reply.result });
        state.cache.land(&self.key, kept, records, ttl, store.now());
    }
}

/// Returns once nobody has waited for the answer for a moment.
async fn abandoned(tell: &watch::Sender<Option<Reply>>) {
    loop {
        tell.closed().await;
        sleep(LINGER).await;
        if tell.is_closed() {
            return;
        }
    }
}

fn is_late(reply: &Reply) -> bool {
    matches!(reply.result, Err(ResolutionFailure::TimedOut { .. }))
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Store")
            .field("kept", &state.cache.len())
            .field("open", &state.cache.open())
            .finish_non_exhaustive()
    }
}
