//! Opening a connection: a socket of its own for each.

use super::offers::{obtained, soft_errors};
use super::system;
use super::wire::UdpWire;
use crate::progress::{Progress, Stage};
use crate::socket;
use crate::stack::Established;
use crate::wire::{Path, Wire};
use neatflow_core::{Candidate, Failure};
use socket2::{SockAddr, Socket};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// Reserves a local port for one candidate, and finds the path to the peer. No packet is sent, so nothing is known of
/// the peer.
///
/// *Errors*: those of [`Failure`] that name a missing way, a local address, an interface or a permission;
/// `InvalidInput` for a remote port of 0.
pub(super) fn connect(candidate: &Candidate, progress: &Progress) -> Result<Established, Failure> {
    socket::reactor()?;
    let remote = canonical(socket::remote_of(candidate)?);
    let remote = socket::scoped(remote, candidate.interface.as_ref())?;
    let selection = &candidate.properties.selection;
    let soft_errors = soft_errors(selection);
    let socket = prepared(candidate, remote, soft_errors)?;
    socket.connect(&SockAddr::from(remote)).map_err(socket::failure)?;
    let socket = UdpSocket::from_std(socket.into()).map_err(socket::failure)?;
    let local = socket.local_addr().map_err(socket::failure)?;
    if (local.ip(), local.port()) == (remote.ip(), remote.port()) {
        // It would talk to itself; whoever is meant, it is not there.
        return Err(Failure::LocalAddress(Arc::from(format!("{local} is the address to be reached"))));
    }
    let mut path = Path::new(local, remote);
    path.interface = candidate.interface.clone();
    let wire = Wire::Messages(Box::new(UdpWire::new(socket, path.clone(), soft_errors)));
    progress.reached(Stage::Transport);
    Ok(Established::single(wire, obtained(selection, local.ip()), path))
}

/// An IPv4 address in IPv6 clothes is reached by IPv4 packets, and an IPv4 socket knows all about those.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        as_it_is => as_it_is,
    }
}

/// A socket with everything set that has to be set before it is connected.
fn prepared(candidate: &Candidate, remote: SocketAddr, soft_errors: bool) -> Result<Socket, Failure> {
    let socket = socket::open_datagram(remote, socket2::Protocol::UDP)?;
    socket::mark(&socket, remote.ip(), candidate.properties.connection.conn_capacity_profile)?;
    system::tell_ecn(&socket, remote).map_err(socket::failure)?;
    system::join_trains(&socket);
    if soft_errors {
        system::keep_reports(&socket, remote).map_err(socket::failure)?;
    }
    socket::choose_source(&socket, candidate, remote);
    if let Some(interface) = &candidate.interface {
        socket::bind_interface(&socket, remote, interface)?;
    }
    if let Some(local) = candidate.local.map(canonical) {
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(Failure::LocalAddress(Arc::from(format!("{local} cannot reach {remote}"))));
        }
        // Not to be shared: of two sockets on one port, one would get the datagrams of both.
        socket::bind(&socket, socket::scoped(local, candidate.interface.as_ref())?)?;
    }
    Ok(socket)
}
