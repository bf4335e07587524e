//! Receiving: many datagrams with one call, each a message.

use super::system::{self, Room};
use bytes::Bytes;
use neatflow_core::{Ecn, Message};
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

/// How many bytes of a train share one allocation. A message that somebody keeps may hold as much in memory.
const SHARED: usize = 2 * 1024;

thread_local! {
    /// One for each thread: an idle connection keeps none. What was received is copied out of it in its true size.
    static ROOM: RefCell<Room> = RefCell::new(Room::new());
}

/// What is known of a datagram, or of all those of a train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    /// Our address that it was sent to, or to answer from; where the system tells.
    pub(super) to: Option<IpAddr>,
    pub(super) ecn: Option<Ecn>,
    /// Of a train: the length of each of its datagrams but the last, which may be shorter.
    pub(super) stride: Option<usize>,
}

/// What reads one socket.
///
/// The system may hand over a train: datagrams of one sender and one size that came together, end to end. What came
/// singly costs less when one call asks for many. A train costs little in any case, and then one is asked for: the
/// next will find the same piece of the buffer, which is still in the processor's cache.
#[derive(Debug)]
pub(super) struct Incoming {
    /// How many datagrams or trains the next call asks for.
    most: usize,
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Self { most: system::MOST }
    }

    /// Takes what the socket has; there may be more.
    ///
    /// *Errors*: `WouldBlock`; any other is of a datagram that was sent earlier, and the next call may succeed.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut take: impl FnMut(&Arrived, Message),
    ) -> io::Result<()> {
        let mut trains = false;
        ROOM.with_borrow_mut(|room| {
            system::receive(socket, room, self.most, |arrived, data| {
                trains |= arrived.stride.is_some();
                cut(data, arrived.stride, |data| {
                    let mut message = Message::new(data);
                    message.context.ecn = arrived.ecn;
                    take(&arrived, message);
                });
            })
        })?;
        self.most = if trains { 1 } else { system::MOST };
        Ok(())
    }
}

/// The datagrams, copied: few allocations for a train of small ones, one for each that is large or came singly.
#[inline]
fn cut(data: &[u8], stride: Option<usize>, mut each: impl FnMut(Bytes)) {
    let stride = stride.unwrap_or(data.len()).max(1);
    let together = (SHARED / stride).max(1) * stride;
    // An empty datagram is one, too.
    if data.is_empty() {
        each(Bytes::new());
    }
    for together in data.chunks(together) {
        let mut rest = Bytes::copy_from_slice(together);
        while rest.len() > stride {
            each(rest.split_to(stride));
        }
        each(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::QuickCheck;

    fn pieces_of(data: &[u8], stride: Option<usize>) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        cut(data, stride, |piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn a_train_is_cut_where_its_datagrams_end() {
        fn whole(data: Vec<u8>, stride: Option<u8>) {
            let stride = stride.map(|stride| usize::from(stride).max(1));
            let pieces = pieces_of(&data, stride);
            assert_eq!(pieces.concat(), data);
            let (last, others) = pieces.split_last().unwrap();
            let stride = stride.unwrap_or(data.len());
            assert!(others.iter().all(|piece| piece.len() == stride) && last.len() <= stride);
        }
        QuickCheck::new().quickcheck(whole as fn(Vec<u8>, Option<u8>));
        whole(vec![1; 65_535], Some(1));
        whole(vec![2; 65_000], Some(250));
        whole(Vec::new(), None);
    }

    #[test]
    fn a_small_message_that_is_kept_holds_no_large_allocation() {
        for (stride, share) in [(64, SHARED / 64), (1_000, 2), (1_025, 1), (1_472, 1), (20_000, 1)] {
            let mut pieces = pieces_of(&vec![0; 60_000], Some(stride));
            // As many as share an allocation; with the last of them it is gone.
            let kept = pieces.remove(0);
            assert_eq!(kept.is_unique(), share == 1, "{stride}");
            pieces.drain(..share - 1);
            assert!(kept.is_unique(), "{stride}");
        }
        assert!(pieces_of(&[0; 64], None)[0].is_unique());
    }
}
