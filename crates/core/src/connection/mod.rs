//! The life of a connection: its states, its two queues, and the words it may say.

mod inbox;
mod machine;
mod outbox;

pub use inbox::{Asker, Inbox};
pub use machine::{Event, Input, Machine, Output, Role, State};
pub use outbox::Outbox;
