//! The root of the supervision tree: NEAT's context.
//!
//! One for each application, no globals. It starts the permanent staff (policy manager, name resolver) and, for
//! each `initiate` and `listen`, the actors that serve it. It lives as long as somebody holds its address.

mod actor;
pub mod messages;

pub(crate) use actor::Services;
pub use actor::{Config, Transport};
