//! What is said of a single message, and what becomes of its datagram.

use super::*;
use neatflow_core::properties::Contradiction;

fn said(edit: impl FnOnce(&mut MessageProperties)) -> Message {
    let mut properties = MessageProperties::new();
    edit(&mut properties);
    Message::new("said").with_properties(&properties)
}

#[tokio::test]
async fn what_a_datagram_cannot_be_is_refused_with_its_name_and_the_next_goes() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (client, server) = pair(&mut acceptor).await;
        for mut wire in [client, server] {
            let refusals = [
                (said(|it| it.safely_replayable = Some(false)), Contradiction::Replayed),
                (said(|it| it.msg_reliable = Some(true)), Contradiction::Unreliable),
                (said(|it| it.msg_ordered = Some(true)), Contradiction::Unordered),
            ];
            for (message, what) in refusals {
                let refusal = NotSent::Message(SendFailure::Properties(what));
                assert_eq!(try_send(&mut wire, &message).await, Err(refusal));
            }
            send(&mut wire, said(|it| it.msg_reliable = Some(false))).await;
        }
    }
}

/// The octet of the IP header that says how to treat a packet, of the next that comes.
#[cfg(target_os = "linux")]
fn hears_octet(peer: &UdpSocket) -> u8 {
    use std::mem::MaybeUninit;
    let (mut data, mut notes) = ([MaybeUninit::uninit(); 100], [MaybeUninit::<u8>::uninit(); 64]);
    let mut pieces = [socket2::MaybeUninitSlice::new(&mut data)];
    let mut message = socket2::MsgHdrMut::new().with_buffers(&mut pieces).with_control(&mut notes);
    socket2::SockRef::from(peer).recvmsg(&mut message, 0).unwrap();
    assert!(message.control_len() > size_of::<libc::cmsghdr>(), "the kernel tells the octet");
    // The only control message: its header, and an octet or an int of this machine's order.
    let at = size_of::<libc::cmsghdr>();
    // SAFETY: the kernel has written a header and at least one byte after it, as was just seen.
    #[expect(unsafe_code, reason = "the kernel has written it")]
    let octet = unsafe { notes[at].assume_init() };
    octet
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_message_has_the_capacity_profile_that_was_said_of_it_and_the_next_has_none() {
    use std::os::fd::AsFd;
    for address in both() {
        let peer = peer(address);
        let socket = socket2::SockRef::from(&peer);
        match address {
            IpAddr::V4(_) => socket.set_recv_tos_v4(true).unwrap(),
            IpAddr::V6(_) => socket.set_recv_tclass_v6(true).unwrap(),
        }
        let mut wire = connect(peer.local_addr().unwrap()).await;
        let profiles = [
            (Some(CapacityProfile::Scavenger), 1),
            (None, 0),
            (Some(CapacityProfile::LowLatencyInteractive), CapacityProfile::LowLatencyInteractive.dscp()),
            (Some(CapacityProfile::Default), 0),
        ];
        for (profile, dscp) in profiles {
            send(&mut wire, said(|it| it.msg_capacity_profile = profile)).await;
            assert_eq!(hears_octet(&peer), dscp << 2, "{profile:?} to {address}");
        }
        // A flow that was accepted marks its messages, too.
        let mut acceptor = listen_at(address);
        let caller = super::peer(address);
        match address {
            IpAddr::V4(_) => socket2::SockRef::from(&caller.as_fd()).set_recv_tos_v4(true).unwrap(),
            IpAddr::V6(_) => socket2::SockRef::from(&caller.as_fd()).set_recv_tclass_v6(true).unwrap(),
        }
        caller.send_to(b"hello", acceptor.local()).unwrap();
        let mut accepted = accept(&mut acceptor).await;
        send(&mut accepted, said(|it| it.msg_capacity_profile = Some(CapacityProfile::Scavenger))).await;
        assert_eq!(hears_octet(&caller), 1 << 2);
        send(&mut accepted, "as usual").await;
        assert_eq!(hears_octet(&caller), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_message_that_must_not_be_cut_goes_in_one_packet_or_not_at_all() {
    in_a_narrow_network(async || {
        for address in both() {
            let mut acceptor = listen_at(address);
            let (mut client, mut server) = pair(&mut acceptor).await;
            let fits = client.report().max_singular.unwrap();
            for accepted in [false, true] {
                let (from, to) = match accepted {
                    false => (&mut client, &mut server),
                    true => (&mut server, &mut client),
                };
                let whole = |len: usize, segments: bool| {
                    let mut message = said(|it| match segments {
                        true => it.no_fragmentation = Some(true),
                        false => it.no_segmentation = Some(true),
                    });
                    message.data = vec![7; len].into();
                    message
                };
                for segments in [false, true] {
                    let refused = try_send(from, &whole(fits + 1, segments)).await;
                    let Err(NotSent::Message(SendFailure::TooLarge { limit })) = refused else {
                        panic!("{refused:?} from {address}");
                    };
                    assert!(limit == fits, "{limit}, accepted: {accepted}");
                    send(from, whole(fits, segments)).await;
                    assert_eq!(receive(to).await.unwrap().len(), fits);
                    // The others are cut as before.
                    send(from, vec![8; 5_000]).await;
                    assert_eq!(receive(to).await.unwrap().len(), 5_000);
                }
            }
        }
    });
}
