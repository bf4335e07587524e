//! Opening a connection: where it goes, where it comes from, and why it fails.

use super::*;

#[tokio::test]
async fn bytes_come_back_over_both_families() {
    for address in [V4, V6] {
        if !has(address) {
            continue;
        }
        let (mut client, mut server) = pair_with(listen_at(address), candidate).await;
        write_all(&mut client, b"hello").await.unwrap();
        let heard = read(&mut server).await.unwrap();
        write_all(&mut server, &heard).await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn both_ends_agree_on_the_path() {
    let (client, server) = pair().await;
    assert_eq!(client.path().local, server.path().remote);
    assert_eq!(client.path().remote, server.path().local);
    assert_ne!(client.path().local.port(), 0);
}

#[tokio::test]
async fn the_transport_stage_is_reported_once() {
    let acceptor = listen_at(V4);
    let stages = Rc::new(RefCell::new(Vec::new()));
    let seen = stages.clone();
    let progress = Progress::new(move |stage| seen.borrow_mut().push(stage));
    within(Tcp::new().connect(&candidate(acceptor.local()).into(), progress)).await.unwrap();
    assert_eq!(*stages.borrow(), [Stage::Transport]);
}

#[tokio::test]
async fn a_closed_port_refuses() {
    for address in [V4, V6] {
        if !has(address) {
            continue;
        }
        let (_held, vacant) = vacant(address);
        assert_eq!(connect(&candidate(vacant)).await.unwrap_err(), Failure::Refused);
    }
}

#[tokio::test]
async fn port_0_is_an_error_at_once() {
    let failure = connect(&candidate(SocketAddr::new(V4, 0))).await.unwrap_err();
    assert!(matches!(failure, Failure::Io { kind: io::ErrorKind::InvalidInput, .. }), "{failure:?}");
}

#[tokio::test]
async fn a_socket_that_meets_itself_counts_as_refused() {
    let (_held, vacant) = vacant(V4);
    let mut candidate = candidate(vacant);
    candidate.local = Some(vacant);
    assert_eq!(connect(&candidate).await.unwrap_err(), Failure::Refused);
}

#[tokio::test]
async fn an_interface_that_does_not_exist_is_named() {
    let acceptor = listen_at(V4);
    for name in ["no-such-if", "", "a-name-longer-than-any-interface", "lo\0"] {
        let mut candidate = candidate(acceptor.local());
        candidate.interface = Some(Arc::from(name));
        assert_eq!(connect(&candidate).await.unwrap_err(), Failure::NoSuchInterface(Arc::from(name)));
        let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
        on.interface = Some(Arc::from(name));
        assert_eq!(Tcp::new().listen(&on).err(), Some(Failure::NoSuchInterface(Arc::from(name))));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_interface_asked_for_is_the_one_it_is_bound_to() {
    let loopback = neatflow_stacks::interfaces().unwrap().into_iter().find(|found| found.loopback).unwrap();
    let name: Arc<str> = Arc::from(loopback.name);
    let (client, _server) = pair_with(listen_at(V4), |remote| {
        let mut candidate = candidate(remote);
        candidate.interface = Some(name.clone());
        candidate
    })
    .await;
    assert_eq!(client.path().interface, Some(name.clone()));
    assert_eq!(
        options::of(&*client, |socket| socket.device().unwrap()).as_deref(),
        Some(name.as_bytes()),
        "the kernel's answer"
    );
}

#[tokio::test]
async fn a_link_local_peer_without_an_interface_is_unreachable() {
    let failure = connect(&candidate("[fe80::1]:7".parse().unwrap())).await.unwrap_err();
    assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
}

#[tokio::test]
async fn a_link_local_peer_is_reached_through_its_interface() {
    let link_local = neatflow_stacks::interfaces().unwrap().into_iter().find_map(|found| {
        let address = found
            .addresses
            .iter()
            .copied()
            .find(|address| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()))?;
        found.up.then_some((Arc::<str>::from(found.name), address))
    });
    let Some((name, address)) = link_local else {
        eprintln!("SKIPPED: this machine has no link-local address");
        return;
    };
    let mut on = ListenOn::new(SocketAddr::new(address, 0), properties(|_| ()));
    on.interface = Some(name.clone());
    let mut acceptor = listen(&on);
    // Without the scope, as a resolver would give it. The candidate is not bound to the device itself: what
    // goes to an own address travels over loopback.
    let remote = SocketAddr::new(address, acceptor.local().port());
    let mut candidate = candidate(remote);
    candidate.interface = Some(name);
    candidate.local = Some(SocketAddr::new(address, 0));
    let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
    assert_eq!(opened.unwrap().path.remote.port(), accepted.path.local.port());
}

#[tokio::test]
async fn the_local_address_and_port_asked_for_are_used() {
    let source: IpAddr = "127.0.0.9".parse().unwrap();
    if !has(source) {
        return;
    }
    let mut acceptor = listen_at(V4);
    let mut first = candidate(acceptor.local());
    first.local = Some(SocketAddr::new(source, 0));
    let (opened, accepted) = tokio::join!(connect(&first), accept(&mut acceptor));
    let path = opened.unwrap().path;
    assert_eq!(path.local.ip(), source);
    assert_ne!(path.local.port(), 0);
    assert_eq!(accepted.path.remote, path.local);
    drop(accepted);

    // The port of a connection that lingers in TIME-WAIT can be asked for.
    let (_held, vacant) = vacant(source);
    let mut second = candidate(acceptor.local());
    second.local = Some(vacant);
    for _ in 0..2 {
        let mut elsewhere = listen_at(V4);
        second.remote = elsewhere.local();
        let (opened, accepted) = tokio::join!(connect(&second), accept(&mut elsewhere));
        let opened = opened.unwrap();
        assert_eq!(Some(opened.path.local), second.local);
        drop(opened);
        drop(accepted);
    }
}

#[tokio::test]
async fn a_local_address_that_is_not_ours_or_is_taken_says_so() {
    let acceptor = listen_at(V4);
    let taken = listen_at(V4);
    for local in ["192.0.2.77:0".parse().unwrap(), taken.local(), SocketAddr::new(V6, 0)] {
        let mut candidate = candidate(acceptor.local());
        candidate.local = Some(local);
        let failure = connect(&candidate).await.unwrap_err();
        assert!(matches!(failure, Failure::LocalAddress(_)), "{local}: {failure:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn conn_timeout_bounds_the_handshake() {
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.backlog = 0;
    let acceptor = listen(&on);
    // A full queue swallows the SYN of whoever comes next.
    let mut waiting = Vec::new();
    let mut candidate = candidate(acceptor.local());
    candidate.properties = properties(|it| it.connection.conn_timeout = Some(Duration::from_millis(300)));
    let failure = loop {
        match connect(&candidate).await {
            Ok(established) => waiting.push(established),
            Err(failure) => break failure,
        }
        assert!(waiting.len() < 10, "the queue never fills");
    };
    assert_eq!(failure, Failure::TimedOut);
}

#[tokio::test]
async fn outside_a_runtime_it_fails_instead_of_panicking() {
    let acceptor = listen_at(V4);
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.shared = true;
    let remote = acceptor.local();
    let outside = std::thread::spawn(move || {
        let mut attempt = Tcp::new().connect(&candidate(remote).into(), Progress::ignored());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(attempt) = attempt.as_mut().poll(&mut cx) else { panic!("nobody would wake it") };
        (attempt.is_err(), Tcp::new().listen(&on).is_err())
    });
    assert_eq!(outside.join().unwrap(), (true, true));
}
