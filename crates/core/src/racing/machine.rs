//! The race as a machine.
//
//                 Candidates, NoMoreCandidates, Reached, Failed
//                                 ┌───┐
//                                 │   ▼       Connected
//                       new ──▶  Racing ──────────────────────────▶ Won
//                                 │   │  nothing runs, nothing is left,
//                                 │   │  nothing can come
//                                 │   └───────────────────────────▶ Lost
//                                 │  Cancel
//                                 └───────────────────────────────▶ Cancelled
//
// While racing, one moment matters: `next.due`, before which nothing starts.
//
// (v3 = draft-ietf-happy-happyeyeballs-v3)
//
//   a start at t                               due := t + attempt delay
//   a transport handshake is done (v3 §6.1)    due := now + attempt delay, unless it is reached already
//   the latest attempt fails                   due := max(now, last start + min spacing), if that is earlier
//
// A new list never moves it (v3 §7). With nothing untried it merely passes: the candidate that comes too late for it
// starts at once.

use super::config::Config;
use super::timeline::{Cause, End, Reason, Record, Timeline};
use crate::candidate::{Candidate, CandidateId};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Where a boundless attempt delay ends.
const NEVER: Time = Time::from_origin(Duration::MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Racing,
    Won,
    Lost,
    Cancelled,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The transport handshake is done; security may still be under way
    /// (draft-ietf-happy-happyeyeballs-v3 §6.1: the race extends its timer).
    Transport,
    /// The security handshake is done.
    Security,
}

/// A candidate as the race knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which one.
    pub id: CandidateId,
    /// A lower value starts earlier; among equals, the one listed first.
    pub priority: u32,
}

impl From<&Candidate> for Entry {
    fn from(candidate: &Candidate) -> Self {
        Self { id: candidate.id, priority: candidate.priority }
    }
}

/// What a race is told. An id that was never started is ignored, and so is all that comes after the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// All candidates known now, instead of those known before. Those that are tried already are not tried again,
    /// those that run go on even if they are absent (draft-ietf-happy-happyeyeballs-v3 §7).
    ///
    /// The race holds the list whole: whoever forms candidates bounds it.
    Candidates(Vec<Entry>),
    /// The last list was the last: the race may be lost.
    NoMoreCandidates,
    /// An attempt has come this far. Only the first time counts.
    Reached(CandidateId, Stage),
    /// An attempt has connected. If it runs, or was cancelled, the answer is `Won` or `Cancel` with its id, also after
    /// the outcome: no connection is left that nobody has and nobody closes.
    Connected(CandidateId),
    /// An attempt has failed.
    Failed(CandidateId),
    /// The application does not want it any more.
    Cancel,
}

/// What a race wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Start this attempt.
    Start(CandidateId),
    /// Stop this attempt and close what it has opened, also if it has just connected.
    Cancel(CandidateId),
    /// This attempt has won; every other one has been cancelled. Nothing follows.
    Won(CandidateId),
    /// All candidates have failed, or there were none. Nothing follows.
    Lost,
    /// Nothing to do before this moment, or before the next input; `None`: before the next input.
    Wait(Option<Time>),
}

/// When the next attempt may start, and what allows it.
#[derive(Clone, Copy, Debug)]
struct Next {
    due: Time,
    cause: Cause,
}

