//! What is on its way, and what comes back: machines, which time is told to.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a server answers what it should have sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoEcho;

/// Messages on a byte stream: they come back in their order, whatever the pieces.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    sent: VecDeque<Instant>,
    /// How much of the first one has come back.
    came: usize,
}

impl InOrder {
    pub(super) fn on_the_way(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// These bytes came; every message was `message`. `answered` hears how long each took that is whole now.
    ///
    /// *Errors*: they are not what was sent, or more.
    pub(super) fn came(
        &mut self,
        mut data: &[u8],
        message: &[u8],
        now: Instant,
        mut answered: impl FnMut(Duration),
    ) -> Result<(), NoEcho> {
        while !data.is_empty() {
            let rest = &message[self.came..];
            let piece = rest.len().min(data.len());
            let Some(sent) = self.sent.front() else { return Err(NoEcho) };
            if rest[..piece] != data[..piece] {
                return Err(NoEcho);
            }
            if piece == rest.len() {
                answered(now.saturating_duration_since(*sent));
                self.sent.pop_front();
                self.came = 0;
            } else {
                self.came += piece;
            }
            data = &data[piece..];
        }
        Ok(())
    }
}

/// How many datagrams may lie between the oldest that is waited for and the newest.
const SPAN: u64 = 1 << 15;

/// Datagrams, each with its number in its first bytes: they come back in any order, twice, or never.
#[derive(Debug)]
pub(super) struct Numbered {
    /// How many bytes the number has.
    digits: usize,
    /// The number of the first in `sent`.
    first: u64,
    /// When they were sent; `None` for those that nobody waits for any more.
    sent: VecDeque<Option<Instant>>,
    waiting: usize,
}

impl Numbered {
    /// For datagrams of this size.
    pub(super) fn new(size: usize) -> Self {
        Self { digits: size.min(8), first: 0, sent: VecDeque::new(), waiting: 0 }
    }

    pub(super) fn on_the_way(&self) -> usize {
        self.waiting
    }

    /// Whether the next one could be told from those on the way.
    pub(super) fn has_room(&self) -> bool {
        let span = if self.digits < 2 { 1 << 7 } else { SPAN };
        (self.sent.len() as u64) < span
    }

    /// Writes the next number into a datagram that is sent now.
    pub(super) fn sent(&mut self, datagram: &mut [u8], now: Instant) {
        let number = self.first + self.sent.len() as u64;
        datagram[..self.digits].copy_from_slice(&number.to_le_bytes()[..self.digits]);
        self.sent.push_back(Some(now));
        self.waiting += 1;
    }

    /// A datagram came, or came back unsent: when it was sent; `None` if nobody waits for it.
    pub(super) fn came(&mut self, datagram: &[u8]) -> Option<Instant> {
        let mut number = self.first.to_le_bytes();
        let digits = datagram.get(..self.digits)?;
        number[..self.digits].copy_from_slice(digits);
        let mut number = u64::from_le_bytes(number);
        if number < self.first && self.digits < 8 {
            number += 1 << (8 * self.digits);
        }
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let sent = self.sent.get_mut(place)?.take()?;
        self.waiting -= 1;
        self.forget();
        Some(sent)
    }

    /// Gives up those that were sent before; how many.
    pub(super) fn lose(&mut self, before: Instant) -> u64 {
        let mut lost = 0;
        while let Some(sent) = self.sent.front_mut() {
            match sent {
                Some(at) if *at >= before => break,
                Some(_) => {
                    *sent = None;
                    lost += 1;
                }
                None => {}
            }
            self.forget();
        }
        self.waiting -= lost;
        lost as u64
    }

    fn forget(&mut self) {
        while let Some(None) = self.sent.front() {
            self.sent.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_whole_when_its_last_byte_came_whatever_the_pieces() {
        for piece in 1..=20 {
            let (mut way, began) = (InOrder::default(), Instant::now());
            let stream: Vec<u8> = b"abcdef".repeat(10);
            (0..10).for_each(|_| way.sent(began));
            let mut answered = 0;
            for (n, piece) in stream.chunks(piece).enumerate() {
                let now = began + Duration::from_millis(n as u64);
                way.came(piece, b"abcdef", now, |took| {
                    assert_eq!(took, Duration::from_millis(n as u64));
                    answered += 1;
                })
                .unwrap();
            }
            assert_eq!((answered, way.on_the_way()), (10, 0));
        }
    }

    #[test]
    fn what_was_not_sent_is_no_echo() {
        let now = Instant::now();
        for wrong in [&b"abX"[..], b"abcabcabc"] {
            let mut way = InOrder::default();
            (0..2).for_each(|_| way.sent(now));
            assert_eq!(way.came(wrong, b"abc", now, |_| ()), Err(NoEcho));
        }
    }

    fn send(way: &mut Numbered, size: usize, now: Instant) -> Vec<u8> {
        let mut datagram = vec![0; size];
        way.sent(&mut datagram, now);
        datagram
    }

    #[test]
    fn a_datagram_is_known_by_its_number_in_any_order_and_only_once() {
        for size in [1, 2, 3, 8, 100] {
            let (mut way, now) = (Numbered::new(size), Instant::now());
            for round in 0..1_000 {
                let datagrams: Vec<_> = (0..5).map(|_| send(&mut way, size, now)).collect();
                for place in [3, 0, 4, 1, 2] {
                    assert_eq!(way.came(&datagrams[place]), Some(now), "size {size}, round {round}");
                    assert_eq!(way.came(&datagrams[place]), None, "size {size}, round {round}");
                }
                assert_eq!(way.on_the_way(), 0);
            }
        }
    }

    #[test]
    fn what_was_sent_too_long_ago_is_lost_and_its_late_answer_is_nobodys() {
        let (mut way, began) = (Numbered::new(8), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        let datagrams: Vec<_> = (0..4).map(|n| send(&mut way, 8, at(n))).collect();
        assert_eq!(way.came(&datagrams[1]), Some(at(1)));
        assert_eq!(way.lose(at(3)), 2);
        assert_eq!(way.came(&datagrams[0]), None);
        assert_eq!(way.on_the_way(), 1);
        assert_eq!(way.came(&datagrams[3]), Some(at(3)));
        assert_eq!(way.lose(at(9)), 0);
    }

    #[test]
    fn however_many_are_lost_memory_is_bounded() {
        for (size, most) in [(1, 128), (2, SPAN), (64, SPAN)] {
            let (mut way, now) = (Numbered::new(size), Instant::now());
            let mut sent = 0;
            while way.has_room() {
                send(&mut way, size, now);
                sent += 1;
            }
            assert_eq!(sent, most);
        }
    }
}
