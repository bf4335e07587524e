//! Sending at the pace of the network, by polling.

use super::guarded::Core;
use super::shared::Shared;
use super::waiting::Watch;
use neatflow_core::{Message, MessageId, SendFailure};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Sends messages while the queue is below its high-water mark, and learns of their fates together: what sinks and
/// writers of other libraries are made of. It does not keep the connection open.
///
/// *Cancel safety*: every poll can be left off; dropping it unsends nothing.
#[derive(Debug)]
pub struct Sender {
    watch: Watch,
    /// From the first message whose fate was not looked at to the last one sent.
    unsettled: Option<RangeInclusive<MessageId>>,
}

impl Sender {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { watch: Watch::new(shared), unsettled: None }
    }

    /// Ready when the queue is not above its high-water mark (256 KiB).
    ///
    /// *Errors*: a message of before was not sent: each is told once, and the next poll goes on. Or nothing more can
    /// be sent: the connection is closed or has failed, or a final message was sent.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        let mut core = self.watch.shared.lock();
        if let Some(reason) = refused(&core, &mut self.unsettled) {
            return Poll::Ready(Err(reason));
        }
        let outbox = core.machine.outbox();
        match (&core.end, outbox.refusal()) {
            (Some(Err(end)), _) => return Poll::Ready(Err(end.of_message())),
            (Some(Ok(())), _) => return Poll::Ready(Err(SendFailure::Closed)),
            (None, Some(reason)) if reason != SendFailure::QueueFull => return Poll::Ready(Err(reason)),
            (None, _) if !outbox.is_high() => return Poll::Ready(Ok(())),
            (None, _) => {}
        }
        core.watch(&mut self.watch.place, cx.waker());
        Poll::Pending
    }

    /// Queues a message, as [`Connection::send`](super::Connection::send) does.
    ///
    /// *Errors*: it was refused at once; `QueueFull` only if others send, or without [`poll_room`](Self::poll_room).
    pub fn send(&mut self, message: impl Into<Message>) -> Result<MessageId, SendFailure> {
        let accepted = self.watch.shared.send(message.into()).map_err(|(reason, _)| reason)?;
        if let Some(reason) = accepted.refused {
            return Err(reason);
        }
        let first = self.unsettled.as_ref().map_or(accepted.id, |ids| *ids.start());
        self.unsettled = Some(first..=accepted.id);
        Ok(accepted.id)
    }

    /// Ready when the transport has taken every message that was sent by this sender.
    ///
    /// *Errors*: a message was not sent: each is told once, and the next poll goes on. Others that send on the same
    /// connection meanwhile are told of, too.
    pub fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        let mut core = self.watch.shared.lock();
        if let Some(reason) = refused(&core, &mut self.unsettled) {
            return Poll::Ready(Err(reason));
        }
        let Some(ids) = &self.unsettled else { return Poll::Ready(Ok(())) };
        if !core.fates.is_settled(*ids.end()) {
            match &core.end {
                None => {
                    core.watch(&mut self.watch.place, cx.waker());
                    return Poll::Pending;
                }
                Some(Err(end)) => {
                    self.unsettled = None;
                    return Poll::Ready(Err(end.of_message()));
                }
                Some(Ok(())) => {}
            }
        }
        self.unsettled = None;
        Poll::Ready(Ok(()))
    }

    /// Ready when the connection has ended.
    ///
    /// *Errors*: it ended badly.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        let mut core = self.watch.shared.lock();
        match &core.end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(end)) => Poll::Ready(Err(end.of_message())),
            None => {
                core.watch(&mut self.watch.place, cx.waker());
                Poll::Pending
            }
        }
    }
}

/// Why the first of these was not sent that was not; it, and those before it, are looked at no more.
fn refused(core: &Core, ids: &mut Option<RangeInclusive<MessageId>>) -> Option<SendFailure> {
    let looked_at = ids.as_ref()?;
    let (id, reason) = core.fates.refused_among(looked_at)?;
    let (next, last) = (MessageId(id.0 + 1), *looked_at.end());
    *ids = (next <= last).then_some(next..=last);
    Some(reason)
}
