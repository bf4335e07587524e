//! What becomes of each packet, and when: the network, apart from its devices and clocks.

use super::packet::{Headers, complete, refusal, unreachable};
use super::rule::{Fate, Rule};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The log keeps this many packets, the first ones.
const MOST_SEEN: usize = 65_536;

/// So many packets may be under way; more are lost.
const MOST_QUEUED: usize = 65_536;

/// A limited link holds this much, in time.
const QUEUE: Duration = Duration::from_millis(200);

/// An end of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// An interface of the client, by its place.
    Client(usize),
    Server,
}

/// An interface of the client, as the network sees it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
    /// Nothing goes through.
    pub(super) cut: bool,
}

/// A packet that reached the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// When, counted from the start of the box.
    pub at: Duration,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The interface of the client that it came over, or goes to.
    pub interface: String,
    /// The number of the protocol: 6 is TCP, 17 is UDP.
    pub protocol: u8,
    /// From where; the port is 0 where there are none.
    pub source: SocketAddr,
    /// To where.
    pub destination: SocketAddr,
    /// Whether it asks for a new TCP connection.
    pub syn: bool,
    /// Whether it ends a TCP connection or a direction of it: FIN or RST.
    pub end: bool,
}

/// When a packet is due, the order among those that are due at one time, where it goes, and what it is.
type Queued = (Duration, u64, End, Vec<u8>);

/// The network: packets and the time go in, packets come out when they are due.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) lines: Vec<Line>,
    rules: Vec<Rule>,
    /// Until when each rule's link is busy, in each direction.
    busy: BTreeMap<(usize, bool), Duration>,
    random: u64,
    queue: BinaryHeap<Reverse<Queued>>,
    /// Counts packets, to keep in order what is due at one time.
    count: u64,
    pub(super) seen: Vec<Seen>,
}

impl Relay {
    pub(super) fn new(lines: Vec<Line>, rules: Vec<Rule>) -> Self {
        Self {
            lines,
            rules,
            busy: BTreeMap::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            queue: BinaryHeap::new(),
            count: 0,
            seen: Vec::new(),
        }
    }

