//! The race against a scripted network, in virtual time.

use neatflow_core::racing::{self, AttemptId, Cause, Config, Entry, Fault, MIN_SPACING, Race, Reason, Stage};
use neatflow_core::{CandidateId, Time};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult, Testable};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::time::Duration;

/// What goes in: attempts go by their candidates, for each is tried once here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Input {
    Candidates(Vec<Entry>),
    NoMoreCandidates,
    Reached(CandidateId, Stage),
    Connected(CandidateId),
    Failed(CandidateId),
    Cancel,
}

impl Input {
    fn of(self, race: &Race) -> racing::Input {
        let attempt = |id| {
            let place = race.timeline().attempts.iter().position(|attempt| attempt.id == id);
            AttemptId(place.map_or(u32::MAX, |place| place as u32))
        };
        match self {
            Self::Candidates(list) => racing::Input::Candidates(list),
            Self::NoMoreCandidates => racing::Input::NoMoreCandidates,
            Self::Reached(id, stage) => racing::Input::Reached(attempt(id), stage),
            Self::Connected(id) => racing::Input::Connected(attempt(id)),
            Self::Failed(id) => racing::Input::Failed(attempt(id), Fault::new("refused")),
            Self::Cancel => racing::Input::Cancel,
        }
    }
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Start(CandidateId),
    Cancel(CandidateId),
    Won(CandidateId),
    Lost,
    Wait(Option<Time>),
}

impl Output {
    fn next(race: &mut Race, now: Time) -> Self {
        let output = race.poll(now);
        let candidate = |id: AttemptId| race.timeline().attempts[id.0 as usize].id;
        match output {
            racing::Output::Start { candidate, .. } => Self::Start(candidate),
            racing::Output::Cancel(id) => Self::Cancel(candidate(id)),
            racing::Output::Won(id) => Self::Won(candidate(id)),
            racing::Output::Lost(_) => Self::Lost,
            racing::Output::Wait(due) => Self::Wait(due),
            other => panic!("a race that is given its candidates wants {other:?}"),
        }
    }
}

fn config(attempt_delay: u64) -> Config {
    let mut config = Config::default().attempt_delay(Duration::from_millis(attempt_delay));
    config.min_attempt_delay = Duration::ZERO;
    config
}

// The script.

/// How a candidate behaves once it is started; milliseconds after its start.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Connects(u64),
    /// The transport handshake is done, then the whole.
    Secures(u64, u64),
    Fails(u64),
    /// The transport handshake is done, then it fails.
    FailsLate(u64, u64),
    /// The transport handshake is done, and that was that.
    Hangs(u64),
    Silent,
}

impl Fate {
    /// What the attempt will report, and how long after its start.
    fn reports(self, id: CandidateId) -> Vec<(u64, Input)> {
        let transport = Input::Reached(id, Stage::Transport);
        match self {
            Self::Connects(after) => vec![(after, Input::Connected(id))],
            Self::Secures(up, more) => vec![(up, transport), (up + more, Input::Connected(id))],
            Self::Fails(after) => vec![(after, Input::Failed(id))],
            Self::FailsLate(up, more) => vec![(up, transport), (up + more, Input::Failed(id))],
            Self::Hangs(up) => vec![(up, transport)],
            Self::Silent => vec![],
        }
    }
}

impl Arbitrary for Fate {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 8 {
            0 => Self::Connects(delay(g)),
            1 => Self::Secures(delay(g), delay(g)),
            2..=4 => Self::Fails(delay(g)),
            5 => Self::FailsLate(delay(g), delay(g)),
            6 => Self::Hangs(delay(g)),
            _ => Self::Silent,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Connects(after) => Box::new(after.shrink().map(Self::Connects)),
            Self::Fails(after) => Box::new(after.shrink().map(Self::Fails)),
            Self::Hangs(up) => Box::new(iter::once(Self::Silent).chain(up.shrink().map(Self::Hangs))),
            Self::Secures(up, more) => {
                let both = (up, more).shrink().map(|(up, more)| Self::Secures(up, more));
                Box::new(iter::once(Self::Connects(up + more)).chain(both))
            }
            Self::FailsLate(up, more) => {
                let both = (up, more).shrink().map(|(up, more)| Self::FailsLate(up, more));
                Box::new(iter::once(Self::Fails(up + more)).chain(both))
            }
            Self::Silent => Box::new(iter::empty()),
        }
    }
}

