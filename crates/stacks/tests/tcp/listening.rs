//! Listening and accepting.

use super::*;

#[tokio::test]
async fn an_ipv6_listener_does_not_take_ipv4() {
    if !has(V6) {
        return;
    }
    let (_held, v4) = vacant("0.0.0.0".parse().unwrap());
    let port = v4.port();
    let any: IpAddr = "::".parse().unwrap();
    let _acceptor = listen(&ListenOn::new(SocketAddr::new(any, port), properties(|_| ())));
    assert_eq!(connect(&candidate(SocketAddr::new(V4, port))).await.unwrap_err(), Failure::Refused);
    connect(&candidate(SocketAddr::new(V6, port))).await.unwrap();
    // So the other family's listener can have the same port.
    listen(&ListenOn::new(v4, properties(|_| ())));
}

#[tokio::test]
async fn an_address_that_is_taken_or_not_ours_says_so() {
    let first = listen_at(V4);
    for local in [first.local(), "192.0.2.77:0".parse().unwrap()] {
        let failure = Tcp::new().listen(&ListenOn::new(local, properties(|_| ()))).err().unwrap();
        assert!(matches!(failure, Failure::LocalAddress(_)), "{local}: {failure:?}");
    }
}

#[tokio::test]
async fn a_shared_address_takes_several_listeners() {
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.shared = true;
    let mut first = listen(&on);
    on.local = first.local();
    let mut second = listen(&on);
    assert_eq!(first.local(), second.local());
    for _ in 0..8 {
        let _client = connect(&candidate(on.local)).await.unwrap();
        let accepted = within(poll_fn(|cx| match first.poll_accept(cx) {
            Poll::Pending => second.poll_accept(cx),
            ready => ready,
        }));
        accepted.await.unwrap();
    }
}

#[tokio::test]
async fn a_port_can_be_listened_on_again_right_after_its_connections_closed() {
    let mut acceptor = listen_at(V4);
    let local = acceptor.local();
    let candidate = candidate(local);
    let (client, server) = tokio::join!(connect(&candidate), accept(&mut acceptor));
    // The side that closes first lingers in TIME-WAIT.
    drop(server);
    drop(client);
    drop(acceptor);
    listen(&ListenOn::new(local, properties(|_| ())));
}

#[tokio::test]
async fn a_peer_that_resets_before_it_is_accepted_does_not_stop_the_listener() {
    let mut acceptor = listen_at(V4);
    connect(&candidate(acceptor.local())).await.unwrap().wire.abort();
    let mut second = stream(connect(&candidate(acceptor.local())).await.unwrap().wire);
    let second_local = second.path().local;
    // Linux hands the dead connection over, other systems leave it out.
    let mut accepted = accept(&mut acceptor).await;
    if accepted.path.remote != second_local {
        assert_eq!(failed(&mut stream(accepted.wire)).await, Failure::Reset);
        accepted = accept(&mut acceptor).await;
    }
    write_all(&mut second, b"still here").await.unwrap();
    assert_eq!(read(&mut stream(accepted.wire)).await.unwrap(), b"still here");
}
