//! What may be said to the transport.

use crate::census::Count;
use crate::flow::{self, Connection};
use crate::listener::{self, AcceptFilter, Listener, Staff};
use crate::metrics::Measured;
use crate::placement::Placement;
use crate::subscription::Subscriber;
use actix::prelude::*;
use actix_rt::ArbiterHandle;
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
    pub(crate) placement: Placement,
    /// Whether somebody has taken charge of the connection.
    pub(crate) taken: bool,
    /// If nobody does: why.
    pub(crate) gone: &'static str,
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
        let (placement, gone) = (Placement::Own, "the transport has stopped");
        (shared.handle(), Self { shared, request, timeout, placement, taken: false, gone })
    }

    /// Where it is to run. Default: on the transport's own arbiter.
    #[must_use]
    pub fn on(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }
}

impl Drop for Initiate {
    fn drop(&mut self) {
        if !self.taken {
            self.shared.give_up(self.gone);
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
    pub(crate) staff: Vec<Staff>,
    pub(crate) filters: Vec<AcceptFilter>,
    /// `None` = not said.
    pub(crate) placement: Option<Placement>,
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
        let (staff, placement) = (Vec::new(), None);
        (shared.handle(), Self { shared, request, subscribers, staff, filters, placement, taken: false })
    }

    /// Has these actors made on each of its arbiters. Default: none.
    #[must_use]
    pub fn with_staff(mut self, staff: Vec<Staff>) -> Self {
        self.staff = staff;
        self
    }

    /// Where it is to accept. Default: on the transport's pool if it has staff, or else on the transport's own
    /// arbiter.
    #[must_use]
    pub fn on(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
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

/// Which arbiters have you besides your own?
///
/// Reply: their handles, in order. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<ArbiterHandle>")]
pub struct Arbiters;

/// Ask the policy manager this.
///
/// Reply: its reply; nothing if it is gone. Overflow: the asker waits.
#[derive(Clone, Debug)]
pub struct AskPolicyManager<M>(pub M);

impl<M: Message<Result: Send> + Send> Message for AskPolicyManager<M> {
    type Result = Option<M::Result>;
}

/// How many of your children are alive?
///
/// Reply: the count. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Count")]
pub struct TakeCensus;

/// What have you counted?
///
/// Reply: the metrics. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Measured")]
pub struct Measure;
