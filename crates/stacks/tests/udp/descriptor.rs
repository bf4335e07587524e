//! The descriptors of this process, as the kernel sees them.

use super::*;
use socket2::SockRef;
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
    let yes: libc::c_int = 1;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed; the pointer is to a live int, and `size` is its size.
    #[expect(unsafe_code, reason = "socket2 has no method for this option")]
    let status = unsafe {
        let (level, name) = (libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG);
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const yes).cast(), size)
    };
    assert_eq!(status, 0);
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
