//! Our end of a scripted connection.

use super::SCRIPTED_PANIC;
use super::association::Trunk;
use super::link::{Link, Operation, State, WireEnd};
use bytes::{Bytes, BytesMut};
use neatflow_core::connection::Batch;
use neatflow_core::{Failure, Message, SendFailure};
use neatflow_stacks::{MessageWire, NotSent, Path, Report, StreamWire, Wire, WireControl};
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::io::ReadBuf;

pub(super) fn stream(link: Arc<Link>, trunk: Rc<Trunk>) -> Wire {
    Wire::Stream(Box::new(ScriptedWire { link, _trunk: trunk }))
}

pub(super) fn messages(link: Arc<Link>, trunk: Rc<Trunk>) -> Wire {
    Wire::Messages(Box::new(ScriptedWire { link, _trunk: trunk }))
}

/// It stays on its arbiter: the transport connection it belongs to is counted, not locked.
struct ScriptedWire {
    link: Arc<Link>,
    _trunk: Rc<Trunk>,
}

impl ScriptedWire {
    fn begin(&self, operation: Operation) -> MutexGuard<'_, State> {
        let state = self.link.lock();
        if state.panics.contains(&operation) {
            drop(state);
            panic!("{SCRIPTED_PANIC}");
        }
        state
    }

    /// Of a failed connection: the failure.
    fn sound(state: &State) -> Result<(), Failure> {
        state.failure.clone().map_or(Ok(()), Err)
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let mut state = self.begin(Operation::Read);
        Self::sound(&state)?;
        match state.inbound.pop_front() {
            Some(data) => {
                state.wake_peers();
                Poll::Ready(Ok(Some(data)))
            }
            None if state.peer_finished => Poll::Ready(Ok(None)),
            None => pend(&mut state.reader, cx),
        }
    }
}

impl WireControl for ScriptedWire {
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut state = self.begin(Operation::Finish);
        Self::sound(&state)?;
        // Our end needs room like anything else.
        if state.room() == 0 {
            return pend(&mut state.writer, cx);
        }
        state.finished = true;
        state.wake_peers();
        Poll::Ready(Ok(()))
    }

    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut state = self.begin(Operation::Acknowledge);
        Self::sound(&state)?;
        if state.acknowledges { Poll::Ready(Ok(())) } else { pend(&mut state.acknowledged, cx) }
    }

    fn poll_failed(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let mut state = self.link.lock();
        match state.failure.clone() {
            Some(failure) => Poll::Ready(failure),
            None => pend(&mut state.watcher, cx),
        }
    }

    fn poll_soft_error(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let mut state = self.link.lock();
        match state.soft_errors.pop_front() {
            Some(reason) => Poll::Ready(reason),
            None => pend(&mut state.listener, cx),
        }
    }

    fn abort(self: Box<Self>) {
        self.link.leave(WireEnd::Aborted);
    }

    fn path(&self) -> Path {
        self.link.path.clone()
    }

    fn report(&self) -> Report {
        self.begin(Operation::Report).report.clone()
    }
}

impl StreamWire for ScriptedWire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Failure>> {
        let next = std::task::ready!(self.poll_next(cx))?;
        let Some(mut data) = next else { return Poll::Ready(Ok(())) };
        let read = data.split_to(data.len().min(buf.remaining()));
        buf.put_slice(&read);
        if !data.is_empty() {
            self.link.lock().inbound.push_front(data);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<Result<usize, Failure>> {
        let mut state = self.begin(Operation::Write);
        Self::sound(&state)?;
        let room = state.room();
        if room == 0 {
            return pend(&mut state.writer, cx);
        }
        let mut taken = BytesMut::new();
        for slice in data {
            taken.extend_from_slice(&slice[..slice.len().min(room - taken.len())]);
        }
        let written = taken.len();
        state.write(taken.freeze());
        Poll::Ready(Ok(written))
    }
}

impl MessageWire for ScriptedWire {
    fn poll_recv(&mut self, cx: &mut Context<'_>, into: &mut Vec<Message>) -> Poll<Result<(), Failure>> {
        self.poll_next(cx).map_ok(|data| into.extend(data.map(Message::new)))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &Batch<'_>) -> Poll<Result<usize, NotSent>> {
        let mut state = self.begin(Operation::Write);
        Self::sound(&state)?;
        if batch.size > state.limit {
            let reason = SendFailure::TooLarge { limit: state.limit };
            return Poll::Ready(Err(NotSent::Message(reason)));
        }
        // What is longer than the window goes alone.
        let room = state.room();
        if room == 0 || room < batch.size && !state.outbound.is_empty() {
            return pend(&mut state.writer, cx);
        }
        let taken = room.checked_div(batch.size).map_or(batch.count, |fit| fit.max(1).min(batch.count));
        for n in 0..taken {
            state.write(Bytes::copy_from_slice(&batch.data[n * batch.size..][..batch.size]));
        }
        Poll::Ready(Ok(taken))
    }
}

impl Drop for ScriptedWire {
    fn drop(&mut self) {
        self.link.leave(WireEnd::Dropped);
    }
}

fn pend<T>(slot: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    *slot = Some(cx.waker().clone());
    Poll::Pending
}
