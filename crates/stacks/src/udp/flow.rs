//! One accepted flow: its part of a listening socket.

use super::datagram::{self, Manner, longest_message, longest_unfragmented_to};
use super::demux::{Ends, FlowId};
use super::hub::Hub;
use super::outgoing::Outgoing;
use super::system;
use crate::socket::failure;
use crate::wire::{MessageWire, NotSent, Path, Report, WireControl};
use futures::future::BoxFuture;
use neatflow_core::connection::Batch;
use neatflow_core::{Failure, Message};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// One accepted flow. It stays where its listener is.
pub(super) struct FlowWire {
    hub: Arc<Hub>,
    id: FlowId,
    ends: Ends,
    path: Path,
    outgoing: Outgoing,
    /// Waits until the socket takes datagrams again; a future of its own, because a socket wakes only one task for
    /// writing.
    room: Option<BoxFuture<'static, io::Result<()>>>,
}

impl FlowWire {
    pub(super) fn new(hub: Arc<Hub>, id: FlowId, ends: Ends, path: Path) -> Self {
        let outgoing = Outgoing::new(&hub.socket);
        Self { hub, id, ends, path, outgoing, room: None }
    }

    /// Our address to send from, where the socket has several.
    fn source(&self) -> Option<IpAddr> {
        let several = self.hub.local.ip().is_unspecified() && !self.ends.local.is_unspecified();
        several.then_some(self.ends.local)
    }
}

impl MessageWire for FlowWire {
    fn poll_recv(&mut self, cx: &mut Context<'_>, into: &mut Vec<Message>) -> Poll<Result<(), Failure>> {
        self.hub.poll_take(self.id, cx, into).map(Ok)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &Batch<'_>) -> Poll<Result<usize, NotSent>> {
        let (remote, source) = (self.ends.remote, self.source());
        let longest = longest_message(remote);
        datagram::check_size(batch.size, longest)?;
        let manner = Manner::of(&batch.properties)?;
        loop {
            if let Some(room) = &mut self.room {
                let waited = ready!(room.as_mut().poll(cx));
                self.room = None;
                waited.map_err(failure)?;
            }
            let socket = &self.hub.socket;
            let call = |data: &[u8], each| system::send_to(socket, data, each, remote, source, manner);
            let outgoing = &mut self.outgoing;
            let send = || {
                if !manner.whole {
                    return outgoing.send(batch, longest, call);
                }
                // The socket is that of all flows, and this is of one message.
                system::keep_whole(socket, remote, true)?;
                let sent = outgoing.send(batch, longest, call);
                system::keep_whole(socket, remote, false)?;
                sent
            };
            match socket.try_io(Interest::WRITABLE, send) {
                Ok(taken) => {
                    self.hub.sent(self.id);
                    return Poll::Ready(Ok(taken));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = socket.clone();
                    self.room = Some(Box::pin(async move { socket.writable().await }));
                }
                Err(error) => return Poll::Ready(Err(datagram::not_sent(error, batch.size, None))),
            }
        }
    }
}

impl WireControl for FlowWire {
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
        self.hub.poll_report(self.id, cx)
    }

    fn abort(self: Box<Self>) {}

    fn path(&self) -> Path {
        self.path.clone()
    }

    fn report(&self) -> Report {
        Report {
            max_singular: longest_unfragmented_to(self.ends.remote, self.path.local),
            max_send: Some(longest_message(self.ends.remote)),
            dropped: Some(self.hub.dropped(self.id)),
            ..Report::default()
        }
    }
}

impl Drop for FlowWire {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}
