//! Policies and nodes that come over a socket or an API, into the bases of an engine.

use crate::policy::engine::Engine;
use crate::policy::neat::{Fault, Flaw, Kind, Node, PolicyError, Text, parse};
use crate::policy::pib::uid;
use crate::policy::{CibNode, Policy};
use crate::time::Time;
use std::collections::BTreeSet;

/// What was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The uids of what is there now, in the order of the text.
    pub uids: Vec<Text>,
    /// How many of them took the place of another entry.
    pub replaced: usize,
}

/// Takes policies and profiles into the PIB: one object, or a list of them, each in place of the one of its uid. With
/// `named`, it is one object, of this uid.
///
/// *Errors*: the first fault, with line, column and path; nothing of it has been taken in then.
pub fn import_policies(
    engine: &mut Engine,
    text: &str,
    named: Option<&str>,
) -> Result<Imported, PolicyError> {
    let named = named.map(str::to_lowercase);
    let policies =
        entries(text, named.as_deref(), |node, name| Policy::read(node, None, name), |policy| &policy.uid)?;
    let mut pib = engine.pib().clone();
    let mut imported = Imported::default();
    for (at, policy) in policies {
        imported.uids.push(policy.uid.clone());
        let earlier = pib.insert(policy).map_err(|fault| Flaw::at(at, fault).in_text(text, None))?;
        imported.replaced += usize::from(earlier.is_some());
    }
    *engine.pib_mut() = pib;
    Ok(imported)
}

/// Takes nodes into the CIB: one object, or a list of them, each in place of the one of its uid. With `named`, it is
/// one object, of this uid. `now` is measured from the Unix epoch.
///
/// *Errors*: as [`import_policies`]; links in a circle and rows that explode among them.
pub fn import_nodes(
    engine: &mut Engine,
    text: &str,
    named: Option<&str>,
    now: Time,
) -> Result<Imported, PolicyError> {
    let nodes = entries(text, named, |node, name| CibNode::read(node, name, now), |node| &node.uid)?;
    let (places, nodes): (Vec<usize>, Vec<CibNode>) = nodes.into_iter().unzip();
    let uids = nodes.iter().map(|node| node.uid.clone()).collect();
    match engine.cib_mut().put_all(nodes) {
        Ok(replaced) => Ok(Imported { uids, replaced }),
        Err((place, fault)) => {
            let at = places.get(place).copied().unwrap_or_default();
            Err(Flaw::at(at, fault).in_text(text, None))
        }
    }
}

/// One object, or each of a list, with its place in the text; no two of one uid.
fn entries<T>(
    text: &str,
    named: Option<&str>,
    read: impl Fn(&Node, Option<&str>) -> Result<T, Flaw>,
    uid_of: impl Fn(&T) -> &Text,
) -> Result<Vec<(usize, T)>, PolicyError> {
    let all = || {
        if let Some(name) = named {
            uid(name).map_err(|fault| Flaw::at(0, fault))?;
        }
        let whole = parse(text)?;
        let items = match (&whole.kind, named) {
            (Kind::List(items), None) => items.iter().collect(),
            _ => vec![&whole],
        };
        let in_list = matches!(whole.kind, Kind::List(_));
        let mut entries: Vec<(usize, T)> = Vec::with_capacity(items.len());
        let mut known = BTreeSet::new();
        for (place, node) in items.into_iter().enumerate() {
            let placed = |flaw: Flaw| if in_list { flaw.at_place(place) } else { flaw };
            let entry = read(node, named).map_err(placed)?;
            let said = uid_of(&entry).as_str();
            if let Some(named) = named.filter(|named| *named != said) {
                return Err(node.flaw(Fault::OtherUid { said: said.into(), named: named.into() }));
            }
            if !known.insert(uid_of(&entry).clone()) {
                return Err(placed(node.flaw(Fault::UidTaken(said.into()))));
            }
            entries.push((node.at, entry));
        }
        Ok(entries)
    };
    all().map_err(|flaw: Flaw| flaw.in_text(text, None))
}

/// Whether a text can be a uid: it may stand in a path of the API, and name a file.
///
/// *Errors*: [`Fault::Uid`].
pub fn is_uid(text: &str) -> Result<(), Fault> {
    uid(text).map(drop)
}
