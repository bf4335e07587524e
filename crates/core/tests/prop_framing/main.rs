//! What goes into a stack of framers comes out of its peer, however it is cut on the way; and nothing else does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod chaos;
mod garbage;
mod identity;
mod peer;
mod plan;
