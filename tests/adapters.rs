//! Connections as streams, sinks, readers and writers of other libraries.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use futures::task::noop_waker;
use futures::{Sink, SinkExt, Stream, StreamExt, TryStreamExt};
use neatflow::adapters::{ByteStream, ByteStreamFailure, MessageSink, MessageStream};
use neatflow::prelude::*;
use neatflow::{ConnectionFailure, Error, Message, ReceiveFailure, SendFailure};
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::{Framed, FramedRead, LengthDelimitedCodec, LinesCodec};

/// The send queue's high-water mark, and one write.
const BOUND: usize = 256 * 1024 + 64 * 1024;

async fn bytes(transport: &Transport) -> (ByteStream, TcpStream) {
    let (connection, peer) = pair(transport).await;
    (within(ByteStream::over(connection)).await.unwrap(), peer)
}

/// Polls something once, with a waker that nobody hears.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(&noop_waker()))
}

// ---------- Stream

#[test]
fn a_stream_has_every_byte_in_order_and_ends_at_the_peers_end() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let sent = pattern(0, 1_000_000);
        let writing = async {
            peer.write_all(&sent).await.unwrap();
            peer.shutdown().await.unwrap();
        };
        let mut stream = MessageStream::new(connection);
        let reading = async {
            let mut read = Vec::new();
            while let Some(message) = within(stream.next()).await {
                read.extend_from_slice(&message.unwrap().data);
            }
            read
        };
        let (read, ()) = futures::join!(reading, writing);
        assert!(read == sent);
        assert!(within(stream.next()).await.is_none(), "an end stays one");
    });
}

#[test]
fn a_stream_that_fails_tells_why_once_and_is_over() {
    run(async {
        let transport = Transport::start();
        let (connection, peer) = pair(&transport).await;
        let mut stream = MessageStream::new(connection);
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        let failure = within(stream.next()).await.unwrap().unwrap_err();
        assert_eq!(failure, ReceiveFailure::Connection(ConnectionFailure::AbortedByPeer));
        assert!(within(stream.next()).await.is_none());
    });
}

#[test]
fn a_stream_of_what_was_never_established_says_so() {
    run(async {
        let transport = Transport::start();
        let (_holder, nowhere) = vacant(V4);
        let mut stream = MessageStream::from(connect(&transport, nowhere));
        assert_eq!(within(stream.next()).await, Some(Err(ReceiveFailure::NotEstablished)));
        assert_eq!(within(stream.next()).await, None);
    });
}

/// Whoever is dropped has taken nothing: neither a poll, nor the stream.
#[test]
fn a_next_that_is_dropped_at_any_poll_loses_nothing() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let sent = pattern(0, 300_000);
        let theirs = sent.clone();
        actix::spawn(async move {
            for chunk in theirs.chunks(1_777) {
                peer.write_all(chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
            peer.shutdown().await.unwrap();
        });
        let (mut read, mut dropped, mut polls) = (Vec::new(), 0, 0);
        let mut stream = MessageStream::new(connection.clone());
        loop {
            // A few polls, and then it is dropped, whatever has come until then.
            let mut left = polls % 4;
            polls += 1;
            let next = futures::future::poll_fn(|cx| match Pin::new(&mut stream).poll_next(cx) {
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Ready(came) => Poll::Ready(Some(came)),
            });
            match within(next).await {
                Some(Some(message)) => read.extend_from_slice(&message.unwrap().data),
                Some(None) => break,
                None => {
                    dropped += 1;
                    // Now and then the stream goes, too.
                    if dropped % 3 == 0 {
                        stream = MessageStream::new(connection.clone());
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        assert!(read == sent, "{} of {} bytes", read.len(), sent.len());
        assert!(dropped > 0);
    });
}

#[test]
fn a_stream_that_nobody_polls_holds_back_the_peer() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut stream = MessageStream::new(connection);
        assert!(poll_once(stream.next()).is_pending());
        let before = resident();
        let taken = fill(&mut peer).await;
        if let (Some(before), Some(after)) = (before, resident()) {
            assert!(after < before + (8 << 20), "{} bytes in memory", after - before);
        }
        let mut read = 0;
        while read < taken {
            read += within(stream.next()).await.unwrap().unwrap().len();
        }
        assert_eq!(read, taken);
    });
}

