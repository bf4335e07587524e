//! Listening, and accepting.

use super::offers::obtained;
use super::options::Options;
use super::system;
use super::wire::TcpWire;
use crate::socket;
use crate::stack::{Acceptor, Established, ListenOn};
use crate::wire::{Path, Wire};
use neatflow_core::{Failure, TransportProperties};
use socket2::{SockRef, Socket};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, TcpStream};

/// The longest queue that is asked for; the system may have a lower limit of its own.
const LONGEST_BACKLOG: u32 = 65_535;

/// A listening socket.
#[derive(Debug)]
pub(super) struct TcpAcceptor {
    listener: TcpListener,
    local: SocketAddr,
    interface: Option<Arc<str>>,
    options: Options,
    /// Accepted connections inherit it, or get it by the same options.
    keep_alive: bool,
    properties: Arc<TransportProperties>,
}

impl TcpAcceptor {
    pub(super) fn listen(on: &ListenOn) -> Result<Self, Failure> {
        socket::reactor()?;
        let options = Options::of(&on.properties);
        let socket = bound(on, &options)?;
        let keep_alive = socket.keepalive().map_err(socket::failure)?;
        let backlog = on.backlog.clamp(1, LONGEST_BACKLOG) as i32;
        socket.listen(backlog).map_err(socket::failure)?;
        let listener = TcpListener::from_std(socket.into()).map_err(socket::failure)?;
        let local = listener.local_addr().map_err(socket::failure)?;
        Ok(Self {
            listener,
            local,
            interface: on.interface.clone(),
            options,
            keep_alive,
            properties: on.properties.clone(),
        })
    }

    /// `None` when the peer is gone already.
    fn established(&self, stream: TcpStream, remote: SocketAddr) -> Option<Established> {
        // Only a socket that listens on every address has to ask which one it was.
        let everywhere = self.local.ip().is_unspecified();
        let local = if everywhere { stream.local_addr().ok()? } else { self.local };
        system::settle(SockRef::from(&stream), |socket| self.options.apply(socket, remote.ip()).map(drop))
            .ok()?;
        let offers = obtained(&self.properties.selection, self.keep_alive, local.ip());
        let mut path = Path::new(local, remote);
        path.interface = self.interface.clone();
        let wire = Wire::Stream(Box::new(TcpWire::new(stream, path.clone())));
        Some(Established::single(wire, offers, path))
    }
}

impl Acceptor for TcpAcceptor {
    fn local(&self) -> SocketAddr {
        self.local
    }

    /// Too many open files is an error of the moment: the connection waits in the queue, and the next call would
    /// meet the same error at once, so the caller should let some time pass.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Established, Failure>> {
        loop {
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, remote)) => {
                    if let Some(established) = self.established(stream, remote) {
                        return Poll::Ready(Ok(established));
                    }
                }
                Err(error) if ended_in_queue(&error) => {}
                Err(error) => return Poll::Ready(Err(socket::failure(error))),
            }
        }
    }
}

/// A socket that is bound and ready to listen. What is set on it, the sockets it accepts inherit on Linux.
fn bound(on: &ListenOn, options: &Options) -> Result<Socket, Failure> {
    let socket = socket::open_stream(on.local, socket2::Protocol::TCP)?;
    if on.local.is_ipv6() {
        socket.set_only_v6(true).map_err(socket::failure)?;
    }
    // On Windows the option would let anybody take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true).map_err(socket::failure)?;
    if on.shared {
        socket::share_port(&socket)?;
    }
    options.apply(&socket, on.local.ip())?;
    if let Some(interface) = &on.interface {
        socket::bind_interface(&socket, on.local, interface)?;
    }
    socket::bind(&socket, socket::scoped(on.local, on.interface.as_ref())?)?;
    Ok(socket)
}

/// Errors of a connection that ended while it waited to be accepted; each takes one out of the queue (Linux
/// passes the pending network errors of the new socket on).
fn ended_in_queue(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kind = matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::NetworkDown
    );
    #[cfg(unix)]
    let kind =
        kind || matches!(error.raw_os_error(), Some(libc::EPROTO | libc::ENOPROTOOPT | libc::EHOSTDOWN));
    kind
}