/// Around the moments that matter: the spacing, the attempt delay, and ties.
fn delay(g: &mut Gen) -> u64 {
    let near = *g.choose(&[0, 0, 1, 9, 10, 50, 240, 250, 260, 500]).unwrap_or(&0);
    near + u64::arbitrary(g) % 4
}

/// What whoever drives the race tells it.
#[derive(Clone, Debug)]
enum Told {
    /// A ranking: candidate (an index into the fates, folded) and priority.
    List(Vec<(u8, u8)>),
    NoMore,
    Cancel,
}

impl Told {
    fn input(&self, candidates: u32) -> Input {
        let entry = |&(n, priority): &(u8, u8)| {
            Entry::new(CandidateId(u32::from(n) % candidates), u32::from(priority))
        };
        match self {
            Self::List(list) => Input::Candidates(list.iter().map(entry).collect()),
            Self::NoMore => Input::NoMoreCandidates,
            Self::Cancel => Input::Cancel,
        }
    }
}

impl Arbitrary for Told {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 12 {
            0 => Self::Cancel,
            1 | 2 => Self::NoMore,
            _ => {
                let length = usize::arbitrary(g) % 9;
                Self::List((0..length).map(|_| (u8::arbitrary(g), u8::arbitrary(g) % 3)).collect())
            }
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match self {
            Self::List(list) => Box::new(list.shrink().map(Self::List)),
            Self::NoMore | Self::Cancel => Box::new(iter::empty()),
        }
    }
}

#[derive(Clone, Debug)]
struct Script {
    attempt_delay: u64,
    fates: Vec<Fate>,
    /// Milliseconds since the one before, and what is told then.
    told: Vec<(u64, Told)>,
    /// At a tie, a deadline goes before what is told or reported.
    timers_first: bool,
    /// Milliseconds between polls that nobody asked for, where a property makes them.
    idle_polls: u64,
}

impl Arbitrary for Script {
    fn arbitrary(g: &mut Gen) -> Self {
        let (fates, told) = (1 + usize::arbitrary(g) % 8, 1 + usize::arbitrary(g) % 5);
        Self {
            attempt_delay: *g.choose(&[0, 10, 100, 250]).unwrap_or(&250),
            fates: (0..fates).map(|_| Fate::arbitrary(g)).collect(),
            told: (0..told).map(|_| (delay(g), Told::arbitrary(g))).collect(),
            timers_first: bool::arbitrary(g),
            idle_polls: *g.choose(&[1, 3, 7, 100]).unwrap_or(&1),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let (whole, other) = (self.clone(), self.clone());
        let told = self.told.shrink().map(move |told| Self { told, ..whole.clone() });
        let fates = self.fates.shrink().filter(|fates| !fates.is_empty());
        Box::new(told.chain(fates.map(move |fates| Self { fates, ..other.clone() })))
    }
}

// Playing it.

/// One thing that went into the race or came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Note {
    In(Input),
    Out(Output),
}

/// Plays a script. The network forgets what a cancelled attempt would have reported later, but not what it reports
/// in the same tick: that has crossed the cancel on its way.
struct Player<'a> {
    script: &'a Script,
    idle: bool,
    race: Race,
    /// By moment, then in the order in which they were planned.
    planned: BTreeMap<(u64, usize), Input>,
    plans: usize,
    notes: Vec<(Time, Note)>,
}

