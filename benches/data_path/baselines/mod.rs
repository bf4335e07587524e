//! What neatflow is measured against.

pub(crate) mod actix;
mod codec;
pub(crate) mod framed;
pub(crate) mod raw;
pub(crate) mod raw_udp;

use crate::Failure;
use crate::order::{Service, Serving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::Sender;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Runtime};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Where servers listen: a port of the system's choice.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Serves on a runtime of tokio's; each connection is a task. Returns only when it fails.
pub(crate) fn serve<F>(
    address: &Sender<SocketAddr>,
    serving: Serving,
    connection: fn(TcpStream, Service) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let address = address.clone();
    runtime(serving.threads)?.block_on(async move {
        let listener = listen(&address)?;
        // A task of its own: what `block_on` runs itself is polled on every turn of the runtime.
        Ok(tokio::spawn(accept(listener, serving.service, connection)).await??)
    })
}

/// On this thread, or on so many others.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

async fn accept<F>(
    listener: TcpListener,
    service: Service,
    connection: fn(TcpStream, Service) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, service));
    }
}

/// Serves datagrams on a current-thread runtime. Returns only when it fails.
pub(crate) fn serve_datagrams<F>(
    address: &Sender<SocketAddr>,
    server: fn(UdpSocket) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let address = address.clone();
    Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let socket = UdpSocket::bind(ANYWHERE).await?;
        address.send(socket.local_addr()?)?;
        Ok(tokio::spawn(server(socket)).await??)
    })
}

/// Listens, and tells where.
fn listen(address: &Sender<SocketAddr>) -> Result<TcpListener, Failure> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(ANYWHERE)?;
    let listener = socket.listen(BACKLOG)?;
    address.send(listener.local_addr()?)?;
    Ok(listener)
}
