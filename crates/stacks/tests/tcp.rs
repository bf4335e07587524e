//! TCP against the real system, on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions clippy knows to be tests")]

mod support;

use neatflow_core::properties::CapacityProfile;
use neatflow_core::{Failure, Offer, Preference, SelectionProperty};
use neatflow_stacks::tcp::Tcp;
use neatflow_stacks::{ListenOn, Portable, Progress, Stack, Stage, StreamWire};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use support::*;
use tokio::io::ReadBuf;

mod opening {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_over_both_families() {
        for address in [V4, V6] {
            if !has(address) {
                continue;
            }
            let (mut client, mut server) = pair_with(listen_at(address), candidate).await;
            write_all(&mut client, b"hello").await.unwrap();
            let heard = read(&mut server).await.unwrap();
            write_all(&mut server, &heard).await.unwrap();
            assert_eq!(read(&mut client).await.unwrap(), b"hello");
        }
    }

    #[tokio::test]
    async fn both_ends_agree_on_the_path() {
        let (client, server) = pair().await;
        assert_eq!(client.path().local, server.path().remote);
        assert_eq!(client.path().remote, server.path().local);
        assert_ne!(client.path().local.port(), 0);
    }

    #[tokio::test]
    async fn the_transport_stage_is_reported_once() {
        let acceptor = listen_at(V4);
        let stages = Rc::new(RefCell::new(Vec::new()));
        let seen = stages.clone();
        let progress = Progress::new(move |stage| seen.borrow_mut().push(stage));
        within(Tcp::new().connect(&candidate(acceptor.local()), progress)).await.unwrap();
        assert_eq!(*stages.borrow(), [Stage::Transport]);
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        for address in [V4, V6] {
            if !has(address) {
                continue;
            }
            let (_held, vacant) = vacant(address);
            assert_eq!(connect(&candidate(vacant)).await.unwrap_err(), Failure::Refused);
        }
    }

    #[tokio::test]
    async fn port_0_is_an_error_at_once() {
        let failure = connect(&candidate(SocketAddr::new(V4, 0))).await.unwrap_err();
        assert!(matches!(failure, Failure::Io { kind: io::ErrorKind::InvalidInput, .. }), "{failure:?}");
    }

    #[tokio::test]
    async fn a_socket_that_meets_itself_counts_as_refused() {
        let (_held, vacant) = vacant(V4);
        let mut candidate = candidate(vacant);
        candidate.local = Some(vacant);
        assert_eq!(connect(&candidate).await.unwrap_err(), Failure::Refused);
    }

    #[tokio::test]
    async fn an_interface_that_does_not_exist_is_named() {
        let acceptor = listen_at(V4);
        for name in ["no-such-if", "", "a-name-longer-than-any-interface", "lo\0"] {
            let mut candidate = candidate(acceptor.local());
            candidate.interface = Some(Arc::from(name));
            assert_eq!(connect(&candidate).await.unwrap_err(), Failure::NoSuchInterface(Arc::from(name)));
            let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
            on.interface = Some(Arc::from(name));
            assert_eq!(Tcp::new().listen(&on).err(), Some(Failure::NoSuchInterface(Arc::from(name))));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_interface_asked_for_is_the_one_it_is_bound_to() {
        let loopback =
            neatflow_stacks::interfaces().unwrap().into_iter().find(|found| found.loopback).unwrap();
        let name: Arc<str> = Arc::from(loopback.name);
        let (client, _server) = pair_with(listen_at(V4), |remote| {
            let mut candidate = candidate(remote);
            candidate.interface = Some(name.clone());
            candidate
        })
        .await;
        assert_eq!(client.path().interface, Some(name.clone()));
        assert_eq!(
            options::of(&*client, |socket| socket.device().unwrap()).as_deref(),
            Some(name.as_bytes()),
            "the kernel's answer"
        );
    }

    #[tokio::test]
    async fn a_link_local_peer_without_an_interface_is_unreachable() {
        let failure = connect(&candidate("[fe80::1]:7".parse().unwrap())).await.unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "{failure:?}");
    }

    #[tokio::test]
    async fn a_link_local_peer_is_reached_through_its_interface() {
        let link_local = neatflow_stacks::interfaces().unwrap().into_iter().find_map(|found| {
            let address =
                found.addresses.iter().copied().find(
                    |address| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()),
                )?;
            found.up.then_some((Arc::<str>::from(found.name), address))
        });
        let Some((name, address)) = link_local else {
            eprintln!("SKIPPED: this machine has no link-local address");
            return;
        };
        let mut on = ListenOn::new(SocketAddr::new(address, 0), properties(|_| ()));
        on.interface = Some(name.clone());
        let mut acceptor = listen(&on);
        // Without the scope, as a resolver would give it. The candidate is not bound to the device itself: what
        // goes to an own address travels over loopback.
        let remote = SocketAddr::new(address, acceptor.local().port());
        let mut candidate = candidate(remote);
        candidate.interface = Some(name);
        candidate.local = Some(SocketAddr::new(address, 0));
        let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
        assert_eq!(opened.unwrap().path.remote.port(), accepted.path.local.port());
    }

