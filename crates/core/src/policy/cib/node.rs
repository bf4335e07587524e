//! One node of the CIB.

use crate::policy::neat::read::{alternatives, boolean, number, object, plain, text, unknown};
use crate::policy::neat::{
    Alternatives, Fault, Finite, Flaw, Kind, Member, Node as Json, PolicyError, Properties, Text, parse,
};
use crate::policy::pib::{uid, uid_of};
use crate::time::Time;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::time::Duration;

/// What a node may say.
const KEYS: &[&str] = &[
    "uid",
    "root",
    "link",
    "priority",
    "expire",
    "expires",
    "description",
    "match",
    "properties",
    "filename",
];

/// A node that does not say when it expires does so after this long: ten minutes, as in NEAT.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// A node that would live longer than this, ten years, is refused: it means milliseconds, or never.
pub const MAX_LIFETIME: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Something that is known about this host, its networks or its peers. NEAT's `CIB_format.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CibNode {
    /// Names it. Default: the name of its file, or a hash of what it says.
    pub uid: Text,
    /// Whether rows begin here. Default: false.
    pub root: bool,
    /// Whether it is appended to the nodes that it matches (true), or adds a row to each row that it matches (false,
    /// the default).
    pub link: bool,
    /// Of two nodes of a row that say the same key, that of the lower priority is right; among equals the one nearer
    /// to the root. Default: 0.
    pub priority: Finite,
    /// Until when it holds, since the Unix epoch; `None` for ever. Default: [`DEFAULT_LIFETIME`] from when it was read.
    pub expire: Option<Time>,
    /// For people.
    pub description: Text,
    /// What it matches: any of these sets, of which all properties must match. `uid` means that of another node.
    pub matched: Vec<Properties>,
    /// What it says.
    pub properties: Alternatives,
}

impl CibNode {
    /// A node that nothing is known of yet, and that never expires.
    pub(in crate::policy) fn new(uid: Text, properties: Alternatives) -> Self {
        Self {
            uid,
            root: false,
            link: false,
            priority: Finite::ZERO,
            expire: None,
            description: Text::fixed(""),
            matched: Vec::new(),
            properties,
        }
    }

    /// Reads a node from NEAT's JSON. `now` is measured from the Unix epoch.
    ///
    /// *Errors*: the first fault, with line, column and path; an expired node is one.
    pub fn from_json(text: &str, now: Time) -> Result<Self, PolicyError> {
        let read = parse(text).and_then(|node| Self::read(&node, None, now));
        read.map_err(|flaw| flaw.in_text(text, None))
    }

    pub(in crate::policy) fn read(json: &Json, name: Option<&str>, now: Time) -> Result<Self, Flaw> {
        let mut node = Self::new(Text::fixed(""), Alternatives::default());
        node.expire = Some(now + DEFAULT_LIFETIME);
        for member in object(json)? {
            node.say(member, now).map_err(|flaw| flaw.within(&member.name))?;
        }
        if !node.root && node.matched.is_empty() {
            return Err(json.flaw(Fault::Loose));
        }
        if node.uid.is_empty() {
            node.uid = match name {
                Some(name) => uid(name).map_err(|fault| json.flaw(fault))?,
                None => {
                    uid_of(&serde_json::to_string(&Self { expire: None, ..node.clone() }).unwrap_or_default())
                }
            };
        }
        Ok(node)
    }

    fn say(&mut self, member: &Member, now: Time) -> Result<(), Flaw> {
        let node = &member.node;
        match member.name.as_str() {
            "uid" => self.uid = uid(text(node)?).map_err(|fault| node.flaw(fault))?,
            "root" => self.root = boolean(node)?,
            "link" => self.link = boolean(node)?,
            "priority" => self.priority = number(node)?,
            "expire" | "expires" => self.expire = expiry(node, now)?,
            "description" => self.description = text(node)?.into(),
            "match" => self.matched = matches(node)?,
            "properties" => self.properties = alternatives(node)?,
            // What NEAT's daemon notes of the files that it has written itself.
            "filename" if matches!(node.kind, Kind::Text(_) | Kind::Null) => {}
            _ => return Err(unknown(member.at, &member.name, KEYS)),
        }
        Ok(())
    }

    /// As JSON, in NEAT's form.
    pub fn to_json(&self) -> String {
        // Keys are texts, and numbers are finite: nothing can fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Time) -> bool {
        self.expire.is_none_or(|expire| now < expire)
    }

    /// Whether it adds rows to those that there are.
    pub(super) fn extends(&self) -> bool {
        !self.root && !self.link
    }

    /// Whether one of its alternatives has all these properties; `uid` means its own.
    pub(super) fn has(&self, these: &Properties) -> bool {
        self.properties.expanded().iter().any(|set| has(set, these, |uid| *self.uid == *uid))
    }

    /// Whether it matches these properties, which come from nodes of which some have a uid.
    pub(in crate::policy) fn is_about(
        &self,
        properties: &Properties,
        named: impl Fn(&str) -> bool + Copy,
    ) -> bool {
        self.matched.iter().any(|these| has(properties, these, named))
    }
}

/// Whether properties contain these; `uid` is answered apart.
fn has(properties: &Properties, these: &Properties, named: impl Fn(&str) -> bool) -> bool {
    these.iter().all(|(key, wanted)| match (properties.get(key), wanted.value.as_str()) {
        (Some(property), _) if property.matches(wanted) => true,
        (_, Some(uid)) if *key == "uid" => named(uid),
        _ => false,
    })
}

/// One set of properties, or a list of them.
fn matches(node: &Json) -> Result<Vec<Properties>, Flaw> {
    match &node.kind {
        Kind::List(sets) => {
            sets.iter().enumerate().map(|(n, set)| plain(set).map_err(|flaw| flaw.at_place(n))).collect()
        }
        Kind::Object(_) => Ok(vec![plain(node)?]),
        _ => Err(node.expected("an object or a list of objects")),
    }
}

/// Seconds since the Unix epoch, with fractions; -1 means never.
fn expiry(node: &Json, now: Time) -> Result<Option<Time>, Flaw> {
    if matches!(node.kind, Kind::Null) {
        return Ok(Some(now + DEFAULT_LIFETIME));
    }
    let seconds = number(node)?.get();
    if seconds == -1.0 {
        return Ok(None);
    }
    let Ok(since) = Duration::try_from_secs_f64(seconds.max(0.0)) else {
        return Err(node.flaw(Fault::FarFuture));
    };
    let expire = Time::from_origin(since);
    if expire <= now {
        return Err(node.flaw(Fault::Expired));
    }
    if expire > now + MAX_LIFETIME {
        return Err(node.flaw(Fault::FarFuture));
    }
    Ok(Some(expire))
}

impl Serialize for CibNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("uid", &self.uid)?;
        map.serialize_entry("root", &self.root)?;
        map.serialize_entry("link", &self.link)?;
        map.serialize_entry("priority", &self.priority)?;
        let expire = self.expire.map_or(-1.0, |expire| expire.since_origin().as_secs_f64());
        map.serialize_entry("expire", &expire)?;
        map.serialize_entry("description", &self.description)?;
        if !self.matched.is_empty() {
            map.serialize_entry("match", &self.matched)?;
        }
        map.serialize_entry("properties", &self.properties)?;
        map.end()
    }
}
