//! What a connection that has ended teaches the policy manager.

use super::shared::{End, Shared};
use crate::supervision::catch::contain;
use neatflow_core::policy::{Observation, Outcome};
use neatflow_core::{ConnectionFailure, Failure};
use neatflow_stacks::Wire;

/// How a connection went that was opened here and has ended, while its transport is still there. Nothing of an isolated
/// session (RFC 9622 §8.1.10), or of one that was accepted: nobody chooses those.
pub(super) fn outcome(shared: &Shared, wire: Option<&Wire>) -> Option<Outcome> {
    shared.record()?;
    if shared.properties.connection.isolate_session {
        return None;
    }
    let failed = {
        let core = shared.lock();
        match &core.end {
            // The path is to blame. Who resets or aborts is a peer that can be reached.
            Some(Err(End::Failed(
                reason
                @ (ConnectionFailure::TimedOut | ConnectionFailure::Transport(Failure::Unreachable(_))),
            ))) => Some(reason.clone()),
            Some(Err(End::NotEstablished(_))) => return None,
            _ => None,
        }
    };
    if let Some(reason) = failed {
        return Some(Outcome::Failed { reason: reason.to_string().into() });
    }
    // A stack that panics over it has nothing to tell.
    let report = contain(|| wire.map(Wire::report)).ok().flatten()?;
    // Whoever sent next to nothing has not seen what the path can carry, but what it has seen is true.
    let rate = report.delivery_rate.map(|bytes| bytes.saturating_mul(8));
    Some(Outcome::Used { rtt: report.rtt, rate })
}

/// The same, with what it is about: the candidate that won.
pub(super) fn observation(shared: &Shared, outcome: Outcome) -> Option<Observation> {
    let (record, carrier) = (shared.record()?, shared.carrier()?);
    let remote = carrier.path.remote;
    let won = record
        .candidates
        .iter()
        .find(|candidate| candidate.remote == remote && candidate.transport == carrier.protocol);
    Some(Observation {
        network: won.and_then(|candidate| candidate.interface.clone()),
        host: won.and_then(|candidate| candidate.host.clone()),
        remote,
        transport: carrier.protocol.clone(),
        outcome,
    })
}
