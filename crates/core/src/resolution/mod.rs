//! Names to records: what is asked, what comes back, and every decision of a resolver that needs no network.
//!
//! [`Cache`] knows what is known and who asks, [`Search`] goes through the names that a name may stand for,
//! [`Servers`] says which name server is asked first, [`in_order`] which of several services is tried first. The
//! questions of a race, and what it makes of the answers, are in [`racing`](crate::racing).

mod cache;
mod records;
mod search;
mod servers;
mod srv;

pub use cache::{Cache, FAILURE_TTL, Look, MAX_NEGATIVE_TTL, MAX_TTL};
pub use records::{Kinds, MAX_RECORDS, Records, answer};
pub use search::{Passed, Search};
pub use servers::Servers;
pub use srv::{Service, in_order};
