//! The machine, given its candidates. Races that resolve names are tested with scenarios, and in
//! `tests/prop_happy_eyeballs.rs`.

use super::*;
use crate::candidate::CandidateId;
use crate::time::Time;
use Said::{Cancel, Lost, Start, Won};
use std::time::Duration;

// CON, SUC, CHG, ...: our numbering of the rules in RFC 8305 and its successor, RFC 9623, and our own API.

const A: CandidateId = CandidateId(1);
const B: CandidateId = CandidateId(2);
const C: CandidateId = CandidateId(3);
const STRANGER: CandidateId = CandidateId(99);

/// What is told: an attempt goes by its candidate, for each is tried once here.
enum Told {
    Candidates(Vec<Entry>),
    NoMoreCandidates,
    Reached(CandidateId, Stage),
    Connected(CandidateId),
    Failed(CandidateId),
    FailedLocally(CandidateId),
    Cancel,
}

/// What is said but `Wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Start(CandidateId),
    Cancel(CandidateId),
    Won(CandidateId),
    Lost(Loss),
}

/// A race that is drained after every input and at every deadline, as its contract says.
struct Course(Race);

impl Course {
    fn new() -> Self {
        Self(Race::new(Config::default()))
    }

    /// These candidates at 0 ms, and no others.
    fn of(ids: &[CandidateId]) -> Self {
        let mut course = Self::open(ids);
        assert_eq!(course.at(0, Told::NoMoreCandidates), []);
        course
    }

    /// These candidates at 0 ms, the first of them started; others may come.
    fn open(ids: &[CandidateId]) -> Self {
        let mut course = Self::new();
        assert_eq!(course.at(0, list(ids)), [Start(ids[0])]);
        course
    }

    fn at(&mut self, millis: u64, told: Told) -> Vec<Said> {
        self.tell(millis, told);
        self.drain(millis)
    }

    fn tell(&mut self, millis: u64, told: Told) {
        let attempt = |id| {
            let place = self.0.timeline().attempts.iter().position(|attempt| attempt.id == id);
            AttemptId(place.map_or(u32::MAX, |place| place as u32))
        };
        let input = match told {
            Told::Candidates(list) => Input::Candidates(list),
            Told::NoMoreCandidates => Input::NoMoreCandidates,
            Told::Reached(id, stage) => Input::Reached(attempt(id), stage),
            Told::Connected(id) => Input::Connected(attempt(id)),
            Told::Failed(id) => Input::Failed(attempt(id), Fault::new("refused")),
            Told::FailedLocally(id) => Input::Failed(attempt(id), Fault::local("no route")),
            Told::Cancel => Input::Cancel,
        };
        self.0.handle(input, Time::from_millis(millis));
    }

    fn drain(&mut self, millis: u64) -> Vec<Said> {
        let mut said = Vec::new();
        loop {
            let output = self.0.poll(Time::from_millis(millis));
            let candidate = |id: AttemptId| self.0.timeline().attempts[id.0 as usize].id;
            said.push(match output {
                Output::Wait(_) => return said,
                Output::Start { candidate, .. } => Start(candidate),
                Output::Cancel(id) => Cancel(candidate(id)),
                Output::Won(id) => Won(candidate(id)),
                Output::Lost(loss) => Lost(loss),
                output => panic!("{output:?}"),
            });
        }
    }

