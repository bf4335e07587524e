//! Racing candidates.
