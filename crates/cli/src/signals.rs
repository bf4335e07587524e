//! The signals that end the command gracefully.

use futures::future::{self, Either};
use std::future::Future;
use std::io;
use std::pin::pin;

/// SIGINT and SIGTERM (on other systems: the interrupt of the terminal), caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one. *Cancel safety*: safe.
    pub(crate) async fn next(&mut self) {
        future::select(pin!(self.interrupt.recv()), pin!(self.terminate.recv())).await;
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one. *Cancel safety*: safe.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            future::pending::<()>().await;
        }
    }
}

impl Signals {
    /// Waits for the outcome of something, unless a signal comes first. *Cancel safety*: that of what is awaited.
    pub(crate) async fn unless_caught<F: Future + Unpin>(&mut self, outcome: &mut F) -> Option<F::Output> {
        match future::select(outcome, pin!(self.next())).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }
}