    /// What it waits for once it is drained.
    fn waits(&mut self, millis: u64) -> Option<u64> {
        match self.0.poll(Time::from_millis(millis)) {
            Output::Wait(due) => due.map(|due| due.since_origin().as_millis() as u64),
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
fn list(ids: &[CandidateId]) -> Told {
    Told::Candidates(ids.iter().map(|&id| Entry::new(id, 0)).collect())
}

fn transport(id: CandidateId) -> Told {
    Told::Reached(id, Stage::Transport)
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
    let entries = [(A, 7), (B, 3), (C, 3)].map(|(id, priority)| Entry::new(id, priority));
    assert_eq!(race.at(0, Told::Candidates(entries.to_vec())), [Start(B)]);
    assert_eq!(race.drain(250), [Start(C)]);
    assert_eq!(race.drain(500), [Start(A)]);
}

/// CON-3, CON-9.
#[test]
fn a_refusal_within_a_millisecond_waits_for_the_spacing() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.at(1, Told::Failed(A)), []);
    assert_eq!(race.waits(1), Some(10));
    assert_eq!(race.drain(10), [Start(B)]);
}

/// CON-9, SUC-3: also where the spacing after the failure is as long as the timer.
#[test]
fn a_start_owed_to_a_failure_is_not_put_off_by_progress() {
    let mut race = Course(Race::new(
        Config { min_attempt_delay: Duration::ZERO, ..Config::default() }.attempt_delay(Duration::ZERO),
    ));
    assert_eq!(race.at(0, list(&[A, B, C])), [Start(A)]);
    assert_eq!(race.drain(10), [Start(B)]);
    assert_eq!(race.at(10, Told::Failed(B)), []);
    assert_eq!(race.at(11, transport(A)), []);
    assert_eq!(race.waits(11), Some(20));
}

/// CON-9.
#[test]
fn the_failure_of_the_latest_attempt_starts_the_next_at_once() {
    let mut race = Course::of(&[A, B, C]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(280, Told::Failed(B)), [Start(C)]);
    assert_eq!(race.causes(), [Cause::First, Cause::Timer, Cause::Failure]);
}

/// CON-9, F2.
#[test]
fn the_failure_of_an_older_attempt_leaves_the_timer() {
    let mut race = Course::of(&[A, B, C]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(310, Told::Failed(A)), []);
    assert_eq!(race.waits(310), Some(500));
}

/// CON-9, TAPS-3: only a failure starts the next.
#[test]
fn in_failover_only_a_failure_starts_the_next() {
    let mut race = Course(Race::new(Config::default().mode(Mode::Failover)));
    assert_eq!(race.at(0, list(&[A, B])), [Start(A)]);
    assert_eq!(race.waits(0), None);
    assert_eq!(race.at(800, Told::Failed(A)), [Start(B)]);
}

/// CON-6.
#[test]
fn a_new_start_leaves_running_attempts_alone() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(1500, Told::Connected(A)), [Cancel(B), Won(A)]);
    assert_eq!(race.reasons(), [Some(Reason::Won), Some(Reason::Cancelled)]);
}

/// CON-7, CON-8.
#[test]
fn the_first_to_connect_cancels_the_others_and_nothing_starts_any_more() {
    let mut race = Course::of(&[A, B, C]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(300, Told::Connected(B)), [Cancel(A), Won(B)]);
    assert_eq!(race.waits(300), None);
    assert_eq!(race.drain(500), []);
    assert_eq!(race.at(510, list(&[A, B, C, STRANGER])), []);
    assert_eq!(race.at(520, Told::Cancel), []);
    assert_eq!(race.0.timeline().winner(), Some(B));
}

/// CON-7: two connect in the same tick.
#[test]
fn a_second_connection_is_closed_and_does_not_win() {
    let mut drained = Course::of(&[A, B]);
    assert_eq!(drained.drain(250), [Start(B)]);
    let mut undrained = Course(drained.0.clone());

    assert_eq!(drained.at(300, Told::Connected(A)), [Cancel(B), Won(A)]);
    assert_eq!(drained.at(300, Told::Connected(B)), [Cancel(B)]);
    assert_eq!(drained.at(300, Told::Connected(A)), []);

    undrained.tell(300, Told::Connected(A));
    assert_eq!(undrained.at(300, Told::Connected(B)), [Cancel(B), Won(A)]);
    assert_eq!(undrained.0.timeline(), drained.0.timeline());
}

/// CON-12.
#[test]
fn a_race_whose_list_is_exhausted_stays_open() {
    let mut race = Course::open(&[A]);
    assert_eq!(race.waits(0), None);
    assert_eq!(race.at(20, Told::Failed(A)), []);
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
    assert_eq!(race.at(1, Told::Failed(A)), []);
    assert_eq!(race.at(2, list(&[B])), []);
    assert_eq!(race.drain(10), [Start(B)]);
    assert_eq!(race.causes(), [Cause::First, Cause::Late]);
}

