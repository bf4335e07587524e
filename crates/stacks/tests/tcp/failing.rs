//! Failures noticed while nobody reads.

use super::*;

#[tokio::test]
async fn a_reset_is_noticed_while_nobody_reads() {
    let (mut client, server) = pair().await;
    let wait = failed(&mut client);
    let reset = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.abort();
    };
    assert_eq!(tokio::join!(wait, reset).0, Failure::Reset);
}

#[tokio::test]
async fn pending_data_or_the_end_wakes_nobody_who_waits_for_failures() {
    let (mut client, mut server) = pair().await;
    write_all(&mut server, b"unread").await.unwrap();
    let polls = Rc::new(Cell::new(0));
    let counted = polls.clone();
    // A task of its own, so that nothing but the wire wakes it.
    let tasks = tokio::task::LocalSet::new();
    let watch = tasks.spawn_local(poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        client.poll_failed(cx)
    }));
    let before = tasks.run_until(async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            write_all(&mut server, b"more").await.unwrap();
        }
        finish(&mut server).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = polls.get();
        server.abort();
        before
    });
    let before = before.await;
    assert_eq!(within(tasks.run_until(watch)).await.unwrap(), Failure::Reset);
    assert_eq!(before, 1, "times polled");
}

#[tokio::test]
async fn reading_and_watching_can_take_turns() {
    let (mut client, mut server) = pair().await;
    for _ in 0..3 {
        assert!(stays_pending(|cx| client.poll_failed(cx)).await);
        write_all(&mut server, b"tick").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"tick");
        write_all(&mut client, b"tock").await.unwrap();
        assert_eq!(read(&mut server).await.unwrap(), b"tock");
    }
    let (failure, ()) = tokio::join!(failed(&mut client), async { server.abort() });
    assert_eq!(failure, Failure::Reset);
}

#[tokio::test]
async fn a_normal_close_by_both_is_no_failure() {
    let (mut client, mut server) = pair().await;
    finish(&mut server).await.unwrap();
    finish(&mut client).await.unwrap();
    assert_eq!(read(&mut client).await.unwrap(), b"");
    acknowledged(&mut client).await.unwrap();
    assert!(stays_pending(|cx| client.poll_failed(cx)).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn data_that_stays_undelivered_longer_than_conn_timeout_times_out() {
    let (mut client, _server) = pair_with(listen_at(V4), |remote| {
        let mut candidate = candidate(remote);
        candidate.properties =
            properties(|it| it.connection.conn_timeout = Some(Duration::from_millis(1_500)));
        candidate
    })
    .await;
    fill(&mut client).await;
    assert_eq!(failed(&mut client).await, Failure::TimedOut);
    assert_eq!(read(&mut client).await.unwrap_err(), Failure::TimedOut);
}
