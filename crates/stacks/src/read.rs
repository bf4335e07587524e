//! Reading a byte stream into memory that the thread shares.

use crate::wire::StreamWire;
use bytes::{BufMut, Bytes, BytesMut};
use neatflow_core::Failure;
use std::cell::RefCell;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// How much is read at once.
const MOST: usize = 64 * 1024;

/// Less than this is copied: it would hold the whole buffer in memory as long as the application keeps it.
const SMALL: usize = MOST / 4;

thread_local! {
    /// One read buffer for each thread: an idle flow keeps none.
    static BUFFER: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// What one read brings, up to 64 KiB; `None` at the peer's end.
///
/// The thread has one buffer for all its wires. Much data is handed over in it, without a copy, and the buffer is used
/// again once everybody is done with that; a little data is copied, so that it occupies no more than four times its
/// size.
pub fn read_some(wire: &mut dyn StreamWire, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
    BUFFER.with_borrow_mut(|buffer| {
        // Uses the old memory again if nobody else does.
        buffer.reserve(MOST);
        let read = ready!(read_into(wire, cx, buffer))?;
        Poll::Ready(Ok(match read {
            0 => None,
            _ if read < SMALL => {
                let data = Bytes::copy_from_slice(buffer);
                buffer.clear();
                Some(data)
            }
            _ => Some(buffer.split().freeze()),
        }))
    })
}

/// Reads into the room that an empty buffer has.
fn read_into(
    wire: &mut dyn StreamWire,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<Result<usize, Failure>> {
    let room = buffer.chunk_mut();
    let most = room.len().min(MOST);
    // SAFETY: `ReadBuf` writes bytes into the slice and nothing else; it takes none away that is initialised.
    #[expect(unsafe_code, reason = "memory that is about to be written need not be zeroed first")]
    let room = unsafe { &mut room.as_uninit_slice_mut()[..most] };
    let mut room = ReadBuf::uninit(room);
    ready!(wire.poll_read(cx, &mut room))?;
    let read = room.filled().len();
    // SAFETY: `ReadBuf` counts as filled only what is initialised, and that is the front of the buffer's room.
    #[expect(unsafe_code, reason = "the bytes are there; this counts them in")]
    unsafe {
        buffer.advance_mut(read);
    }
    Poll::Ready(Ok(read))
}
