//! How much a busy machine holds everybody up.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Somebody else who only wants to wake up in time.
pub(crate) struct Noise {
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
        Self { end, sleeper }
    }

    /// How much too late it woke up, at most.
    pub(crate) fn end(self) -> Duration {
        drop(self.end);
        self.sleeper.join().unwrap()
    }
}
