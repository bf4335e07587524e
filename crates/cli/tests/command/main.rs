//! The command from outside: the built binary, loopback, real processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod bench;
mod connecting;
mod datagrams;
mod demo;
mod failing;
mod listening;
mod policy;
mod policyd;
mod pressure;
mod programs;
mod properties;
mod racing;
mod resolving;
mod steering;
mod stopping;
mod support;
mod telling;
mod usage;
