//! The two ends of a connection, and how it ends before its time.

use super::*;

#[tokio::test]
async fn either_end_can_finish_and_go_on_reading() {
    for opener_first in [true, false] {
        let (client, server) = pair().await;
        let (mut first, mut second) = if opener_first { (client, server) } else { (server, client) };
        write_all(&mut first, b"that was all").await.unwrap();
        finish(&mut first).await.unwrap();
        assert_eq!(read_to_end(&mut second).await.unwrap(), b"that was all");
        assert_eq!(read(&mut second).await.unwrap(), b"", "the end stays the end");

        write_all(&mut second, b"not from here").await.unwrap();
        assert_eq!(read(&mut first).await.unwrap(), b"not from here");
        finish(&mut second).await.unwrap();
        assert_eq!(read(&mut first).await.unwrap(), b"");

        // Both are done; asking again changes nothing.
        acknowledged(&mut first).await.unwrap();
        acknowledged(&mut second).await.unwrap();
        finish(&mut first).await.unwrap();
        finish(&mut second).await.unwrap();
        acknowledged(&mut second).await.unwrap();
    }
}

#[tokio::test]
async fn writing_after_the_end_is_an_error_and_no_failure_of_the_connection() {
    let (mut client, mut server) = pair().await;
    finish(&mut client).await.unwrap();
    let failure = write_all(&mut client, b"one more thing").await.unwrap_err();
    assert!(matches!(failure, Failure::Io { kind: io::ErrorKind::BrokenPipe, .. }), "{failure:?}");
    write_all(&mut server, b"fine").await.unwrap();
    assert_eq!(read(&mut client).await.unwrap(), b"fine");
}

#[tokio::test]
async fn an_abort_resets_the_peer() {
    let (mut client, mut server) = pair().await;
    write_all(&mut client, b"half of it").await.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), b"half of it");
    client.abort();
    assert_eq!(read(&mut server).await.unwrap_err(), Failure::Reset);
}

#[tokio::test]
async fn a_reset_in_mid_transfer_never_looks_like_a_clean_end() {
    let (mut client, mut server) = pair().await;
    fill(&mut client).await;
    write_all(&mut server, b"answer").await.unwrap();
    read(&mut server).await.unwrap();
    server.abort();
    // Whoever asks first gets the error from the system, and then it has forgotten it.
    assert_eq!(failed(&mut client).await, Failure::Reset);
    assert_eq!(read_to_end(&mut client).await.unwrap_err(), Failure::Reset);
    assert_eq!(read_to_end(&mut client).await.unwrap_err(), Failure::Reset);
    assert_eq!(write_all(&mut client, b"more").await.unwrap_err(), Failure::Reset);
    assert_eq!(finish(&mut client).await.unwrap_err(), Failure::Reset);
    assert_eq!(acknowledged(&mut client).await.unwrap_err(), Failure::Reset);
}

#[tokio::test]
async fn what_arrived_before_a_reset_can_still_be_read() {
    let (mut client, mut server) = pair().await;
    write_all(&mut server, b"last words").await.unwrap();
    acknowledged(&mut server).await.unwrap();
    server.abort();
    assert_eq!(failed(&mut client).await, Failure::Reset);
    #[cfg(target_os = "linux")]
    assert_eq!(read(&mut client).await.unwrap(), b"last words");
    assert_eq!(read(&mut client).await.unwrap_err(), Failure::Reset);
}

#[tokio::test]
async fn a_failed_write_is_remembered_by_the_next_read() {
    let (mut client, server) = pair().await;
    server.abort();
    let failure = loop {
        if let Err(failure) = write_all(&mut client, b"?").await {
            break failure;
        }
    };
    assert_eq!(failure, Failure::Reset);
    assert_eq!(read(&mut client).await.unwrap_err(), Failure::Reset);
}
