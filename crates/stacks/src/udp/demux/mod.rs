//! Which datagram belongs to which flow: the table behind one listening socket.
//!
//! ```text
//!             datagram of            accept               idle
//!  (no flow) ------------> Waiting --------> Accepted ----------> Ended
//!             a new source    |                 |                   |
//!                             +---- stop        +---- remove -------+----> (no flow)
//! ```
//!
//! A pure machine: the socket is the hub's, and so is the clock. What it tells its caller is whom to wake. It wakes
//! a party only when there is something again after that party was told that there is nothing.
//!
//! Bounded in flows and in bytes, whoever sends: sources beyond the bounds are turned away and counted, and those that
//! nobody has accepted yet have no more than a quarter of the bytes.

#[cfg(test)]
mod prop;

use neatflow_core::{Failure, Message, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a queued datagram costs beside its bytes: empty ones need room, too.
const OVERHEAD: usize = 128;

/// How much a listener may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Flows, as long as anybody holds them. Default: 4,096.
    pub flows: usize,
    /// Bytes that one flow may have waiting to be received. An empty queue takes any datagram. Default: 128 KiB.
    pub flow_bytes: usize,
    /// Bytes that all flows together may have waiting. Default: 32 MiB.
    pub bytes: usize,
    /// How long a flow may be silent in both directions; after that it has ended. Default: 30 s.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { flows: 4096, flow_bytes: 128 * 1024, bytes: 32 * 1024 * 1024, idle: Duration::from_secs(30) }
    }
}

/// The two ends of a flow; our port is the listener's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ends {
    pub(super) remote: SocketAddr,
    /// Our address; the listener's own where the system does not tell.
    pub(super) local: IpAddr,
}

/// Names a flow as long as somebody holds it; then the number may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowId(pub(super) usize);

/// Who has something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Nobody,
    Flow(FlowId),
    Acceptor,
}

/// What became of taking several messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// One or more.
    Messages,
    /// Nothing comes any more.
    End,
    Nothing,
}

#[derive(Debug)]
pub(super) struct Demux {
    limits: Limits,
    /// How many flows may wait to be accepted.
    backlog: usize,
    listening: bool,
    slots: Vec<Option<Flow>>,
    free: Vec<usize>,
    /// The flows that have not ended.
    table: BTreeMap<Ends, FlowId>,
    /// Whose the last datagram was: most often it is followed by another of the same flow.
    last: Option<FlowId>,
    /// Those of them that nobody has accepted, in the order of their first datagrams.
    waiting: VecDeque<FlowId>,
    /// When to look at each accepted flow again; what has happened since the entry was made does not move it.
    looks: BTreeSet<(Time, FlowId)>,
    bytes: usize,
    waiting_bytes: usize,
    refused: u64,
}

#[derive(Debug)]
struct Flow {
    ends: Ends,
    stage: Stage,
    queue: VecDeque<Message>,
    /// What the queue costs.
    bytes: usize,
    dropped: u64,
    /// The latest report that was not taken.
    reported: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Accepted {
        /// When a datagram last came or went.
        active: Time,
        /// When it will be looked at.
        look: Time,
    },
    Ended,
}

impl Demux {
    pub(super) fn new(limits: Limits, backlog: usize) -> Self {
        Self {
            limits,
            backlog: backlog.max(1),
            listening: true,
            slots: Vec::new(),
            free: Vec::new(),
            table: BTreeMap::new(),
            last: None,
            waiting: VecDeque::new(),
            looks: BTreeSet::new(),
            bytes: 0,
            waiting_bytes: 0,
            refused: 0,
        }
    }

    /// A datagram came.
    pub(super) fn arrived(&mut self, ends: Ends, message: Message, now: Time) -> Wake {
        if let Some(id) = self.find(&ends) {
            return if self.queue(id, message, now) { Wake::Flow(id) } else { Wake::Nobody };
        }
        let cost = cost(&message);
        if !self.listening {
            return Wake::Nobody;
        }
        if self.is_full() || !self.has_room(cost, true) {
            self.refused += 1;
            return Wake::Nobody;
        }
        let queue = VecDeque::from([message]);
        let id =
            self.place(Flow { ends, stage: Stage::Waiting, queue, bytes: cost, dropped: 0, reported: None });
        self.bytes += cost;
        self.waiting_bytes += cost;
        self.table.insert(ends, id);
        self.waiting.push_back(id);
        if self.waiting.len() == 1 { Wake::Acceptor } else { Wake::Nobody }
    }