// ---------- Sink

#[test]
fn a_sink_is_not_ready_while_the_queue_is_high_and_is_again_when_it_is_not() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut sink = MessageSink::new(connection);
        let mut sent = 0;
        while within(async {
            tokio::time::timeout(SILENCE * 10, sink.feed(pattern(sent, 1_000).into())).await
        })
        .await
        .is_ok()
        {
            sent += 1_000;
            assert!(sent < 64 << 20, "there is no end to it");
        }
        assert!(
            poll_once(futures::future::poll_fn(|cx| Sink::poll_ready(Pin::new(&mut sink), cx))).is_pending()
        );
        // All that was fed comes, and nothing of what was not.
        let mut came = vec![0; sent];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert!(came == pattern(0, sent));
        within(sink.send(Message::new("more"))).await.unwrap();
        let mut more = [0; 4];
        within(peer.read_exact(&mut more)).await.unwrap();
        assert_eq!(&more, b"more");
    });
}

#[test]
fn what_a_sink_queues_is_bounded_however_slow_the_peer() {
    run(async {
        let transport = Transport::start();
        let (connection, _peer) = pair(&transport).await;
        let mut sink = MessageSink::new(connection.clone());
        let feeding = async {
            loop {
                sink.feed(Message::new(vec![0; 1_000])).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(500), feeding).await.is_err());
        // A refusal says how much was queued: what comes back is what was not sent.
        let (probe, mut events) = probe();
        connection.subscribe::<Event, _>(&probe);
        connection.abort();
        let mut back = 0;
        while let Event::SendError(error) = events.next().await {
            back += error.message.len();
        }
        assert!((128 * 1024..=BOUND).contains(&back), "{back}");
    });
}

#[test]
fn flushed_means_that_the_transport_has_taken_everything() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut sink = MessageSink::new(connection.clone());
        sink.feed(Message::new(vec![7; 32 << 20])).await.unwrap();
        let early = tokio::time::timeout(SILENCE, sink.flush()).await;
        assert!(early.is_err(), "the peer has not read, and no system takes that much");
        let reading = async {
            let mut all = vec![0; 32 << 20];
            peer.read_exact(&mut all).await.unwrap();
        };
        let (flushed, ()) = within(async { futures::join!(sink.flush(), reading) }).await;
        assert_eq!(flushed, Ok(()));
    });
}

#[test]
fn closing_a_sink_delivers_everything_and_waits_for_the_end() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let sent = pattern(3, 2_000_000);
        let theirs = actix::spawn(async move { read_all(&mut peer).await });
        let mut sink = MessageSink::new(connection.clone());
        for chunk in sent.chunks(10_000) {
            sink.feed(chunk.to_vec().into()).await.unwrap();
        }
        within(sink.close()).await.unwrap();
        assert_eq!(connection.state(), neatflow::State::Closed);
        assert!(within(theirs).await.unwrap() == sent);
        assert_eq!(within(sink.send(Message::new("late"))).await, Err(SendFailure::Closed));
    });
}

#[test]
fn a_sink_tells_how_its_connection_failed() {
    run(async {
        let transport = Transport::start();
        let (connection, peer) = pair(&transport).await;
        let mut sink = MessageSink::new(connection);
        sink.feed(Message::new(vec![0; 64 << 20])).await.unwrap();
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        let reset = SendFailure::Connection(ConnectionFailure::AbortedByPeer);
        assert_eq!(within(sink.flush()).await, Err(reset.clone()));
        assert_eq!(within(sink.feed(Message::new("more"))).await, Err(reset));
        let (_holder, nowhere) = vacant(V4);
        let mut sink = MessageSink::from(connect(&transport, nowhere));
        assert_eq!(within(sink.send(Message::new("nobody"))).await, Err(SendFailure::NotEstablished));
    });
}

