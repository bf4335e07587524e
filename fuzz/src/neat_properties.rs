//! Properties and requests in NEAT's JSON are read or refused; what was read says the same when it is written and read
//! again; and every request is answered, or refused, by an engine with policies and rows.

use crate::Target;
use neatflow_core::Time;
use neatflow_core::policy::neat::{Alternatives, Properties};
use neatflow_core::policy::{CibNode, Engine, built_in};

/// A request, or properties.
pub const TARGET: Target = Target {
    name: "neat_properties",
    run,
    seeds: &[
        br#"{"transport": {"value": ["SCTP", "TCP"], "precedence": 1}, "port": {"value": 443, "precedence": 2}}"#,
        br#"[{"mtu": {"value": {"start": 1500, "end": "Infinity"}, "score": 1.5}, "a": {"value": null}}]"#,
        br#"[[{"a": {"value": true}}, {"b": {"value": -1e3}}], {"c": [{"value": "x"}, {"value": "y"}]}]"#,
        br#"[{"local_endpoint": [{"value": "192.0.2.1@eth0", "precedence": 2}], "__request_type": {"value": "pre-resolve"}}]"#,
        br#"{"transport": {"value": "reliable"}, "flow_size_bytes": {"value": 20000000}, "interface": {"value": "eth0"}}"#,
    ],
    words: WORDS,
};

pub(crate) const WORDS: &[&[u8]] = &[
    b"\"value\"",
    b"\"precedence\"",
    b"\"score\"",
    b"null",
    b"true",
    b"Infinity",
    b"-Infinity",
    b"[",
    b"]",
    b"{",
    b"}",
    b"[[",
    b"\\u0000",
    b"\\ud800",
    b"\"",
    b"1e400",
    b"9007199254740993",
    b"-0",
    b"\"transport\"",
    b"\"match\"",
    b"\"properties\"",
    b",",
    b":",
    b"\"uid\"",
    b"\"link\"",
    b"\"root\"",
    b"\"expire\"",
];

fn engine() -> Engine {
    let mut engine = Engine::with_pib(built_in::pib());
    let row = r#"{"uid": "eth0", "root": true, "expire": -1, "properties": {"interface": {"value": "eth0"},
                  "transport": {"value": ["TCP", "UDP"]}, "port": {"value": 443}}}"#;
    let node = CibNode::from_json(row, Time::ZERO).expect("it is a node");
    engine.cib_mut().insert(node).expect("it fits");
    engine
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(set) = Properties::from_json(&text) {
        let written = serde_json::to_string(&set).expect("it can be written");
        assert_eq!(Properties::from_json(&written), Ok(set), "{written}");
    }
    if let Ok(read) = Alternatives::from_json(&text) {
        let written = serde_json::to_string(&read).expect("it can be written");
        let again = Alternatives::from_json(&written).expect("it can be read again");
        assert_eq!(again.expanded(), read.expanded(), "{written}");
    }
    if let Ok(answer) = engine().answer(&text, Time::ZERO) {
        let read: serde_json::Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert!(read.is_array(), "{answer}");
    }
}
