//! What the CIB knows of a candidate, laid over it.
//!
//! NEAT's rows are candidates of their own. Here paths and protocols are known already, so a node tells something
//! *about* a candidate: a root where all that identifies it agrees, any other node where besides one of its matches
//! does. What it says is then merged as NEAT merges a row with a request.

use super::cib::{Cib, CibNode};
use super::engine::{Draft, Ledger, Source};
use super::neat::{Properties, Text};

/// What says which interface, peer or protocol is meant.
const IDENTITY: &[&str] =
    &["interface", "local_ip", "remote_ip", "port", "domain_name", "ip_version", "transport"];

/// What says which peer is meant: known for certain only when names are resolved.
pub(super) const PEER: &[&str] = &["remote_ip", "port", "domain_name", "ip_version"];

/// Lays over what is known of the path, which says nothing of a protocol (`false`), or of the protocol too (`true`).
/// `None` if it contradicts.
pub(super) fn annotate(cib: &Cib, draft: Draft, of_protocol: bool, ledger: &mut Ledger) -> Option<Draft> {
    let mut draft = draft;
    let mut applied: Vec<&Text> = Vec::new();
    loop {
        let before = applied.len();
        for node in cib.nodes().filter(|node| speaks_of_protocol(node) == of_protocol) {
            if applied.contains(&&node.uid) {
                continue;
            }
            let named = |uid: &str| applied.iter().any(|known| **known == *uid);
            if !node.root && !node.is_about(&draft.properties, named) {
                continue;
            }
            let Some(set) = node.properties.expanded().iter().find(|set| identifies(set, &draft.properties))
            else {
                continue;
            };
            applied.push(&node.uid);
            match set.update_in_their_order(&draft.properties) {
                Ok(both) => draft = ledger.change(&draft, both, || Source::Row(node.uid.clone())),
                Err(conflicts) => {
                    ledger.reject(&draft, conflicts, || Source::Row(node.uid.clone()));
                    return None;
                }
            }
        }
        // What a node has said may be what another one matches.
        if applied.len() == before {
            return Some(draft);
        }
    }
}

/// Whether any node says something of a peer.
pub(super) fn speaks_of_peers(cib: &Cib) -> bool {
    let of_peer = |set: &Properties| PEER.iter().any(|key| set.get(key).is_some());
    cib.nodes().any(|node| node.matched.iter().chain(node.properties.expanded()).any(of_peer))
}

fn speaks_of_protocol(node: &CibNode) -> bool {
    node.matched.iter().chain(node.properties.expanded()).any(|set| set.get("transport").is_some())
}

fn identifies(set: &Properties, candidate: &Properties) -> bool {
    let agrees = |key: &&str| match set.get(key) {
        None => true,
        Some(said) => candidate.get(key).is_some_and(|known| known.matches(said)),
    };
    IDENTITY.iter().all(agrees)
}
