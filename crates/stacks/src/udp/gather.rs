//! Receiving on Linux: one call for many datagrams (`recvmmsg(2)`), each of which may be a train (`UDP_GRO`).

use super::datagram::LONGEST;
use super::incoming::Arrived;
use super::notes::{Notes, bytes};
use neatflow_core::Ecn;
use socket2::{SockAddr, SockAddrStorage};
use std::ffi::{c_int, c_uint};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::ptr;
use tokio::net::UdpSocket;

/// How many datagrams, or trains of them, one call takes at most.
pub(crate) const MOST: usize = 16;

/// Where they are put: for each as many bytes as the longest may have, so that none is cut. The system gives memory
/// for those bytes alone that were ever needed.
pub(crate) struct Room {
    bytes: Box<[u8]>,
    slots: Box<[Slot]>,
}

/// What comes beside the bytes.
struct Slot {
    from: SockAddrStorage,
    notes: Notes,
}

impl Room {
    pub(crate) fn new() -> Self {
        let slot = || Slot { from: SockAddrStorage::zeroed(), notes: Notes::new() };
        Self {
            bytes: vec![0; MOST * LONGEST].into_boxed_slice(),
            slots: std::iter::repeat_with(slot).take(MOST).collect(),
        }
    }
}

/// Takes up to `most` datagrams or trains.
///
/// *Errors*: `WouldBlock`; any other is of a datagram that was sent earlier.
pub(crate) fn receive(
    socket: &UdpSocket,
    room: &mut Room,
    most: usize,
    mut each: impl FnMut(Arrived, &[u8]),
) -> io::Result<()> {
    let mut pieces = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; MOST];
    // SAFETY: the structures of C have integers and pointers alone, and zero is a value of each.
    #[expect(unsafe_code, reason = "some targets have private padding in it, so it cannot be written out")]
    let mut heads: [libc::mmsghdr; MOST] = unsafe { mem::zeroed() };
    let places = room.bytes.chunks_exact_mut(LONGEST).zip(&mut *room.slots);
    for ((bytes, slot), (piece, head)) in places.zip(pieces.iter_mut().zip(&mut heads)) {
        *piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let notes = slot.notes.room();
        let head = &mut head.msg_hdr;
        head.msg_name = ptr::from_mut(&mut slot.from).cast();
        head.msg_namelen = slot.from.size_of();
        head.msg_iov = piece;
        head.msg_iovlen = 1;
        head.msg_control = notes.as_mut_ptr().cast();
        head.msg_controllen = notes.len() as _;
    }
    let most = most.min(MOST) as c_uint;
    // SAFETY: `socket` owns an open descriptor for as long as it is borrowed. There are at least `most` headers; each
    // points to an address, a piece and control data of its own, all alive and with the lengths that it names, and
    // nothing else uses them before the call is over. The system writes no more than that, and bytes are all it
    // writes. The socket does not block, so no time-out is given.
    #[expect(unsafe_code, reason = "socket2 has no method that receives many")]
    let count = unsafe { libc::recvmmsg(socket.as_raw_fd(), heads.as_mut_ptr(), most, 0, ptr::null_mut()) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    let places = room.bytes.chunks_exact(LONGEST).zip(&mut *room.slots);
    for ((bytes, slot), head) in places.zip(&heads[..count]) {
        let from = mem::replace(&mut slot.from, SockAddrStorage::zeroed());
        // SAFETY: it was zero, and the system has written no more than an address into it, of that length.
        #[expect(unsafe_code, reason = "socket2 cannot know that an address is in it")]
        let from = unsafe { SockAddr::new(from, head.msg_hdr.msg_namelen) };
        // Its type is not the same everywhere.
        slot.notes.wrote(head.msg_hdr.msg_controllen as _);
        let (whole, data) =
            (head.msg_hdr.msg_flags & libc::MSG_TRUNC == 0, bytes.get(..head.msg_len as usize));
        // Rather lost than cut; neither happens as long as the longest has room.
        if let (true, Some(from), Some(data)) = (whole, from.as_socket(), data) {
            let arrived = Arrived { from, to: None, ecn: None, stride: None };
            each(slot.notes.iter().fold(arrived, |arrived, note| arrived.noting(note, data.len())), data);
        }
    }
    Ok(())
}

impl Arrived {
    /// The same, with what the kernel says of it; it has so many bytes.
    fn noting(mut self, (level, kind, data): (c_int, c_int, &[u8]), len: usize) -> Self {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_TOS) => self.ecn = data.first().copied().map(Ecn::of_octet),
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                self.ecn = int(data).map(|class| Ecn::of_octet(class as u8));
            }
            // `in_pktinfo`: the interface, our address to answer from, and the address in the packet, which may be
            // one of many machines.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                self.to = bytes(data, 4).map(|address: [u8; 4]| Ipv4Addr::from(address).into());
            }
            // `in6_pktinfo`: the address in the packet, the interface.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let address = bytes(data, 0).map(|address: [u8; 16]| Ipv6Addr::from(address));
                self.to = address.filter(|address| !address.is_multicast()).map(IpAddr::V6);
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let stride = int(data).and_then(|stride| usize::try_from(stride).ok());
                self.stride = stride.filter(|stride| (1..len).contains(stride));
            }
            _ => {}
        }
        self
    }
}

fn int(data: &[u8]) -> Option<c_int> {
    bytes(data, 0).map(c_int::from_ne_bytes)
}
