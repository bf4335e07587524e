//! What failures have in common to say.

use super::establishment::Attempt;
use super::resolution::ResolutionFailure;
use crate::properties::SelectionProperty;
use std::fmt;

pub(super) struct Names<'a>(pub(super) &'a [SelectionProperty]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, property) in self.0.iter().enumerate() {
            write!(f, "{}{property}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

pub(super) struct Blame<'a>(pub(super) &'a [SelectionProperty]);

impl fmt::Display for Blame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", Names(self.0)) }
    }
}

/// What was tried; where nothing was, the names that kept it from that.
pub(super) struct Tried<'a>(pub(super) &'a [Attempt], pub(super) &'a [ResolutionFailure]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(attempts, unresolved) = self;
        if attempts.is_empty() && !unresolved.is_empty() {
            return List(unresolved).fmt(f);
        }
        List(attempts).fmt(f)
    }
}

pub(super) struct List<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing was tried");
        }
        for (n, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
