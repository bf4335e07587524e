//! Follows the networks this host is on, and tells of changes.
//!
//! ```text
//!   the kernel ──▶ Source ──▶ NetworkMonitor ──▶ PolicyManager (the rows of interfaces, addresses, routes)
//!                                  │ when it knows
//!                                  ├───────────▶ whoever watches: races, listeners
//!                                  └───────────▶ connections: NetworkStatusChanged
//! ```
//!
//! What changed is the difference of two looks ([`HostNetwork`](neatflow_core::policy::HostNetwork)); everyone is told
//! the difference to what they have handled last, so that one who was slow, or fell over a change, misses nothing but what
//! came and went.
//! Permanent child of the [transport](crate::transport). Without it (it gave up, or has no source) the policy manager
//! looks for itself.

mod actor;
mod audience;
pub mod messages;
mod source;

pub use actor::NetworkMonitor;
pub(crate) use audience::Audience;
pub use source::Source;
