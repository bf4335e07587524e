//! Racing candidates: staggered, one at a time, the first to connect wins (RFC 8305 §5, RFC 9623 §4.3.2).
//!
//! [`Race`] decides when which candidate starts and who has won. It knows candidates by id only and never meets an
//! address or a name: whoever forms candidates ranks them, and tells the race anew whenever the ranking changes.
//! What happened, and when, is kept as a [`Timeline`].

mod config;
mod machine;
mod timeline;

pub use config::{Config, MIN_SPACING};
pub use machine::{Entry, Input, Output, Race, Stage};
pub use timeline::{Cause, End, Reason, Record, Timeline};
