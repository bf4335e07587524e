//! The race as a machine.
//
//                 everything that is no outcome
//                                 ┌───┐
//                                 │   ▼       Connected
//                       new ──▶  Racing ──────────────────────────▶ Won
//                                 │   │  nothing runs, nothing is left, nothing can come, no other round;
//                                 │   │  the deadline; service bindings that must be had cannot be
//                                 │   └───────────────────────────▶ Lost
//                                 │  Cancel
//                                 └───────────────────────────────▶ Cancelled
//
// `handle` takes note; `poll` decides. So what happens in one moment has no order: of two that connect in it the one
// that started first wins, and a start that is due in it knows all answers of it.
//
// While racing it goes through stages of its own, each with a file:
//
//   source.rs      what is asked and known            resolution.rs, svcb.rs, network.rs
//   order.rs       in which order that is tried       rfc6724.rs, memory.rs
//   the gate       whether enough is known to begin   resolution.rs
//   pace.rs        when the next one may start
//   rounds.rs      whether all of it is tried again

use super::config::{Config, Mode};
use super::endpoint::{Endpoint, Field, Found};
use super::input::{Entry, Fault, Input, Loss, Output, Stage};
use super::memory::Memory;
use super::network::Network;
use super::order::Rule;
use super::pace::{NEVER, Pace};
use super::resolution::Gate;
use super::rounds::Rounds;
use super::source::{Names, Source};
use super::target::Target;
use super::timeline::{AttemptId, Cause, End, Listing, QueryRecord, Reason, Record, Timeline, TimerCause};
use crate::candidate::CandidateId;
use crate::time::Time;
use std::collections::{BTreeSet, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Racing,
    Won,
    Lost,
    Cancelled,
}

/// A race between candidates (RFC 8305, draft-ietf-happy-happyeyeballs-v3, RFC 9623 §4.3).
///
/// After [`handle`](Self::handle), of everything that happened in one moment, and when the moment of the last
/// [`Output::Wait`] has come, drain [`poll`](Self::poll) until it waits. Moments never run backwards.
///
/// ```
/// use neatflow_core::racing::{Config, Entry, Input, Output, Race};
/// use neatflow_core::{CandidateId, Time};
///
/// let list = vec![Entry::new(CandidateId(6), 0), Entry::new(CandidateId(4), 1)];
/// let mut race = Race::new(Config::default());
///
/// race.handle(Input::Candidates(list), Time::ZERO);
/// let Output::Start { attempt: v6, candidate, .. } = race.poll(Time::ZERO) else { panic!() };
/// assert_eq!(candidate, CandidateId(6));
/// assert_eq!(race.poll(Time::ZERO), Output::Wait(Some(Time::from_millis(250))));
///
/// let now = Time::from_millis(250);
/// let Output::Start { attempt: v4, .. } = race.poll(now) else { panic!() };
/// race.handle(Input::Connected(v4), now);
/// assert_eq!(race.poll(now), Output::Cancel(v6));
/// assert_eq!(race.poll(now), Output::Won(v4));
/// assert_eq!(race.poll(now), Output::Wait(None));
/// ```
///
/// A race that resolves the name itself ([`to`](Self::to)) begins with questions:
///
/// ```
/// use neatflow_core::Time;
/// use neatflow_core::racing::{Answer, Config, Input, Memory, Network, Output, Race, RecordKind, Target};
///
/// let target = Target::named("host.example", 7000);
/// let mut race = Race::to([target], Network::default(), Memory::default(), Config::default());
/// let Output::Query(v6) = race.poll(Time::ZERO) else { panic!() };
/// let Output::Query(v4) = race.poll(Time::ZERO) else { panic!() };
/// assert_eq!((v6.kind, v4.kind), (RecordKind::Aaaa, RecordKind::A));
///
/// let addresses = vec!["2001:db8::1".parse().unwrap()];
/// race.handle(Input::Answer(v6.id, Answer::Addresses(addresses)), Time::from_millis(20));
/// let Output::Start { candidate, .. } = race.poll(Time::from_millis(20)) else { panic!() };
/// assert_eq!(race.endpoint(candidate).unwrap().to_string(), "tcp [2001:db8::1]:7000");
/// ```
#[derive(Clone, Debug)]
pub struct Race {
    config: Config,
    state: State,
    source: Source,
    field: Field,
    /// Everybody, best first.
    list: Vec<Entry>,
    /// Those of the list that were not tried in this round, best first.
    untried: VecDeque<Entry>,
    /// Who was tried in this round.
    tried: BTreeSet<CandidateId>,
    running: usize,
    /// Who has connected in this moment.
    connected: BTreeSet<AttemptId>,
    /// Whose security handshake waits.
    held: BTreeSet<AttemptId>,
    pace: Pace,
    rounds: Rounds,
    /// Whether enough was known to begin, once.
    open: bool,
    /// Whether it was cancelled in this moment.
    unwanted: bool,
    since: Option<Time>,
    /// Cancels and the outcome, until they are drained; at most one cancel for each attempt.
    undrained: VecDeque<Output>,
    timeline: Timeline,
}

