//! The life of a connection: its states, its two queues, and the words it may say.

mod inbox;
mod machine;
mod outbox;
mod words;

pub use inbox::{Asker, Inbox};
pub use machine::{Machine, Queued};
pub use outbox::{Batch, Outbox, Pack, Pushed};
pub use words::{Event, Input, Output, Role, State};
