//! Why an operation failed: one enum for each operation, made of plain data.

use crate::candidate::Candidate;
use crate::framing::FramingFailure;
use crate::properties::{Contradiction, SelectionProperty};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The outcome an event reports, in one word; the reasons of RFC 9623 appendix B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// All is well.
    Ok,
    /// What was asked for makes no sense.
    InvalidConfiguration,
    /// Nothing can satisfy the requirements.
    NoCandidates,
    /// A name could not be resolved.
    ResolutionFailed,
    /// Every candidate failed.
    EstablishmentFailed,
    /// One side ended it early.
    ConnectionAborted,
    /// It took too long.
    Timeout,
    /// The protocol, or the code that runs it, failed.
    ProtocolFailed,
    /// It is over: nothing more is taken, or comes.
    Closed,
    /// More is outstanding than may be.
    Overflow,
    /// The message is larger than the transport can take.
    MessageTooLarge,
    /// What is said of the message is not what its connection can do.
    InvalidMessageProperties,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl EstablishmentFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::InvalidConfiguration(_) => Status::InvalidConfiguration,
            Self::NoCandidates { .. } => Status::NoCandidates,
            Self::ResolutionFailed(_) => Status::ResolutionFailed,
            Self::EstablishmentFailed { .. } | Self::Stopped(_) | Self::PolicyUnavailable { .. } => {
                Status::EstablishmentFailed
            }
            Self::Timeout { .. } => Status::Timeout,
            Self::Cancelled => Status::ConnectionAborted,
        }
    }
}

impl ListenFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::InvalidConfiguration(_) => Status::InvalidConfiguration,
            Self::NoCandidates { .. } => Status::NoCandidates,
            Self::ResolutionFailed(_) => Status::ResolutionFailed,
            Self::Bind { .. } | Self::Stopped(_) => Status::EstablishmentFailed,
        }
    }
}

impl ConnectionFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::AbortedLocally | Self::AbortedByPeer => Status::ConnectionAborted,
            Self::TimedOut => Status::Timeout,
            Self::Framing(reason) => reason.status(),
            Self::Incomplete => Status::ConnectionAborted,
            Self::Panicked(_) | Self::Stopped(_) | Self::Transport(_) => Status::ProtocolFailed,
        }
    }
}

impl SendFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::Closed | Self::AfterFinal => Status::Closed,
            Self::Incomplete => Status::ConnectionAborted,
            Self::Properties(_) => Status::InvalidMessageProperties,
            Self::QueueFull => Status::Overflow,
            Self::Expired => Status::Timeout,
            Self::NotEstablished => Status::EstablishmentFailed,
            Self::TooLarge { .. } => Status::MessageTooLarge,
            Self::Framing(reason) => reason.status(),
            Self::Connection(reason) => reason.status(),
            Self::Transport(reason) => reason.status(),
        }
    }
}

impl Failure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        ConnectionFailure::from(self.clone()).status()
    }
}

impl ReceiveFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::Finished | Self::Closed => Status::Closed,
            Self::NotEstablished => Status::EstablishmentFailed,
            Self::TooLong { .. } => Status::MessageTooLarge,
            Self::InParts => Status::InvalidConfiguration,
            Self::Framing(reason) => reason.status(),
            Self::Connection(reason) => reason.status(),
        }
    }
}

impl FramingFailure {
    /// The reason in one word.
    pub fn status(&self) -> Status {
        match self {
            Self::TooLong { .. } => Status::MessageTooLarge,
            _ => Status::ProtocolFailed,
        }
    }
}

/// Why a transport failed: the reason of one attempt, or of an established connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The peer refused: nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The peer ended the connection without delivering what was outstanding.
    #[error("connection reset by peer")]
    Reset,
    /// Nothing was heard from the peer for too long.
    #[error("timed out")]
    TimedOut,
    /// There is no way to the address: no route, an address family that is switched off, or a router said so.
    #[error("unreachable: {0}")]
    Unreachable(Arc<str>),
    /// The local address does not exist here, or is taken.
    #[error("local address not available: {0}")]
    LocalAddress(Arc<str>),
    /// There is no interface of this name.
    #[error("no such interface: {0}")]
    NoSuchInterface(Arc<str>),
    /// The system does not permit it.
    #[error("not permitted: {0}")]
    NotPermitted(Arc<str>),
    /// No stack of this name is registered.
    #[error("no such stack: {0}")]
    NoSuchStack(Arc<str>),
    /// What was obtained lacks something that was required, or has something that was prohibited.
    #[error("obtained transport does not fulfil {}", Names(.0))]
    Unfulfilled(Vec<SelectionProperty>),
    /// What was obtained is not bound as the candidate asked.
    #[error("obtained transport is bound elsewhere: {0}")]
    Misbound(Arc<str>),
    /// Code of a stack, a framer or a filter panicked.
    #[error("panicked: {0}")]
    Panicked(Arc<str>),
    /// The framers failed while they started.
    #[error("framing failed: {0}")]
    Framing(FramingFailure),
    /// It was cancelled from this side.
    #[error("cancelled")]
    Cancelled,
    /// Any other error of the operating system.
    #[error("{text}")]
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// Its number, where there is one.
        os: Option<i32>,
        /// Its text.
        text: Arc<str>,
    },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let text = || Arc::from(error.to_string());
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => Self::Reset,
            Kind::TimedOut => Self::TimedOut,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => Self::Unreachable(text()),
            Kind::AddrNotAvailable | Kind::AddrInUse => Self::LocalAddress(text()),
            Kind::PermissionDenied => Self::NotPermitted(text()),
            kind => Self::Io { kind, os: error.raw_os_error(), text: text() },
        }
    }
}