/// CON-9, CON-12: the start that a failure allows is not lost because the next candidate comes later.
#[test]
fn a_failure_is_remembered_until_a_candidate_comes() {
    let mut race = Course::open(&[A, B]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(280, Told::Failed(B)), []);
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
    assert_eq!(race.at(600, Told::Connected(A)), [Cancel(C), Won(A)]);
}

/// Each candidate at most once.
#[test]
fn a_candidate_is_tried_once_however_often_it_is_listed() {
    let mut race = Course::new();
    assert_eq!(race.at(0, list(&[A, A, B, A])), [Start(A)]);
    assert_eq!(race.at(20, Told::Failed(A)), [Start(B)]);
    assert_eq!(race.at(300, list(&[A, B])), []);
    assert_eq!(race.waits(300), None);
}

/// DNS-7, API: everything refused is lost at the last refusal.
#[test]
fn a_race_is_lost_when_all_have_failed_and_no_more_can_come() {
    let mut race = Course::open(&[A, B]);
    assert_eq!(race.at(30, Told::Failed(A)), [Start(B)]);
    assert_eq!(race.at(60, Told::Failed(B)), []);
    assert_eq!(race.at(90, Told::NoMoreCandidates), [Lost(Loss::AllFailed)]);
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
    assert_eq!(race.at(10, Told::NoMoreCandidates), [Lost(Loss::NoCandidates)]);
    assert_eq!(race.at(10, Told::NoMoreCandidates), []);
}

/// SUC-3.
#[test]
fn a_transport_handshake_gives_the_rest_one_more_attempt_delay() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.at(200, transport(A)), []);
    assert_eq!(race.waits(200), Some(450));
    assert_eq!(race.at(300, transport(A)), []);
    assert_eq!(race.at(310, Told::Reached(A, Stage::Security)), []);
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
    assert_eq!(race.at(252, Told::Failed(B)), []);
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
    assert_eq!(race.at(50, Told::Failed(A)), [Start(B)]);
}

/// API-2.
#[test]
fn cancelling_closes_every_attempt_and_says_no_more() {
    let mut race = Course::of(&[A, B, C]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(400, Told::Cancel), [Cancel(A), Cancel(B)]);
    assert_eq!(race.waits(400), None);
    assert_eq!(race.at(410, Told::Failed(A)), []);
    assert_eq!(race.at(410, Told::Connected(B)), [Cancel(B)], "it connected while its cancel was on its way");
    assert_eq!(race.reasons(), [Some(Reason::Cancelled); 2]);
}

#[test]
fn ids_that_were_never_started_are_ignored() {
    let mut race = Course::of(&[A, B]);
    for id in [B, STRANGER] {
        for input in [Told::Failed(id), Told::Connected(id), transport(id)] {
            assert_eq!(race.at(5, input), []);
        }
    }
    assert_eq!(race.waits(5), Some(250));
    assert_eq!(race.drain(250), [Start(B)]);
}

#[test]
fn an_attempt_fails_only_once() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.at(20, Told::Failed(A)), [Start(B)]);
    assert_eq!(race.at(30, Told::Failed(A)), []);
    assert_eq!(race.at(40, Told::Connected(A)), []);
    assert_eq!(race.at(50, Told::Failed(B)), [Lost(Loss::AllFailed)]);
}

fn configured(set: impl FnOnce(&mut Config)) -> Course {
    let mut config = Config::default();
    set(&mut config);
    Course(Race::new(config))
}

/// CON-3, F4.
#[test]
fn a_failure_without_a_packet_is_spaced_unless_the_configuration_says_otherwise() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.at(0, Told::FailedLocally(A)), []);
    assert_eq!(race.drain(10), [Start(B)]);

    let mut race = configured(|config| config.space_local_failures = false);
    assert_eq!(race.at(0, list(&[A, B, C])), [Start(A)]);
    assert_eq!(race.at(0, Told::FailedLocally(A)), [Start(B)]);
    assert_eq!(race.at(1, Told::Failed(B)), [], "a packet was sent");
    assert_eq!(race.drain(10), [Start(C)]);
}