    /// The flow that has waited longest, its first message in its queue. From now on somebody holds it.
    pub(super) fn accept(&mut self, now: Time) -> Option<(FlowId, Ends)> {
        let id = self.waiting.pop_front()?;
        let look = now + self.limits.idle;
        let flow = self.slots.get_mut(id.0)?.as_mut()?;
        flow.stage = Stage::Accepted { active: now, look };
        self.waiting_bytes -= flow.bytes;
        self.looks.insert((look, id));
        Some((id, flow.ends))
    }

    /// Some of what came for this flow, in order.
    pub(super) fn take_many(&mut self, id: FlowId, most: usize, into: &mut Vec<Message>) -> Took {
        let Some(flow) = self.slots.get_mut(id.0).and_then(Option::as_mut) else { return Took::End };
        if flow.queue.is_empty() {
            return if flow.stage == Stage::Ended { Took::End } else { Took::Nothing };
        }
        let before = flow.bytes;
        if flow.queue.len() <= most && into.is_empty() {
            *into = std::mem::take(&mut flow.queue).into();
            flow.bytes = 0;
        } else {
            let taken = flow.queue.drain(..most.min(flow.queue.len()));
            into.extend(taken.inspect(|message| flow.bytes -= cost(message)));
        }
        self.bytes -= before - flow.bytes;
        Took::Messages
    }

    /// A datagram of this flow was sent.
    pub(super) fn sent(&mut self, id: FlowId, now: Time) {
        if let Some(flow) = self.slots.get_mut(id.0).and_then(Option::as_mut) {
            flow.touch(now);
        }
    }

    /// The network reported something of what was sent to this peer; of several reports that nobody takes, the latest
    /// stays. Tells which flows have one.
    pub(super) fn reported(&mut self, remote: SocketAddr, reason: &Failure, mut wake: impl FnMut(FlowId)) {
        let from = Ends { remote, local: IpAddr::from([0, 0, 0, 0]) };
        for (_, id) in self.table.range(from..).take_while(|(ends, _)| ends.remote == remote) {
            let Some(flow) = self.slots.get_mut(id.0).and_then(Option::as_mut) else { continue };
            // One that waits has not sent anything.
            if flow.stage != Stage::Waiting {
                flow.reported = Some(reason.clone());
                wake(*id);
            }
        }
    }

    /// What was reported and not taken.
    pub(super) fn take_report(&mut self, id: FlowId) -> Option<Failure> {
        self.slots.get_mut(id.0)?.as_mut()?.reported.take()
    }

    /// How many datagrams of this flow found no room.
    pub(super) fn dropped(&self, id: FlowId) -> u64 {
        self.slots.get(id.0).and_then(Option::as_ref).map_or(0, |flow| flow.dropped)
    }

    /// How many datagrams of new sources were turned away.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Nobody holds this flow any more: the next datagram of its source makes a new one.
    pub(super) fn remove(&mut self, id: FlowId) {
        let Some(flow) = self.slots.get_mut(id.0).and_then(Option::take) else { return };
        self.free.push(id.0);
        self.bytes -= flow.bytes;
        match flow.stage {
            Stage::Waiting => self.waiting_bytes -= flow.bytes,
            Stage::Accepted { look, .. } => {
                self.looks.remove(&(look, id));
            }
            // Somebody else may have its ends by now.
            Stage::Ended => return,
        }
        self.table.remove(&flow.ends);
    }

    /// Nobody accepts any more; flows that were accepted live on.
    pub(super) fn stop(&mut self) {
        self.listening = false;
        for id in std::mem::take(&mut self.waiting) {
            self.remove(id);
        }
    }

