//! Plays a scenario against the race of neatflow-core, in virtual time.

use super::check::Checks;
use super::schema::{
    AttemptState, Expect, Expected, ExpectedAttempt, ExpectedQuery, KindSpec, Scenario, WinnerSpec,
};
use super::world::{Fate, Spot, World};
use neatflow_core::racing::{
    AttemptId, Entry, Fault, Input, Loss, Output, Query, Race, Reason, RecordKind, Stage, Timeline,
};
use neatflow_core::{CandidateId, Time};
use std::collections::BTreeMap;

/// A play has at most this many steps; one that has more would never end.
const MAX_STEPS: usize = 1_000_000;

/// What came of a scenario.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// In the words of the schema.
    pub seen: Expect,
    /// In the words of the race.
    pub timeline: Timeline,
    /// Which promises of the race it broke, in words. None, one hopes.
    pub broken: Vec<String>,
}

/// Plays a scenario that was [read](super::read) to its end.
///
/// *Errors*: the scenario makes no sense, or does not end.
pub fn play(scenario: &Scenario) -> Result<Outcome, String> {
    let world = World::new(scenario)?;
    Player::new(scenario, &world).play()
}

enum Event {
    Told(Input),
    /// TLS of an attempt has ended, well or not, if it was begun at this moment.
    TlsEnds(AttemptId, bool),
}

/// What the network knows of an attempt.
struct Trial {
    spot: Spot,
    fate: Fate,
    up: bool,
    held: bool,
    tls_began: Option<u64>,
}

struct Player<'a> {
    scenario: &'a Scenario,
    world: &'a World<'a>,
    race: Race,
    spots: Vec<Spot>,
    trials: Vec<Trial>,
    /// By moment, then in the order in which they were planned.
    events: BTreeMap<(u64, usize), Event>,
    planned: usize,
    queries: Vec<ExpectedQuery>,
    end: Option<(u64, Expected, Option<&'static str>)>,
    broken: Vec<String>,
}

impl<'a> Player<'a> {
    fn new(scenario: &'a Scenario, world: &'a World<'a>) -> Self {
        let race = match &world.candidates {
            Some(_) => Race::new(world.config.clone()),
            None => {
                let memory = world.memory.clone();
                Race::to([world.target.clone()], world.network.clone(), memory, world.config.clone())
            }
        };
        let mut player = Self {
            scenario,
            world,
            race,
            spots: Vec::new(),
            trials: Vec::new(),
            events: BTreeMap::new(),
            planned: 0,
            queries: Vec::new(),
            end: None,
            broken: Vec::new(),
        };
        if let Some(candidates) = &world.candidates {
            player.give(candidates.clone());
        }
        if let Some(at) = scenario.settings.cancel_at_ms {
            player.plan(at, Event::Told(Input::Cancel));
        }
        player
    }

    /// The policy manager's list, with what was learned applied as the policy manager would.
    fn give(&mut self, mut spots: Vec<Spot>) {
        let memory = &self.world.memory;
        memory.reorder(&mut spots, |spot| (spot.address.ip(), &spot.proto));
        let neat = self.scenario.settings.racing == super::schema::RacingSpec::Neat;
        let entry = |(place, spot): (u32, &Spot)| {
            let delay = memory.delays.get(&spot.address.ip()).copied();
            let priority = if neat { spot.priority } else { place };
            Entry::new(CandidateId(place), priority).on(spot.iface.as_deref().map(Into::into)).delay(delay)
        };
        let entries = (0..).zip(&spots).map(entry).collect();
        self.plan(0, Event::Told(Input::Candidates(entries)));
        self.plan(0, Event::Told(Input::NoMoreCandidates));
        self.spots = spots;
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.events.insert((at, self.planned), event);
        self.planned += 1;
    }

