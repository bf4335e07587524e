//! Supervision: an actor that fails comes back, under the same address, with the mail that waited for it.
//!
//! # Overview
//!
//! In actix 0.13 a panic in a handler ends the actor: its address is dead, its mail is lost, and nobody is told.
//! A supervised actor has a task of its own that catches the panic, waits (longer each time), calls
//! [`Supervised::restarting`](actix::Supervised::restarting) and carries on:
//!
//! - the [`Addr`](actix::Addr) stays valid, and mail queued behind the message that failed is delivered;
//! - restarts follow a [`Budget`](neatflow_core::Budget): at most so many in any window, with a growing wait
//!   on a timer in between, so that an actor that cannot even start leaves its arbiter to the others;
//! - the parent is told of each restart, and of the end: giving up is an event, never silence;
//! - anybody may [watch](Child::watch) for the end.
//!
//! # Quick start
//!
//! ```
//! use actix::prelude::*;
//! use neatflow_actors::supervision::{Plan, supervise};
//!
//! #[derive(Message)]
//! #[rtype(result = "u32")]
//! struct Divide(u32);
//!
//! struct Divider;
//!
//! impl Actor for Divider {
//!     type Context = Context<Self>;
//! }
//!
//! impl Supervised for Divider {}
//!
//! impl Handler<Divide> for Divider {
//!     type Result = u32;
//!
//!     fn handle(&mut self, by: Divide, _: &mut Context<Self>) -> u32 {
//!         12 / by.0
//!     }
//! }
//!
//! # fn main() {
//! # let _quiet = neatflow_testing::quiet_panics("divide by zero");
//! # neatflow_testing::paused(async {
//! let divider = supervise(Divider, Plan::permanent());
//! let (failed, behind) = futures::join!(divider.send(Divide(0)), divider.send(Divide(4)));
//! assert!(failed.is_err()); // the message that panicked is lost
//! assert_eq!(behind.unwrap(), 3); // the one behind it is not
//! # });
//! # }
//! ```
//!
//! With a name, a parent that is told, or a place on another arbiter:
//!
//! ```
//! # use actix::prelude::*;
//! # use neatflow_actors::supervision::{ChildEvent, Child, Plan, Supervise};
//! # struct Worker;
//! # impl Actor for Worker { type Context = Context<Self>; }
//! # impl Supervised for Worker {}
//! struct Manager {
//!     worker: Option<Child<Worker>>,
//! }
//!
//! impl Actor for Manager {
//!     type Context = Context<Self>;
//!
//!     fn started(&mut self, ctx: &mut Self::Context) {
//!         let plan = Plan::transient();
//!         self.worker = Some(Supervise::new(plan).name("worker 7").parent(ctx.address()).start(|_| Worker));
//!     }
//! }
//!
//! impl Handler<ChildEvent> for Manager {
//!     type Result = ();
//!
//!     fn handle(&mut self, event: ChildEvent, _: &mut Self::Context) {
//!         println!("{event}"); // worker 7: restarting (1) in 50ms: panicked: ..
//!     }
//! }
//! # neatflow_testing::paused(async { Manager { worker: None }.start(); });
//! ```
//!
//! # Policies
//!
//! What follows when an incarnation of the actor ends, for each [`Restart`]:
//!
//! | it ended because | `Permanent` | `Transient` | `Temporary` |
//! |---|---|---|---|
//! | it panicked | restart | restart | `GaveUp` |
//! | it stopped by itself (`ctx.stop()`) | restart | `Finished` | `Finished` |
//! | it was told to stop ([`Child::stop`]), or said [`finish`] | `Finished` | `Finished` | `Finished` |
//! | its every address is gone | `Finished` | `Finished` | `Finished` |
//! | .. and the budget is spent, where it says restart | `GaveUp` | `GaveUp` | |
//! | its arbiter stopped | `GaveUp` | `GaveUp` | `GaveUp` |
//!
//! A panic that no restart follows is always `GaveUp`, also of an actor that was just about to finish.
//! Exactly one of [`GaveUp`](ChildEventKind::GaveUp) and [`Finished`](ChildEventKind::Finished) comes for each
//! child; by then the actor has been dropped, and nothing follows.
//!
//! # What a restart keeps
//!
//! | kept | lost |
//! |---|---|
//! | every address, recipient and weak address | the message whose handler panicked: its sender reads `MailboxError::Closed` |
//! | queued mail, in order, and senders that wait for room | what the old incarnation spawned: `ctx.spawn`, `wait`, timers, streams, `notify` |
//! | the capacity of the mailbox | mail that waits when the last address goes |
//! | the actor itself, its fields as the panic left them | |
//!
//! The instance stays, so what it half did stays too. `restarting` is the place to rebuild it from its durable
//! part (its configuration, what lives in the parent), typically `*self = Self::new(self.config.clone())`.
//! `started` runs for every incarnation, after `restarting`: it is the place for timers and streams. After a
//! panic `stopping` and `stopped` are not called before a restart; they are called once when the child ends for
//! good. While it rests before a restart, mail is queued as if it were busy, and what it spawned is kept, unpolled.
//!
//! # Limits
//!
//! - The actor's context is [`Context<Self>`](actix::Context), it implements [`Supervised`](actix::Supervised),
//!   and the program is built with `panic = "unwind"`: with `abort` there is nothing to catch.
//! - Only who is started here is supervised. An actor started with plain `.start()` still dies of its panics.
//! - A panic in `started`, `restarting`, `stopping`, `stopped`, in a future of the context or in a destructor is
//!   caught as well. A destructor that panics while another panic unwinds aborts the process: so is Rust.
//! - A handler that never returns cannot be helped, and blocks its arbiter.

pub(crate) mod catch;
mod child;
mod event;
mod guard;
mod incarnation;
mod link;
mod plan;
mod report;
mod supervise;
mod terms;

pub use child::Child;
pub use event::{ChildEvent, ChildEventKind, ChildId, Down, ExitReason};
pub use incarnation::finish;
pub use neatflow_core::Intensity;
pub use plan::{Plan, Restart};
pub use supervise::{Here, Supervise, There, supervise};