impl<'a> Player<'a> {
    fn new(script: &'a Script, idle: bool) -> Self {
        let mut player = Self {
            script,
            idle,
            race: Race::new(config(script.attempt_delay)),
            planned: BTreeMap::new(),
            plans: 0,
            notes: Vec::new(),
        };
        let mut at = 0;
        for (gap, told) in &script.told {
            at += gap;
            player.plan(at, told.input(script.fates.len() as u32));
        }
        player
    }

    fn plan(&mut self, at: u64, input: Input) {
        self.planned.insert((at, self.plans), input);
        self.plans += 1;
    }

    fn play(mut self) -> Played {
        let mut now = 0;
        let mut due = self.drain(now);
        loop {
            let input = self.planned.keys().next().map(|&(at, _)| at);
            let (next, timer) = match (due, input) {
                (None, None) => break,
                (Some(due), None) => (due, true),
                (None, Some(input)) => (input, false),
                (Some(due), Some(input)) => {
                    (due.min(input), due < input || (due == input && self.script.timers_first))
                }
            };
            while self.idle && now + self.script.idle_polls < next {
                now += self.script.idle_polls;
                self.drain(now);
            }
            now = next;
            if !timer && let Some((_, input)) = self.planned.pop_first() {
                self.notes.push((Time::from_millis(now), Note::In(input.clone())));
                self.race.handle(input.of(&self.race), Time::from_millis(now));
            }
            due = self.drain(now);
        }
        let delay = Duration::from_millis(self.script.attempt_delay).max(MIN_SPACING);
        Played { notes: self.notes, race: self.race, delay }
    }

    /// Drains the race; returns what it waits for.
    fn drain(&mut self, now: u64) -> Option<u64> {
        // At once it can start one, cancel all and have an outcome: a race that says more never waits.
        for _ in 0..self.script.fates.len() + 3 {
            let output = Output::next(&mut self.race, Time::from_millis(now));
            match output {
                Output::Wait(due) => {
                    let due = due.map(|due| due.since_origin().as_millis() as u64);
                    assert!(due.is_none_or(|due| due > now), "waits for what is past");
                    assert!(
                        !self.idle || Output::next(&mut self.race, Time::from_millis(now)) == output,
                        "says more"
                    );
                    return due;
                }
                Output::Start(id) => {
                    for (after, input) in self.script.fates[id.0 as usize].reports(id) {
                        self.plan(now + after, input);
                    }
                }
                Output::Cancel(id) => {
                    self.planned.retain(|&(at, _), input| at == now || attempt_of(input) != Some(id));
                }
                Output::Won(_) | Output::Lost => {}
            }
            self.notes.push((Time::from_millis(now), Note::Out(output)));
        }
        panic!("never waits");
    }
}

fn attempt_of(input: &Input) -> Option<CandidateId> {
    match input {
        Input::Reached(id, _) | Input::Connected(id) | Input::Failed(id) => Some(*id),
        Input::Candidates(_) | Input::NoMoreCandidates | Input::Cancel => None,
    }
}

/// A script that was played to its end. "Before n": in the notes up to n, without it.
#[derive(Debug)]
struct Played {
    notes: Vec<(Time, Note)>,
    race: Race,
    delay: Duration,
}

impl Played {
    fn of(script: &Script) -> Self {
        Player::new(script, false).play()
    }

    fn note(&self, n: usize) -> Option<&Note> {
        self.notes.get(n).map(|(_, note)| note)
    }

    /// Where, when and who.
    fn starts(&self) -> Vec<(usize, Time, CandidateId)> {
        let start = |(n, (at, note)): (usize, &(Time, Note))| match note {
            Note::Out(Output::Start(id)) => Some((n, *at, *id)),
            _ => None,
        };
        self.notes.iter().enumerate().filter_map(start).collect()
    }