impl Race {
    /// A race without candidates; whoever drives it gives them.
    pub fn new(config: Config) -> Self {
        Self::with(Source::Given { more_may_come: true }, config)
    }

    /// A race to these targets, the same service all of them, of which it asks the name servers itself.
    pub fn to(
        targets: impl IntoIterator<Item = Target>,
        network: Network,
        memory: Memory,
        config: Config,
    ) -> Self {
        let targets = targets.into_iter().collect();
        Self::with(Source::Names(Box::new(Names::new(targets, network, memory))), config)
    }

    /// Leaves it to others to make candidates of what is found: [`Output::Rank`] asks for them, and each is answered by
    /// one [`Input::Candidates`]. Nothing starts meanwhile, nor is another ranking asked for.
    #[must_use]
    pub fn ranked_elsewhere(mut self) -> Self {
        if let Source::Names(names) = &mut self.source {
            names.ranked_elsewhere = true;
        }
        self
    }

    fn with(source: Source, config: Config) -> Self {
        Self {
            config: config.lawful(),
            state: State::Racing,
            open: matches!(source, Source::Given { .. }),
            source,
            field: Field::default(),
            list: Vec::new(),
            untried: VecDeque::new(),
            tried: BTreeSet::new(),
            running: 0,
            connected: BTreeSet::new(),
            held: BTreeSet::new(),
            pace: Pace::default(),
            rounds: Rounds::default(),
            unwanted: false,
            since: None,
            undrained: VecDeque::new(),
            timeline: Timeline::default(),
        }
    }

    /// Takes note of what has happened.
    pub fn handle(&mut self, input: Input, now: Time) {
        self.since.get_or_insert(now);
        match (self.state, input) {
            (State::Racing, Input::Candidates(list)) => self.candidates(list, now),
            (State::Racing, Input::NoMoreCandidates) => {
                if let Source::Given { more_may_come } = &mut self.source {
                    *more_may_come = false;
                }
            }
            (State::Racing, Input::Answer(id, answer)) => {
                if let Source::Names(names) = &mut self.source
                    && names.answer(id, &answer, now)
                {
                    self.timeline.answered(id, &answer, now);
                }
            }
            (State::Racing, Input::Network(network)) => {
                if let Source::Names(names) = &mut self.source {
                    names.network_changed(network);
                }
                self.rounds.rests_until = self.rounds.rests_until.map(|_| now);
            }
            (State::Racing, Input::Target(target)) => {
                if let Source::Names(names) = &mut self.source {
                    names.add(target);
                }
            }
            (State::Racing, Input::Reached(id, stage)) => self.reached(id, stage, now),
            (State::Racing, Input::Connected(id)) => self.connected(id),
            (State::Racing, Input::Failed(id, fault)) => self.failed(id, fault, now),
            (State::Racing, Input::Cancel) => self.unwanted = true,
            (_, Input::Connected(id)) => self.connected_in_vain(id),
            (State::Won | State::Lost | State::Cancelled, _) => {}
        }
    }

    /// What to do now. To be called until it waits.
    pub fn poll(&mut self, now: Time) -> Output {
        self.since.get_or_insert(now);
        if let Some(output) = self.undrained.pop_front() {
            return output;
        }
        if self.state == State::Racing {
            if !self.unwanted
                && let Some(query) = self.ask(now)
            {
                return query;
            }
            self.decide(now);
            if let Some(output) = self.undrained.pop_front() {
                return output;
            }
        }
        if self.state == State::Racing
            && let Some(start) = self.start_next(now)
        {
            return start;
        }
        Output::Wait(self.wakes(now))
    }

    /// What has happened so far.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// What has happened, when it is over.
    pub fn into_timeline(self) -> Timeline {
        self.timeline
    }

    /// What it was told of earlier races; `None` for one that is given its candidates.
    pub fn memory(&self) -> Option<&Memory> {
        match &self.source {
            Source::Names(names) => Some(&names.memory),
            Source::Given { .. } => None,
        }
    }

