//! The command from outside: the built binary, loopback, real processes.

mod connecting;
mod demo;
mod failing;
mod listening;
mod pressure;
mod stopping;
mod support;
mod telling;
mod usage;
