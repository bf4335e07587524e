//! NEAT's policy system by its documentation: each of its examples with the result it states, and the files and
//! requests that its library sends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use neatflow_core::policy::neat::{Alternatives, Precedence, Properties, Property, Value};
use neatflow_core::policy::{CibNode, Engine, LookupError, Policy, built_in, load};
use neatflow_core::{Protocol, Time};

fn set(json: &str) -> Properties {
    Properties::from_json(json).unwrap()
}

fn requests(json: &str) -> Vec<Alternatives> {
    Alternatives::requests_from_json(json).unwrap()
}

fn engine(files: &[(&str, &str)]) -> Engine {
    let loaded = load(files.iter().copied(), Time::ZERO);
    assert_eq!(loaded.refused, []);
    let mut engine = Engine::with_pib(loaded.pib);
    *engine.cib_mut() = loaded.cib;
    engine
}

/// The candidates in NEAT's shorthand.
fn lookup(engine: &mut Engine, request: &str) -> Vec<String> {
    let found = engine.lookup(&requests(request), Time::ZERO).unwrap();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn properties_compare_by_what_their_values_share() {
    let mtu = |json: &str| set(&format!(r#"{{"mtu": {json}}}"#)).get("mtu").unwrap().clone();
    for (one, other, equal) in [
        (r#"{"value": "TCP", "precedence": 2, "score": 1}"#, r#"{"value": "TCP", "score": 3}"#, true),
        (r#"{"value": ["TCP", "UDP", "MPTCP"]}"#, r#"{"value": "TCP"}"#, true),
        (r#"{"value": {"start": 1, "end": 100}}"#, r#"{"value": 55}"#, true),
        (r#"{"value": null}"#, r#"{"value": "foo"}"#, true),
        (r#"{"value": "foo"}"#, r#"{"value": "bar"}"#, false),
    ] {
        assert_eq!(mtu(one).matches(&mtu(other)), equal, "{one} {other}");
        assert_eq!(mtu(other).matches(&mtu(one)), equal, "{other} {one}");
    }
}

#[test]
fn updates_give_what_neats_own_tests_state() {
    let range = |score| Property::requested(Value::range(50.0, 1000.0).unwrap()).scored(score);
    let one_of =
        |values: &[i64]| Property::requested(Value::one_of(values.iter().copied()).unwrap()).scored(1);
    let updated = range(1).update(&Property::requested(9000_i64).scored(1)).unwrap();
    assert_eq!((updated.value, updated.score.get()), (Value::from(9000), 1.0));
    let updated = range(1).update(&Property::requested(100_i64).scored(1)).unwrap();
    assert_eq!((updated.value, updated.score.get()), (Value::from(100), 2.0));
    let updated = range(1).update(&one_of(&[100, 500, 9000])).unwrap();
    assert_eq!((updated.value, updated.score.get()), (Value::one_of([100_i64, 500]).unwrap(), 2.0));
    let updated = range(1).update(&one_of(&[9000, 100, 1000])).unwrap();
    assert_eq!(updated.value, Value::one_of([100_i64, 1000]).unwrap());
    assert_eq!(range(1).update(&one_of(&[55, 9000])).unwrap().value, Value::from(55));

    let (bar, bas) = (Property::requested("bar"), Property::immutable("bas"));
    let updated = bar.update(&bas).unwrap();
    assert_eq!((updated.value, updated.precedence), (Value::from("bas"), Precedence::Immutable));
    assert_eq!(Property::immutable("bat").update(&bas), None);
}

#[test]
fn a_range_and_a_set_without_a_common_number_do_not_match() {
    // NEAT takes the empty set for a match, even of two immutable properties.
    let range = Property::immutable(Value::range(50.0, 1000.0).unwrap());
    let set = Property::immutable(Value::one_of([1_i64, 9000]).unwrap());
    assert!(!range.matches(&set));
    assert_eq!(range.update(&set), None);
}

#[test]
fn a_candidate_that_is_not_what_is_required_is_discarded() {
    let mut engine = engine(&[(
        "udp.cib",
        r#"{"root": true, "properties": {"transport": {"value": "UDP", "precedence": 2}, "mark": {"value": 1}}}"#,
    )]);
    let tcp = r#"[{"transport": {"value": "TCP", "precedence": 2, "score": 2}}]"#;
    assert_eq!(lookup(&mut engine, tcp), ["[transport|TCP]+2"]);
    let rather = r#"[{"transport": {"value": "TCP", "precedence": 1}}]"#;
    assert_eq!(lookup(&mut engine, rather), ["(transport|TCP)", "(mark|1) [transport|UDP]"]);
}

#[test]
fn reliable_becomes_three_protocols_in_the_order_of_their_scores() {
    let mut engine = Engine::with_pib(built_in::pib());
    let asked =
        r#"[{"remote_ip": {"value": "10.54.1.23", "precedence": 2}, "transport": {"value": "reliable"}}]"#;
    assert_eq!(
        lookup(&mut engine, asked),
        [
            "[remote_ip|10.54.1.23] [transport|SCTP]+3",
            "[remote_ip|10.54.1.23] [transport|TCP]+2",
            "[remote_ip|10.54.1.23] [transport|SCTP/UDP]+1",
        ]
    );
    // Nothing said of it is reliable, too.
    assert_eq!(lookup(&mut engine, r#"[{"port": {"value": 80, "precedence": 2}}]"#).len(), 3);
    let explained = engine.explain_lookup(&requests(asked), &[Protocol::TCP], Time::ZERO).unwrap();
    let usable: Vec<bool> = explained.candidates.iter().map(|candidate| candidate.usable).collect();
    assert_eq!(usable, [false, true, false], "what has no stack here stays, and is told");
    assert!(explained.to_string().contains("profile reliable_transports: transport (reliable) -> [SCTP]+3"));
}

/// The three nodes of NEAT's description of the CIB.
const NODES: &[(&str, &str)] = &[
    (
        "eth0.cib",
        r#"{"uid": "eth0", "root": true, "expire": -1, "priority": 4, "properties": {
            "interface": {"value": "eth0", "precedence": 2}, "capacity": {"value": 10000, "precedence": 2},
            "local_ip": {"value": "10.10.2.1", "precedence": 2}, "is_wired": {"value": true, "precedence": 2},
            "MTU": {"value": {"start": 50, "end": 9000}}}}"#,
    ),
    (
        "eth0_remote_1.cib",
        r#"{"uid": "eth0_remote_1", "priority": 2, "expire": -1, "link": true, "match": [{"uid": {"value": "eth0"}}], "properties": {
            "remote_ip": {"value": "8.8.8.8", "precedence": 2, "score": 2},
            "port": {"value": 80, "precedence": 2, "score": 1}}}"#,
    ),
    (
        "eth0_remote_2.cib",
        r#"{"uid": "eth0_remote_2", "priority": 2, "expire": -1, "link": true,
            "match": [{"interface": {"value": "eth0"}, "local_ip": {"value": "10.10.2.1"}}],
            "properties": {"remote_ip": {"value": "8.8.4.4", "precedence": 2, "score": 2}}}"#,
    ),
];

const HISTORY: (&str, &str) = (
    "history.cib",
    r#"{"uid": "historic info", "priority": 10, "expire": 1000, "link": false,
        "match": [{"interface": {"value": "eth0"}, "local_ip": {"value": "10.10.2.1"}, "remote_ip": {"value": "8.8.8.8"}}],
        "properties": [{"port": {"value": 8080, "precedence": 1}, "local_port": {"value": 56674, "precedence": 1},
            "transport": {"value": "TCP", "precedence": 1}, "__cached": {"value": true, "precedence": 2, "score": 5}}]}"#,
);

fn rows(engine: &Engine) -> Vec<String> {
    engine.cib().rows().iter().map(|row| row.properties.to_string()).collect()
}

#[test]
fn nodes_that_link_to_a_root_make_a_row_each() {
    let eth0 = "[capacity|10000] [interface|eth0] [is_wired|true] [local_ip|10.10.2.1] (mtu|50-9000)";
    assert_eq!(
        rows(&engine(NODES)),
        [format!("{eth0} [port|80]+1 [remote_ip|8.8.8.8]+2"), format!("{eth0} [remote_ip|8.8.4.4]+2")]
    );
    assert_eq!(rows(&engine(&NODES[..1])), [eth0]);
}

#[test]
fn a_node_that_does_not_link_adds_a_row_until_it_expires() {
    let files = [NODES, &[HISTORY]].concat();
    let mut engine = engine(&files);
    assert_eq!(
        rows(&engine)[2],
        "[__cached|true]+5 [capacity|10000] [interface|eth0] [is_wired|true] [local_ip|10.10.2.1] (local_port|56674) \
         (mtu|50-9000) (port|8080) [remote_ip|8.8.8.8]+2 (transport|TCP)"
    );
    let asked = r#"[{"remote_ip": {"value": "8.8.8.8", "precedence": 2}, "transport": {"value": "TCP"}}]"#;
    assert!(lookup(&mut engine, asked)[0].contains("[__cached|true]+5"));
    assert!(engine.cib_mut().expire(Time::from_millis(1_000_000)), "it is gone after 1,000 s");
    assert_eq!(rows(&engine).len(), 2);
    assert!(!lookup(&mut engine, asked)[0].contains("__cached"));
}

#[test]
fn of_two_nodes_that_say_the_same_the_lower_priority_is_right_and_among_equals_the_root() {
    let row = |root: i32, link: i32| {
        let root = format!(
            r#"{{"root": true, "priority": {root}, "properties": {{"a": {{"value": 1}}, "n": {{"value": "root"}}}}}}"#
        );
        let link = format!(
            r#"{{"link": true, "priority": {link}, "match": [{{"a": {{"value": 1}}}}], "properties": {{"n": {{"value": "link"}}}}}}"#
        );
        rows(&engine(&[("root.cib", &root), ("link.cib", &link)])).remove(0)
    };
    assert_eq!(row(0, 0), "(a|1) (n|root)");
    assert_eq!(row(1, 0), "(a|1) (n|link)");
    assert_eq!(row(0, 1), "(a|1) (n|root)");
}

#[test]
fn rows_without_what_the_request_requires_are_passed_over() {
    let mut engine = engine(&NODES[..1]);
    let library =
        r#"[{"interface": {"value": "eth0", "precedence": 2}, "port": {"value": 80, "precedence": 2}}]"#;
    assert_eq!(lookup(&mut engine, library), ["[interface|eth0] [port|80]"]);
    let wish = r#"[{"interface": {"value": "eth0", "precedence": 2}, "MTU": {"value": [1500, Infinity], "score": 1}}]"#;
    assert!(lookup(&mut engine, wish)[0].contains("(mtu|1500-9000)+1"));
}

#[test]
fn the_transports_stand_in_the_order_of_the_application() {
    let mut engine = Engine::with_pib(built_in::pib());
    for (asked, order) in [
        (r#"["SCTP", "TCP"]"#, ["(transport|SCTP)", "(transport|TCP)"]),
        (r#"["TCP", "SCTP"]"#, ["(transport|TCP)", "(transport|SCTP)"]),
    ] {
        for precedence in [1, 2] {
            let request = format!(r#"[{{"transport": {{"value": {asked}, "precedence": {precedence}}}}}]"#);
            let order =
                order.map(|line| if precedence == 2 { line.replace(['(', ')'], "") } else { line.into() });
            let found = lookup(&mut engine, &request);
            let found = found
                .iter()
                .map(|line| if precedence == 2 { line.replace(['[', ']'], "") } else { line.clone() });
            assert_eq!(found.collect::<Vec<_>>(), order);
        }
    }
}

#[test]
fn a_choice_between_transports_has_their_scores() {
    let text = r#"{"transport": [{"value": "SCTP", "precedence": 1, "score": 6.0}, {"value": "TCP", "score": 5.0},
        {"value": "SCTP/UDP", "score": 4.0}, {"value": "UDP", "score": 1.0}, {"value": "UDP-Lite", "score": 1.0}]}"#;
    let read = Alternatives::from_json(text).unwrap();
    assert_eq!(read.expanded().len(), 5);
    let found = lookup(&mut Engine::new(), &format!("[{text}]"));
    assert_eq!(found[0], "(transport|SCTP)+6");
    assert_eq!(found[3..], ["(transport|UDP)+1", "(transport|UDP-Lite)+1"]);
}

#[test]
fn every_requested_value_is_a_candidate_of_its_own() {
    let asked = r#"[{"MTU": {"value": [1500, 9000]}, "transport": {"value": ["SCTP", "TCP"]},
        "port": {"value": [80, 443], "precedence": 2}}]"#;
    assert_eq!(
        lookup(&mut Engine::new(), asked),
        [
            "(mtu|1500) [port|80,443] (transport|SCTP)",
            "(mtu|1500) [port|80,443] (transport|TCP)",
            "(mtu|9000) [port|80,443] (transport|SCTP)",
            "(mtu|9000) [port|80,443] (transport|TCP)",
        ]
    );
}

#[test]
fn ten_megabytes_are_an_elephant() {
    let mut engine = Engine::with_pib(built_in::pib());
    let flow = |bytes: i64| {
        let asked = format!(
            r#"[{{"transport": {{"value": "TCP"}}, "flow_size_bytes": {{"value": {bytes}, "precedence": 2}}}}]"#
        );
        lookup(&mut engine, &asked).remove(0)
    };
    let mut flow = flow;
    assert!(flow(10_000_000).contains("(elephant|true)"));
    assert!(flow(10_000_000).contains("(so/ipproto_ip/ip_tos|40)"));
    assert!(!flow(9_999_999).contains("elephant"));
}

#[test]
fn a_policy_takes_what_it_matched_out_before_it_adds_its_own() {
    let policy = |replace: bool| {
        let text = format!(
            r#"{{"replace_matched": {replace}, "match": {{"low_latency": {{"value": true}}}}, "properties": {{"x": {{"value": 1}}}}}}"#
        );
        let mut engine = engine(&[("p.policy", &text)]);
        lookup(&mut engine, r#"[{"low_latency": {"value": true}}]"#)
    };
    assert_eq!(policy(true), ["(x|1)"]);
    assert_eq!(policy(false), ["(low_latency|true) (x|1)"]);
}

#[test]
fn policies_are_applied_from_low_to_high_priority_and_then_by_uid() {
    let policy = |uid: &str, priority: i32| {
        Policy::from_json(&format!(
            r#"{{"uid": "{uid}", "priority": {priority}, "properties": {{"last": {{"value": "{uid}"}}}}}}"#
        ))
        .unwrap()
    };
    let mut engine = Engine::new();
    for (uid, priority) in [("c", 1), ("a", 2), ("b", 2), ("d", 0)] {
        engine.pib_mut().insert(policy(uid, priority)).unwrap();
    }
    assert_eq!(lookup(&mut engine, "[{}]"), ["(last|b)"]);
    assert!(engine.pib_mut().remove("b").is_some());
    assert_eq!(lookup(&mut engine, "[{}]"), ["(last|a)"]);
}

#[test]
fn a_bulk_transfer_rules_out_the_interface_that_is_too_slow() {
    let interface = |name: &str, capacity: i32, mtu: &str| {
        format!(
            r#"{{"root": true, "expire": -1, "properties": {{"interface": {{"value": "{name}", "precedence": 2}},
                "remote_ip": {{"value": null, "precedence": 2}},
                "capacity": {{"value": {capacity}, "precedence": 2}}, "mtu": {{"value": {mtu}}}}}}}"#
        )
    };
    let [en0, en1, ra0] =
        [interface("en0", 10_000, "9600"), interface("en1", 10_000, "1500"), interface("ra0", 60, "1500")];
    let bulk = r#"{"match": {"remote_ip": {"value": "10.1.23.45"}, "interface": {"value": null}}, "properties": {
        "capacity": {"value": {"start": 10000, "end": 100000}, "precedence": 2},
        "mtu": {"value": 9600, "score": 1}}}"#;
    let mut engine =
        engine(&[("en0.cib", &en0), ("en1.cib", &en1), ("ra0.cib", &ra0), ("bulk.policy", bulk)]);
    let asked = r#"[{"remote_ip": {"value": "10.1.23.45", "precedence": 2},
        "mtu": {"value": {"start": 1500, "end": 9600}, "score": 1}}]"#;
    let found = lookup(&mut engine, asked);
    assert!(found[0].contains("interface|en0"), "{found:?}");
    assert!(found[1].contains("interface|en1"), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("ra0")), "{found:?}");
    let told = engine.explain_lookup(&requests(asked), &[], Time::ZERO).unwrap().to_string();
    assert!(told.contains("ruled out by policy bulk: capacity is 60 and must be 10000-100000"), "{told}");
}

