//! Races candidates, one actor for each establishment.
//!
//! ```text
//!   call 1 ──▶ PolicyManager ──▶ branches ──▶ NameResolver ──▶ addresses, as they come
//!                                                                  │
//!   winner ◀── Candidate (each) ◀── core::racing ◀── candidates ◀── call 2 (again for each answer)
//! ```
//!
//! Which candidate starts when is decided in [`neatflow_core::racing`]; the actor owns the clock and the
//! attempts. Temporary child of the [transport](crate::transport): a race that panics is not run again, and its
//! flow reports an EstablishmentError. Each attempt is a supervised child of its own.

mod actor;
mod candidate;
mod framing;
pub(crate) mod messages;
mod record;
mod telling;

pub(crate) use actor::{Order, start};
pub use record::RaceRecord;
