//! tokio's UdpSocket: with the system's batches, as QUIC libraries use it; and one datagram a call, as it comes.

use crate::wire::PAYLOAD;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The most that the system hands over as one.
const COALESCED: usize = 64 * 1024;

/// Gives back each datagram: many at a time are received and sent by one call each, where the system can do it.
pub(crate) async fn echo(socket: UdpSocket) -> io::Result<()> {
    let state = UdpSocketState::new((&socket).into())?;
    let mut memory = vec![0; BATCH_SIZE * COALESCED];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut answer = Answer::default();
    loop {
        let mut slices = memory.chunks_exact_mut(COALESCED).map(IoSliceMut::new);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let received = socket
            .async_io(Interest::READABLE, || state.recv((&socket).into(), &mut buffers, &mut metas))
            .await?;
        for (meta, buffer) in metas.iter().zip(&buffers).take(received) {
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                if !answer.takes(meta.addr, datagram.len(), state.max_gso_segments()) {
                    answer.send(&socket, &state).await?;
                }
                answer.add(meta.addr, datagram);
            }
        }
        answer.send(&socket, &state).await?;
    }
}

/// Datagrams of one size for one peer.
#[derive(Default)]
struct Answer {
    to: Option<SocketAddr>,
    size: usize,
    bytes: Vec<u8>,
}

impl Answer {
    fn takes(&self, to: SocketAddr, size: usize, segments: usize) -> bool {
        self.to.is_none()
            || (self.to == Some(to) && self.size == size && self.bytes.len() / size.max(1) < segments)
    }

    fn add(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.to = Some(to);
        self.size = datagram.len();
        self.bytes.extend_from_slice(datagram);
    }

    async fn send(&mut self, socket: &UdpSocket, state: &UdpSocketState) -> io::Result<()> {
        if let Some(destination) = self.to.take() {
            let contents = self.bytes.as_slice();
            let transmit =
                Transmit { destination, ecn: None, contents, segment_size: Some(self.size), src_ip: None };
            socket.async_io(Interest::WRITABLE, || state.try_send(socket.into(), &transmit)).await?;
            self.bytes.clear();
        }
        Ok(())
    }
}

/// Gives back each datagram, one by one.
pub(crate) async fn echo_singly(socket: UdpSocket) -> io::Result<()> {
    let mut buffer = [0; PAYLOAD + 1];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], peer).await?;
    }
}