/// A race between candidates (RFC 8305 §5, RFC 9623 §4.3.2).
///
/// After each [`handle`](Self::handle), and when the moment of the last [`Output::Wait`] has come, drain
/// [`poll`](Self::poll) until it waits. Moments never run backwards.
///
/// ```
/// use neatflow_core::racing::{Config, Entry, Input, Output, Race};
/// use neatflow_core::{CandidateId, Time};
///
/// let (v6, v4) = (CandidateId(0), CandidateId(1));
/// let list = vec![Entry { id: v6, priority: 0 }, Entry { id: v4, priority: 1 }];
/// let mut race = Race::new(Config::default());
///
/// race.handle(Input::Candidates(list), Time::ZERO);
/// assert_eq!(race.poll(Time::ZERO), Output::Start(v6));
/// assert_eq!(race.poll(Time::ZERO), Output::Wait(Some(Time::from_millis(250))));
///
/// let now = Time::from_millis(250);
/// assert_eq!(race.poll(now), Output::Start(v4));
/// race.handle(Input::Connected(v4), now);
/// assert_eq!(race.poll(now), Output::Cancel(v6));
/// assert_eq!(race.poll(now), Output::Won(v4));
/// assert_eq!(race.poll(now), Output::Wait(None));
/// ```
#[derive(Clone, Debug)]
pub struct Race {
    config: Config,
    state: State,
    /// Best first.
    untried: VecDeque<CandidateId>,
    more_may_come: bool,
    next: Next,
    /// Where each candidate that was started is in the timeline.
    started: BTreeMap<CandidateId, usize>,
    running: usize,
    /// Cancels and the outcome, until they are drained; at most one cancel for each attempt.
    undrained: VecDeque<Output>,
    timeline: Timeline,
}

impl Race {
    /// A race without candidates.
    pub fn new(config: Config) -> Self {
        Self {
            config: config.lawful(),
            state: State::Racing,
            untried: VecDeque::new(),
            more_may_come: true,
            next: Next { due: Time::ZERO, cause: Cause::First },
            started: BTreeMap::new(),
            running: 0,
            undrained: VecDeque::new(),
            timeline: Timeline::default(),
        }
    }

    /// Takes note of what has happened.
    pub fn handle(&mut self, input: Input, now: Time) {
        match (self.state, input) {
            (State::Racing, Input::Candidates(list)) => self.rank(list, now),
            (State::Racing, Input::NoMoreCandidates) => self.more_may_come = false,
            (State::Racing, Input::Reached(id, stage)) => self.reached(id, stage, now),
            (State::Racing, Input::Connected(id)) => self.connected(id, now),
            (State::Racing, Input::Failed(id)) => self.failed(id, now),
            (State::Racing, Input::Cancel) => self.finish(State::Cancelled, now),
            (_, Input::Connected(id)) => self.connected_in_vain(id),
            (State::Won | State::Lost | State::Cancelled, _) => {}
        }
        self.lose_if_hopeless(now);
    }

    /// What to do now. To be called until it waits.
    pub fn poll(&mut self, now: Time) -> Output {
        if let Some(output) = self.undrained.pop_front() {
            return output;
        }
        let Some(&id) = self.untried.front() else { return Output::Wait(None) };
        if now < self.next.due {
            return Output::Wait(Some(self.next.due).filter(|due| *due < NEVER));
        }
        self.untried.pop_front();
        self.start(id, now);
        Output::Start(id)
    }

