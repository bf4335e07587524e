//! What NEAT's daemon says and hears on its sockets, without any socket.
//!
//! [`Exchange`] finds the end of a request in the bytes that come, [`Shop`] decides who has to go when too many are
//! there, [`import_policies`] and [`import_nodes`] take in what a controller pushes, and the `reply_*` functions are
//! what is answered. Whoever has the sockets only carries bytes.

mod exchange;
mod import;
mod interfaces;
mod reply;
mod shop;

pub use exchange::{Exchange, ExchangeFault};
pub use import::{Imported, import_nodes, import_policies, is_uid};
pub use interfaces::InterfaceNodes;
pub use reply::{REPLY_END, Refusing, reply_candidates, reply_error, reply_imported, rows_in_json};
pub use shop::{MAX_HELD, MAX_VISITORS, Shop, VisitorId};
