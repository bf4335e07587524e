//! tokio by hand, as an expert writes it who cares for nothing but speed: buffers shared by all connections of the
//! thread, one read and one write for all frames that came together, no read that finds nothing.

use crate::order::Service;
use crate::wire::{FRAME, Frames, PIECE, frame, number, piece, put};
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// How much is read at once. More is slower: it leaves the core's own cache before it is looked at.
const READ: usize = 64 * 1024;

/// How much is made before it is written. Less is slower: the peer waits more often.
const MAKE: usize = 256 * 1024;

/// How many pieces go into one write.
const PIECES: usize = 8;

pub(crate) async fn connection(mut stream: TcpStream, service: Service) -> io::Result<()> {
    match service {
        Service::Echo => Echo { stream, partial: Vec::new(), unsent: Vec::new() }.await,
        Service::Count => count(&mut stream).await,
        Service::Produce => produce(&mut stream).await,
        Service::CountBytes => count_bytes(&mut stream).await,
        Service::ProducePieces => produce_pieces(&mut stream).await,
        Service::EchoDatagrams => Err(ErrorKind::Unsupported.into()),
    }
}

/// What all connections of a thread share, and none keeps: while a connection is idle it has no buffer.
struct Desk {
    input: Box<[u8]>,
    output: Vec<u8>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk { input: vec![0; READ].into(), output: Vec::new() });
}

struct Echo {
    stream: TcpStream,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// Answers that the system did not take.
    unsent: Vec<u8>,
}

impl Echo {
    /// Reads once, and answers each frame; whether the peer may still send.
    fn poll_turn(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let held = self.partial.len();
        let mut buffer = ReadBuf::new(&mut desk.input[held..]);
        if buffer.remaining() == 0 {
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Ok(false));
        }
        desk.input[..held].copy_from_slice(&self.partial);
        self.partial.clear();

        let mut frames = Frames::of(&desk.input[..held + read]);
        for payload in frames.by_ref() {
            put(&mut desk.output, payload);
        }
        self.partial.extend_from_slice(frames.rest());
        let written = match Pin::new(&mut self.stream).poll_write(cx, &desk.output) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        self.unsent.extend_from_slice(&desk.output[written..]);
        desk.output.clear();
        Poll::Ready(Ok(true))
    }
}

impl Future for Echo {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            while !this.unsent.is_empty() {
                let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &this.unsent))?;
                this.unsent.drain(..written);
            }
            if !ready!(DESK.with_borrow_mut(|desk| this.poll_turn(desk, cx)))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

async fn count(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    let mut held = 0;
    let mut count = 0;
    loop {
        let read = stream.read(&mut buffer[held..]).await?;
        if read == 0 {
            return stream.write_all(&frame(count)).await;
        }
        let mut frames = Frames::of(&buffer[..held + read]);
        count += frames.by_ref().filter(|payload| number(payload).is_some()).count() as u64;
        let rest = frames.rest().len();
        buffer.copy_within(held + read - rest..held + read, 0);
        held = rest;
    }
}

async fn count_bytes(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.write_all(&frame(count)).await,
            read => count += read as u64,
        }
    }
}

async fn produce(stream: &mut TcpStream) -> io::Result<()> {
    let mut out = Vec::with_capacity(MAKE);
    let mut next = 0;
    while let Some(asked) = asked(stream).await? {
        let end = next + asked;
        while next < end {
            let until = end.min(next + (MAKE / FRAME) as u64);
            out.clear();
            for number in next..until {
                out.extend_from_slice(&frame(number));
            }
            next = until;
            stream.write_all(&out).await?;
        }
    }
    Ok(())
}

async fn produce_pieces(stream: &mut TcpStream) -> io::Result<()> {
    let piece = piece();
    while let Some(asked) = asked(stream).await? {
        let mut left = asked.saturating_mul(PIECE as u64);
        let mut offset = 0;
        while left > 0 {
            let mut slices = [IoSlice::new(&piece); PIECES];
            slices[0] = IoSlice::new(&piece[offset..]);
            let pieces = PIECES.min((left + offset as u64).div_ceil(PIECE as u64) as usize);
            let written = stream.write_vectored(&slices[..pieces]).await?;
            offset = (offset + written) % PIECE;
            left -= written as u64;
        }
    }
    Ok(())
}

/// How many units are asked for next; `None` at the peer's end.
async fn asked(stream: &mut TcpStream) -> io::Result<Option<u64>> {
    let mut request = [0; FRAME];
    match stream.read_exact(&mut request).await {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        Ok(_) => Ok(Frames::of(&request).next().and_then(number)),
    }
}
