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
mod attached;
mod buffers;
mod driver;
mod engine;
mod fates;
mod handle;
mod linger;
pub mod messages;
mod moving;
mod pace;
mod refusals;
mod set;
mod shared;
mod waiting;
mod writer;

pub use actor::Flow;
pub(crate) use actor::{Origin, start};
pub(crate) use engine::RaceOutcome;
pub use handle::{Connection, ConnectionId, ConnectionRef, Delivery};
pub use set::FlowSet;
pub(crate) use set::SetKey;
pub(crate) use shared::Shared;
pub use waiting::{ClosedFuture, EventStream, ReadyFuture, ReceivedFuture, Sending, SentFuture};
pub use writer::Writer;
