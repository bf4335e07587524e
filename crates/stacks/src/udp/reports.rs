//! What the network reports of the datagrams that were sent (ICMP), as it comes.

use super::datagram::Reported;
use super::system;
use futures::future::BoxFuture;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{Interest, Ready};
use tokio::net::UdpSocket;

/// The reports of one socket.
pub(super) struct Reports {
    /// `None` when nobody wants them.
    socket: Option<Arc<UdpSocket>>,
    watch: Option<Watch>,
}

/// Waits for the socket to report an error: a future of its own, because a socket wakes only one task for reading and
/// one for writing, and none of them for errors.
type Watch = BoxFuture<'static, io::Result<Ready>>;

impl Reports {
    pub(super) fn of(socket: &Arc<UdpSocket>) -> Self {
        Self { socket: Some(socket.clone()), watch: None }
    }

    pub(super) const fn unwanted() -> Self {
        Self { socket: None, watch: None }
    }

    pub(super) const fn are_wanted(&self) -> bool {
        self.socket.is_some()
    }

    /// The next report; pending for ever when nobody wants them.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Reported> {
        let Some(socket) = &self.socket else { return Poll::Pending };
        loop {
            if let Ok(report) = socket.try_io(Interest::ERROR, || system::next_report(socket)) {
                return Poll::Ready(report);
            }
            let watch = self.watch.get_or_insert_with(|| {
                let socket = socket.clone();
                Box::pin(async move { socket.ready(Interest::ERROR).await })
            });
            let woken = ready!(watch.as_mut().poll(cx));
            self.watch = None;
            if woken.is_err() {
                // The reactor has stopped; nothing more will be told.
                self.socket = None;
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("are_wanted", &self.are_wanted()).finish_non_exhaustive()
    }
}
