//! One TCP connection, as the engine of its flow sees it.

use super::pace::Pace;
use super::system;
use crate::socket::{failure, reactor};
use crate::wire::{Path, Portable, Report, StreamWire, Wire, WireControl};
use futures::future::LocalBoxFuture;
use neatflow_core::Failure;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;

/// How many pieces one system call writes; what is beyond waits for the next.
const PIECES: usize = 1024;

/// One TCP connection.
///
/// The system reports a failure once, to whoever asks next, and shows a clean end to all who ask later. The wire
/// remembers it: a truncated stream never looks complete.
pub(super) struct TcpWire {
    /// `None` once it has moved away. Shared with `watch` alone.
    stream: Option<Rc<TcpStream>>,
    path: Path,
    finished: bool,
    // Boxed, like `pace`, because almost no connection has one, and there may be many connections.
    failed: Option<Box<Failure>>,
    watch: Option<Watch>,
    pace: Option<Box<Pace>>,
}

/// Waits for the socket to report an error. Boxed because it borrows from the stream that it holds; it exists only
/// while nobody reads.
type Watch = LocalBoxFuture<'static, io::Result<Ready>>;

impl TcpWire {
    pub(super) fn new(stream: TcpStream, path: Path) -> Self {
        Self { stream: Some(Rc::new(stream)), path, finished: false, failed: None, watch: None, pace: None }
    }

    fn stream(&self) -> Result<&Rc<TcpStream>, Failure> {
        self.stream.as_ref().ok_or_else(moved)
    }

    /// The stream for itself alone; ends the watch, since whoever reads learns of failures too.
    fn stream_alone(&mut self) -> Result<&mut TcpStream, Failure> {
        self.watch = None;
        self.stream.as_mut().and_then(Rc::get_mut).ok_or_else(moved)
    }

    /// Remembers the first failure; that is the one everybody gets.
    fn fail(&mut self, reason: Failure) -> Failure {
        (**self.failed.get_or_insert_with(|| Box::new(reason))).clone()
    }

    /// The failure that happened, if one has.
    fn check(&mut self) -> Result<(), Failure> {
        if let Some(failed) = &self.failed {
            return Err((**failed).clone());
        }
        match self.stream()?.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(self.fail(failure(error))),
        }
    }
}

