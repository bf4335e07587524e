//! Waits for peers to connect.
//!
//! ```text
//!   listener                asks the policy manager where, has every socket opened or none, waits for the end
//!   └─ acceptance (each)    one for each arbiter: its sockets, its staff, and a flow for each connection
//! ```
//!
//! An acceptance accepts while somebody wants connections. After a panic (of an accept filter, say) its next
//! incarnation goes on with the same sockets, so nobody who is connecting notices, and the connection that was being
//! looked at is looked at once more. On several arbiters each has a socket of its own on the same address, and the
//! system spreads the connections over them; what they share is behind one lock (`shared.rs`).

mod acceptance;
mod actor;
mod bell;
mod handle;
mod shared;
mod sockets;
mod staff;

pub(crate) use actor::{Setup, start};
pub use handle::{AcceptFuture, Listener, ListenerId, ListenerRef, ListeningFuture};
pub(crate) use shared::Shared;
pub use sockets::{AcceptFilter, Incoming};
pub use staff::Staff;
