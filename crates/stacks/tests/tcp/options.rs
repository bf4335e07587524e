//! The options, as the kernel sees them on the descriptors of this process.

use super::*;
use socket2::SockRef;
use std::os::fd::BorrowedFd;

/// Asks the socket of a connection; the descriptor is found by its addresses.
pub(super) fn of<T>(wire: &dyn StreamWire, ask: impl FnOnce(SockRef<'_>) -> T) -> T {
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

#[tokio::test]
async fn everything_asked_for_is_set_on_both_ends_and_both_families() {
    let wanted = properties(|it| {
        it.connection.keep_alive_timeout = Some(Duration::from_millis(41_500));
        it.connection.conn_timeout = Some(Duration::from_millis(12_345));
        it.connection.conn_capacity_profile = CapacityProfile::LowLatencyInteractive;
    });
    for address in [V4, V6] {
        if !has(address) {
            continue;
        }
        let acceptor = listen(&ListenOn::new(SocketAddr::new(address, 0), wanted.clone()));
        let (client, server) = pair_with(acceptor, |remote| {
            let mut candidate = candidate(remote);
            candidate.properties = wanted.clone();
            candidate
        })
        .await;
        for wire in [client, server] {
            of(&*wire, |socket| {
                assert!(socket.tcp_nodelay().unwrap());
                assert!(socket.keepalive().unwrap());
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(42));
                assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(12_345)));
                let octet = if address.is_ipv4() { socket.tos_v4() } else { socket.tclass_v6() };
                assert_eq!(octet.unwrap(), 34 << 2);
            });
        }
    }
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_set() {
    let (client, server) = pair().await;
    for wire in [client, server] {
        of(&*wire, |socket| {
            assert!(socket.tcp_nodelay().unwrap());
            assert!(!socket.keepalive().unwrap());
            assert_eq!(socket.tcp_user_timeout().unwrap(), None);
            assert_eq!(socket.tos_v4().unwrap(), 0);
            assert_eq!(socket.device().unwrap(), None);
            assert!(socket.nonblocking().unwrap());
        });
    }
}

#[tokio::test]
async fn extreme_timeouts_are_brought_into_range() {
    for extreme in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let wanted = properties(|it| {
            it.connection.keep_alive_timeout = Some(extreme);
            // The shortest would end the handshake before it began.
            it.connection.conn_timeout = Some(extreme.max(Duration::from_secs(1)));
        });
        let (client, _server) = pair_with(listen_at(V4), |remote| {
            let mut candidate = candidate(remote);
            candidate.properties = wanted;
            candidate
        })
        .await;
        of(&*client, |socket| {
            assert!(socket.keepalive().unwrap());
            assert!(socket.tcp_user_timeout().unwrap().is_some());
        });
    }
}
