//! What the network reports.

use super::*;

#[tokio::test]
async fn a_refusal_is_a_soft_error_and_the_connection_goes_on() {
    for address in both() {
        let remote = vacant(address);
        let mut wire = connect(remote).await;
        for _ in 0..3 {
            send(&mut wire, "anybody there?").await;
            assert_eq!(soft_error(&mut wire).await, Failure::Refused);
        }
        // Nor does a report get in the way of what comes next.
        send(&mut wire, "still nobody?").await;
        let peer = UdpSocket::bind(remote).unwrap();
        send(&mut wire, "somebody!").await;
        assert_eq!(hears(&peer), (b"somebody!".to_vec(), wire.path().local));
        peer.send_to(b"yes", wire.path().local).unwrap();
        assert_eq!(text(&mut wire).await, "yes");
    }
}

#[tokio::test]
async fn no_message_is_lost_to_the_report_of_another() {
    let remote = vacant(V4);
    let mut wire = connect(remote).await;
    for _ in 0..100 {
        send(&mut wire, "nobody reads this").await;
    }
    let peer = peer_at(remote);
    for n in 0..100u8 {
        send(&mut wire, vec![n]).await;
    }
    for n in 0..100u8 {
        assert_eq!(hears(&peer).0, [n]);
    }
}

#[tokio::test]
async fn whoever_does_not_want_soft_errors_is_told_nothing() {
    for preference in [Preference::Avoid, Preference::Prohibit] {
        let remote = vacant(V4);
        let mut candidate = candidate(remote);
        candidate.properties =
            properties(|it| it.selection.set(SelectionProperty::SoftErrorNotify, preference));
        let mut wire = messages(try_connect(&candidate).await.unwrap().wire);
        for _ in 0..3 {
            send(&mut wire, "anybody there?").await;
        }
        assert!(stays_pending(|cx| wire.poll_soft_error(cx)).await);
        assert!(stays_pending(|cx| wire.poll_next(cx)).await);
        let peer = peer_at(remote);
        send(&mut wire, "somebody!").await;
        assert_eq!(hears(&peer).0, b"somebody!");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_accepted_flow_hears_that_its_peer_has_gone_and_its_neighbours_do_not() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (mut stays, mut neighbour) = pair(&mut acceptor).await;
        let (leaves, mut left) = pair(&mut acceptor).await;
        drop(leaves);
        for _ in 0..10 {
            send(&mut left, "are you there?").await;
            send(&mut neighbour, "are you?").await;
        }
        assert_eq!(soft_error(&mut left).await, Failure::Refused);
        assert!(stays_pending(|cx| neighbour.poll_soft_error(cx)).await);
        for _ in 0..10 {
            assert_eq!(text(&mut stays).await, "are you?");
        }
        send(&mut stays, "I am").await;
        assert_eq!(text(&mut neighbour).await, "I am");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_router_that_knows_no_way_is_heard_by_the_flow_it_speaks_of() {
    for address in both() {
        let Some(router) = Router::new(address) else { continue };
        let mut acceptor = listen_at(address);
        let (mut client, mut server) = pair(&mut acceptor).await;
        let (_other, mut neighbour) = pair(&mut acceptor).await;
        for wire in [&mut client, &mut server] {
            let path = wire.path();
            router.reports_unreachable(path.local, path.remote);
            let failure = soft_error(wire).await;
            assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
        }
        assert!(stays_pending(|cx| neighbour.poll_soft_error(cx)).await);
        send(&mut client, "all the same").await;
        assert_eq!(text(&mut server).await, "all the same");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn reports_that_nobody_takes_do_not_pile_up_or_get_in_the_way() {
    let Some(router) = Router::new(V4) else { return };
    let mut acceptor = listen_at(V4);
    let (mut client, mut server) = pair(&mut acceptor).await;
    for n in 0..2_000 {
        for wire in [&client, &server] {
            router.reports_unreachable(wire.path().local, wire.path().remote);
        }
        if n % 100 == 0 {
            // What the engine of a flow does in every turn.
            while poll_fn(|cx| Poll::Ready(client.poll_soft_error(cx))).await.is_ready() {}
            send(&mut client, "ping").await;
            assert_eq!(text(&mut server).await, "ping");
            send(&mut server, "pong").await;
            assert_eq!(text(&mut client).await, "pong");
        }
    }
    assert!(matches!(soft_error(&mut server).await, Failure::Unreachable(_)));
}

/// Says what a router would say. Needs the right to send packets of any kind.
#[cfg(target_os = "linux")]
struct Router(socket2::Socket, IpAddr);

#[cfg(target_os = "linux")]
impl Router {
    fn new(address: IpAddr) -> Option<Self> {
        use socket2::{Domain, Protocol, Socket, Type};
        let any = SocketAddr::new(address, 0);
        let protocol = if address.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let socket = Socket::new(Domain::for_address(any), Type::RAW, Some(protocol));
        socket.map(|socket| Self(socket, address)).inspect_err(|error| eprintln!("SKIPPED: {error}")).ok()
    }

    /// That a datagram from here did not get there: host or address unreachable.
    fn reports_unreachable(&self, from: SocketAddr, to: SocketAddr) {
        let mut packet = match self.1 {
            IpAddr::V4(_) => vec![3, 1, 0, 0, 0, 0, 0, 0],
            IpAddr::V6(_) => vec![1, 3, 0, 0, 0, 0, 0, 0],
        };
        match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                packet.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
                packet.extend(from.octets().into_iter().chain(to.octets()));
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                packet.extend([0x60, 0, 0, 0, 0, 8, 17, 64]);
                packet.extend(from.octets().into_iter().chain(to.octets()));
            }
            _ => panic!("two families"),
        }
        packet.extend(from.port().to_be_bytes().into_iter().chain(to.port().to_be_bytes()));
        packet.extend([0, 8, 0, 0]);
        if self.1.is_ipv4() {
            // For IPv6 the kernel computes it.
            let sum: u32 = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
            let folded = (sum & 0xffff) + (sum >> 16);
            let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
            packet[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        self.0.send_to(&packet, &SocketAddr::new(self.1, 0).into()).unwrap();
    }
}

fn peer_at(address: SocketAddr) -> UdpSocket {
    let peer = UdpSocket::bind(address).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer
}
