//! The scenario files against the race, as a machine and as actors: every one passes, and would be seen to fail.
#![expect(clippy::unwrap_used, reason = "a scenario that is missing or cannot be read fails the test")]

use neatflow_testing::scenarios::{self, Outcome, Scenario};

const PUBLIC: &str = include_str!("scenarios/he_scenarios_public.json");
const OWN: &str = include_str!("scenarios/he_scenarios_own.json");

type Play = fn(&Scenario) -> Result<Outcome, String>;

const LAYERS: [(&str, Play); 2] = [("core", scenarios::play), ("actors", scenarios::play_actors)];

fn failures(file: &str) -> Vec<String> {
    let mut failures = Vec::new();
    for scenario in scenarios::read(file).unwrap() {
        for (layer, play) in LAYERS {
            if let Some(difference) = scenarios::judge(&scenario, &play(&scenario).unwrap()) {
                failures.push(format!("{layer} {} {}: {difference}", scenario.id, scenario.name));
            }
        }
    }
    failures
}

#[test]
fn every_public_scenario_passes() {
    assert_eq!(scenarios::read(PUBLIC).unwrap().len(), 67);
    assert_eq!(failures(PUBLIC), [] as [String; 0]);
}

#[test]
fn every_scenario_of_our_own_passes() {
    assert!(scenarios::read(OWN).unwrap().len() >= 40);
    assert_eq!(failures(OWN), [] as [String; 0]);
}

/// Each expectation is changed in each of its parts: each change is noticed, and told by name.
#[test]
fn a_wrong_expectation_is_noticed_whatever_is_wrong_in_it() {
    let all = [PUBLIC, OWN].map(|file| scenarios::read(file).unwrap());
    for (mut scenario, (_, play)) in
        all.into_iter().flatten().flat_map(|one| LAYERS.map(|layer| (one.clone(), layer)))
    {
        let outcome = play(&scenario).unwrap();
        scenario.accept_also.clear();
        scenario.expect = outcome.seen.clone();
        let right = scenario.expect.clone();
        assert_eq!(scenarios::judge(&scenario, &outcome), None, "{}", scenario.id);
        let mut noticed = |what: &str, change: &dyn Fn(&mut scenarios::Expect) -> bool| {
            scenario.expect = right.clone();
            if change(&mut scenario.expect) {
                let difference = scenarios::judge(&scenario, &outcome).unwrap_or_default();
                assert!(difference.contains(what), "{} {what}: {difference:?}", scenario.id);
            }
        };
        noticed("ended_at_ms", &|expect| {
            expect.ended_at_ms += 1;
            true
        });
        noticed("winner", &|expect| expect.winner.take().is_some());
        noticed("also tried", &|expect| expect.attempts.pop().is_some());
        noticed("should not be known", &|expect| expect.not_attempted.pop().is_some());
        noticed("should be known", &|expect| {
            let Some(extra) = expect.winner.clone() else { return false };
            expect.not_attempted.push(extra);
            true
        });
        for n in 0..right.attempts.len() {
            noticed(&format!("attempts[{n}].start_ms"), &|expect| {
                expect.attempts[n].start_ms += 1;
                true
            });
            noticed(&format!("attempts[{n}].end_ms"), &|expect| {
                expect.attempts[n].end_ms += 1;
                true
            });
            noticed(&format!("attempts[{n}].proto"), &|expect| {
                expect.attempts[n].proto.push('x');
                true
            });
        }
        noticed("is not asked at", &|expect| {
            let Some(first) = expect.dns_queries.as_mut().and_then(|queries| queries.first_mut()) else {
                return false;
            };
            first.at_ms += 1;
            true
        });
    }
}
