//! One socket, many flows.

use super::*;

#[tokio::test]
async fn each_source_has_a_flow_of_its_own_in_the_order_of_their_first_datagrams() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let clients: Vec<UdpSocket> = (0..20).map(|_| peer(address)).collect();
        for round in 0..3u8 {
            for (n, client) in clients.iter().enumerate() {
                client.send_to(&[n as u8, round], acceptor.local()).unwrap();
            }
        }
        let mut flows = Vec::new();
        for (n, client) in clients.iter().enumerate() {
            let mut flow = accept(&mut acceptor).await;
            assert_eq!(flow.path().remote, client.local_addr().unwrap());
            assert_eq!(flow.path().local, acceptor.local());
            assert_eq!(receive(&mut flow).await.unwrap().data[..], [n as u8, 0]);
            flows.push(flow);
        }
        for (n, flow) in flows.iter_mut().enumerate() {
            for round in 1..3 {
                assert_eq!(receive(flow).await.unwrap().data[..], [n as u8, round]);
            }
            send(flow, vec![n as u8]).await;
        }
        for (n, client) in clients.iter().enumerate() {
            assert_eq!(hears(client), (vec![n as u8], acceptor.local()));
        }
        assert!(stays_pending(|cx| acceptor.poll_accept(cx)).await);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn answers_leave_from_the_address_the_peer_spoke_to() {
    let mut acceptor = listen_at("0.0.0.0".parse().unwrap());
    let port = acceptor.local().port();
    // One source that speaks to two of our addresses has two flows.
    let client = peer(V4);
    for spoken_to in ["127.0.0.2", "127.0.0.3"] {
        let spoken_to = SocketAddr::new(spoken_to.parse().unwrap(), port);
        client.send_to(b"hello", spoken_to).unwrap();
        let mut flow = accept(&mut acceptor).await;
        assert_eq!(flow.path().local, spoken_to);
        assert_eq!(text(&mut flow).await, "hello");
        send(&mut flow, "hello yourself").await;
        assert_eq!(hears(&client), (b"hello yourself".to_vec(), spoken_to));
    }
    if !has(V6) {
        return;
    }
    let mut acceptor = listen_at("::".parse().unwrap());
    let spoken_to = SocketAddr::new(V6, acceptor.local().port());
    let client = peer(V6);
    client.send_to(b"hello", spoken_to).unwrap();
    let mut flow = accept(&mut acceptor).await;
    assert_eq!(flow.path().local, spoken_to);
    send(&mut flow, "hello yourself").await;
    assert_eq!(hears(&client), (b"hello yourself".to_vec(), spoken_to));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_sent_to_everybody_is_answered_from_an_address_of_ours() {
    let mut acceptor = listen_at("0.0.0.0".parse().unwrap());
    let port = acceptor.local().port();
    let client = peer(V4);
    client.set_broadcast(true).unwrap();
    client.send_to(b"anybody?", ("127.255.255.255", port)).unwrap();
    let mut flow = accept(&mut acceptor).await;
    assert_eq!(text(&mut flow).await, "anybody?");
    send_all(&mut flow, b"meme", 2, 2).await;
    for _ in 0..2 {
        assert_eq!(hears(&client), (b"me".to_vec(), SocketAddr::new(V4, port)));
    }
}

#[tokio::test]
async fn an_ipv6_listener_does_not_take_ipv4() {
    if !has(V6) {
        return;
    }
    let acceptor = listen_at("::".parse().unwrap());
    // So the other family's listener can have the same port.
    let any: IpAddr = "0.0.0.0".parse().unwrap();
    let on = ListenOn::new(SocketAddr::new(any, acceptor.local().port()), properties(|_| ()));
    assert!(Udp::new().listen(&on).is_ok());
}

#[tokio::test]
async fn an_address_that_is_taken_or_not_ours_says_so() {
    let first = listen_at(V4);
    for local in [first.local(), "192.0.2.77:0".parse().unwrap()] {
        let failure = Udp::new().listen(&ListenOn::new(local, properties(|_| ()))).err().unwrap();
        assert!(matches!(failure, Failure::LocalAddress(_)), "{local}: {failure:?}");
    }
}

#[tokio::test]
async fn flows_live_on_without_their_acceptor_and_the_port_is_free_when_all_are_gone() {
    let mut acceptor = listen_at(V4);
    let local = acceptor.local();
    let (mut client, mut server) = pair(&mut acceptor).await;
    // In a task of its own, so that nothing but the flow wakes it; waiting since before the acceptor was dropped.
    let tasks = tokio::task::LocalSet::new();
    let waits = tasks.spawn_local(async move {
        let heard = text(&mut server).await;
        send(&mut server, "and so am I").await;
        (heard, server)
    });
    let unheard = peer(V4);
    let (_, server) = tasks
        .run_until(async {
            tokio::task::yield_now().await;
            unheard.send_to(b"waiting to be accepted", local).unwrap();
            drop(acceptor);
            peer(V4).send_to(b"too late", local).unwrap();
            send(&mut client, "still here").await;
            let (heard, server) = within(waits).await.unwrap();
            assert_eq!(heard, "still here");
            assert_eq!(text(&mut client).await, "and so am I");
            (heard, server)
        })
        .await;
    assert!(UdpSocket::bind(local).is_err(), "a flow still needs the port");
    drop(server);
    UdpSocket::bind(local).expect("nobody needs the port any more");
}

#[tokio::test]
async fn the_acceptor_serves_on_when_its_flows_are_dropped() {
    let mut acceptor = listen_at(V4);
    for _ in 0..3 {
        let flows = [pair(&mut acceptor).await, pair(&mut acceptor).await];
        drop(flows);
    }
    let local = acceptor.local();
    drop(acceptor);
    UdpSocket::bind(local).expect("nobody needs the port any more");
}

#[tokio::test]
async fn a_flow_is_served_whoever_else_does_not_poll() {
    let mut acceptor = listen_at(V4);
    let (mut first, _idle) = pair(&mut acceptor).await;
    let (mut second, mut served) = pair(&mut acceptor).await;
    // The acceptor waited last, and loses interest; the other flow has never waited.
    assert!(stays_pending(|cx| acceptor.poll_accept(cx)).await);
    for n in 0..50 {
        send(&mut first, "unread").await;
        send(&mut second, n.to_string()).await;
        assert_eq!(text(&mut served).await, n.to_string());
    }
}

#[tokio::test]
async fn a_dropped_flow_is_forgotten_and_its_source_may_come_again() {
    let mut acceptor = listen_at(V4);
    let (mut client, mut server) = pair(&mut acceptor).await;
    send(&mut server, "bye").await;
    assert_eq!(text(&mut client).await, "bye");
    drop(server);
    send(&mut client, "again").await;
    let mut again = accept(&mut acceptor).await;
    assert_eq!(text(&mut again).await, "again");
    assert_eq!(again.path().remote, client.path().local);
}

#[tokio::test]
async fn a_flow_that_was_silent_for_too_long_ends_and_its_source_may_come_again() {
    let mut acceptor = listen_with(V4, |limits| limits.idle = Duration::from_millis(300));
    let (mut client, mut server) = pair(&mut acceptor).await;
    // Sending and receiving both keep it alive, each for longer than silence may last.
    for n in 0..12 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if n < 6 { send(&mut client, "ping").await } else { send(&mut server, "ping").await }
    }
    for _ in 0..6 {
        assert_eq!(text(&mut server).await, "ping");
    }
    // The time for which a flow is kept is not over.
    assert!(poll_fn(|cx| Poll::Ready(server.poll_next(cx))).await.is_pending());
    assert_eq!(receive(&mut server).await, None);
    assert_eq!(receive(&mut server).await, None, "the end is no moment");
    send(&mut client, "again").await;
    let mut again = accept(&mut acceptor).await;
    assert_eq!(text(&mut again).await, "again");
    // The flow that ended can still answer.
    send(&mut server, "late").await;
    for _ in 0..6 {
        assert_eq!(text(&mut client).await, "ping");
    }
    assert_eq!(text(&mut client).await, "late");
}

