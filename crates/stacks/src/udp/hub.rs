//! One listening socket, and everybody who shares it.
//!
//! ```text
//!                   +--> acceptor
//!  socket --> pump -+--> flow          each with its own waker
//!                   +--> flow
//! ```
//!
//! A socket wakes one task for reading, so one task reads it for all: the pump. It needs nobody to poll it, and so
//! nobody who is slow, gone, or not interested holds up the others. The acceptor and the flows own the hub; with the
//! last of them it is gone, and the socket is closed at once.

use super::datagram::Reported;
use super::demux::{Demux, Ends, FlowId, Took, Wake};
use super::incoming::{Arrived, Incoming};
use super::reports::Reports;
use neatflow_core::{Failure, Message, Time};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, Sleep, sleep_until};

/// How many datagrams, and how many reports, are taken before others on the arbiter get their turn; and how many
/// messages a flow takes at once.
const BUDGET: usize = 64;

/// A listening socket, shared by its acceptor and its flows.
pub(super) struct Hub {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) local: SocketAddr,
    /// The origin of the demultiplexer's time.
    origin: Instant,
    state: Mutex<State>,
}

struct State {
    demux: Demux,
    reports: Reports,
    pump: Option<Waker>,
    acceptor: Option<Waker>,
    /// By the numbers of the flows.
    flows: Vec<Option<Waker>>,
}

impl Hub {
    /// Starts to read the socket. Needs a runtime.
    pub(super) fn start(socket: UdpSocket, local: SocketAddr, demux: Demux, soft_errors: bool) -> Arc<Self> {
        let socket = Arc::new(socket);
        let reports = if soft_errors { Reports::of(&socket) } else { Reports::unwanted() };
        let state = State { demux, reports, pump: None, acceptor: None, flows: Vec::new() };
        let hub = Arc::new(Self { socket, local, origin: Instant::now(), state: Mutex::new(state) });
        tokio::spawn(Pump::new(&hub));
        hub
    }

