//! Why an operation failed: one enum for each operation, made of plain data.

mod connection;
mod establishment;
mod resolution;
mod status;
mod transport;
mod words;

pub use connection::{ConnectionFailure, ReceiveFailure, SendFailure};
pub use establishment::{Attempt, EstablishmentFailure, ListenFailure};
pub use resolution::ResolutionFailure;
pub use status::Status;
pub use transport::Failure;
