//! One connected UDP socket, as the engine of its flow sees it.

use super::datagram::{self, Manner, Reported, longest_message, longest_unfragmented};
use super::incoming::{Arrived, Incoming};
use super::outgoing::Outgoing;
use super::reports::Reports;
use super::system;
use crate::socket::{failure, reactor};
use crate::wire::{MessageWire, NotSent, Path, Portable, Report, Wire, WireControl};
use neatflow_core::connection::Batch;
use neatflow_core::{Failure, Message};
use socket2::SockRef;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// How many datagrams of strangers and errors of others are passed over before it is somebody else's turn.
const PASSED_OVER: usize = 16;

/// One connected UDP socket.
pub(super) struct UdpWire {
    /// `None` once it has moved away.
    socket: Option<Arc<UdpSocket>>,
    path: Path,
    incoming: Incoming,
    outgoing: Outgoing,
    reports: Reports,
    /// Where the network's reports come as errors of other calls: the latest of them.
    reported: Option<Failure>,
    /// Whether the system was told to cut nothing.
    keeps_whole: bool,
}

impl UdpWire {
    /// The wire of a connected socket; `soft_errors`: whether the network's reports are to be told.
    pub(super) fn new(socket: UdpSocket, path: Path, soft_errors: bool) -> Self {
        let (incoming, outgoing) = (Incoming::new(), Outgoing::new(&socket));
        let socket = Arc::new(socket);
        let reports = if soft_errors { Reports::of(&socket) } else { Reports::unwanted() };
        Self { socket: Some(socket), path, incoming, outgoing, reports, reported: None, keeps_whole: false }
    }

    /// A call was answered with what the network reported. Where that is queued, the queue tells it better.
    fn passed_over(&mut self, error: io::Error) {
        let tells = error.kind() != io::ErrorKind::Interrupted && !system::REPORTS_ARE_QUEUED;
        if tells && self.reports.are_wanted() {
            self.reported = Some(failure(error));
        }
    }
}

impl MessageWire for UdpWire {
    fn poll_recv(&mut self, cx: &mut Context<'_>, into: &mut Vec<Message>) -> Poll<Result<(), Failure>> {
        let (remote, before) = (self.path.remote, into.len());
        for _ in 0..PASSED_OVER {
            let socket = self.socket.as_ref().ok_or_else(moved)?;
            ready!(socket.poll_recv_ready(cx)).map_err(failure)?;
            let take = |arrived: &Arrived, message| {
                // What came between binding and connecting may be from anybody.
                if (arrived.from.ip(), arrived.from.port()) == (remote.ip(), remote.port()) {
                    into.push(message);
                }
            };
            match socket.try_io(Interest::READABLE, || self.incoming.receive(socket, take)) {
                Ok(()) if into.len() > before => return Poll::Ready(Ok(())),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => self.passed_over(error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &Batch<'_>) -> Poll<Result<usize, NotSent>> {
        let remote = self.path.remote;
        let longest = longest_message(remote);
        datagram::check_size(batch.size, longest)?;
        let manner = Manner::of(&batch.properties)?;
        let socket = self.socket.as_ref().ok_or_else(moved)?;
        if manner.whole {
            let fits = longest_unfragmented(SockRef::from(&**socket), remote);
            datagram::check_size(batch.size, fits.unwrap_or(longest))?;
        }
        if manner.whole != self.keeps_whole {
            system::keep_whole(socket, remote, manner.whole).map_err(failure)?;
            self.keeps_whole = manner.whole;
        }
        loop {
            ready!(socket.poll_send_ready(cx)).map_err(failure)?;
            let call = |data: &[u8], each| system::send(socket, data, each, remote, manner);
            let send = || self.outgoing.send(batch, longest, call);
            return Poll::Ready(match socket.try_io(Interest::WRITABLE, send) {
                Ok(taken) => Ok(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    let unfragmented = longest_unfragmented(SockRef::from(&**socket), remote);
                    Err(datagram::not_sent(error, batch.size, unfragmented))
                }
            });
        }
    }
}

impl WireControl for UdpWire {
    /// Nothing marks an end.
    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing is acknowledged; what the system has taken is on its way.
    fn poll_acknowledged(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing the network reports ends it.
    fn poll_failed(&mut self, _: &mut Context<'_>) -> Poll<Failure> {
        Poll::Pending
    }

    fn poll_soft_error(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        match self.reported.take() {
            Some(reason) => Poll::Ready(reason),
            None => self.reports.poll_next(cx).map(|Reported { reason, .. }| reason),
        }
    }

    fn abort(self: Box<Self>) {}

    fn path(&self) -> Path {
        self.path.clone()
    }

    fn report(&self) -> Report {
        let remote = self.path.remote;
        let fits = |socket| longest_unfragmented(SockRef::from(socket), remote);
        Report {
            max_singular: self.socket.as_deref().and_then(fits),
            max_send: Some(longest_message(remote)),
            ..Report::default()
        }
    }

    fn detach(&mut self) -> Option<Box<dyn Portable>> {
        let soft_errors = self.reports.are_wanted();
        self.reports = Reports::unwanted();
        if std::mem::take(&mut self.keeps_whole)
            && let Some(socket) = &self.socket
        {
            // Whoever sends next says it again; one that cannot be told keeps datagrams whole.
            let _ = system::keep_whole(socket, self.path.remote, false);
        }
        match Arc::try_unwrap(self.socket.take()?) {
            Ok(socket) => {
                let socket = socket.into_std().map_err(failure);
                Some(Box::new(PortableUdp { socket, path: self.path.clone(), soft_errors }))
            }
            Err(shared) => {
                self.socket = Some(shared);
                None
            }
        }
    }
}

/// A connected socket on its way to another arbiter.
struct PortableUdp {
    /// The failure is of leaving the old reactor; it took the socket with it.
    socket: Result<std::net::UdpSocket, Failure>,
    path: Path,
    soft_errors: bool,
}

impl Portable for PortableUdp {
    fn attach(self: Box<Self>) -> Result<Wire, Failure> {
        reactor()?;
        let socket = UdpSocket::from_std(self.socket?).map_err(failure)?;
        Ok(Wire::Messages(Box::new(UdpWire::new(socket, self.path, self.soft_errors))))
    }

    fn abort(self: Box<Self>) {}
}

fn moved() -> Failure {
    Failure::Io {
        kind: io::ErrorKind::NotConnected,
        os: None,
        text: Arc::from("the connection has moved to another arbiter"),
    }
}
