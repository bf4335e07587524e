//! One message, one datagram.

use super::*;

#[tokio::test]
async fn messages_of_every_size_go_to_and_fro_whole() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (mut client, mut server) = pair(&mut acceptor).await;
        for len in [0, 1, 1_472, 1_473, 9_000, client.report().max_send.unwrap()] {
            let data: Vec<u8> = (0..len).map(|n| (n * 31 / 7) as u8).collect();
            send(&mut client, data.clone()).await;
            let heard = receive(&mut server).await.unwrap();
            assert!(heard.data == data, "{len} bytes from {address}");
            send(&mut server, heard).await;
            assert!(receive(&mut client).await.unwrap().data == data, "{len} bytes back to {address}");
        }
    }
}

#[tokio::test]
async fn the_largest_message_is_what_the_protocol_allows_and_one_byte_more_is_refused_alone() {
    for (address, limit) in [(V4, 65_507), (V6, 65_527)].into_iter().filter(|(address, _)| has(*address)) {
        let mut acceptor = listen_at(address);
        let (client, server) = pair(&mut acceptor).await;
        for mut wire in [client, server] {
            assert_eq!(wire.report().max_send, Some(limit));
            let too_large = Message::new(vec![7; limit + 1]);
            let refusal = NotSent::Message(SendFailure::TooLarge { limit });
            assert_eq!(try_send(&mut wire, &too_large).await, Err(refusal));
            send(&mut wire, "goes on").await;
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_fits_one_packet_follows_from_the_path() {
    for (address, headers) in [(V4, 28), (V6, 48)].into_iter().filter(|(address, _)| has(*address)) {
        let name = neatflow_stacks::interfaces().unwrap().into_iter().find(|it| it.loopback).unwrap().name;
        let mtu = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).unwrap();
        let mtu: usize = mtu.trim().parse().unwrap();
        // An accepted flow's socket is connected to nobody, and tells all the same.
        let mut acceptor = listen_at(address);
        let (client, server) = pair(&mut acceptor).await;
        for wire in [connect(vacant(address)).await, client, server] {
            let report = wire.report();
            assert_eq!(report.max_singular, Some((mtu - headers).min(report.max_send.unwrap())));
        }
    }
}

#[tokio::test]
async fn an_empty_datagram_is_a_message_and_no_end() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    send(&mut wire, "").await;
    let (data, from) = hears(&peer);
    assert!(data.is_empty());
    for text in ["", "after"] {
        peer.send_to(text.as_bytes(), from).unwrap();
    }
    assert_eq!(receive(&mut wire).await.unwrap().data, "");
    assert_eq!(text(&mut wire).await, "after");
}

#[tokio::test]
async fn ending_is_done_at_once_and_sends_nothing() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    let last = Message::new("last").last();
    try_send(&mut wire, &last).await.unwrap();
    within(poll_fn(|cx| wire.poll_finish(cx))).await.unwrap();
    within(poll_fn(|cx| wire.poll_acknowledged(cx))).await.unwrap();
    let local = wire.path().local;
    wire.abort();
    assert_eq!(hears(&peer).0, b"last");
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.recv_from(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    UdpSocket::bind(local).expect("the port is free again");
}

#[tokio::test]
async fn strangers_are_not_heard() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    let stranger = super::peer(V4);
    stranger.send_to(b"psst", wire.path().local).unwrap();
    peer.send_to(b"hello", wire.path().local).unwrap();
    assert_eq!(text(&mut wire).await, "hello");
}

#[tokio::test]
async fn a_connection_moves_to_another_arbiter_with_what_waits_for_it() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    send(&mut wire, "hello").await;
    let (_, from) = hears(&peer);
    assert!(stays_pending(|cx| wire.poll_soft_error(cx)).await);
    // A watch of errors is no obstacle.
    let portable: Box<dyn Portable> = wire.detach().unwrap();
    assert!(wire.detach().is_none());
    assert!(matches!(try_send(&mut wire, &Message::new("gone")).await, Err(NotSent::Wire(_))));
    peer.send_to(b"while it moves", from).unwrap();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut wire = messages(portable.attach().unwrap());
            let heard = text(&mut wire).await;
            send(&mut wire, "arrived").await;
            heard
        })
    });
    assert_eq!(elsewhere.join().unwrap(), "while it moves");
    assert_eq!(hears(&peer), (b"arrived".to_vec(), from));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_message_that_the_system_will_not_send_comes_back_alone() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    of(&*wire, |socket| socket.shutdown(std::net::Shutdown::Write).unwrap());
    for _ in 0..3 {
        let refusal = try_send(&mut wire, &Message::new("not today")).await;
        assert_eq!(refusal, Err(NotSent::Message(SendFailure::Transport(Failure::Reset))));
    }
    peer.send_to(b"still heard", wire.path().local).unwrap();
    assert_eq!(text(&mut wire).await, "still heard");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_nothing_may_be_fragmented_the_limit_is_what_fits_one_packet() {
    if !has(V6) {
        return;
    }
    let peer = peer(V6);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    of(&*wire, forbid_fragments);
    let (fits, allowed) = (wire.report().max_singular.unwrap(), wire.report().max_send.unwrap());
    assert!(fits < allowed, "the loopback interface takes packets as large as any");
    let refusal = try_send(&mut wire, &Message::new(vec![0; fits + 1])).await;
    assert_eq!(refusal, Err(NotSent::Message(SendFailure::TooLarge { limit: fits })));
    send(&mut wire, vec![0; fits]).await;
    assert_eq!(hears(&peer).0.len(), fits);
    assert!(stays_pending(|cx| wire.poll_soft_error(cx)).await, "what this machine says is no report");
}
