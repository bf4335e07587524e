//! Which candidates there are, and in which order: NEAT's policy manager, as pure functions.
//!
//! [`branches`] is its first call, before names are resolved: which paths and protocols are eligible.
//! [`candidates`] is the second, once there are addresses: what will be tried, in order. [`listen_plan`] is the same
//! for a listener. Paths come before protocols and protocols before addresses (RFC 9622 §6.2, RFC 9623 §4.1.2);
//! equal input gives equal output.

mod fit;
mod inventory;
mod listen;
pub mod neat;
mod paths;
mod protocols;
mod refusal;
mod request;
mod roster;
mod select;

pub use inventory::{InterfaceRow, Inventory, StackRow};
pub use listen::{ListenSpec, MAX_LISTEN_SPECS, listen_plan};
pub use paths::Path;
pub use request::{Request, Resolved};
pub use roster::{MAX_CANDIDATES, MAX_CANDIDATES_PER_FAMILY, Roster};
pub use select::{Branch, MAX_ADDRESSES_PER_FAMILY, MAX_BRANCHES, branches, candidates, explain};
