//! What most turns of an attached connection are: something has come, the actor hears it at once, what it answers is
//! written, and nothing else is new. Whatever is not so is left to the round that follows, which looks at everything.

use super::transfer::write;
use super::{Ear, Engine};
use crate::flow::buffers;
use crate::supervision::catch::contain;
use neatflow_core::connection::Input;
use std::ops::ControlFlow;
use std::task::{Context, Poll};

/// How many times in a row an attached actor hears what has come, with nothing else looked at.
pub(super) const STRAIGHT: u32 = 8;

/// What follows on hearing past the queues.
pub(super) enum Straight {
    /// The same again: nothing is new.
    On,
    /// There is nothing to hear: the wire wakes when there is.
    Dry,
    /// A round.
    Over,
}

impl Engine {
    /// Reads, and has the attached actor hear what came.
    pub(super) fn hear_straight(
        &mut self,
        ear: &mut Ear<'_>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<(), Straight> {
        let dry = self.reads_on
            && contain(|| self.read_on(cx)).unwrap_or_else(|what| {
                self.fail(what);
                false
            });
        if dry {
            return ControlFlow::Continue(Straight::Dry);
        }
        let Some(Input::Arrived(messages)) = self.fact.take_if(|fact| matches!(fact, Input::Arrived(_)))
        else {
            return ControlFlow::Continue(Straight::Over);
        };
        let shared = &self.duty.shared;
        let heard = shared.lock().hand(shared, messages);
        let Some(event) = heard else { return ControlFlow::Continue(Straight::Over) };
        ear(event)?;
        self.reads_on = contain(|| self.answer(cx)).unwrap_or_else(|what| {
            self.fail(what);
            false
        });
        ControlFlow::Continue(if self.reads_on { Straight::On } else { Straight::Over })
    }

    /// The actor has heard: what it answered is written. Whether the transport is to be read again and nothing else is
    /// new: then whoever drives it has to be woken for what comes.
    fn answer(&mut self, cx: &mut Context<'_>) -> bool {
        let shared = &self.duty.shared;
        let mut core = shared.lock();
        // Whoever has only listened has changed nothing; but what waited to be written may have been what this turn is for.
        if shared.is_roused() || core.machine.wants_write() {
            while core.machine.wants_write()
                && let Some(wire) = &mut self.carrier.wire
            {
                match write(wire, &core, cx) {
                    Poll::Ready(written) => core.feed(shared, written.unwrap_or_else(Input::from)),
                    Poll::Pending => {
                        core.machine.trim();
                        break;
                    }
                }
            }
            while let Some(buffer) = core.machine.reclaim() {
                buffers::give(buffer);
            }
            if !core.is_calm() {
                return false;
            }
        }
        let reads = core.may_read();
        if reads {
            shared.stay_awake(false);
        }
        reads
    }

    /// Whether there is nothing to do but to wait for what the wire brings; then that is what it does.
    pub(super) fn may_rest(&mut self, cx: &mut Context<'_>) -> bool {
        let rests = self.race.is_none() && self.timer.is_none() && !self.finishing;
        // One that panics does so again in the round.
        let reported = !rests || contain(|| self.hear_of_soft_errors(cx)).unwrap_or(true);
        self.reads_on = !reported;
        !reported
    }
}