impl From<&Failure> for io::Error {
    fn from(failure: &Failure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            Failure::Refused => Kind::ConnectionRefused,
            Failure::Reset => Kind::ConnectionReset,
            Failure::TimedOut => Kind::TimedOut,
            Failure::Unreachable(_) => Kind::HostUnreachable,
            Failure::LocalAddress(_) => Kind::AddrNotAvailable,
            Failure::NoSuchInterface(_) => Kind::NotFound,
            Failure::NotPermitted(_) => Kind::PermissionDenied,
            Failure::Framing(_) => Kind::InvalidData,
            Failure::Io { kind, .. } => *kind,
            _ => Kind::Other,
        };
        Self::new(kind, failure.to_string())
    }
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolutionFailure {
    /// The name does not exist (NXDOMAIN).
    #[error("no such name: {name}")]
    NoSuchName {
        /// The name.
        name: Arc<str>,
    },
    /// The name exists and has no addresses (NODATA).
    #[error("{name} has no addresses")]
    NoAddresses {
        /// The name.
        name: Arc<str>,
    },
    /// The name has no service bindings (RFC 9460).
    #[error("{name} has no service bindings")]
    NoServices {
        /// The name.
        name: Arc<str>,
    },
    /// A name server answered with an error (SERVFAIL, REFUSED, ...).
    #[error("name server failed for {name}: {code}")]
    ServerFailure {
        /// The name.
        name: Arc<str>,
        /// The response code.
        code: Arc<str>,
    },
    /// No name server answered in time.
    #[error("no name server answered for {name} within {after:?}")]
    TimedOut {
        /// The name.
        name: Arc<str>,
        /// How long was waited.
        after: Duration,
    },
    /// This system knows no port of this service.
    #[error("no such service: {name}")]
    NoSuchService {
        /// The service.
        name: Arc<str>,
    },
    /// The name is not one that could be asked for.
    #[error("not a host name: {name}: {why}")]
    BadName {
        /// The name.
        name: Arc<str>,
        /// What is wrong with it.
        why: Arc<str>,
    },
    /// Any other failure.
    #[error("cannot resolve {name}: {why}")]
    Other {
        /// The name.
        name: Arc<str>,
        /// What went wrong.
        why: Arc<str>,
    },
}

impl ResolutionFailure {
    /// The name that it is about.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::NoSuchName { name }
            | Self::NoAddresses { name }
            | Self::NoServices { name }
            | Self::ServerFailure { name, .. }
            | Self::TimedOut { name, .. }
            | Self::NoSuchService { name }
            | Self::BadName { name, .. }
            | Self::Other { name, .. } => name,
        }
    }

    /// The same failure, of this name: the one that was asked for, in place of one that it stands for.
    #[must_use]
    pub fn of(mut self, host: &Arc<str>) -> Self {
        match &mut self {
            Self::NoSuchName { name }
            | Self::NoAddresses { name }
            | Self::NoServices { name }
            | Self::ServerFailure { name, .. }
            | Self::TimedOut { name, .. }
            | Self::NoSuchService { name }
            | Self::BadName { name, .. }
            | Self::Other { name, .. } => name.clone_from(host),
        }
        self
    }
}

/// One attempt of a failed establishment: what was tried, and why it failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// What was tried.
    pub candidate: Candidate,
    /// Why it failed; `Cancelled` if it was still running when the race ended.
    pub reason: Failure,
}

impl Attempt {
    /// This candidate failed for this reason.
    pub fn new(candidate: Candidate, reason: Failure) -> Self {
        Self { candidate, reason }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.candidate, self.reason)
    }
}

