//! What framers take out of an outbox: it counts as queued until the transport has it.

use super::parts::Taken;
use super::run::Run;
use super::{End, Front, Outbox};
use crate::message::{Message, MessageId};
use bytes::Bytes;

/// A message, or a part of one, that was taken out to be framed.
#[derive(Debug)]
pub(in crate::connection) struct Lifted {
    pub(in crate::connection) id: MessageId,
    pub(in crate::connection) message: Message,
    /// Of which message it is a part: the id of the first one.
    pub(in crate::connection) of: MessageId,
    /// Whether that message ends with it.
    pub(in crate::connection) ends: bool,
}

impl Outbox {
    /// Takes the first message out, or the next part of it, to be framed. It counts as queued until it is
    /// [settled](Self::settle), but nothing overtakes it any more, and it does not expire.
    pub(in crate::connection) fn lift(&mut self) -> Option<Lifted> {
        let front = self.front()?;
        if !matches!(front, Front::Parts) {
            let (id, message) = match front {
                Front::Lane => self.lane.share(&mut self.spares),
                _ => self.pop()?,
            };
            return Some(Lifted { id: MessageId(id), message, of: MessageId(id), ends: true });
        }
        let Taken { id, message, of, ends } = self.pop_part()?;
        Some(Lifted { id: MessageId(id), message, of: MessageId(of), ends })
    }

    /// The small messages at the front, if several lie end to end there.
    pub(in crate::connection) fn first_run(&self) -> Option<&Run> {
        let run = if let Front::Lane = self.front()? { self.lane.first_run()? } else { return None };
        let (_, of_this_size) = run.sizes();
        (of_this_size > 1 || run.has_more_sizes()).then_some(run)
    }

    /// Takes the first messages of the [run](Self::first_run) out, so many and with so many bytes, as
    /// [`lift`](Self::lift) does with one: their contents, end to end.
    pub(in crate::connection) fn lift_run(&mut self, count: usize, bytes: usize) -> Bytes {
        self.lane.share_many(count, bytes, &mut self.spares)
    }

    /// Messages that were lifted are queued no longer: so many, with so many bytes.
    pub(in crate::connection) fn settle_many(&mut self, count: usize, bytes: usize) {
        self.discount(count, bytes);
    }

    /// A message that was lifted is queued no longer.
    pub(in crate::connection) fn settle(&mut self, message: &Message) {
        self.discount(1, message.len());
    }

    /// The final message was refused: another may be sent.
    pub(in crate::connection) fn reopen(&mut self) {
        if self.end == End::Final {
            self.end = End::Open;
        }
    }

    /// Whether there is nothing to lift.
    pub(in crate::connection) fn is_lifted(&self) -> bool {
        self.front().is_none()
    }
}
