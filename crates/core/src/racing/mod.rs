//! Racing candidates: names to addresses, addresses to an order, one attempt after the other, the first to connect
//! wins (RFC 8305, draft-ietf-happy-happyeyeballs-v3, RFC 9623 §4.3).
//!
//! [`Race`] decides what is asked, which candidate starts when, and who has won. It is given its candidates by number
//! ([`Race::new`]), or resolves the names of a [`Target`] itself ([`Race::to`]) and forms them, or leaves that to
//! whoever has a policy ([`Race::ranked_elsewhere`]). What happened, and when, is kept as a [`Timeline`].
//!
//! `docs/RACING.md` has the rules, their sources, and where each one is.

mod address;
mod config;
mod dice;
mod dns;
mod endpoint;
mod histogram;
mod history;
mod input;
mod machine;
mod memory;
mod network;
mod order;
mod pace;
mod pref64;
mod resolution;
mod rfc6724;
mod rounds;
mod source;
mod svcb;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

pub use address::{Address, Family};
pub use config::{Config, DelayFrom, MAX_LIST, MIN_SPACING, Mode, NextAfter, Ordering, Retry};
pub use dns::{Answer, NoAnswer, Query, QueryId, RecordKind};
pub use endpoint::{Endpoint, Found, MAX_ENDPOINTS};
pub use histogram::Histogram;
pub use history::{FRESH_EVERY, History, MAX_NETWORKS, MAX_REMEMBERED};
pub use input::{Entry, Fault, Input, Loss, Output, Stage};
pub use machine::Race;
pub use memory::{Memory, Winner};
pub use network::{Network, Source};
pub use order::Rule;
pub use pref64::{Pref64, Pref64Error};
pub use resolution::{MAX_ADDRESSES, MAX_NAMES};
pub use rfc6724::AddressRule;
pub use rounds::MAX_ROUNDS;
pub use source::MAX_TARGETS;
pub use svcb::{MAX_ALIASES, MAX_SERVICES, ServiceRecord};
pub use tally::{MAX_PROTOCOLS, Side, Tally};
pub use target::{Ech, Host, Target};
pub use timeline::{
    AttemptId, Cause, End, Listing, MAX_NOTES, QueryRecord, Reason, Record, Timeline, TimerCause, TimerRecord,
};
