//! TCP on systems other than Linux: less can be told of a connection.

use crate::wire::Report;
use neatflow_core::Failure;
use socket2::{SockRef, Socket};
use std::ffi::c_int;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// Sends without raising SIGPIPE. Apple's systems have an option of the socket for it, which socket2 and the
/// standard library set; Windows has no such signal.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) const NO_SIGNAL: c_int = 0;

/// There is no such option; whoever asked for the timeout has to keep a timer.
pub(super) fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    Ok(())
}

/// Accepted sockets inherit nothing, or not everywhere: sets their options.
pub(super) fn settle(
    socket: SockRef<'_>,
    apply: impl FnOnce(&Socket) -> Result<(), Failure>,
) -> Result<(), Failure> {
    apply(&socket)
}

/// Cannot tell; handed over counts as acknowledged.
pub(super) fn is_acknowledged(_: &TcpStream, _: bool) -> io::Result<bool> {
    Ok(true)
}

/// Nothing is measured.
pub(super) fn measure(_: &TcpStream) -> Report {
    Report::default()
}
