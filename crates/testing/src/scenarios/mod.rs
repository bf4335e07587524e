//! Scripted races: name servers and a network in virtual time, and what must come of them.
//!
//! A scenario file (schema `he-scenario/1`) says for each scenario what is asked for, what the name servers answer
//! when, what the network does with each attempt, and what has to happen: who is tried from when to when, who wins,
//! what is asked. [`read`] reads one. [`play`] plays a scenario against the race of neatflow-core, without a clock;
//! [`play_actors`] against the actors, in paused time. [`judge`] says where what came and what had to come differ. `cargo run --example he_scenarios` runs whole files.
//!
//! Times are whole milliseconds from the call that began the race. A question that no entry answers is never answered,
//! and an attempt that no rule matches disappears. The first round is round 0.

mod actors;
mod cast;
mod check;
mod player;
mod read;
mod schema;
mod world;

pub use actors::play_actors;
pub use check::{Tolerance, judge, judge_within};
pub use player::{Outcome, play};
pub use read::{ReadError, SCHEMA, read};
pub use schema::{
    Accept, AttemptState, BranchSpec, CandidateSpec, ConfigSpec, DnsSpec, EchSpec, ErrorSpec, Expect,
    Expected, ExpectedAttempt, ExpectedQuery, FamilySpec, KindSpec, MatchSpec, OrderingSpec, OutcomeSpec,
    RacingSpec, RetrySpec, RuleSpec, Scenario, ServiceSpec, SuccessSpec, TargetSpec, WinnerSpec,
};
pub use world::racing;
