//! The further arbiters of a transport.

use super::spin::spin;
use super::{Placement, Spot};
use actix_rt::{Arbiter, ArbiterHandle, System};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{pending, select};
use futures::stream::{FuturesUnordered, StreamExt};
use slog::{Logger, error, warn};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most arbiters a pool has.
pub const MOST_ARBITERS: usize = 1024;

/// How long whoever drops a pool before its time waits for its threads.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a transport can place things besides its own arbiter.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    arbiters: Vec<ArbiterHandle>,
    /// Whose turn it is.
    turn: Cell<usize>,
}

impl Pool {
    /// Starts this many arbiters, each on a thread of its own, in the actix system of this thread if there is one. The
    /// threads are another's: they run until he is told, or dropped.
    ///
    /// *Errors*: more than [`MOST_ARBITERS`], or a thread or its runtime could not be started; then none runs.
    pub(crate) fn start(
        count: usize,
        spinning: Option<Duration>,
        log: Logger,
    ) -> io::Result<(Self, Threads)> {
        if count > MOST_ARBITERS {
            let why = format!("a transport has at most {MOST_ARBITERS} arbiters, not {count}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut threads = Threads { ended: None, each: Vec::with_capacity(count), log };
        let started = threads.start(count, spinning)?;
        let gone = |_| io::Error::other("an arbiter's thread ended at once");
        let arbiters = started.into_iter().map(|started| started.recv().map_err(gone)?);
        let arbiters = arbiters.collect::<io::Result<Vec<_>>>()?;
        Ok((Self { arbiters, turn: Cell::new(0) }, threads))
    }

    pub(crate) fn arbiters(&self) -> &[ArbiterHandle] {
        &self.arbiters
    }

    /// Where one connection goes. Arbiters that have stopped are passed by, unless all have.
    pub(crate) fn one(&self, placement: &Placement) -> Spot {
        match placement {
            Placement::Own => None,
            Placement::On(arbiter) => Some(arbiter.clone()),
            Placement::Pool => {
                let count = self.arbiters.len();
                let first = self.turn.get();
                let mut in_turn = (0..count).map(|step| (first + step) % count);
                let next =
                    in_turn.find(|&at| self.arbiters[at].alive()).or_else(|| (count > 0).then_some(first))?;
                self.turn.set((next + 1) % count);
                Some(self.arbiters[next].clone())
            }
        }
    }

    /// Where a listener goes: at least one place. Arbiters that have stopped are left out, unless all have.
    pub(crate) fn every(&self, placement: &Placement) -> Vec<Spot> {
        match placement {
            Placement::Pool if !self.arbiters.is_empty() => {
                let alive = self.arbiters.iter().filter(|arbiter| arbiter.alive());
                let alive = alive.cloned().map(Some).collect::<Vec<_>>();
                if alive.is_empty() { vec![self.arbiters.first().cloned()] } else { alive }
            }
            other => vec![self.one(other)],
        }
    }
}

/// The threads of a pool. Dropped, they end, and are joined.
#[derive(Debug)]
pub(crate) struct Threads {
    each: Vec<Thread>,
    /// Disconnected when the last one has ended; `None` before the first is started.
    ended: Option<mpsc::Receiver<()>>,
    log: Logger,
}

#[derive(Debug)]
struct Thread {
    number: usize,
    /// Dropped to have it end.
    stop: Option<oneshot::Sender<()>>,
    /// Cancelled when it has.
    end: oneshot::Receiver<()>,
    handle: Option<JoinHandle<()>>,
}

/// Where a thread tells its arbiter, once.
type Started = mpsc::Receiver<io::Result<ArbiterHandle>>;

impl Thread {
    fn start(
        number: usize,
        spinning: Option<Duration>,
        alive: mpsc::Sender<()>,
    ) -> io::Result<(Self, Started)> {
        let (tell, started) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let (ending, end) = oneshot::channel::<()>();
        let system = System::try_current();
        let handle = thread::Builder::new().name(format!("neatflow-{number}")).spawn(move || {
            let _until_it_ends = (alive, ending);
            match actix_rt::Runtime::new() {
                Ok(runtime) => serve(runtime, system, spinning, &tell, stopped),
                Err(error) => drop(tell.send(Err(error))),
            }
        })?;
        Ok((Self { number, stop: Some(stop), end, handle: Some(handle) }, started))
    }
}

/// Runs an arbiter until it is told to stop; what is left on it is dropped then.
fn serve(
    runtime: actix_rt::Runtime,
    system: Option<System>,
    spinning: Option<Duration>,
    tell: &mpsc::SyncSender<io::Result<ArbiterHandle>>,
    stopped: oneshot::Receiver<()>,
) {
    let runner = System::with_tokio_rt(|| runtime);
    if let Some(system) = system {
        // So that `System::current().stop()` means the application's system here, too.
        System::set_current(system);
    }
    runner.block_on(async move {
        let _spinning = spinning.map(spin);
        let _ = tell.send(Ok(Arbiter::current()));
        let _ = stopped.await;
    });
}

impl Threads {
    fn start(&mut self, count: usize, spinning: Option<Duration>) -> io::Result<Vec<Started>> {
        let (alive, ended) = mpsc::channel();
        self.ended = Some(ended);
        let each = (1..=count).map(|number| {
            let (thread, started) = Thread::start(number, spinning, alive.clone())?;
            self.each.push(thread);
            Ok(started)
        });
        each.collect()
    }

    /// Keeps the threads until `over`, then has them end, and waits for that. One that ends before is logged.
    pub(crate) async fn keep(mut self, over: impl Future) {
        self.watch(over).await;
        self.stop();
        for thread in &mut self.each {
            let _ = (&mut thread.end).await;
        }
    }

    async fn watch(&mut self, over: impl Future) {
        let ends = self.each.iter_mut().map(|thread| {
            let number = thread.number;
            (&mut thread.end).map(move |_| number)
        });
        let mut ends = ends.collect::<FuturesUnordered<_>>();
        let deaths = async {
            while let Some(number) = ends.next().await {
                error!(self.log, "an arbiter has ended before its time"; "number" => number);
            }
            pending::<Infallible>().await
        };
        select(pin!(over), pin!(deaths)).await;
    }

    fn stop(&mut self) {
        self.each.iter_mut().for_each(|thread| drop(thread.stop.take()));
    }
}

impl Drop for Threads {
    /// They have ended, or do so now: a handler of somebody's that never returns is not waited for for ever.
    fn drop(&mut self) {
        self.stop();
        let ended = self.ended.as_ref().map(|ended| ended.recv_timeout(PATIENCE));
        if ended == Some(Err(mpsc::RecvTimeoutError::Timeout)) {
            warn!(self.log, "left behind: arbiters that do not end");
            return;
        }
        for thread in &mut self.each {
            let joined = thread.handle.take().map(JoinHandle::join);
            if let Some(Err(_)) = joined {
                error!(self.log, "an arbiter has panicked"; "number" => thread.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slog::{Discard, o};

    fn start(count: usize) -> io::Result<(Pool, Threads)> {
        Pool::start(count, None, Logger::root(Discard, o!()))
    }

    #[test]
    fn arbiters_take_turns_and_one_that_has_stopped_is_passed_by() {
        let (pool, _threads) = start(3).unwrap();
        let whose = |spot: Spot| {
            let (tell, told) = mpsc::channel();
            let number = move || tell.send(thread::current().name().map(str::to_owned)).unwrap();
            assert!(spot.unwrap().spawn_fn(number));
            told.recv().unwrap().unwrap()
        };
        let next = || whose(pool.one(&Placement::Pool));
        assert_eq!(
            [next(), next(), next(), next()],
            ["neatflow-1", "neatflow-2", "neatflow-3", "neatflow-1"]
        );
        let second = pool.arbiters()[1].clone();
        second.stop();
        while second.alive() {
            thread::yield_now();
        }
        assert_eq!([next(), next(), next()], ["neatflow-3", "neatflow-1", "neatflow-3"]);
        assert_eq!(pool.every(&Placement::Pool).len(), 2);
    }

    #[test]
    fn without_a_pool_everything_is_placed_on_the_arbiter_of_the_transport() {
        let pool = Pool::default();
        assert!(pool.one(&Placement::Pool).is_none());
        assert!(matches!(pool.every(&Placement::Pool)[..], [None]));
        assert!(matches!(pool.every(&Placement::Own)[..], [None]));
    }

    #[test]
    fn too_large_a_pool_is_an_error() {
        let refused = start(MOST_ARBITERS + 1).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn threads_that_are_dropped_end() {
        let (pool, threads) = start(4).unwrap();
        drop(threads);
        assert!(!pool.arbiters().iter().any(ArbiterHandle::alive));
    }
}
