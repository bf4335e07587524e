//! Turns names into addresses.

pub mod messages;

pub use messages::{Answered, QueryId, Resolve};
