//! Names to records: what is asked, what comes back, and every decision of a resolver that needs no network.
//!
//! [`Search`] goes through the names that a name may stand for. The questions of a race, and what it makes of the
//! answers, are in [`racing`](crate::racing).

mod records;
mod search;

pub use records::{Kinds, MAX_RECORDS, Records, answer};
pub use search::{Passed, Search};