#[tokio::test]
async fn a_flow_that_is_silent_from_the_start_ends_too() {
    let mut acceptor = listen_with(V4, |limits| limits.idle = Duration::from_millis(100));
    let client = peer(V4);
    client.send_to(b"hello", acceptor.local()).unwrap();
    // How long it waits to be accepted is no silence of its own.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut server = accept(&mut acceptor).await;
    assert_eq!(text(&mut server).await, "hello");
    assert_eq!(receive(&mut server).await, None);
}

#[tokio::test]
async fn a_shared_address_takes_several_listeners() {
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.shared = true;
    let mut first = Udp::new().listen(&on).unwrap();
    on.local = first.local();
    let mut second = Udp::new().listen(&on).unwrap();
    for _ in 0..8 {
        let mut client = connect(on.local).await;
        send(&mut client, "hello").await;
        let accepted = poll_fn(|cx| match first.poll_accept(cx) {
            Poll::Pending => second.poll_accept(cx),
            ready => ready,
        });
        let mut server = messages(within(accepted).await.unwrap().wire);
        send(&mut client, "to the same").await;
        assert_eq!(text(&mut server).await, "hello");
        assert_eq!(text(&mut server).await, "to the same");
    }
}

#[tokio::test]
async fn accepted_flows_stay_on_their_arbiter() {
    let mut acceptor = listen_at(V4);
    let (_client, mut server) = pair(&mut acceptor).await;
    assert!(server.detach().is_none());
    send(&mut server, "as before").await;
}
