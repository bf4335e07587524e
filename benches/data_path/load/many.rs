//! Loads on many connections.

use super::{Load, PATIENCE, Tally, answer, dial, numbered};
use crate::Failure;
use crate::wire::{FRAME, frame};
use mio::net::TcpStream as Polled;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How many visitors come at once.
const VISITORS: usize = 32;

/// How many connections are opened before their frames are sent.
const STRIDE: usize = 100;

/// A frame to and fro on each of so many connections, at the same time.
pub(super) fn exchange(server: SocketAddr, connections: usize) -> Result<Box<Load>, Failure> {
    let poll = Poll::new()?;
    let mut lines = Vec::with_capacity(connections);
    for index in 0..connections {
        let stream = dial(server)?;
        stream.set_nonblocking(true)?;
        let mut stream = Polled::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        lines.push(Line { stream, sent: 0, back: [0; FRAME], filled: 0 });
    }
    let mut exchange = Exchange { poll, lines, under_way: 0 };
    Ok(Box::new(move |time| exchange.run(time)))
}

struct Exchange {
    poll: Poll,
    lines: Vec<Line>,
    /// How many frames are to come back.
    under_way: usize,
}

/// A connection with at most one frame under way.
struct Line {
    stream: Polled,
    /// The number of the last frame.
    sent: u64,
    back: [u8; FRAME],
    filled: usize,
}

impl Exchange {
    fn run(&mut self, time: Duration) -> Result<Tally, Failure> {
        let began = Instant::now();
        let mut tally = Tally::default();
        let mut events = Events::with_capacity(1024);
        for line in &mut self.lines {
            line.send()?;
            self.under_way += 1;
        }
        while self.under_way > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err("the server is silent".into());
            }
            let more = began.elapsed() < time;
            for event in &events {
                let line = &mut self.lines[event.token().0];
                // A whole frame is all that can be there: it need not be read until there is nothing.
                if line.receive()? {
                    tally.ops += 1;
                    if more {
                        line.send()?;
                    } else {
                        self.under_way -= 1;
                    }
                }
            }
        }
        Ok(tally)
    }
}

impl Line {
    fn send(&mut self) -> Result<(), Failure> {
        self.sent += 1;
        // It fits: nothing else is under way.
        Ok(self.stream.write_all(&frame(self.sent))?)
    }

    /// Reads; whether the frame is back.
    fn receive(&mut self) -> Result<bool, Failure> {
        match self.stream.read(&mut self.back[self.filled..]) {
            Ok(0) => return Err("the server closed".into()),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if self.filled < FRAME {
            return Ok(false);
        }
        self.filled = 0;
        match numbered(&self.back) {
            Some(number) if number == self.sent => Ok(true),
            other => Err(format!("{} was sent, {other:?} came back", self.sent).into()),
        }
    }
}

/// Connects, sends a frame, takes it back and leaves; several at once.
pub(super) fn visit(server: SocketAddr, time: Duration) -> Result<Tally, Failure> {
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut visitors: Vec<TcpStream> = Vec::with_capacity(VISITORS);
    while began.elapsed() < time {
        for _ in 0..VISITORS {
            visitors.push(dial(server)?);
        }
        greet(&mut visitors, &mut tally)?;
        visitors.clear();
    }
    Ok(tally)
}

/// Connections that have exchanged a frame each, and are idle.
pub(super) fn idle(server: SocketAddr, connections: usize) -> Result<Vec<TcpStream>, Failure> {
    let mut held = Vec::with_capacity(connections);
    while held.len() < connections {
        let first = held.len();
        for _ in 0..STRIDE.min(connections - first) {
            held.push(dial(server)?);
        }
        greet(&mut held[first..], &mut Tally::default())?;
    }
    Ok(held)
}

/// A frame to and fro on each.
fn greet(visitors: &mut [TcpStream], tally: &mut Tally) -> Result<(), Failure> {
    for (number, visitor) in (0..).zip(&mut *visitors) {
        visitor.write_all(&frame(number))?;
    }
    for (number, visitor) in (0..).zip(visitors) {
        if answer(visitor)? != number {
            return Err("what came back is not what was sent".into());
        }
        tally.ops += 1;
    }
    Ok(())
}
