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
//
// `listing.rs` is how it gets its list, `deciding.rs` what a moment decides, `attempts.rs` what becomes of attempts.

mod attempts;
mod deciding;
mod listing;

use crate::candidate::CandidateId;
use crate::racing::config::Config;
use crate::racing::endpoint::{Endpoint, Field, Found};
use crate::racing::input::{Entry, Input, Output};
use crate::racing::memory::Memory;
use crate::racing::network::Network;
use crate::racing::pace::Pace;
use crate::racing::rounds::Rounds;
use crate::racing::source::{Names, Source};
use crate::racing::target::Target;
use crate::racing::timeline::{AttemptId, Timeline};
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
}