    /// Ends the flows that have been silent for too long, and tells which.
    pub(super) fn expire(&mut self, now: Time, mut wake: impl FnMut(FlowId)) {
        while let Some((_, id)) = self.looks.first().copied().filter(|(due, _)| *due <= now) {
            self.looks.pop_first();
            let Some(flow) = self.slots.get_mut(id.0).and_then(Option::as_mut) else { continue };
            let Stage::Accepted { active, look } = &mut flow.stage else { continue };
            let end = *active + self.limits.idle;
            if end > now {
                *look = end;
                self.looks.insert((end, id));
                continue;
            }
            flow.stage = Stage::Ended;
            self.table.remove(&flow.ends);
            wake(id);
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.looks.first().map(|(due, _)| *due)
    }

    /// The flow of these ends that has not ended.
    fn find(&mut self, ends: &Ends) -> Option<FlowId> {
        let is_of = |id: &FlowId| {
            let flow = self.slots.get(id.0).and_then(Option::as_ref);
            flow.is_some_and(|flow| flow.ends == *ends && flow.stage != Stage::Ended)
        };
        self.last = self.last.filter(is_of).or_else(|| self.table.get(ends).copied());
        self.last
    }

    /// Whether the flow's queue was empty before, and so its holder is to be woken.
    fn queue(&mut self, id: FlowId, message: Message, now: Time) -> bool {
        let cost = cost(&message);
        let Some(flow) = self.slots.get(id.0).and_then(Option::as_ref) else { return false };
        let was_empty = flow.queue.is_empty();
        let waits = flow.stage == Stage::Waiting;
        let fits = was_empty || flow.bytes.saturating_add(cost) <= self.limits.flow_bytes;
        let fits = fits && self.has_room(cost, waits);
        let Some(flow) = self.slots.get_mut(id.0).and_then(Option::as_mut) else { return false };
        flow.touch(now);
        if !fits {
            flow.dropped += 1;
            return false;
        }
        flow.queue.push_back(message);
        flow.bytes += cost;
        self.bytes += cost;
        if waits {
            self.waiting_bytes += cost;
        }
        was_empty
    }

    fn is_full(&self) -> bool {
        let held = self.slots.len() - self.free.len();
        held >= self.limits.flows || self.waiting.len() >= self.backlog
    }

    /// Whether so many bytes more may be queued, by a flow that waits or by one that was accepted.
    fn has_room(&self, cost: usize, waits: bool) -> bool {
        let for_waiting = !waits || self.waiting_bytes.saturating_add(cost) <= self.limits.bytes / 4;
        for_waiting && self.bytes.saturating_add(cost) <= self.limits.bytes
    }

    fn place(&mut self, flow: Flow) -> FlowId {
        match self.free.pop() {
            Some(index) => {
                self.slots[index] = Some(flow);
                FlowId(index)
            }
            None => {
                self.slots.push(Some(flow));
                FlowId(self.slots.len() - 1)
            }
        }
    }
}

impl Flow {
    fn touch(&mut self, now: Time) {
        if let Stage::Accepted { active, .. } = &mut self.stage {
            *active = now.max(*active);
        }
    }
}

fn cost(message: &Message) -> usize {
    message.len() + OVERHEAD
}

/// What a flow has for its holder, one by one.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taken {
    Message(Message),
    End,
    Nothing,
}

