//! Opening a connection.

use super::offers::obtained;
use super::options::Options;
use super::wire::TcpWire;
use crate::progress::{Progress, Stage};
use crate::socket;
use crate::stack::Established;
use crate::wire::{Path, Wire};
use neatflow_core::{Candidate, Failure};
use socket2::{SockRef, Socket};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Tries one candidate.
///
/// *Errors*: those of [`Failure`] that name a refusal, a missing way, a local address, an interface, a
/// permission or a time-out; `InvalidInput` for a remote port of 0.
///
/// *Cancel safety*: dropping the future closes the socket.
pub(super) async fn connect(candidate: Arc<Candidate>, progress: Progress) -> Result<Established, Failure> {
    socket::reactor()?;
    let remote = socket::scoped(socket::remote_of(&candidate)?, candidate.interface.as_ref())?;
    let (socket, keep_alive) = prepared(&candidate, remote)?;
    let stream = TcpSocket::from_std_stream(socket.into()).connect(remote).await;
    let stream = stream.map_err(|error| unanswered(error, &candidate))?;
    let established = established(stream, remote, keep_alive, &candidate)?;
    progress.reached(Stage::Transport);
    Ok(established)
}

/// A socket with everything set that has to be set before the handshake, and whether it is kept alive.
fn prepared(candidate: &Candidate, remote: SocketAddr) -> Result<(Socket, bool), Failure> {
    let socket = socket::open_stream(remote, socket2::Protocol::TCP)?;
    let keep_alive = Options::of(&candidate.properties).apply(&socket, remote.ip())?;
    socket::choose_source(&socket, candidate, remote);
    if let Some(interface) = &candidate.interface {
        socket::bind_interface(&socket, remote, interface)?;
    }
    if let Some(local) = candidate.local {
        bind(&socket, local, remote, candidate.interface.as_ref())?;
    }
    Ok((socket, keep_alive))
}

fn bind(
    socket: &Socket,
    local: SocketAddr,
    remote: SocketAddr,
    interface: Option<&Arc<str>>,
) -> Result<(), Failure> {
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(Failure::LocalAddress(Arc::from(format!("{local} cannot reach {remote}"))));
    }
    if local.port() == 0 {
        // An old kernel may not know the option; binding works without it.
        let _ = socket::set_bind_address_no_port(socket);
    } else {
        // A port whose last connection is still in TIME-WAIT can be used again.
        socket.set_reuse_address(true).map_err(socket::failure)?;
    }
    socket::bind(socket, socket::scoped(local, interface)?)
}

/// What the system need not be asked for is not: each question is a system call.
fn established(
    stream: TcpStream,
    remote: SocketAddr,
    keep_alive: bool,
    candidate: &Candidate,
) -> Result<Established, Failure> {
    let local = stream.local_addr().map_err(gone)?;
    // The unspecified address means this host, and only the system knows as which of its addresses.
    let remote = if remote.ip().is_unspecified() { stream.peer_addr().map_err(gone)? } else { remote };
    if local == remote {
        // The system chose the very port that was to be reached, and the socket met itself in a simultaneous
        // open (RFC 9293 §3.5): nobody listens there. The reset keeps the port from lingering in TIME-WAIT.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return Err(Failure::Refused);
    }
    let offers = obtained(&candidate.properties.selection, keep_alive, local.ip());
    let mut path = Path::new(local, remote);
    path.interface = candidate.interface.clone();
    Ok(Established::single(Wire::Stream(Box::new(TcpWire::new(stream, path.clone()))), offers, path))
}

/// Why the handshake failed.
fn unanswered(error: io::Error, candidate: &Candidate) -> Failure {
    // Nobody asked for a local address: this host has none of the family (or, for long, no free port).
    if error.kind() == io::ErrorKind::AddrNotAvailable && candidate.local.is_none() {
        let why = format!("no local address to reach {} from: {error}", candidate.remote);
        return Failure::Unreachable(Arc::from(why));
    }
    // A host that does not speak TCP at all answered (ICMP: protocol unreachable).
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOPROTOOPT) {
        return Failure::Unreachable(Arc::from(error.to_string()));
    }
    socket::failure(error)
}

/// A connection that has no peer any more was reset since the handshake.
fn gone(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotConnected | io::ErrorKind::InvalidInput => Failure::Reset,
        _ => socket::failure(error),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use neatflow_core::{CandidateId, Protocol};

    fn candidate(remote: &str, local: &str) -> Candidate {
        let properties = Arc::default();
        let mut candidate =
            Candidate::new(CandidateId(0), Protocol::TCP, remote.parse().unwrap(), properties);
        candidate.local = Some(local.parse().unwrap());
        candidate
    }

    #[test]
    fn binding_to_an_address_leaves_the_port_to_the_handshake() {
        for (remote, local) in [("127.0.0.1:9", "127.0.0.1:0"), ("[::1]:9", "[::1]:0")] {
            let candidate = candidate(remote, local);
            match prepared(&candidate, candidate.remote) {
                Ok((socket, _)) => {
                    assert_eq!(socket.local_addr().unwrap().as_socket(), Some(local.parse().unwrap()));
                }
                Err(failure) if candidate.remote.is_ipv6() => eprintln!("SKIPPED: no IPv6 here: {failure}"),
                Err(failure) => panic!("{failure}"),
            }
        }
    }

    #[test]
    fn the_system_knows_both_kinds_of_source_address() {
        let Ok(socket) = Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None) else {
            eprintln!("SKIPPED: no IPv6 here");
            return;
        };
        socket::prefer_temporary(&socket, true).unwrap();
        socket::prefer_temporary(&socket, false).unwrap();
    }
}
