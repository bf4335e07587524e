//! The life of a connection: its states, its two queues, and the words it may say.

mod batch;
mod inbox;
mod machine;
mod outbox;
mod words;

pub use batch::Batch;
pub use inbox::{Asker, Inbox};
pub use machine::Machine;
pub use outbox::Outbox;
pub use words::{Event, Input, Output, Role, State};
