//! Listening without a network.

use super::association::Trunk;
use super::link::{Link, WireEnd};
use super::{SCRIPTED_PANIC, ScriptedStack};
use neatflow_core::{Failure, Offers};
use neatflow_stacks::{Acceptor, Established};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Connections that peers have opened, on their way to a listener.
pub(super) struct Backlog {
    pub(super) local: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    waker: Option<Waker>,
}

/// What accepting brings.
pub(super) enum Waiting {
    Link(Arc<Link>),
    Failure(Failure),
    Panic,
}

impl Backlog {
    pub(super) fn new(local: SocketAddr) -> Arc<Self> {
        Arc::new(Self { local, state: Mutex::default() })
    }

    /// Whether what is sent there arrives here.
    pub(super) fn takes(&self, to: SocketAddr) -> bool {
        let here = self.local.ip();
        let anywhere = here.is_unspecified() && here.is_ipv4() == to.is_ipv4();
        self.local.port() == to.port() && (here == to.ip() || anywhere)
    }

    pub(super) fn push(&self, next: Waiting) {
        let mut state = self.lock();
        state.waiting.push_back(next);
        state.waker.take().into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct ScriptedAcceptor {
    stack: ScriptedStack,
    backlog: Arc<Backlog>,
}

impl ScriptedAcceptor {
    pub(super) fn new(stack: ScriptedStack, backlog: Arc<Backlog>) -> Self {
        Self { stack, backlog }
    }
}

impl Acceptor for ScriptedAcceptor {
    fn local(&self) -> SocketAddr {
        self.backlog.local
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Established, Failure>> {
        let mut state = self.backlog.lock();
        let Some(next) = state.waiting.pop_front() else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        drop(state);
        let link = match next {
            Waiting::Link(link) => link,
            Waiting::Failure(failure) => return Poll::Ready(Err(failure)),
            Waiting::Panic => panic!("{SCRIPTED_PANIC}"),
        };
        let trunk = Trunk::new(self.stack.net.clone(), link.path.clone(), Offers::clone(&self.stack.obtains));
        Poll::Ready(Ok(self.stack.carry(link, trunk)))
    }
}

impl Drop for ScriptedAcceptor {
    fn drop(&mut self) {
        self.stack.net.lock().backlogs.retain(|backlog| !Arc::ptr_eq(backlog, &self.backlog));
        // Who waits in the backlog of a socket that is closed is reset.
        for next in self.backlog.lock().waiting.drain(..) {
            if let Waiting::Link(link) = next {
                link.leave(WireEnd::Aborted);
            }
        }
    }
}