#[cfg(test)]
impl Demux {
    fn take(&mut self, id: FlowId) -> Taken {
        let mut taken = Vec::new();
        match self.take_many(id, 1, &mut taken) {
            Took::Messages => Taken::Message(taken.remove(0)),
            Took::End => Taken::End,
            Took::Nothing => Taken::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn demux(edit: impl FnOnce(&mut Limits)) -> Demux {
        let mut limits = Limits { idle: SECOND, ..Limits::default() };
        edit(&mut limits);
        Demux::new(limits, 1024)
    }

    fn source(n: u16) -> Ends {
        Ends { remote: SocketAddr::from(([192, 0, 2, 1], n)), local: IpAddr::from([198, 51, 100, 1]) }
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn the_first_datagram_is_the_first_message_of_a_new_flow() {
        let mut demux = demux(|_| ());
        assert_eq!(demux.arrived(source(1), "one".into(), at(0)), Wake::Acceptor);
        assert_eq!(demux.arrived(source(1), "two".into(), at(0)), Wake::Nobody);
        let (id, ends) = demux.accept(at(0)).unwrap();
        assert_eq!(ends, source(1));
        assert_eq!(demux.take(id), Taken::Message("one".into()));
        assert_eq!(demux.take(id), Taken::Message("two".into()));
        assert_eq!(demux.take(id), Taken::Nothing);
        assert_eq!(demux.arrived(source(1), "three".into(), at(0)), Wake::Flow(id));
        assert_eq!(demux.accept(at(0)), None);
    }

    #[test]
    fn one_source_that_speaks_to_two_of_our_addresses_has_two_flows() {
        let mut demux = demux(|_| ());
        let other = Ends { local: IpAddr::from([198, 51, 100, 2]), ..source(1) };
        demux.arrived(source(1), "to one".into(), at(0));
        demux.arrived(other, "to the other".into(), at(0));
        demux.reported(source(1).remote, &Failure::Refused, |id| panic!("{id:?} has sent nothing"));
        let ends: Vec<_> = std::iter::from_fn(|| demux.accept(at(0))).map(|(_, ends)| ends).collect();
        assert_eq!(ends, [source(1), other]);
        let mut woken = Vec::new();
        demux.reported(source(1).remote, &Failure::Refused, |id| woken.push(id));
        assert_eq!(woken.len(), 2, "a report does not tell from which address was sent");
    }

    #[test]
    fn a_flood_of_sources_that_nobody_accepts_takes_no_room_from_an_accepted_flow() {
        let mut demux = demux(|limits| limits.bytes = 40 * (OVERHEAD + 100));
        let datagram = || Message::new(vec![0; 100]);
        demux.arrived(source(0), datagram(), at(0));
        let (id, _) = demux.accept(at(0)).unwrap();
        for n in 1..1_000 {
            demux.arrived(source(n), datagram(), at(0));
        }
        assert_eq!(demux.refused(), 999 - 10, "a quarter of the bytes is for them");
        for _ in 0..20 {
            demux.arrived(source(0), datagram(), at(0));
        }
        let kept = std::iter::from_fn(|| matches!(demux.take(id), Taken::Message(_)).then_some(())).count();
        assert_eq!((kept, demux.dropped(id)), (21, 0));
    }

    #[test]
    fn a_flow_that_is_not_read_keeps_what_came_first() {
        let mut demux = demux(|limits| limits.flow_bytes = 3 * (OVERHEAD + 1));
        for n in 0..5u8 {
            demux.arrived(source(1), Message::new(vec![n]), at(0));
        }
        let (id, _) = demux.accept(at(0)).unwrap();
        for n in 0..3u8 {
            assert_eq!(demux.take(id), Taken::Message(Message::new(vec![n])));
        }
        assert_eq!((demux.take(id), demux.dropped(id)), (Taken::Nothing, 2));
    }

    #[test]
    fn silence_in_both_directions_ends_a_flow_and_its_source_may_come_again() {
        let mut demux = demux(|_| ());
        demux.arrived(source(1), "hello".into(), at(0));
        let (id, _) = demux.accept(at(0)).unwrap();
        let mut ended = Vec::new();
        demux.arrived(source(1), "still here".into(), at(900));
        demux.expire(at(1_000), |id| ended.push(id));
        demux.sent(id, at(1_500));
        demux.expire(at(1_900), |id| ended.push(id));
        assert_eq!((ended.len(), demux.deadline()), (0, Some(at(2_500))));
        demux.expire(at(2_500), |id| ended.push(id));
        assert_eq!((ended, demux.deadline()), (vec![id], None));

        // What came before the end is received before it.
        assert_eq!(demux.take(id), Taken::Message("hello".into()));
        assert_eq!(demux.arrived(source(1), "again".into(), at(2_600)), Wake::Acceptor);
        assert_eq!(demux.take(id), Taken::Message("still here".into()));
        assert_eq!(demux.take(id), Taken::End);
        let (again, _) = demux.accept(at(2_600)).unwrap();
        demux.remove(id);
        assert_eq!(demux.take(again), Taken::Message("again".into()));
        assert_eq!(demux.arrived(source(1), "known".into(), at(2_700)), Wake::Flow(again));
    }

    #[test]
    fn flows_count_as_long_as_somebody_holds_them() {
        let mut demux = demux(|limits| limits.flows = 1);
        demux.arrived(source(1), "first".into(), at(0));
        let (id, _) = demux.accept(at(0)).unwrap();
        demux.expire(at(1_000), |_| ());
        assert_eq!(demux.arrived(source(2), "too many".into(), at(1_000)), Wake::Nobody);
        assert_eq!(demux.refused(), 1);
        demux.remove(id);
        assert_eq!(demux.arrived(source(2), "room".into(), at(1_000)), Wake::Acceptor);
    }

    #[test]
    fn whoever_stops_listening_forgets_those_who_wait_and_keeps_those_it_has() {
        let mut demux = demux(|_| ());
        demux.arrived(source(1), "first".into(), at(0));
        let (id, _) = demux.accept(at(0)).unwrap();
        demux.arrived(source(2), "waiting".into(), at(0));
        demux.stop();
        assert_eq!(demux.accept(at(0)), None);
        assert_eq!(demux.arrived(source(3), "too late".into(), at(0)), Wake::Nobody);
        demux.take(id);
        assert_eq!(demux.arrived(source(1), "second".into(), at(0)), Wake::Flow(id));
        assert_eq!(demux.refused(), 0, "nobody is listening, so nobody is turned away");
    }
}
