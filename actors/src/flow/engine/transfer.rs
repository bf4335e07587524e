//! One call to a wire, in either direction, and what the machine is to know of it.

use crate::flow::guarded::Locked;
use crate::placement::note_activity;
use neatflow_core::connection::Input;
use neatflow_core::{Failure, Message, Messages};
use neatflow_stacks::{MessageWire, NotSent, StreamWire, Wire, read_some};
use std::io::IoSlice;
use std::task::{Context, Poll};

/// How many pieces are written at once.
const SLICES: usize = 64;

/// Writes once.
pub(super) fn write(
    wire: &mut Wire,
    core: &Locked<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<Input, Failure>> {
    let outbox = core.machine.outbox();
    let framed = core.machine.framed();
    match wire {
        Wire::Stream(wire) => {
            if framed.is_none()
                && let Some(piece) = outbox.only_piece()
            {
                return wire.poll_write(cx, &[IoSlice::new(piece)]).map_ok(Input::Written);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = match framed {
                None => outbox.slices(&mut slices),
                Some(framed) => framed.slices(&mut slices),
            };
            match filled {
                0 => Poll::Ready(Ok(Input::Written(0))),
                filled => wire.poll_write(cx, &slices[..filled]).map_ok(Input::Written),
            }
        }
        Wire::Messages(wire) => {
            let batch = match framed {
                None => outbox.front_batch(),
                Some(framed) => framed.front(),
            };
            let Some(batch) = batch else { return Poll::Pending };
            wire.poll_send(cx, &batch).map(|sent| match sent {
                Ok(count) => Ok(Input::FrontTaken(count)),
                Err(NotSent::Message(reason)) => Ok(Input::FrontRefused(reason)),
                Err(NotSent::Wire(failure)) => Err(failure),
            })
        }
    }
}

/// Takes what has come.
pub(super) fn read_from(wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Input> {
    let read = match wire {
        Wire::Stream(wire) => read(&mut **wire, cx),
        Wire::Messages(wire) => receive(&mut **wire, cx),
    };
    if read.is_ready() {
        note_activity();
    }
    read
}

/// Reads once.
fn read(wire: &mut dyn StreamWire, cx: &mut Context<'_>) -> Poll<Input> {
    read_some(wire, cx).map(|read| match read {
        Ok(Some(data)) => Input::Arrived(Message::new(data).into()),
        Ok(None) => Input::PeerFinished,
        Err(failure) => failure.into(),
    })
}

/// Receives once.
fn receive(wire: &mut dyn MessageWire, cx: &mut Context<'_>) -> Poll<Input> {
    let mut messages = Vec::new();
    wire.poll_recv(cx, &mut messages).map(|received| match received {
        Ok(()) => Messages::try_from(messages).map_or(Input::PeerFinished, Input::Arrived),
        Err(failure) => failure.into(),
    })
}
