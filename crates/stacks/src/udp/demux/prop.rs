//! Whatever comes in whatever order, nobody sleeps through what is there for them, and the bounds hold.

use super::*;
use quickcheck::{Arbitrary, Gen, QuickCheck};

const LIMITS: Limits = Limits {
    flows: 6,
    flow_bytes: 3 * (OVERHEAD + 100),
    bytes: 40 * OVERHEAD,
    idle: Duration::from_millis(100),
};
const BACKLOG: usize = 4;
const MANY: usize = 3;

/// One thing that happens. Flows are named by their place among those that are held.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arrives {
        source: u8,
        len: u16,
    },
    Accept,
    Take(u8),
    TakeReport(u8),
    Sent(u8),
    Reported {
        source: u8,
    },
    Remove(u8),
    Stop,
    /// So many milliseconds pass, and what is due is done.
    Pass(u8),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let n = u8::arbitrary(g);
        match u8::arbitrary(g) % 100 {
            0..40 => Self::Arrives { source: n % 8, len: u16::arbitrary(g) % 300 },
            40..52 => Self::Accept,
            52..72 => Self::Take(n),
            72..76 => Self::TakeReport(n),
            76..80 => Self::Sent(n),
            80..84 => Self::Reported { source: n % 8 },
            84..90 => Self::Remove(n),
            90 if n < 64 => Self::Stop,
            _ => Self::Pass(n % 128),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Arrives { source, len } => {
                Box::new((source, len).shrink().map(|(source, len)| Self::Arrives { source, len }))
            }
            Self::Pass(millis) => Box::new(millis.shrink().map(Self::Pass)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}

/// A party that was told that there is nothing sleeps until it is woken.
#[derive(Debug, Default)]
struct Party {
    sleeps: bool,
    reports_sleep: bool,
}

/// A flow as it should be: too simple to be wrong.
#[derive(Debug)]
struct Model {
    id: FlowId,
    ends: Ends,
    queue: VecDeque<Message>,
    active: Time,
    ended: bool,
    reported: bool,
    party: Party,
}

struct World {
    demux: Demux,
    now: Time,
    held: Vec<Model>,
    /// Flows that nobody has accepted, and what came for them.
    waiting: VecDeque<(Ends, VecDeque<Message>)>,
    acceptor_sleeps: bool,
    stopped: bool,
    serial: usize,
}

impl World {
    fn new() -> Self {
        Self {
            demux: Demux::new(LIMITS, BACKLOG),
            now: Time::ZERO,
            held: Vec::new(),
            waiting: VecDeque::new(),
            acceptor_sleeps: false,
            stopped: false,
            serial: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Arrives { source, len } => self.arrives(ends(source), len.into()),
            Step::Accept => self.accept(),
            Step::Stop => {
                self.demux.stop();
                self.stopped = true;
                self.waiting.clear();
            }
            Step::Reported { source } => self.reported(ends(source).remote),
            Step::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
            Step::Take(n) | Step::TakeReport(n) | Step::Sent(n) | Step::Remove(n) => {
                if !self.held.is_empty() {
                    let at = usize::from(n) % self.held.len();
                    self.of_flow(step, at);
                }
            }
        }
        self.judge();
    }

    fn arrives(&mut self, ends: Ends, len: usize) {
        self.serial += 1;
        let mut bytes = self.serial.to_le_bytes().to_vec();
        bytes.resize(8 + len, 0);
        let message = Message::new(bytes);
        let (held, bytes) = (self.demux.slots.len() - self.demux.free.len(), self.demux.bytes);
        let refused = self.demux.refused();
        let woken = self.demux.arrived(ends, message.clone(), self.now);
        let queued = self.demux.bytes > bytes;
        if let Some(flow) = self.held.iter_mut().find(|flow| flow.ends == ends && !flow.ended) {
            flow.active = self.now;
            assert!(queued || !flow.queue.is_empty() || bytes + cost(&message) > LIMITS.bytes);
            if queued {
                flow.queue.push_back(message);
            }
        } else if let Some((_, queue)) = self.waiting.iter_mut().find(|(known, _)| *known == ends) {
            if queued {
                queue.push_back(message);
            }
        } else if queued {
            assert!(!self.stopped && held < LIMITS.flows && self.waiting.len() < BACKLOG);
            self.waiting.push_back((ends, VecDeque::from([message])));
        } else {
            let counted = self.demux.refused() - refused;
            assert_eq!(counted, u64::from(!self.stopped), "whoever is turned away is counted");
        }
        self.wake(woken);
    }

    fn accept(&mut self) {
        let accepted = self.demux.accept(self.now);
        self.acceptor_sleeps = accepted.is_none();
        let expected = self.waiting.pop_front();
        assert_eq!(accepted.map(|(_, ends)| ends), expected.as_ref().map(|(ends, _)| *ends), "first come");
        if let (Some((id, ends)), Some((_, queue))) = (accepted, expected) {
            assert!(!queue.is_empty(), "a flow begins with a message");
            assert!(self.held.iter().all(|flow| flow.id != id), "one flow, one name");
            let (active, party) = (self.now, Party::default());
            self.held.push(Model { id, ends, queue, active, ended: false, reported: false, party });
        }
    }

    fn of_flow(&mut self, step: Step, at: usize) {
        let flow = &mut self.held[at];
        match step {
            Step::Take(_) if self.serial.is_multiple_of(2) => {
                let expected: Vec<_> = flow.queue.drain(..flow.queue.len().min(MANY)).collect();
                let mut taken = Vec::new();
                let took = self.demux.take_many(flow.id, MANY, &mut taken);
                assert_eq!(taken, expected);
                assert_eq!(took == Took::Messages, !taken.is_empty());
                assert!(!taken.is_empty() || (took == Took::End) == flow.ended);
                flow.party.sleeps = took == Took::Nothing;
            }
            Step::Take(_) => {
                let expected = match flow.queue.pop_front() {
                    Some(message) => Taken::Message(message),
                    None if flow.ended => Taken::End,
                    None => Taken::Nothing,
                };
                flow.party.sleeps = expected == Taken::Nothing;
                assert_eq!(self.demux.take(flow.id), expected);
            }
            Step::TakeReport(_) => {
                let taken = self.demux.take_report(flow.id).is_some();
                assert_eq!(taken, flow.reported);
                flow.party.reports_sleep = !taken;
                flow.reported = false;
            }
            Step::Sent(_) => {
                self.demux.sent(flow.id, self.now);
                flow.active = self.now;
            }
            _ => {
                self.demux.remove(flow.id);
                self.held.remove(at);
            }
        }
    }

    fn reported(&mut self, remote: SocketAddr) {
        let mut woken = Vec::new();
        self.demux.reported(remote, &Failure::Refused, |id| woken.push(id));
        for flow in self.held.iter_mut().filter(|flow| flow.ends.remote == remote && !flow.ended) {
            flow.reported = true;
        }
        woken.into_iter().for_each(|id| self.wake(Wake::Flow(id)));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut woken = Vec::new();
        self.demux.expire(self.now, |id| woken.push(id));
        for flow in self.held.iter_mut().filter(|flow| !flow.ended) {
            let silent = self.now.since(flow.active);
            flow.ended = silent >= LIMITS.idle;
            assert_eq!(woken.contains(&flow.id), flow.ended, "silent for {silent:?}");
        }
        assert!(self.demux.deadline().is_none_or(|deadline| deadline > self.now), "all is done");
        woken.into_iter().for_each(|id| self.wake(Wake::Flow(id)));
    }

    fn wake(&mut self, woken: Wake) {
        match woken {
            Wake::Nobody => {}
            Wake::Acceptor => self.acceptor_sleeps = false,
            Wake::Flow(id) => {
                if let Some(flow) = self.held.iter_mut().find(|flow| flow.id == id) {
                    flow.party = Party::default();
                }
            }
        }
    }

    /// What holds between the steps.
    fn judge(&self) {
        assert!(!self.acceptor_sleeps || self.waiting.is_empty(), "the acceptor sleeps through a flow");
        for flow in &self.held {
            let nothing = flow.queue.is_empty() && !flow.ended;
            assert!(!flow.party.sleeps || nothing, "a flow sleeps through a message or its end");
            assert!(!flow.party.reports_sleep || !flow.reported, "a flow sleeps through a report");
        }
        let demux = &self.demux;
        assert_eq!(demux.slots.len() - demux.free.len(), self.held.len() + self.waiting.len());
        assert!(demux.slots.len() <= LIMITS.flows && self.waiting.len() <= BACKLOG);
        let queues = self.held.iter().map(|flow| &flow.queue);
        let waiting = self.waiting.iter().map(|(_, queue)| queue);
        let sum = |queue: &VecDeque<Message>| queue.iter().map(cost).sum::<usize>();
        let waiting_bytes: usize = waiting.map(sum).sum();
        assert_eq!(demux.bytes, queues.map(sum).sum::<usize>() + waiting_bytes);
        assert_eq!(demux.waiting_bytes, waiting_bytes);
        assert!(demux.bytes <= LIMITS.bytes && waiting_bytes <= LIMITS.bytes / 4);
        let live = self.held.iter().filter(|flow| !flow.ended).count();
        assert_eq!(demux.table.len(), live + self.waiting.len());
        assert_eq!(demux.looks.len(), live, "each live flow is looked at once");
    }
}

/// Eight sources at four peers: two of them speak to two of our addresses.
fn ends(source: u8) -> Ends {
    let remote = SocketAddr::from(([192, 0, 2, 1], 1 + u16::from(source % 6)));
    Ends { remote, local: IpAddr::from([198, 51, 100, source / 6]) }
}

fn nobody_sleeps_and_the_bounds_hold(steps: Vec<Step>) {
    let mut world = World::new();
    for step in steps {
        world.step(step);
    }
    // Whoever is left takes what is theirs.
    while !world.waiting.is_empty() {
        world.step(Step::Accept);
    }
    for at in 0..world.held.len() {
        while !world.held[at].queue.is_empty() {
            world.of_flow(Step::Take(0), at);
        }
    }
    world.judge();
    while !world.held.is_empty() {
        world.step(Step::Remove(0));
    }
    assert_eq!((world.demux.bytes, world.demux.table.len()), (0, 0), "nothing is left behind");
}

#[test]
fn nobody_sleeps_through_what_is_theirs_and_the_bounds_hold_in_any_order() {
    QuickCheck::new().tests(10_000).quickcheck(nobody_sleeps_and_the_bounds_hold as fn(Vec<Step>));
}