    #[tokio::test]
    async fn the_local_address_and_port_asked_for_are_used() {
        let source: IpAddr = "127.0.0.9".parse().unwrap();
        if !has(source) {
            return;
        }
        let mut acceptor = listen_at(V4);
        let mut first = candidate(acceptor.local());
        first.local = Some(SocketAddr::new(source, 0));
        let (opened, accepted) = tokio::join!(connect(&first), accept(&mut acceptor));
        let path = opened.unwrap().path;
        assert_eq!(path.local.ip(), source);
        assert_ne!(path.local.port(), 0);
        assert_eq!(accepted.path.remote, path.local);
        drop(accepted);

        // The port of a connection that lingers in TIME-WAIT can be asked for.
        let (_held, vacant) = vacant(source);
        let mut second = candidate(acceptor.local());
        second.local = Some(vacant);
        for _ in 0..2 {
            let mut elsewhere = listen_at(V4);
            second.remote = elsewhere.local();
            let (opened, accepted) = tokio::join!(connect(&second), accept(&mut elsewhere));
            let opened = opened.unwrap();
            assert_eq!(Some(opened.path.local), second.local);
            drop(opened);
            drop(accepted);
        }
    }

    #[tokio::test]
    async fn a_local_address_that_is_not_ours_or_is_taken_says_so() {
        let acceptor = listen_at(V4);
        let taken = listen_at(V4);
        for local in ["192.0.2.77:0".parse().unwrap(), taken.local(), SocketAddr::new(V6, 0)] {
            let mut candidate = candidate(acceptor.local());
            candidate.local = Some(local);
            let failure = connect(&candidate).await.unwrap_err();
            assert!(matches!(failure, Failure::LocalAddress(_)), "{local}: {failure:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn conn_timeout_bounds_the_handshake() {
        let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
        on.backlog = 0;
        let acceptor = listen(&on);
        // A full queue swallows the SYN of whoever comes next.
        let mut waiting = Vec::new();
        let mut candidate = candidate(acceptor.local());
        candidate.properties = properties(|it| it.connection.conn_timeout = Some(Duration::from_millis(300)));
        let failure = loop {
            match connect(&candidate).await {
                Ok(established) => waiting.push(established),
                Err(failure) => break failure,
            }
            assert!(waiting.len() < 10, "the queue never fills");
        };
        assert_eq!(failure, Failure::TimedOut);
    }

    #[tokio::test]
    async fn outside_a_runtime_it_fails_instead_of_panicking() {
        let acceptor = listen_at(V4);
        let mut on = ListenOn::new(SocketAddr::new(V4, 0), properties(|_| ()));
        on.shared = true;
        let remote = acceptor.local();
        let outside = std::thread::spawn(move || {
            let mut attempt = Tcp::new().connect(&candidate(remote), Progress::ignored());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(attempt) = attempt.as_mut().poll(&mut cx) else { panic!("nobody would wake it") };
            (attempt.is_err(), Tcp::new().listen(&on).is_err())
        });
        assert_eq!(outside.join().unwrap(), (true, true));
    }
}

mod listening {
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
}

mod closing {
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
}

mod failing {
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
                properties(|it| it.connection.conn_timeout = Some(Duration::from_millis(700)));
            candidate
        })
        .await;
        fill(&mut client).await;
        assert_eq!(failed(&mut client).await, Failure::TimedOut);
        assert_eq!(read(&mut client).await.unwrap_err(), Failure::TimedOut);
    }
}

mod acknowledging {
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
}

mod writing {
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
        let written =
            within(poll_fn(|cx| client.poll_write(cx, &[IoSlice::new(b""), IoSlice::new(b"")]))).await;
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
}

mod signals {
    use super::*;

    #[cfg(unix)]
    #[tokio::test]
    async fn writing_to_a_peer_that_is_gone_raises_no_sigpipe() {
        // SAFETY: no handler is installed, only the default action, and the other tests do not depend on it.
        #[expect(unsafe_code, reason = "no crate at hand has a safe function for this")]
        // From here on the signal would end this program.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL)
        };
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
}

mod moving {
    use super::*;

    /// Runs on an arbiter of its own; gives the connection back.
    fn elsewhere(
        portable: Box<dyn Portable>,
        heard: &'static [u8],
        answer: &'static [u8],
    ) -> Box<dyn Portable> {
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
}

mod obtaining {
    use super::*;

