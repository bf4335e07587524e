//! What a lookup did, step by step.

use crate::policy::neat::{Conflict, Properties, Property, Score, Text};
use serde::Serialize;
use std::fmt;

/// An explanation names at most this many candidates that were ruled out; the others are counted.
pub const MAX_REJECTIONS: usize = 256;

/// Which candidates a lookup gave and which it ruled out, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The candidates, best first.
    pub candidates: Vec<Explained>,
    /// Those that were ruled out, in the order in which they were.
    pub rejected: Vec<Rejection>,
    /// How many more were ruled out.
    pub more_rejected: usize,
}

/// A candidate, and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// What it scores.
    pub score: Score,
    /// Whether it can be used here: it is for a stack that is registered. NEAT's daemon serves others, too.
    pub usable: bool,
    /// What it says.
    pub properties: Properties,
    /// What made it so, in order.
    pub steps: Vec<Step>,
}

/// A candidate that was ruled out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rejection {
    /// Who ruled it out.
    pub by: Source,
    /// The properties in conflict.
    pub conflicts: Vec<Conflict>,
    /// What it was then.
    pub properties: Properties,
    /// What had made it so.
    pub steps: Vec<Step>,
}

/// Who changed a candidate, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// Who.
    pub by: Source,
    /// What was added, changed or taken out.
    pub changes: Vec<Change>,
}

/// Who changes candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The application.
    Request,
    /// The profile of this uid.
    Profile(Text),
    /// The path of this name.
    Path(Text),
    /// The protocol stack of this name.
    Stack(Text),
    /// The row or the node of the CIB of this name.
    Row(Text),
    /// What was observed of earlier connections.
    Observation(Text),
    /// The policy of this uid.
    Policy(Text),
}

/// One property of a candidate, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Its key.
    pub key: Text,
    /// What it was; `None` if it was not there.
    pub before: Option<Property>,
    /// What it is; `None` if it was taken out.
    pub after: Option<Property>,
}

/// A candidate on its way through a lookup.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Draft {
    pub(in crate::policy) properties: Properties,
    steps: Vec<Step>,
}

/// Whether steps are noted, and who was ruled out.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Ledger {
    noting: bool,
    rejected: Vec<Rejection>,
    more: usize,
}

impl Ledger {
    /// Notes nothing: the lookup of every day.
    pub(in crate::policy) fn closed() -> Self {
        Self::default()
    }

    /// Notes every step.
    pub(in crate::policy) fn open() -> Self {
        Self { noting: true, ..Self::default() }
    }

    /// A candidate as the application asks for it.
    pub(in crate::policy) fn begin(&self, properties: Properties) -> Draft {
        let begun = Draft { properties: Properties::new(), steps: Vec::new() };
        self.change(&begun, properties, || Source::Request)
    }

    /// The candidate with its new properties.
    pub(in crate::policy) fn change(
        &self,
        from: &Draft,
        to: Properties,
        by: impl FnOnce() -> Source,
    ) -> Draft {
        if !self.noting {
            return Draft { properties: to, steps: Vec::new() };
        }
        let mut steps = from.steps.clone();
        let changes = changes(&from.properties, &to);
        if !changes.is_empty() {
            steps.push(Step { by: by(), changes });
        }
        Draft { properties: to, steps }
    }

    /// Rules a candidate out.
    pub(in crate::policy) fn reject(
        &mut self,
        draft: &Draft,
        conflicts: Vec<Conflict>,
        by: impl FnOnce() -> Source,
    ) {
        if !self.noting {
            // The last is kept in any case: it tells why there is nothing.
            self.rejected.clear();
        } else if self.rejected.len() >= MAX_REJECTIONS {
            self.more += 1;
            return;
        }
        let Draft { properties, steps } = draft.clone();
        self.rejected.push(Rejection { by: by(), conflicts, properties, steps });
    }

    /// The candidate that was ruled out last.
    pub(in crate::policy) fn last_rejection(&self) -> Option<&Rejection> {
        self.rejected.last()
    }

    /// The whole story of these candidates.
    pub(in crate::policy) fn close(
        self,
        candidates: Vec<Draft>,
        usable: impl Fn(&Properties) -> bool,
    ) -> Explanation {
        let told = |draft: Draft| Explained {
            score: draft.properties.score(),
            usable: usable(&draft.properties),
            properties: draft.properties,
            steps: draft.steps,
        };
        let candidates = candidates.into_iter().map(told).collect();
        Explanation { candidates, rejected: self.rejected, more_rejected: self.more }
    }
}

fn changes(before: &Properties, after: &Properties) -> Vec<Change> {
    let change = |key: &Text| {
        let (before, after) = (before.get(key), after.get(key));
        (before != after).then(|| Change { key: key.clone(), before: before.cloned(), after: after.cloned() })
    };
    let gone = before.iter().map(|(key, _)| key).filter(|key| after.get(key).is_none());
    gone.chain(after.iter().map(|(key, _)| key)).filter_map(change).collect()
}

impl fmt::Display for Explanation {
    /// The candidates with their steps, then those that were ruled out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, candidate) in self.candidates.iter().enumerate() {
            let note = if candidate.usable { "" } else { "  (no stack here)" };
            writeln!(f, "{:>3}. {}  {}{note}", n + 1, candidate.score, candidate.properties)?;
            tell(f, &candidate.steps)?;
        }
        for rejection in &self.rejected {
            let conflicts: Vec<String> = rejection.conflicts.iter().map(ToString::to_string).collect();
            writeln!(f, "  -  ruled out by {}: {}", rejection.by, conflicts.join("; "))?;
            tell(f, &rejection.steps)?;
        }
        if self.more_rejected > 0 {
            writeln!(f, "  -  {} more were ruled out", self.more_rejected)?;
        }
        Ok(())
    }
}

fn tell(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for step in steps {
        let changes: Vec<String> = step.changes.iter().map(ToString::to_string).collect();
        writeln!(f, "       {}: {}", step.by, changes.join(", "))?;
    }
    Ok(())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("request"),
            Self::Profile(uid) => write!(f, "profile {uid}"),
            Self::Path(name) => write!(f, "path {name}"),
            Self::Stack(name) => write!(f, "stack {name}"),
            Self::Row(name) => write!(f, "row {name}"),
            Self::Observation(what) => write!(f, "observed {what}"),
            Self::Policy(uid) => write!(f, "policy {uid}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, before, after } = self;
        match (before, after) {
            (None, Some(after)) => write!(f, "+{key} {after}"),
            (Some(before), Some(after))
                if before.value == after.value && before.precedence == after.precedence =>
            {
                if before.score == after.score {
                    write!(f, "{key} matches")
                } else {
                    write!(f, "{key} scores {:+}", after.score.get())
                }
            }
            (Some(before), Some(after)) => write!(f, "{key} {before} -> {after}"),
            (Some(before), None) => write!(f, "-{key} {before}"),
            (None, None) => Ok(()),
        }
    }
}
