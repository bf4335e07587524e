//! The staff of neatflow: every actor there is, and what they say to each other.
//!
//! Applications use the front door, the crate `neatflow`, which re-exports what they need. The supervision tree
//! is drawn in this crate's README.

mod census;
mod clock;
mod credit;
pub mod events;
pub mod flow;
mod happy_eyeballs;
pub mod listener;
mod metrics;
pub mod name_resolver;
pub mod network_monitor;
pub mod placement;
pub mod policy_manager;
#[cfg(unix)]
pub mod policy_sockets;
mod registry;
#[cfg(unix)]
pub mod remote_policy;
pub mod subscription;
pub mod supervision;
pub mod transport;
mod watchers;

pub use census::Count;
pub use credit::Credit;
pub use happy_eyeballs::{RaceEnd, RaceRecord};
pub use metrics::Measured;
pub use registry::Registry;