/// Why no connection was established (RFC 9622 §7.1, reasons of RFC 9623 appendix B).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EstablishmentFailure {
    /// What was asked for makes no sense. Nothing was sent.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(Arc<str>),
    /// Nothing here can satisfy the requirements. Nothing was sent.
    #[error("no candidates: {why}{}", Blame(properties))]
    NoCandidates {
        /// The properties in conflict; empty when endpoints or interfaces are to blame.
        properties: Vec<SelectionProperty>,
        /// In words.
        why: Arc<str>,
    },
    /// No name of the remote endpoints has an address.
    #[error("resolution failed: {}", List(.0))]
    ResolutionFailed(Vec<ResolutionFailure>),
    /// Every candidate failed.
    #[error("establishment failed: {}", List(attempts))]
    EstablishmentFailed {
        /// Every candidate that was tried, in the order of their starts, with its reason.
        attempts: Vec<Attempt>,
        /// Names that could not be resolved.
        unresolved: Vec<ResolutionFailure>,
    },
    /// The application's timeout passed first.
    #[error("timed out after {after:?}: {}", Tried(attempts, unresolved))]
    Timeout {
        /// The timeout.
        after: Duration,
        /// What had been tried by then.
        attempts: Vec<Attempt>,
        /// Names that had not been resolved.
        unresolved: Vec<ResolutionFailure>,
    },
    /// The application closed, aborted or dropped the connection first.
    #[error("cancelled by the application")]
    Cancelled,
    /// An actor that was needed is gone, or gave up.
    #[error("the transport has stopped: {0}")]
    Stopped(Arc<str>),
    /// The policy daemon that was to be asked did not answer, and nobody was to answer in its place.
    #[error("no answer from the policy daemon at {socket}: {why}")]
    PolicyUnavailable {
        /// Where it was asked.
        socket: Arc<str>,
        /// In words.
        why: Arc<str>,
    },
}

impl EstablishmentFailure {
    /// Every candidate that was tried, in the order of their starts, with its reason.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::EstablishmentFailed { attempts, .. } | Self::Timeout { attempts, .. } => attempts,
            _ => &[],
        }
    }

    /// The names that could not be resolved.
    pub fn unresolved(&self) -> &[ResolutionFailure] {
        match self {
            Self::ResolutionFailed(unresolved)
            | Self::EstablishmentFailed { unresolved, .. }
            | Self::Timeout { unresolved, .. } => unresolved,
            _ => &[],
        }
    }

    /// The properties in conflict, when requirements are to blame.
    pub fn properties(&self) -> &[SelectionProperty] {
        match self {
            Self::NoCandidates { properties, .. } => properties,
            _ => &[],
        }
    }
}

impl From<&EstablishmentFailure> for io::Error {
    fn from(failure: &EstablishmentFailure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            EstablishmentFailure::InvalidConfiguration(_) => Kind::InvalidInput,
            EstablishmentFailure::NoCandidates { .. } => Kind::Unsupported,
            EstablishmentFailure::ResolutionFailed(_) => Kind::NotFound,
            EstablishmentFailure::Timeout { .. } => Kind::TimedOut,
            EstablishmentFailure::Cancelled => Kind::Interrupted,
            EstablishmentFailure::EstablishmentFailed { attempts, .. } => {
                attempts.last().map_or(Kind::Other, |last| Self::from(&last.reason).kind())
            }
            EstablishmentFailure::Stopped(_) | EstablishmentFailure::PolicyUnavailable { .. } => Kind::Other,
        };
        Self::new(kind, failure.to_string())
    }
}

/// Why a listener could not listen, or stopped (RFC 9622 §7.2).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ListenFailure {
    /// What was asked for makes no sense.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(Arc<str>),
    /// Nothing here can satisfy the requirements.
    #[error("no candidates: {why}{}", Blame(properties))]
    NoCandidates {
        /// The properties in conflict; empty when endpoints or interfaces are to blame.
        properties: Vec<SelectionProperty>,
        /// In words.
        why: Arc<str>,
    },
    /// A local endpoint could not be resolved.
    #[error("resolution failed: {0}")]
    ResolutionFailed(#[from] ResolutionFailure),
    /// No local endpoint could be bound.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        reason: Failure,
    },
    /// The listener's actor gave up, or the transport has stopped.
    #[error("the listener has stopped: {0}")]
    Stopped(Arc<str>),
}

