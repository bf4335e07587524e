//! Several name servers, of which one has to answer.

use super::config::NameServer;
use super::runtime::Runtime;
use super::upstream::{Reply, Upstream, Verdict};
use futures::StreamExt;
use futures::future::{AbortHandle, Aborted, Either, LocalBoxFuture, abortable, pending, select};
use futures::stream::FuturesUnordered;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::resolution::Servers;
use neatflow_core::{ResolutionFailure, Time};
use rustls::ClientConfig;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many servers may be silent at once, for one lookup; the next one takes the place of the first.
const MOST_AT_ONCE: usize = 3;
/// How long the servers are left alone after all of them have refused to be asked, before they are asked once more.
const BREATH: Duration = Duration::from_millis(100);

/// The name servers as they are asked over one interface, or over any.
#[derive(Debug)]
pub(super) struct Pool {
    upstreams: Vec<Upstream>,
    health: Mutex<Servers>,
    epoch: Instant,
    /// How long a server is waited for before the next is asked as well.
    patience: Duration,
    timeout: Duration,
}

impl Pool {
    /// *Errors*: what the library finds wrong.
    pub(super) fn new(
        servers: &[NameServer],
        tls: &ClientConfig,
        timeout: Duration,
        runtime: impl Fn(&NameServer) -> Runtime,
    ) -> Result<Self, NetError> {
        let upstreams = servers.iter().map(|server| Upstream::new(server, tls, timeout, &runtime(server)));
        Ok(Self {
            upstreams: upstreams.collect::<Result<_, _>>()?,
            health: Mutex::new(Servers::new(servers.len())),
            epoch: Instant::now(),
            patience: patience(timeout, servers.len()),
            timeout,
        })
    }

    /// What a name has of one type, as the first server says that has an answer. A server that fails or cannot be
    /// reached is followed by the next at once, and so is one that is slow, which may still answer first.
    ///
    /// It ends by itself when every server has failed; all that is silent is up to the caller's patience.
    ///
    /// *Cancel safety*: dropping it withdraws the question.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Reply {
        let mut asking = Asking::new(self, name, kind);
        loop {
            asking.ask_next();
            if asking.nobody_is_left() {
                if !asking.take_breath().await {
                    return asking.give_up();
                }
            } else if let Some(reply) = asking.hear().await {
                return reply;
            }
        }
    }

    /// These have not answered, and another one has: those that have had their time rest.
    fn overtaken(&self, silent: &VecDeque<Silent>) {
        for Silent { place, since, .. } in silent {
            if since.elapsed() >= self.patience {
                self.health().silent(*place, self.now());
            }
        }
    }

    fn now(&self) -> Time {
        Time::from_origin(self.epoch.elapsed())
    }

    fn health(&self) -> MutexGuard<'_, Servers> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server that has been asked and has said nothing yet.
struct Silent {
    place: usize,
    since: Instant,
    handle: AbortHandle,
}

/// One question on its way through the servers.
struct Asking<'a> {
    pool: &'a Pool,
    name: &'a Name,
    kind: RecordType,
    waiting: VecDeque<usize>,
    running: FuturesUnordered<LocalBoxFuture<'a, (usize, Result<Reply, Aborted>)>>,
    silent: VecDeque<Silent>,
    /// The best of what is no answer.
    best: Option<Reply>,
    /// Those that could not be reached.
    dead: Vec<usize>,
    second_round: bool,
    /// Whether one has just made room: then the one it was made for has not had its time.
    made_room: bool,
}

impl<'a> Asking<'a> {
    fn new(pool: &'a Pool, name: &'a Name, kind: RecordType) -> Self {
        let waiting = VecDeque::from(pool.health().order(pool.now()));
        let (running, silent, best, dead) = Default::default();
        Self { pool, name, kind, waiting, running, silent, best, dead, second_round: false, made_room: false }
    }

    /// Asks the next server, in the place of the one that has been silent for longest if there are too many.
    fn ask_next(&mut self) {
        if std::mem::take(&mut self.made_room) {
            return;
        }
        let Some(place) = self.waiting.pop_front() else { return };
        if self.silent.len() == MOST_AT_ONCE
            && let Some(oldest) = self.silent.front()
        {
            oldest.handle.abort();
        }
        if let Some(upstream) = self.pool.upstreams.get(place) {
            let (asking, handle) = abortable(upstream.ask(self.name, self.kind));
            self.silent.push_back(Silent { place, since: Instant::now(), handle });
            self.running.push(Box::pin(async move { (place, asking.await) }));
        }
    }

    fn nobody_is_left(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Lets them all be asked once more after a moment, unless they were or one of them has said something.
    async fn take_breath(&mut self) -> bool {
        let all_are_dead = self.best.as_ref().is_none_or(|best| best.verdict == Verdict::Dead);
        if self.second_round || !all_are_dead {
            return false;
        }
        self.second_round = true;
        self.waiting.extend(self.dead.drain(..));
        sleep(BREATH.min(self.pool.patience)).await;
        true
    }

    /// Waits for the first to say something, but no longer than it is to be waited before the next is asked; returns the
    /// answer, if it is one.
    async fn hear(&mut self) -> Option<Reply> {
        let (more, patience) = (!self.waiting.is_empty(), self.pool.patience);
        let slow = pin!(async { if more { sleep(patience).await } else { pending().await } });
        let Either::Left((Some((place, outcome)), _)) = select(self.running.next(), slow).await else {
            return None;
        };
        self.silent.retain(|asked| asked.place != place);
        let Ok(reply) = outcome else {
            // It had to make room.
            self.pool.health().silent(place, self.pool.now());
            self.made_room = true;
            return None;
        };
        match reply.verdict {
            Verdict::Answered => {
                self.pool.health().answered(place);
                self.pool.overtaken(&self.silent);
                return Some(reply);
            }
            Verdict::Failed => {
                self.pool.health().answered(place);
                self.best = Some(reply);
            }
            Verdict::Dead => {
                self.pool.health().silent(place, self.pool.now());
                self.dead.push(place);
                self.best.get_or_insert(reply);
            }
        }
        None
    }

    fn give_up(self) -> Reply {
        self.best.unwrap_or_else(|| {
            let (name, after) = (self.name.to_ascii().into(), self.pool.timeout);
            Reply::nobody(ResolutionFailure::TimedOut { name, after })
        })
    }
}

/// How long each server is waited for before the next is asked as well: all get their turn in time.
fn patience(timeout: Duration, servers: usize) -> Duration {
    let turns = u32::try_from(servers).unwrap_or(u32::MAX).saturating_add(1);
    (timeout / turns).clamp(Duration::from_millis(1), Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_gets_its_turn_in_time() {
        let millis = |timeout, servers| patience(Duration::from_millis(timeout), servers).as_millis();
        assert_eq!(millis(5000, 1), 1000);
        assert_eq!(millis(900, 5), 150);
        assert_eq!(millis(900, 5_000_000), 1);
        assert_eq!(millis(0, 0), 1);
    }
}
