//! What a library must not do to the program around it.

use super::*;

#[cfg(unix)]
#[tokio::test]
async fn writing_to_a_peer_that_is_gone_raises_no_sigpipe() {
    // SAFETY: no handler is installed, only the default action: from here on the signal would end this program. The
    // other tests do not depend on it.
    #[expect(unsafe_code, reason = "no crate at hand has a safe function for this")]
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_ne!(before, libc::SIG_ERR);
    let pieces: [&[IoSlice<'_>]; 2] = [&[IoSlice::new(b"x")], &[IoSlice::new(b"x"), IoSlice::new(b"y")]];
    for data in pieces {
        let (mut client, mut server) = pair().await;
        finish(&mut server).await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"");
        server.abort();
        let written = within(poll_fn(|cx| client.poll_write(cx, data))).await;
        assert_eq!(written, Err(Failure::Reset));
    }
}
