//! What may be said to the name resolver.

use actix::prelude::*;
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::{Pref64, RecordKind};
use neatflow_core::resolution::{Kinds, Records, Service};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Names one question of one asker; the asker chooses it, and every answer repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// Sent by a race, a listener or the transport: what has this name of these types?
///
/// Reply: [`Answered`] messages to `answers`, exactly one for each type, as they come, and the final one marked.
/// Overflow: the mailbox is bounded; a race that finds it full waits (`send`).
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Resolve {
    /// Repeated in every answer.
    pub query: QueryId,
    /// A host name, or a literal address.
    pub host: Arc<str>,
    /// What is wanted of it. With no type at all there is no answer.
    pub kinds: Kinds,
    /// The interface over which name servers are asked; `None`: as the system routes.
    pub interface: Option<Arc<str>>,
    /// Where the answers go. When nobody is there any more, the question is dropped.
    pub answers: Recipient<Answered>,
}

impl Resolve {
    /// A question over no particular interface.
    pub fn new(
        query: QueryId,
        host: impl Into<Arc<str>>,
        kinds: impl Into<Kinds>,
        answers: Recipient<Answered>,
    ) -> Self {
        Self { query, host: host.into(), kinds: kinds.into(), interface: None, answers }
    }

    /// The same question, asked over this interface.
    #[must_use]
    pub fn over(mut self, interface: impl Into<Option<Arc<str>>>) -> Self {
        self.interface = interface.into();
        self
    }
}

/// Sent by the name resolver to the asker: what the name has of one type.
///
/// The addresses of both families, and the services, come from one name, whatever the search list.
///
/// Overflow: three for each question at most, so they are delivered without regard to the mailbox's capacity.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Answered {
    /// The question.
    pub query: QueryId,
    /// The type that is answered.
    pub kind: RecordKind,
    /// The records; or why there are none.
    pub result: Result<Records, ResolutionFailure>,
    /// Who says so.
    pub origin: Origin,
    /// For how long it is good; `None` where nobody says.
    pub ttl: Option<Duration>,
    /// Nothing more comes for this question.
    pub last: bool,
}

/// Sent by whoever knows the network: with which prefix does its NAT64 reach IPv4? Found by asking for the IPv6
/// addresses of `ipv4only.arpa`, which has none of its own (RFC 7050); kept like any answer.
///
/// Reply: the prefix, or `None` where nothing is synthesised.
///
/// *Errors*: nobody could say. Overflow: the mailbox is bounded (`send`).
#[derive(Clone, Debug, Default, Message)]
#[rtype(result = "Result<Option<Pref64>, ResolutionFailure>")]
pub struct FindPref64 {
    /// The interface over which name servers are asked; `None`: as the system routes.
    pub interface: Option<Arc<str>>,
}

/// Sent by whoever settles endpoints: who provides this service (SRV, RFC 2782)?
///
/// Reply: who does, in the order in which they are to be tried; nobody if it is decidedly not available. The order is
/// another one each time, as the weights want it.
///
/// *Errors*: the name has no such record, or nobody could say. Overflow: the mailbox is bounded (`send`).
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<Service>, ResolutionFailure>")]
pub struct FindProviders {
    /// The service and its protocol, as in `_sip._udp`.
    pub service: Arc<str>,
    /// The name it is provided for.
    pub host: Arc<str>,
    /// The interface over which name servers are asked; `None`: as the system routes.
    pub interface: Option<Arc<str>>,
}

/// Who has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The question itself: a literal address, or a name that always means the same (RFC 6761 §6.3).
    Literal,
    /// The hosts file.
    Hosts,
    /// What was kept of an earlier answer.
    Cache {
        /// Whether that answer came over an encrypted transport.
        secure: bool,
    },
    /// A name server.
    Server {
        /// Where it is.
        address: SocketAddr,
        /// How it was asked.
        protocol: DnsProtocol,
    },
    /// Nobody: no name server answered, or none could be asked.
    Nobody,
}

impl Origin {
    /// Whether nobody on the way could change the answer: it came from here, or from a name server over TLS
    /// (draft-ietf-happy-happyeyeballs-v3 §6.3).
    pub fn is_secure(&self) -> bool {
        match self {
            Self::Literal | Self::Hosts => true,
            Self::Cache { secure } => *secure,
            Self::Server { protocol, .. } => protocol.is_secure(),
            Self::Nobody => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal => f.write_str("literal"),
            Self::Hosts => f.write_str("hosts file"),
            Self::Cache { .. } => f.write_str("cache"),
            Self::Server { address, protocol } => write!(f, "{address} over {protocol}"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// How a name server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DnsProtocol {
    /// In datagrams.
    Udp,
    /// Over TCP.
    Tcp,
    /// Over TLS (RFC 7858).
    Tls,
    /// Over HTTPS (RFC 8484).
    Https,
}

impl DnsProtocol {
    /// Whether it is encrypted.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Https)
    }
}

impl fmt::Display for DnsProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Https => "HTTPS",
        })
    }
}
