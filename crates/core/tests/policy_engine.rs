//! RFC 9622's selection with policies, with what is known and with what was learned: each in a situation one can name.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use neatflow_core::policy::learned::{FAILURE_LIFETIME, SUCCESS_LIFETIME};
use neatflow_core::policy::neat::{Alternatives, Fault};
use neatflow_core::policy::{
    CibNode, Engine, InterfaceRow, Inventory, Learned, Observation, Outcome, Policy, Request, Resolved,
    Roster, StackRow, built_in,
};
use neatflow_core::properties::{CapacityProfile, Interface, Pvd, Role};
use neatflow_core::{Candidate, Offer, Offers, Protocol, SelectionProperty as P, Time, TransportProperties};
use std::sync::Arc;
use std::time::Duration;

const NOW: Time = Time::from_millis(1_790_000_000_000);

fn stack(name: &'static str) -> StackRow {
    let always =
        [P::Reliability, P::PreserveOrder, P::FullChecksumSend, P::FullChecksumRecv, P::CongestionControl];
    let offers = always.iter().fold(Offers::none(), |offers, p| offers.with(*p, Offer::Always));
    let offers = offers.with(P::UseTemporaryLocalAddress, Offer::Optional);
    let multistreaming = if name == "sctp" { Offer::Optional } else { Offer::Never };
    StackRow { protocol: Protocol::named(name), offers: offers.with(P::Multistreaming, multistreaming) }
}

fn row(name: &str, index: u32, addresses: &[&str]) -> InterfaceRow {
    let addresses = addresses.iter().filter_map(|text| text.parse().ok()).collect();
    InterfaceRow {
        name: name.into(),
        index,
        addresses,
        up: true,
        loopback: name == "lo",
        ..InterfaceRow::default()
    }
}

fn laptop() -> Inventory {
    Inventory {
        stacks: vec![stack("tcp"), stack("sctp")],
        interfaces: vec![
            row("lo", 1, &["127.0.0.1", "::1"]),
            row("eth0", 2, &["192.0.2.10", "2001:db8:1::10"]),
            row("wlan0", 3, &["198.51.100.20", "2001:db8:2::20"]),
        ],
        routes: None,
    }
}

fn wish() -> TransportProperties {
    TransportProperties::new().no_preference(P::Multistreaming)
}

fn to(remote: &str, wanted: TransportProperties) -> Request {
    Request { remotes: vec![remote.parse().unwrap()], properties: Arc::new(wanted), ..Request::default() }
}

fn policy(text: &str) -> Engine {
    let mut engine = Engine::new();
    engine.pib_mut().insert(Policy::from_json(text).unwrap()).unwrap();
    engine
}

fn know(engine: &mut Engine, text: &str) {
    engine.cib_mut().insert(CibNode::from_json(text, NOW).unwrap()).unwrap();
}

/// `tcp eth0, sctp *`.
fn branches(engine: &mut Engine, request: &Request) -> String {
    branches_at(engine, request, NOW)
}

fn branches_at(engine: &mut Engine, request: &Request, now: Time) -> String {
    let found = engine.branches(request, &laptop(), now).unwrap();
    let line = |path: Option<&str>, protocol: &Protocol| format!("{protocol} {}", path.unwrap_or("*"));
    let lines: Vec<_> =
        found.iter().map(|branch| line(branch.path.interface.as_deref(), &branch.protocol)).collect();
    lines.join(", ")
}

fn race(engine: &mut Engine, request: &Request, addresses: &[&str]) -> Vec<Candidate> {
    let branches = engine.branches(request, &laptop(), NOW).unwrap();
    let addresses = addresses.iter().filter_map(|text| text.parse().ok());
    engine.candidates(&mut Roster::new(), request, &branches, &[Resolved::addresses(0, addresses)], &laptop())
}

fn lines(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(ToString::to_string).collect()
}

fn refusal(engine: &mut Engine, request: &Request) -> String {
    engine.branches(request, &laptop(), NOW).unwrap_err().to_string()
}

