//! What may be said to a flow.

use actix::prelude::*;
use neatflow_core::policy::Outcome;
use neatflow_stacks::Report;

/// Sent by a connection's handle: what does the transport measure?
///
/// Reply: the report; its fields are `None` while there is no transport. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Report")]
pub struct Inspect;

/// Sent by the engine, once: the terminal event was told and the transport is let go.
///
/// Reply: none. Overflow: once, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ended;

/// Sent by the engine, once, just before [`Ended`], of a connection that was opened here: how it went.
///
/// Reply: none. Overflow: once, so it is delivered without regard to the mailbox's capacity.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Went(pub(crate) Outcome);
