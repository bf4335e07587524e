//! Test actors without waiting: paused time, and panics that are meant to happen.
//!
//! ```
//! use actix::prelude::*;
//! use neatflow_testing::paused;
//! use std::time::Duration;
//!
//! struct Egg;
//!
//! impl Actor for Egg {
//!     type Context = Context<Self>;
//!     fn started(&mut self, ctx: &mut Self::Context) {
//!         ctx.run_later(Duration::from_secs(600), |_, ctx| ctx.stop());
//!     }
//! }
//!
//! // Ten minutes of the egg's time, no time at all of ours.
//! paused(async {
//!     let egg = Egg.start();
//!     tokio::time::sleep(Duration::from_secs(601)).await;
//!     assert!(!egg.connected());
//! });
//! ```

pub mod dns;
pub mod harness;
#[cfg(all(feature = "netbox", target_os = "linux"))]
pub mod netbox;
mod paused;
pub mod probe;
mod quiet;
pub mod resolver;
pub mod scenarios;
pub mod stack;
pub mod talk;

pub use paused::{paused, run_paused, settle};
pub use quiet::{QuietPanics, quiet_panics};
