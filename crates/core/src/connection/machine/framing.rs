//! A connection with framers: what is between its queues and its transport.

use super::{Machine, OurEnd};
use crate::connection::framed::{Fate, Framed};
use crate::connection::words::{Event, Input, Output, State};
use crate::failure::{ConnectionFailure, ReceiveFailure};
use crate::framing::{self, FramingFailure};
use crate::time::Time;

/// How much is taken from the framers at once: so many messages, or so many bytes.
const MESSAGES: usize = 1024;
const BYTES: usize = 64 * 1024;

impl Machine {
    /// What happens to the transport happens to the framers.
    pub(super) fn handle_framed(&mut self, input: Input) {
        let Some(framed) = &mut self.framed else { return };
        match input {
            Input::Arrived(messages) => framed.arrived(messages),
            Input::PeerFinished if self.state == State::Closing => {
                framed.peer_gone();
                self.inbox.finished();
                self.maybe_closed();
            }
            Input::PeerFinished => framed.peer_finished(),
            Input::Written(bytes) => {
                framed.written(bytes);
                self.settle();
            }
            Input::FrontTaken(count) => {
                framed.front_taken(count);
                self.settle();
            }
            Input::FrontRefused(reason) => {
                let Self { framed: Some(framed), outbox, outputs, .. } = self else { return };
                let any = framed.has_output();
                let refused = framed.front_refused(outbox, &reason, |id, message| {
                    outputs.push_back(Output::Event(Event::SendError {
                        id,
                        message,
                        reason: reason.clone(),
                    }));
                });
                match refused {
                    Err(failure) => self.fail_framing(failure),
                    Ok(()) if any => {
                        self.tell_of_room();
                        self.maybe_finish();
                    }
                    Ok(()) => {}
                }
            }
            _ => {}
        }
    }

    /// Lets the framers do what there is to do.
    #[cold]
    pub(super) fn run_framers(&mut self) {
        while self.is_connected() {
            let failure = self.take_from_framers().or_else(|| self.give_to_framers());
            // Nobody asks for what comes any more, and everything was sent: that is a good end all the same.
            let harmless = self.state == State::Closing && self.outbox.is_empty();
            if let Some(failure) = failure.filter(|_| !harmless) {
                return self.fail_framing(failure);
            }
            self.maybe_finish();
            if !self.may_take_from_framers() {
                return;
            }
        }
    }

    /// Whether the framers may go on with what came: somebody asks for it, or they have to settle something.
    fn may_take_from_framers(&self) -> bool {
        let Some(framed) = &self.framed else { return false };
        let asked = self.state == State::Closing
            || !framed.was_ready()
            || framed.has_failed()
            || self.inbox.is_hungry();
        framed.is_due() && asked
    }

    fn take_from_framers(&mut self) -> Option<FramingFailure> {
        if let (Some(framed), true) = (&mut self.framed, self.inbox.is_hungry()) {
            framed.deliver_from(self.inbox.enough());
        }
        if !self.may_take_from_framers() {
            return None;
        }
        let framed = self.framed.as_mut()?;
        let (mut messages, mut bytes) = (0, 0);
        // What comes in one go is delivered in one, but no more than one read might bring.
        while self.state == State::Closing || messages < MESSAGES && bytes < BYTES {
            if self.state == State::Established
                && let Some(place) = self.inbox.place()
            {
                framed.take_whole(|chunk| {
                    messages += chunk.len();
                    bytes += chunk.bytes();
                    place.push_chunk(chunk);
                    messages < MESSAGES && bytes < BYTES
                });
                if messages >= MESSAGES || bytes >= BYTES {
                    return None;
                }
            }
            match framed.poll()? {
                framing::Output::Received(part) if self.state == State::Established => {
                    messages += 1;
                    bytes += part.data.len();
                    self.inbox.part_arrived(part);
                }
                framing::Output::ReceiveError(failure) if self.state == State::Established => {
                    self.inbox.spoilt(ReceiveFailure::Framing(failure));
                    return None;
                }
                framing::Output::Finished => self.inbox.finished(),
                framing::Output::Failed(failure) => return Some(failure),
                framing::Output::Received(_)
                | framing::Output::ReceiveError(_)
                | framing::Output::Ready
                | framing::Output::Closed => {}
            }
        }
        None
    }

    fn give_to_framers(&mut self) -> Option<FramingFailure> {
        let framed = self.framed.as_mut()?;
        let stuck = self.state == State::Closing && framed.has_peer_finished() && !framed.was_ready();
        if stuck && !self.outbox.is_empty() {
            return Some(FramingFailure::NotReady);
        }
        if self.outbox.is_lifted() || self.our_end > OurEnd::Due {
            return None;
        }
        self.tell_fates(|framed, outbox, told| framed.frame(outbox, told));
        self.framed.as_ref()?.failure()
    }

    fn settle(&mut self) {
        self.tell_fates(|framed, outbox, told| framed.settle(outbox, told));
        self.maybe_finish();
    }

    fn tell_fates(&mut self, step: impl FnOnce(&mut Framed, &mut super::Outbox, &mut dyn FnMut(Fate))) {
        let Self { framed, outbox, outputs, our_end, .. } = self;
        let Some(framed) = framed else { return };
        let mut any = false;
        step(framed, outbox, &mut |fate| {
            any = true;
            outputs.push_back(Output::Event(match fate {
                Fate::Sent(ids, is_final) => {
                    if is_final {
                        *our_end = OurEnd::Due;
                    }
                    Event::Sent(ids)
                }
                Fate::Refused(id, message, reason) => Event::SendError { id, message, reason },
            }));
        });
        if any {
            self.tell_of_room();
        }
    }

    /// It is this late: nobody waits for framers for ever.
    pub(super) fn hurry_framers(&mut self, now: Time) {
        let Some(framed) = &mut self.framed else { return };
        if framed.expire(now) && !framed.was_ready() && !self.outbox.is_empty() {
            self.fail_framing(FramingFailure::NotReady);
        }
    }

    /// The framers have failed: the peer is to know that data may be missing.
    fn fail_framing(&mut self, failure: FramingFailure) {
        self.outputs.push_back(Output::Abort);
        self.end_with(ConnectionFailure::Framing(failure));
    }
}
