//! The `neatflow` command.
fn main() {}
