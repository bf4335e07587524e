//! What may be said to the name resolver.

use actix::prelude::*;
use neatflow_core::ResolutionFailure;
use std::net::IpAddr;
use std::sync::Arc;

/// Names one question of one asker; the asker chooses it, and every answer repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// Sent by a race or a listener: resolve this name.
///
/// Reply: [`Answered`] messages to `answers`, one for each family as it comes, exactly one of them `last`.
/// Overflow: the mailbox is bounded; a race that finds it full waits (`send`).
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Resolve {
    /// Repeated in every answer.
    pub query: QueryId,
    /// A host name, or a literal address.
    pub host: Arc<str>,
    /// Where the answers go. When nobody is there any more, the question is dropped.
    pub answers: Recipient<Answered>,
}

/// Sent by the name resolver to the asker: an answer, or one part of it.
///
/// Overflow: two for each question at most, so they are delivered without regard to the mailbox's capacity.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Answered {
    /// The question.
    pub query: QueryId,
    /// The addresses of one family, never empty; or why it has none.
    pub result: Result<Vec<IpAddr>, ResolutionFailure>,
    /// Nothing more comes for this question.
    pub last: bool,
}
