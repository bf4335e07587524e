//! What the two ends of a scripted connection have in common.

use bytes::Bytes;
use neatflow_core::Failure;
use neatflow_stacks::{Path, Report};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How many bytes may be under way to a peer that does not read.
const WINDOW: usize = 64 * 1024;

/// What can be asked of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `poll_read`, `poll_recv`.
    Read,
    /// `poll_write`, `poll_send`.
    Write,
    /// `poll_finish`.
    Finish,
    /// `poll_acknowledged`.
    Acknowledge,
    /// `report`.
    Report,
}

pub(super) struct Link {
    pub(super) path: Path,
    pub(super) stream: Option<u64>,
    state: Mutex<State>,
}

pub(super) struct State {
    /// On its way to us.
    pub(super) inbound: VecDeque<Bytes>,
    pub(super) peer_finished: bool,
    pub(super) failure: Option<Failure>,
    pub(super) soft_errors: VecDeque<Failure>,
    /// On its way to the peer.
    pub(super) outbound: VecDeque<Bytes>,
    pub(super) window: usize,
    pub(super) discards: bool,
    /// How long a message may be.
    pub(super) limit: usize,
    pub(super) acknowledges: bool,
    pub(super) finished: bool,
    pub(super) end: WireEnd,
    pub(super) panics: Vec<Operation>,
    pub(super) report: Report,
    /// How much was written, ever.
    pub(super) written: usize,
    /// Who polls our end. Each operation has its own: what changes wakes whoever waits for it, and no one else.
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) acknowledged: Option<Waker>,
    pub(super) watcher: Option<Waker>,
    pub(super) listener: Option<Waker>,
    /// Who waits at the far end.
    pub(super) peers: Vec<Waker>,
}

/// What became of our end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireEnd {
    Open,
    Dropped,
    Aborted,
}

impl Link {
    pub(super) fn new(path: Path, stream: Option<u64>) -> Arc<Self> {
        let state = State {
            inbound: VecDeque::new(),
            peer_finished: false,
            failure: None,
            soft_errors: VecDeque::new(),
            outbound: VecDeque::new(),
            window: WINDOW,
            discards: false,
            limit: usize::MAX,
            acknowledges: true,
            finished: false,
            end: WireEnd::Open,
            panics: Vec::new(),
            report: Report::default(),
            written: 0,
            reader: None,
            writer: None,
            acknowledged: None,
            watcher: None,
            listener: None,
            peers: Vec::new(),
        };
        Arc::new(Self { path, stream, state: Mutex::new(state) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our end is gone, for the first reason given.
    pub(super) fn leave(&self, end: WireEnd) {
        let mut state = self.lock();
        if state.end == WireEnd::Open {
            state.end = end;
            state.wake_peers();
        }
    }
}

impl State {
    /// How many bytes may be written now.
    pub(super) fn room(&self) -> usize {
        if self.discards {
            return usize::MAX;
        }
        self.window.saturating_sub(self.outbound.iter().map(Bytes::len).sum())
    }

    pub(super) fn write(&mut self, data: Bytes) {
        self.written += data.len();
        if !self.discards {
            self.outbound.push_back(data);
        }
        self.wake_peers();
    }

    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_acknowledged(&mut self) {
        self.acknowledged.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_peers(&mut self) {
        self.peers.drain(..).for_each(Waker::wake);
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.inbound.clear();
        self.wake_reader();
        self.wake_writer();
        self.wake_acknowledged();
        self.watcher.take().into_iter().for_each(Waker::wake);
    }

    /// Waits at the far end.
    pub(super) fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.peers.push(cx.waker().clone());
        Poll::Pending
    }
}