    /// What a candidate of the race's own forming is.
    pub fn endpoint(&self, id: CandidateId) -> Option<&Endpoint> {
        self.field.get(id)
    }

    /// What was found of a target, by its place, best first. For whoever makes candidates of it.
    pub fn found(&self, target: usize) -> Vec<Found> {
        match &self.source {
            Source::Names(names) => names.found(target, &self.config),
            Source::Given { .. } => Vec::new(),
        }
    }

    /// The candidates that are known now and were never started, best first.
    pub fn unstarted(&self) -> impl Iterator<Item = CandidateId> {
        let started: BTreeSet<_> = self.timeline.attempts.iter().map(|attempt| attempt.id).collect();
        self.list.iter().map(|entry| entry.id).filter(move |id| !started.contains(id))
    }

    // What it knows.

    fn ask(&mut self, now: Time) -> Option<Output> {
        let Source::Names(names) = &mut self.source else { return None };
        let query = names.ask()?;
        self.timeline.queries.push(QueryRecord {
            id: query.id,
            name: query.name.to_string(),
            kind: query.kind,
            sent: now,
            answered: None,
            records: 0,
            nothing: None,
        });
        Some(Output::Query(query))
    }

    fn candidates(&mut self, list: Vec<Entry>, now: Time) {
        if let Source::Names(names) = &mut self.source {
            if !names.ranked_elsewhere {
                return;
            }
            names.is_ranking = false;
        }
        let mut list = list;
        list.sort_by_key(|entry| entry.priority); // stable: among equals, the one listed first
        let mut seen = BTreeSet::new();
        list.retain(|entry| seen.insert(entry.id));
        list.truncate(super::config::MAX_LIST);
        let rule = |(place, entry): (usize, &Entry)| if place == 0 { Rule::First } else { entry.rule };
        let rules = list.iter().enumerate().map(rule).collect();
        self.rank(list, rules, now);
    }

    /// Makes the list anew after something was learned.
    fn relist(&mut self, now: Time) {
        let Source::Names(names) = &mut self.source else { return };
        // Of rankings one is under way at a time; what is learned meanwhile is for the next.
        if names.is_ranking || !std::mem::take(&mut names.changed) {
            return;
        }
        let known = names.note_addresses(&self.config, now);
        if names.ranked_elsewhere {
            if known || !self.list.is_empty() {
                names.is_ranking = true;
                self.undrained.push_back(Output::Rank);
            }
            return;
        }
        let arranged = names.arrange(&self.config);
        let (mut list, mut rules) = (Vec::new(), Vec::new());
        for (endpoint, rule) in arranged {
            let (delay, words) = (names.delay(&endpoint), endpoint.to_string());
            let at_once = endpoint.secures_at_once();
            let Some(id) = self.field.admit(endpoint) else { continue };
            if self.timeline.endpoints.len() == id.0 as usize {
                self.timeline.endpoints.push(words);
            }
            let priority = u32::try_from(list.len()).unwrap_or(u32::MAX);
            list.push(Entry::new(id, priority).delay(delay).secures_at_once(at_once));
            rules.push(rule);
        }
        self.rank(list, rules, now);
    }

    fn rank(&mut self, list: Vec<Entry>, rules: Vec<Rule>, now: Time) {
        let was_out = self.untried.is_empty();
        self.untried = list.iter().filter(|entry| !self.tried.contains(&entry.id)).cloned().collect();
        if !list.is_empty() || !self.list.is_empty() {
            let order = list.iter().map(|entry| entry.id).zip(rules).collect();
            self.timeline.list(Listing::new(now, order));
        }
        self.list = list;
        if let Some(next) = self.untried.front() {
            if was_out {
                self.pace.resupplied(next, self.running == 0, now, &self.config);
            }
            if self.open {
                self.pace.begin(now);
            }
        }
    }

    // What it decides.

    /// Does all that is due but starting.
    fn decide(&mut self, now: Time) {
        if self.unwanted {
            return self.finish(State::Cancelled, now);
        }
        if let Source::Names(names) = &self.source
            && names.is_fatal()
        {
            return self.lose(Loss::ServiceBindings, now);
        }
        if let Some(&winner) = self.connected.first() {
            return self.win(winner, now);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            return self.lose(Loss::Deadline, now);
        }
        self.expire(now);
        self.relist(now);
        self.release(now);
        self.open(now);
        if self.rounds.begins(now) {
            self.tried.clear();
            self.untried = self.list.iter().cloned().collect();
            self.pace.new_round(now, &self.config);
        }
        self.rest_or_lose(now);
    }

