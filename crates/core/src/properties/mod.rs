//! What an application asks of a transport, and what a transport offers (RFC 9622 §6.2, §8).
//!
//! Each table is one file: the selection properties (`selection.rs`), the connection properties (`connection.rs`), the
//! message properties (`message.rs`), those of vendors (`vendor.rs`) and the words of their enumerations
//! (`enumerations.rs`). [`ALL`] lists every property with its name, kind, unit, default, section and scope, and with
//! what [`neatpy`] calls it.

mod by_name;
mod connection;
mod contradictions;
mod descriptor;
mod enumerations;
mod error;
mod json;
mod message;
mod names;
pub mod neatpy;
mod offers;
mod preference;
mod profile;
mod role;
mod selection;
mod selector;
mod text;
mod transport;
mod value;
mod vendor;

pub use connection::{ConnectionProperties, TcpProperties};
pub use descriptor::{ALL, Descriptor, Kind, Scope};
pub use enumerations::{CapacityProfile, Direction, Multipath, MultipathPolicy, Scheduler};
pub use error::{PropertyError, ValueFault};
pub use message::{Contradiction, Coverage, Lifetime, MessageProperties, MessageRules};
pub use offers::{Offer, Offers};
pub use preference::Preference;
pub use profile::Profile;
pub use role::Role;
pub use selection::{SelectionProperties, SelectionProperty};
pub use selector::{Interface, Pvd, Selector};
pub use transport::TransportProperties;
pub use value::Value;
pub use vendor::VendorProperties;