#[test]
fn the_first_call_divides_endpoints_and_looks_nothing_up() {
    let mut engine = Engine::with_pib(built_in::pib());
    let asked = r#"[{"transport": {"value": ["SCTP", "TCP"], "precedence": 1}, "port": {"value": 80, "precedence": 2},
        "domain_name": [{"value": "a.example", "precedence": 2}, {"value": "b.example", "precedence": 2}],
        "local_endpoint": [{"value": "10.0.2.15@eth0", "precedence": 2}, {"value": "10.0.3.15@eth1", "precedence": 2}],
        "__request_type": {"value": "pre-resolve"}}]"#;
    let answer = engine.answer(asked, Time::ZERO).unwrap();
    let read = requests(&answer);
    let lines: Vec<String> = read.iter().map(|one| one.expanded()[0].to_string()).collect();
    assert_eq!(
        lines,
        [
            "[domain_name|a.example] [interface|eth0] [local_ip|10.0.2.15] [port|80] (transport|SCTP,TCP)",
            "[domain_name|a.example] [interface|eth1] [local_ip|10.0.3.15] [port|80] (transport|SCTP,TCP)",
            "[domain_name|b.example] [interface|eth0] [local_ip|10.0.2.15] [port|80] (transport|SCTP,TCP)",
            "[domain_name|b.example] [interface|eth1] [local_ip|10.0.3.15] [port|80] (transport|SCTP,TCP)",
        ]
    );
    let wrong = engine.answer(r#"[{"local_endpoint": {"value": "eth0"}}]"#, Time::ZERO).unwrap_err();
    assert_eq!(wrong, LookupError::Endpoint("eth0".into()));
}

