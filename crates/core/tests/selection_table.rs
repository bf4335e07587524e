//! Every selection property acts (RFC 9622 §6.2): each preference for it changes what is eligible, or in which order.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions clippy knows to be tests")]

use neatflow_core::policy::{CibNode, Policy};
use neatflow_core::policy::{Engine, InterfaceRow, Inventory, Request, StackRow, built_in};
use neatflow_core::properties::{Direction, Interface, Multipath, Pvd};
use neatflow_core::racing::Source;
use neatflow_core::{Offer, Offers, Protocol, SelectionProperty as P, Time, TransportProperties};
use std::sync::Arc;

const NOW: Time = Time::from_millis(1_790_000_000_000);

fn stack(name: &'static str, offers: Offers) -> StackRow {
    StackRow { protocol: Protocol::named(name), offers }
}

/// Everything can be done in either way.
fn either() -> Offers {
    P::ALL.iter().fold(Offers::none(), |offers, property| offers.with(*property, Offer::Optional))
}

fn row(name: &str, index: u32, address: &str, temporary: bool) -> InterfaceRow {
    let mut source = Source::new(address.parse().unwrap());
    source.temporary = temporary;
    let addresses = vec![source.address];
    InterfaceRow { name: name.into(), index, addresses, sources: vec![source], up: true, loopback: false }
}

fn host(stacks: Vec<StackRow>) -> Inventory {
    let interfaces = vec![row("eth0", 1, "2001:db8::1", false), row("wlan0", 2, "2001:db8:1::1", true)];
    Inventory { stacks, interfaces, routes: None }
}

fn request(wanted: TransportProperties) -> Request {
    let remotes = vec!["[2001:db8:2::1]:443".parse().unwrap()];
    Request { remotes, properties: Arc::new(wanted), ..Request::default() }
}

/// `tcp eth0, udp *`; nothing if it is refused.
fn eligible(engine: &mut Engine, inventory: &Inventory, wanted: TransportProperties) -> Vec<String> {
    let branches = engine.branches(&request(wanted), inventory, NOW).unwrap_or_default();
    let line = |path: Option<&str>, protocol: &Protocol| format!("{protocol} {}", path.unwrap_or("*"));
    branches.iter().map(|branch| line(branch.path.interface.as_deref(), &branch.protocol)).collect()
}

/// Nothing that anything is said of, but what is said here.
fn unsaid() -> TransportProperties {
    P::ALL.iter().fold(TransportProperties::new(), |all, property| all.no_preference(*property))
}

#[test]
fn each_of_the_thirteen_that_protocols_have_or_have_not_acts_by_each_preference() {
    for &property in P::ALL {
        let with = stack("with", either().with(property, Offer::Always));
        let without = stack("without", either().with(property, Offer::Never));
        for (first, second) in [(&with, &without), (&without, &with)] {
            let inventory = host(vec![first.clone(), second.clone()]);
            let order = |wanted| eligible(&mut Engine::new(), &inventory, wanted);
            let registered = [format!("{} *", first.protocol), format!("{} *", second.protocol)];
            assert_eq!(order(unsaid()), registered, "{property:?}: nothing was said");
            assert_eq!(order(unsaid().prefer(property)), ["with *", "without *"], "{property:?} preferred");
            assert_eq!(order(unsaid().avoid(property)), ["without *", "with *"], "{property:?} avoided");
            assert_eq!(order(unsaid().require(property)), ["with *"], "{property:?} required");
            assert_eq!(order(unsaid().prohibit(property)), ["without *"], "{property:?} prohibited");
        }
    }
}

#[test]
fn interfaces_act_by_each_preference() {
    let inventory = host(vec![stack("tcp", either())]);
    let order = |wanted| eligible(&mut Engine::new(), &inventory, wanted);
    let wlan0 = || Interface::named("wlan0");
    assert_eq!(order(unsaid()), ["tcp *"]);
    assert_eq!(order(unsaid().require(wlan0())), ["tcp wlan0"]);
    assert_eq!(order(unsaid().prefer(wlan0())), ["tcp wlan0", "tcp *"]);
    assert_eq!(order(unsaid().avoid(wlan0())), ["tcp eth0", "tcp wlan0"]);
    assert_eq!(order(unsaid().prohibit(wlan0())), ["tcp eth0"]);
    let only = |name: &str| unsaid().require(wlan0()).require(Interface::named(name));
    assert_eq!(order(only("eth0")), [""; 0], "it is not both");
    let either_one = unsaid().prefer(wlan0()).prefer(Interface::named("eth0"));
    assert_eq!(order(either_one), ["tcp eth0", "tcp wlan0", "tcp *"]);
}

