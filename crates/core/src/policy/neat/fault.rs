//! What is wrong with a text, and where.

use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Why a text is not what it should be: the file, the place, the path within it, and the fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}{}{fault}", FileOf(file), PlaceOf(*line, *column), PathOf(path))]
#[non_exhaustive]
pub struct PolicyError {
    /// The file it came from, if it came from one.
    pub file: Option<Arc<str>>,
    /// The line, from 1; 0 if the fault is none of a text, but of the file itself.
    pub line: usize,
    /// The column in characters, from 1; 0 if there is no line.
    pub column: usize,
    /// The way to it: `properties[0][2].transport.value`.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

impl PolicyError {
    /// A fault of a file itself.
    pub fn of_file(file: impl Into<Arc<str>>, fault: Fault) -> Self {
        Self { file: Some(file.into()), line: 0, column: 0, path: String::new(), fault }
    }
}

/// What is wrong with a text in one of NEAT's formats.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Syntax(&'static str),
    /// It is longer than may be.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// So many bytes it may have.
        limit: usize,
    },
    /// It is nested deeper than any of the formats.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// So deep it may be.
        limit: usize,
    },
    /// A name that the format does not know.
    #[error("unknown key {key:?}; known are {}", Words(known))]
    UnknownKey {
        /// The name.
        key: Arc<str>,
        /// Those that are known here.
        known: &'static [&'static str],
    },
    /// A name occurs twice in one object.
    #[error("{0:?} occurs twice")]
    Repeated(Arc<str>),
    /// Another type is needed here.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A value is a list, and has a list in it.
    #[error("a list or an object inside a list of values")]
    Nested,
    /// A list without values matches nothing.
    #[error("an empty list matches nothing; null matches everything")]
    NoValue,
    /// A list of values is too long.
    #[error("more than {limit} values to choose from")]
    TooManyValues {
        /// So many there may be.
        limit: usize,
    },
    /// A transport is nothing, or an empty word.
    #[error("an empty transport")]
    NoTransport,
    /// Not one of the three precedences.
    #[error("a precedence is 0, 1 or 2")]
    Precedence,
    /// A number that is not finite, outside of a range.
    #[error("infinity is only the end of a range")]
    Infinite,
    /// A number that cannot be kept exactly.
    #[error("the number is too large")]
    TooLarge,
    /// A range that holds no number.
    #[error("a range from {start} to {end} is empty")]
    EmptyRange {
        /// Where it should begin.
        start: Arc<str>,
        /// Where it should end.
        end: Arc<str>,
    },
    /// Excluded values never had an effect in NEAT.
    #[error("banned values have no effect; list the values that may be")]
    Banned,
    /// The product of alternatives, or of the rows, is too large.
    #[error("this expands to more than {limit}")]
    Explosion {
        /// So many there may be.
        limit: usize,
    },
    /// A group without alternatives.
    #[error("a group of alternatives is empty")]
    NoAlternative,
    /// Every combination of the alternatives contradicts itself.
    #[error("contradicts itself: {0}")]
    Contradiction(Arc<str>),
    /// Not a name that can be one, or a file's.
    #[error("{0:?} cannot be a uid: 1 to 128 characters, no control characters, no slash, no dot first")]
    Uid(Arc<str>),
    /// Another entry has this uid already.
    #[error("the uid {0:?} is taken")]
    UidTaken(Arc<str>),
    /// An entry that is put under one uid, and says that it has another.
    #[error("its uid is {said:?}, and it is put as {named:?}")]
    OtherUid {
        /// What the text says.
        said: Arc<str>,
        /// What it is put as.
        named: Arc<str>,
    },
    /// A file whose ending says one kind, and whose policy_type says another.
    #[error("policy_type is {said}, and the file is a {kind}")]
    OtherKind {
        /// What the text says.
        said: &'static str,
        /// What the file is.
        kind: &'static str,
    },
    /// A file that is none of ours.
    #[error("a file is *.profile, *.policy or *.cib")]
    UnknownFile,
    /// A node that nothing leads to.
    #[error("neither a root nor a match: it would take part in nothing")]
    Loose,
    /// Links that lead back to where they began.
    #[error("its links lead in a circle: {0}")]
    Cycle(Arc<str>),
    /// It expired before it was read.
    #[error("expired")]
    Expired,
    /// It would never expire in practice.
    #[error("expires more than ten years from now; -1 means never, and the unit is seconds")]
    FarFuture,
    /// No more entries are kept.
    #[error("no more than {limit} entries are kept")]
    Full {
        /// So many are.
        limit: usize,
    },
    /// A local endpoint that does not name an address and an interface.
    #[error("a local endpoint is address@interface")]
    Endpoint,
    /// The file, or the directory, cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// What is in the file is no text.
    #[error("not UTF-8")]
    Encoding,
    /// A snapshot of another version, or a damaged one.
    #[error("not a snapshot: {0}")]
    Snapshot(Arc<str>),
}

impl Fault {
    /// What is there instead of an object, a list or whatever was needed.
    pub(super) const fn expected(expected: &'static str, found: &'static str) -> Self {
        Self::Type { expected, found }
    }
}

/// A fault and its place in the text, on the way out of the reader.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::policy) struct Flaw {
    at: usize,
    /// Innermost first.
    path: Vec<String>,
    fault: Fault,
}

impl Flaw {
    pub(in crate::policy) fn at(at: usize, fault: Fault) -> Self {
        Self { at, path: Vec::new(), fault }
    }

    /// The same, within the member of this name.
    pub(in crate::policy) fn within(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }

    /// The same, within this element of a list.
    pub(in crate::policy) fn at_place(mut self, place: usize) -> Self {
        self.path.push(format!("[{place}]"));
        self
    }

    /// With line and column in the text it was found in.
    pub(in crate::policy) fn in_text(self, text: &str, file: Option<&str>) -> PolicyError {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let mut path = String::new();
        for piece in self.path.iter().rev() {
            if !path.is_empty() && !piece.starts_with('[') {
                path.push('.');
            }
            path.push_str(piece);
        }
        PolicyError { file: file.map(Into::into), line, column, path, fault: self.fault }
    }
}

struct FileOf<'a>(&'a Option<Arc<str>>);

impl fmt::Display for FileOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |file| write!(f, "{file}:"))
    }
}

struct PlaceOf(usize, usize);

impl fmt::Display for PlaceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(0, _) => f.write_str(" "),
            Self(line, column) => write!(f, "{line}:{column}: "),
        }
    }
}

struct PathOf<'a>(&'a str);

impl fmt::Display for PathOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

struct Words<'a>(&'a [&'static str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