    /// Where the race was over: at its outcome, or at the last cancel that the input `Cancel` entails.
    fn over(&self) -> Option<usize> {
        self.notes.iter().enumerate().find_map(|(n, (_, note))| match note {
            Note::Out(Output::Won(_) | Output::Lost) => Some(n),
            Note::In(Input::Cancel) => Some(n + self.running(n).len()),
            _ => None,
        })
    }

    /// What is listed and was not started before n, best first.
    fn untried(&self, n: usize) -> Vec<CandidateId> {
        let mut list = Vec::new();
        let mut started = BTreeSet::new();
        for (_, note) in &self.notes[..n] {
            match note {
                Note::In(Input::Candidates(new)) => list.clone_from(new),
                Note::Out(Output::Start(id)) => drop(started.insert(*id)),
                _ => {}
            }
        }
        list.sort_by_key(|entry| entry.priority);
        list.iter().map(|entry| entry.id).filter(|id| started.insert(*id)).collect()
    }

    /// What was started and had not ended before n.
    fn running(&self, n: usize) -> BTreeSet<CandidateId> {
        let mut running = BTreeSet::new();
        for (_, note) in &self.notes[..n] {
            match note {
                Note::Out(Output::Start(id)) => drop(running.insert(*id)),
                Note::Out(Output::Cancel(id) | Output::Won(id)) | Note::In(Input::Failed(id)) => {
                    running.remove(id);
                }
                _ => {}
            }
        }
        running
    }

    /// From when on the race may start another one, going by the start at n and what was noted before `until`; and
    /// whether that is due to a failure.
    fn allowed(&self, (n, started, latest): (usize, Time, CandidateId), until: usize) -> (Time, bool) {
        let mut timer = started + self.delay;
        for (m, (at, note)) in self.notes.iter().enumerate().take(until).skip(n) {
            match note {
                Note::In(Input::Reached(id, Stage::Transport)) if *id == latest && *at < timer => {
                    timer = *at + self.delay;
                }
                Note::In(Input::Failed(id)) if *id == latest || self.running(m + 1).is_empty() => {
                    let earliest = (*at).max(started + MIN_SPACING);
                    if earliest <= timer {
                        return (earliest, true);
                    }
                }
                _ => {}
            }
        }
        (timer, false)
    }

    /// Since when there was somebody to start, without a break until n.
    fn known_since(&self, n: usize) -> Option<Time> {
        let first = (1..=n).rev().take_while(|&m| !self.untried(m).is_empty()).last()?;
        self.notes.get(first - 1).map(|(at, _)| *at)
    }

    /// A verdict that shows what happened.
    fn shows(&self, holds: bool) -> TestResult {
        if holds {
            return TestResult::passed();
        }
        let notes: Vec<_> = self.notes.iter().map(|note| format!("{note:?}")).collect();
        TestResult::error(format!("{}\n{:?}", notes.join("\n"), self.race.timeline()))
    }
}

fn check(property: impl Testable) {
    QuickCheck::new().tests(3_000).quickcheck(property);
}

// The properties.

#[test]
fn each_candidate_starts_at_most_once() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let starts = played.starts();
        let ids: BTreeSet<_> = starts.iter().map(|(_, _, id)| id).collect();
        played.shows(ids.len() == starts.len())
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn the_best_that_is_known_and_untried_starts() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        played.shows(played.starts().iter().all(|(n, _, id)| played.untried(*n).first() == Some(id)))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn no_two_starts_are_closer_than_ten_milliseconds() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let spaced = |pair: &[(usize, Time, CandidateId)]| pair[1].1 - pair[0].1 >= Duration::from_millis(10);
        played.shows(played.starts().windows(2).all(spaced))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn only_a_failure_explains_two_starts_within_the_attempt_delay() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let explained = |pair: &[(usize, Time, CandidateId)]| {
            let between = &played.notes[pair[0].0..pair[1].0];
            pair[1].1 - pair[0].1 >= played.delay
                || between.iter().any(|(_, note)| matches!(note, Note::In(Input::Failed(_))))
        };
        played.shows(played.starts().windows(2).all(explained))
    }
    check(prop as fn(Script) -> TestResult);
}

