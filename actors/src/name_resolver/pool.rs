//! Several name servers, of which one has to answer.

use super::config::NameServer;
use super::runtime::Runtime;
use super::upstream::{Reply, Upstream, Verdict};
use futures::StreamExt;
use futures::future::{AbortHandle, Either, abortable, pending, select};
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
        let mut waiting = VecDeque::from(self.health().order(self.now()));
        let mut running = FuturesUnordered::new();
        let mut silent: VecDeque<(usize, Instant, AbortHandle)> = VecDeque::new();
        let mut best: Option<Reply> = None;
        let mut dead = Vec::new();
        let mut second_round = false;
        let mut turn = true;
        loop {
            // Not when one has only made room: then the one it was made for has not had its time.
            if std::mem::replace(&mut turn, true)
                && let Some(place) = waiting.pop_front()
            {
                if silent.len() == MOST_AT_ONCE
                    && let Some((_, _, oldest)) = silent.front()
                {
                    oldest.abort();
                }
                if let Some(upstream) = self.upstreams.get(place) {
                    let (asking, handle) = abortable(upstream.ask(name, kind));
                    silent.push_back((place, Instant::now(), handle));
                    running.push(async move { (place, asking.await) });
                }
            }
            if running.is_empty() && waiting.is_empty() {
                let all_are_dead = best.as_ref().is_none_or(|best| best.verdict == Verdict::Dead);
                if second_round || !all_are_dead {
                    break;
                }
                second_round = true;
                waiting.extend(dead.drain(..));
                sleep(BREATH.min(self.patience)).await;
                continue;
            }
            let more = !waiting.is_empty();
            let slow = pin!(async { if more { sleep(self.patience).await } else { pending().await } });
            let Either::Left((Some((place, outcome)), _)) = select(running.next(), slow).await else {
                continue;
            };
            silent.retain(|(asked, _, _)| *asked != place);
            let Ok(reply) = outcome else {
                // It had to make room.
                self.health().silent(place, self.now());
                turn = false;
                continue;
            };
            match reply.verdict {
                Verdict::Answered => {
                    self.health().answered(place);
                    self.overtaken(&silent);
                    return reply;
                }
                Verdict::Failed => {
                    self.health().answered(place);
                    best = Some(reply);
                }
                Verdict::Dead => {
                    self.health().silent(place, self.now());
                    dead.push(place);
                    best.get_or_insert(reply);
                }
            }
        }
        best.unwrap_or_else(|| {
            Reply::nobody(ResolutionFailure::TimedOut { name: name.to_ascii().into(), after: self.timeout })
        })
    }

    /// These have not answered, and another one has: those that have had their time rest.
    fn overtaken(&self, silent: &VecDeque<(usize, Instant, AbortHandle)>) {
        for (place, since, _) in silent {
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
