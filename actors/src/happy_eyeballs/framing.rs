//! The start of framers, which is a part of the attempt: one whose framers fail lets the next candidate try, with fresh
//! ones (RFC 9623 §6.1).

use neatflow_core::connection::Framed;
use neatflow_core::framing::{Framers, FramingFailure};
use neatflow_core::{Failure, Message, Messages};
use neatflow_stacks::{NotSent, Wire, read_some};
use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll, ready};

/// How many pieces are written at once; what framers say first is short.
const SLICES: usize = 8;

/// Starts the framers above this wire, and waits until they are ready. `None` if there are none.
pub(super) async fn start_framers(framers: &Framers, wire: &mut Wire) -> Result<Option<Framed>, Failure> {
    let Some(mut framed) = framers.start(wire.below()) else { return Ok(None) };
    poll_fn(|cx| poll_start(&mut framed, wire, cx)).await?;
    Ok(Some(framed))
}

fn poll_start(framed: &mut Framed, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
    loop {
        if let Some(outcome) = framed.poll_ready() {
            return Poll::Ready(outcome.map_err(Failure::Framing));
        }
        if framed.has_output()
            && let Poll::Ready(written) = poll_write(framed, wire, cx)
        {
            written?;
            continue;
        }
        match ready!(poll_read(wire, cx))? {
            Some(messages) => framed.arrived(messages),
            None => framed.peer_finished(),
        }
    }
}

fn poll_write(framed: &mut Framed, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
    match wire {
        Wire::Stream(wire) => {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = framed.slices(&mut slices);
            let written = ready!(wire.poll_write(cx, &slices[..filled]))?;
            framed.written(written);
        }
        Wire::Messages(wire) => {
            let Some(batch) = framed.front() else { return Poll::Pending };
            match ready!(wire.poll_send(cx, &batch)) {
                Ok(count) => framed.front_taken(count),
                Err(NotSent::Wire(failure)) => return Poll::Ready(Err(failure)),
                Err(NotSent::Message(reason)) => {
                    let why = format!("what a framer sent was refused: {reason}");
                    return Poll::Ready(Err(Failure::Framing(FramingFailure::other(why))));
                }
            }
        }
    }
    Poll::Ready(Ok(()))
}

/// What has come; `None` at the peer's end.
fn poll_read(wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<Option<Messages>, Failure>> {
    match wire {
        Wire::Stream(wire) => {
            let read = ready!(read_some(&mut **wire, cx))?;
            Poll::Ready(Ok(read.map(|data| Message::new(data).into())))
        }
        Wire::Messages(wire) => {
            let mut messages = Vec::new();
            ready!(wire.poll_recv(cx, &mut messages))?;
            Poll::Ready(Ok(Messages::try_from(messages).ok()))
        }
    }
}
