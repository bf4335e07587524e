//! Many messages at once: each is still one datagram.

use super::*;

/// So many messages of one size, end to end, each different from its neighbours.
fn content(size: usize, count: usize) -> Vec<u8> {
    (0..size * count).map(|n| (n * 31 / 7 + n / size) as u8).collect()
}

async fn arrive_whole(from: &mut End, to: &mut End, size: usize, count: usize) {
    let data = content(size, count);
    send_all(from, &data, size, count).await;
    for n in 0..count {
        let message = receive(to).await.unwrap();
        assert!(message.data == data[n * size..][..size], "message {n} of {count} with {size} bytes");
    }
}

#[tokio::test]
async fn a_burst_arrives_message_by_message_in_both_directions() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (mut client, mut server) = pair(&mut acceptor).await;
        for (size, count) in
            [(1, 100), (64, 64), (64, 100), (1_000, 70), (1_472, 30), (1_473, 3), (9_000, 8), (20_000, 5)]
        {
            arrive_whole(&mut client, &mut server, size, count).await;
            arrive_whole(&mut server, &mut client, size, count).await;
        }
    }
}

#[tokio::test]
async fn bursts_of_other_sizes_and_empty_messages_keep_their_order() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (mut client, mut server) = pair(&mut acceptor).await;
        let bursts = [(64, 20), (0, 3), (1, 1), (63, 20), (0, 1), (1_400, 10), (64, 2)];
        for (from, to) in [(&mut client, &mut server)] {
            for (size, count) in bursts {
                send_all(from, &content(size.max(1), count)[..size * count], size, count).await;
            }
            for (size, count) in bursts {
                let data = content(size.max(1), count);
                for n in 0..count {
                    let message = receive(to).await.unwrap();
                    assert!(message.data == data[n * size..][..size], "{n} of {count} with {size} bytes");
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_burst_is_one_call_and_each_message_has_the_marks_of_its_packet() {
    for address in both() {
        let mut acceptor = listen_at(address);
        let (mut client, mut server) = pair(&mut acceptor).await;
        for (bits, ecn) in [(2, Ecn::Ect0), (3, Ecn::Ce)] {
            // With a code point, which a batch is to keep.
            let octet = 0xb8 | bits;
            of(&*client, |socket| {
                if address.is_ipv4() { socket.set_tos_v4(octet) } else { socket.set_tclass_v6(octet) }
                    .unwrap();
            });
            assert_eq!(send_all(&mut client, &content(100, 50), 100, 50).await, 1);
            for _ in 0..50 {
                assert_eq!(receive(&mut server).await.unwrap().context.ecn, Some(ecn));
            }
            let stranger = peer(address);
            let mut wire = connect(stranger.local_addr().unwrap()).await;
            of(&*wire, |socket| {
                if address.is_ipv4() { socket.set_tos_v4(octet) } else { socket.set_tclass_v6(octet) }
                    .unwrap();
            });
            let sees = socket2::SockRef::from(&stranger);
            if address.is_ipv4() { sees.set_recv_tos_v4(true) } else { sees.set_recv_tclass_v6(true) }
                .unwrap();
            send_all(&mut wire, &content(100, 5), 100, 5).await;
            for _ in 0..5 {
                assert_eq!(octet_of_next(&stranger), octet as u8);
            }
        }
    }
}

#[tokio::test]
async fn answers_to_many_clients_go_to_each_of_them_in_bursts() {
    let mut acceptor = listen_at("0.0.0.0".parse().unwrap());
    let local = SocketAddr::new(V4, acceptor.local().port());
    let mut ends = Vec::new();
    for n in 0..5u8 {
        let mut client = connect(local).await;
        send_all(&mut client, &[n; 300], 30, 10).await;
        ends.push((client, accept(&mut acceptor).await));
    }
    for (n, (client, server)) in ends.iter_mut().enumerate() {
        for _ in 0..10 {
            assert_eq!(receive(server).await.unwrap().data[..], [n as u8; 30]);
        }
        send_all(server, &[n as u8; 400], 40, 10).await;
        for _ in 0..10 {
            // The client is connected to the address it spoke to, and hears no other.
            assert_eq!(receive(client).await.unwrap().data[..], [n as u8; 40]);
        }
    }
}

#[tokio::test]
async fn no_message_of_a_batch_is_lost_to_the_report_of_another_or_sent_twice() {
    for address in both() {
        let remote = vacant(address);
        let mut wire = connect(remote).await;
        for _ in 0..20 {
            send_all(&mut wire, &content(50, 30), 50, 30).await;
        }
        let peer = UdpSocket::bind(remote).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        for round in 0..10u8 {
            let data: Vec<u8> = (0..30).flat_map(|n| [round, n]).collect();
            send_all(&mut wire, &data, 2, 30).await;
            for n in 0..30 {
                assert_eq!(hears(&peer).0, [round, n]);
            }
        }
        peer.set_nonblocking(true).unwrap();
        assert!(peer.recv_from(&mut [0; 8]).is_err(), "nothing came twice");
    }
}

#[tokio::test]
async fn a_batch_of_messages_that_are_too_large_is_refused_from_its_first_on() {
    let peer = peer(V4);
    let mut wire = connect(peer.local_addr().unwrap()).await;
    let data = vec![0; 2 * 65_508];
    let batch = Batch { data: &data, size: 65_508, count: 2, properties: MessageProperties::new() };
    let refusal = within(poll_fn(|cx| wire.poll_send(cx, &batch))).await;
    assert_eq!(refusal, Err(NotSent::Message(SendFailure::TooLarge { limit: 65_507 })));
    assert_eq!(send_all(&mut wire, &content(10, 5), 10, 5).await, 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_the_system_refuses_trains_messages_go_one_by_one() {
    // Without checksums the kernel cuts nothing; only IPv4 can do without.
    let mut acceptor = listen_at(V4);
    let (mut client, mut server) = pair(&mut acceptor).await;
    of(&*client, |socket| set(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1));
    for size in [1_400, 1_000, 64] {
        arrive_whole(&mut client, &mut server, size, 30).await;
    }
    of(&*client, |socket| set(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, 0));
    arrive_whole(&mut client, &mut server, 64, 30).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_train_whose_last_datagram_is_shorter_is_cut_where_it_ends() {
    let mut acceptor = listen_at(V4);
    let client = peer(V4);
    client.connect(acceptor.local()).unwrap();
    set(socket2::SockRef::from(&client), libc::SOL_UDP, libc::UDP_SEGMENT, 300);
    let data = content(1, 1_000);
    client.send(&data).unwrap();
    client.send(&data[..1]).unwrap();
    let mut server = accept(&mut acceptor).await;
    for part in data.chunks(300).chain([&data[..1]]) {
        assert_eq!(receive(&mut server).await.unwrap().data, part);
    }
}

#[tokio::test]
async fn a_peer_in_python_sees_each_datagram_and_is_heard_datagram_by_datagram() {
    const PEER: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
s.settimeout(20)
print(s.getsockname()[1], flush=True)
came = [s.recvfrom(70000) for _ in range(int(sys.argv[1]))]
for data, back in came: s.sendto(data, back)
print(' '.join(str(len(data)) for data, _ in came), flush=True)
";
    let bursts = [(64, 40), (0, 2), (1_000, 30), (7, 1), (0, 1), (1, 64)];
    let sizes: Vec<usize> = bursts.iter().flat_map(|(size, count)| vec![*size; *count]).collect();
    let python = std::process::Command::new("python3")
        .args(["-c", PEER, &sizes.len().to_string()])
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        return skip("this machine has no python3");
    };
    let mut told = BufReader::new(python.stdout.take().unwrap()).lines();
    let port: u16 = told.next().unwrap().unwrap().parse().unwrap();
    let mut wire = connect(SocketAddr::new(V4, port)).await;
    for (size, count) in bursts {
        send_all(&mut wire, &content(size.max(1), count)[..size * count], size, count).await;
    }
    let came: Vec<usize> = told.next().unwrap().unwrap().split(' ').map(|len| len.parse().unwrap()).collect();
    assert_eq!(came, sizes);
    for (size, count) in bursts {
        let data = content(size.max(1), count);
        for n in 0..count {
            assert_eq!(receive(&mut wire).await.unwrap().data, data[n * size..][..size]);
        }
    }
    assert!(python.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn what_exceeds_a_packet_is_fragmented_singly_and_in_bursts() {
    in_a_narrow_network(async || {
        for address in both() {
            let mut acceptor = listen_at(address);
            let (mut client, mut server) = pair(&mut acceptor).await;
            let fits = client.report().max_singular.unwrap();
            assert_eq!(fits, 1_280 - if address.is_ipv4() { 28 } else { 48 });
            for (size, count) in [(20_000, 1), (2_000, 10), (20_000, 3), (fits + 1, 10), (fits, 20), (64, 64)]
            {
                arrive_whole(&mut client, &mut server, size, count).await;
                arrive_whole(&mut server, &mut client, size, count).await;
            }
            // In trains again, though what exceeds a packet went one by one.
            assert_eq!(send_all(&mut client, &content(fits, 20), fits, 20).await, 1);
        }
    });
}
