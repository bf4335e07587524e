//! Whatever is not one of NEAT's formats is refused with its place, and everything else goes on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use neatflow_core::Time;
use neatflow_core::policy::cib::{MAX_NODES, MAX_ROWS};
use neatflow_core::policy::neat::{
    Alternatives, Fault, MAX_DEPTH, MAX_DOCUMENT, MAX_EXPANSION, PolicyError, Properties,
};
use neatflow_core::policy::pib::MAX_POLICIES;
use neatflow_core::policy::{Cib, CibNode, Engine, LookupError, MAX_COMPARISONS, Pib, Policy, load};

/// Noon of a day in 2026.
const NOW: Time = Time::from_millis(1_790_000_000_000);

fn refused(json: &str) -> PolicyError {
    Alternatives::from_json(json).unwrap_err()
}

fn node(json: &str) -> Result<CibNode, PolicyError> {
    CibNode::from_json(json, NOW)
}

#[test]
fn properties_that_are_none_are_told_by_place_path_and_reason() {
    for (json, told) in [
        (r#"{"transport": {}}"#, "1:15: transport: an empty transport"),
        (r#"{"transport": {"value": ""}}"#, "1:25: transport.value: an empty transport"),
        (r#"{"transport": {"value": []}}"#, "1:25: transport.value: an empty transport"),
        (r#"{"transport": []}"#, "1:15: transport: an empty transport"),
        (
            r#"{"mtu": {"value": []}}"#,
            "1:19: mtu.value: an empty list matches nothing; null matches everything",
        ),
        ("{\"a\":\n {\"value\": [1, [2]]}}", "2:16: a.value[1]: a list or an object inside a list of values"),
        (
            r#"{"a": {"value": [1, null]}}"#,
            "1:21: a.value[1]: expected a boolean, a number or a text, found null",
        ),
        (
            r#"{"a": {"valeu": 1}}"#,
            "1:8: a.valeu: unknown key \"valeu\"; known are value, precedence, score, evaluated, description",
        ),
        (r#"{"a": {"value": 1, "precedence": 3}}"#, "1:34: a.precedence: a precedence is 0, 1 or 2"),
        (
            r#"{"a": {"precedence": "2"}}"#,
            "1:22: a.precedence: expected a precedence of 0, 1 or 2, found a text",
        ),
        (r#"{"a": {"score": true}}"#, "1:17: a.score: expected a number, found a boolean"),
        (r#"{"a": {"score": Infinity}}"#, "1:17: a.score: infinity is only the end of a range"),
        (r#"{"a": {"value": Infinity}}"#, "1:17: a.value: infinity is only the end of a range"),
        (
            r#"{"a": {"value": {"start": 1}}}"#,
            "1:17: a.value: expected a range with start and end, found an object",
        ),
        (r#"{"a": {"value": {"start": 2, "end": 1}}}"#, "1:17: a.value: a range from 2 to 1 is empty"),
        (
            r#"{"a": {"value": {"start": "x", "end": 1}}}"#,
            "1:27: a.value.start: expected a number or Infinity, found a text",
        ),
        (r#"{"a": {"value": {"from": 2}}}"#, "1:18: a.value: unknown key \"from\"; known are start, end"),
        (
            r#"{"a": {"banned": ["x"]}}"#,
            "1:8: a.banned: banned values have no effect; list the values that may be",
        ),
        (r#"{"a": 1}"#, "1:7: a: expected an object, found a number"),
        (r#"{"a": {"value": 1}, "A": {"value": 2}}"#, "1:21: a: \"A\" occurs twice"),
        (r#"[[1]]"#, "1:3: [0][0]: expected an object, found a number"),
        (r#""x""#, "1:1: expected an object or a list, found a text"),
        (r#"[[]]"#, "1:1: a group of alternatives is empty"),
        (r#"{"a": {"value": 99999999999999999999}}"#, "1:17: the number is too large"),
    ] {
        let error = refused(json);
        let known = told.replace("a: \"A\" occurs twice", "\"A\" occurs twice");
        assert_eq!(error.to_string(), known, "{json}");
    }
}

#[test]
fn what_would_explode_is_refused_before_it_does() {
    let many = |count: usize| (0..count).map(|n| format!("{{\"value\": {n}}}")).collect::<Vec<_>>().join(",");
    let product: Vec<String> =
        ["a", "b", "c"].iter().map(|key| format!("\"{key}\": [{}]", many(11))).collect();
    assert_eq!(
        refused(&format!("{{{}}}", product.join(","))).fault,
        Fault::Explosion { limit: MAX_EXPANSION }
    );
    // Each set of requested values is a choice, too.
    let values: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let sets: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|key| format!("\"{key}\": {{\"value\": [{}]}}", values.join(",")))
        .collect();
    let error = Engine::new().answer(&format!("[{{{}}}]", sets.join(",")), NOW).unwrap_err();
    assert!(matches!(error, LookupError::Explosion { .. }), "{error}");
    let too_many: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let error = refused(&format!(r#"{{"a": {{"value": [{}]}}}}"#, too_many.join(",")));
    assert!(matches!(error.fault, Fault::TooManyValues { .. }), "{error}");
    let requests = vec!["{}"; MAX_EXPANSION + 1].join(",");
    assert!(Alternatives::requests_from_json(&format!("[{requests}]")).is_err());
}

#[test]
fn policies_that_multiply_candidates_end_the_lookup_and_not_the_engine() {
    let mut engine = Engine::new();
    for n in 0..8 {
        let choices: Vec<String> = (0..9).map(|m| format!(r#"{{"k{n}": {{"value": {m}}}}}"#)).collect();
        let text = format!(r#"{{"uid": "p{n}", "properties": [[{}]]}}"#, choices.join(","));
        engine.pib_mut().insert(Policy::from_json(&text).unwrap()).unwrap();
    }
    let error = engine.answer("[{}]", NOW).unwrap_err();
    assert!(error.to_string().starts_with("p3 makes more than"), "{error}");
    for n in 2..8 {
        engine.pib_mut().remove(&format!("p{n}"));
    }
    assert!(engine.answer("[{}]", NOW).is_ok());
}

#[test]
fn a_request_that_would_keep_everybody_waiting_is_refused_at_once() {
    let mut engine = Engine::new();
    let nodes = (0..2_000).map(|n| node(&format!(r#"{{"uid": "n{n}", "root": true}}"#)).unwrap());
    assert_eq!(engine.cib_mut().add_all(nodes), []);
    let many = |count: usize| {
        let choices: Vec<String> = (0..count).map(|n| format!("{{\"value\": {n}}}")).collect();
        format!("[{{\"a\": [{}]}}]", choices.join(","))
    };
    let error = engine.answer(&many(1_000), NOW).unwrap_err();
    assert!(matches!(error, LookupError::Explosion { limit: MAX_COMPARISONS, .. }), "{error}");
    assert!(engine.answer(&many(10), NOW).is_ok());
}

#[test]
fn texts_are_bounded_in_length_and_depth() {
    let long = format!(r#"[{{"a": {{"value": "{}"}}}}]"#, "x".repeat(10 << 20));
    let LookupError::Request(error) = Engine::new().answer(&long, NOW).unwrap_err() else {
        panic!("it was read")
    };
    assert_eq!(error.fault, Fault::TooLong { limit: MAX_DOCUMENT });
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(refused(&deep).fault, Fault::TooDeep { limit: MAX_DEPTH });
    for half in ["", "[", r#"[{"transport": {"val"#, r#"[{"transport": {"value": "TCP"}}"#] {
        assert!(Engine::new().answer(half, NOW).is_err(), "{half}");
    }
}

#[test]
fn policies_that_are_none_are_told() {
    for (json, told) in [
        (r#"{"prioritee": 1}"#, "unknown key \"prioritee\"; known are uid, priority"),
        (r#"{"priority": "1"}"#, "priority: expected a number, found a text"),
        (r#"{"replace_matched": 1}"#, "replace_matched: expected true or false, found a number"),
        (r#"{"policy_type": "rule"}"#, "policy_type: expected \"policy\" or \"profile\""),
        (r#"{"match": [{}]}"#, "match: expected an object, found a list"),
        (r#"{"match": {"a": [{"value": 1}]}}"#, "match.a: expected an object, found a list"),
        (r#"{"uid": "../../etc/passwd"}"#, "cannot be a uid"),
        (r#"{"uid": ".hidden"}"#, "cannot be a uid"),
        (r#"{"uid": "a\u0000b"}"#, "cannot be a uid"),
        (
            r#"{"properties": [{"a": {"value": 1, "precedence": 2}}, {"a": {"value": 2, "precedence": 2}}]}"#,
            "contradicts itself: a is 1 and must be 2",
        ),
        (r#"{"properties": {"transport": {"value": ["SCTP", UDPLite]}}}"#, "not JSON"),
        (r#"[]"#, "expected an object, found a list"),
    ] {
        let error = Policy::from_json(json).unwrap_err().to_string();
        assert!(error.contains(told), "{json}: {error}");
    }
}

#[test]
fn nodes_that_are_none_are_told() {
    for (json, fault) in [
        (r#"{"properties": {}}"#, Fault::Loose),
        (r#"{"link": true}"#, Fault::Loose),
        (r#"{"root": true, "expire": 1476104788}"#, Fault::Expired),
        (r#"{"root": true, "expire": -2}"#, Fault::Expired),
        (r#"{"root": true, "expire": 1790000000000}"#, Fault::FarFuture),
        (r#"{"root": true, "expire": 1e300}"#, Fault::FarFuture),
    ] {
        assert_eq!(node(json).unwrap_err().fault, fault, "{json}");
    }
    let kept = node(r#"{"root": true, "expires": 1790000001}"#).unwrap();
    assert!(kept.holds(NOW) && !kept.holds(Time::from_millis(1_790_000_001_000)));
    assert_eq!(node(r#"{"root": true, "expire": -1}"#).unwrap().expire, None);
    assert!(node(r#"{"root": 1}"#).is_err() && node(r#"{"root": true, "matsch": []}"#).is_err());
}

fn links(uid: &str, to: &str) -> String {
    format!(r#"{{"uid": "{uid}", "link": true, "match": [{{"uid": {{"value": "{to}"}}}}]}}"#)
}

#[test]
fn links_in_a_circle_are_refused_and_named() {
    let mut cib = Cib::new();
    cib.insert(node(r#"{"uid": "root", "root": true, "properties": {"a": {"value": 1}}}"#).unwrap()).unwrap();
    for (uid, to) in [("x", "root"), ("y", "x"), ("z", "y")] {
        cib.insert(node(&links(uid, to)).unwrap()).unwrap();
    }
    let before = (cib.rows().to_vec(), cib.nodes().len());
    let circle = node(&links("x", "z")).unwrap();
    assert_eq!(cib.insert(circle), Err(Fault::Cycle("x > z > y > x".into())));
    assert_eq!((cib.rows().to_vec(), cib.nodes().len()), before, "everything is as before");
    // One that links to itself links to nothing.
    assert!(cib.insert(node(&links("self", "self")).unwrap()).is_ok());
    assert_eq!(cib.rows().len(), 1);
}

#[test]
fn rows_do_not_explode() {
    // Each of these is appended to both of the one before: the paths double with every layer.
    let mut nodes =
        vec![node(r#"{"uid": "r", "root": true, "properties": {"layer": {"value": 0}}}"#).unwrap()];
    for layer in 1..20 {
        for side in ["a", "b"] {
            let text = format!(
                r#"{{"uid": "{layer:02}{side}", "link": true, "match": [{{"layer": {{"value": {}}}}}], "properties": {{"layer": {{"value": {layer}}}}}}}"#,
                layer - 1
            );
            nodes.push(node(&text).unwrap());
        }
    }
    let mut cib = Cib::new();
    let refused = cib.add_all(nodes);
    assert!(!refused.is_empty() && cib.rows().len() <= MAX_ROWS);
    assert!(refused.iter().all(|(_, fault)| matches!(fault, Fault::Explosion { .. })));

    let chain: Vec<CibNode> = (0..100)
        .map(|n: usize| {
            if n == 0 {
                node(r#"{"uid": "n0", "root": true}"#)
            } else {
                node(&links(&format!("n{n}"), &format!("n{}", n - 1)))
            }
        })
        .map(Result::unwrap)
        .collect();
    let mut cib = Cib::new();
    assert!(!cib.add_all(chain).is_empty(), "a row has not a hundred nodes");
    assert_eq!(cib.rows().len(), 1);
}

#[test]
fn bases_have_an_end() {
    let mut pib = Pib::new();
    for n in 0..MAX_POLICIES {
        pib.insert(Policy::from_json(&format!(r#"{{"uid": "p{n}"}}"#)).unwrap()).unwrap();
    }
    let one_more = Policy::from_json(r#"{"uid": "more"}"#).unwrap();
    assert_eq!(pib.insert(one_more), Err(Fault::Full { limit: MAX_POLICIES }));
    assert!(
        pib.insert(Policy::from_json(r#"{"uid": "p7", "priority": 3}"#).unwrap()).is_ok(),
        "one in place of another"
    );

    let nodes = (0..=MAX_NODES).map(|n| node(&format!(r#"{{"uid": "n{n}", "root": true}}"#)).unwrap());
    assert_eq!(Cib::new().add_all(nodes), [(MAX_NODES, Fault::Full { limit: MAX_NODES })]);
}

#[test]
fn of_a_directory_what_is_wrong_is_refused_by_file_and_line_and_the_rest_serves() {
    let loaded = load(
        [
            ("a/good.policy", r#"{"uid": "good", "properties": {"x": {"value": 1}}}"#),
            ("a/bad.policy", "{\n  \"uid\": \"bad\",\n  \"properties\": {\"x\": {\"value\": [[1]]}}\n}"),
            ("a/same.policy", r#"{"uid": "GOOD"}"#),
            ("a/half.cib", "{\"root\": true,"),
            ("a/old.cib", r#"{"root": true, "expire": 12}"#),
            ("a/eth0.cib", r#"{"root": true, "properties": {"interface": {"value": "eth0"}}}"#),
            ("a/kind.profile", r#"{"policy_type": "policy"}"#),
            ("a/README.md", "not ours"),
            ("a/.hidden.policy", "not ours"),
        ],
        NOW,
    );
    let told: Vec<String> = loaded.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a/bad.policy:3:34: properties.x.value[0]: a list or an object inside a list of values",
            "a/half.cib:1:15: not JSON: a name in quotes is missing",
            "a/kind.profile:1:17: policy_type: policy_type is policy, and the file is a profile",
            "a/old.cib:1:26: expire: expired",
            "a/same.policy:1:1: the uid \"good\" is taken",
        ]
    );
    assert!(loaded.pib.get("good").is_some() && loaded.pib.len() == 1);
    assert_eq!(loaded.cib.get("eth0").unwrap().uid, "eth0", "it is named after its file");
}

#[test]
fn one_object_is_a_set_and_a_choice_is_none() {
    assert!(Properties::from_json(r#"{"a": [{"value": 1}]}"#).is_err());
    assert_eq!(Properties::from_json("{}").unwrap(), Properties::new());
}

#[test]
fn rows_that_would_explode_are_counted_before_they_are_formed() {
    let roots = (0..4_000).map(|n| {
        node(&format!(
            r#"{{"uid": "n{n}", "root": true, "expire": -1, "properties": {{"interface": {{"value": "if{n}", "precedence": 2}}}}}}"#
        ))
        .unwrap()
    });
    let links: Vec<CibNode> = (0..95)
        .map(|n| {
            node(&format!(
                r#"{{"uid": "z{n}", "link": true, "expire": -1, "match": {{"interface": {{"value": null}}}},
                    "properties": {{"q{n}": {{"value": 1}}}}}}"#
            ))
            .unwrap()
        })
        .collect();
    let mut engine = Engine::new();
    assert!(engine.cib_mut().put_all(roots.collect()).is_ok());
    let (_, fault) = engine.cib_mut().put_all(links.clone()).unwrap_err();
    assert!(matches!(fault, Fault::Explosion { .. }), "{fault}");
    assert_eq!((engine.cib().nodes().len(), engine.cib().rows().len()), (4_000, 4_000), "all as it was");
    // Each of them has to go; rows are not formed up to the bound for each.
    let refused = engine.cib_mut().add_all(links);
    assert!(refused.len() >= 94, "{}", refused.len());
}

/// It would take minutes if each of the nodes that are too many were found before that is told.
#[test]
fn of_thousands_of_nodes_that_are_too_many_the_first_is_enough() {
    let root = |n| {
        format!(
            r#"{{"uid": "n{n}", "root": true, "expire": -1, "properties": {{"interface": {{"value": "if{n}"}}}}}}"#
        )
    };
    let link = |n| {
        format!(
            r#"{{"uid": "z{n}", "link": true, "expire": -1, "match": {{"interface": {{"value": null}}}}}}"#
        )
    };
    let mut engine = Engine::new();
    assert!(engine.cib_mut().put_all((0..1_000).map(|n| node(&root(n)).unwrap()).collect()).is_ok());
    let links = (0..1_000).map(|n| node(&link(n)).unwrap()).collect();
    let (_, fault) = engine.cib_mut().put_all(links).unwrap_err();
    assert!(matches!(fault, Fault::Explosion { .. }), "{fault}");
    assert_eq!(engine.cib().rows().len(), 1_000, "all as it was");
}
