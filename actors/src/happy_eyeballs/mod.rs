//! Races candidates, one actor for each establishment.
//!
//! ```text
//!   call 1 ──▶ PolicyManager ──▶ branches, network, memory ──▶ core::racing ──▶ questions ──▶ NameResolver
//!                                                                  ▲                               │
//!                                                                  └──────── answers, as they come ┘
//!   winner ◀── Candidate (each) ◀── core::racing ◀── candidates ◀── call 2 ◀── what was found, in order
//! ```
//!
//! What is asked, in which order it is tried, and which attempt starts when is decided in
//! [`neatflow_core::racing`]; which paths and protocols may be used is the
//! [policy manager's](crate::policy_manager) to say. The actor owns the clock and the attempts:
//!
//! - `actor`: the race as an actor; when it acts
//! - `resolving`: call 1, questions and answers
//! - `ranking`: call 2
//! - `attempts`: starting, releasing and stopping attempts
//! - `changes`: another network in mid race
//! - `finish`: the outcome and the record; `telling`: the record in the log
//!
//! Temporary child of the [transport](crate::transport): a race that panics is not run again, and its
//! flow reports an EstablishmentError. Each attempt is a supervised child of its own.

mod actor;
mod attempts;
mod candidate;
mod changes;
mod finish;
mod framing;
pub(crate) mod messages;
mod ranking;
mod record;
mod resolving;
mod telling;

pub(crate) use actor::{Order, start};
pub use record::{RaceEnd, RaceRecord};