#[test]
fn two_policies_choose_two_transports_for_one_program() {
    let request = to("example.org:443", wish());
    assert_eq!(branches(&mut Engine::new(), &request), "tcp *, sctp *");
    let one = r#"{"properties": {"transport": {"value": "SCTP", "precedence": 2}}}"#;
    assert_eq!(branches(&mut policy(one), &request), "sctp *");
    let rather = r#"{"match": {"transport": {"value": "SCTP"}}, "properties": {"transport": {"value": "SCTP", "score": 1}}}"#;
    assert_eq!(branches(&mut policy(rather), &request), "sctp *, tcp *");
}

#[test]
fn what_a_policy_prohibits_is_used_by_nobody() {
    let only = r#"{"uid": "wire", "properties": {"interface": {"value": "eth0", "precedence": 2}}}"#;
    assert_eq!(branches(&mut policy(only), &to("example.org:443", wish())), "tcp eth0, sctp eth0");
    let wanted = wish().require(Interface::named("wlan0"));
    let told = refusal(&mut policy(only), &to("example.org:443", wanted));
    assert_eq!(told, "no candidates: ruled out by policy wire: interface is wlan0 and must be eth0");
    // A stack that could not be used anyway is not to blame.
    let mut inventory = laptop();
    inventory.stacks.push(StackRow { protocol: Protocol::UDP, offers: Offers::none() });
    let request = to("example.org:443", wish().require(Interface::named("wlan0")));
    let told = policy(only).branches(&request, &inventory, NOW).unwrap_err().to_string();
    assert!(told.contains("policy wire"), "{told}");
    let gone = r#"{"uid": "wire", "properties": {"interface": {"value": "tun9", "precedence": 2}}}"#;
    assert!(refusal(&mut policy(gone), &to("example.org:443", wish())).contains("must be tun9"));
    let rather = r#"{"properties": {"interface": {"value": "wlan0", "precedence": 1}}}"#;
    assert_eq!(
        branches(&mut policy(rather), &to("example.org:443", wish())),
        "tcp wlan0, sctp wlan0, tcp *, sctp *"
    );
}

#[test]
fn a_policy_that_leaves_the_interface_open_binds_nothing() {
    let open = r#"{"properties": {"interface": {"value": null, "precedence": 2}, "local_ip": {"value": null, "precedence": 2}}}"#;
    assert_eq!(branches(&mut policy(open), &to("example.org:443", wish())), "tcp *, sctp *");
}

#[test]
fn a_policy_that_forbids_a_feature_names_it() {
    let engine =
        &mut policy(r#"{"uid": "p", "properties": {"reliability": {"value": false, "precedence": 2}}}"#);
    let failure = engine.branches(&to("example.org:443", wish()), &laptop(), NOW).unwrap_err();
    assert_eq!(failure.properties(), [P::Reliability]);
    assert!(failure.to_string().contains("policy p"), "{failure}");
}

#[test]
fn a_policy_about_an_address_is_held_against_each_address() {
    let engine = &mut policy(
        r#"{"uid": "not there", "match": {"remote_ip": {"value": "192.0.2.2"}, "transport": {"value": "SCTP"}},
            "properties": {"transport": {"value": "TCP", "precedence": 2}}}"#,
    );
    let request = to("example.org:443", wish());
    let found = lines(&race(engine, &request, &["192.0.2.1", "192.0.2.2"]));
    assert_eq!(found, ["tcp 192.0.2.1:443", "tcp 192.0.2.2:443", "sctp 192.0.2.1:443"]);
    let rather = &mut policy(
        r#"{"match": {"remote_ip": {"value": "192.0.2.2"}}, "properties": {"near": {"value": true, "score": 3}, "ip_version": {"value": 4, "score": 3}}}"#,
    );
    let found = lines(&race(rather, &request, &["192.0.2.1", "192.0.2.2", "2001:db8::1"]));
    assert_eq!(found[..3], ["tcp 192.0.2.2:443", "tcp [2001:db8::1]:443", "tcp 192.0.2.1:443"]);
}