/// The first start when somebody is known; the others when, besides, the timer or a failure allows it.
#[test]
fn every_start_comes_at_the_first_moment_that_the_rules_allow() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let starts = played.starts();
        let punctual = |k: usize| {
            let (n, at, _) = starts[k];
            let allowed = k.checked_sub(1).map(|earlier| played.allowed(starts[earlier], n).0);
            Some(at) == allowed.max(played.known_since(n))
        };
        played.shows((0..starts.len()).all(punctual))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn nobody_is_forgotten_while_the_race_is_open() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        played.shows(played.over().is_some() || played.untried(played.notes.len()).is_empty())
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn the_first_to_connect_wins_and_nobody_else_ever_does() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let notes = || played.notes.iter().map(|(_, note)| note);
        let due = notes().find_map(|note| match note {
            Note::In(Input::Connected(id)) => Some(Some(*id)),
            Note::In(Input::Cancel) => Some(None),
            _ => None,
        });
        let won = notes().filter_map(|note| match note {
            Note::Out(Output::Won(id)) => Some(*id),
            _ => None,
        });
        played.shows(won.eq(due.flatten()))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn a_race_is_lost_as_soon_as_nothing_runs_nothing_is_left_and_nothing_can_come() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let mut no_more = false;
        for (n, (_, note)) in played.notes.iter().enumerate() {
            if matches!(note, Note::Out(Output::Won(_) | Output::Lost) | Note::In(Input::Cancel)) {
                break;
            }
            no_more |= *note == Note::In(Input::NoMoreCandidates);
            let hopeless = no_more && played.running(n + 1).is_empty() && played.untried(n + 1).is_empty();
            if hopeless != (played.note(n + 1) == Some(&Note::Out(Output::Lost))) {
                return played.shows(false);
            }
        }
        TestResult::passed()
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn every_attempt_has_ended_when_the_race_is_over() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let Some(over) = played.over() else { return TestResult::discard() };
        let recorded = played.race.timeline().running().count();
        played.shows(over < played.notes.len() && played.running(over + 1).is_empty() && recorded == 0)
    }
    check(prop as fn(Script) -> TestResult);
}

/// All that may be said is the cancel of an attempt that has just connected in vain.
#[test]
fn silence_follows_when_the_race_is_over() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let Some(over) = played.over() else { return TestResult::discard() };
        let silent = |n: usize| match (played.note(n - 1), played.note(n)) {
            (Some(Note::In(Input::Connected(told))), Some(Note::Out(Output::Cancel(id)))) => told == id,
            (_, note) => !matches!(note, Some(Note::Out(_))),
        };
        played.shows((over + 1..played.notes.len()).all(silent))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn every_connection_is_either_won_or_closed() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let answered = |(n, (at, note)): (usize, &(Time, Note))| match note {
            Note::In(Input::Connected(id)) => [Output::Won(*id), Output::Cancel(*id)]
                .iter()
                .any(|answer| played.notes[n + 1..].contains(&(*at, Note::Out(*answer)))),
            _ => true,
        };
        played.shows(played.notes.iter().enumerate().all(answered))
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn polls_that_nobody_asked_for_change_nothing() {
    fn prop(script: Script) -> TestResult {
        let (quiet, busy) = (Played::of(&script), Player::new(&script, true).play());
        busy.shows(quiet.notes == busy.notes && quiet.race.timeline() == busy.race.timeline())
    }
    check(prop as fn(Script) -> TestResult);
}

