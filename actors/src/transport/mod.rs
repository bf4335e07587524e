//! The root of the supervision tree: NEAT's context.
//!
//! One for each application, no globals. It starts the permanent staff (policy manager, name resolver) and, for
//! each `initiate` and `listen`, the actors that serve it, there or on its pool of further arbiters. It lives as long as
//! somebody holds its address; its arbiters end when everybody on them has.

mod actor;
mod config;
pub mod messages;

pub(crate) use actor::Services;
pub use actor::Transport;
pub use config::Config;
