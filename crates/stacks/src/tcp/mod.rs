//! TCP over IPv4 and IPv6 (RFC 9293).

mod connect;
mod listen;
mod offers;
mod options;
mod pace;
mod wire;

// What only Linux can tell and do; `other.rs` has the same functions for everybody else.
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "other.rs")]
mod system;

use crate::progress::Progress;
use crate::stack::{Acceptor, Established, ListenOn, Stack};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use neatflow_core::{Candidate, Failure, Offers, Protocol};
use std::sync::Arc;

/// TCP over IPv4 and IPv6.
///
/// Its flows run without Nagle's algorithm: whoever writes coalesces, and small requests are not held back for an
/// acknowledgement that the peer delays. `connTimeout` becomes the TCP User Timeout (RFC 5482), which bounds the
/// handshake too; where the system has no such option it is left to the caller.
///
/// Needs a tokio runtime with I/O and time enabled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp(());

impl Tcp {
    /// The stack; it holds nothing.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Stack for Tcp {
    fn protocol(&self) -> Protocol {
        Protocol::TCP
    }

    fn offers(&self) -> Offers {
        offers::offered()
    }

    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        connect::connect(candidate.clone(), progress).boxed_local()
    }

    fn listen(&self, on: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        Ok(Box::new(listen::TcpAcceptor::listen(on)?))
    }

    /// An accepted connection has a socket of its own.
    fn spreads(&self) -> bool {
        true
    }
}
