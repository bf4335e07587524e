//! Every property there is, described.

use super::{
    MessageProperties, TransportProperties, Value, ValueFault, connection, message, selection, vendor,
};
use std::fmt;

/// One property: its names, its values, and where it is defined.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its name, as the RFC spells it.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What its numbers count.
    pub unit: Option<&'static str>,
    /// Where it is defined.
    pub section: &'static str,
    /// Its value when the application says nothing; empty if it can only be read.
    pub default: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// Whether it can only be read: from a connection, or from a received message.
    pub read_only: bool,
    /// What NEAT's Python API calls it, if it has it.
    pub neatpy: Option<&'static str>,
    /// Its default in NEAT's Python API, where that is another one.
    pub neatpy_default: Option<&'static str>,
    pub(super) access: Access,
}

/// What a property belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The choice of a transport: fixed once a connection is established (RFC 9622 §6.2).
    Selection,
    /// A connection (RFC 9622 §8.1, §8.2).
    Connection,
    /// A message (RFC 9622 §9.1.3, §9.3.3); said of a connection, it holds for all its messages.
    Message,
    /// A vendor (RFC 9622 §4.1).
    Vendor,
}

/// What the values of a property are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One of the five preferences.
    Preference,
    /// A preference for each of some names.
    PreferenceSet,
    /// One of these words.
    Enumeration(&'static [&'static str]),
    /// True or false.
    Boolean,
    /// A non-negative integer, or the word of the default.
    Integer,
    /// A positive number of seconds, with fractions down to 1 ns, or the word of the default.
    Seconds,
}

/// Where the value is kept.
#[derive(Clone, Copy)]
pub(super) enum Access {
    Transport(Accessors<TransportProperties>),
    Message(Accessors<MessageProperties>),
    /// In no set of properties.
    ReadOnly,
}

/// How the value is read and set in `T`.
pub(super) struct Accessors<T: 'static> {
    pub(super) get: fn(&T) -> Value,
    pub(super) set: fn(&mut T, &Value) -> Result<(), ValueFault>,
    /// Whether it was said, or has its default.
    pub(super) said: fn(&T) -> bool,
    /// Unsays it.
    pub(super) reset: fn(&mut T),
}

impl<T> Clone for Accessors<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Accessors<T> {}

/// Every property there is: the selection properties, the connection properties, the message properties, each in the
/// order of the RFC, and those of NEAT's Python API that the RFC no longer has.
pub static ALL: &[Descriptor] = &concatenated();

const TABLES: [&[Descriptor]; 4] = [&selection::TABLE, &connection::TABLE, &message::TABLE, &vendor::TABLE];

const COUNT: usize = TABLES[0].len() + TABLES[1].len() + TABLES[2].len() + TABLES[3].len();

const fn concatenated() -> [Descriptor; COUNT] {
    let mut all = [TABLES[0][0]; COUNT];
    let (mut at, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[at] = TABLES[table][row];
            (at, row) = (at + 1, row + 1);
        }
        table += 1;
    }
    all
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("unit", &self.unit)
            .field("section", &self.section)
            .field("default", &self.default)
            .field("scope", &self.scope)
            .field("read_only", &self.read_only)
            .field("neatpy", &self.neatpy)
            .field("neatpy_default", &self.neatpy_default)
            .finish_non_exhaustive()
    }
}

/// Words, separated by commas.
pub(super) struct List<'a>(pub(super) &'a [&'static str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
