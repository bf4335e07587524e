//! What observations teach the next races.

use super::{Observation, Outcome};
use crate::racing::{History, Winner};
use crate::time::Time;
use std::sync::Arc;

/// Tells a history what one race, or one flow, has shown: who won, how long round trips are, and which transports failed
/// where another one won. `name` gives the network an observation was made on; whoever isolates a session says nothing.
pub fn teach(
    history: &mut History,
    observations: &[Observation],
    name: impl Fn(&Observation) -> Arc<str>,
    now: Time,
) {
    let won = |observation: &&Observation| matches!(observation.outcome, Outcome::Established { .. });
    let winner = observations.iter().find(won);
    for observation in observations {
        let network = name(observation);
        let address = observation.remote.ip().to_canonical();
        match &observation.outcome {
            Outcome::Established { rtt } => {
                let winner = Winner { address, transport: observation.transport.clone() };
                history.won(&network, &host(observation), winner, now);
                rtt.iter().for_each(|rtt| history.round_trip(&network, address, *rtt, now));
            }
            Outcome::Used { rtt, .. } => {
                rtt.iter().for_each(|rtt| history.round_trip(&network, address, *rtt, now));
            }
            // Where nothing worked, the transport is not to blame.
            Outcome::Failed { .. } => {
                if winner.is_some_and(|winner| winner.transport != observation.transport) {
                    history.penalise(&network, observation.transport.clone(), now);
                }
            }
        }
    }
}

/// The name races to this peer are remembered by.
fn host(observation: &Observation) -> Arc<str> {
    observation.host.clone().unwrap_or_else(|| observation.remote.ip().to_canonical().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Protocol;
    use std::time::Duration;

    fn observation(transport: &'static str, outcome: Outcome) -> Observation {
        let remote = "192.0.2.1:443".parse().unwrap();
        let transport = Protocol::named(transport);
        Observation { network: None, host: Some("host".into()), remote, transport, outcome }
    }

    fn recalled(observations: &[Observation]) -> crate::racing::Memory {
        let mut history = History::new();
        teach(&mut history, observations, |_| "home".into(), Time::ZERO);
        history.recall("home", "host", Time::ZERO)
    }

    #[test]
    fn a_race_teaches_who_won_and_which_transport_failed_beside_it() {
        let failed = observation("quic", Outcome::Failed { reason: "refused".into() });
        let rtt = Some(Duration::from_millis(20));
        let memory = recalled(&[failed.clone(), observation("tcp", Outcome::Established { rtt })]);
        assert_eq!(memory.winner.unwrap().transport, Protocol::TCP);
        assert_eq!(memory.penalties, [Protocol::named("quic")]);
        assert_eq!(memory.round_trips[&failed.remote.ip()], Duration::from_millis(20));
    }

    #[test]
    fn where_everything_failed_no_transport_is_to_blame() {
        let failed = observation("quic", Outcome::Failed { reason: "refused".into() });
        assert!(recalled(&[failed]).penalties.is_empty());
    }

    #[test]
    fn one_address_that_fails_does_not_speak_against_the_transport_that_won() {
        let failed = observation("tcp", Outcome::Failed { reason: "refused".into() });
        let won = observation("tcp", Outcome::Established { rtt: None });
        assert!(recalled(&[failed, won]).penalties.is_empty());
    }
}
