//! Sockets without any property of transport services: those of the name resolver.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

/// A datagram socket, bound to `local` and connected to `remote`, so that it hears of refusals; on one interface if
/// it is to be that one. Needs a tokio runtime.
///
/// *Errors*: those of the system; `Unsupported` where sockets cannot be bound to an interface.
pub fn datagrams(
    local: SocketAddr,
    remote: SocketAddr,
    interface: Option<&Arc<str>>,
) -> io::Result<UdpSocket> {
    let socket = open(remote, Type::DGRAM, Protocol::UDP, interface)?;
    socket.bind(&local.into())?;
    socket.connect(&remote.into())?;
    UdpSocket::from_std(socket.into())
}

/// Receives a datagram, or hears that nobody listens there.
///
/// *Errors*: those of the system, `ConnectionRefused` among them: on Linux a refusal makes a socket that nothing has
/// come to "in error" and not "readable", and tokio's own `recv` sleeps on.
///
/// *Cancel safety*: no datagram is lost.
pub async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    let either = Interest::READABLE | Interest::ERROR;
    socket.async_io(either, || (&*SockRef::from(socket)).read(buffer)).await
}

/// A TCP connection, on one interface if it is to be that one. Needs a tokio runtime.
///
/// *Errors*: those of the system; `Unsupported` where sockets cannot be bound to an interface.
///
/// *Cancel safety*: dropping it closes the socket.
pub async fn connect(
    remote: SocketAddr,
    local: Option<SocketAddr>,
    interface: Option<&Arc<str>>,
) -> io::Result<TcpStream> {
    let socket = open(remote, Type::STREAM, Protocol::TCP, interface)?;
    if let Some(local) = local {
        socket.bind(&local.into())?;
    }
    socket.set_tcp_nodelay(true)?;
    TcpSocket::from_std_stream(socket.into()).connect(remote).await
}

fn open(
    remote: SocketAddr,
    kind: Type,
    protocol: Protocol,
    interface: Option<&Arc<str>>,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(remote), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if let Some(interface) = interface {
        bind_interface(&socket, interface)?;
    }
    Ok(socket)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_interface(socket: &Socket, name: &str) -> io::Result<()> {
    // The system would take an empty name to mean "any".
    if name.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_interface(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_connected_socket_hears_of_a_refusal() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = datagrams("127.0.0.1:0".parse().unwrap(), closed, None).unwrap();
        let mut buffer = [0; 8];
        // Before it comes and after: the socket waits in both.
        for pause in [0, 20] {
            socket.send(b"x").await.unwrap();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let refused = timeout(Duration::from_secs(10), receive(&socket, &mut buffer)).await.unwrap();
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
        let peer = std::net::UdpSocket::bind(closed).unwrap();
        peer.send_to(b"here", socket.local_addr().unwrap()).unwrap();
        let received = timeout(Duration::from_secs(10), receive(&socket, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..received.unwrap()], b"here");
    }

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        for name in ["", "nosuchinterface", "neatflow9"] {
            assert!(connect(here, None, Some(&name.into())).await.is_err(), "{name}");
            assert!(datagrams("127.0.0.1:0".parse().unwrap(), here, Some(&name.into())).is_err(), "{name}");
        }
        connect(here, None, None).await.unwrap();
    }
}
