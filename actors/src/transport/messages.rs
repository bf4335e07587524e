//! What may be said to the transport.

use crate::census::Count;
use crate::flow::{self, Connection};
use crate::listener::{self, AcceptFilter, Listener};
use crate::subscription::Subscriber;
use actix::prelude::*;
use neatflow_core::connection::Role;
use neatflow_core::policy::Request;
use neatflow_core::{ListenFailure, LocalEndpoint, Message as Datum, RemoteEndpoint, ResolutionFailure};
use std::sync::Arc;
use std::time::Duration;

// ---------- Said by a preconnection

/// Establish a connection (RFC 9622 §7.1).
///
/// Reply: none; the connection tells. Overflow: one for each connection an application holds, so it is delivered
/// without regard to the mailbox's capacity; if it is lost, with the transport, the connection ends with an
/// EstablishmentError.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Initiate {
    pub(crate) shared: Arc<flow::Shared>,
    pub(crate) request: Arc<Request>,
    pub(crate) timeout: Option<Duration>,
    /// Whether the transport has taken charge of the connection.
    pub(crate) taken: bool,
}

impl Initiate {
    /// A connection, and the order to establish it.
    pub fn new(
        request: Arc<Request>,
        timeout: Option<Duration>,
        subscribers: &[Subscriber],
        first: Option<Datum>,
    ) -> (Connection, Self) {
        let shared = flow::Shared::new(Role::Initiated, request.properties.clone(), subscribers);
        if let Some(message) = first {
            shared.send_first(message);
        }
        (shared.handle(), Self { shared, request, timeout, taken: false })
    }
}

impl Drop for Initiate {
    fn drop(&mut self) {
        if !self.taken {
            self.shared.give_up("the transport has stopped");
        }
    }
}

/// Listen (RFC 9622 §7.2).
///
/// Reply: none; the listener tells. Overflow: as for [`Initiate`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Listen {
    pub(crate) shared: Arc<listener::Shared>,
    pub(crate) request: Arc<Request>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) filters: Vec<AcceptFilter>,
    /// Whether the transport has taken charge of the listener.
    pub(crate) taken: bool,
}

impl Listen {
    /// A listener, and the order to start it.
    pub fn new(
        request: Arc<Request>,
        subscribers: Vec<Subscriber>,
        filters: Vec<AcceptFilter>,
    ) -> (Listener, Self) {
        let shared = listener::Shared::new(&subscribers);
        (shared.handle(), Self { shared, request, subscribers, filters, taken: false })
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        if !self.taken {
            self.shared.end(Some(ListenFailure::Stopped("the transport has stopped".into())));
        }
    }
}

/// Resolve the endpoints of a preconnection (RFC 9622 §7.3).
///
/// Reply: the same endpoints with addresses in place of names. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(Vec<LocalEndpoint>, Vec<RemoteEndpoint>), ResolutionFailure>")]
pub struct ResolveEndpoints {
    /// What was said until now.
    pub request: Arc<Request>,
}

// ---------- Said by anyone

/// How many of your children are alive?
///
/// Reply: the count. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Count")]
pub struct TakeCensus;