    /// Opens the gate, for good, when enough is known.
    fn open(&mut self, now: Time) {
        if self.open || self.untried.is_empty() || self.is_ranking() {
            return;
        }
        match self.gate() {
            Gate::Open => self.open = true,
            Gate::At(at) if at <= now => self.open = true,
            Gate::At(at) => {
                if !self.timeline.timers.iter().any(|timer| timer.cause == TimerCause::ResolutionDelay) {
                    self.timeline.timer(now, at, TimerCause::ResolutionDelay);
                }
            }
            Gate::Closed => {}
        }
        if self.open {
            self.pace.begin(now);
        }
    }

    fn gate(&self) -> Gate {
        match &self.source {
            Source::Names(names) => names.gate(&self.config),
            Source::Given { .. } => Gate::Open,
        }
    }

    /// Lets security handshakes begin that waited for service information.
    fn release(&mut self, now: Time) {
        if self.holds_security() {
            return;
        }
        for id in std::mem::take(&mut self.held) {
            if let Some(attempt) = self.running_mut(id) {
                attempt.released = Some(now);
                self.undrained.push_back(Output::Secure(id));
            }
        }
    }

    /// Whether the list does not show yet what is known: nothing starts until it does.
    fn is_ranking(&self) -> bool {
        matches!(&self.source, Source::Names(names) if names.is_ranking)
    }

    fn holds_security(&self) -> bool {
        matches!(&self.source, Source::Names(names) if names.holds_security())
    }

    fn rest_or_lose(&mut self, now: Time) {
        let open = match &self.source {
            Source::Given { more_may_come } => *more_may_come,
            Source::Names(names) => names.is_open(),
        };
        if open || self.running > 0 || !self.untried.is_empty() || self.rounds.rests_until.is_some() {
            return;
        }
        if self.timeline.attempts.is_empty() {
            return self.lose(Loss::NoCandidates, now);
        }
        match self.rounds.rest(now, &self.config) {
            Some(until) => self.timeline.timer(now, until, TimerCause::Backoff),
            None => self.lose(Loss::AllFailed, now),
        }
    }

    // The attempts.

    /// The one whose turn it is. What begins with its security handshake waits for service information.
    fn next(&self) -> Option<usize> {
        if self.rounds.rests_until.is_some() && self.untried.is_empty() {
            return None;
        }
        let holds = self.holds_security();
        let waits = |entry: &Entry| holds && entry.secures_at_once;
        self.untried.iter().position(|entry| !waits(entry))
    }

    fn has_slot(&self) -> bool {
        self.config.max_parallel.is_none_or(|most| self.running < most)
    }

    fn start_next(&mut self, now: Time) -> Option<Output> {
        let place = self.next().filter(|_| self.open && !self.is_ranking())?;
        let (due, cause) = self.pace.due(self.untried.get(place)?, &self.config);
        if now < due {
            return None;
        }
        if !self.has_slot() {
            self.pace.queue();
            return None;
        }
        let entry = self.untried.remove(place)?;
        let attempt = AttemptId(u32::try_from(self.timeline.attempts.len()).ok()?);
        let cause = if cause == Cause::First && self.rounds.now > 0 { Cause::Round } else { cause };
        let held = self.holds_security();
        if held {
            self.held.insert(attempt);
        }
        self.rounds.rests_until = None;
        self.tried.insert(entry.id);
        self.running += 1;
        let round = self.rounds.now;
        self.timeline.attempts.push(Record { round, ..Record::new(entry.id, cause, now) });
        self.pace.started(attempt, &entry, now, &self.config);
        self.note_timer(now);
        Some(Output::Start { attempt, candidate: entry.id, held })
    }

    fn note_timer(&mut self, now: Time) {
        let Some(next) = self.untried.front() else { return };
        if let Some((due, cause)) = self.pace.timer(next, &self.config) {
            self.timeline.timer(now, due, cause);
        }
    }

    fn reached(&mut self, id: AttemptId, stage: Stage, now: Time) {
        let Some(attempt) = self.running_mut(id) else { return };
        let reached = match stage {
            Stage::Transport => &mut attempt.transport,
            Stage::Security => &mut attempt.security,
        };
        if reached.is_some() {
            return;
        }
        *reached = Some(now);
        if stage == Stage::Transport && self.pace.transport(id, self.untried.front(), now, &self.config) {
            self.note_timer(now);
        }
    }

