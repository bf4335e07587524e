//! Letting go of a wire whose connection has ended well.

use crate::census::Census;
use neatflow_stacks::Wire;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::ReadBuf;

/// How long a peer may take to end its side after ours was acknowledged.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads and discards what still comes, until the peer ends or patience does. Bounded in time and memory. The
/// transport it belongs to lasts as long, by its census.
pub(super) async fn linger(mut wire: Wire, _census: Arc<Census>) {
    let drained = poll_fn(|cx| poll_drain(&mut wire, cx));
    // Either way the wire is closed now.
    let _ = tokio::time::timeout(PATIENCE, drained).await;
}

fn poll_drain(wire: &mut Wire, cx: &mut Context<'_>) -> Poll<()> {
    const ROUNDS: usize = 16;
    let mut sink = [0; 4096];
    for _ in 0..ROUNDS {
        let ended = match wire {
            Wire::Stream(wire) => {
                let mut buffer = ReadBuf::new(&mut sink);
                let read = ready!(wire.poll_read(cx, &mut buffer));
                read.is_err() || buffer.filled().is_empty()
            }
            // Datagrams are lost without harm.
            Wire::Messages(_) => true,
        };
        if ended {
            return Poll::Ready(());
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