/// CON-9, F2.
#[test]
fn any_failure_starts_the_next_where_the_configuration_says_so() {
    let mut race = configured(|config| config.next_after = NextAfter::Any);
    assert_eq!(race.at(0, list(&[A, B, C])), [Start(A)]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(255, Told::Failed(A)), []);
    assert_eq!(race.drain(260), [Start(C)]);
}

/// SUC-3, F3: the timer is for the latest attempt, as with failures.
#[test]
fn the_progress_of_an_older_attempt_leaves_the_timer() {
    let mut race = Course::of(&[A, B, C]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.at(300, transport(A)), []);
    assert_eq!(race.waits(300), Some(500));
    assert_eq!(race.at(400, transport(B)), []);
    assert_eq!(race.drain(650), [Start(C)]);
    assert_eq!(race.causes(), [Cause::First, Cause::Timer, Cause::Extended]);
}

/// SUC-3, F3.
#[test]
fn progress_moves_nothing_where_the_configuration_says_so() {
    let mut race = configured(|config| config.extend = false);
    assert_eq!(race.at(0, list(&[A, B])), [Start(A)]);
    assert_eq!(race.at(100, transport(A)), []);
    assert_eq!(race.waits(100), Some(250));
}

/// CON-4, CON-5, CON-11.
#[test]
fn the_delay_is_that_of_the_attempt_that_runs_within_its_bounds() {
    let mut race = Course::new();
    let entry = |id, delay: u64| Entry::new(id, 0).delay(Duration::from_millis(delay));
    let entries = vec![entry(A, 3), entry(B, 700), entry(C, 9000), entry(STRANGER, 0)];
    assert_eq!(race.at(0, Told::Candidates(entries)), [Start(A)]);
    assert_eq!(race.drain(100), [Start(B)]);
    assert_eq!(race.drain(800), [Start(C)]);
    assert_eq!(race.drain(2800), [Start(STRANGER)]);
}

/// TAPS-4.
#[test]
fn another_interface_has_a_delay_of_its_own() {
    let mut race = configured(|config| config.interface_delay = Some(Duration::from_millis(600)));
    let entry = |id, interface: &str| Entry::new(id, 0).on(Some(interface.into()));
    let entries = vec![entry(A, "wlan0"), entry(B, "wlan0"), entry(C, "wwan0")];
    assert_eq!(race.at(0, Told::Candidates(entries)), [Start(A)]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.waits(250), Some(850));
    assert_eq!(race.at(300, Told::Failed(B)), [Start(C)], "a failure waits for nobody");
}

/// TAPS-1.
#[test]
fn in_simultaneous_racing_everything_starts_at_once() {
    let mut race = configured(|config| config.mode = Mode::Simultaneous);
    assert_eq!(race.at(0, list(&[A, B])), [Start(A), Start(B)]);
    assert_eq!(race.at(3, list(&[A, B, C])), [Start(C)]);
    assert_eq!(race.at(9, Told::Connected(B)), [Cancel(A), Cancel(C), Won(B)]);
}

/// NEAT-1, NEAT-2.
#[test]
fn in_neats_racing_each_starts_at_its_own_time() {
    let mut race = configured(|config| config.mode = Mode::Neat(Duration::from_millis(10)));
    let entries = [(A, 0), (B, 1), (C, 4)].map(|(id, priority)| Entry::new(id, priority));
    assert_eq!(race.at(5, Told::Candidates(entries.to_vec())), [Start(A)]);
    assert_eq!(race.at(7, Told::Failed(A)), []);
    assert_eq!(race.drain(15), [Start(B)]);
    assert_eq!(race.waits(15), Some(45));
    assert_eq!(race.causes(), [Cause::Planned; 2]);
}

