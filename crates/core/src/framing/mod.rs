//! Messages over transports that do not know any (RFC 9622 §9.1.2, RFC 9623 §6).
//!
//! A [`Framer`] makes bytes of messages and messages of bytes. Three are here, [`LengthPrefix`], [`Tlv`] and
//! [`Lines`]; applications write others. [`Framers`] says which a connection gets, and a [`FramerStack`] runs them.

pub(crate) mod contain;
mod failure;
mod framer;
mod framers;
mod inlet;
mod layer;
mod length_prefix;
mod lines;
mod metadata;
mod number;
mod outgoing;
mod passthrough;
mod record;
pub(crate) mod run;
mod stack;
pub mod tlv;
mod words;

pub use failure::FramingFailure;
pub use framer::{Framer, MessageFramer};
pub use framers::Framers;
pub use inlet::Parsed;
pub use length_prefix::LengthPrefix;
pub use lines::Lines;
pub use metadata::{Metadata, Metadatum};
pub use number::Width;
pub use outgoing::Outgoing;
pub use run::{Found, SentMessages};
pub use stack::FramerStack;
pub use tlv::Tlv;
pub use words::{Below, Limits, Output, Part};
