//! The Characteristics Information Base: what is known about this host, its networks and its peers.
//!
//! Nodes form a graph, and its paths from the roots are the rows (`graph.rs`). A row is a set of properties, against
//! which the lookup holds what is asked for.

mod graph;
mod node;

pub use node::{CibNode, DEFAULT_LIFETIME, MAX_LIFETIME};

use super::neat::{Fault, Properties, Text};
use crate::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No more nodes are kept.
pub const MAX_NODES: usize = 4_096;

/// No more rows are formed: a node with which there were more is refused.
pub const MAX_ROWS: usize = 4_096;

/// A row: what the nodes of one path through the graph say together.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The uids of its nodes, from the root.
    #[serde(serialize_with = "as_list")]
    pub nodes: Arc<[Text]>,
    /// What they say.
    pub properties: Properties,
}

fn as_list<S: serde::Serializer>(nodes: &Arc<[Text]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(nodes.iter())
}

impl Row {
    /// Its nodes, as one word: `eth0<<eth0_remote_1`.
    pub fn name(&self) -> Text {
        let names: Vec<&str> = self.nodes.iter().map(Text::as_str).collect();
        names.join("<<").into()
    }
}

/// Nodes, and the rows that follow from them.
#[derive(Clone, Debug, Default)]
pub struct Cib {
    nodes: BTreeMap<Text, CibNode>,
    /// For each node that links, the nodes it is appended to.
    links: BTreeMap<Text, Vec<Text>>,
    rows: Vec<Row>,
    generation: u64,
    next_expiry: Option<Time>,
}

impl Cib {
    /// No node.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node, in place of one with the same uid, which is returned.
    ///
    /// *Errors*: too many nodes; links in a circle; too many rows. Everything is as before then.
    pub fn insert(&mut self, node: CibNode) -> Result<Option<CibNode>, Fault> {
        let uid = node.uid.clone();
        let earlier = self.place(node)?;
        if self.build().is_err() {
            self.unplace(&uid);
            if let Some(earlier) = earlier {
                self.place(earlier)?;
            }
            let _as_before = self.build();
            return Err(Fault::Explosion { limit: MAX_ROWS });
        }
        Ok(earlier)
    }

    /// Adds many nodes, whose uids must be new, and forms the rows once.
    ///
    /// *Errors*: for each node that was refused, its place in the list and why; the others are kept.
    pub fn add_all(&mut self, nodes: impl IntoIterator<Item = CibNode>) -> Vec<(usize, Fault)> {
        let mut refused = Vec::new();
        let mut places = BTreeMap::new();
        for (place, node) in nodes.into_iter().enumerate() {
            if self.nodes.contains_key(&node.uid) {
                refused.push((place, Fault::UidTaken(node.uid.as_str().into())));
                continue;
            }
            let uid = node.uid.clone();
            match self.place(node) {
                Ok(_) => {
                    places.insert(uid, place);
                }
                Err(fault) => refused.push((place, fault)),
            }
        }
        for culprit in self.build_without() {
            if let Some(place) = places.get(&culprit) {
                refused.push((*place, Fault::Explosion { limit: MAX_ROWS }));
            }
        }
        refused.sort_by_key(|(place, _)| *place);
        refused
    }

    /// Takes nodes out and puts others in, in place of those with the same uids, and forms the rows once.
    ///
    /// *Errors*: as [`add_all`](Self::add_all).
    pub fn exchange<'a>(
        &mut self,
        gone: impl IntoIterator<Item = &'a Text>,
        new: Vec<CibNode>,
    ) -> Vec<(usize, Fault)> {
        for uid in gone {
            self.unplace(uid);
        }
        for node in &new {
            self.unplace(&node.uid);
        }
        self.add_all(new)
    }

    /// Puts nodes in place of those of the same uids, all or none, and forms the rows once; how many were there before.
    ///
    /// *Errors*: the place in the list of the first that cannot be, and why. Everything is as before then.
    pub fn put_all(&mut self, nodes: Vec<CibNode>) -> Result<usize, (usize, Fault)> {
        if nodes.len() == 1 {
            let inserted = nodes.into_iter().map(|node| self.insert(node)).next();
            return inserted
                .transpose()
                .map(|earlier| usize::from(earlier.flatten().is_some()))
                .map_err(|fault| (0, fault));
        }
        let before = self.clone();
        let replaced = nodes.iter().filter(|node| self.nodes.contains_key(&node.uid)).count();
        match self.put_each(nodes) {
            Ok(()) => Ok(replaced),
            Err(refused) => {
                *self = before;
                Err(refused)
            }
        }
    }

    fn put_each(&mut self, nodes: Vec<CibNode>) -> Result<(), (usize, Fault)> {
        let mut places = BTreeMap::new();
        for node in &nodes {
            self.unplace(&node.uid);
        }
        for (place, node) in nodes.into_iter().enumerate() {
            places.insert(node.uid.clone(), place);
            self.place(node).map_err(|fault| (place, fault))?;
        }
        let too_many = |culprit: Text| {
            (places.get(&culprit).copied().unwrap_or_default(), Fault::Explosion { limit: MAX_ROWS })
        };
        self.build().map_err(too_many)
    }

    /// Takes a node out.
    pub fn remove(&mut self, uid: &str) -> Option<CibNode> {
        let removed = self.unplace(uid)?;
        self.rebuild();
        Some(removed)
    }

    /// Drops the nodes that no longer hold; true if there were any. Cheap while there is none.
    pub fn expire(&mut self, now: Time) -> bool {
        if self.next_expiry.is_none_or(|next| now < next) {
            return false;
        }
        let expired: Vec<Text> =
            self.nodes.values().filter(|node| !node.holds(now)).map(|node| node.uid.clone()).collect();
        for uid in &expired {
            self.unplace(uid);
        }
        self.rebuild();
        !expired.is_empty()
    }

    /// When the first of its nodes expires, if any does.
    pub fn next_expiry(&self) -> Option<Time> {
        self.next_expiry
    }

    /// The node of this uid.
    pub fn get(&self, uid: &str) -> Option<&CibNode> {
        self.nodes.get(uid)
    }

    /// All nodes, by uid.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &CibNode> {
        self.nodes.values()
    }

    /// All rows: by the uid of their root, then by those of the nodes that follow; then those that were extended.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Rises with every change: what was decided before may no longer hold.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn rebuild(&mut self) {
        // With fewer nodes there can be more rows: what followed a node now follows its root.
        let _too_many = self.build_without();
    }
}
