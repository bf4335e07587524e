//! From one arbiter to another.

use super::*;

/// Runs on an arbiter of its own; gives the connection back.
fn elsewhere(portable: Box<dyn Portable>, heard: &'static [u8], answer: &'static [u8]) -> Box<dyn Portable> {
    let arbiter = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut wire = stream(portable.attach().unwrap());
            assert_eq!(read(&mut wire).await.unwrap(), heard);
            write_all(&mut wire, answer).await.unwrap();
            wire.detach().unwrap()
        })
    });
    arbiter.join().unwrap()
}

#[tokio::test]
async fn a_connection_moves_to_another_thread_and_back() {
    let (mut client, mut server) = pair().await;
    // It was watched and read before it moves, and data is on its way.
    assert!(stays_pending(|cx| server.poll_failed(cx)).await);
    write_all(&mut client, b"for the other thread").await.unwrap();
    let path = server.path();
    let portable = server.detach().unwrap();
    let portable = elsewhere(portable, b"for the other thread", b"from the other thread");
    assert_eq!(read(&mut client).await.unwrap(), b"from the other thread");

    let mut back = stream(portable.attach().unwrap());
    assert_eq!(back.path(), path);
    write_all(&mut client, b"home").await.unwrap();
    assert_eq!(read(&mut back).await.unwrap(), b"home");
}

#[tokio::test]
async fn the_wire_left_behind_does_nothing() {
    let (mut client, mut server) = pair().await;
    let portable = server.detach().unwrap();
    let path = server.path();
    assert!(server.detach().is_none());
    assert!(read(&mut server).await.is_err());
    assert!(write_all(&mut server, b"x").await.is_err());
    assert!(finish(&mut server).await.is_err());
    assert!(acknowledged(&mut server).await.is_err());
    failed(&mut server).await;
    assert_eq!(server.report(), neatflow_stacks::Report::default());
    assert_eq!(server.path(), path);
    server.abort();
    // None of which the connection has felt.
    let mut moved = stream(portable.attach().unwrap());
    write_all(&mut moved, b"unharmed").await.unwrap();
    assert_eq!(read(&mut client).await.unwrap(), b"unharmed");
}

#[tokio::test]
async fn what_was_known_of_the_connection_moves_along() {
    let (mut client, mut server) = pair().await;
    finish(&mut server).await.unwrap();
    let mut server = stream(server.detach().unwrap().attach().unwrap());
    let failure = write_all(&mut server, b"x").await.unwrap_err();
    assert!(matches!(failure, Failure::Io { kind: io::ErrorKind::BrokenPipe, .. }), "{failure:?}");
    finish(&mut server).await.unwrap();

    assert_eq!(read(&mut client).await.unwrap(), b"");
    server.abort();
    assert_eq!(failed(&mut client).await, Failure::Reset);
    let mut client = stream(client.detach().unwrap().attach().unwrap());
    assert_eq!(read(&mut client).await.unwrap_err(), Failure::Reset);
}

#[tokio::test]
async fn it_settles_nowhere_without_a_runtime() {
    let (_client, mut server) = pair().await;
    let portable = server.detach().unwrap();
    assert!(std::thread::spawn(|| portable.attach().is_err()).join().unwrap());
}
