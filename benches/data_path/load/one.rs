//! Loads on one connection.

use super::{Load, Tally, answer, dial, numbered};
use crate::Failure;
use crate::wire::{FRAME, PIECE, frame, piece, renumber};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How many bytes are written at once: so many that a server which keeps up is not woken for less than it can take.
const WRITE: usize = 1024 * 1024;

/// How many bytes are read at once.
const READ: usize = 256 * 1024;

/// How many requests are under way, so that the server never waits for one.
const REQUESTS: u64 = 4;

/// As many whole frames as are written at once.
pub(super) fn frames() -> Vec<u8> {
    (0..(WRITE / FRAME) as u64).flat_map(frame).collect()
}

/// As many pieces.
pub(super) fn pieces() -> Vec<u8> {
    piece().repeat(WRITE / PIECE)
}

/// Sends blocks, and asks at the end how many units came.
pub(super) fn push(server: SocketAddr, block: &[u8], unit: usize, time: Duration) -> Result<Tally, Failure> {
    let mut stream = dial(server)?;
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < time {
        stream.write_all(block)?;
        sent += block.len();
    }
    stream.shutdown(Shutdown::Write)?;
    let (came, sent) = (answer(&mut stream)?, (sent / unit) as u64);
    if came != sent {
        return Err(format!("{sent} were sent, {came} came").into());
    }
    Ok(Tally { ops: came, ..Tally::default() })
}

/// Counts pieces in place of bytes.
pub(super) fn in_pieces(tally: Tally) -> Tally {
    Tally { ops: tally.ops / PIECE as u64, ..tally }
}

/// What a server is asked for.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Frame,
    Piece,
}

impl Unit {
    const fn size(self) -> usize {
        match self {
            Self::Frame => FRAME,
            Self::Piece => PIECE,
        }
    }

    /// How many are asked for at once: some four megabytes.
    const fn request(self) -> u64 {
        ((4 << 20) / self.size()) as u64
    }
}

/// Asks for units as long as there is time, and takes all that was asked for.
pub(super) fn pull(server: SocketAddr, unit: Unit) -> Result<Box<Load>, Failure> {
    let mut stream = dial(server)?;
    let mut buffer = vec![0; READ];
    let piece = piece();
    let mut position = 0;
    let mut requested = 0;
    Ok(Box::new(move |time| {
        let began = Instant::now();
        let start = requested;
        let ahead = REQUESTS * unit.request();
        loop {
            let came = position / unit.size() as u64;
            while began.elapsed() < time && requested < came + ahead {
                stream.write_all(&frame(unit.request()))?;
                requested += unit.request();
            }
            if came == requested {
                return Ok(Tally { ops: requested - start, ..Tally::default() });
            }
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err(format!("{requested} were asked for, {came} came").into());
            }
            if !is_in_place(unit, &buffer[..read], position, &piece) {
                return Err(format!("what came at byte {position} does not belong there").into());
            }
            position += read as u64;
        }
    }))
}

/// Whether the bytes belong where they are in the stream. It looks at one place, which is enough to notice that
/// anything before it is lost or doubled.
fn is_in_place(unit: Unit, bytes: &[u8], position: u64, piece: &[u8]) -> bool {
    let size = unit.size() as u64;
    match unit {
        Unit::Frame => {
            let first = position.div_ceil(size);
            let whole = bytes.get((first * size - position) as usize..).and_then(|rest| rest.get(..FRAME));
            whole.is_none_or(|whole| numbered(whole) == Some(first))
        }
        Unit::Piece => {
            let offset = (position % size) as usize;
            let length = bytes.len().min(piece.len() - offset).min(64);
            bytes[..length] == piece[offset..offset + length]
        }
    }
}

/// Sends so many frames, and takes as many, again and again.
pub(super) fn exchange(server: SocketAddr, depth: usize) -> Result<Box<Load>, Failure> {
    let mut exchange = Exchange {
        stream: dial(server)?,
        next: 0,
        out: frame(0).repeat(depth),
        back: vec![0; depth * FRAME],
    };
    Ok(Box::new(move |time| exchange.run(time)))
}

struct Exchange {
    stream: TcpStream,
    /// The number of the next frame. No two have the same, so that one that comes twice is noticed.
    next: u64,
    out: Vec<u8>,
    back: Vec<u8>,
}

impl Exchange {
    fn run(&mut self, time: Duration) -> Result<Tally, Failure> {
        let began = Instant::now();
        let mut last = began;
        let mut tally = Tally { trips: Vec::with_capacity(1 << 20), ..Tally::default() };
        while last - began < time {
            for slot in self.out.chunks_exact_mut(FRAME) {
                renumber(slot, self.next);
                self.next += 1;
                tally.ops += 1;
            }
            self.stream.write_all(&self.out)?;
            self.stream.read_exact(&mut self.back)?;
            if self.back != self.out {
                return Err("what came back is not what was sent".into());
            }
            let now = Instant::now();
            tally.trips.push(u32::try_from((now - last).as_nanos()).unwrap_or(u32::MAX));
            last = now;
        }
        Ok(tally)
    }
}
