//! Policies, profiles and nodes from files: `*.policy`, `*.profile`, `*.cib`. Reading them is somebody else's business;
//! here they are texts with names.

use super::cib::{Cib, CibNode};
use super::neat::{Fault, Flaw, Kind, Node, PolicyError, parse};
use super::pib::{Pib, Policy, PolicyKind};
use crate::time::Time;

/// What a file holds, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// `*.profile`.
    Profile,
    /// `*.policy`.
    Policy,
    /// `*.cib`.
    Node,
}

impl FileKind {
    /// What a file of this name holds; `None` if it is none of ours, or hidden.
    pub fn of(name: &str) -> Option<Self> {
        let base = base(name);
        if base.starts_with(['.', '#']) {
            return None;
        }
        match base.rsplit_once('.')?.1 {
            "profile" => Some(Self::Profile),
            "policy" => Some(Self::Policy),
            "cib" => Some(Self::Node),
            _ => None,
        }
    }
}

/// What was in some files.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// The policies and profiles.
    pub pib: Pib,
    /// The nodes.
    pub cib: Cib,
    /// What was refused, with file, line and reason; everything else is there.
    pub refused: Vec<PolicyError>,
}

/// Reads files by name and text; those of a name that is none of ours are passed over. `now` is measured from the Unix
/// epoch. The order of the files does not matter but for a uid that occurs twice: the file whose name comes first keeps
/// it.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, now: Time) -> Loaded {
    let mut files: Vec<(&str, &str)> =
        files.into_iter().filter(|(name, _)| FileKind::of(name).is_some()).collect();
    files.sort_unstable();
    let mut loaded = Loaded::default();
    let mut nodes: Vec<CibNode> = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (place, (name, text)) in files.iter().enumerate() {
        let entries = match entries(name, text, now) {
            Ok(entries) => entries,
            Err(flaw) => {
                loaded.refused.push(flaw.in_text(text, Some(name)));
                continue;
            }
        };
        for (at, entry) in entries {
            match entry {
                Entry::Policy(policy) => {
                    if let Err(fault) = loaded.pib.add(policy) {
                        loaded.refused.push(Flaw::at(at, fault).in_text(text, Some(name)));
                    }
                }
                Entry::Node(node) => {
                    nodes.push(node);
                    places.push((place, at));
                }
            }
        }
    }
    for (node, fault) in loaded.cib.add_all(nodes) {
        let Some((file, at)) = places.get(node) else { continue };
        let (name, text) = files[*file];
        loaded.refused.push(Flaw::at(*at, fault).in_text(text, Some(name)));
    }
    loaded.refused.sort_by(|one, other| {
        (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column))
    });
    loaded
}

/// Reads one file, whose uids need not be new: what `neatflow policy check` and a daemon's reloading need.
///
/// *Errors*: its name is none of ours; its first fault, with line, column and path.
pub fn load_file(name: &str, text: &str, now: Time) -> Result<(Vec<Policy>, Vec<CibNode>), PolicyError> {
    let entries = entries(name, text, now).map_err(|flaw| flaw.in_text(text, Some(name)))?;
    let (mut policies, mut nodes) = (Vec::new(), Vec::new());
    for (_, entry) in entries {
        match entry {
            Entry::Policy(policy) => policies.push(policy),
            Entry::Node(node) => nodes.push(node),
        }
    }
    Ok((policies, nodes))
}

enum Entry {
    Policy(Policy),
    Node(CibNode),
}

/// One object, or a list of them, each with its place in the text. A single one that has no uid is named after its
/// file.
fn entries(name: &str, text: &str, now: Time) -> Result<Vec<(usize, Entry)>, Flaw> {
    let kind = FileKind::of(name).ok_or_else(|| Flaw::at(0, Fault::UnknownFile))?;
    let read = |node: &Node, stem: Option<&str>| {
        let policy = |kind| Policy::read(node, Some(kind), stem).map(Entry::Policy);
        let entry = match kind {
            FileKind::Profile => policy(PolicyKind::Profile)?,
            FileKind::Policy => policy(PolicyKind::Policy)?,
            FileKind::Node => Entry::Node(CibNode::read(node, stem, now)?),
        };
        Ok((node.at, entry))
    };
    let node = parse(text)?;
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .enumerate()
            .map(|(n, item)| read(item, None).map_err(|flaw: Flaw| flaw.at_place(n)))
            .collect(),
        _ => {
            let stem = base(name).rsplit_once('.').map(|(stem, _)| stem);
            Ok(vec![read(&node, stem)?])
        }
    }
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
