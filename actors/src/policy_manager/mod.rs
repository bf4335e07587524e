//! Decides which candidates there are, and in which order.
//!
//! The actor of NEAT's Policy Manager: it knows the stacks and the interfaces, and answers the two calls of
//! NEAT's set-up, before names are resolved and after. What it decides is decided in [`neatflow_core::policy`].
//!
//! Permanent child of the [transport](crate::transport). It keeps the interfaces it last saw; a restart looks
//! again. Policies come from [files], and what was learned may be kept in one.

mod actor;
mod cache;
mod calls;
mod config;
pub mod files;
mod keeping;
pub mod messages;
mod neat;

pub use actor::{Interfaces, PolicyManager};
pub use calls::Calls;
pub use config::Config;