#[test]
fn a_name_is_one_name_in_any_case_and_with_its_final_dot() {
    let sctp = r#""transport": {"value": "SCTP", "precedence": 2}"#;
    for in_policy in [r#""bad.example""#, r#""BAD.example.""#, r#"["x.example", "Bad.Example"]"#] {
        let json =
            format!(r#"{{"match": {{"domain_name": {{"value": {in_policy}}}}}, "properties": {{{sctp}}}}}"#);
        for named in ["bad.example:443", "BAD.EXAMPLE:443", "bad.example.:443", "Bad.Example.:443"] {
            let engine = &mut policy(&json);
            assert_eq!(branches(engine, &to(named, wish())), "sctp *", "{in_policy} {named}");
            let found = lines(&race(engine, &to(named, wish()), &["192.0.2.1"]));
            assert_eq!(found, ["sctp 192.0.2.1:443"], "{in_policy} {named}");
        }
        assert_eq!(branches(&mut policy(&json), &to("good.example:443", wish())), "tcp *, sctp *");
    }
    // What is known of it, and what NEAT's lookup is asked, too.
    let engine = &mut policy(
        r#"{"match": {"domain_name": {"value": "a.example"}}, "properties": {"found": {"value": 1}}}"#,
    );
    let answer = engine.answer(r#"{"domain_name": {"value": "A.Example.", "precedence": 2}}"#, NOW).unwrap();
    assert!(answer.contains("found"), "{answer}");
    let mut engine = Engine::new();
    know(
        &mut engine,
        r#"{"uid": "n", "root": true, "expire": -1, "properties": {
            "domain_name": {"value": "A.EXAMPLE"}, "transport": {"value": "TCP"}, "multistreaming": {"value": true, "precedence": 2}}}"#,
    );
    assert_eq!(branches(&mut engine, &to("a.example.:443", wish())), "sctp *");
}

#[test]
fn an_address_is_one_address_however_it_is_spelt() {
    let engine = &mut policy(
        r#"{"match": {"remote_ip": {"value": "2001:DB8:0::1"}}, "properties": {"transport": {"value": "SCTP", "precedence": 2}}}"#,
    );
    assert_eq!(branches(engine, &to("[2001:db8::1]:443", wish())), "sctp *");
}

#[test]
fn a_policy_about_one_port_says_nothing_of_another() {
    let engine = &mut policy(
        r#"{"match": {"port": {"value": 443}}, "properties": {"transport": {"value": "TCP", "precedence": 2}}}"#,
    );
    let mut request = to("192.0.2.1:443", wish());
    assert_eq!(branches(engine, &request), "tcp *");
    request.remotes.push("192.0.2.1:8443".parse().unwrap());
    let found = lines(&race(engine, &request, &[]));
    assert_eq!(found, ["tcp 192.0.2.1:443", "tcp 192.0.2.1:8443", "sctp 192.0.2.1:8443"]);
}

