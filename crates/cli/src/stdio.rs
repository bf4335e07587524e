//! Standard input and output for a flow.
//!
//! Each has a thread of its own, which may stay blocked when the process ends. Nothing is lost on the way: a short
//! write is continued, and so is one that a non-blocking descriptor refuses for the moment.

use bytes::Bytes;
use futures::channel::oneshot;
use neatflow::events::Received;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// How much is read at once, at most.
pub(crate) const CHUNK: usize = 64 * 1024;

/// How many chunks may wait to be taken; while they do, standard input is not read.
const AHEAD: usize = 2;

/// How long to wait for a non-blocking descriptor, which nobody announces.
const REST: Duration = Duration::from_millis(5);

/// Standard input, in chunks.
#[derive(Debug)]
pub(crate) struct Input(mpsc::Receiver<io::Result<Bytes>>);

impl Input {
    /// Reads it from now on, up to `chunk` bytes at once.
    pub(crate) fn start(chunk: usize) -> io::Result<Self> {
        let (chunks, taken) = mpsc::channel(AHEAD);
        thread::Builder::new()
            .name("stdin".into())
            .spawn(move || read(io::stdin().lock(), chunk, &chunks))?;
        Ok(Self(taken))
    }

    /// The next chunk; `None` at the end. *Cancel safety*: safe.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.0.recv().await
    }
}

fn read(mut from: impl Read, chunk: usize, to: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; chunk];
    loop {
        let chunk = match patiently(|| from.read(&mut buffer)) {
            Ok(0) => return,
            Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if to.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

/// Standard output. What waits for it holds credit, so the flow does not run ahead of it.
#[derive(Debug)]
pub(crate) struct Output {
    queue: blocking::Sender<Received>,
    /// Told when the queue was dropped and all of it is written, or as soon as writing fails.
    done: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    pub(crate) fn start() -> io::Result<Self> {
        let (queue, queued) = blocking::channel::<Received>();
        let (tell, done) = oneshot::channel();
        thread::Builder::new().name("stdout".into()).spawn(move || {
            let messages = queued.iter();
            let written = messages.map(|received| write(io::stdout(), &received)).find(Result::is_err);
            // Nobody may wait any more: the process is about to end.
            let _ = tell.send(written.unwrap_or(Ok(())));
        })?;
        Ok(Self { queue, done })
    }

    /// Queues what came. It is dropped once writing has failed; [`failed`](Self::failed) tells.
    pub(crate) fn write(&self, received: Received) {
        let _ = self.queue.send(received);
    }

    /// Waits until writing fails. *Cancel safety*: safe.
    pub(crate) async fn failed(&mut self) -> io::Error {
        match (&mut self.done).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(oneshot::Canceled) => thread_ended(),
        }
    }

    /// Waits until all is written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.queue);
        self.done.await.unwrap_or_else(|_| Err(thread_ended()))
    }
}

fn write(mut to: impl Write, received: &Received) -> io::Result<()> {
    for message in &received.messages {
        let mut rest = &message.data[..];
        while !rest.is_empty() {
            match patiently(|| to.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                written => rest = &rest[written..],
            }
        }
    }
    patiently(|| to.flush())
}

fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(REST),
            outcome => return outcome,
        }
    }
}

fn thread_ended() -> io::Error {
    io::Error::other("its thread has ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at a time, and refuses every other call.
    struct Stubborn {
        taken: Vec<u8>,
        refuse: bool,
    }

    impl Stubborn {
        fn grudgingly(&mut self) -> io::Result<()> {
            self.refuse = !self.refuse;
            if self.refuse { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        }
    }

    impl Write for Stubborn {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.grudgingly()?;
            let taken = data.len().min(3);
            self.taken.extend(&data[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.grudgingly()
        }
    }

    #[test]
    fn a_descriptor_that_does_not_block_loses_nothing() {
        let mut output = Stubborn { taken: Vec::new(), refuse: false };
        let mut rest = &b"hello, flow"[..];
        while !rest.is_empty() {
            let written = patiently(|| output.write(rest)).unwrap();
            rest = &rest[written..];
        }
        patiently(|| output.flush()).unwrap();
        assert_eq!(output.taken, b"hello, flow");
    }

    #[test]
    fn an_error_of_standard_input_is_told_and_is_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::IsADirectory.into())
            }
        }
        let (chunks, mut taken) = mpsc::channel(AHEAD);
        read(Broken, CHUNK, &chunks);
        drop(chunks);
        assert!(taken.blocking_recv().is_some_and(|chunk| chunk.is_err()));
        assert!(taken.blocking_recv().is_none());
    }
}
