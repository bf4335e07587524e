//! Every property there is, described.

use super::{TransportProperties, ValueFault, connection, selection};
use std::fmt;

/// One property: its names, its values, and where it is defined.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its name, as the RFC spells it.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Where it is defined.
    pub section: &'static str,
    /// Its value when the application says nothing.
    pub default: &'static str,
    /// What NEAT's Python API calls it, if it has it.
    pub neatpy: Option<&'static str>,
    /// Reads it as text.
    pub(super) get: fn(&TransportProperties) -> String,
    /// Sets it from text.
    pub(super) set: fn(&mut TransportProperties, &str) -> Result<(), ValueFault>,
    /// Whether it was said, or has its default.
    pub(super) said: fn(&TransportProperties) -> bool,
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

/// Every property that can be set before establishment, in the order of the RFC: selection properties, then
/// connection properties.
pub static ALL: &[Descriptor] = &concatenated();

const COUNT: usize = selection::TABLE.len() + connection::TABLE.len();

const fn concatenated() -> [Descriptor; COUNT] {
    let mut all = [selection::TABLE[0]; COUNT];
    let mut at = 1;
    while at < COUNT {
        all[at] = if at < selection::TABLE.len() {
            selection::TABLE[at]
        } else {
            connection::TABLE[at - selection::TABLE.len()]
        };
        at += 1;
    }
    all
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("section", &self.section)
            .field("default", &self.default)
            .field("neatpy", &self.neatpy)
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
