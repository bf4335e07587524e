//! Under construction.

pub mod dns;