    #[tokio::test]
    async fn keep_alive_is_had_by_those_who_ask_for_it() {
        for (preference, obtained) in [
            (None, Offer::Never),
            (Some(Preference::Prefer), Offer::Always),
            (Some(Preference::Require), Offer::Always),
            (Some(Preference::Avoid), Offer::Never),
        ] {
            let wanted = properties(|it| {
                if let Some(preference) = preference {
                    it.selection.set(SelectionProperty::KeepAlive, preference);
                }
            });
            let mut acceptor = listen(&ListenOn::new(SocketAddr::new(V4, 0), wanted.clone()));
            let mut candidate = candidate(acceptor.local());
            candidate.properties = wanted;
            let (opened, accepted) = tokio::join!(connect(&candidate), accept(&mut acceptor));
            for offers in [opened.unwrap().offers, accepted.offers] {
                assert_eq!(offers.offer(SelectionProperty::KeepAlive), obtained, "{preference:?}");
                for property in SelectionProperty::ALL {
                    assert_ne!(offers.offer(*property), Offer::Optional, "{property}");
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_system_reports_what_it_measures() {
        let (mut client, mut server) = pair().await;
        write_all(&mut client, &[1; 100_000]).await.unwrap();
        let mut received = 0;
        while received < 100_000 {
            received += read(&mut server).await.unwrap().len();
        }
        acknowledged(&mut client).await.unwrap();
        let report = client.report();
        assert!(
            report.rtt.is_some_and(|rtt| rtt > Duration::ZERO && rtt < Duration::from_secs(10)),
            "{report:?}"
        );
        assert!(report.rtt_variation.is_some(), "{report:?}");
        assert!(report.congestion_window.is_some_and(|window| window >= 1_000), "{report:?}");
        assert!(report.delivery_rate.is_some(), "{report:?}");
        assert!(report.retransmissions.is_some(), "{report:?}");
        assert_eq!(report.unacknowledged, Some(0));
    }
}

/// The options, as the kernel sees them on the descriptors of this process.
#[cfg(target_os = "linux")]
mod options {
    use super::*;
    use socket2::SockRef;
    use std::os::fd::BorrowedFd;

    /// Asks the socket of a connection; the descriptor is found by its addresses.
    pub(super) fn of<T>(wire: &dyn StreamWire, ask: impl FnOnce(SockRef<'_>) -> T) -> T {
        let path = wire.path();
        for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
            let number = entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: the wire is borrowed, so the descriptor that is asked below stays open. Others may be closed
            // by then: asking them for their addresses gives an error, and they are passed over.
            #[expect(unsafe_code, reason = "the wire does not show its descriptor")]
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            let socket = SockRef::from(&descriptor);
            let is = |address: io::Result<socket2::SockAddr>, wanted| {
                address.is_ok_and(|address| address.as_socket() == Some(wanted))
            };
            if is(socket.local_addr(), path.local) && is(socket.peer_addr(), path.remote) {
                return ask(socket);
            }
        }
        panic!("no socket for {path:?}");
    }

    #[tokio::test]
    async fn everything_asked_for_is_set_on_both_ends_and_both_families() {
        let wanted = properties(|it| {
            it.connection.keep_alive_timeout = Some(Duration::from_millis(41_500));
            it.connection.conn_timeout = Some(Duration::from_millis(12_345));
            it.connection.conn_capacity_profile = CapacityProfile::LowLatencyInteractive;
        });
        for address in [V4, V6] {
            if !has(address) {
                continue;
            }
            let acceptor = listen(&ListenOn::new(SocketAddr::new(address, 0), wanted.clone()));
            let (client, server) = pair_with(acceptor, |remote| {
                let mut candidate = candidate(remote);
                candidate.properties = wanted.clone();
                candidate
            })
            .await;
            for wire in [client, server] {
                of(&*wire, |socket| {
                    assert!(socket.tcp_nodelay().unwrap());
                    assert!(socket.keepalive().unwrap());
                    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(42));
                    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(12_345)));
                    let octet = if address.is_ipv4() { socket.tos_v4() } else { socket.tclass_v6() };
                    assert_eq!(octet.unwrap(), 34 << 2);
                });
            }
        }
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_not_set() {
        let (client, server) = pair().await;
        for wire in [client, server] {
            of(&*wire, |socket| {
                assert!(socket.tcp_nodelay().unwrap());
                assert!(!socket.keepalive().unwrap());
                assert_eq!(socket.tcp_user_timeout().unwrap(), None);
                assert_eq!(socket.tos_v4().unwrap(), 0);
                assert_eq!(socket.device().unwrap(), None);
                assert!(socket.nonblocking().unwrap());
            });
        }
    }

    #[tokio::test]
    async fn extreme_timeouts_are_brought_into_range() {
        for extreme in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let wanted = properties(|it| {
                it.connection.keep_alive_timeout = Some(extreme);
                // The shortest would end the handshake before it began.
                it.connection.conn_timeout = Some(extreme.max(Duration::from_secs(1)));
            });
            let (client, _server) = pair_with(listen_at(V4), |remote| {
                let mut candidate = candidate(remote);
                candidate.properties = wanted;
                candidate
            })
            .await;
            of(&*client, |socket| {
                assert!(socket.keepalive().unwrap());
                assert!(socket.tcp_user_timeout().unwrap().is_some());
            });
        }
    }
}
