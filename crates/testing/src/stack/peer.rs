//! The far end of a scripted connection.

use super::association::{Offered, Trunk};
use super::link::{Link, Operation, State, WireEnd};
use bytes::{Bytes, BytesMut};
use neatflow_core::{Candidate, Failure};
use neatflow_stacks::{Path, Report};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// The far end of a scripted connection, in the hands of a test. Dropping it changes nothing.
#[derive(Clone)]
pub struct Peer {
    link: Arc<Link>,
    candidate: Option<Arc<Candidate>>,
    offered: Option<Arc<Offered>>,
}

impl Peer {
    pub(super) fn new(link: Arc<Link>, candidate: Option<Arc<Candidate>>) -> Self {
        Self { link, candidate, offered: None }
    }

    pub(super) fn with_trunk(self, trunk: &Trunk) -> Self {
        Self { offered: Some(trunk.offered().clone()), ..self }
    }

    /// From where to where, as our end sees it.
    pub fn path(&self) -> &Path {
        &self.link.path
    }

    /// The candidate that connected; `None` for a connection that was dialled, and for later streams.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.candidate.as_deref()
    }

    /// The stream, in an association of several.
    pub fn stream(&self) -> Option<u64> {
        self.link.stream
    }
}

/// What the peer does.
impl Peer {
    /// Sends one message; over a byte stream, what one read will bring.
    pub fn send(&self, data: impl Into<Bytes>) {
        let mut state = self.link.lock();
        state.inbound.push_back(data.into());
        state.wake_reader();
    }

    /// Sends its end: nothing more comes from it. It still reads.
    pub fn finish(&self) {
        let mut state = self.link.lock();
        state.peer_finished = true;
        state.wake_reader();
    }

    /// Resets the connection; what is under way is lost.
    pub fn reset(&self) {
        self.fail(Failure::Reset);
    }

    /// The connection fails like this; what is under way to us is lost.
    pub fn fail(&self, failure: Failure) {
        self.link.lock().fail(failure);
    }

    /// The network reports an error that ends nothing.
    pub fn report_soft_error(&self, reason: Failure) {
        let mut state = self.link.lock();
        state.soft_errors.push_back(reason);
        state.listener.take().into_iter().for_each(Waker::wake);
    }

    /// Messages longer than this are refused, one by one. Default: none is too long.
    pub fn longest_message(&self, bytes: usize) {
        let mut state = self.link.lock();
        state.limit = bytes;
        state.wake_writer();
    }

    /// Takes some of what has come; waits for it. `None` at our end, and when the connection is gone.
    pub async fn read(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            let mut state = self.link.lock();
            match take_one(&mut state) {
                Some(data) => Poll::Ready(Some(data)),
                None if state.finished || state.end != WireEnd::Open => Poll::Ready(None),
                None => state.wait(cx),
            }
        })
        .await
    }

    /// Takes everything until our end, or until the connection is gone.
    pub async fn read_to_end(&self) -> Bytes {
        let mut all = BytesMut::new();
        while let Some(data) = self.read().await {
            all.extend_from_slice(&data);
        }
        all.freeze()
    }

    /// Takes what has come, without waiting.
    pub fn take(&self) -> Bytes {
        let mut state = self.link.lock();
        let mut all = BytesMut::new();
        while let Some(data) = take_one(&mut state) {
            all.extend_from_slice(&data);
        }
        all.freeze()
    }

    /// Reads everything from now on, and forgets it.
    pub fn discard(&self) {
        let mut state = self.link.lock();
        state.discards = true;
        state.outbound.clear();
        state.wake_writer();
    }

    /// How many bytes may be under way to it before it reads. Default: 64 KiB; 0 lets nothing through.
    pub fn window(&self, bytes: usize) {
        let mut state = self.link.lock();
        state.window = bytes;
        state.wake_writer();
    }

    /// Acknowledges nothing until [`acknowledge`](Self::acknowledge). Otherwise everything is acknowledged at
    /// once, read or not.
    pub fn hold_acknowledgements(&self) {
        self.link.lock().acknowledges = false;
    }

    /// Acknowledges everything.
    pub fn acknowledge(&self) {
        let mut state = self.link.lock();
        state.acknowledges = true;
        state.wake_acknowledged();
    }

    /// From now on our end of the wire panics when this is asked of it.
    pub fn panic_at(&self, operation: Operation) {
        let mut state = self.link.lock();
        state.panics.push(operation);
        state.wake_reader();
        state.wake_writer();
        state.wake_acknowledged();
    }

    /// What our end measures from now on.
    pub fn report(&self, report: Report) {
        self.link.lock().report = report;
    }

    /// Opens another stream of the same association; `None` if there is none.
    pub fn open_stream(&self) -> Option<Self> {
        let link = self.offered.as_ref()?.open(self.link.path.clone());
        Some(Self { link, candidate: None, offered: self.offered.clone() })
    }

    /// Opens no more streams.
    pub fn end_streams(&self) {
        self.offered.iter().for_each(|offered| offered.end());
    }
}

/// What the peer sees.
impl Peer {
    /// Whether our end is there: not dropped and not aborted.
    pub fn is_open(&self) -> bool {
        self.link.lock().end == WireEnd::Open
    }

    /// Whether our end of the stream has come.
    pub fn is_finished(&self) -> bool {
        self.link.lock().finished
    }

    /// Whether we aborted, so that a reset came.
    pub fn is_aborted(&self) -> bool {
        self.link.lock().end == WireEnd::Aborted
    }

    /// How many bytes were written to it, ever.
    pub fn written(&self) -> usize {
        self.link.lock().written
    }

    /// How many messages (or reads) are on their way to us.
    pub fn unread(&self) -> usize {
        self.link.lock().inbound.len()
    }

    /// Waits until our end is gone.
    pub async fn closed(&self) {
        poll_fn(|cx| {
            let mut state = self.link.lock();
            if state.end == WireEnd::Open { state.wait(cx) } else { Poll::Ready(()) }
        })
        .await;
    }
}

fn take_one(state: &mut State) -> Option<Bytes> {
    let data = state.outbound.pop_front()?;
    state.wake_writer();
    Some(data)
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("path", &self.link.path).finish_non_exhaustive()
    }
}
