//! From nodes to rows.
//!
//! ```text
//!   root   a row begins here
//!    ↑
//!   link   is appended to each node that has all the properties of one of its matches
//!    ↑
//!   link   and so on: each path from a root to a node that nothing is appended to is a row
//!
//!   else   is laid over each of these rows that has all the properties of one of its matches: one row more
//! ```
//!
//! Of two nodes of a path that say the same key, that of the lower priority number is right, and among equals the one
//! nearer to the root. What is laid over a row is right against the row.

use super::{Cib, CibNode, MAX_NODES, MAX_ROWS, Row};
use crate::policy::neat::{Fault, Properties, Text};
use std::collections::{BTreeMap, BTreeSet};

/// A row has at most this many nodes; a node with which there were more is refused like one with too many rows.
const MAX_PATH: usize = 32;

impl Cib {
    /// Puts a node into the graph, without forming rows.
    pub(super) fn place(&mut self, node: CibNode) -> Result<Option<CibNode>, Fault> {
        if !self.nodes.contains_key(&node.uid) && self.nodes.len() >= MAX_NODES {
            return Err(Fault::Full { limit: MAX_NODES });
        }
        let uid = node.uid.clone();
        let earlier = self.unplace(&uid);
        for other in self.nodes.values().filter(|other| other.link) {
            if links(other, &node) {
                self.links.entry(other.uid.clone()).or_default().push(uid.clone());
            }
        }
        if node.link {
            let to = self.nodes.values().filter(|other| links(&node, other)).map(|other| other.uid.clone());
            self.links.insert(uid.clone(), to.collect());
        }
        self.nodes.insert(uid.clone(), node);
        if let Some(circle) = self.circle(&uid) {
            self.unplace(&uid);
            if let Some(earlier) = earlier {
                self.place(earlier)?;
            }
            return Err(Fault::Cycle(circle.into()));
        }
        Ok(earlier)
    }

    /// Takes a node out of the graph, without forming rows.
    pub(super) fn unplace(&mut self, uid: &str) -> Option<CibNode> {
        let node = self.nodes.remove(uid)?;
        self.links.remove(uid);
        for to in self.links.values_mut() {
            to.retain(|linked| *linked != *uid);
        }
        Some(node)
    }