/// Why an established connection ended in an error (RFC 9622 §10).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// The application aborted it.
    #[error("aborted by the application")]
    AbortedLocally,
    /// The peer aborted it.
    #[error("aborted by the peer")]
    AbortedByPeer,
    /// Data stayed unacknowledged for too long.
    #[error("timed out")]
    TimedOut,
    /// Code of a stack or a framer panicked; the panic ended this connection only.
    #[error("panicked: {0}")]
    Panicked(Arc<str>),
    /// What ran it has stopped.
    #[error("{0}")]
    Stopped(Arc<str>),
    /// The framers failed: what came is not what they understand, or one of them panicked.
    #[error("framing failed: {0}")]
    Framing(FramingFailure),
    /// A message of which the transport had taken a part did not go on: its last part was never given, or one of them
    /// found no room.
    #[error("a message was left incomplete")]
    Incomplete,
    /// The transport failed.
    #[error("transport failed: {0}")]
    Transport(Failure),
}

impl From<Failure> for ConnectionFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reset => Self::AbortedByPeer,
            Failure::TimedOut => Self::TimedOut,
            Failure::Panicked(what) => Self::Panicked(what),
            Failure::Framing(reason) => Self::Framing(reason),
            other => Self::Transport(other),
        }
    }
}

impl From<&ConnectionFailure> for io::Error {
    fn from(failure: &ConnectionFailure) -> Self {
        use io::ErrorKind as Kind;
        let kind = match failure {
            ConnectionFailure::AbortedLocally | ConnectionFailure::Incomplete => Kind::ConnectionAborted,
            ConnectionFailure::AbortedByPeer => Kind::ConnectionReset,
            ConnectionFailure::TimedOut => Kind::TimedOut,
            ConnectionFailure::Framing(_) => Kind::InvalidData,
            ConnectionFailure::Panicked(_) | ConnectionFailure::Stopped(_) => Kind::Other,
            ConnectionFailure::Transport(reason) => Self::from(reason).kind(),
        };
        Self::new(kind, failure.to_string())
    }
}

/// Why a message was not sent (RFC 9622 §9.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendFailure {
    /// The connection is closing or closed.
    #[error("the connection is closed")]
    Closed,
    /// A final message was sent before.
    #[error("a final message was sent before")]
    AfterFinal,
    /// Its lifetime ran out before it was handed to the network.
    #[error("its lifetime ran out")]
    Expired,
    /// Twice the high-water mark is already queued.
    #[error("the send queue is full")]
    QueueFull,
    /// Another part of its message was not sent, or the last one was never given.
    #[error("the message is incomplete")]
    Incomplete,
    /// What is said of the message contradicts what was said of its connection, or what that can do.
    #[error("the message's properties: {0}")]
    Properties(Contradiction),
    /// No connection was established.
    #[error("the connection was not established")]
    NotEstablished,
    /// The message is larger than the transport can take in one piece.
    #[error("the message is too large: the limit is {limit} bytes")]
    TooLarge {
        /// How many bytes it would have taken.
        limit: usize,
    },
    /// A framer would not take this message; others it may.
    #[error("not framed: {0}")]
    Framing(FramingFailure),
    /// The transport would not take this message; others it may.
    #[error("not sent: {0}")]
    Transport(Failure),
    /// The connection failed before the message was handed to the network.
    #[error("{0}")]
    Connection(ConnectionFailure),
}

/// Why a `receive` got no message (RFC 9622 §9.3.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiveFailure {
    /// The peer has sent everything it will ever send, and all of it was delivered.
    #[error("the peer has finished sending")]
    Finished,
    /// The connection is closing or closed on our side.
    #[error("the connection is closed")]
    Closed,
    /// No connection was established.
    #[error("the connection was not established")]
    NotEstablished,
    /// A message is longer than whoever takes only whole ones is given. It is thrown away; others may come.
    #[error("a message is longer than {limit} bytes, and was to come whole")]
    TooLong {
        /// The longest that would have come, in bytes.
        limit: usize,
    },
    /// Of the message that is next a part was delivered already; the rest is for those who take parts.
    #[error("the message was received in part already")]
    InParts,
    /// What came could not be parsed, and is thrown away; others may come.
    #[error("not parsed: {0}")]
    Framing(FramingFailure),
    /// The connection failed.
    #[error("{0}")]
    Connection(ConnectionFailure),
}

struct Names<'a>(&'a [SelectionProperty]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, property) in self.0.iter().enumerate() {
            write!(f, "{}{property}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

struct Blame<'a>(&'a [SelectionProperty]);

impl fmt::Display for Blame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", Names(self.0)) }
    }
}

/// What was tried; where nothing was, the names that kept it from that.
struct Tried<'a>(&'a [Attempt], &'a [ResolutionFailure]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(attempts, unresolved) = self;
        if attempts.is_empty() && !unresolved.is_empty() {
            return List(unresolved).fmt(f);
        }
        List(attempts).fmt(f)
    }
}

struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing was tried");
        }
        for (n, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
