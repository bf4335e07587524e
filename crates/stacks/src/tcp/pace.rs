//! How often to look for something that no event announces.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(50);

/// A timer that fires soon, and then less and less often: after 1 ms to 50 ms, each time twice as long.
pub(super) struct Pace {
    // Boxed because a `Sleep` must not move.
    timer: Pin<Box<Sleep>>,
    interval: Duration,
}

impl Pace {
    /// Fires first after about this long.
    pub(super) fn starting_at(first: Duration) -> Self {
        let interval = first.clamp(SHORTEST, LONGEST);
        Self { timer: Box::pin(sleep(interval)), interval }
    }

    /// Ready each time it fires.
    pub(super) fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(cx).map(|()| {
            self.interval = (self.interval * 2).min(LONGEST);
            self.timer.as_mut().reset(Instant::now() + self.interval);
        })
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("interval", &self.interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn each_tick_takes_twice_as_long_up_to_a_limit() {
        let mut pace = Pace::starting_at(Duration::from_micros(30));
        let mut waits = Vec::new();
        for _ in 0..8 {
            let before = Instant::now();
            poll_fn(|cx| pace.poll_tick(cx)).await;
            waits.push(before.elapsed().as_millis());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 50, 50]);
    }
}
