//! How long somebody may go on before others on the arbiter get their turn.

use std::pin::pin;
use std::task::Context;
use std::time::Duration;

/// How many rounds at most.
const ROUNDS: u32 = 64;

/// So many are not worth asking the clock; most turns have no more.
const SHORT: u32 = 4;

/// The clock is asked in each of so many rounds.
const EACH: u32 = 4;

/// How long, whatever the rounds cost: handlers run in them.
const QUANTUM: Duration = Duration::from_millis(1);

/// One turn, of one engine or of many.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rounds: u32,
    began: Option<Moment>,
}

#[expect(clippy::disallowed_types, reason = "what counts is how long others wait, also where time is paused")]
type Moment = std::time::Instant;

impl Pace {
    /// Counts a round; whether the turn is over.
    pub(super) fn is_over(&mut self) -> bool {
        self.rounds += 1;
        match self.began {
            _ if self.rounds > ROUNDS => true,
            // To ask the clock costs as much as a part of a round.
            _ if self.rounds <= SHORT || !self.rounds.is_multiple_of(EACH) => false,
            Some(began) => began.elapsed() > QUANTUM,
            None => {
                self.began = Some(Moment::now());
                false
            }
        }
    }
}

/// Has the task polled again after everybody else, timers and sockets included. To wake it right away would have it
/// polled before those.
pub(super) fn yield_to_others(cx: &mut Context<'_>) {
    // One poll registers the task; the rest of the future only remembers that.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}
