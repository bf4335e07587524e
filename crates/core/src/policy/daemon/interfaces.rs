//! The interfaces of this host as nodes of the CIB, as NEAT's daemon has them: what libneat reports links to them.

use super::import::is_uid;
use crate::policy::cib::CibNode;
use crate::policy::engine::Engine;
use crate::policy::inventory::InterfaceRow;
use crate::policy::neat::{Alternatives, Properties, Property, Text};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The nodes that stand for the interfaces of this host: one root for each that is up and has an address, of the
/// interface's name, with a row for each of its addresses (link-local ones of IPv6 left out, as libneat does).
#[derive(Clone, Debug, Default)]
pub struct InterfaceNodes(BTreeMap<Text, CibNode>);

impl InterfaceNodes {
    /// None yet.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Brings the nodes of an engine up to date with the interfaces that there are. A node of that name that came from
    /// elsewhere is left alone.
    pub fn follow(&mut self, engine: &mut Engine, interfaces: &[InterfaceRow]) {
        let wanted: BTreeMap<Text, CibNode> =
            interfaces.iter().filter_map(node).map(|node| (node.uid.clone(), node)).collect();
        if wanted == self.0 {
            return;
        }
        for (uid, ours) in std::mem::take(&mut self.0) {
            if engine.cib().get(&uid) == Some(&ours) && wanted.get(&uid) != Some(&ours) {
                engine.cib_mut().remove(&uid);
            }
        }
        for (uid, node) in &wanted {
            if engine.cib().get(uid).is_none() {
                // There is no room for it among what was pushed: then it is not there.
                let _full = engine.cib_mut().insert(node.clone());
            }
        }
        self.0 = wanted;
    }
}

fn node(interface: &InterfaceRow) -> Option<CibNode> {
    let InterfaceRow { name, addresses, up, .. } = interface;
    is_uid(name).ok().filter(|()| *up)?;
    let fact = |text: String| Property::immutable(Text::from(text));
    let place = Properties::new()
        .with("interface", fact(name.to_string()))
        .with("local_interface", Property::immutable(true));
    let told = addresses.iter().filter(|address| match address {
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        IpAddr::V4(_) => true,
    });
    let addresses: Vec<Properties> = told
        .map(|address| {
            let version = if address.is_ipv4() { 4_i64 } else { 6 };
            Properties::new()
                .with("local_ip", fact(address.to_string()))
                .with("ip_version", Property::immutable(version))
        })
        .collect();
    let properties = Alternatives::new(vec![vec![place], addresses]).ok()?;
    let mut node = CibNode::new(name.to_string().into(), properties);
    node.root = true;
    node.description = Text::fixed("an interface of this host");
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::daemon::import_nodes;
    use crate::time::Time;

    fn row(name: &str, addresses: &[&str]) -> InterfaceRow {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        InterfaceRow { name: name.into(), index: 1, addresses, up: true, ..InterfaceRow::default() }
    }

    fn rows(engine: &Engine) -> Vec<String> {
        engine.cib().rows().iter().map(|row| format!("{}: {}", row.name(), row.properties)).collect()
    }

    #[test]
    fn each_address_of_an_interface_is_a_row_while_it_is_there() {
        let (mut engine, mut nodes) = (Engine::new(), InterfaceNodes::new());
        nodes.follow(&mut engine, &[row("eth0", &["192.0.2.1", "2001:db8::1", "fe80::1"]), row("tun0", &[])]);
        assert_eq!(
            rows(&engine),
            [
                "eth0: [interface|eth0] [ip_version|4] [local_interface|true] [local_ip|192.0.2.1]",
                "eth0: [interface|eth0] [ip_version|6] [local_interface|true] [local_ip|2001:db8::1]",
            ]
        );
        nodes.follow(&mut engine, &[row("eth1", &["192.0.2.2"])]);
        assert_eq!(rows(&engine).len(), 1);
        nodes.follow(&mut engine, &[]);
        assert_eq!(rows(&engine), [""; 0]);
    }

    #[test]
    fn a_node_of_that_name_from_elsewhere_is_left_alone() {
        let (mut engine, mut nodes) = (Engine::new(), InterfaceNodes::new());
        let other = r#"{"root": true, "properties": {"interface": {"value": "eth0"}, "mine": {}}}"#;
        import_nodes(&mut engine, other, Some("eth0"), Time::ZERO).unwrap();
        let before = rows(&engine);
        nodes.follow(&mut engine, &[row("eth0", &["192.0.2.1"])]);
        assert_eq!(rows(&engine), before);
        nodes.follow(&mut engine, &[]);
        assert_eq!(rows(&engine), before);
    }
}
