//! What an application asks of a transport, and what a transport offers (RFC 9622 §6.2, §8).

mod connection;
mod offers;
mod preference;
mod selection;

pub use connection::{CapacityProfile, ConnectionProperties};
pub use offers::{Offer, Offers};
pub use preference::Preference;
pub use selection::{SelectionProperties, SelectionProperty};

/// Everything an application asks of a transport: how to choose it, and how to run it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TransportProperties {
    /// How to choose paths and protocols (RFC 9622 §6.2).
    pub selection: SelectionProperties,
    /// How to run what was chosen (RFC 9622 §8.1).
    pub connection: ConnectionProperties,
}
