//! Policies, profiles and nodes from files: `*.policy`, `*.profile`, `*.cib`. Reading them is somebody else's business;
//! here they are texts with names.

use super::cib::{Cib, CibNode};
use super::engine::Engine;
use super::neat::{Fault, Flaw, Kind, Node, PolicyError, Text, parse};
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
    load_dated(files.into_iter().map(|(name, text)| (name, text, now)))
}

/// As [`load`], for files that were read at times of their own: what expires so long after it was read does so then.
pub fn load_dated<'a>(files: impl IntoIterator<Item = (&'a str, &'a str, Time)>) -> Loaded {
    let mut files: Vec<_> = files.into_iter().filter(|(name, ..)| FileKind::of(name).is_some()).collect();
    files.sort_unstable();
    let mut loaded = Loaded::default();
    let mut nodes: Vec<CibNode> = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (place, (name, text, read)) in files.iter().enumerate() {
        let entries = match entries(name, text, *read) {
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
        let (name, text, _) = files[*file];
        loaded.refused.push(Flaw::at(*at, fault).in_text(text, Some(name)));
    }
    loaded.sort();
    loaded
}

impl Loaded {
    /// Adds what was refused by whoever read the files.
    #[must_use]
    pub fn refusing(mut self, refused: impl IntoIterator<Item = PolicyError>) -> Self {
        self.refused.extend(refused);
        self.sort();
        self
    }

    fn sort(&mut self) {
        let place = |error: &PolicyError| (error.file.clone(), error.line, error.column);
        self.refused.sort_by_key(place);
    }
}

impl Engine {
    /// Takes over what files say now, in place of what they said `before`. What did not change is not touched, and what
    /// others have put in place of it since stays; where a policy of `base` was replaced by a file that says it no
    /// more, it is there again.
    ///
    /// *Errors*: the uid of each entry that does not fit what else is there, and why; the others are in force.
    pub fn exchange(&mut self, before: &Loaded, after: &Loaded, base: &Pib) -> Vec<(Text, Fault)> {
        let mut refused = Vec::new();
        for old in before.pib.iter().filter(|old| after.pib.get(&old.uid) != Some(old)) {
            if self.pib().get(&old.uid) == Some(old) {
                self.pib_mut().remove(&old.uid);
                let again = base.get(&old.uid).map(|policy| self.pib_mut().insert(policy.clone()));
                refused.extend(again.and_then(Result::err).map(|fault| (old.uid.clone(), fault)));
            }
        }
        for new in after.pib.iter().filter(|new| before.pib.get(&new.uid) != Some(new)) {
            let inserted = self.pib_mut().insert(new.clone());
            refused.extend(inserted.err().map(|fault| (new.uid.clone(), fault)));
        }
        let gone = before.cib.nodes().filter(|old| after.cib.get(&old.uid) != Some(old));
        let gone: Vec<&Text> =
            gone.filter(|old| self.cib().get(&old.uid) == Some(old)).map(|old| &old.uid).collect();
        let new: Vec<CibNode> =
            after.cib.nodes().filter(|new| before.cib.get(&new.uid) != Some(new)).cloned().collect();
        if !gone.is_empty() || !new.is_empty() {
            let uids: Vec<Text> = new.iter().map(|node| node.uid.clone()).collect();
            let faults = self.cib_mut().exchange(gone, new);
            refused.extend(faults.into_iter().map(|(place, fault)| (uids[place].clone(), fault)));
        }
        refused
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &str = r#"{"uid": "p", "priority": 1, "properties": {"x": {"value": 1}}}"#;
    const FILE: &str = r#"{"uid": "p", "priority": 2, "properties": {"x": {"value": 2}}}"#;
    const PUSHED: &str = r#"{"uid": "p", "priority": 3, "properties": {"x": {"value": 3}}}"#;

    fn files(files: &[(&str, &str)]) -> Loaded {
        let loaded = load(files.iter().copied(), Time::ZERO);
        assert_eq!(loaded.refused, []);
        loaded
    }

    fn priority(engine: &Engine) -> Option<f64> {
        engine.pib().get("p").map(|policy| policy.priority.get())
    }

    #[test]
    fn what_a_file_says_no_more_gives_back_what_was_built_in() {
        let base = files(&[("base.policy", BUILT_IN)]);
        let (none, file) = (Loaded::default(), files(&[("a.policy", FILE)]));
        let mut engine = Engine::with_pib(base.pib.clone());
        assert_eq!(engine.exchange(&none, &file, &base.pib), []);
        assert_eq!(priority(&engine), Some(2.0));
        assert_eq!(engine.exchange(&file, &none, &base.pib), []);
        assert_eq!(priority(&engine), Some(1.0));
    }

    #[test]
    fn what_was_pushed_since_stays_until_its_file_changes() {
        let (none, file) = (Loaded::default(), files(&[("a.policy", FILE)]));
        let other = files(&[("a.policy", FILE), ("b.policy", r#"{"properties": {"y": {"value": 1}}}"#)]);
        let mut engine = Engine::new();
        engine.exchange(&none, &file, &Pib::new());
        let pushed = load_file("x.policy", PUSHED, Time::ZERO).unwrap().0.remove(0);
        engine.pib_mut().insert(pushed).unwrap();
        engine.exchange(&file, &other, &Pib::new());
        assert_eq!((priority(&engine), engine.pib().len()), (Some(3.0), 2));
        engine.exchange(&other, &none, &Pib::new());
        assert_eq!((priority(&engine), engine.pib().len()), (Some(3.0), 1), "it is not the file's");
        engine.exchange(&none, &file, &Pib::new());
        assert_eq!(priority(&engine), Some(2.0));
    }

    #[test]
    fn nodes_come_and_go_with_their_files_and_decisions_with_them() {
        let node = |uid: &str, capacity: u8| {
            format!(
                r#"{{"uid": "{uid}", "root": true, "expire": -1, "properties": {{"capacity": {{"value": {capacity}}}}}}}"#
            )
        };
        let (a1, a2, b) = (node("a", 1), node("a", 2), node("b", 1));
        let none = Loaded::default();
        let (first, second) = (files(&[("a.cib", &a1), ("b.cib", &b)]), files(&[("a.cib", &a2)]));
        let mut engine = Engine::new();
        engine.exchange(&none, &first, &Pib::new());
        assert_eq!(engine.cib().rows().len(), 2);
        let generation = engine.cib().generation();
        engine.exchange(&first, &second, &Pib::new());
        assert_eq!(engine.cib().nodes().collect::<Vec<_>>(), second.cib.nodes().collect::<Vec<_>>());
        assert_eq!(engine.cib().rows().len(), 1);
        assert!(engine.cib().generation() > generation);
        let (generation, epoch) = (engine.cib().generation(), engine.pib().generation());
        engine.exchange(&second, &second.clone(), &Pib::new());
        assert_eq!((engine.cib().generation(), engine.pib().generation()), (generation, epoch));
        engine.exchange(&second, &none, &Pib::new());
        assert_eq!(engine.cib().rows(), []);
    }

    #[test]
    fn what_expires_after_it_was_read_does_so_from_when_it_was_read() {
        let text = r#"{"uid": "a", "root": true, "properties": {"x": {"value": 1}}}"#;
        let loaded = load_dated([("a.cib", text, Time::from_millis(5_000))]);
        let expire = loaded.cib.get("a").unwrap().expire.unwrap();
        assert_eq!(expire, Time::from_millis(605_000));
    }
}
