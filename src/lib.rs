//! A transport service for actors: say what you need, get a supervised flow.
//!
//! An application states what it needs of a connection; neatflow finds candidates (protocol, path, address),
//! resolves names, races the candidates, and hands back a flow whose events arrive in the mailboxes of the
//! application's own actors. It speaks the vocabulary of RFC 9622 (TAPS) and carries on NEAT's architecture.
//!
//! ```no_run
#![doc = include_str!("../examples/hello.rs")]
//! ```

pub mod adapters;
mod preconnection;
mod transport;

pub use neatflow_actors::events::{self, Event, EventKind, EventType};
pub use neatflow_actors::flow::{
    ClosedFuture, Connection, ConnectionId, ConnectionRef, Delivery, EventStream, FlowSet, PartialMessage,
    ReadyFuture, ReceivedFuture, Sender, Sending, SentFuture, Writer,
};
pub use neatflow_actors::listener::{
    AcceptFilter, AcceptFuture, Incoming, Listener, ListenerId, ListenerRef, ListeningFuture,
};
pub use neatflow_actors::{
    Count, Credit, Measured, RaceEnd, RaceRecord, Registry, name_resolver, network_monitor, placement,
    policy_manager, subscription, supervision,
};
#[cfg(unix)]
pub use neatflow_actors::{policy_sockets, remote_policy};
pub use neatflow_core::connection::{ReceiveLimits, State};
pub use neatflow_core::{
    Attempt, Candidate, CandidateId, ConnectionFailure, EndpointError, Error, EstablishmentFailure, Failure,
    ListenFailure, LocalEndpoint, Message, MessageContext, MessageId, Messages, Offer, Offers, Preference,
    Protocol, ReceiveFailure, ReceiveId, RemoteEndpoint, ResolutionFailure, SelectionProperty, SendFailure,
    Status, Time, TransportProperties, framing, policy, properties, racing, resolution, security,
};
pub use neatflow_stacks as stacks;
pub use preconnection::{IntoLocal, IntoRemote, Preconnection};
pub use transport::{Transport, TransportBuilder};

/// What a program that uses neatflow usually names. It goes together with actix's prelude: what that has, too, is left
/// out ([`Message`], [`SendError`](crate::events::SendError)): import those by name.
pub mod prelude {
    pub use crate::events::{
        Aborted, AllWritten, Closed, ConnectionError, ConnectionReceived, EstablishmentError, Expired,
        ListenError, NetworkStatusChanged, Readable, Ready, ReceiveError, Received, ReceivedPartial, Sent,
        SoftError, Stalled, Stopped, Timeout, Writable,
    };
    pub use crate::supervision::supervise;
    pub use crate::{
        Connection, ConnectionRef, Event, FlowSet, Listener, ListenerRef, LocalEndpoint, Preconnection,
        Preference, RemoteEndpoint, Transport, TransportProperties,
    };
    pub use neatflow_core::SelectionProperty::{
        self, ActiveReadBeforeSend, CongestionControl, FullChecksumRecv, FullChecksumSend, KeepAlive,
        Multistreaming, PerMsgReliability, PreserveMsgBoundaries, PreserveOrder, Reliability,
        SoftErrorNotify, UseTemporaryLocalAddress, ZeroRttMsg,
    };
    pub use neatflow_core::properties::{CapacityProfile, Interface};
}
