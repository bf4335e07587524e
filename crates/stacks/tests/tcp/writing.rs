//! Pieces and amounts.

use super::*;

#[tokio::test]
async fn pieces_arrive_in_order_whatever_their_number_and_size() {
    let (mut client, mut server) = pair().await;
    let pieces: Vec<Vec<u8>> = (0..3_000_usize).map(|n| vec![n as u8; n % 5]).collect();
    let expected = pieces.concat();
    let send = async {
        let mut at = 0;
        while at < expected.len() {
            // From the first piece that is not out yet; the pieces before it are empty by now.
            let mut skip = at;
            let slices: Vec<IoSlice<'_>> = pieces
                .iter()
                .map(|piece| {
                    let cut = skip.min(piece.len());
                    skip -= cut;
                    IoSlice::new(&piece[cut..])
                })
                .collect();
            let written = within(poll_fn(|cx| client.poll_write(cx, &slices))).await.unwrap();
            assert_ne!(written, 0);
            at += written;
        }
        finish(&mut client).await.unwrap();
    };
    let ((), received) = tokio::join!(send, read_to_end(&mut server));
    assert_eq!(received.unwrap(), expected);
}

#[tokio::test]
async fn nothing_to_write_and_no_room_to_read_are_no_events() {
    let (mut client, mut server) = pair().await;
    let written = within(poll_fn(|cx| client.poll_write(cx, &[IoSlice::new(b""), IoSlice::new(b"")]))).await;
    assert_eq!(written, Ok(0));
    assert_eq!(within(poll_fn(|cx| client.poll_write(cx, &[]))).await, Ok(0));
    within(poll_fn(|cx| server.poll_read(cx, &mut ReadBuf::new(&mut [])))).await.unwrap();
    write_all(&mut client, b"x").await.unwrap();
    assert_eq!(read(&mut server).await.unwrap(), b"x");
}

#[tokio::test]
async fn sixteen_megabytes_arrive_unchanged() {
    let (mut client, mut server) = pair().await;
    let sent: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|n| (n ^ (n >> 11)) as u8).collect();
    let send = async {
        write_all(&mut client, &sent).await.unwrap();
        finish(&mut client).await.unwrap();
        acknowledged(&mut client).await.unwrap();
    };
    let ((), received) = tokio::join!(send, read_to_end(&mut server));
    assert!(received.unwrap() == sent);
}
