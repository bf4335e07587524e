//! Datagrams to and fro, sent and received in the system's batches so that the client costs little.

use super::{Load, Tally};
use crate::Failure;
use crate::wire::{PAYLOAD, number, payload};
use mio::net::UdpSocket as Polled;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use std::io::{ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How many are sent by one call.
const BURST: u64 = 32;

/// How many are under way at most; far fewer than a socket's default buffer holds, so none need be lost.
const WINDOW: u64 = 128;

/// How long to wait before what is under way is lost.
const SILENCE: Duration = Duration::from_millis(50);

/// The most that the system hands over as one.
const COALESCED: usize = 64 * 1024;

pub(super) fn exchange(server: SocketAddr) -> Result<Box<Load>, Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    let state = UdpSocketState::new((&socket).into())?;
    let poll = Poll::new()?;
    // mio wants a socket of its own; a second handle of the same one serves.
    let mut polled = Polled::from_std(socket.try_clone()?);
    poll.registry().register(&mut polled, Token(0), Interest::READABLE)?;
    let memory = vec![0; BATCH_SIZE * COALESCED];
    let mut exchange =
        Exchange { server, socket, _polled: polled, state, poll, memory, sent: 0, floor: 0, sum: 0 };
    Ok(Box::new(move |time| exchange.run(time)))
}

struct Exchange {
    server: SocketAddr,
    socket: UdpSocket,
    /// Kept because its end would end its registration.
    _polled: Polled,
    state: UdpSocketState,
    poll: Poll,
    memory: Vec<u8>,
    /// The next number.
    sent: u64,
    /// What has a lower number was given up for lost, and does not count if it comes after all.
    floor: u64,
    /// Of the numbers sent since then, less those that came back.
    sum: u64,
}

impl Exchange {
    fn run(&mut self, time: Duration) -> Result<Tally, Failure> {
        let began = Instant::now();
        let mut events = Events::with_capacity(4);
        let mut tally = Tally::default();
        let mut under_way = 0;
        loop {
            let more = began.elapsed() < time;
            while more && under_way + BURST <= WINDOW {
                self.send()?;
                under_way += BURST;
            }
            if under_way == 0 {
                break;
            }
            if let Some(came) = self.receive()? {
                if came > under_way {
                    return Err("more came back than was sent".into());
                }
                under_way -= came;
                tally.ops += came;
                continue;
            }
            self.poll.poll(&mut events, Some(SILENCE))?;
            if events.is_empty() {
                tally.lost += under_way;
                under_way = 0;
                (self.floor, self.sum) = (self.sent, 0);
            }
        }
        if self.sum != 0 {
            return Err("what came back is not what was sent".into());
        }
        Ok(tally)
    }

    fn send(&mut self) -> Result<(), Failure> {
        let mut burst = [0; BURST as usize * PAYLOAD];
        for (number, slot) in (self.sent..).zip(burst.chunks_exact_mut(PAYLOAD)) {
            slot.copy_from_slice(&payload(number));
            self.sum = self.sum.wrapping_add(number);
        }
        self.sent += BURST;
        let transmit = Transmit {
            destination: self.server,
            ecn: None,
            contents: &burst,
            segment_size: Some(PAYLOAD),
            src_ip: None,
        };
        Ok(self.state.try_send((&self.socket).into(), &transmit)?)
    }

    /// How many came back; `None` if there is nothing yet.
    fn receive(&mut self) -> Result<Option<u64>, Failure> {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices = self.memory.chunks_exact_mut(COALESCED).map(IoSliceMut::new);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let received = match self.state.recv((&self.socket).into(), &mut buffers, &mut metas) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut came = 0;
        for (meta, buffer) in metas.iter().zip(&buffers).take(received) {
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                let number = number(datagram).ok_or("what came is no datagram of ours")?;
                if number >= self.floor {
                    self.sum = self.sum.wrapping_sub(number);
                    came += 1;
                }
            }
        }
        Ok(Some(came))
    }
}
