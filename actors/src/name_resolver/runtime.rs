//! Sockets for the DNS library.

use futures::future::BoxFuture;
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider, TokioHandle, TokioTime};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpStream, UdpSocket};

/// Opens sockets to name servers, on one interface if it is to be that one.
#[derive(Clone, Default)]
pub(super) struct Runtime {
    handle: TokioHandle,
    interface: Option<Arc<str>>,
}

impl Runtime {
    pub(super) fn new(interface: Option<Arc<str>>) -> Self {
        Self { handle: TokioHandle::default(), interface }
    }
}

impl RuntimeProvider for Runtime {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Connected;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> TokioHandle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        patience: Option<Duration>,
    ) -> BoxFuture<'static, io::Result<Self::Tcp>> {
        let interface = self.interface.clone();
        Box::pin(async move {
            let connecting = neatflow_stacks::plain::connect(server, bind, interface.as_ref());
            let connected = tokio::time::timeout(patience.unwrap_or(Duration::from_secs(5)), connecting);
            Ok(AsyncIoTokioAsStd(connected.await??))
        })
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let interface = self.interface.clone();
        Box::pin(async move {
            let socket = neatflow_stacks::plain::datagrams(local, server, interface.as_ref())?;
            Ok(Connected { socket, server })
        })
    }
}

/// A socket that is connected: one that is not hears nothing of a port at which nobody listens, and a dead name
/// server would cost its time-out instead of a round trip.
pub(super) struct Connected {
    socket: UdpSocket,
    server: SocketAddr,
}

impl DnsUdpSocket for Connected {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = tokio::io::ReadBuf::new(buffer);
        self.socket.poll_recv(cx, &mut buffer).map_ok(|()| (buffer.filled().len(), self.server))
    }

    /// Hears of refusals, as polling does not.
    fn recv_from<'a, 'b, 'c>(&'a self, buffer: &'b mut [u8]) -> BoxFuture<'c, io::Result<(usize, SocketAddr)>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let length = neatflow_stacks::plain::receive(&self.socket, buffer).await?;
            Ok((length, self.server))
        })
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, bytes: &[u8], _: SocketAddr) -> Poll<io::Result<usize>> {
        self.socket.poll_send(cx, bytes)
    }
}