    /// A way from this node along the links back to it, in words.
    fn circle(&self, start: &Text) -> Option<String> {
        let mut seen: BTreeSet<&Text> = BTreeSet::new();
        let mut ways: Vec<Vec<&Text>> = vec![vec![start]];
        while let Some(way) = ways.pop() {
            let last = way.last()?;
            for next in self.links.get(*last).into_iter().flatten() {
                if next == start {
                    let names: Vec<&str> =
                        way.iter().map(|uid| uid.as_str()).chain([start.as_str()]).collect();
                    return Some(names.join(" > "));
                }
                if seen.insert(next) {
                    ways.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        None
    }

    /// Forms the rows anew, if all nodes have room.
    ///
    /// *Errors*: the node with which there were more than [`MAX_ROWS`]; the rows are those of before then.
    pub(super) fn build(&mut self) -> Result<(), Text> {
        let Formed { rows, too_many } = self.form(1);
        match too_many.into_iter().next() {
            Some(culprit) => Err(culprit),
            None => {
                self.take(rows);
                Ok(())
            }
        }
    }

    /// Forms the rows anew, and takes out each node with which there were too many.
    pub(super) fn build_without(&mut self) -> Vec<Text> {
        let Formed { rows, too_many } = self.form(usize::MAX);
        for culprit in &too_many {
            self.unplace(culprit);
        }
        self.take(rows);
        too_many
    }

    fn take(&mut self, mut rows: Vec<Row>) {
        rows.shrink_to_fit();
        self.rows = rows;
        self.next_expiry = self.nodes.values().filter_map(|node| node.expire).min();
        self.generation += 1;
    }

    /// Forms rows without the nodes with which there are too many. With `enough` of these it goes no further.
    fn form(&self, enough: usize) -> Formed {
        let mut appended: BTreeMap<&Text, Vec<&CibNode>> = BTreeMap::new();
        for (uid, to) in &self.links {
            for target in to {
                appended.entry(target).or_default().extend(self.nodes.get(uid));
            }
        }
        let mut roots: Vec<&CibNode> = self.nodes.values().filter(|node| node.root).collect();
        let mut gone: BTreeSet<Text> = BTreeSet::new();
        let mut too_many: Vec<Text> = Vec::new();
        // How many there will be is known before a single one is formed.
        while let Err(culprit) = count_all(&appended, &gone, &roots) {
            roots.retain(|node| node.uid != culprit);
            gone.insert(culprit.clone());
            too_many.push(culprit);
            if too_many.len() >= enough {
                return Formed { rows: Vec::new(), too_many };
            }
        }
        if !gone.is_empty() {
            appended.retain(|_, nodes| {
                nodes.retain(|node| !gone.contains(&node.uid));
                !nodes.is_empty()
            });
        }
        let mut rows = Vec::new();
        for root in roots {
            follow(&appended, &mut vec![root], &mut rows);
        }
        let begun = rows.len();
        for node in self.nodes.values().filter(|node| node.extends()) {
            if too_many.len() >= enough {
                break;
            }
            let before = rows.len();
            if (0..begun).any(|place| extend(node, place, &mut rows).is_none()) {
                rows.truncate(before);
                too_many.push(node.uid.clone());
            }
        }
        Formed { rows, too_many }
    }
}

/// Rows, and the nodes with which there would have been too many.
struct Formed {
    rows: Vec<Row>,
    too_many: Vec<Text>,
}

fn count_all(
    appended: &BTreeMap<&Text, Vec<&CibNode>>,
    gone: &BTreeSet<Text>,
    roots: &[&CibNode],
) -> Result<(), Text> {
    let mut counted = 0;
    roots.iter().try_for_each(|root| count(appended, gone, root, (1, 1), &mut counted))
}

fn links(node: &CibNode, to: &CibNode) -> bool {
    node.uid != to.uid && node.matched.iter().any(|these| to.has(these))
}

/// Adds how many rows the paths through a node make, of which so many nodes and combinations have come before it; as if
/// those that are gone were not there.
///
/// *Errors*: the node with which there are too many, or with which a path is too long.
fn count(
    appended: &BTreeMap<&Text, Vec<&CibNode>>,
    gone: &BTreeSet<Text>,
    node: &CibNode,
    (depth, combinations): (usize, usize),
    counted: &mut usize,
) -> Result<(), Text> {
    let combinations = combinations.saturating_mul(node.properties.expanded().len());
    let next = appended.get(&node.uid).into_iter().flatten();
    let mut is_last = true;
    for next in next.filter(|next| gone.is_empty() || !gone.contains(&next.uid)) {
        if depth >= MAX_PATH {
            return Err(node.uid.clone());
        }
        is_last = false;
        count(appended, gone, next, (depth + 1, combinations), counted)?;
    }
    if is_last {
        *counted = counted.saturating_add(combinations);
        if *counted > MAX_ROWS {
            return Err(node.uid.clone());
        }
    }
    Ok(())
}

fn follow<'a>(
    appended: &BTreeMap<&Text, Vec<&'a CibNode>>,
    path: &mut Vec<&'a CibNode>,
    rows: &mut Vec<Row>,
) {
    let Some(last) = path.last() else { return };
    let Some(next) = appended.get(&last.uid) else { return combine(path, rows) };
    for node in next {
        path.push(node);
        follow(appended, path, rows);
        path.pop();
    }
}

/// The rows of one path: every combination of the alternatives of its nodes.
fn combine(path: &[&CibNode], rows: &mut Vec<Row>) {
    let names: std::sync::Arc<[Text]> = path.iter().map(|node| node.uid.clone()).collect();
    let mut ranked = path.to_vec();
    ranked.sort_by_key(|node| node.priority);
    let mut sets = vec![Properties::new()];
    for node in ranked {
        sets = sets
            .iter()
            .flat_map(|set| node.properties.expanded().iter().map(|more| set.or_else(more)))
            .collect();
    }
    rows.extend(sets.into_iter().map(|properties| Row { nodes: names.clone(), properties }));
}

/// Lays a node over a row; nothing if there were too many then.
fn extend(node: &CibNode, place: usize, rows: &mut Vec<Row>) -> Option<()> {
    let row = &rows[place];
    let named = |uid: &str| row.nodes.iter().any(|known| *known == *uid);
    if !node.is_about(&row.properties, named) {
        return Some(());
    }
    let expanded = node.properties.expanded();
    if rows.len() + expanded.len() > MAX_ROWS {
        return None;
    }
    let nodes: std::sync::Arc<[Text]> = row.nodes.iter().cloned().chain([node.uid.clone()]).collect();
    let over: Vec<Row> = expanded
        .iter()
        .map(|set| Row { nodes: nodes.clone(), properties: set.or_else(&row.properties) })
        .collect();
    rows.extend(over);
    Some(())
}