#[test]
fn the_timeline_tells_what_happened_and_why() {
    fn prop(script: Script) -> TestResult {
        let played = Played::of(&script);
        let (starts, attempts) = (played.starts(), &played.race.timeline().attempts);
        let told = |k: usize| {
            let (n, at, id) = starts[k];
            let attempt = &attempts[k];
            let end = played.notes.iter().find_map(|(at, note)| match note {
                Note::In(Input::Failed(other)) if *other == id => Some((*at, Reason::Failed)),
                Note::Out(Output::Cancel(other)) if *other == id => Some((*at, Reason::Cancelled)),
                Note::Out(Output::Won(other)) if *other == id => Some((*at, Reason::Won)),
                _ => None,
            });
            // What crossed its cancel came too late.
            let up = played.notes.iter().enumerate().find(|(m, (_, note))| {
                *note == Note::In(Input::Reached(id, Stage::Transport)) && played.running(*m).contains(&id)
            });
            let why = match (attempt.cause, k.checked_sub(1).map(|earlier| starts[earlier])) {
                (Cause::First, None) => true,
                (Cause::Timer | Cause::Extended, Some(earlier)) => played.allowed(earlier, n) == (at, false),
                (Cause::Failure, Some(earlier)) => played.allowed(earlier, n) == (at, true),
                (Cause::Late, Some((m, _, _))) => (m + 1..n).any(|m| played.untried(m).is_empty()),
                _ => false,
            };
            (attempt.started, attempt.id) == (at, id)
                && attempt.end.map(|end| (end.at, end.reason)) == end
                && attempt.transport == up.map(|(_, (at, _))| *at)
                && why
        };
        played.shows(attempts.len() == starts.len() && (0..starts.len()).all(told))
    }
    check(prop as fn(Script) -> TestResult);
}

/// What a driver that keeps no promise might say: gaps that nobody waited out, and inputs of any kind.
#[derive(Clone, Debug)]
struct Babble(Vec<(u16, u8, u8)>);

impl Arbitrary for Babble {
    fn arbitrary(g: &mut Gen) -> Self {
        Self(Arbitrary::arbitrary(g))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

fn babbled(kind: u8, id: CandidateId) -> Input {
    match kind % 32 {
        0 | 1 => Input::Connected(id),
        2 => Input::Cancel,
        3 => Input::NoMoreCandidates,
        4..=11 => Input::Failed(id),
        12..=14 => Input::Reached(id, Stage::Transport),
        15 => Input::Reached(id, Stage::Security),
        _ => Input::Candidates((0..id.0).rev().map(|n| Entry::new(CandidateId(n), n % 3)).collect()),
    }
}

/// Reports of attempts that never ran, twice, or after the outcome; drained now and then.
#[test]
fn a_driver_that_keeps_no_promise_gets_one_outcome_and_spaced_starts_all_the_same() {
    fn prop(babble: Babble, drain_often: bool) -> TestResult {
        let mut race = Race::new(Config::default());
        let mut now = Time::ZERO;
        let (mut outcomes, mut starts) = (0, Vec::new());
        for &(gap, kind, id) in &babble.0 {
            now += Duration::from_millis(u64::from(gap % 300));
            let input = babbled(kind, CandidateId(u32::from(id % 8))).of(&race);
            race.handle(input, now);
            if !drain_often && gap % 2 == 0 {
                continue;
            }
            // Eight candidates: one start, a cancel for each, an outcome.
            let said = iter::repeat_with(|| Output::next(&mut race, now)).take(20);
            let said: Vec<_> = said.take_while(|output| !matches!(output, Output::Wait(_))).collect();
            if said.len() == 20 {
                return TestResult::error("never waits");
            }
            for output in said {
                match output {
                    Output::Start(id) => starts.push((now, id)),
                    Output::Won(_) | Output::Lost => outcomes += 1,
                    Output::Cancel(_) | Output::Wait(_) => {}
                }
            }
        }
        let spaced = starts.windows(2).all(|pair| pair[1].0 - pair[0].0 >= MIN_SPACING);
        let once = starts.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len() == starts.len();
        if outcomes <= 1 && spaced && once {
            return TestResult::passed();
        }
        TestResult::error(format!("{outcomes} outcomes, starts: {starts:?}"))
    }
    check(prop as fn(Babble, bool) -> TestResult);
}
