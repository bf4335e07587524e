//! The descriptors of this process, as the kernel sees them.

use super::*;
use socket2::{MaybeUninitSlice, MsgHdrMut, SockRef};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks the socket of a connection that was opened here; the descriptor is found by its addresses.
pub(crate) fn of<T>(wire: &dyn MessageWire, ask: impl FnOnce(SockRef<'_>) -> T) -> T {
    let path = wire.path();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let number = entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
        // SAFETY: the wire is borrowed, so the descriptor that is asked below stays open. Others may be closed
        // by then: asking them for their addresses gives an error, and they are passed over.
        #[expect(unsafe_code, reason = "the wire does not show its descriptor")]
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&descriptor);
        let is = |address: io::Result<socket2::SockAddr>, wanted| {
            address.is_ok_and(|address| address.as_socket() == Some(wanted))
        };
        if is(socket.local_addr(), path.local) && is(socket.peer_addr(), path.remote) {
            return ask(socket);
        }
    }
    panic!("no socket for {path:?}");
}

/// Has the system refuse what does not fit one IPv6 packet.
pub(crate) fn forbid_fragments(socket: SockRef<'_>) {
    set(socket, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 1);
}

/// Sets an option that is an int.
pub(crate) fn set(socket: SockRef<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed; the pointer is to a live int, and `size` is its size.
    #[expect(unsafe_code, reason = "socket2 has no method for these options")]
    let status =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    assert_eq!(status, 0);
}

/// The TOS octet or traffic class of the next datagram, which the socket is to tell.
pub(crate) fn octet_of_next(socket: &UdpSocket) -> u8 {
    let (mut data, mut notes) = ([MaybeUninit::uninit(); 2_000], [MaybeUninit::uninit(); 64]);
    let mut pieces = [MaybeUninitSlice::new(&mut data)];
    let mut message = MsgHdrMut::new().with_buffers(&mut pieces).with_control(&mut notes);
    SockRef::from(socket).recvmsg(&mut message, 0).unwrap();
    assert!(message.control_len() > 16, "it has been told");
    // SAFETY: the system has written a header of 16 bytes, and the octet after it.
    #[expect(unsafe_code, reason = "socket2 does not read control messages")]
    unsafe {
        notes[16].assume_init()
    }
}

#[tokio::test]
async fn datagrams_carry_the_code_point_of_the_profile() {
    let profile = CapacityProfile::LowLatencyInteractive;
    for address in both() {
        let mut candidate = candidate(vacant(address));
        candidate.properties = properties(|it| it.connection.conn_capacity_profile = profile);
        let wire = messages(try_connect(&candidate).await.unwrap().wire);
        let octet = of(&*wire, |socket| {
            if address.is_ipv4() { socket.tos_v4().unwrap() } else { socket.tclass_v6().unwrap() }
        });
        assert_eq!(octet, u32::from(profile.dscp()) << 2);
    }
}