    /// Other rules for packets that come from now on.
    pub(super) fn rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
        self.busy.clear();
    }

    /// A packet has come in at this end.
    pub(super) fn arrived(&mut self, end: End, packet: &[u8], now: Duration) {
        let Some(headers) = Headers::read(packet) else { return };
        // Neighbours talk to each other; nobody is told.
        if headers.destination.ip().is_multicast() || headers.destination.ip() == IpAddr::from([255; 4]) {
            return;
        }
        let from_client = end != End::Server;
        let (server, line) = match end {
            End::Client(line) => (headers.destination, Some(line)),
            End::Server => (headers.source, self.line_of(headers.destination.ip())),
        };
        let Some(line) = line else { return };
        self.note(&headers, from_client, line, now);
        if self.lines[line].cut || self.queue.len() >= MOST_QUEUED {
            return;
        }
        let other = if from_client { End::Server } else { End::Client(line) };
        let interface = &self.lines[line].name;
        let found = self.rules.iter().position(|rule| rule.is_for(server, headers.protocol, interface));
        let Some(found) = found else { return self.push(now, other, packet) };
        let effect = self.rules[found].effect;
        match effect.fate {
            Fate::Passes => {
                if effect.loss > 0.0 && self.chance() < effect.loss {
                    return;
                }
                let Some(mut due) = self.through(found, from_client, effect.rate, packet.len(), now) else {
                    return;
                };
                if from_client {
                    due += effect.delay;
                }
                self.push(due, other, packet);
            }
            Fate::Refuses(after) if from_client => self.answer(now + after, end, refusal(packet)),
            Fate::Unreachable(why, after) if from_client && !headers.is_end() => {
                self.answer(now + after, end, unreachable(packet, why));
            }
            Fate::Drops | Fate::Refuses(_) | Fate::Unreachable(..) => {}
        }
    }

    /// The next packet that is due, and where it goes.
    pub(super) fn due(&mut self, now: Duration) -> Option<(End, Vec<u8>)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, _, end, packet)) = self.queue.pop()?;
        // A line may have been cut since.
        let cut = matches!(end, End::Client(line) if self.lines[line].cut);
        if cut { self.due(now) } else { Some((end, packet)) }
    }

    /// When the next packet is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse((due, ..))| *due)
    }

    fn line_of(&self, client: IpAddr) -> Option<usize> {
        self.lines.iter().position(|line| line.addresses.contains(&client))
    }

    fn note(&mut self, headers: &Headers, from_client: bool, line: usize, at: Duration) {
        if self.seen.len() < MOST_SEEN {
            self.seen.push(Seen {
                at,
                from_client,
                interface: self.lines[line].name.clone(),
                protocol: headers.protocol,
                source: headers.source,
                destination: headers.destination,
                syn: headers.is_syn(),
                end: headers.is_end(),
            });
        }
    }

    fn push(&mut self, due: Duration, to: End, packet: &[u8]) {
        let mut packet = packet.to_vec();
        complete(&mut packet);
        self.answer(due, to, Some(packet));
    }

    fn answer(&mut self, due: Duration, to: End, packet: Option<Vec<u8>>) {
        if let Some(packet) = packet {
            self.count += 1;
            self.queue.push(Reverse((due, self.count, to, packet)));
        }
    }

    /// When a packet of so many bytes has gone through a rule's link; `None` if it finds its queue full.
    fn through(
        &mut self,
        rule: usize,
        from_client: bool,
        rate: Option<u64>,
        bytes: usize,
        now: Duration,
    ) -> Option<Duration> {
        let Some(rate) = rate else { return Some(now) };
        let takes = Duration::from_nanos(bytes as u64 * 8 * 1_000_000_000 / rate.max(1));
        let busy = self.busy.entry((rule, from_client)).or_default();
        let begins = now.max(*busy);
        if begins - now > QUEUE {
            return None;
        }
        *busy = begins + takes;
        Some(*busy)
    }

    /// From 0 to 1; the same numbers in each run.
    fn chance(&mut self) -> f64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{addresses, syn, udp};
    use super::super::packet::{TCP, Unreachable};
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn relay(rules: Vec<Rule>) -> Relay {
        let line = |name: &str, addresses: Vec<IpAddr>| Line { name: name.to_owned(), addresses, cut: false };
        let first = line("net0", vec![addresses(false).0, addresses(true).0]);
        let second = line("net1", vec!["198.51.100.11".parse().unwrap()]);
        Relay::new(vec![first, second], rules)
    }

    /// When something comes out at which end, if it does.
    fn fate(relay: &mut Relay, packet: &[u8]) -> Option<(u64, End)> {
        relay.arrived(End::Client(0), packet, ms(100));
        let at = relay.next()?;
        assert_eq!(relay.due(at - Duration::from_nanos(1)), None, "too early");
        let (end, _) = relay.due(at)?;
        Some(((at - ms(100)).as_millis().try_into().unwrap(), end))
    }

    #[test]
    fn without_rules_everything_goes_through_at_once() {
        let mut relay = relay(Vec::new());
        assert_eq!(fate(&mut relay, &syn(true)), Some((0, End::Server)));
        assert_eq!(fate(&mut relay, &udp(false)), Some((0, End::Server)));
    }

    #[test]
    fn the_first_rule_that_is_for_it_decides() {
        let rules = vec![
            Rule::v6().tcp().delay(ms(40)),
            Rule::v6().dropped(),
            Rule::to("192.0.2.1").tcp().refused(ms(20)),
            Rule::all().unreachable(Unreachable::Host, ms(5)),
        ];
        let mut relay = relay(rules);
        assert_eq!(fate(&mut relay, &syn(true)), Some((40, End::Server)));
        assert_eq!(fate(&mut relay, &udp(true)), None);
        assert_eq!(fate(&mut relay, &syn(false)), Some((20, End::Client(0))));
        assert_eq!(fate(&mut relay, &udp(false)), Some((5, End::Client(0))));
        assert!(relay.seen[0].syn && relay.seen[0].protocol == TCP && relay.seen.len() == 4);
    }

    #[test]
    fn what_is_dropped_is_dropped_both_ways() {
        let mut relay = relay(vec![Rule::v4().dropped()]);
        let back = refusal(&syn(false)).unwrap();
        relay.arrived(End::Server, &back, ms(0));
        assert_eq!(relay.next(), None);
        let back = refusal(&syn(true)).unwrap();
        relay.arrived(End::Server, &back, ms(0));
        assert_eq!(relay.due(ms(0)).unwrap().0, End::Client(0));
    }

    #[test]
    fn packets_of_one_moment_stay_in_order() {
        let mut relay = relay(Vec::new());
        for packet in [syn(true), udp(true), udp(false), syn(false)] {
            relay.arrived(End::Client(0), &packet, ms(1));
        }
        let lengths: Vec<_> = std::iter::from_fn(|| relay.due(ms(1)))
            .map(|(_, packet)| Headers::read(&packet).unwrap().protocol)
            .collect();
        assert_eq!(lengths, [6, 17, 17, 6]);
    }

    #[test]
    fn a_limited_link_takes_its_time_and_loses_what_does_not_fit() {
        // 60 bytes: 48 ms each.
        let mut relay = relay(vec![Rule::all().rate(10_000)]);
        for _ in 0..10 {
            relay.arrived(End::Client(0), &syn(true), ms(0));
        }
        let mut out = Vec::new();
        while let Some(at) = relay.next() {
            out.push(at);
            relay.due(at).unwrap();
        }
        assert_eq!(out, [48, 96, 144, 192, 240].map(ms));
    }

    #[test]
    fn a_share_of_packets_is_lost_and_always_the_same() {
        let passed = || {
            let mut relay = relay(vec![Rule::all().loss(0.3)]);
            let mut passes = |_| {
                relay.arrived(End::Client(0), &udp(true), ms(0));
                relay.due(ms(0)).is_some()
            };
            (0..1000).map(&mut passes).collect::<Vec<_>>()
        };
        let share = passed().iter().filter(|passes| **passes).count();
        assert!((650..750).contains(&share), "{share}");
        assert_eq!(passed(), passed());
    }

    #[test]
    fn a_line_that_is_cut_loses_what_was_under_way_to_the_client() {
        let mut relay = relay(vec![Rule::v6().refused(ms(10))]);
        relay.arrived(End::Client(0), &syn(true), ms(0));
        relay.lines[0].cut = true;
        relay.arrived(End::Client(0), &syn(false), ms(1));
        assert_eq!(relay.due(ms(20)), None);
        assert_eq!(relay.seen.len(), 2);
    }

    #[test]
    fn an_answer_goes_to_the_line_that_has_its_address() {
        let mut relay = relay(Vec::new());
        let mut back = refusal(&syn(false)).unwrap();
        back[19] = 11;
        relay.arrived(End::Server, &back, ms(0));
        assert_eq!(relay.due(ms(0)).unwrap().0, End::Client(1));
        back[19] = 99;
        relay.arrived(End::Server, &back, ms(0));
        assert_eq!(relay.due(ms(0)), None);
    }
}
