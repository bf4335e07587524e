//! A name server on loopback, which answers what it was told to.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use neatflow_testing::dns::{DnsServer, RecordType, Reply};
//! use std::time::Duration;
//!
//! let server = DnsServer::start().await?;
//! let late = Reply::addresses(["2001:db8::1"]).after(Duration::from_millis(80));
//! server.on("slow.example", RecordType::AAAA, late);
//! server.on("slow.example", RecordType::A, Reply::no_data());
//! // ... let a resolver ask server.address() ...
//! assert_eq!(server.queries("slow.example", RecordType::AAAA), 1);
//! # Ok(())
//! # }
//! ```

pub use hickory_resolver::proto::op::ResponseCode;
pub use hickory_resolver::proto::rr::RecordType;

mod reply;
#[cfg(feature = "secure-dns")]
mod secure;

pub use reply::Reply;

use hickory_resolver::proto::op::Message;
use reply::Over;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A name server, over UDP and TCP on one port; it ends when it is dropped.
///
/// With the feature `secure-dns` it can be asked over TLS and HTTPS as well (`start_secure`).
///
/// A name nobody spoke of does not exist. Names are compared without regard to case and final dot.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    script: Arc<Script>,
    #[cfg(feature = "secure-dns")]
    secure: Option<secure::Doors>,
    tasks: JoinSet<()>,
}

impl DnsServer {
    /// Starts a server on a free port of 127.0.0.1, in the tokio runtime of the caller.
    ///
    /// *Errors*: those of binding; after 16 ports that were free for UDP and taken for TCP, the last of them.
    pub async fn start() -> io::Result<Self> {
        let (udp, tcp) = bind().await?;
        Self::serve(udp, tcp)
    }

    /// Starts a server at this address, over UDP and TCP.
    ///
    /// *Errors*: those of binding.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let udp = UdpSocket::bind(address).await?;
        let tcp = TcpListener::bind(udp.local_addr()?).await?;
        Self::serve(udp, tcp)
    }

    fn serve(udp: UdpSocket, tcp: TcpListener) -> io::Result<Self> {
        let address = udp.local_addr()?;
        let script = Arc::new(Script::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(Arc::new(udp), script.clone()));
        tasks.spawn(serve_tcp(tcp, script.clone()));
        Ok(Self {
            address,
            script,
            #[cfg(feature = "secure-dns")]
            secure: None,
            tasks,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has it fall silent for good, as if it were gone; its ports refuse.
    pub fn stop(&mut self) {
        self.tasks.abort_all();
    }

    /// What it says from now on when asked for this type of this name.
    pub fn on(&self, name: &str, kind: RecordType, reply: Reply) {
        self.script.lock().replies.insert((key(name), kind), reply);
    }

    /// How often it was asked for this type of this name, over UDP and TCP.
    pub fn queries(&self, name: &str, kind: RecordType) -> usize {
        let name = key(name);
        self.asked().iter().filter(|asked| asked.0 == name && asked.1 == kind).count()
    }

    /// All questions it was asked, in order: names in lower case without final dot.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.script.lock().asked.clone()
    }
}

#[derive(Debug, Default)]
struct Script(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    replies: HashMap<(String, RecordType), Reply>,
    asked: Vec<(String, RecordType)>,
}

impl Script {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a question, and finds the reply to it.
    fn reply(&self, query: &Message) -> Option<Reply> {
        let question = query.queries.first()?;
        let line = (key(&question.name().to_ascii()), question.query_type());
        let mut lines = self.lock();
        lines.asked.push(line.clone());
        Some(lines.replies.get(&line).cloned().unwrap_or_else(Reply::no_such_name))
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 16;
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == 1 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

/// Answers each datagram in a task of its own, so that a late reply holds up no other. Unbounded: a test asks as
/// much as it wants to.
async fn serve_udp(socket: Arc<UdpSocket>, script: Arc<Script>) {
    let mut replies = JoinSet::new();
    let mut buffer = vec![0; 65_535];
    loop {
        // An error is an earlier reply that nobody waited for.
        let Ok((length, asker)) = socket.recv_from(&mut buffer).await else { continue };
        let Ok(query) = Message::from_vec(&buffer[..length]) else { continue };
        let Some(reply) = script.reply(&query) else { continue };
        let socket = socket.clone();
        replies.spawn(async move {
            for forgery in reply.forgeries(&query) {
                _ = socket.send_to(&forgery, asker).await;
            }
            sleep(reply.after).await;
            if let Some(message) = reply.bytes(&query, Over::Udp) {
                _ = socket.send_to(&message, asker).await;
            }
        });
        while replies.try_join_next().is_some() {}
    }
}

async fn serve_tcp(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = script.clone();
        connections.spawn(async move {
            // An error is the end of the connection.
            _ = serve_stream(stream, &script).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the questions of one connection one after the other.
async fn serve_stream(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: &Script) -> io::Result<()> {
    loop {
        let mut query = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut query).await?;
        let query = Message::from_vec(&query).map_err(io::Error::other)?;
        let Some(reply) = script.reply(&query) else { continue };
        sleep(reply.after).await;
        let Some(message) = reply.bytes(&query, Over::Tcp) else { continue };
        stream.write_u16(u16::try_from(message.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&message).await?;
    }
}