#[test]
fn the_second_call_prefers_what_the_library_has_reported_to_work() {
    let mut engine = Engine::new();
    engine.cib_mut().add_all([CibNode::from_json(
        r#"{"uid": "eth0", "root": true, "expire": -1, "properties": {"interface": {"value": "eth0", "precedence": 2}}}"#,
        Time::ZERO,
    )
    .unwrap()]);
    let reported = |transport: &str, worked: bool| {
        let score = if worked { 5 } else { -5 };
        format!(
            r#"{{"match": [{{"interface": {{"value": "eth0"}}}}], "link": true, "properties": {{
                "transport": {{"value": "{transport}", "precedence": 2}},
                "remote_ip": {{"value": "192.0.2.1", "precedence": 2}}, "port": {{"value": 80, "precedence": 2}},
                "local_ip": {{"value": "10.0.2.15", "precedence": 2}},
                "__he_candidate_success": {{"value": {worked}, "score": {score}}}, "__cached": {{"value": 1}}}}}}"#
        )
    };
    for report in [reported("SCTP", false), reported("TCP", true)] {
        engine.cib_mut().insert(CibNode::from_json(&report, Time::ZERO).unwrap()).unwrap();
    }
    let asked = r#"[{"transport": {"value": ["SCTP", "TCP"]}, "interface": {"value": "eth0", "precedence": 2},
        "local_ip": {"value": "10.0.2.15", "precedence": 2}, "port": {"value": 80, "precedence": 2},
        "remote_ip": {"value": "192.0.2.1", "precedence": 2}}]"#;
    let answer = engine.answer(asked, Time::ZERO).unwrap();
    let order: Vec<String> = requests(&answer)
        .iter()
        .map(|one| {
            let set = &one.expanded()[0];
            let success = set
                .get("__he_candidate_success")
                .map_or_else(|| "unknown".to_owned(), |known| known.value.to_string());
            format!("{} {success}", set.word("transport").unwrap())
        })
        .collect();
    // What worked; then what failed, although it was named first. Neither is there again as if nothing were known of it:
    // libneat would start it twice, and a failure would count for nothing.
    assert_eq!(order, ["TCP true", "SCTP false"]);
}

