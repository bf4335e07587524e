//! Where things run: a transport's own arbiter, its pool of further ones, or an arbiter of the application.
//!
//! A connection, its flow and the actor that hears of it do best on one arbiter: a hop to another costs some
//! microseconds, each time. So a listener can be on every arbiter of a pool, with a socket and an actor on each, and
//! a connection that is initiated can be placed where its actor lives.
//!
//! ```text
//!   transport's arbiter            neatflow-1             neatflow-2
//!   policy manager, resolver       socket                 socket          one port, spread by the system
//!   listener ──starts──────────▶   acceptance             acceptance
//!                                  flows, and your actor  flows, and your actor
//! ```

mod pool;
mod spin;

use actix_rt::ArbiterHandle;
pub use pool::MOST_ARBITERS;
pub(crate) use pool::{Pool, Threads};
pub(crate) use spin::note_activity;
pub use spin::{DEFAULT_IDLE, Spinning, spin};

/// Where connections that are initiated, or a listener and what it accepts, run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Placement {
    /// On the transport's own arbiter.
    #[default]
    Own,
    /// On this arbiter. If it has stopped, the connection or listener ends with an error.
    On(ArbiterHandle),
    /// On the transport's pool: a connection on the next arbiter of it, in turn; a listener on every one. Where the
    /// transport has no pool, on its own arbiter.
    Pool,
}

impl From<ArbiterHandle> for Placement {
    fn from(arbiter: ArbiterHandle) -> Self {
        Self::On(arbiter)
    }
}

impl From<&ArbiterHandle> for Placement {
    fn from(arbiter: &ArbiterHandle) -> Self {
        Self::On(arbiter.clone())
    }
}

/// One place: `None` is the transport's own arbiter.
pub(crate) type Spot = Option<ArbiterHandle>;
