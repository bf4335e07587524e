//! Nodes of the CIB are read or refused; what was read says the same when it is written and read again; rows are
//! bounded, and what is pushed is taken in whole or not at all.

use crate::Target;
use crate::neat_properties::WORDS;
use neatflow_core::Time;
use neatflow_core::policy::cib::{MAX_NODES, MAX_ROWS};
use neatflow_core::policy::daemon::import_nodes;
use neatflow_core::policy::{CibNode, Engine};

/// A node, or a list of them.
pub const TARGET: Target = Target {
    name: "nodes",
    run,
    seeds: &[
        br#"[{"uid": "a", "root": true, "expire": -1, "properties": {"interface": {"value": "eth0", "precedence": 2}}},
             {"uid": "b", "link": true, "match": {"interface": {"value": "eth0"}}, "properties": {"rtt": {"value": 5}}},
             {"uid": "c", "match": [{"uid": {"value": "b"}}], "priority": 1, "properties": {"rtt": {"value": 7}}}]"#,
        br#"{"match": [{"interface": {"value": "eth0"}}], "link": true, "properties": {"transport": {"value": "TCP"},
             "__he_candidate_success": {"value": true, "score": 5}, "__cached": {"value": true}}}"#,
        br#"[{"uid": "a", "link": true, "match": {"uid": {"value": "b"}}}, {"uid": "b", "link": true, "match": {"uid": {"value": "a"}}}]"#,
        br#"{"root": true, "expires": 1790000000.5, "properties": [[{"a": {}}, {"b": {}}], [{"c": {}}, {"d": {}}]]}"#,
    ],
    words: WORDS,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let now = Time::from_millis(1_780_000_000_000);
    let mut engine = Engine::new();
    match import_nodes(&mut engine, &text, None, now) {
        Ok(imported) => assert_eq!(imported.uids.len(), engine.cib().nodes().len()),
        Err(_) => assert_eq!((engine.cib().nodes().len(), engine.cib().rows().len()), (0, 0)),
    }
    assert!(engine.cib().nodes().len() <= MAX_NODES && engine.cib().rows().len() <= MAX_ROWS);
    for node in engine.cib().nodes() {
        let written = node.to_json();
        let again = CibNode::from_json(&written, now).expect("it can be read again");
        assert_eq!((&again.uid, again.root, again.link), (&node.uid, node.root, node.link));
        assert_eq!(
            (&again.matched, again.properties.expanded()),
            (&node.matched, node.properties.expanded())
        );
    }
    // Once everything has expired but what never does.
    engine.expire(now + neatflow_core::policy::cib::MAX_LIFETIME * 2);
    assert!(engine.cib().nodes().all(|node| node.expire.is_none()));
}
