//! One policy, or one profile.

use super::{uid, uid_of};
use crate::policy::neat::read::{alternatives, boolean, number, object, plain, text, unknown};
use crate::policy::neat::{
    Alternatives, Fault, Finite, Flaw, Kind, Member, Node, PolicyError, Properties, Text, parse,
};
use serde::{Serialize, Serializer};

/// What a policy may say.
const KEYS: &[&str] = &[
    "uid",
    "priority",
    "description",
    "policy_type",
    "replace_matched",
    "match",
    "properties",
    "filename",
    "time",
];

/// When it is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Before the CIB is looked up: it says what a word of an application means.
    Profile,
    /// After: it says what is wanted of what there is.
    #[default]
    Policy,
}

impl PolicyKind {
    /// Its name in `policy_type`, and the ending of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Policy => "policy",
        }
    }
}

impl Serialize for PolicyKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A policy or a profile: which candidates it is about, and what it does to them. NEAT's `NEAT_policies.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Policy {
    /// Names it. Default: the name of its file, or a hash of what it says.
    pub uid: Text,
    /// When it is applied. Default: as a policy.
    #[serde(rename = "policy_type")]
    pub kind: PolicyKind,
    /// A lower one is applied earlier, so that a later one can overrule it. Default: 0.
    pub priority: Finite,
    /// For people.
    pub description: Text,
    /// Whether the properties that it matches are taken out before its own are added. Default: false.
    pub replace_matched: bool,
    /// Which candidates it is about: those that have all of these. Default: all.
    #[serde(rename = "match")]
    pub matched: Properties,
    /// What it does: the candidate is updated by each of these in turn, and each gives a candidate. Default: nothing.
    pub properties: Alternatives,
}

impl Policy {
    /// Reads a policy or a profile from NEAT's JSON; its `policy_type` says which.
    ///
    /// *Errors*: the first fault, with line, column and path.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        let read = parse(text).and_then(|node| Self::read(&node, None, None));
        read.map_err(|flaw| flaw.in_text(text, None))
    }

    /// `kind` and `name` are what the file's name says.
    pub(in crate::policy) fn read(
        node: &Node,
        kind: Option<PolicyKind>,
        name: Option<&str>,
    ) -> Result<Self, Flaw> {
        let mut policy = Self {
            uid: Text::fixed(""),
            kind: kind.unwrap_or_default(),
            priority: Finite::ZERO,
            description: Text::fixed(""),
            replace_matched: false,
            matched: Properties::new(),
            properties: Alternatives::default(),
        };
        for member in object(node)? {
            policy.say(member, kind).map_err(|flaw| flaw.within(&member.name))?;
        }
        if policy.uid.is_empty() {
            policy.uid = match name {
                Some(name) => uid(&name.to_lowercase()).map_err(|fault| node.flaw(fault))?,
                None => uid_of(&serde_json::to_string(&policy).unwrap_or_default()),
            };
        }
        Ok(policy)
    }

    fn say(&mut self, member: &Member, kind: Option<PolicyKind>) -> Result<(), Flaw> {
        let node = &member.node;
        match member.name.as_str() {
            // NEAT writes the uid of a policy in lower case.
            "uid" => self.uid = uid(&text(node)?.to_lowercase()).map_err(|fault| node.flaw(fault))?,
            "priority" => self.priority = number(node)?,
            "description" => self.description = text(node)?.into(),
            "policy_type" => {
                let said = match text(node)? {
                    "profile" => PolicyKind::Profile,
                    "policy" => PolicyKind::Policy,
                    _ => return Err(node.expected("\"policy\" or \"profile\"")),
                };
                if let Some(kind) = kind.filter(|kind| *kind != said) {
                    return Err(node.flaw(Fault::OtherKind { said: said.name(), kind: kind.name() }));
                }
                self.kind = said;
            }
            "replace_matched" => self.replace_matched = boolean(node)?,
            "match" => self.matched = plain(node)?,
            "properties" => self.properties = alternatives(node)?,
            // What NEAT's daemon notes of the files that it has written itself.
            "filename" if matches!(node.kind, Kind::Text(_) | Kind::Null) => {}
            "time" => drop(number(node)?),
            _ => return Err(unknown(member.at, &member.name, KEYS)),
        }
        Ok(())
    }

    /// As JSON, in NEAT's form.
    pub fn to_json(&self) -> String {
        // Keys are texts, and numbers are finite: nothing can fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What orders policies: the priority, then the uid.
    pub(super) fn rank(&self) -> (Finite, &Text) {
        (self.priority, &self.uid)
    }

    /// Whether a candidate has all that it matches.
    pub(in crate::policy) fn is_about(&self, candidate: &Properties) -> bool {
        candidate.contains(&self.matched)
    }
}
