//! What neatflow decides.
//!
//! Everything here is a value or a machine: no I/O, no clock, no randomness, no actors. A machine is fed
//! `Input`s, and drained of `Output`s until it has none; time and randomness are arguments. Whoever drives it
//! (the actors, a test in virtual time) owns the sockets and the clock.

pub mod budget;
pub mod candidate;
pub mod connection;
pub mod endpoint;
pub mod error;
pub mod failure;
pub mod framing;
pub mod message;
pub mod policy;
pub mod properties;
pub mod racing;
pub mod resolution;
mod room;
pub mod security;
pub mod time;

pub use budget::{Budget, Intensity};
pub use candidate::{Candidate, CandidateId, Protocol};
pub use endpoint::{EndpointError, LocalEndpoint, RemoteEndpoint};
pub use error::Error;
pub use failure::{
    Attempt, ConnectionFailure, EstablishmentFailure, Failure, ListenFailure, ReceiveFailure,
    ResolutionFailure, SendFailure, Status,
};
pub use message::{Ecn, IntoMessages, Message, MessageContext, MessageId, Messages, NoMessage, ReceiveId};
pub use properties::{
    MessageProperties, Offer, Offers, Preference, SelectionProperties, SelectionProperty, TransportProperties,
};
pub use security::{SecurityError, SecurityParameters};
pub use time::Time;
