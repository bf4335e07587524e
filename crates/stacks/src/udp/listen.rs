//! Listening: a datagram of a new source is a new connection.

use super::demux::{Demux, Ends, Limits};
use super::flow::FlowWire;
use super::hub::Hub;
use super::offers::{obtained, soft_errors};
use super::system;
use crate::socket;
use crate::stack::{Acceptor, Established, ListenOn};
use crate::wire::{Path, Wire};
use neatflow_core::{Failure, TransportProperties};
use socket2::Socket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::UdpSocket;

/// A listening socket. The socket outlives it as long as there are flows.
#[derive(Debug)]
pub(super) struct UdpAcceptor {
    hub: Arc<Hub>,
    interface: Option<Arc<str>>,
    properties: Arc<TransportProperties>,
}

impl UdpAcceptor {
    pub(super) fn listen(on: &ListenOn, limits: &Limits) -> Result<Self, Failure> {
        socket::reactor()?;
        let soft_errors = soft_errors(&on.properties.selection);
        let socket = bound(on, soft_errors)?;
        let socket = UdpSocket::from_std(socket.into()).map_err(socket::failure)?;
        let local = socket.local_addr().map_err(socket::failure)?;
        let backlog = usize::try_from(on.backlog).unwrap_or(usize::MAX);
        let demux = Demux::new(limits.clone(), backlog);
        let hub = Hub::start(socket, local, demux, soft_errors);
        Ok(Self { hub, interface: on.interface.clone(), properties: on.properties.clone() })
    }

    fn path(&self, ends: Ends) -> Path {
        let port = self.hub.local.port();
        let mut local = SocketAddr::new(ends.local, port);
        if let (SocketAddr::V6(local), SocketAddr::V6(remote)) = (&mut local, ends.remote) {
            // The link that both ends are on.
            let link_local = local.ip().is_unicast_link_local();
            local.set_scope_id(if link_local { remote.scope_id() } else { 0 });
        }
        let mut path = Path::new(local, ends.remote);
        path.interface = self.interface.clone();
        path
    }
}

impl Acceptor for UdpAcceptor {
    fn local(&self) -> SocketAddr {
        self.hub.local
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Established, Failure>> {
        self.hub.poll_accept(cx).map(|(id, ends)| {
            let path = self.path(ends);
            let wire = FlowWire::new(self.hub.clone(), id, ends, path.clone());
            let offers = obtained(&self.properties.selection, ends.local);
            Ok(Established::single(Wire::Messages(Box::new(wire)), offers, path))
        })
    }

    fn refused(&self) -> u64 {
        self.hub.refused()
    }
}

impl Drop for UdpAcceptor {
    fn drop(&mut self) {
        self.hub.stop();
    }
}

/// A socket that is bound and ready to receive.
fn bound(on: &ListenOn, soft_errors: bool) -> Result<Socket, Failure> {
    let socket = socket::open_datagram(on.local, socket2::Protocol::UDP)?;
    if on.local.is_ipv6() {
        socket.set_only_v6(true).map_err(socket::failure)?;
    }
    if on.shared {
        // The system sends the datagrams of one source to one of the sockets.
        socket::share_port(&socket)?;
    }
    socket::mark(&socket, on.local.ip(), on.properties.connection.conn_capacity_profile)?;
    system::tell_ecn(&socket, on.local).map_err(socket::failure)?;
    system::join_trains(&socket);
    if soft_errors {
        system::keep_reports(&socket, on.local).map_err(socket::failure)?;
    }
    if on.local.ip().is_unspecified() {
        system::tell_destination(&socket, on.local).map_err(socket::failure)?;
    }
    if let Some(interface) = &on.interface {
        socket::bind_interface(&socket, on.local, interface)?;
    }
    socket::bind(&socket, socket::scoped(on.local, on.interface.as_ref())?)?;
    Ok(socket)
}