    fn play(mut self) -> Result<Outcome, String> {
        let mut now = 0;
        for _ in 0..MAX_STEPS {
            while let Some(event) = self.take(now) {
                self.happens(event, now);
            }
            let due = self.drain(now)?;
            if self.end.is_some() {
                return Ok(self.outcome(now));
            }
            let next = self.events.keys().next().map(|(at, _)| *at);
            match (due, next) {
                (None, None) => {
                    self.end = Some((now, Expected::Unfinished, None));
                    return Ok(self.outcome(now));
                }
                (Some(due), Some(next)) => now = due.min(next),
                (Some(at), None) | (None, Some(at)) => now = at,
            }
        }
        Err(format!("{}: it never ends", self.scenario.id))
    }

    fn take(&mut self, now: u64) -> Option<Event> {
        let first = self.events.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn happens(&mut self, event: Event, now: u64) {
        let at = Time::from_millis(now);
        match event {
            Event::Told(Input::Cancel) => {
                self.race.handle(Input::Cancel, at);
                self.end.get_or_insert((now, Expected::Cancelled, None));
            }
            Event::Told(input) => {
                let up = match &input {
                    Input::Reached(id, Stage::Transport) => Some(*id),
                    _ => None,
                };
                self.race.handle(input, at);
                if let Some(trial) = up.and_then(|id| self.trials.get_mut(id.0 as usize)) {
                    trial.up = true;
                }
                if let Some(id) = up {
                    self.begin_tls(id, now);
                }
            }
            Event::TlsEnds(id, well) => {
                let end =
                    if well { Input::Connected(id) } else { Input::Failed(id, Fault::new("TLS failed")) };
                self.race.handle(end, at);
            }
        }
    }

    /// Begins TLS if the transport is up and nothing holds it.
    fn begin_tls(&mut self, id: AttemptId, now: u64) {
        let Some(trial) = self.trials.get_mut(id.0 as usize) else { return };
        let Fate::Secures { tls, .. } = trial.fate else { return };
        if !trial.up || trial.held || trial.tls_began.is_some() {
            return;
        }
        trial.tls_began = Some(now);
        if let Some((takes, well)) = tls {
            self.plan(now + takes, Event::TlsEnds(id, well));
        }
    }

    /// Does what the race wants; returns what it waits for.
    fn drain(&mut self, now: u64) -> Result<Option<u64>, String> {
        for _ in 0..MAX_STEPS {
            match self.race.poll(Time::from_millis(now)) {
                Output::Wait(due) => return Ok(due.map(|due| due.since_origin().as_millis() as u64)),
                Output::Query(query) => self.ask(&query, now),
                Output::Start { attempt, candidate, held } => self.start(attempt, candidate, held, now),
                Output::Secure(id) => {
                    if let Some(trial) = self.trials.get_mut(id.0 as usize) {
                        trial.held = false;
                    }
                    self.begin_tls(id, now);
                }
                Output::Cancel(id) => self.events.retain(|_, event| attempt_of(event) != Some(id)),
                Output::Won(_) => self.ends(now, Expected::Connected, None),
                Output::Lost(loss) => {
                    let (result, error) = match loss {
                        Loss::Deadline => (Expected::Timeout, "deadline"),
                        Loss::ServiceBindings => (Expected::Failed, "svcb_resolution_failed"),
                        Loss::AllFailed => (Expected::Failed, "all_attempts_failed"),
                        _ => (Expected::Failed, "no_addresses"),
                    };
                    self.ends(now, result, Some(error));
                }
                other => return Err(format!("the race wants something unknown: {other:?}")),
            }
        }
        Err(format!("{}: it never waits", self.scenario.id))
    }

    fn ends(&mut self, now: u64, result: Expected, error: Option<&'static str>) {
        if self.end.is_some() {
            self.broken.push("there is more than one outcome".to_owned());
        }
        self.end = Some((now, result, error));
    }

    fn ask(&mut self, query: &Query, now: u64) {
        let kind = match query.kind {
            RecordKind::Https => KindSpec::Https,
            RecordKind::Aaaa => KindSpec::Aaaa,
            RecordKind::A => KindSpec::A,
        };
        self.queries.push(ExpectedQuery { name: query.name.to_string(), kind, at_ms: now });
        for (after, answer) in self.world.answers(&query.name, query.kind) {
            self.plan(now + after, Event::Told(Input::Answer(query.id, answer)));
        }
    }

    fn start(&mut self, attempt: AttemptId, candidate: CandidateId, held: bool, now: u64) {
        let round = self.race.timeline().attempts.get(attempt.0 as usize).map_or(0, |record| record.round);
        let Some(spot) = self.spot(candidate) else {
            return self.broken.push(format!("{candidate} is started, and nobody knows it"));
        };
        let fate = self.world.fate(&spot, round);
        self.trials.push(Trial { spot, fate, up: false, held, tls_began: None });
        let report = |input| Event::Told(input);
        match fate {
            Fate::Silent => {}
            Fate::Connects(after) => self.plan(now + after, report(Input::Connected(attempt))),
            Fate::Fails { after, local } => {
                let fault = if local { Fault::local("local error") } else { Fault::new("refused") };
                self.plan(now + after, report(Input::Failed(attempt, fault)));
            }
            Fate::Secures { up, .. } => {
                self.plan(now + up, report(Input::Reached(attempt, Stage::Transport)));
            }
        }
    }

    fn spot(&self, candidate: CandidateId) -> Option<Spot> {
        if self.world.candidates.is_some() {
            return self.spots.get(candidate.0 as usize).cloned();
        }
        let endpoint = self.race.endpoint(candidate)?;
        Some(Spot {
            address: endpoint.address.clone(),
            port: endpoint.port,
            proto: endpoint.transport.clone(),
            iface: None,
            priority: 0,
        })
    }

    // What came of it.

    fn outcome(mut self, now: u64) -> Outcome {
        let (ended, result, error) = self.end.unwrap_or((now, Expected::Unfinished, None));
        let attempts: Vec<ExpectedAttempt> = self
            .race
            .timeline()
            .attempts
            .iter()
            .zip(&self.trials)
            .map(|(record, trial)| {
                let end = record.end.map_or(ended, |end| end.at.since_origin().as_millis() as u64);
                let state = match record.end.map(|end| end.reason) {
                    Some(Reason::Won) => AttemptState::Won,
                    Some(Reason::Failed | Reason::Expired) => AttemptState::Failed,
                    _ => AttemptState::Cancelled,
                };
                ExpectedAttempt {
                    addr: trial.spot.address.to_string(),
                    proto: trial.spot.proto.to_string(),
                    start_ms: record.started.since_origin().as_millis() as u64,
                    end_ms: end,
                    state,
                    iface: trial.spot.iface.clone(),
                    port: Some(trial.spot.port),
                    tls_start_ms: trial.tls_began,
                    round: Some(record.round),
                }
            })
            .collect();
        let winner = attempts.iter().find(|attempt| attempt.state == AttemptState::Won).map(named);
        let unstarted: Vec<CandidateId> = self.race.unstarted().collect();
        let not_attempted = unstarted.into_iter().filter_map(|id| Some(plain(&self.spot(id)?))).collect();
        let seen = Expect {
            result,
            ended_at_ms: ended,
            winner,
            error: error.map(str::to_owned),
            attempts,
            not_attempted,
            dns_queries: self.world.candidates.is_none().then(|| std::mem::take(&mut self.queries)),
        };
        let checks = Checks { scenario: self.scenario, running: self.race.timeline().running().count() };
        checks.invariants(&seen, &mut self.broken);
        Outcome { seen, timeline: self.race.timeline().clone(), broken: self.broken }
    }
}

fn attempt_of(event: &Event) -> Option<AttemptId> {
    match event {
        Event::TlsEnds(id, _) => Some(*id),
        Event::Told(Input::Reached(id, _) | Input::Connected(id) | Input::Failed(id, _)) => Some(*id),
        Event::Told(_) => None,
    }
}

fn named(attempt: &ExpectedAttempt) -> WinnerSpec {
    WinnerSpec {
        addr: attempt.addr.clone(),
        proto: attempt.proto.clone(),
        iface: attempt.iface.clone(),
        port: attempt.port,
    }
}

fn plain(spot: &Spot) -> WinnerSpec {
    WinnerSpec {
        addr: spot.address.to_string(),
        proto: spot.proto.to_string(),
        iface: spot.iface.clone(),
        port: Some(spot.port),
    }
}
