//! Opening a connection: where it goes, where it comes from, and why it fails.

use super::*;

#[tokio::test]
async fn opening_sends_nothing_and_needs_nobody() {
    for address in both() {
        let peer = peer(address);
        let stages = Rc::new(RefCell::new(Vec::new()));
        let seen = stages.clone();
        let progress = Progress::new(move |stage| seen.borrow_mut().push(stage));
        let candidate = candidate(peer.local_addr().unwrap()).into();
        let established = within(Udp::new().connect(&candidate, progress)).await.unwrap();
        assert_eq!(*stages.borrow(), [Stage::Transport]);
        assert_eq!(established.path.remote, candidate.remote);
        assert_ne!(established.path.local.port(), 0);
        peer.set_nonblocking(true).unwrap();
        assert_eq!(peer.recv_from(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let mut nobody = connect(vacant(address)).await;
        assert!(stays_pending(|cx| nobody.poll_soft_error(cx)).await);
    }
}

#[tokio::test]
async fn an_ipv4_address_in_ipv6_clothes_is_reached_by_ipv4() {
    let peer = peer(V4);
    let clothed = format!("[::ffff:127.0.0.1]:{}", peer.local_addr().unwrap().port());
    let mut wire = connect(clothed.parse().unwrap()).await;
    send(&mut wire, "hello").await;
    assert_eq!(hears(&peer), (b"hello".to_vec(), wire.path().local));
}

#[tokio::test]
async fn port_0_is_an_error_at_once() {
    let failure = try_connect(&candidate(SocketAddr::new(V4, 0))).await.unwrap_err();
    assert!(matches!(failure, Failure::Io { kind: io::ErrorKind::InvalidInput, .. }), "{failure:?}");
}

#[tokio::test]
async fn the_local_address_and_port_asked_for_are_used() {
    let source: IpAddr = "127.0.0.9".parse().unwrap();
    if !has(source) {
        return;
    }
    let peer = peer(V4);
    let mut candidate = candidate(peer.local_addr().unwrap());
    for local in [SocketAddr::new(source, 0), vacant(source)] {
        candidate.local = Some(local);
        let mut wire = messages(try_connect(&candidate).await.unwrap().wire);
        send(&mut wire, "from here").await;
        let (_, from) = hears(&peer);
        assert_eq!(from, wire.path().local);
        assert_eq!(from.ip(), source);
        assert!(local.port() == 0 || from == local);
    }
}

#[tokio::test]
async fn a_local_address_that_is_not_ours_or_is_taken_says_so() {
    let peer = peer(V4);
    let remote = peer.local_addr().unwrap();
    let taken = listen_at(V4);
    let myself = vacant(V4);
    for (remote, local) in [
        (remote, "192.0.2.77:0".parse().unwrap()),
        (remote, taken.local()),
        (remote, SocketAddr::new(V6, 0)),
        (myself, myself),
    ] {
        let mut candidate = candidate(remote);
        candidate.local = Some(local);
        let failure = try_connect(&candidate).await.unwrap_err();
        assert!(matches!(failure, Failure::LocalAddress(_)), "{local}: {failure:?}");
    }
}

#[tokio::test]
async fn an_interface_that_does_not_exist_is_named() {
    let name: Arc<str> = Arc::from("no-such-if");
    let mut candidate = candidate(vacant(V4));
    candidate.interface = Some(name.clone());
    assert_eq!(try_connect(&candidate).await.unwrap_err(), Failure::NoSuchInterface(name.clone()));
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.interface = Some(name.clone());
    assert_eq!(Udp::new().listen(&on).err(), Some(Failure::NoSuchInterface(name)));
}

#[tokio::test]
async fn a_peer_without_a_way_to_it_is_unreachable() {
    let failure = try_connect(&candidate("[fe80::1]:7".parse().unwrap())).await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_message_says_what_its_packet_says_of_congestion() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let raw = socket2::Socket::from(peer(address));
        let mark = |octet| {
            if address.is_ipv4() { raw.set_tos_v4(octet).unwrap() } else { raw.set_tclass_v6(octet).unwrap() }
        };
        let target = acceptor.local().into();
        raw.send_to(b"unmarked", &target).unwrap();
        let mut server = accept(&mut acceptor).await;
        assert_eq!(receive(&mut server).await.unwrap().context.ecn, Some(Ecn::NotEct));
        for (bits, ecn) in [(1, Ecn::Ect1), (2, Ecn::Ect0), (3, Ecn::Ce)] {
            mark(0b1011_1000 | bits);
            raw.send_to(b"marked", &target).unwrap();
            assert_eq!(receive(&mut server).await.unwrap().context.ecn, Some(ecn));
        }
        // And to who opened one.
        let mut client = connect(raw.local_addr().unwrap().as_socket().unwrap()).await;
        raw.send_to(b"marked", &client.path().local.into()).unwrap();
        assert_eq!(receive(&mut client).await.unwrap().context.ecn, Some(Ecn::Ce));
    }
}

#[tokio::test]
async fn what_may_be_had_or_not_is_obtained_as_it_was_wished() {
    for (preference, soft_errors) in [
        (None, Offer::Always),
        (Some(Preference::Require), Offer::Always),
        (Some(Preference::Avoid), Offer::Never),
    ] {
        let mut candidate = candidate(vacant(V4));
        candidate.properties = properties(|it| {
            if let Some(preference) = preference {
                it.selection.set(SelectionProperty::SoftErrorNotify, preference);
            }
        });
        let obtained = try_connect(&candidate).await.unwrap().offers;
        assert_eq!(obtained.offer(SelectionProperty::SoftErrorNotify), soft_errors, "{preference:?}");
        assert!(obtained.duplicates());
    }
}

#[tokio::test]
async fn outside_a_runtime_it_fails_instead_of_panicking() {
    let remote = vacant(V4);
    let on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    let outside = std::thread::spawn(move || {
        let mut attempt = Udp::new().connect(&candidate(remote).into(), Progress::ignored());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(attempt) = attempt.as_mut().poll(&mut cx) else { panic!("nobody would wake it") };
        (attempt.is_err(), Udp::new().listen(&on).is_err())
    });
    assert_eq!(outside.join().unwrap(), (true, true));
}