    /// What has happened so far.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn rank(&mut self, mut list: Vec<Entry>, now: Time) {
        let was_out = self.untried.is_empty();
        let mut seen = BTreeSet::new();
        list.sort_by_key(|entry| entry.priority); // stable: among equals, the one listed first
        self.untried = list
            .into_iter()
            .map(|entry| entry.id)
            .filter(|id| !self.started.contains_key(id) && seen.insert(*id))
            .collect();
        let overdue = self.running == 0 || self.next.due <= now;
        if was_out && overdue && !self.untried.is_empty() && !self.started.is_empty() {
            self.next.cause = Cause::Late;
        }
    }

    fn start(&mut self, id: CandidateId, now: Time) {
        self.started.insert(id, self.timeline.attempts.len());
        self.running += 1;
        self.timeline.attempts.push(Record::new(id, self.next.cause, now));
        self.next = Next { due: now + self.config.attempt_delay, cause: Cause::Timer };
    }

    fn reached(&mut self, id: CandidateId, stage: Stage, now: Time) {
        let Some(attempt) = self.running_mut(id) else { return };
        let reached = match stage {
            Stage::Transport => &mut attempt.transport,
            Stage::Security => &mut attempt.security,
        };
        if reached.is_some() {
            return;
        }
        *reached = Some(now);
        // A start that is owed already, by the timer or by a failure, stays owed.
        if stage == Stage::Transport && self.next.cause == Cause::Timer && now < self.next.due {
            self.next.due = self.next.due.max(now + self.config.attempt_delay);
        }
    }

    fn failed(&mut self, id: CandidateId, now: Time) {
        if !self.end(id, Reason::Failed, now) {
            return;
        }
        let Some(latest) = self.timeline.attempts.last() else { return };
        let due = now.max(latest.started + self.config.min_spacing);
        // An older attempt's failure says nothing about the one that the timer is for. When nothing runs any more, the
        // latest has failed too, and the next is due already.
        if latest.id == id && due <= self.next.due {
            self.next = Next { due, cause: Cause::Failure };
        }
    }

    fn connected(&mut self, id: CandidateId, now: Time) {
        if self.end(id, Reason::Won, now) {
            self.finish(State::Won, now);
            self.undrained.push_back(Output::Won(id));
        }
    }

    /// It connected while its cancel, or the winner's `Connected`, was on its way.
    fn connected_in_vain(&mut self, id: CandidateId) {
        let cancelled = self
            .started
            .get(&id)
            .and_then(|&n| self.timeline.attempts.get(n))
            .is_some_and(|attempt| matches!(attempt.end, Some(End { reason: Reason::Cancelled, .. })));
        if cancelled && !self.undrained.contains(&Output::Cancel(id)) {
            self.undrained.push_back(Output::Cancel(id));
        }
    }

    fn lose_if_hopeless(&mut self, now: Time) {
        let hopeless = !self.more_may_come && self.untried.is_empty() && self.running == 0;
        if self.state == State::Racing && hopeless {
            self.finish(State::Lost, now);
            self.undrained.push_back(Output::Lost);
        }
    }

    /// Leaves the race: cancels what runs, forgets what is untried.
    fn finish(&mut self, state: State, now: Time) {
        self.state = state;
        self.untried.clear();
        self.running = 0;
        for attempt in self.timeline.attempts.iter_mut().filter(|attempt| attempt.end.is_none()) {
            attempt.end = Some(End::new(now, Reason::Cancelled));
            self.undrained.push_back(Output::Cancel(attempt.id));
        }
    }

    /// Ends a running attempt; false if it does not run.
    fn end(&mut self, id: CandidateId, reason: Reason, now: Time) -> bool {
        let Some(attempt) = self.running_mut(id) else { return false };
        attempt.end = Some(End::new(now, reason));
        self.running -= 1;
        true
    }

    fn running_mut(&mut self, id: CandidateId) -> Option<&mut Record> {
        let attempt = self.timeline.attempts.get_mut(*self.started.get(&id)?)?;
        attempt.end.is_none().then_some(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Output::{Cancel, Lost, Start, Wait, Won};
    use std::time::Duration;

    // CON, SUC, CHG, ...: our numbering of the rules in RFC 8305 and its successor, RFC 9623, and our own API.

    const A: CandidateId = CandidateId(1);
    const B: CandidateId = CandidateId(2);
    const C: CandidateId = CandidateId(3);
    const STRANGER: CandidateId = CandidateId(99);

    /// A race that is drained after every input and at every deadline, as its contract says.
    struct Course(Race);

    impl Course {
        fn new() -> Self {
            Self(Race::new(Config::default()))
        }

        /// These candidates at 0 ms, and no others.
        fn of(ids: &[CandidateId]) -> Self {
            let mut course = Self::open(ids);
            assert_eq!(course.at(0, Input::NoMoreCandidates), []);
            course
        }

        /// These candidates at 0 ms, the first of them started; others may come.
        fn open(ids: &[CandidateId]) -> Self {
            let mut course = Self::new();
            assert_eq!(course.at(0, list(ids)), [Start(ids[0])]);
            course
        }

        fn at(&mut self, millis: u64, input: Input) -> Vec<Output> {
            self.0.handle(input, Time::from_millis(millis));
            self.drain(millis)
        }

        fn drain(&mut self, millis: u64) -> Vec<Output> {
            std::iter::repeat_with(|| self.0.poll(Time::from_millis(millis)))
                .take_while(|output| !matches!(output, Wait(_)))
                .collect()
        }

        /// What it waits for once it is drained.
        fn waits(&mut self, millis: u64) -> Option<u64> {
            match self.0.poll(Time::from_millis(millis)) {
                Wait(due) => due.map(|due| due.since_origin().as_millis() as u64),
                output => panic!("not drained: {output:?}"),
            }
        }

        fn causes(&self) -> Vec<Cause> {
            self.0.timeline().attempts.iter().map(|attempt| attempt.cause).collect()
        }

        fn reasons(&self) -> Vec<Option<Reason>> {
            self.0.timeline().attempts.iter().map(|attempt| attempt.end.map(|end| end.reason)).collect()
        }
    }

    /// This ranking, all of one priority.
    fn list(ids: &[CandidateId]) -> Input {
        Input::Candidates(ids.iter().map(|&id| Entry { id, priority: 0 }).collect())
    }

    fn transport(id: CandidateId) -> Input {
        Input::Reached(id, Stage::Transport)
    }

    /// CON-1, CON-2.
    #[test]
    fn a_stalled_first_candidate_costs_one_attempt_delay() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.waits(0), Some(250));
        assert_eq!(race.drain(249), []);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Timer]);
    }

    /// CON-1: a driver that comes late does not make up for it.
    #[test]
    fn a_late_poll_starts_one_attempt_not_all_that_were_missed() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(5000), [Start(B)]);
        assert_eq!(race.waits(5000), Some(5250));
    }

    /// The lower priority value starts earlier; among equals the one listed first.
    #[test]
    fn candidates_start_in_the_order_of_their_rank() {
        let mut race = Course::new();
        let entries = [(A, 7), (B, 3), (C, 3)].map(|(id, priority)| Entry { id, priority });
        assert_eq!(race.at(0, Input::Candidates(entries.to_vec())), [Start(B)]);
        assert_eq!(race.drain(250), [Start(C)]);
        assert_eq!(race.drain(500), [Start(A)]);
    }

    /// CON-3, CON-9.
    #[test]
    fn a_refusal_within_a_millisecond_waits_for_the_spacing() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.at(1, Input::Failed(A)), []);
        assert_eq!(race.waits(1), Some(10));
        assert_eq!(race.drain(10), [Start(B)]);
    }

    /// CON-9, SUC-3: also where the spacing after the failure is as long as the timer.
    #[test]
    fn a_start_owed_to_a_failure_is_not_put_off_by_progress() {
        let mut race = Course(Race::new(Config::default().attempt_delay(Duration::from_millis(10))));
        assert_eq!(race.at(0, list(&[A, B, C])), [Start(A)]);
        assert_eq!(race.drain(10), [Start(B)]);
        assert_eq!(race.at(10, Input::Failed(B)), []);
        assert_eq!(race.at(11, transport(A)), []);
        assert_eq!(race.waits(11), Some(20));
    }

    /// CON-9.
    #[test]
    fn the_failure_of_the_latest_attempt_starts_the_next_at_once() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(280, Input::Failed(B)), [Start(C)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Timer, Cause::Failure]);
    }

    /// CON-9, F2.
    #[test]
    fn the_failure_of_an_older_attempt_leaves_the_timer() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(310, Input::Failed(A)), []);
        assert_eq!(race.waits(310), Some(500));
    }

    /// CON-9, TAPS-3: without an attempt delay only a failure starts the next.
    #[test]
    fn a_boundless_attempt_delay_is_failover() {
        let mut race = Course(Race::new(Config::default().attempt_delay(Duration::MAX)));
        assert_eq!(race.at(0, list(&[A, B])), [Start(A)]);
        assert_eq!(race.waits(0), None);
        assert_eq!(race.at(800, Input::Failed(A)), [Start(B)]);
    }

    /// CON-6.
    #[test]
    fn a_new_start_leaves_running_attempts_alone() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(1500, Input::Connected(A)), [Cancel(B), Won(A)]);
        assert_eq!(race.reasons(), [Some(Reason::Won), Some(Reason::Cancelled)]);
    }

    /// CON-7, CON-8.
    #[test]
    fn the_first_to_connect_cancels_the_others_and_nothing_starts_any_more() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(300, Input::Connected(B)), [Cancel(A), Won(B)]);
        assert_eq!(race.waits(300), None);
        assert_eq!(race.drain(500), []);
        assert_eq!(race.at(510, list(&[A, B, C, STRANGER])), []);
        assert_eq!(race.at(520, Input::Cancel), []);
        assert_eq!(race.0.timeline().winner(), Some(B));
    }

    /// CON-7: two connect in the same tick.
    #[test]
    fn a_second_connection_is_closed_and_does_not_win() {
        let mut drained = Course::of(&[A, B]);
        assert_eq!(drained.drain(250), [Start(B)]);
        let mut undrained = Course(drained.0.clone());

        assert_eq!(drained.at(300, Input::Connected(A)), [Cancel(B), Won(A)]);
        assert_eq!(drained.at(300, Input::Connected(B)), [Cancel(B)]);
        assert_eq!(drained.at(300, Input::Connected(A)), []);

        undrained.0.handle(Input::Connected(A), Time::from_millis(300));
        assert_eq!(undrained.at(300, Input::Connected(B)), [Cancel(B), Won(A)]);
        assert_eq!(undrained.0.timeline(), drained.0.timeline());
    }

    /// CON-12.
    #[test]
    fn a_race_whose_list_is_exhausted_stays_open() {
        let mut race = Course::open(&[A]);
        assert_eq!(race.waits(0), None);
        assert_eq!(race.at(20, Input::Failed(A)), []);
        assert_eq!(race.waits(20), None);
        assert_eq!(race.at(220, list(&[A, B])), [Start(B)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Late]);
    }

    /// CON-12, DNS-12.
    #[test]
    fn a_candidate_after_the_attempt_delay_starts_at_once() {
        let mut race = Course::open(&[A]);
        assert_eq!(race.at(640, list(&[A, B])), [Start(B)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Late]);
    }

    /// CON-12, DNS-12.
    #[test]
    fn a_candidate_within_the_attempt_delay_waits_for_its_end() {
        let mut race = Course::open(&[A]);
        assert_eq!(race.at(100, list(&[B, A])), []);
        assert_eq!(race.waits(100), Some(250));
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Timer]);
    }

    /// CON-3, CON-12.
    #[test]
    fn a_late_candidate_respects_the_spacing_too() {
        let mut race = Course::open(&[A]);
        assert_eq!(race.at(1, Input::Failed(A)), []);
        assert_eq!(race.at(2, list(&[B])), []);
        assert_eq!(race.drain(10), [Start(B)]);
        assert_eq!(race.causes(), [Cause::First, Cause::Late]);
    }

    /// CON-9, CON-12: the start that a failure allows is not lost because the next candidate comes later.
    #[test]
    fn a_failure_is_remembered_until_a_candidate_comes() {
        let mut race = Course::open(&[A, B]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(280, Input::Failed(B)), []);
        assert_eq!(race.at(300, list(&[C])), [Start(C)]);
    }

    /// SORT-12, CHG-4.
    #[test]
    fn a_late_answer_reorders_what_is_untried_and_leaves_the_timer() {
        let mut race = Course::open(&[A, B]);
        assert_eq!(race.at(100, list(&[C, A, B])), []);
        assert_eq!(race.waits(100), Some(250));
        assert_eq!(race.drain(250), [Start(C)]);
        assert_eq!(race.drain(500), [Start(B)]);
    }

    /// CHG-1, CHG-2.
    #[test]
    fn what_a_new_list_lacks_is_dropped_unless_it_runs() {
        let mut race = Course::open(&[A, B]);
        assert_eq!(race.at(100, list(&[C])), []);
        assert_eq!(race.drain(250), [Start(C)]);
        assert_eq!(race.drain(500), []);
        assert_eq!(race.at(600, Input::Connected(A)), [Cancel(C), Won(A)]);
    }

    /// Each candidate at most once.
    #[test]
    fn a_candidate_is_tried_once_however_often_it_is_listed() {
        let mut race = Course::new();
        assert_eq!(race.at(0, list(&[A, A, B, A])), [Start(A)]);
        assert_eq!(race.at(20, Input::Failed(A)), [Start(B)]);
        assert_eq!(race.at(300, list(&[A, B])), []);
        assert_eq!(race.waits(300), None);
    }

    /// DNS-7, API: everything refused is lost at the last refusal.
    #[test]
    fn a_race_is_lost_when_all_have_failed_and_no_more_can_come() {
        let mut race = Course::open(&[A, B]);
        assert_eq!(race.at(30, Input::Failed(A)), [Start(B)]);
        assert_eq!(race.at(60, Input::Failed(B)), []);
        assert_eq!(race.at(90, Input::NoMoreCandidates), [Lost]);
        assert_eq!(race.waits(90), None);
        assert_eq!(race.at(100, list(&[C])), []);
        assert_eq!(race.reasons(), [Some(Reason::Failed); 2]);
    }

    /// TAPS-6.
    #[test]
    fn a_race_without_candidates_is_lost_once_none_can_come() {
        let mut race = Course::new();
        assert_eq!(race.waits(0), None);
        assert_eq!(race.at(5, list(&[])), []);
        assert_eq!(race.at(10, Input::NoMoreCandidates), [Lost]);
        assert_eq!(race.at(10, Input::NoMoreCandidates), []);
    }

    /// SUC-3.
    #[test]
    fn a_transport_handshake_gives_the_rest_one_more_attempt_delay() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.at(200, transport(A)), []);
        assert_eq!(race.waits(200), Some(450));
        assert_eq!(race.at(300, transport(A)), []);
        assert_eq!(race.at(310, Input::Reached(A, Stage::Security)), []);
        assert_eq!(race.waits(310), Some(450), "only the first report counts");
        assert_eq!(race.drain(450), [Start(B)]);
        let first = &race.0.timeline().attempts[0];
        assert_eq!(first.transport, Some(Time::from_millis(200)));
        assert_eq!(first.security, Some(Time::from_millis(310)));
    }

    /// SUC-3: what is owed stays owed.
    #[test]
    fn a_transport_handshake_does_not_take_back_a_start_that_is_due() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(252, Input::Failed(B)), []);
        assert_eq!(race.at(255, transport(A)), []);
        assert_eq!(race.drain(260), [Start(C)], "a failure allowed it");

        let mut race = Course::of(&[A, B]);
        assert_eq!(race.at(250, transport(A)), [Start(B)], "the timer allowed it");
    }

    /// SUC-2, CON-9.
    #[test]
    fn a_failure_after_the_transport_handshake_starts_the_next_at_once() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.at(30, transport(A)), []);
        assert_eq!(race.at(50, Input::Failed(A)), [Start(B)]);
    }

    /// API-2.
    #[test]
    fn cancelling_closes_every_attempt_and_says_no_more() {
        let mut race = Course::of(&[A, B, C]);
        assert_eq!(race.drain(250), [Start(B)]);
        assert_eq!(race.at(400, Input::Cancel), [Cancel(A), Cancel(B)]);
        assert_eq!(race.waits(400), None);
        assert_eq!(race.at(410, Input::Failed(A)), []);
        assert_eq!(
            race.at(410, Input::Connected(B)),
            [Cancel(B)],
            "it connected while its cancel was on its way"
        );
        assert_eq!(race.reasons(), [Some(Reason::Cancelled); 2]);
    }

    #[test]
    fn ids_that_were_never_started_are_ignored() {
        let mut race = Course::of(&[A, B]);
        for id in [B, STRANGER] {
            for input in [Input::Failed(id), Input::Connected(id), transport(id)] {
                assert_eq!(race.at(5, input), []);
            }
        }
        assert_eq!(race.waits(5), Some(250));
        assert_eq!(race.drain(250), [Start(B)]);
    }

    #[test]
    fn an_attempt_fails_only_once() {
        let mut race = Course::of(&[A, B]);
        assert_eq!(race.at(20, Input::Failed(A)), [Start(B)]);
        assert_eq!(race.at(30, Input::Failed(A)), []);
        assert_eq!(race.at(40, Input::Connected(A)), []);
        assert_eq!(race.at(50, Input::Failed(B)), [Lost]);
    }
}