#[test]
fn answers_have_the_four_attributes_of_each_property() {
    let answer =
        Engine::new().answer(r#"[{"MTU": {"value": [1500, Infinity]}, "a": {"value": null}}]"#, Time::ZERO);
    assert_eq!(
        answer.unwrap(),
        r#"[{"a":{"value":null,"precedence":1,"score":0.0,"evaluated":false},"mtu":{"value":{"start":1500,"end":"Infinity"},"precedence":1,"score":0.0,"evaluated":false}}]"#
    );
}

#[test]
fn socket_options_are_answered_by_number() {
    let mut engine = Engine::with_pib(built_in::pib());
    let asked = r#"[{"transport": {"value": "TCP"}, "flow_size_bytes": {"value": 20000000}, "SO/X/Y": {"value": 1}}]"#;
    let answer = requests(&engine.answer(asked, Time::ZERO).unwrap()).remove(0);
    assert_eq!(
        answer.expanded()[0].to_string(),
        "(elephant|true) (flow_size_bytes|20000000) (so/0/1|40) (so/41/67|40) (transport|TCP)"
    );
}

#[test]
fn the_number_of_candidates_is_a_matter_of_configuration() {
    let mut engine = Engine::new();
    let asked = r#"[{"n": {"value": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}]"#;
    assert_eq!(lookup(&mut engine, asked).len(), 10);
    let mut limits = engine.limits();
    limits.candidates = 3;
    engine.set_limits(limits);
    assert_eq!(lookup(&mut engine, asked), ["(n|1)", "(n|2)", "(n|3)"]);
}

#[test]
fn candidates_that_differ_in_precedence_alone_part_at_a_policy() {
    let mut engine = engine(&[(
        "a.policy",
        r#"{"properties": {"quality": {"value": "low", "precedence": 2, "score": 1}}}"#,
    )]);
    let request = r#"[{"transport": {"value": "TCP"},
        "quality": [{"value": "high", "precedence": 2}, {"value": "high", "score": -1}]}]"#;
    // The one that insists is ruled out; the one that does not stays, although both ask for the same.
    assert_eq!(lookup(&mut engine, request), ["[quality|low]+1 (transport|TCP)"]);
}

#[test]
fn a_default_does_not_undo_that_something_was_compared() {
    let mut engine = engine(&[
        ("a.policy", r#"{"priority": 1, "properties": {"quality": {"value": "high", "score": 3}}}"#),
        ("b.policy", r#"{"priority": 2, "properties": {"quality": {"value": null, "precedence": 0}}}"#),
    ]);
    let request = r#"[{"transport": {"value": "TCP"}, "quality": {"value": "high"}}]"#;
    let answer = engine.answer(request, Time::ZERO).unwrap();
    assert!(
        answer.contains(r#""quality":{"value":"high","precedence":1,"score":3.0,"evaluated":true}"#),
        "{answer}"
    );
}