    fn failed(&mut self, id: AttemptId, fault: Fault, now: Time) {
        // Whoever has connected in this moment has not failed.
        if self.connected.contains(&id) || !self.end(id, Reason::Failed, now) {
            return;
        }
        if let Some(attempt) = self.timeline.attempts.get_mut(id.0 as usize) {
            attempt.why = Some(fault.why);
        }
        self.owe(id, !fault.local, now);
    }

    /// An attempt came to nothing: the next may be due.
    fn owe(&mut self, id: AttemptId, sent: bool, now: Time) {
        let alone = self.running == 0;
        if let Some(due) = self.pace.failed(id, alone, sent, now, &self.config)
            && matches!(self.config.mode, Mode::Staggered | Mode::Failover)
        {
            self.timeline.timer(now, due, TimerCause::Failure);
        }
    }

    /// Ends the attempts that take too long.
    fn expire(&mut self, now: Time) {
        let Some(timeout) = self.config.attempt_timeout else { return };
        let late = |(_, attempt): &(u32, &Record)| attempt.is_running() && attempt.started + timeout <= now;
        let expired: Vec<AttemptId> =
            (0..).zip(&self.timeline.attempts).filter(late).map(|(id, _)| AttemptId(id)).collect();
        for id in expired {
            self.end(id, Reason::Expired, now);
            self.owe(id, true, now);
            self.undrained.push_back(Output::Cancel(id));
        }
    }

    fn connected(&mut self, id: AttemptId) {
        if self.running_mut(id).is_some() {
            self.connected.insert(id);
        } else {
            self.connected_in_vain(id);
        }
    }

    /// It connected while its cancel, or the winner's `Connected`, was on its way.
    fn connected_in_vain(&mut self, id: AttemptId) {
        let stopped = self.timeline.attempts.get(id.0 as usize).is_some_and(|attempt| {
            matches!(attempt.end, Some(End { reason: Reason::Cancelled | Reason::Expired, .. }))
        });
        if stopped && !self.undrained.contains(&Output::Cancel(id)) {
            self.undrained.push_back(Output::Cancel(id));
        }
    }

    // Its end.

    fn win(&mut self, id: AttemptId, now: Time) {
        self.end(id, Reason::Won, now);
        self.finish(State::Won, now);
        self.undrained.push_back(Output::Won(id));
    }

    fn lose(&mut self, loss: Loss, now: Time) {
        self.finish(State::Lost, now);
        self.undrained.push_back(Output::Lost(loss));
    }

    /// Leaves the race: cancels what runs, forgets what is untried.
    fn finish(&mut self, state: State, now: Time) {
        self.state = state;
        self.untried.clear();
        self.held.clear();
        self.connected.clear();
        self.running = 0;
        for (id, attempt) in (0..).zip(&mut self.timeline.attempts) {
            if attempt.is_running() {
                attempt.end = Some(End::new(now, Reason::Cancelled));
                self.undrained.push_back(Output::Cancel(AttemptId(id)));
            }
        }
    }

    /// Ends a running attempt; false if it does not run.
    fn end(&mut self, id: AttemptId, reason: Reason, now: Time) -> bool {
        let Some(attempt) = self.running_mut(id) else { return false };
        attempt.end = Some(End::new(now, reason));
        self.running -= 1;
        self.held.remove(&id);
        true
    }

    fn running_mut(&mut self, id: AttemptId) -> Option<&mut Record> {
        self.timeline.attempts.get_mut(id.0 as usize).filter(|attempt| attempt.is_running())
    }

    // Its clock.

    fn deadline(&self) -> Option<Time> {
        Some(self.since? + self.config.deadline?)
    }

    /// The next moment at which there is something to do.
    fn wakes(&self, now: Time) -> Option<Time> {
        if self.state != State::Racing {
            return None;
        }
        let waits = !self.open && !self.untried.is_empty() && !self.is_ranking();
        let gate = match waits.then(|| self.gate()) {
            Some(Gate::At(at)) => Some(at),
            _ => None,
        };
        let next = self.next().filter(|_| self.open && self.has_slot() && !self.is_ranking());
        let start = next.and_then(|place| Some(self.pace.due(self.untried.get(place)?, &self.config).0));
        let expiry = self
            .config
            .attempt_timeout
            .and_then(|timeout| self.timeline.running().map(|attempt| attempt.started + timeout).min());
        [gate, start, expiry, self.deadline(), self.rounds.rests_until]
            .into_iter()
            .flatten()
            .filter(|moment| *moment > now && *moment < NEVER)
            .min()
    }
}
