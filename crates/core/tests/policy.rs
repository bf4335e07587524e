//! The policy's three answers, in situations one can name.

use neatflow_core::policy::{
    Branch, InterfaceRow, Inventory, MAX_CANDIDATES, MAX_LISTEN_SPECS, Request, Resolved, Roster, StackRow,
    branches, candidates, explain, listen_plan,
};
use neatflow_core::properties::{Interface, Pvd};
use neatflow_core::{
    Candidate, CandidateId, EstablishmentFailure, ListenFailure, LocalEndpoint, Offer, Offers, Protocol,
    RemoteEndpoint, SelectionProperty as P, TransportProperties,
};
use std::net::IpAddr;
use std::sync::Arc;

fn offers() -> Offers {
    let always =
        [P::Reliability, P::PreserveOrder, P::FullChecksumSend, P::FullChecksumRecv, P::CongestionControl];
    let offers = always.iter().fold(Offers::none(), |offers, p| offers.with(*p, Offer::Always));
    offers.with(P::UseTemporaryLocalAddress, Offer::Optional)
}

fn stack(name: &'static str) -> StackRow {
    StackRow { protocol: Protocol::named(name), offers: offers() }
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

/// A laptop: cable and radio have both families, the phone has IPv4 only, the bridge has no address.
fn laptop() -> Inventory {
    Inventory {
        stacks: vec![stack("tcp"), stack("quic")],
        interfaces: vec![
            row("lo", 1, &["127.0.0.1", "::1"]),
            row("eth0", 2, &["192.0.2.10", "2001:db8:1::10", "fe80::10"]),
            row("wlan0", 3, &["198.51.100.20", "2001:db8:2::20", "fe80::20"]),
            row("wwan0", 4, &["203.0.113.30", "fe80::30"]),
            row("br0", 5, &[]),
        ],
        routes: None,
    }
}

fn to(remotes: &[&str], properties: TransportProperties) -> Request {
    Request {
        locals: Vec::new(),
        remotes: remotes.iter().filter_map(|text| text.parse().ok()).collect(),
        properties: Arc::new(properties),
        ..Request::default()
    }
}

fn from(locals: &[&str], properties: TransportProperties) -> Request {
    let locals = locals.iter().filter_map(|text| text.parse().ok()).collect();
    Request { locals, ..to(&["example.org:443"], properties) }
}

fn answers(remote: usize, addresses: &[&str]) -> Resolved {
    Resolved::addresses(remote, addresses.iter().filter_map(|text| text.parse().ok()))
}

/// The interfaces of the branches, `*` where the routing table chooses.
fn ways(request: &Request, inventory: &Inventory) -> Vec<String> {
    let branches = branches(request, inventory).unwrap_or_default();
    let mut ways: Vec<_> =
        branches.iter().map(|branch| branch.path.interface.as_deref().unwrap_or("*").to_owned()).collect();
    ways.dedup();
    ways
}

fn race(request: &Request, inventory: &Inventory, resolved: &[Resolved]) -> Vec<Candidate> {
    let branches = branches(request, inventory).unwrap_or_default();
    candidates(&mut Roster::new(), request, &branches, resolved, inventory)
}

fn lines(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(ToString::to_string).collect()
}

fn refusal(request: &Request, inventory: &Inventory) -> String {
    match branches(request, inventory) {
        Err(failure) => failure.to_string(),
        Ok(branches) => panic!("{branches:?}"),
    }
}

#[test]
fn without_wishes_the_routing_table_chooses_the_way() {
    let request = to(&["example.org:443"], TransportProperties::new());
    let found = branches(&request, &laptop()).unwrap();
    let protocols: Vec<_> = found.iter().map(|branch| branch.protocol.as_str()).collect();
    assert_eq!(protocols, ["tcp", "quic"]);
    assert!(found.iter().all(|branch| branch.path == Default::default()));
}

#[test]
fn wishes_for_interfaces_order_and_bind_the_ways() {
    let wish = TransportProperties::new;
    let eth0 = || Interface::named("eth0");
    for (wanted, expected) in [
        (wish().require(eth0()), &["eth0"][..]),
        (wish().prefer(eth0()), &["eth0", "*"]),
        (wish().prefer(eth0()).prefer(Interface::named("3")), &["eth0", "wlan0", "*"]),
        (wish().avoid(eth0()), &["wlan0", "wwan0", "lo", "eth0"]),
        (wish().prohibit(eth0()), &["wlan0", "wwan0", "lo"]),
        (wish().prohibit(eth0()).prefer(Interface::named("wwan0")), &["wwan0", "wlan0", "lo"]),
        (wish().prohibit(Interface::named("tun9")), &["*"]),
        (wish().prefer(Interface::named("tun9")), &["*"]),
        (wish().avoid(Pvd::named("work")), &["*"]),
    ] {
        assert_eq!(ways(&to(&["example.org:443"], wanted.clone()), &laptop()), expected, "{wanted:?}");
    }
}

#[test]
fn what_is_not_there_cannot_be_required() {
    let mut inventory = laptop();
    inventory.interfaces[2].up = false;
    for (wanted, why) in [
        (TransportProperties::new().require(Interface::named("tun9")), "no interface tun9"),
        (TransportProperties::new().require(Interface::named("wlan0")), "wlan0 is down"),
        (TransportProperties::new().require(Pvd::named("work")), "provisioning domain work"),
    ] {
        let refusal = refusal(&to(&["example.org:443"], wanted), &inventory);
        assert!(refusal.starts_with("no candidates") && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn paths_come_before_protocols() {
    let request = to(&["192.0.2.1:443"], TransportProperties::new().prefer(Interface::named("wlan0")));
    assert_eq!(
        lines(&race(&request, &laptop(), &[])),
        [
            "tcp 192.0.2.1:443 on wlan0",
            "quic 192.0.2.1:443 on wlan0",
            "tcp 192.0.2.1:443",
            "quic 192.0.2.1:443",
        ]
    );
}

#[test]
fn local_endpoints_bind_the_ways() {
    let bound = |local: &str, wanted: TransportProperties| {
        let request = from(&[local], wanted);
        let found = branches(&request, &laptop()).unwrap();
        let path = found[0].path.clone();
        (path.interface.as_deref().map(str::to_owned), path.address, path.port)
    };
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let nothing = TransportProperties::new;
    assert_eq!(bound("*:5000", nothing()), (None, None, 5000));
    assert_eq!(bound("*%3", nothing()), (Some("wlan0".into()), None, 0));
    assert_eq!(bound("192.0.2.10", nothing()), (None, address("192.0.2.10"), 0));
    assert_eq!(bound("127.0.0.99", nothing()), (None, address("127.0.0.99"), 0));
    assert_eq!(bound("[::]:5000", nothing()), (None, address("::"), 5000));
    let avoiding = nothing().avoid(Interface::named("wlan0"));
    assert_eq!(bound("192.0.2.10", avoiding.clone()), (Some("eth0".into()), address("192.0.2.10"), 0));
    assert_eq!(bound("198.51.100.20", avoiding), (Some("wlan0".into()), address("198.51.100.20"), 0));
}

#[test]
fn wishes_for_interfaces_come_before_the_order_of_local_endpoints() {
    let wanted = TransportProperties::new().avoid(Interface::named("eth0")).prefer(Interface::named("wwan0"));
    assert_eq!(ways(&from(&["*%eth0", "*%wlan0", "*%wwan0"], wanted), &laptop()), ["wwan0", "wlan0", "eth0"]);
}

#[test]
fn a_local_endpoint_that_is_not_ours_is_named() {
    let wish = TransportProperties::new;
    for (local, wanted, why) in [
        ("192.0.2.99", wish(), "192.0.2.99"),
        ("*%tun9", wish(), "no interface tun9"),
        ("192.0.2.10%wlan0", wish(), "192.0.2.10 is on no interface that may be used"),
        ("*%eth0", wish().prohibit(Interface::named("eth0")), "eth0 is prohibited"),
        ("*%eth0", wish().require(Interface::named("wlan0")), "not the required wlan0"),
        ("192.0.2.10", wish().require(Interface::named("wlan0")), "192.0.2.10"),
    ] {
        let refusal = refusal(&from(&[local], wanted), &laptop());
        assert!(refusal.starts_with("no candidates") && refusal.contains(why), "{local}: {refusal}");
    }
    let one_is_gone = from(&["192.0.2.99", "192.0.2.10"], wish());
    assert_eq!(branches(&one_is_gone, &laptop()).unwrap().len(), 2);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let both = RemoteEndpoint::new().host("example.org").address([192, 0, 2, 1]).port(443);
    let mut unresolved = to(&["example.org:443"], TransportProperties::new());
    unresolved.locals = vec![LocalEndpoint::new().host("myself.example.org")];
    let contradiction = TransportProperties::new().prohibit(P::Reliability).require(P::PerMsgReliability);
    for (request, why) in [
        (to(&[], TransportProperties::new()), "no remote endpoint"),
        (to(&["example.org"], TransportProperties::new()), "example.org has no port"),
        (to(&["example.org:0"], TransportProperties::new()), "port 0"),
        (to(&["0.0.0.0:80"], TransportProperties::new()), "names no host"),
        (
            Request { remotes: vec![RemoteEndpoint::new().port(80)], ..Request::default() },
            "a host name or an address",
        ),
        (Request { remotes: vec![both], ..Request::default() }, "not both"),
        (unresolved, "has not been resolved"),
        (to(&["example.org:443"], contradiction), "perMsgReliability"),
    ] {
        let refusal = refusal(&request, &laptop());
        assert!(refusal.starts_with("invalid configuration") && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn what_no_stack_offers_is_named() {
    let request = to(&["example.org:443"], TransportProperties::new().require(P::PerMsgReliability));
    let failure = branches(&request, &laptop()).unwrap_err();
    assert!(matches!(failure, EstablishmentFailure::NoCandidates { .. }));
    assert_eq!(failure.properties(), [P::PerMsgReliability]);
    assert!(refusal(&request, &Inventory::default()).contains("no protocol stack"));
}

#[test]
fn families_take_turns_and_ipv6_begins() {
    let request = to(&["example.org:443", "192.0.2.77:443"], TransportProperties::new());
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let resolved = [answers(
        0,
        &["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "::"],
    )];
    let found = race(&request, &inventory, &resolved);
    assert_eq!(
        lines(&found),
        [
            "tcp [2001:db8::1]:443",
            "tcp 192.0.2.1:443",
            "tcp [2001:db8::2]:443",
            "tcp 192.0.2.2:443",
            "tcp [2001:db8::3]:443",
            "tcp 192.0.2.77:443",
        ]
    );
    assert_eq!(found[0].host.as_deref(), Some("example.org"));
    assert_eq!(found[5].host, None);
    assert!(found.iter().enumerate().all(|(rank, candidate)| candidate.priority as usize == rank));
}

#[test]
fn only_what_fits_together_is_tried() {
    let both = [answers(0, &["2001:db8::1", "192.0.2.1"])];
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let fits = |request: &Request| lines(&race(request, &inventory, &both));
    assert_eq!(
        fits(&from(&["192.0.2.10:5000"], TransportProperties::new())),
        ["tcp 192.0.2.1:443 from 192.0.2.10:5000"]
    );
    assert_eq!(
        fits(&from(&["*:5000"], TransportProperties::new())),
        ["tcp [2001:db8::1]:443 from [::]:5000", "tcp 192.0.2.1:443 from 0.0.0.0:5000"]
    );
    // The phone has a link-local IPv6 address only; loopback leads nowhere; the bridge's addresses are not known.
    assert_eq!(fits(&from(&["*%wwan0"], TransportProperties::new())), ["tcp 192.0.2.1:443 on wwan0"]);
    assert_eq!(fits(&from(&["*%lo"], TransportProperties::new())), [""; 0]);
    assert_eq!(fits(&from(&["*%br0"], TransportProperties::new())).len(), 2);
    let temporary = TransportProperties::new().require(P::UseTemporaryLocalAddress);
    assert_eq!(fits(&to(&["example.org:443"], temporary)), ["tcp [2001:db8::1]:443"]);
}

#[test]
fn this_host_is_reached_over_loopback() {
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let elsewhere = TransportProperties::new().prohibit(Interface::named("eth0"));
    let request = to(&["127.0.0.1:80"], elsewhere);
    assert_eq!(lines(&race(&request, &inventory, &[])), ["tcp 127.0.0.1:80 on lo"]);
    let required = to(&["127.0.0.1:80"], TransportProperties::new().require(Interface::named("eth0")));
    assert!(refusal(&required, &inventory).contains("this host"), "{}", refusal(&required, &inventory));
}

#[test]
fn a_link_local_address_needs_its_interface() {
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let race_to = |remote: &str, wanted| lines(&race(&to(&[remote], wanted), &inventory, &[]));
    assert_eq!(race_to("[fe80::1%wlan0]:80", TransportProperties::new()), ["tcp [fe80::1%3]:80 on wlan0"]);
    let bound = TransportProperties::new().require(Interface::named("eth0"));
    assert_eq!(race_to("[fe80::1]:80", bound.clone()), ["tcp [fe80::1%2]:80 on eth0"]);
    for (remote, wanted, why) in [
        ("[fe80::1]:80", TransportProperties::new(), "needs an interface"),
        ("[fe80::1%tun9]:80", TransportProperties::new(), "no interface tun9"),
        ("[fe80::1%wlan0]:80", bound, "eth0 is not the interface"),
    ] {
        let refusal = refusal(&to(&[remote], wanted), &inventory);
        assert!(refusal.starts_with("no candidates") && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn a_candidate_keeps_its_id_and_its_name_when_more_answers_come() {
    let request = to(&["a.example:443", "b.example:443"], TransportProperties::new());
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let branches = branches(&request, &inventory).unwrap();
    let mut roster = Roster::new();
    let first = candidates(&mut roster, &request, &branches, &[answers(1, &["192.0.2.1"])], &inventory);
    assert_eq!((first[0].id, first[0].host.as_deref()), (CandidateId(0), Some("b.example")));

    let more = [answers(1, &["192.0.2.1"]), answers(0, &["2001:db8::1", "192.0.2.1"])];
    let second = candidates(&mut roster, &request, &branches, &more, &inventory);
    assert_eq!(lines(&second), ["tcp [2001:db8::1]:443", "tcp 192.0.2.1:443"]);
    assert_eq!((second[1].id, second[1].host.as_deref()), (CandidateId(0), Some("b.example")));
    assert_eq!(second[0].id, CandidateId(1));
}

#[test]
fn a_flood_of_addresses_of_one_family_leaves_room_for_the_other() {
    let many: Vec<String> = (0..200).map(|n| format!("2001:db8::{n:x}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let names: Vec<String> = (0..20).map(|n| format!("n{n}.example:443")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let request = to(&names, TransportProperties::new());
    let branches = branches(&request, &laptop()).unwrap();
    let mut roster = Roster::new();
    let mut resolved: Vec<_> = (0..20).map(|n| answers(n, &many[n * 10..n * 10 + 10])).collect();
    let before = candidates(&mut roster, &request, &branches, &resolved, &laptop());
    assert_eq!(before.len(), 48);

    resolved.push(answers(0, &["192.0.2.1"]));
    let after = candidates(&mut roster, &request, &branches, &resolved, &laptop());
    assert!(lines(&after).contains(&"tcp 192.0.2.1:443".to_owned()));
    assert!(after.len() <= MAX_CANDIDATES);
}

#[test]
fn when_nothing_fits_after_resolution_the_reasons_are_given() {
    let request = from(&["192.0.2.10"], TransportProperties::new());
    let inventory = laptop();
    let branches: Vec<Branch> = branches(&request, &inventory).unwrap();
    let resolved = [answers(0, &["2001:db8::1"])];
    assert!(candidates(&mut Roster::new(), &request, &branches, &resolved, &inventory).is_empty());
    let why = explain(&request, &branches, &resolved, &inventory).to_string();
    assert_eq!(why, "no candidates: 2001:db8::1: the local address 192.0.2.10 is of the other family");
}

fn sockets(locals: &[&str], wanted: TransportProperties, inventory: &Inventory) -> Vec<String> {
    let specs = listen_plan(&from(locals, wanted), inventory).unwrap_or_default();
    let line =
        |interface: &Option<Arc<str>>| interface.as_ref().map(|name| format!("%{name}")).unwrap_or_default();
    specs.iter().map(|spec| format!("{} {}{}", spec.protocol, spec.local, line(&spec.interface))).collect()
}

#[test]
fn a_listener_opens_a_socket_for_each_family_unless_told_where() {
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let plan = |local: &str| sockets(&[local], TransportProperties::new(), &inventory);
    assert_eq!(plan("*:80"), ["tcp [::]:80", "tcp 0.0.0.0:80"]);
    assert_eq!(plan("127.0.0.1:80"), ["tcp 127.0.0.1:80"]);
    assert_eq!(plan("[::]:80"), ["tcp [::]:80"]);
    assert_eq!(plan("*%eth0:80"), ["tcp [::]:80%eth0", "tcp 0.0.0.0:80%eth0"]);
    assert_eq!(plan("[fe80::20]:80"), ["tcp [fe80::20%3]:80"]);
    let twice = sockets(&["*:80", "0.0.0.0:80"], TransportProperties::new(), &inventory);
    assert_eq!(twice, ["tcp [::]:80", "tcp 0.0.0.0:80"]);
}

#[test]
fn a_listener_offers_every_eligible_protocol_on_every_path_it_may_use() {
    let plan = |wanted| sockets(&["127.0.0.1:80", "*%eth0:81"], wanted, &laptop());
    assert_eq!(
        plan(TransportProperties::new()),
        [
            "tcp 127.0.0.1:80",
            "quic 127.0.0.1:80",
            "tcp [::]:81%eth0",
            "tcp 0.0.0.0:81%eth0",
            "quic [::]:81%eth0",
            "quic 0.0.0.0:81%eth0",
        ]
    );
    let elsewhere = TransportProperties::new().prohibit(Interface::named("eth0"));
    assert_eq!(plan(elsewhere.clone()), ["tcp 127.0.0.1:80%lo", "quic 127.0.0.1:80%lo"]);
    let anywhere_else = sockets(&["*:80"], elsewhere, &laptop());
    assert_eq!(anywhere_else.len(), 3 * 2 * 2, "{anywhere_else:?}");
    let rather = TransportProperties::new().avoid(Interface::named("eth0")).prefer(Interface::named("lo"));
    assert_eq!(sockets(&["*:80"], rather, &laptop()).len(), 4, "a listener listens wherever it may");
}

#[test]
fn a_listener_needs_a_place_and_has_bounds() {
    let refused = |locals: &[&str], wanted| match listen_plan(&from(locals, wanted), &laptop()) {
        Err(failure) => failure,
        Ok(plan) => panic!("{plan:?}"),
    };
    assert!(matches!(refused(&[], TransportProperties::new()), ListenFailure::InvalidConfiguration(_)));
    assert!(matches!(
        refused(&["192.0.2.99:80"], TransportProperties::new()),
        ListenFailure::NoCandidates { .. }
    ));
    let many: Vec<String> = (0..MAX_LISTEN_SPECS).map(|n| format!("127.0.0.1:{}", 1000 + n)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(matches!(refused(&many, TransportProperties::new()), ListenFailure::InvalidConfiguration(_)));
    let temporary = TransportProperties::new().require(P::UseTemporaryLocalAddress);
    let ListenFailure::NoCandidates { properties, .. } = refused(&["127.0.0.1:80"], temporary) else {
        panic!("IPv4 has no temporary addresses");
    };
    assert_eq!(properties, [P::UseTemporaryLocalAddress]);
}

/// The laptop, with a stack like UDP, too.
fn with_udp() -> Inventory {
    let mut inventory = laptop();
    let udp = Offers::none()
        .with(P::PreserveMsgBoundaries, Offer::Always)
        .with(P::FullChecksumSend, Offer::Always)
        .with(P::FullChecksumRecv, Offer::Always)
        .with_duplicates(true);
    inventory.stacks.push(StackRow { protocol: Protocol::named("udp"), offers: udp });
    inventory
}

#[test]
fn udp_is_chosen_for_messages_that_are_safely_replayable_only() {
    let to_host = |wanted| to(&["192.0.2.1:443"], wanted);
    let datagrams = TransportProperties::unreliable_datagram();
    let chosen = race(&to_host(datagrams.clone()), &with_udp(), &[]);
    assert_eq!(lines(&chosen), ["udp 192.0.2.1:443"]);

    let mut careful = datagrams;
    careful.add("safelyReplayable", false).unwrap();
    let refusal = refusal(&to_host(careful.clone()), &with_udp());
    assert!(refusal.starts_with("no candidates"), "{refusal}");
    assert!(refusal.contains("safelyReplayable") && refusal.contains("udp"), "{refusal}");
    let refused = listen_plan(&from(&["*:80"], careful), &with_udp()).unwrap_err();
    assert!(refused.to_string().contains("safelyReplayable"), "{refused}");
}

#[test]
fn reliable_messages_without_a_stack_that_has_them_are_refused_by_name() {
    let request = to(&["example.org:443"], TransportProperties::reliable_message());
    let failure = branches(&request, &with_udp()).unwrap_err();
    assert_eq!(failure.properties(), [P::PreserveMsgBoundaries]);
    assert!(failure.to_string().contains("preserveMsgBoundaries"), "{failure}");
}

#[test]
fn an_endpoint_for_one_protocol_is_used_by_no_other() {
    let web = to(&["192.0.2.1:443"], TransportProperties::new());
    let alternative: RemoteEndpoint = "192.0.2.1:8443".parse().unwrap();
    let mut both = web.clone();
    both.remotes.push(alternative.clone().protocol("QUIC"));
    assert_eq!(
        lines(&race(&both, &laptop(), &[])),
        ["tcp 192.0.2.1:443", "quic 192.0.2.1:443", "quic 192.0.2.1:8443"]
    );
    let only = Request { remotes: vec![alternative.protocol("quic")], ..web.clone() };
    assert_eq!(lines(&race(&only, &laptop(), &[])), ["quic 192.0.2.1:8443"]);

    let bound = |protocol: &str| LocalEndpoint::new().port(5000).protocol(protocol);
    let from_here = Request { locals: vec![bound("tcp")], ..web };
    assert_eq!(lines(&race(&from_here, &laptop(), &[])), ["tcp 192.0.2.1:443 from 0.0.0.0:5000"]);
    let crossed = Request { locals: vec![bound("tcp")], ..only.clone() };
    let elsewhere = Request { locals: vec![bound("sctp")], ..only.clone() };
    let nowhere = Request { remotes: vec![only.remotes[0].clone().protocol("sctp")], ..only };
    for (request, why) in [
        (crossed, "the same protocol (tcp or quic)"),
        (elsewhere, "no local endpoint is for tcp or quic"),
        (nowhere, "no remote endpoint is for tcp or quic"),
    ] {
        let refusal = refusal(&request, &laptop());
        assert!(refusal.starts_with("no candidates") && refusal.contains(why), "{refusal}");
    }
}

#[test]
fn a_listener_opens_for_a_protocol_what_is_for_it() {
    let here =
        |port, protocol: &str| LocalEndpoint::new().address([127, 0, 0, 1]).port(port).protocol(protocol);
    let request = Request { locals: vec![here(443, "tcp"), here(8443, "quic")], ..Request::default() };
    let plan = listen_plan(&request, &laptop()).unwrap();
    let plan: Vec<_> = plan.iter().map(|spec| format!("{} {}", spec.protocol, spec.local)).collect();
    assert_eq!(plan, ["tcp 127.0.0.1:443", "quic 127.0.0.1:8443"]);
    let elsewhere = Request { locals: vec![here(443, "sctp")], ..Request::default() };
    let refused = listen_plan(&elsewhere, &laptop()).unwrap_err().to_string();
    assert!(refused.contains("no local endpoint is for tcp or quic"), "{refused}");
}

#[test]
fn a_service_is_resolved_before_it_is_connected_to() {
    let mut inventory = laptop();
    inventory.stacks.truncate(1);
    let by_service = to(&["192.0.2.1:https"], TransportProperties::new());
    let found = branches(&by_service, &inventory).unwrap();
    assert!(candidates(&mut Roster::new(), &by_service, &found, &[], &inventory).is_empty());
    let why = explain(&by_service, &found, &[], &inventory).to_string();
    assert!(why.contains("192.0.2.1: its service https has not been resolved"), "{why}");

    let served = by_service.remotes[0].clone().served_at(443);
    let by_port = Request { remotes: vec![served], ..by_service };
    assert_eq!(lines(&race(&by_port, &inventory, &[])), ["tcp 192.0.2.1:443"]);
    let listening = listen_plan(&from(&["*:https"], TransportProperties::new()), &inventory).unwrap_err();
    assert!(listening.to_string().contains("*:https has not been resolved"), "{listening}");
}
