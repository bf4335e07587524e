//! The life of a connection: its states, its two queues, and the words it may say.

mod framed;
mod inbox;
mod machine;
mod outbox;
mod partly;
mod words;

pub use framed::Framed;
pub use inbox::{Answer, Asker, Inbox};
pub use machine::{Machine, Queued, Through};
pub use outbox::{Batch, Outbox, Pack, Pushed};
pub use partly::{ReceiveLimits, Room};
pub use words::{Event, Input, Output, Role, State};
