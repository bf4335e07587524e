//! Knowing that the peer has everything.

use super::*;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_waits_until_a_peer_that_did_not_read_has_everything() {
    let (mut client, mut server) = pair().await;
    let sent = fill(&mut client).await;
    assert!(stays_pending(|cx| client.poll_acknowledged(cx)).await);
    finish(&mut client).await.unwrap();
    assert!(stays_pending(|cx| client.poll_acknowledged(cx)).await);
    assert!(client.report().unacknowledged > Some(0));
    let (done, received) = tokio::join!(acknowledged(&mut client), read_to_end(&mut server));
    done.unwrap();
    assert_eq!(received.unwrap().len(), sent);
    assert_eq!(client.report().unacknowledged, Some(0));
}

#[tokio::test]
async fn data_we_have_not_read_does_not_delay_it() {
    let (mut client, mut server) = pair().await;
    fill(&mut server).await;
    write_all(&mut client, b"bye").await.unwrap();
    finish(&mut client).await.unwrap();
    acknowledged(&mut client).await.unwrap();
    assert_eq!(read_to_end(&mut server).await.unwrap(), b"bye");
}

#[tokio::test]
async fn with_nothing_outstanding_it_is_ready_at_once() {
    let (mut client, _server) = pair().await;
    let first = poll_fn(|cx| Poll::Ready(client.poll_acknowledged(cx))).await;
    assert_eq!(first, Poll::Ready(Ok(())));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reset_while_waiting_is_an_error() {
    let (mut client, server) = pair().await;
    fill(&mut client).await;
    let reset = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.abort();
    };
    let (done, ()) = tokio::join!(acknowledged(&mut client), reset);
    assert_eq!(done.unwrap_err(), Failure::Reset);
}
