//! What touches the network.
//!
//! One trait, [`Stack`], and one module and one cargo feature for each protocol. A stack turns a candidate into a
//! [`Wire`], on which the flow's engine reads and writes; it decides nothing that [`neatflow_core`] could decide.

mod network;
pub mod plain;
mod progress;
mod read;
#[cfg(any(feature = "tcp", feature = "udp"))]
mod socket;
mod stack;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(feature = "udp")]
pub mod udp;
mod wire;

pub use network::{Interface, NetworkWatch, interface_index, interfaces, network};
pub use progress::{Handshake, Permit, Progress, Stage};
pub use read::read_some;
pub use stack::{Acceptor, Association, Established, ListenOn, Stack};
pub use wire::{MessageWire, NotSent, Path, Portable, Report, StreamWire, Wire, WireControl};
