//! What an application asks of a transport, and what a transport offers (RFC 9622 §6.2, §8).
//!
//! Each table is one file: the selection properties (`selection.rs`), the connection properties (`connection.rs`) and
//! the words of their enumerations (`enumerations.rs`). [`ALL`] lists every property with its name, kind, default
//! and section.

mod by_name;
mod connection;
mod contradictions;
mod descriptor;
mod enumerations;
mod error;
mod json;
mod message;
mod names;
mod offers;
mod preference;
mod role;
mod selection;
mod selector;
mod text;
mod transport;

pub use connection::{ConnectionProperties, TcpProperties};
pub use descriptor::{ALL, Descriptor, Kind};
pub use enumerations::{CapacityProfile, Direction, Multipath, MultipathPolicy, Scheduler};
pub use error::{PropertyError, ValueFault};
pub use message::{Coverage, Lifetime, MessageProperties};
pub use offers::{Offer, Offers};
pub use preference::Preference;
pub use role::Role;
pub use selection::{SelectionProperties, SelectionProperty};
pub use selector::{Interface, Pvd, Selector};
pub use transport::TransportProperties;