    /// The next flow, and the message it begins with in its queue.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<(FlowId, Ends)> {
        let mut state = self.lock();
        let Some(accepted) = state.demux.accept(self.now()) else {
            let _old = state.acceptor.replace(cx.waker().clone());
            drop(state);
            return Poll::Pending;
        };
        // The pump may not know yet that there is somebody to grow idle.
        let pump = state.pump.clone();
        drop(state);
        pump.inspect(Waker::wake_by_ref);
        Poll::Ready(accepted)
    }

    /// The next messages of a flow; none at its end.
    pub(super) fn poll_take(&self, id: FlowId, cx: &mut Context<'_>, into: &mut Vec<Message>) -> Poll<()> {
        let mut state = self.lock();
        if state.demux.take_many(id, BUDGET, into) == Took::Nothing {
            let _old = state.sleep(id, cx);
            drop(state);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// What the network reported of what this flow has sent.
    pub(super) fn poll_report(&self, id: FlowId, cx: &mut Context<'_>) -> Poll<Failure> {
        let mut state = self.lock();
        if let Some(reason) = state.demux.take_report(id) {
            return Poll::Ready(reason);
        }
        let _old = state.sleep(id, cx);
        drop(state);
        Poll::Pending
    }

    /// A flow has sent a datagram.
    pub(super) fn sent(&self, id: FlowId) {
        self.lock().demux.sent(id, self.now());
    }

    /// Nobody holds this flow any more.
    pub(super) fn remove(&self, id: FlowId) {
        let mut state = self.lock();
        state.demux.remove(id);
        let _old = state.flows.get_mut(id.0).and_then(Option::take);
        drop(state);
    }

    /// Nobody accepts any more.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.demux.stop();
        let _old = state.acceptor.take();
        drop(state);
    }

    pub(super) fn refused(&self) -> u64 {
        self.lock().demux.refused()
    }

    pub(super) fn dropped(&self, id: FlowId) -> u64 {
        self.lock().demux.dropped(id)
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// Wakers are neither woken nor dropped while it is locked: that may run code that comes back here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Remembers whom to wake for a flow; the waker it takes the place of is not to be dropped under the lock.
    #[must_use]
    fn sleep(&mut self, id: FlowId, cx: &Context<'_>) -> Option<Waker> {
        if self.flows.len() <= id.0 {
            self.flows.resize(id.0 + 1, None);
        }
        match &mut self.flows[id.0] {
            Some(known) if known.will_wake(cx.waker()) => None,
            slot => slot.replace(cx.waker().clone()),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It finds nobody, and ends.
        state.pump.take().inspect(Waker::wake_by_ref);
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("local", &self.local).finish_non_exhaustive()
    }
}

/// Reads the socket for all, and ends those who are idle.
struct Pump {
    hub: Weak<Hub>,
    incoming: Incoming,
    /// When somebody grows idle. Boxed because a `Sleep` must not move.
    timer: Pin<Box<Sleep>>,
    /// Whom to wake, once the hub is unlocked.
    woken: Vec<Waker>,
}

impl Pump {
    fn new(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::downgrade(hub),
            incoming: Incoming::new(),
            timer: Box::pin(sleep_until(hub.origin)),
            woken: Vec::new(),
        }
    }

    /// Ends those who are idle, and sets the timer for the next.
    fn expire(&mut self, hub: &Hub, state: &mut State, cx: &mut Context<'_>) {
        loop {
            let State { demux, flows, .. } = state;
            demux.expire(hub.now(), |id| self.woken.extend(waker_of(flows, id)));
            let Some(deadline) = demux.deadline() else { return };
            let deadline = hub.origin + deadline.since_origin();
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }

    /// Passes on what the network reported. Whether there may be more.
    fn hear(&mut self, state: &mut State, cx: &mut Context<'_>) -> bool {
        for _ in 0..BUDGET {
            let Poll::Ready(Reported { remote, reason }) = state.reports.poll_next(cx) else { return false };
            let State { demux, flows, .. } = state;
            if let Some(remote) = remote {
                demux.reported(remote, &reason, |id| self.woken.extend(waker_of(flows, id)));
            }
        }
        true
    }

    /// Hands out what came. Whether there may be more.
    fn read(&mut self, hub: &Hub, state: &mut State, cx: &mut Context<'_>) -> bool {
        let now = hub.now();
        let mut taken = 0;
        while taken < BUDGET {
            match hub.socket.poll_recv_ready(cx) {
                Poll::Ready(Ok(())) => {}
                // Or the reactor has stopped, and everybody with it.
                Poll::Ready(Err(_)) | Poll::Pending => return false,
            }
            let hand_out = |arrived: &Arrived, message| {
                taken += 1;
                let ends = Ends { remote: arrived.from, local: hub.local_of(arrived.to) };
                match state.demux.arrived(ends, message, now) {
                    Wake::Nobody => {}
                    Wake::Acceptor => self.woken.extend(state.acceptor.take()),
                    Wake::Flow(id) => self.woken.extend(waker_of(&mut state.flows, id)),
                }
            };
            let receive = || self.incoming.receive(&hub.socket, hand_out);
            if hub.socket.try_io(Interest::READABLE, receive).is_err() {
                // It is of a datagram that was sent, or of the moment; or there is none, and the next turn waits.
                taken += 1;
            }
        }
        true
    }
}

impl Hub {
    /// The address of ours that a datagram was sent to.
    fn local_of(&self, told: Option<IpAddr>) -> IpAddr {
        let bound = self.local.ip();
        if bound.is_unspecified() { told.unwrap_or(bound) } else { bound }
    }
}

fn waker_of(flows: &mut [Option<Waker>], id: FlowId) -> Option<Waker> {
    flows.get_mut(id.0).and_then(Option::take)
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(hub) = this.hub.upgrade() else { return Poll::Ready(()) };
        let mut state = hub.lock();
        let _old = state.pump.replace(cx.waker().clone());
        this.expire(&hub, &mut state, cx);
        let more = this.hear(&mut state, cx) | this.read(&hub, &mut state, cx);
        drop(state);
        this.woken.drain(..).for_each(Waker::wake);
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