#[test]
fn after_the_last_message_a_sink_takes_no_more_and_the_stream_goes_on() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let mut stream = MessageStream::new(connection.clone());
        let mut sink = MessageSink::new(connection);
        within(sink.send(Message::new("and out").last())).await.unwrap();
        assert_eq!(read_all(&mut peer).await, b"and out");
        assert_eq!(within(sink.send(Message::new("more"))).await, Err(SendFailure::AfterFinal));
        peer.write_all(b"still here").await.unwrap();
        assert_eq!(within(stream.next()).await, Some(Ok(Message::new("still here"))));
    });
}

#[test]
fn each_datagram_that_is_not_sent_is_told_once_and_the_others_go() {
    run(async {
        let transport = Transport::start();
        let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let preconnection = Preconnection::new(&transport).remote(peer.local_addr().unwrap());
        let connection =
            preconnection.properties(TransportProperties::unreliable_datagram()).initiate().unwrap();
        let mut sink = MessageSink::new(connection);
        let large = || Message::new(vec![0; 100_000]);
        let mut failures = Vec::new();
        for message in [Message::new("one"), large(), Message::new("two"), large(), Message::new("three")] {
            failures.extend(within(sink.feed(message)).await.err());
        }
        while let Err(failure) = within(sink.flush()).await {
            failures.push(failure);
        }
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(
            failures.iter().all(|failure| matches!(failure, SendFailure::TooLarge { .. })),
            "{failures:?}"
        );
        for word in ["one", "two", "three"] {
            let mut buffer = [0; 16];
            let length = within(peer.recv(&mut buffer)).await.unwrap();
            assert_eq!(&buffer[..length], word.as_bytes());
        }
    });
}

#[test]
fn a_stream_forwarded_into_its_sink_is_an_echo() {
    run(async {
        let transport = Transport::start();
        let (connection, mut peer) = pair(&transport).await;
        let stream = MessageStream::new(connection.clone()).map_err(Error::from);
        let echo = actix::spawn(stream.forward(MessageSink::new(connection).sink_map_err(Error::from)));
        let sent = pattern(5, 3_000_000);
        let (mut reader, mut writer) = peer.split();
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut came = Vec::new();
        let (read, ()) = within(async { futures::join!(reader.read_to_end(&mut came), writing) }).await;
        read.unwrap();
        assert!(came == sent);
        within(echo).await.unwrap().unwrap();
        nobody_is_left(&transport).await;
    });
}

// ---------- Bytes

#[test]
fn tokio_copies_both_ways_through_it() {
    run(async {
        let transport = Transport::start();
        let (stream, mut peer) = bytes(&transport).await;
        let copying = actix::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(stream);
            let copied = tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            writer.shutdown().await.unwrap();
            copied
        });
        let sent = pattern(9, 5_000_000);
        let (mut reader, mut writer) = peer.split();
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut came = Vec::new();
        let (read, ()) = within(async { futures::join!(reader.read_to_end(&mut came), writing) }).await;
        read.unwrap();
        assert!(came == sent);
        assert_eq!(within(copying).await.unwrap(), sent.len() as u64);
    });
}

#[test]
fn codecs_of_others_work_on_it() {
    run(async {
        let transport = Transport::start();
        let (stream, mut peer) = bytes(&transport).await;
        let mut lines = Framed::new(stream, LinesCodec::new());
        peer.write_all(b"one\ntw").await.unwrap();
        assert_eq!(within(lines.next()).await.unwrap().unwrap(), "one");
        peer.write_all(b"o\n").await.unwrap();
        assert_eq!(within(lines.next()).await.unwrap().unwrap(), "two");
        lines.send("three").await.unwrap();
        let mut came = [0; 6];
        within(peer.read_exact(&mut came)).await.unwrap();
        assert_eq!(&came, b"three\n");
        let mut frames = FramedRead::new(lines.into_inner(), LengthDelimitedCodec::new());
        peer.write_all(&[0, 0, 0, 3, 7, 8, 9]).await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(within(frames.next()).await.unwrap().unwrap(), [7, 8, 9][..]);
        assert!(within(frames.next()).await.is_none());
    });
}

