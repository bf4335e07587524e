//! What an application asks of transport security (RFC 9622 §6.3).
//!
//! Data only: nothing here reads a file or knows a cipher. Stacks read what is named here when they need it. The two
//! callbacks of RFC 9622 §6.3.8 (is this peer to be trusted, sign this for me) wait for answers, so they are not here
//! but with those who can wait.

mod credentials;
mod error;
mod parameters;
mod protocol;

pub use credentials::{CertificateBundle, CertificateChain, PreSharedKey, PrivateKey};
pub use error::SecurityError;
pub use parameters::{Security, SecurityParameters};
pub use protocol::SecurityProtocol;