impl StreamWire for TcpWire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Failure>> {
        let room = buf.remaining();
        let stream = self.stream_alone()?;
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        // Also after a failure: what arrived before it is still there to be read.
        let read = ready!(Pin::new(stream).poll_read(cx, buf));
        Poll::Ready(match (read, &self.failed) {
            (Err(error), _) => Err(self.fail(failure(error))),
            (Ok(()), Some(failed)) if buf.remaining() == room => Err((**failed).clone()),
            (Ok(()), _) => Ok(()),
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[IoSlice<'_>]) -> Poll<Result<usize, Failure>> {
        if let Some(failed) = &self.failed {
            return Poll::Ready(Err((**failed).clone()));
        }
        let stream = self.stream()?;
        if self.finished {
            return Poll::Ready(Err(told(io::ErrorKind::BrokenPipe, "our end was sent before")));
        }
        let Some(first) = data.iter().position(|piece| !piece.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        let pieces = &data[first..data.len().min(first.saturating_add(PIECES))];
        let error = loop {
            if let Err(error) = ready!(stream.poll_write_ready(cx)) {
                break error;
            }
            match stream.try_io(Interest::WRITABLE, || send(stream, pieces)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        Poll::Ready(Err(self.fail(failure(error))))
    }
}

impl WireControl for TcpWire {
    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if let Some(failed) = &self.failed {
            return Poll::Ready(Err((**failed).clone()));
        }
        let stream = self.stream()?;
        if self.finished {
            return Poll::Ready(Ok(()));
        }
        match SockRef::from(&**stream).shutdown(Shutdown::Write) {
            Ok(()) => {
                self.finished = true;
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                // It has failed; the socket knows of what.
                self.check()?;
                Poll::Ready(Err(self.fail(Failure::Reset)))
            }
            Err(error) => Poll::Ready(Err(self.fail(failure(error)))),
        }
    }

    /// No event announces an acknowledgement, so this looks for it: first after about a round trip, later every
    /// 50 ms. Where the system does not tell what is acknowledged it is ready at once.
    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            let stream = self.stream.as_deref().ok_or_else(moved)?;
            let acknowledged = system::is_acknowledged(stream, self.finished).map_err(failure)?;
            // Asked afterwards: a reset leaves nothing outstanding either.
            self.check()?;
            if acknowledged {
                self.pace = None;
                return Poll::Ready(Ok(()));
            }
            let stream = self.stream.as_deref().ok_or_else(moved)?;
            let rtt = || system::measure(stream).rtt.unwrap_or_default();
            let pace = self.pace.get_or_insert_with(|| Box::new(Pace::starting_at(rtt())));
            ready!(pace.poll_tick(cx));
        }
    }

    fn poll_failed(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        loop {
            if let Some(failed) = &self.failed {
                return Poll::Ready((**failed).clone());
            }
            let Some(stream) = &self.stream else { return Poll::Ready(moved()) };
            // Waits for errors alone: data that nobody wants to read must not wake anybody.
            let watch = self.watch.get_or_insert_with(|| {
                let stream = stream.clone();
                Box::pin(async move { stream.ready(Interest::ERROR).await })
            });
            let woken = ready!(watch.as_mut().poll(cx));
            self.watch = None;
            if let Err(error) = woken {
                return Poll::Ready(self.fail(failure(error)));
            }
            if let Err(reason) = self.check() {
                return Poll::Ready(reason);
            }
            // An error that somebody else took; only what comes after it is of interest.
            if let Some(stream) = &self.stream {
                let _ = stream.try_io(Interest::ERROR, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
            }
        }
    }

    fn abort(self: Box<Self>) {
        if let Some(stream) = &self.stream {
            // Closing without lingering sends RST and forgets what was not sent (RFC 9293 §3.10.5). Without it
            // the drop would be a close, which is the best that is left.
            let _ = SockRef::from(&**stream).set_linger(Some(Duration::ZERO));
        }
    }

    fn path(&self) -> Path {
        self.path.clone()
    }

    fn report(&self) -> Report {
        self.stream.as_deref().map(system::measure).unwrap_or_default()
    }

    fn detach(&mut self) -> Option<Box<dyn Portable>> {
        self.watch = None;
        self.pace = None;
        let stream = match Rc::try_unwrap(self.stream.take()?) {
            Ok(stream) => stream,
            Err(shared) => {
                self.stream = Some(shared);
                return None;
            }
        };
        Some(Box::new(PortableTcp {
            stream: stream.into_std().map_err(failure),
            path: self.path.clone(),
            finished: self.finished,
            failed: self.failed.clone(),
        }))
    }
}

/// A TCP connection on its way to another arbiter.
struct PortableTcp {
    /// The failure is of leaving the old reactor; it took the connection with it.
    stream: Result<std::net::TcpStream, Failure>,
    path: Path,
    finished: bool,
    failed: Option<Box<Failure>>,
}

impl Portable for PortableTcp {
    fn attach(self: Box<Self>) -> Result<Wire, Failure> {
        reactor()?;
        let stream = TcpStream::from_std(self.stream?).map_err(failure)?;
        let wire = TcpWire::new(stream, self.path);
        Ok(Wire::Stream(Box::new(TcpWire { finished: self.finished, failed: self.failed, ..wire })))
    }

    fn abort(self: Box<Self>) {
        if let Ok(stream) = &self.stream {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Writes without raising SIGPIPE, which would end a program that has restored its default action.
fn send(stream: &TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    match pieces {
        [piece] => socket.send_with_flags(piece, system::NO_SIGNAL),
        pieces => socket.send_vectored_with_flags(pieces, system::NO_SIGNAL),
    }
}

fn moved() -> Failure {
    told(io::ErrorKind::NotConnected, "the connection has moved to another arbiter")
}

fn told(kind: io::ErrorKind, text: &str) -> Failure {
    Failure::Io { kind, os: None, text: Arc::from(text) }
}