#[test]
fn provisioning_domains_act_by_each_preference() {
    let inventory = host(vec![stack("tcp", either())]);
    let order = |wanted| {
        let mut engine = Engine::new();
        let node = r#"{"uid": "work", "root": true, "expire": -1, "properties":
            {"interface": {"value": "wlan0", "precedence": 2}, "pvd": {"value": "work", "precedence": 2}}}"#;
        engine.cib_mut().insert(CibNode::from_json(node, NOW).unwrap()).unwrap();
        eligible(&mut engine, &inventory, wanted)
    };
    let work = || Pvd::named("work");
    assert_eq!(order(unsaid().require(work())), ["tcp wlan0"]);
    assert_eq!(order(unsaid().prefer(work())), ["tcp wlan0", "tcp *"]);
    assert_eq!(order(unsaid().avoid(work())), ["tcp eth0", "tcp wlan0"]);
    assert_eq!(order(unsaid().prohibit(work())), ["tcp eth0"]);
    assert_eq!(order(unsaid().require(Pvd::named("home"))), [""; 0]);
}

#[test]
fn multipath_acts() {
    let several = stack("several", either().with_multipath(Offer::Always));
    let can = stack("can", either().with_multipath(Offer::Optional));
    let one = stack("one", either().with_multipath(Offer::Never));
    let inventory = host(vec![one, several, can]);
    let order = |multipath| {
        let mut wanted = unsaid();
        wanted.selection.set_multipath(multipath);
        eligible(&mut Engine::new(), &inventory, wanted)
    };
    assert_eq!(order(Multipath::Disabled), ["one *", "can *"]);
    assert_eq!(order(Multipath::Active), ["several *", "can *", "one *"]);
    assert_eq!(order(Multipath::Passive), ["several *", "can *", "one *"]);
}

#[test]
fn direction_acts() {
    let both = stack("both", either());
    let out = stack("out", either().with_direction(Direction::UnidirectionalSend));
    let inventory = host(vec![out, both]);
    let order = |direction| {
        let mut wanted = unsaid();
        wanted.selection.set_direction(direction);
        eligible(&mut Engine::new(), &inventory, wanted)
    };
    assert_eq!(order(Direction::Bidirectional), ["both *"]);
    assert_eq!(order(Direction::UnidirectionalSend), ["out *", "both *"]);
    assert_eq!(order(Direction::UnidirectionalReceive), ["both *"]);
}

#[test]
fn temporary_addresses_are_required_where_there_are_some_and_in_vain_elsewhere() {
    let inventory = host(vec![stack("tcp", either())]);
    let order = |inventory: &Inventory, wanted| eligible(&mut Engine::new(), inventory, wanted);
    let required = || unsaid().require(P::UseTemporaryLocalAddress);
    assert_eq!(order(&inventory, required()), ["tcp *"]);
    assert_eq!(order(&inventory, required().require(Interface::named("wlan0"))), ["tcp wlan0"]);
    let on_the_wire = required().require(Interface::named("eth0"));
    let refused = Engine::new().branches(&request(on_the_wire.clone()), &inventory, NOW).unwrap_err();
    assert!(refused.to_string().contains("temporary addresses are required, and there is none"), "{refused}");
    let mut unknown = inventory;
    unknown.interfaces[0].sources.clear();
    assert_eq!(order(&unknown, on_the_wire), ["tcp eth0"], "who knows");
}

#[test]
fn an_isolated_session_is_decided_like_any_other_but_for_what_was_learned() {
    let inventory = host(vec![stack("tcp", either()), stack("udp", either())]);
    let mut isolated = unsaid();
    isolated.connection.isolate_session = true;
    let both = |wanted| eligible(&mut Engine::with_pib(built_in::pib()), &inventory, wanted);
    assert_eq!(both(isolated), both(unsaid()));
}

#[test]
fn a_policy_and_a_property_are_weighed_on_one_scale() {
    let inventory =
        host(vec![stack("tcp", either()), stack("udp", either().with(P::KeepAlive, Offer::Never))]);
    let policy = |score: u32| {
        let text = format!(
            r#"{{"match": {{"transport": {{"value": "UDP"}}}},
                 "properties": {{"transport": {{"value": "UDP", "score": {score}}}}}}}"#
        );
        let mut engine = Engine::new();
        engine.pib_mut().insert(Policy::from_json(&text).unwrap()).unwrap();
        engine
    };
    let preferred = || unsaid().prefer(P::KeepAlive);
    assert_eq!(eligible(&mut policy(255), &inventory, preferred())[0], "tcp *");
    assert_eq!(eligible(&mut policy(257), &inventory, preferred())[0], "udp *");
}
