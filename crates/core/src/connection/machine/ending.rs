//! How a connection ends.

use super::{Machine, OurEnd};
use crate::connection::inbox::Asker;
use crate::connection::partly::Room;
use crate::connection::words::{Event, Output, State};
use crate::failure::{ConnectionFailure, EstablishmentFailure, ReceiveFailure, SendFailure};

impl Machine {
    pub(super) fn close(&mut self) {
        match self.state {
            // RFC 9622 §10: what was given for delivery is delivered first, even if that needs establishing.
            State::Establishing if !self.outbox.is_empty() => {
                self.close_when_ready = true;
                for of in self.outbox.unended() {
                    self.abandon(of);
                }
                if self.outbox.is_empty() {
                    return self.cancel();
                }
                self.outbox.seal();
                self.shut_inbox(ReceiveFailure::Closed);
            }
            State::Establishing => self.cancel(),
            State::Established => {
                self.state = State::Closing;
                self.shut_inbox(ReceiveFailure::Closed);
                self.outbox.seal();
                if self.our_end == OurEnd::Open {
                    self.our_end = OurEnd::Due;
                }
                for of in self.outbox.unended() {
                    self.abandon(of);
                }
                if self.state == State::Closed {
                    // One of them was begun.
                    return;
                }
                if let Some(framed) = &mut self.framed {
                    framed.hurry();
                }
                self.maybe_finish();
                self.maybe_closed();
            }
            State::Closing | State::Closed => {}
        }
    }

    pub(super) fn cancel(&mut self) {
        self.outputs.push_back(Output::CancelEstablishment);
        self.fail_establishment(EstablishmentFailure::Cancelled);
    }

    pub(super) fn fail_establishment(&mut self, failure: EstablishmentFailure) {
        self.refuse_outbox(&SendFailure::NotEstablished);
        self.shut_inbox(ReceiveFailure::NotEstablished);
        self.tell(Event::EstablishmentError(failure));
        self.release();
    }

    pub(super) fn end_with(&mut self, failure: ConnectionFailure) {
        self.refuse_outbox(&SendFailure::Connection(failure.clone()));
        self.shut_inbox(ReceiveFailure::Connection(failure.clone()));
        match failure {
            ConnectionFailure::AbortedByPeer => self.tell(Event::Aborted),
            ConnectionFailure::TimedOut => self.tell(Event::Timeout),
            _ => {}
        }
        self.tell(Event::ConnectionError(failure));
        self.release();
    }

    pub(super) fn release(&mut self) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Release);
    }

    pub(super) fn maybe_finish(&mut self) {
        if self.our_end == OurEnd::Due
            && self.outbox.is_empty()
            && !self.outbox.has_unended()
            && self.framed.as_mut().is_none_or(|framed| framed.stop())
        {
            self.our_end = OurEnd::Sent;
            self.outputs.push_back(Output::Finish);
        }
    }

    /// A connection ends well when our end is acknowledged, and either the application closed it or the peer's
    /// end has come and everything before it was taken.
    pub(super) fn maybe_closed(&mut self) {
        let ended = self.our_end == OurEnd::Acknowledged
            && (self.state == State::Closing
                || self.state == State::Established && self.inbox.is_exhausted());
        if ended {
            self.shut_inbox(ReceiveFailure::Finished);
            self.tell(Event::Closed);
            self.release();
        }
    }

    /// Refuses every request that is open. What has come for those who asked is theirs still, room or not: it is no
    /// more than one read brought.
    pub(super) fn shut_inbox(&mut self, reason: ReceiveFailure) {
        let answers = self.state != State::Establishing && !self.inbox.is_shut();
        let room = if self.hears_parts { Room::Parts } else { Room::Whole };
        while let Some(answer) = answers.then(|| self.answer(room)).flatten() {
            self.tell(answer);
        }
        let Self { inbox, outputs, .. } = self;
        inbox.shut(reason.clone(), |id| {
            let asker = Asker::Request(id);
            outputs.push_back(Output::Event(Event::ReceiveError { asker, reason: reason.clone() }));
        });
    }

    pub(super) fn refuse_outbox(&mut self, reason: &SendFailure) {
        let Self { outbox, outputs, first, framed, .. } = self;
        let told_already = first.filter(|_| *reason == SendFailure::NotEstablished);
        let mut first = None;
        if let Some(framed) = framed {
            framed.give_back(outbox, |id, message| {
                outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
            });
        }
        outbox.refuse_all(|id, message| {
            if Some(id) == told_already {
                first = Some(message);
            } else {
                outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
            }
        });
        if let Some(first) = first {
            outbox.spend(first);
        }
    }
}
