//! The client, the same program for every server: blocking calls of the standard library on one connection, mio on
//! many. It checks that every frame comes, once and in its place.
//!
//! A run ends when everything asked for has come, so that operations and the server's processor time are of the same
//! work.

mod datagrams;
mod many;
mod one;

use crate::Failure;
use crate::order::{Latency, Sample, Task, Workload};
use crate::sys::ProcessClock;
use crate::wire::{FRAME, Frames, number};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run has done.
#[derive(Default)]
struct Tally {
    ops: u64,
    /// Round trips, in nanoseconds, where they are timed.
    trips: Vec<u32>,
    lost: u64,
}

/// Does what a client is told to, and tells what came of it.
pub(crate) fn obey(task: &Task) -> Result<(), Failure> {
    match *task {
        Task::Serve(_) => Err("a client does not serve".into()),
        Task::Load { workload, server, pid, warm_up, time } => {
            let clock = ProcessClock::of(pid)?;
            let sample = measure(&mut *load(workload, server)?, clock, warm_up, time)?;
            println!("{}", serde_json::to_string(&sample)?);
            Ok(())
        }
        Task::Idle { server, connections } => {
            let held = many::idle(server, connections)?;
            println!("{}", held.len());
            wait_for_the_end()
        }
        Task::NeverRead { server } => {
            let mut stream = dial(server)?;
            stream.write_all(&crate::wire::frame(u64::from(u32::MAX)))?;
            println!("asked");
            wait_for_the_end()
        }
    }
}

type Load = dyn FnMut(Duration) -> Result<Tally, Failure>;

fn load(workload: Workload, server: SocketAddr) -> Result<Box<Load>, Failure> {
    Ok(match workload {
        Workload::Receive => {
            let block = one::frames();
            Box::new(move |time| one::push(server, &block, FRAME, time))
        }
        Workload::BulkReceive => {
            let block = one::pieces();
            Box::new(move |time| one::push(server, &block, 1, time).map(one::in_pieces))
        }
        Workload::Send => one::pull(server, one::Unit::Frame)?,
        Workload::BulkSend => one::pull(server, one::Unit::Piece)?,
        Workload::PingPong => one::exchange(server, 1)?,
        Workload::Pipelined => one::exchange(server, 64)?,
        Workload::Conns64 => many::exchange(server, 64)?,
        Workload::Conns512 => many::exchange(server, 512)?,
        Workload::Accept => Box::new(move |time| many::visit(server, time)),
        Workload::Udp => datagrams::exchange(server)?,
    })
}

fn measure(
    load: &mut Load,
    clock: ProcessClock,
    warm_up: Duration,
    time: Duration,
) -> Result<Sample, Failure> {
    load(warm_up)?;
    let (began, used) = (Instant::now(), clock.now()?);
    let tally = load(time)?;
    let (wall, cpu) = (began.elapsed(), clock.now()? - used);
    if tally.ops == 0 {
        return Err("nothing was done in the time given".into());
    }
    Ok(Sample {
        ops: tally.ops,
        wall: nanos(wall),
        cpu: nanos(cpu),
        latency: latency(tally.trips),
        lost: tally.lost,
    })
}

fn latency(mut trips: Vec<u32>) -> Option<Latency> {
    trips.sort_unstable();
    let rank = |percent: usize| trips.get(trips.len() * percent / 100).copied().map(u64::from);
    Some(Latency { p50: rank(50)?, p99: rank(99)? })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn dial(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The number in the frame that comes next, and is all that comes.
fn answer(stream: &mut TcpStream) -> Result<u64, Failure> {
    let mut bytes = [0; FRAME + 1];
    let mut filled = 0;
    while filled < FRAME {
        match stream.read(&mut bytes[filled..])? {
            0 => return Err("the server closed".into()),
            read => filled += read,
        }
    }
    if filled > FRAME {
        return Err("more came than was asked for".into());
    }
    numbered(&bytes).ok_or_else(|| "what came is no frame".into())
}

fn numbered(frame: &[u8]) -> Option<u64> {
    Frames::of(frame).next().and_then(number)
}

/// Holds on until whoever gave the order closes our input.
fn wait_for_the_end() -> Result<(), Failure> {
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
