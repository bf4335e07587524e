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

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The time to live of every record, in seconds.
const TTL: u32 = 60;

/// What the server says to one question.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    /// `None`: nothing at all.
    code: Option<ResponseCode>,
    addresses: Vec<IpAddr>,
    alias: Option<String>,
    truncated: bool,
    forged: Vec<IpAddr>,
    after: Duration,
}

impl Reply {
    /// These addresses; those of the family that was not asked for are left out. Literals, for brevity.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { addresses: addresses.into_iter().map(literal).collect(), ..Self::no_data() }
    }

    /// The name exists and has nothing of this type (NODATA).
    pub const fn no_data() -> Self {
        Self::code(ResponseCode::NoError)
    }

    /// The name does not exist (NXDOMAIN).
    pub const fn no_such_name() -> Self {
        Self::code(ResponseCode::NXDomain)
    }

    /// The server has failed (SERVFAIL).
    pub const fn server_failure() -> Self {
        Self::code(ResponseCode::ServFail)
    }

    /// The server does not want to answer (REFUSED).
    pub const fn refused() -> Self {
        Self::code(ResponseCode::Refused)
    }

    /// This response code, and no records.
    pub const fn code(code: ResponseCode) -> Self {
        Self {
            code: Some(code),
            addresses: Vec::new(),
            alias: None,
            truncated: false,
            forged: Vec::new(),
            after: Duration::ZERO,
        }
    }

    /// No reply at all.
    pub fn silence() -> Self {
        Self { code: None, ..Self::no_data() }
    }

    /// Says it this much later.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Over UDP only that the answer is too long; the answer itself over TCP.
    pub fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    /// Says that the name is an alias of this one, whose addresses are those of the reply.
    pub fn alias_of(self, name: &str) -> Self {
        Self { alias: Some(name.to_owned()), ..self }
    }

    /// Before it, over UDP and at once, a reply with these addresses and another id, as from somebody who guesses.
    ///
    /// # Panics
    ///
    /// If one is not a literal address.
    pub fn forged_first<'a>(self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self { forged: addresses.into_iter().map(literal).collect(), ..self }
    }

    /// The message to send, or none.
    fn message(&self, query: &Message, over: Over) -> Option<Message> {
        let code = self.code?;
        let mut message = respond(query);
        message.metadata.response_code = code;
        if self.truncated && over == Over::Udp {
            message.metadata.truncation = true;
            return Some(message);
        }
        let question = query.queries.first()?;
        let mut owner = question.name().clone();
        if let Some(target) = self.alias.as_deref().and_then(|alias| Name::from_ascii(alias).ok()) {
            let alias = RData::CNAME(CNAME(target.clone()));
            message.add_answer(Record::from_rdata(owner, TTL, alias));
            owner = target;
        }
        message.add_answers(records(&owner, question.query_type(), &self.addresses));
        Some(message)
    }

    fn forgery(&self, query: &Message) -> Option<Message> {
        let question = query.queries.first().filter(|_| !self.forged.is_empty())?;
        let mut message = respond(query);
        message.metadata.id = !query.metadata.id;
        message.add_answers(records(question.name(), question.query_type(), &self.forged));
        Some(message)
    }
}

fn literal(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("not a literal address: {text}"))
}

fn records(owner: &Name, family: RecordType, addresses: &[IpAddr]) -> Vec<Record> {
    let data = addresses.iter().map(|&address| RData::from(address));
    data.filter(|data| data.record_type() == family)
        .map(|data| Record::from_rdata(owner.clone(), TTL, data))
        .collect()
}

fn respond(query: &Message) -> Message {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(query.queries.iter().cloned());
    message
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Udp,
    Tcp,
}

/// A name server, over UDP and TCP on one port; it ends when it is dropped.
///
/// A name nobody spoke of does not exist. Names are compared without regard to case and final dot.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    script: Arc<Script>,
    _tasks: JoinSet<()>,
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
        Ok(Self { address, script, _tasks: tasks })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
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
            if let Some(forgery) = reply.forgery(&query).and_then(|message| message.to_vec().ok()) {
                _ = socket.send_to(&forgery, asker).await;
            }
            sleep(reply.after).await;
            if let Some(message) = reply.message(&query, Over::Udp).and_then(|message| message.to_vec().ok())
            {
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
async fn serve_stream(mut stream: TcpStream, script: &Script) -> io::Result<()> {
    loop {
        let mut query = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut query).await?;
        let query = Message::from_vec(&query).map_err(io::Error::other)?;
        let Some(reply) = script.reply(&query) else { continue };
        sleep(reply.after).await;
        let Some(message) = reply.message(&query, Over::Tcp) else { continue };
        let message = message.to_vec().map_err(io::Error::other)?;
        stream.write_u16(u16::try_from(message.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&message).await?;
    }
}
