//! How much a busy machine holds everybody up.

use std::collections::HashMap;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Somebody else who only wants to wake up in time, and the time the threads of this process wait for a processor.
pub(crate) struct Noise {
    waited: HashMap<String, Duration>,
    end: Sender<()>,
    sleeper: JoinHandle<Duration>,
}

impl Noise {
    pub(crate) fn start() -> Self {
        const NAP: Duration = Duration::from_millis(1);
        let (end, ended) = channel();
        let sleeper = spawn(move || {
            let mut most = Duration::ZERO;
            let mut slept = Instant::now();
            while ended.recv_timeout(NAP) == Err(RecvTimeoutError::Timeout) {
                most = most.max(slept.elapsed().saturating_sub(NAP));
                slept = Instant::now();
            }
            most
        });
        Self { waited: waited(), end, sleeper }
    }

    /// How much too late it woke up, at most, or how long a thread has waited, whichever is more.
    pub(crate) fn end(self) -> Duration {
        drop(self.end);
        let late = self.sleeper.join().unwrap();
        let before = |thread| self.waited.get(thread).copied().unwrap_or_default();
        let waited = waited();
        let longest = waited.iter().map(|(thread, now)| now.saturating_sub(before(thread))).max();
        late.max(longest.unwrap_or_default())
    }
}

/// How long each thread was ready to run and did not, in all its life; nothing where the kernel does not say.
fn waited() -> HashMap<String, Duration> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return HashMap::new() };
    let waited = |thread: fs::DirEntry| {
        let said = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanos = said.split_whitespace().nth(1)?.parse().ok()?;
        Some((thread.file_name().into_string().ok()?, Duration::from_nanos(nanos)))
    };
    threads.flatten().filter_map(waited).collect()
}
