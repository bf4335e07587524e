//! The staff of neatflow: every actor there is, and what they say to each other.

pub mod name_resolver;
pub mod supervision;
