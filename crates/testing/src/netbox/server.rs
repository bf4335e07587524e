//! TCP servers in the box.

use socket2::SockRef;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A connection that a server has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The address of the server that was reached.
    pub local: SocketAddr,
    /// Who came.
    pub peer: SocketAddr,
    /// When, counted from the start of the box.
    pub at: Duration,
    /// When it ended, by FIN or RST of the peer; `None` while it is open.
    pub ended: Option<Duration>,
}

/// A TCP server on every address outside of the client's, at one port; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts one that sends back whatever it reads; in the runtime of the caller.
    pub(super) async fn echo(port: u16, start: Instant) -> io::Result<Self> {
        Self::start(port, start, echo).await
    }

    pub(super) async fn start<F>(
        port: u16,
        start: Instant,
        serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await?;
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let theirs = accepted.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, peer)) = listener.accept().await {
                let Ok(local) = stream.local_addr() else { continue };
                let place = {
                    let mut accepted = lock(&theirs);
                    accepted.push(Accepted {
                        local: canonical(local),
                        peer: canonical(peer),
                        at: start.elapsed(),
                        ended: None,
                    });
                    accepted.len() - 1
                };
                let (serving, theirs) = (serve(stream), theirs.clone());
                connections.spawn(async move {
                    serving.await;
                    lock(&theirs)[place].ended = Some(start.elapsed());
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, accepted, _tasks: tasks })
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// All connections it accepted, in order.
    pub fn accepted(&self) -> Vec<Accepted> {
        lock(&self.accepted).clone()
    }

    /// How many connections are open, as it sees it.
    pub fn open(&self) -> usize {
        lock(&self.accepted).iter().filter(|accepted| accepted.ended.is_none()).count()
    }
}

fn lock(accepted: &Mutex<Vec<Accepted>>) -> MutexGuard<'_, Vec<Accepted>> {
    accepted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// IPv4 as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// An error is the end of the connection.
async fn echo(mut stream: TcpStream) {
    _ = SockRef::from(&stream).set_tcp_nodelay(true);
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}
