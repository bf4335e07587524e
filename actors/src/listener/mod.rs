//! Waits for peers to connect.
//!
//! The actor opens the sockets the policy manager names, accepts while somebody wants connections, and starts a
//! Flow for each. Permanent child of the [transport](crate::transport): after a panic (of an accept filter, say)
//! the next incarnation goes on with the same sockets, so nobody who is connecting notices, and the connection
//! that was being looked at is looked at once more.

mod actor;
mod handle;
mod shared;
mod sockets;

pub(crate) use actor::{Setup, start};
pub use handle::{AcceptFuture, Listener, ListenerId, ListenerRef, ListeningFuture};
pub(crate) use shared::Shared;
pub use sockets::{AcceptFilter, Incoming};
