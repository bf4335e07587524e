//! One connection: its handle, its engine, and the actor that supervises it.
//!
//! ```text
//!   application ──handle──▶ Shared ◀──drains── Engine ──reads, writes──▶ Wire
//!                             │                 ▲ │
//!                             │           turns │ │ events
//!                             │                 │ ▼
//!                             └─subscribers   Driver (a task), or Set (an attached actor)
//!
//!                                             Flow (actor): control plane
//! ```
//!
//! Commands and facts meet in [`neatflow_core::connection::Machine`], under one lock; bytes never cross a mailbox.
//! The engine is outside of any actor's context: a Flow that restarts finds it as it was, and so does an application's
//! actor that was attached.

mod actor;
mod attached;
mod buffers;
mod driver;
mod engine;
mod fates;
mod few;
mod guarded;
mod handle;
mod heard;
mod learning;
mod linger;
pub mod messages;
mod moving;
mod pace;
mod partial;
mod refusals;
mod sender;
mod set;
mod shared;
mod telling;
mod waiting;
mod writer;

pub use actor::Flow;
pub(crate) use actor::{Origin, start};
pub(crate) use engine::{Obtained, RaceOutcome};
pub use handle::{Connection, ConnectionId, ConnectionRef, Delivery};
pub use partial::PartialMessage;
pub use sender::Sender;
pub use set::FlowSet;
pub(crate) use set::SetKey;
pub(crate) use shared::Shared;
pub use waiting::{ClosedFuture, EventStream, ReadyFuture, ReceivedFuture, Sending, SentFuture};
pub use writer::Writer;
