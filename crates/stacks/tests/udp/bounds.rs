//! Whoever sends, and however much: what a listener holds is bounded, and those it has are served.

use super::*;

/// The `n`th of many source addresses.
fn source(n: u32) -> SocketAddr {
    let [_, b, c, d] = (n + 1).to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(127, 1 + b, c, d).into(), 0)
}

/// Sends one datagram from each of so many addresses; now and then lets `between` see to the listener, because the
/// system's buffer is small.
async fn flood(sources: u32, target: SocketAddr, mut between: impl FnMut(&mut std::task::Context<'_>)) {
    for n in 0..sources {
        UdpSocket::bind(source(n)).unwrap().send_to(b"let me in", target).unwrap();
        if n % 32 == 31 {
            for _ in 0..3 {
                poll_fn(|cx| {
                    between(cx);
                    Poll::Ready(())
                })
                .await;
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_thousand_sources_get_4096_flows_and_those_there_are_served_on() {
    let mut acceptor = listen_at(V4);
    let (mut client, mut server) = pair(&mut acceptor).await;
    let local = acceptor.local();
    let mut flows = Vec::new();
    flood(10_000, local, |cx| {
        while let Poll::Ready(flow) = acceptor.poll_accept(cx) {
            flows.push(flow.unwrap());
        }
    })
    .await;
    assert_eq!(1 + flows.len(), 4_096);
    let refused = acceptor.refused();
    assert!((1..=10_000 - 4_095).contains(&refused), "{refused} turned away");

    send(&mut client, "still served?").await;
    assert_eq!(text(&mut server).await, "still served?");
    send(&mut server, "of course").await;
    assert_eq!(text(&mut client).await, "of course");

    // There is room again when somebody leaves.
    drop(flows.pop());
    let mut late = connect(local).await;
    send(&mut late, "now?").await;
    assert_eq!(text(&mut accept(&mut acceptor).await).await, "now?");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn sources_that_nobody_accepts_are_bounded_by_the_backlog() {
    let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
    on.backlog = 8;
    let mut acceptor = Udp::new().listen(&on).unwrap();
    let (mut client, mut server) = pair(&mut acceptor).await;
    flood(100, acceptor.local(), |_| ()).await;
    send(&mut client, "hello").await;
    assert_eq!(text(&mut server).await, "hello");
    for _ in 0..8 {
        accept(&mut acceptor).await;
    }
    assert!(stays_pending(|cx| acceptor.poll_accept(cx)).await);
    assert_eq!(acceptor.refused(), 92);
}

#[tokio::test]
async fn a_flow_that_nobody_reads_drops_what_comes_last_and_harms_no_other() {
    let mut acceptor = listen_with(V4, |limits| limits.flow_bytes = 10_000);
    let (mut talker, mut deaf) = pair(&mut acceptor).await;
    let (mut client, mut server) = pair(&mut acceptor).await;
    for n in 0..200u8 {
        send(&mut talker, vec![n; 1_000]).await;
        send(&mut client, vec![n]).await;
        assert_eq!(receive(&mut server).await.unwrap().data[..], [n]);
    }
    let mut kept = 0;
    while let Poll::Ready(message) = poll_fn(|cx| Poll::Ready(deaf.poll_next(cx))).await {
        assert_eq!(message.unwrap().unwrap().data[0], kept, "what came first is kept");
        kept += 1;
    }
    assert_eq!(deaf.report().dropped, Some(200 - u64::from(kept)));
    assert!((5..10).contains(&kept), "{kept} kept");
    send(&mut talker, "heard again").await;
    assert_eq!(text(&mut deaf).await, "heard again");
}

#[tokio::test]
async fn under_a_flood_others_on_the_thread_get_their_turn() {
    let acceptor = listen_at(V4);
    let target = acceptor.local();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = stop.clone();
    let flooding = std::thread::spawn(move || {
        let peer = peer(V4);
        while !until.load(std::sync::atomic::Ordering::Relaxed) {
            peer.send_to(&[0; 100], target).unwrap();
        }
    });
    let mut turns = 0;
    within(async {
        while turns < 1_000 {
            tokio::task::yield_now().await;
            turns += 1;
        }
    })
    .await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flooding.join().unwrap();
}
