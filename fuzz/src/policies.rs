//! Policies and profiles are read or refused; what was read says the same when it is written and read again; and
//! whatever it does to candidates is bounded.

use crate::Target;
use crate::neat_properties::WORDS;
use neatflow_core::Time;
use neatflow_core::policy::neat::Alternatives;
use neatflow_core::policy::{Engine, Policy, load};

/// The text of a file.
pub const TARGET: Target = Target {
    name: "policies",
    run,
    seeds: &[
        br#"{"uid": "a", "priority": 2, "match": {"transport": {"value": "TCP"}}, "properties": {"mtu": {"value": 9000}}}"#,
        br#"{"replace_matched": true, "match": {"mtu": {"value": {"start": 1, "end": 9000}}},
            "properties": [[{"a": {"value": 1}}, {"b": {"value": 2, "score": 3}}], {"c": {"precedence": 2}}]}"#,
        br#"[{"policy_type": "policy", "description": "x"}, {"uid": "b", "time": 1.5, "filename": null}]"#,
        br#"{"properties": {"transport": [{"value": "UDP", "precedence": 2}, {"value": "TCP"}]}}"#,
    ],
    words: WORDS,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for name in ["a.policy", "a.profile"] {
        let loaded = load([(name, &*text)], Time::ZERO);
        for policy in loaded.pib.iter() {
            let written = policy.to_json();
            let again = Policy::from_json(&written).expect("it can be read again");
            assert_eq!((&again.uid, again.kind, again.priority), (&policy.uid, policy.kind, policy.priority));
            assert_eq!(
                (&again.matched, again.properties.expanded()),
                (&policy.matched, policy.properties.expanded())
            );
        }
        for refused in &loaded.refused {
            assert_eq!(refused.file.as_deref(), Some(name));
        }
        let mut engine = Engine::with_pib(loaded.pib);
        let request =
            r#"[{"transport": {"value": ["TCP", "UDP"]}, "mtu": {"value": 1500, "precedence": 2}}]"#;
        let request = Alternatives::requests_from_json(request).expect("it is a request");
        if let Ok(candidates) = engine.lookup(&request, Time::ZERO) {
            assert!(candidates.len() <= engine.limits().candidates);
        }
    }
}
