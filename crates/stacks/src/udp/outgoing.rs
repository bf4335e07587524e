//! Sending: as a train, which the system cuts into datagrams, or one by one.

use super::system;
use neatflow_core::connection::Batch;
use std::io;
use tokio::net::UdpSocket;

/// How often a call is tried again when the system answers with an error, which may be of an earlier datagram.
const RETRIES: usize = 2;

/// How many go one by one before it is somebody else's turn.
const SINGLY: usize = 64;

/// What travels over every IPv6 link in one packet, without the headers (RFC 8200 §5). Few links of IPv4 have less. So
/// a train of datagrams that are no larger is not refused for their size.
const SMALL: usize = 1_280 - 40 - 8;

/// What sends for one connection.
///
/// The system takes a train whole or not at all, so what it refuses can be sent one by one. It refuses trains of
/// datagrams that exceed a packet, and on some paths trains of any kind (no checksums by the network card, IPsec); the
/// connection does not try in vain again.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The largest datagrams that may go in a train, as far as is known.
    in_trains: usize,
}

impl Outgoing {
    pub(super) fn new(socket: &UdpSocket) -> Self {
        Self { in_trains: if system::cuts_trains(socket) { usize::MAX } else { 0 } }
    }

    /// Sends messages from the front of the batch, none of which is longer than `longest`; how many, at least one.
    /// `call` sends a datagram, or a train of datagrams of this size.
    ///
    /// *Errors*: `WouldBlock`, or of the first message; none was sent.
    pub(super) fn send(
        &mut self,
        batch: &Batch<'_>,
        longest: usize,
        mut call: impl FnMut(&[u8], Option<usize>) -> io::Result<()>,
    ) -> io::Result<usize> {
        let size = batch.size;
        let train = self.train(batch, longest);
        if train > 1 {
            match again(|| call(&batch.data[..train * size], Some(size))) {
                Ok(()) => return Ok(train),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) if system::refuses_train(&error) => {
                    self.in_trains = if size > SMALL { size - 1 } else { 0 };
                }
                // What is wrong with it, its first datagram will tell.
                Err(_) => {}
            }
        }
        let most = batch.count.min(SINGLY);
        for sent in 0..most {
            match again(|| call(&batch.data[sent * size..][..size], None)) {
                Ok(()) => {}
                Err(error) if sent == 0 => return Err(error),
                Err(_) => return Ok(sent),
            }
        }
        Ok(most)
    }

    /// How many messages go in one train.
    fn train(&self, batch: &Batch<'_>, longest: usize) -> usize {
        if !(1..=self.in_trains).contains(&batch.size) {
            return 0;
        }
        // Until it is cut, it is one packet.
        batch.count.min(system::LONGEST_TRAIN).min(longest / batch.size)
    }
}

