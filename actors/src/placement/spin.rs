//! An arbiter that stays awake while data comes.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a spinning arbiter usually waits for data before it sleeps: about twice what waking up costs.
pub const DEFAULT_IDLE: Duration = Duration::from_micros(60);

/// What the flows of one thread tell its spinners.
struct Activity {
    /// How many reads have brought something.
    reads: Cell<u64>,
    asleep: Cell<Vec<Waker>>,
}

thread_local! {
    static ACTIVITY: Activity = const { Activity { reads: Cell::new(0), asleep: Cell::new(Vec::new()) } };
}

/// A read on this thread has brought something.
pub(crate) fn note_activity() {
    ACTIVITY.with(|activity| {
        activity.reads.set(activity.reads.get().wrapping_add(1));
        activity.asleep.take().into_iter().for_each(Waker::wake);
    });
}

/// Keeps this arbiter awake while data comes: after each read that brought something it asks the system again and
/// again, for as long as `idle`, instead of sleeping. Then it sleeps, and costs nothing, until data wakes it.
///
/// It answers sooner, because waking a thread takes longer than asking; [`DEFAULT_IDLE`] is a good start. It costs a
/// processor while data comes, and harms where every processor is busy anyway. An `idle` of zero changes nothing. Time
/// that is paused (in tests) does not advance while it spins.
///
/// *Panics* outside of an arbiter and a tokio `LocalSet`.
pub fn spin(idle: Duration) -> Spinning {
    Spinning(actix_rt::spawn(async move {
        loop {
            stay_awake(idle).await;
            next_read().await;
        }
    }))
}

/// An arbiter spins as long as this is held.
#[derive(Debug)]
#[must_use = "the arbiter spins only as long as this is held"]
pub struct Spinning(JoinHandle<()>);

impl Drop for Spinning {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Until nothing was read for as long as `idle`.
async fn stay_awake(idle: Duration) {
    let (mut seen, mut since) = (reads(), Instant::now());
    while since.elapsed() < idle {
        // With somebody ready to run the reactor does not sleep; it only looks.
        tokio::task::yield_now().await;
        if reads() != seen {
            (seen, since) = (reads(), Instant::now());
        }
    }
}

/// Until something is read.
async fn next_read() {
    let seen = reads();
    poll_fn(|cx| {
        if reads() != seen {
            return Poll::Ready(());
        }
        ACTIVITY.with(|activity| {
            let mut asleep = activity.asleep.take();
            asleep.push(cx.waker().clone());
            activity.asleep.set(asleep);
        });
        Poll::Pending
    })
    .await;
}

fn reads() -> u64 {
    ACTIVITY.with(|activity| activity.reads.get())
}