#[test]
fn only_temporary_addresses_may_be_a_policy_too() {
    let engine =
        &mut policy(r#"{"properties": {"useTemporaryLocalAddress": {"value": true, "precedence": 2}}}"#);
    let found = race(engine, &to("example.org:443", wish()), &["192.0.2.1", "2001:db8::1"]);
    assert!(!found.is_empty() && found.iter().all(|candidate| candidate.remote.is_ipv6()), "{found:?}");
}

#[test]
fn candidates_carry_what_policies_said() {
    let mut engine = Engine::with_pib(built_in::pib());
    let mut wanted = wish();
    wanted.connection.conn_capacity_profile = CapacityProfile::LowLatencyInteractive;
    let found = race(&mut engine, &to("example.org:443", wanted), &["192.0.2.1"]);
    let nodelay = |n: usize| found[n].policy.get("so/ipproto_tcp/tcp_nodelay").is_some();
    assert_eq!((found[0].transport.as_str(), nodelay(0)), ("tcp", true));
    assert_eq!((found[1].transport.as_str(), nodelay(1)), ("sctp", false));
}

#[test]
fn the_built_in_policies_change_nothing_that_nobody_asked_for() {
    for request in [to("example.org:443", TransportProperties::new()), to("192.0.2.1:443", wish())] {
        let plain = branches(&mut Engine::new(), &request);
        assert_eq!(branches(&mut Engine::with_pib(built_in::pib()), &request), plain);
    }
}

fn neat(json: &str) -> Request {
    to("example.org:443", wish().with_neat(Alternatives::from_json(json).unwrap()))
}

#[test]
fn properties_in_neats_language_are_asked_for_besides() {
    let engine = &mut Engine::with_pib(built_in::pib());
    assert_eq!(branches(engine, &neat(r#"{"transport": {"value": ["SCTP", "TCP"]}}"#)), "sctp *, tcp *");
    assert_eq!(branches(engine, &neat(r#"{"transport": {"value": ["TCP", "SCTP"]}}"#)), "tcp *, sctp *");
    assert_eq!(branches(engine, &neat(r#"{"transport": {"value": "SCTP", "precedence": 2}}"#)), "sctp *");
    assert_eq!(branches(engine, &neat(r#"{"transport": {"value": "reliable"}}"#)), "sctp *, tcp *");
    assert_eq!(
        branches(engine, &neat(r#"{"interface": {"value": "eth0", "precedence": 2}}"#)),
        "tcp eth0, sctp eth0"
    );
    let told = refusal(engine, &neat(r#"{"transport": {"value": "WEBRTC", "precedence": 2}}"#));
    assert!(told.contains("no protocol stack is for WEBRTC") || told.contains("must be WEBRTC"), "{told}");
    let contradiction = refusal(engine, &neat(r#"{"congestionControl": {"value": false, "precedence": 2}}"#));
    assert!(contradiction.contains("congestioncontrol is true and must be false"), "{contradiction}");
}

#[test]
fn a_provisioning_domain_is_where_the_cib_says() {
    let work = |wanted: TransportProperties| to("example.org:443", wanted);
    let mut engine = Engine::new();
    assert!(
        refusal(&mut engine, &work(wish().require(Pvd::named("work")))).contains("provisioning domain work")
    );
    know(
        &mut engine,
        r#"{"uid": "work", "root": true, "expire": -1, "properties": {"interface": {"value": "wlan0"}, "pvd": {"value": "work"}}}"#,
    );
    assert_eq!(branches(&mut engine, &work(wish().require(Pvd::named("work")))), "tcp wlan0, sctp wlan0");
    assert_eq!(
        branches(&mut engine, &work(wish().prefer(Pvd::named("work")))),
        "tcp wlan0, sctp wlan0, tcp *, sctp *"
    );
    assert!(
        branches(&mut engine, &work(wish().avoid(Pvd::named("work")))).ends_with("tcp wlan0, sctp wlan0")
    );
    assert!(!branches(&mut engine, &work(wish().prohibit(Pvd::named("work")))).contains("wlan0"));
    let both = wish().require(Pvd::named("work")).prohibit(Interface::named("wlan0"));
    assert!(refusal(&mut engine, &work(both)).contains("required provisioning domain work"));
}

#[test]
fn what_is_known_of_an_interface_rules_it_out_where_it_must() {
    let mut engine = Engine::new();
    for (name, capacity) in [("eth0", 1_000), ("wlan0", 54)] {
        let text = format!(
            r#"{{"uid": "{name}", "root": true, "expire": -1, "properties": {{"interface": {{"value": "{name}"}}, "capacity": {{"value": {capacity}, "precedence": 2}}}}}}"#
        );
        know(&mut engine, &text);
    }
    let fast = Alternatives::from_json(
        r#"{"capacity": {"value": {"start": 100, "end": "Infinity"}, "precedence": 2}}"#,
    );
    let wanted =
        wish().prefer(Interface::named("wlan0")).prefer(Interface::named("eth0")).with_neat(fast.unwrap());
    assert_eq!(branches(&mut engine, &to("example.org:443", wanted)), "tcp eth0, sctp eth0, tcp *, sctp *");
}

fn observed(transport: &'static str, remote: &str, network: &str, outcome: Outcome) -> Observation {
    Observation {
        network: Some(network.into()),
        host: Some("example.org".into()),
        remote: remote.parse().unwrap(),
        transport: Protocol::named(transport),
        outcome,
    }
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "connection refused".into() }
}

fn established(millis: u64) -> Outcome {
    Outcome::Established { rtt: Some(Duration::from_millis(millis)) }
}

#[test]
fn a_protocol_that_failed_on_the_preferred_path_comes_after_the_others_there_and_no_later() {
    // Wi-Fi and multistreaming are preferred, and SCTP is known not to work over Wi-Fi (RFC 9623 §4.1.2).
    let wanted = TransportProperties::new().prefer(Interface::named("wlan0"));
    let request = to("example.org:443", wanted.clone());
    let mut engine = Engine::new();
    assert_eq!(branches(&mut engine, &request), "sctp wlan0, tcp wlan0, sctp *, tcp *");
    engine.learned_mut().observe(&observed("sctp", "192.0.2.1:443", "wlan0", failed()), NOW);
    assert!(branches(&mut engine, &request).starts_with("tcp wlan0, sctp wlan0, "));
    assert_eq!(
        branches(&mut engine, &to("elsewhere.org:443", wanted)),
        "sctp wlan0, tcp wlan0, sctp *, tcp *"
    );
}

#[test]
fn what_was_learned_expires() {
    let request = to("example.org:443", TransportProperties::new());
    let mut engine = Engine::new();
    engine.learned_mut().observe(&observed("sctp", "192.0.2.1:443", "eth0", failed()), NOW);
    assert_eq!(branches_at(&mut engine, &request, NOW), "tcp *, sctp *");
    assert_eq!(branches_at(&mut engine, &request, NOW + FAILURE_LIFETIME), "sctp *, tcp *");
    assert!(engine.learned().is_empty());
}

#[test]
fn an_isolated_session_neither_reads_what_others_learned() {
    let mut engine = Engine::new();
    engine.learned_mut().observe(&observed("sctp", "192.0.2.1:443", "eth0", failed()), NOW);
    let mut wanted = TransportProperties::new();
    wanted.connection.isolate_session = true;
    let request = to("example.org:443", wanted);
    assert_eq!(branches(&mut engine, &request), "sctp *, tcp *");
    let found = race(&mut engine, &request, &["192.0.2.1", "192.0.2.2"]);
    assert_eq!(lines(&found)[..2], ["sctp 192.0.2.1:443", "sctp 192.0.2.2:443"]);
}

#[test]
fn an_address_that_failed_is_tried_after_the_others_and_one_that_worked_before() {
    let mut engine = Engine::new();
    engine.learned_mut().observe(&observed("tcp", "[2001:db8::1]:443", "eth0", failed()), NOW);
    engine.learned_mut().observe(&observed("tcp", "192.0.2.2:443", "eth0", established(20)), NOW);
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let request = to("example.org:443", wish());
    let branches = engine.branches(&request, &inventory, NOW).unwrap();
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    let resolved = [Resolved::addresses(0, addresses.iter().filter_map(|text| text.parse().ok()))];
    let found = engine.candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory);
    assert_eq!(lines(&found), ["tcp 192.0.2.2:443", "tcp 192.0.2.1:443", "tcp [2001:db8::1]:443"]);
}

#[test]
fn who_wants_low_latency_gets_the_path_with_the_shorter_round_trip() {
    let mut engine = Engine::with_pib(built_in::pib());
    engine.learned_mut().observe(&observed("tcp", "192.0.2.1:443", "eth0", established(200)), NOW);
    engine.learned_mut().observe(&observed("tcp", "192.0.2.1:443", "wlan0", established(20)), NOW);
    let either = || wish().prefer(Interface::named("eth0")).prefer(Interface::named("wlan0"));
    assert!(branches(&mut engine, &to("example.org:443", either())).starts_with("tcp eth0"));
    let mut quick = either();
    quick.connection.conn_capacity_profile = CapacityProfile::LowLatencyInteractive;
    assert!(branches(&mut engine, &to("example.org:443", quick)).starts_with("tcp wlan0"));
    let mut broad = either();
    broad.connection.min_send_rate = std::num::NonZeroU64::new(1_000_000);
    let used = Outcome::Used { rtt: None, rate: Some(8_000_000) };
    engine.learned_mut().observe(&observed("tcp", "192.0.2.1:443", "wlan0", used), NOW);
    assert!(branches(&mut engine, &to("example.org:443", broad)).starts_with("tcp wlan0"));
}

#[test]
fn a_snapshot_brings_back_what_was_learned_but_for_what_has_expired() {
    let mut learned = Learned::new();
    learned.observe(&observed("sctp", "192.0.2.1:443", "eth0", failed()), NOW);
    learned.observe(&observed("tcp", "[2001:db8::1]:443", "eth0", established(20)), NOW);
    let text = learned.to_snapshot();
    let back = Learned::from_snapshot(&text, NOW).unwrap();
    assert_eq!((back.len(), back.to_snapshot()), (2, text.clone()));
    assert_eq!(Learned::from_snapshot(&text, NOW + FAILURE_LIFETIME).unwrap().len(), 1);
    assert!(Learned::from_snapshot(&text, NOW + SUCCESS_LIFETIME).unwrap().is_empty());
    for damaged in
        ["", "{}", &text[..text.len() / 2], &text.replace("\":1,", "\":2,"), &text.replace("192.0.2.1", "x")]
    {
        let error = Learned::from_snapshot(damaged, NOW).unwrap_err();
        assert!(matches!(error, Fault::Snapshot(_)), "{error}");
    }
    assert!(matches!(Learned::from_snapshot(&" ".repeat(2 << 20), NOW), Err(Fault::TooLong { .. })));
}

#[test]
fn what_is_learned_is_bounded_and_the_oldest_goes() {
    let mut learned = Learned::new();
    for n in 0..2_000_u16 {
        let remote = format!("192.0.2.1:{}", n + 1);
        learned.observe(
            &observed("tcp", &remote, "eth0", established(20)),
            NOW + Duration::from_millis(n.into()),
        );
    }
    assert_eq!(learned.len(), 1_024);
    let text = learned.to_snapshot();
    assert!(text.contains("192.0.2.1:2000") && !text.contains("192.0.2.1:976\""));
}

#[test]
fn a_repeated_observation_voids_no_decision() {
    let mut engine = Engine::new();
    let seen = |rtt| observed("tcp", "192.0.2.1:443", "eth0", established(rtt));
    engine.learned_mut().observe(&seen(20), NOW);
    let before = engine.learned().generation();
    engine.learned_mut().observe(&seen(21), NOW);
    assert_eq!(engine.learned().generation(), before);
    engine.learned_mut().observe(&observed("tcp", "192.0.2.1:443", "eth0", failed()), NOW);
    assert!(engine.learned().generation() > before);
}

#[test]
fn a_remembered_decision_is_made_anew_when_anything_changes() {
    let mut engine = Engine::new();
    let request = to("example.org:443", wish());
    assert_eq!(branches(&mut engine, &request), "tcp *, sctp *");
    engine
        .pib_mut()
        .insert(
            Policy::from_json(
                r#"{"uid": "p", "properties": {"transport": {"value": "SCTP", "precedence": 2}}}"#,
            )
            .unwrap(),
        )
        .unwrap();
    assert_eq!(branches(&mut engine, &request), "sctp *");
    engine.pib_mut().remove("p");
    assert_eq!(branches(&mut engine, &request), "tcp *, sctp *");
    let mut fewer = laptop();
    fewer.stacks.truncate(1);
    assert_eq!(engine.branches(&request, &fewer, NOW).unwrap().len(), 1);
    assert_eq!(branches(&mut engine, &request), "tcp *, sctp *");
    // A node that matters, and then expires.
    know(
        &mut engine,
        r#"{"uid": "n", "expire": 1790000010, "match": [{"transport": {"value": "SCTP"}}], "properties": {"transport": {"value": "SCTP", "score": 9}}}"#,
    );
    assert_eq!(branches(&mut engine, &request), "sctp *, tcp *");
    assert_eq!(branches_at(&mut engine, &request, NOW + Duration::from_secs(10)), "tcp *, sctp *");
}

#[test]
fn the_explanation_tells_who_did_what() {
    let mut engine = policy(
        r#"{"uid": "wire", "match": {"transport": {"value": "TCP"}}, "properties": {"interface": {"value": "eth0", "precedence": 2}}}"#,
    );
    let request = to("example.org:443", wish().require(P::Multistreaming));
    let told = engine.explain(&request, &laptop(), Role::Initiate, NOW).unwrap();
    assert_eq!(told.candidates.len(), 1);
    let text = told.to_string();
    assert!(text.contains("stack sctp: "), "{text}");
    assert!(text.contains("ruled out by stack tcp: multistreaming is false and must be true"), "{text}");
    let either = engine.explain(&to("example.org:443", wish()), &laptop(), Role::Initiate, NOW).unwrap();
    assert!(either.to_string().contains("policy wire: +interface [eth0]"), "{either}");
    let json: serde_json::Value = serde_json::to_value(&told).unwrap();
    assert_eq!(json["rejected"][0]["by"]["stack"], "tcp");
    // A request that makes no sense is refused; one that nothing fits is told.
    assert!(engine.explain(&Request::default(), &laptop(), Role::Initiate, NOW).is_err());
    let nothing = to("example.org:443", wish().require(P::ZeroRttMsg));
    let told = engine.explain(&nothing, &laptop(), Role::Initiate, NOW).unwrap();
    assert!(told.candidates.is_empty() && told.rejected.len() == 2, "{told}");
}

#[test]
fn a_listener_listens_where_policies_let_it() {
    let engine = &mut policy(
        r#"{"properties": {"transport": {"value": "TCP", "precedence": 2}, "interface": {"value": ["lo", "eth0"], "precedence": 2}}}"#,
    );
    let request =
        Request { locals: vec!["*:80".parse().unwrap()], properties: Arc::new(wish()), ..Request::default() };
    let plan = engine.listen_plan(&request, &laptop(), NOW).unwrap();
    let plan: Vec<_> = plan
        .iter()
        .map(|spec| format!("{} {} {}", spec.protocol, spec.local, spec.interface.as_deref().unwrap_or("*")))
        .collect();
    assert_eq!(plan, ["tcp [::]:80 lo", "tcp 0.0.0.0:80 lo", "tcp [::]:80 eth0", "tcp 0.0.0.0:80 eth0"]);
}

// ---------- What libneat itself does for an application

/// TCP, which secures nothing, and one that does it in this way.
fn secured(offer: Offer) -> Inventory {
    let tls = stack("tls");
    let tls = StackRow { offers: tls.offers.with_security(offer), ..tls };
    Inventory { stacks: vec![stack("tcp"), tls], ..laptop() }
}

fn carried_by(engine: &mut Engine, asked: &str, inventory: &Inventory) -> Result<Vec<String>, String> {
    let found = engine.branches(&neat(asked), inventory, NOW).map_err(|refusal| refusal.to_string())?;
    Ok(found.iter().map(|branch| branch.protocol.to_string()).collect())
}

#[test]
fn security_is_had_from_a_stack_that_has_it_and_from_no_other() {
    let stacks = |asked: &str, offer| carried_by(&mut Engine::new(), asked, &secured(offer));
    let required = r#"{"security": {"value": true, "precedence": 2}}"#;
    for offer in [Offer::Always, Offer::Optional] {
        assert_eq!(stacks(required, offer).unwrap(), ["tls"]);
    }
    let refusal = stacks(required, Offer::Never).unwrap_err();
    assert!(refusal.contains("security is required, and no protocol that fits secures"), "{refusal}");
    let prohibited = r#"{"security": {"value": false, "precedence": 2}}"#;
    assert_eq!(stacks(prohibited, Offer::Always).unwrap(), ["tcp"]);
    assert_eq!(stacks(prohibited, Offer::Optional).unwrap(), ["tcp", "tls"]);
    // A wish scores what it is worth, and rules out nothing.
    for wished in
        [r#"{"security": {"value": true, "score": 9}}"#, r#"{"security": [{"value": true, "score": 9}]}"#]
    {
        assert_eq!(stacks(wished, Offer::Always).unwrap(), ["tls", "tcp"]);
        assert_eq!(stacks(wished, Offer::Never).unwrap(), ["tcp", "tls"]);
    }
    let either = r#"{"security": {"value": [true, false], "precedence": 2}}"#;
    assert_eq!(stacks(either, Offer::Always).unwrap(), ["tcp", "tls"]);
    let verified = r#"{"verification": {"value": true, "precedence": 2}}"#;
    assert_eq!(stacks(verified, Offer::Always).unwrap(), ["tls"]);
    let unverified = r#"{"verification": {"value": false, "precedence": 2}}"#;
    assert_eq!(stacks(unverified, Offer::Always).unwrap(), ["tcp", "tls"]);
}

#[test]
fn what_a_stack_does_of_neats_is_in_its_row() {
    let mut engine = Engine::new();
    let found = engine.branches(&neat("{}"), &secured(Offer::Always), NOW).unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|branch| {
            let all = branch.properties.iter().map(|(key, property)| format!("{key}{property}"));
            let of_neat = ["multihoming", "security", "tproxy", "verification"];
            all.filter(|told| of_neat.iter().any(|key| told.starts_with(key))).collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "multihoming[false] security[false] tproxy[false] verification[false]",
            "multihoming[false] security[true] tproxy[false] verification(*)"
        ]
    );
    let several = stack("sctp");
    let several = StackRow { offers: several.offers.with_multipath(Offer::Optional), ..several };
    let inventory = Inventory { stacks: vec![stack("tcp"), several], ..laptop() };
    let homes = r#"{"multihoming": {"value": true, "precedence": 2}}"#;
    assert_eq!(carried_by(&mut Engine::new(), homes, &inventory).unwrap(), ["sctp"]);
}

#[test]
fn a_policy_that_takes_out_what_a_stack_is_does_not_make_another_one_of_it() {
    for text in [
        r#"{"replace_matched": true, "match": {"security": {"value": null}},
            "properties": {"security": {"value": true, "precedence": 2}}}"#,
        r#"{"replace_matched": true, "match": {"security": {"value": null}, "remote_ip": {"value": "203.0.113.1"}},
            "properties": {"security": {"value": true, "precedence": 2}}}"#,
    ] {
        let mut engine = policy(text);
        let (request, inventory) = (neat("{}"), secured(Offer::Always));
        let branches = engine.branches(&request, &inventory, NOW).unwrap();
        let resolved = [Resolved::addresses(0, ["203.0.113.1".parse().unwrap()])];
        let left = engine.candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory);
        assert_eq!(lines(&left), ["tls 203.0.113.1:443"], "{text}");
    }
}

#[test]
fn a_service_at_another_port_is_not_ruled_out_because_a_policy_speaks_of_some_peer() {
    use neatflow_core::racing::{Config, Memory, Network, Race, Target};
    // What a service binding says (RFC 9460 §7.2): the same host, at 8443.
    let target = Target::named("192.0.2.1", 8443).transports(vec![Protocol::TCP]);
    let mut race =
        Race::to([target], Network::default(), Memory::default(), Config::default()).ranked_elsewhere();
    race.poll(Time::ZERO);
    let found = || race.found(0).into_iter().map(|found| found.endpoint).collect();
    let engine = &mut policy(
        r#"{"match": {"remote_ip": {"value": "203.0.113.9"}}, "properties": {"near": {"value": true}}}"#,
    );
    let mut reached = |request: &Request| {
        let branches = engine.branches(request, &laptop(), NOW).unwrap();
        let resolved = [Resolved::endpoints(0, found())];
        lines(&engine.candidates(&mut Roster::new(), request, &branches, &resolved, &laptop()))
    };
    assert_eq!(reached(&to("example.org:443", wish())), ["tcp 192.0.2.1:8443"]);
    // Who asks for a port in so many words gets that one or none.
    assert_eq!(reached(&neat(r#"{"port": {"value": 443, "precedence": 2}}"#)), Vec::<String>::new());
}