/// API-3: waits, and never stops one for it.
#[test]
fn the_next_attempt_waits_for_a_slot() {
    let mut race = configured(|config| config.max_parallel = Some(2));
    assert_eq!(race.at(0, list(&[A, B, C])), [Start(A)]);
    assert_eq!(race.drain(250), [Start(B)]);
    assert_eq!(race.drain(600), []);
    assert_eq!(race.waits(600), None);
    assert_eq!(race.at(700, Told::Failed(A)), [Start(C)]);
    assert_eq!(race.causes(), [Cause::First, Cause::Timer, Cause::Slot]);
}

/// API-1.
#[test]
fn the_deadline_ends_everything() {
    let mut race = configured(|config| config.deadline = Some(Duration::from_millis(400)));
    assert_eq!(race.at(100, list(&[A, B])), [Start(A)]);
    assert_eq!(race.drain(350), [Start(B)]);
    assert_eq!(race.waits(350), Some(500), "it counts from the first input");
    assert_eq!(race.drain(500), [Cancel(A), Cancel(B), Lost(Loss::Deadline)]);
}

/// API-4.
#[test]
fn an_attempt_that_takes_too_long_is_stopped_and_has_failed() {
    let mut race = configured(|config| config.attempt_timeout = Some(Duration::from_millis(120)));
    assert_eq!(race.at(0, list(&[A, B])), [Start(A)]);
    assert_eq!(race.waits(0), Some(120));
    assert_eq!(race.drain(120), [Cancel(A), Start(B)]);
    assert_eq!(race.at(121, Told::Connected(A)), [Cancel(A)], "it connected while its cancel was on its way");
    assert_eq!(race.at(121, Told::NoMoreCandidates), []);
    assert_eq!(race.drain(240), [Cancel(B), Lost(Loss::AllFailed)]);
    assert_eq!(race.reasons(), [Some(Reason::Expired); 2]);
}

/// API-5.
#[test]
fn the_whole_list_is_tried_again_after_a_while() {
    let mut race = configured(|config| config.retry = Retry::new(2, Duration::from_millis(100)));
    assert_eq!(race.at(0, list(&[A, B])), [Start(A)]);
    race.tell(0, Told::NoMoreCandidates);
    assert_eq!(race.at(20, Told::Failed(A)), [Start(B)]);
    assert_eq!(race.at(40, Told::Failed(B)), []);
    assert_eq!(race.waits(40), Some(140));
    assert_eq!(race.drain(140), [Start(A)]);
    race.0.handle(Input::Failed(AttemptId(2), Fault::new("refused")), Time::from_millis(150));
    assert_eq!(race.drain(150), [Start(B)]);
    race.0.handle(Input::Failed(AttemptId(3), Fault::new("refused")), Time::from_millis(160));
    assert_eq!(race.waits(160), Some(360));
    let rounds: Vec<_> = race.0.timeline().attempts.iter().map(|attempt| attempt.round).collect();
    assert_eq!(rounds, [0, 0, 1, 1]);
    assert_eq!(race.causes(), [Cause::First, Cause::Failure, Cause::Round, Cause::Failure]);
}

/// API-5: what failed on the old network may work on the new one.
#[test]
fn a_new_network_ends_the_rest_between_rounds() {
    let mut race = configured(|config| config.retry = Retry::new(1, Duration::from_secs(60)));
    assert_eq!(race.at(0, list(&[A])), [Start(A)]);
    race.tell(0, Told::NoMoreCandidates);
    assert_eq!(race.at(20, Told::Failed(A)), []);
    race.0.handle(Input::Network(Network::default()), Time::from_millis(500));
    assert_eq!(race.drain(500), [Start(A)]);
}

/// What happens in one moment has no order: the one that started first wins.
#[test]
fn of_two_that_connect_in_one_moment_the_first_to_start_wins() {
    let mut race = Course::of(&[A, B]);
    assert_eq!(race.drain(250), [Start(B)]);
    race.tell(300, Told::Connected(B));
    assert_eq!(race.at(300, Told::Connected(A)), [Cancel(B), Won(A)]);
}