/// Calls, and again after an error: the system answers with what the network reported of an earlier datagram, and
/// then nothing was sent.
fn again(mut call: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut retries = 0;
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if retries < RETRIES => retries += 1,
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::MessageProperties;

    /// What the system answers to each call; after that it takes everything. And what it took: the size of each
    /// datagram, as it is on the wire.
    #[derive(Default)]
    struct System {
        answers: Vec<io::ErrorKind>,
        /// No train goes, for this reason.
        #[cfg(target_os = "linux")]
        refuses_trains: Option<i32>,
        calls: usize,
        sent: Vec<Vec<u8>>,
    }

    impl System {
        fn answering(answers: &[io::ErrorKind]) -> Self {
            Self { answers: answers.iter().rev().copied().collect(), ..Self::default() }
        }

        fn call(&mut self, data: &[u8], each: Option<usize>) -> io::Result<()> {
            self.calls += 1;
            if let Some(kind) = self.answers.pop() {
                return Err(kind.into());
            }
            #[cfg(target_os = "linux")]
            if let (Some(number), Some(_)) = (self.refuses_trains, each) {
                return Err(io::Error::from_raw_os_error(number));
            }
            assert!(data.len() <= 65_507 && each.is_none_or(|size| data.len() <= 64 * size));
            match each {
                Some(size) => self.sent.extend(data.chunks(size).map(<[u8]>::to_vec)),
                None => self.sent.push(data.to_vec()),
            }
            Ok(())
        }
    }

    /// So many messages of one size, each different.
    struct Messages {
        data: Vec<u8>,
        size: usize,
        count: usize,
    }

    impl Messages {
        fn new(size: usize, count: usize) -> Self {
            let data = (0..count).flat_map(|n| vec![n as u8; size]).collect();
            Self { data, size, count }
        }

        /// All but the first `sent`.
        fn after(&self, sent: usize) -> Batch<'_> {
            Batch {
                data: &self.data[sent * self.size..],
                size: self.size,
                count: self.count - sent,
                properties: MessageProperties::new(),
            }
        }

        fn each(&self) -> Vec<Vec<u8>> {
            (0..self.count).map(|n| vec![n as u8; self.size]).collect()
        }
    }

    fn outgoing() -> Outgoing {
        Outgoing { in_trains: usize::MAX }
    }

    fn send(outgoing: &mut Outgoing, batch: &Batch<'_>, system: &mut System) -> io::Result<usize> {
        outgoing.send(batch, 65_507, |data, each| system.call(data, each))
    }

    /// Sends all of them; in how many calls.
    fn send_all(outgoing: &mut Outgoing, messages: &Messages, system: &mut System) -> usize {
        let before = system.calls;
        let mut sent = 0;
        while sent < messages.count {
            sent += send(outgoing, &messages.after(sent), system).unwrap();
        }
        system.calls - before
    }

    #[test]
    fn an_error_of_an_earlier_datagram_costs_no_message() {
        let earlier = [io::ErrorKind::Interrupted, io::ErrorKind::ConnectionRefused];
        for count in [1, 5] {
            let (mut system, messages) = (System::answering(&earlier), Messages::new(10, count));
            send_all(&mut outgoing(), &messages, &mut system);
            assert_eq!(system.sent, messages.each());
        }
    }

    #[test]
    fn an_error_that_stays_is_of_the_first_message_and_soon_told() {
        for count in [1, 5] {
            let mut system = System::answering(&[io::ErrorKind::PermissionDenied; 100]);
            let refusal = send(&mut outgoing(), &Messages::new(10, count).after(0), &mut system);
            assert_eq!(refusal.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            assert!(system.sent.is_empty() && system.calls <= 2 * (1 + RETRIES));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn messages_of_one_size_go_in_trains_that_the_system_can_cut() {
        for (size, count, calls) in
            [(64, 64, 1), (64, 65, 2), (1_200, 108, 2), (30_000, 5, 3), (40_000, 2, 2)]
        {
            let (mut system, messages) = (System::default(), Messages::new(size, count));
            assert_eq!(send_all(&mut outgoing(), &messages, &mut system), calls, "{count} of {size}");
            assert_eq!(system.sent, messages.each());
        }
    }

    #[test]
    fn empty_messages_go_one_by_one() {
        let (mut system, messages) = (System::default(), Messages::new(0, 100));
        assert_eq!(send_all(&mut outgoing(), &messages, &mut system), 100);
        assert_eq!(system.sent, messages.each());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_refused_as_a_train_goes_one_by_one_and_is_not_tried_as_one_again() {
        for number in [libc::EIO, libc::EINVAL, libc::EMSGSIZE] {
            let mut outgoing = outgoing();
            let mut system = System { refuses_trains: Some(number), ..System::default() };
            let messages = Messages::new(1_000, 10);
            for vain in [1 + RETRIES, 0] {
                assert_eq!(send_all(&mut outgoing, &messages, &mut system), vain + 10);
                assert_eq!(std::mem::take(&mut system.sent), messages.each());
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn datagrams_that_exceed_a_packet_do_not_keep_smaller_ones_from_going_in_trains() {
        let mut outgoing = outgoing();
        let mut system = System { refuses_trains: Some(libc::EMSGSIZE), ..System::default() };
        let (large, small) = (Messages::new(2_000, 10), Messages::new(1_000, 10));
        send_all(&mut outgoing, &large, &mut system);
        system.refuses_trains = None;
        assert_eq!(send_all(&mut outgoing, &large, &mut system), 10);
        assert_eq!(send_all(&mut outgoing, &small, &mut system), 1);
    }

    #[test]
    fn a_socket_without_room_keeps_the_rest() {
        let messages = Messages::new(10, 5);
        for mut outgoing in [outgoing(), Outgoing { in_trains: 0 }] {
            let mut system = System::answering(&[io::ErrorKind::WouldBlock]);
            let blocked = send(&mut outgoing, &messages.after(0), &mut system);
            assert_eq!(blocked.unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert!(system.sent.is_empty());
        }
        // After two there is no room; what was taken is told, and the rest is sent later.
        let (mut outgoing, mut system) = (Outgoing { in_trains: 0 }, System::default());
        let mut room = 2;
        let sent = outgoing.send(&messages.after(0), 65_507, |data, each| {
            room -= 1;
            if room < 0 { Err(io::ErrorKind::WouldBlock.into()) } else { system.call(data, each) }
        });
        assert_eq!(sent.unwrap(), 2);
        send(&mut outgoing, &messages.after(2), &mut system).unwrap();
        assert_eq!(system.sent, messages.each());
    }
}
