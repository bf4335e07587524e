//! Buffers that the send queues of a thread share: whoever has sent everything keeps none.

use bytes::BytesMut;
use std::cell::RefCell;

/// How large a buffer is.
const SIZE: usize = 64 * 1024;

/// How many a thread keeps: as much as a send queue has up to its high-water mark.
const KEPT: usize = 4;

thread_local! {
    static BUFFERS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer: one that was used before, if there is one.
pub(super) fn take() -> BytesMut {
    // A thread that ends has none.
    let used = BUFFERS.try_with(|buffers| buffers.borrow_mut().pop()).ok().flatten();
    // To let it grow would copy what is in it again and again.
    used.unwrap_or_else(|| BytesMut::with_capacity(SIZE))
}

/// Keeps a buffer for the next, if it is of use.
pub(super) fn give(buffer: BytesMut) {
    let useful = buffer.is_empty() && (SIZE / 4..=2 * SIZE).contains(&buffer.capacity());
    let _ = BUFFERS.try_with(|buffers| {
        let mut buffers = buffers.borrow_mut();
        if useful && buffers.len() < KEPT {
            buffers.push(buffer);
        }
    });
}