#[test]
fn a_read_takes_no_more_than_it_has_room_for_and_the_rest_stays() {
    run(async {
        let transport = Transport::start();
        let (mut stream, mut peer) = bytes(&transport).await;
        let sent = pattern(0, 100_000);
        peer.write_all(&sent).await.unwrap();
        let mut came = Vec::new();
        for size in [1, 2, 3, 1_000, 7].into_iter().cycle() {
            if came.len() == sent.len() {
                break;
            }
            let mut piece = vec![0; size.min(sent.len() - came.len())];
            // An empty buffer is full, and waits for nothing.
            assert_eq!(within(stream.read(&mut [])).await.unwrap(), 0);
            let read = within(stream.read(&mut piece)).await.unwrap();
            assert!(read > 0);
            came.extend_from_slice(&piece[..read]);
        }
        assert!(came == sent);
        peer.write_all(b"rest").await.unwrap();
        within(stream.read(&mut [0; 1])).await.unwrap();
        let (connection, unread) = stream.into_parts();
        assert_eq!(unread, "est");
        peer.write_all(b", and more").await.unwrap();
        assert_eq!(within(connection.received()).await.unwrap().data, ", and more");
    });
}

#[test]
fn reads_and_writes_that_are_dropped_while_they_wait_have_done_nothing() {
    run(async {
        let transport = Transport::start();
        let (mut stream, mut peer) = bytes(&transport).await;
        let mut buffer = [0; 100];
        for _ in 0..5 {
            assert!(poll_once(stream.read(&mut buffer)).is_pending());
        }
        // As much as goes, and then some that does not.
        let mut written = 0;
        loop {
            let piece = pattern(written, 10_000);
            match tokio::time::timeout(Duration::from_millis(200), stream.write(&piece)).await {
                Ok(taken) => written += taken.unwrap(),
                Err(_) => break,
            }
            assert!(written < 64 << 20, "there is no end to it");
        }
        assert!(poll_once(stream.write(b"not this")).is_pending());
        peer.write_all(b"hello").await.unwrap();
        assert_eq!(within(stream.read(&mut buffer)).await.unwrap(), 5);
        let reading = actix::spawn(async move { read_all(&mut peer).await });
        within(stream.shutdown()).await.unwrap();
        assert!(within(reading).await.unwrap() == pattern(0, written));
        let error = stream.write(b"late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_shutdown_is_our_end_alone_and_dropping_closes() {
    run(async {
        let transport = Transport::start();
        let (mut stream, mut peer) = bytes(&transport).await;
        stream.write_all(b"question").await.unwrap();
        within(stream.shutdown()).await.unwrap();
        within(stream.shutdown()).await.unwrap();
        assert_eq!(read_all(&mut peer).await, b"question");
        peer.write_all(b"answer").await.unwrap();
        peer.shutdown().await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert_eq!(answer, "answer");

        let (mut stream, mut peer) = bytes(&transport).await;
        stream.write_all(b"bye").await.unwrap();
        drop(stream);
        assert_eq!(read_all(&mut peer).await, b"bye");
        drop(peer);
        nobody_is_left(&transport).await;
    });
}

#[test]
fn a_reset_is_an_error_of_its_kind() {
    run(async {
        let transport = Transport::start();
        let (mut stream, peer) = bytes(&transport).await;
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert_eq!(within(stream.read(&mut [0; 1])).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_keeps_boundaries_or_was_not_established_is_no_byte_stream() {
    run(async {
        let transport = Transport::start();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let preconnection = Preconnection::new(&transport).remote(peer.local_addr().unwrap());
        let connection =
            preconnection.properties(TransportProperties::unreliable_datagram()).initiate().unwrap();
        let failure = within(ByteStream::over(connection)).await.unwrap_err();
        assert!(
            matches!(&failure, ByteStreamFailure::Messages(stack) if stack.as_str() == "udp"),
            "{failure}"
        );
        assert_eq!(std::io::Error::from(failure).kind(), ErrorKind::Unsupported);
        let (_holder, nowhere) = vacant(V4);
        let failure = within(ByteStream::over(connect(&transport, nowhere))).await.unwrap_err();
        assert!(matches!(failure, ByteStreamFailure::NotEstablished(_)), "{failure}");
        assert_eq!(std::io::Error::from(failure).kind(), ErrorKind::ConnectionRefused);
    });
}
