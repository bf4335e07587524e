//! One connection: its handle, its driver, and the actor that supervises it.
//!
//! ```text
//!   application ──handle──▶ Shared ◀──drains── Driver ──reads, writes──▶ Wire
//!                             │                  │
//!                             └──subscribers ◀───┘ events          Flow (actor): control plane
//! ```
//!
//! Commands and facts meet in [`neatflow_core::connection::Machine`], under one lock; bytes never cross a
//! mailbox. The driver runs beside the Flow actor, on the same arbiter, outside any actor context: a Flow that
//! restarts finds its driver as it was.

mod actor;
mod driver;
mod handle;
mod linger;
pub mod messages;
mod refusals;
mod shared;
mod waiting;

pub use actor::Flow;
pub(crate) use actor::{Origin, start};
pub(crate) use driver::RaceOutcome;
pub use handle::{Connection, ConnectionId, ConnectionRef};
pub(crate) use shared::Shared;
pub use waiting::{ClosedFuture, EventStream, ReadyFuture, ReceivedFuture, Sending, SentFuture};
