//! Scenarios that the box can express: chosen by what they say, staged with real servers, and compared with what the
//! race recorded and with what was on the wire.

use super::{common, noise::Noise, trial};
use libtest_mimic::Trial;
use neatflow::prelude::*;
use neatflow::{Connection, EstablishmentFailure, ResolutionFailure};
use neatflow_testing::netbox::User;
use neatflow_testing::netbox::stage::{Run, Stage, WARM_UP, cannot};
use neatflow_testing::scenarios::{self, Expected, Scenario, Tolerance};
use std::sync::Arc;
use std::time::Duration;

const PUBLIC: &str = include_str!("../scenarios/he_scenarios_public.json");
const OWN: &str = include_str!("../scenarios/he_scenarios_own.json");

/// So many of the public scenarios must run.
const LEAST: usize = 25;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("enough_of_the_public_scenarios_run", || {
        enough_run();
        Ok(())
    })];
    for (file, users) in [(PUBLIC, &[User::Same, User::Ordinary][..]), (OWN, &[User::Ordinary])] {
        for scenario in scenarios::read(file).unwrap().into_iter().filter(|one| cannot(one).is_none()) {
            for &user in users {
                let whose = if user == User::Same { "scenario" } else { "ordinary_scenario" };
                let (name, about) = (format!("{whose}::{}", scenario.id), scenario.name.clone());
                let scenario = scenario.clone();
                trials.push(trial(name, user, move || play(&scenario)).with_kind(about));
            }
        }
    }
    trials
}

fn enough_run() {
    let all = scenarios::read(PUBLIC).unwrap();
    let (can, left): (Vec<_>, Vec<_>) = all.iter().partition(|one| cannot(one).is_none());
    println!("{} of the {} public scenarios run in the box; the others need", can.len(), all.len());
    for one in left {
        println!("  {}: {}", one.id, cannot(one).unwrap());
    }
    assert!(can.len() >= LEAST, "{}", can.len());
}

/// Plays a scenario once.
fn play(scenario: &Scenario) {
    let stage = Stage::set(scenario).unwrap();
    let noise = Noise::start();
    let difference = common::run(race(scenario, &stage));
    let late = noise.end().max(stage.net.take_late());
    if let Some(Difference { what, slow }) = difference {
        super::fail(&what, slow, late);
    }
}

struct Difference {
    what: String,
    /// Whether anything was later than on a quiet machine: if all was in time, the machine is not to blame.
    slow: bool,
}

/// How what happened differs from what must.
async fn race(scenario: &Scenario, stage: &Stage) -> Option<Difference> {
    let mut racing = scenarios::racing(scenario);
    // It is the application's, and given where it gives it.
    racing.deadline = None;
    let transport = Transport::builder()
        .name_servers([stage.net.name_server()])
        .hosts_file("/no/such/file")
        .racing(racing)
        .start();
    warm_up(scenario, stage).await;
    let preconnection = preconnection(scenario, &transport);
    let began = stage.net.elapsed();
    let connection = preconnection.initiate().unwrap();
    let (result, error) = match scenario.settings.cancel_at_ms {
        Some(at) => {
            tokio::time::sleep(Duration::from_millis(at)).await;
            connection.abort();
            (Expected::Cancelled, None)
        }
        None => outcome(scenario, common::within(connection.ready()).await),
    };
    let ended = stage.net.elapsed();
    let run = Run { began, ended, result, error, race: connection.race() };
    let (mut seen, mut broken) = stage.seen(&run);
    if run.race.is_none() {
        // What a cancelled race knew besides nobody has kept.
        seen.not_attempted.clone_from(&scenario.expect.not_attempted);
    }
    broken.extend(leftovers(stage, &connection, result).await);
    let what = scenarios::judge_within(scenario, &seen, broken, Tolerance::REAL)?;
    let closely = scenarios::judge_within(scenario, &seen, Vec::new(), Tolerance::QUIET).unwrap_or_default();
    let slow = ["_ms is ", "is not asked at"].iter().any(|late| closely.contains(late));
    Some(Difference { what, slow })
}

/// Does everything once, with a transport of its own, which remembers nothing for others.
async fn warm_up(scenario: &Scenario, stage: &Stage) {
    let transport = Transport::builder().name_servers([stage.net.name_server()]).start();
    let to = (WARM_UP, scenario.target.port);
    let connection = Preconnection::new(&transport).require(Reliability).remote(to).initiate().unwrap();
    common::within(connection.ready()).await.unwrap();
    connection.close();
    common::within(connection.closed()).await.unwrap();
}

fn preconnection(scenario: &Scenario, transport: &Transport) -> Preconnection {
    let mut preconnection = Preconnection::new(transport).require(Reliability);
    let port = scenario.target.port;
    match &scenario.candidates {
        Some(candidates) => {
            for one in candidates {
                preconnection = preconnection.remote((one.addr.as_str(), one.port.unwrap_or(port)));
            }
        }
        None => preconnection = preconnection.remote((scenario.target.host.as_str(), port)),
    }
    match scenario.settings.overall_timeout_ms {
        Some(limit) => preconnection.timeout(Duration::from_millis(limit)),
        None => preconnection,
    }
}

/// In the words of the schema.
fn outcome(
    scenario: &Scenario,
    result: Result<(), Arc<EstablishmentFailure>>,
) -> (Expected, Option<&'static str>) {
    use EstablishmentFailure as F;
    let limit = scenario.settings.overall_timeout_ms.map(Duration::from_millis);
    let too_late = |one: &ResolutionFailure| matches!(one, ResolutionFailure::TimedOut { after, .. } if Some(*after) == limit);
    let Err(failure) = result else { return (Expected::Connected, None) };
    match &*failure {
        F::Timeout { .. } => (Expected::Timeout, Some("deadline")),
        F::EstablishmentFailed { .. } => (Expected::Failed, Some("all_attempts_failed")),
        // With nobody to try, it is the names that were late.
        F::ResolutionFailed(names) if names.iter().all(too_late) => (Expected::Timeout, Some("deadline")),
        F::ResolutionFailed(_) | F::NoCandidates { .. } => (Expected::Failed, Some("no_addresses")),
        other => panic!("{other}"),
    }
}

/// No loser is left at the server, nor here; and what won works.
async fn leftovers(stage: &Stage, connection: &Connection, result: Expected) -> Vec<String> {
    if result == Expected::Connected {
        connection.send("ping");
        assert_eq!(common::receive_bytes(connection, 4).await, b"ping");
    }
    let wanted = usize::from(result == Expected::Connected);
    let settled = async {
        while (stage.server.open(), sockets()) != (wanted, wanted) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(3), settled).await {
        Ok(()) => Vec::new(),
        Err(_) => {
            let (there, here) = (stage.server.open(), sockets());
            vec![format!("{there} connections at the server and {here} sockets of ours instead of {wanted}")]
        }
    }
}

/// The TCP sockets of the client's namespace that wait for an answer or are connected.
pub(crate) fn sockets() -> usize {
    const OPEN: [&str; 2] = ["01", "02"];
    let is_open = |line: &&str| line.split_whitespace().nth(3).is_some_and(|state| OPEN.contains(&state));
    // Of this thread: it may be asked by one in another namespace.
    let count = |file: &str| std::fs::read_to_string(file).unwrap().lines().filter(is_open).count();
    count("/proc/thread-self/net/tcp") + count("/proc/thread-self/net/tcp6")
}
