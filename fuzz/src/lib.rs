//! What must survive whatever comes from outside, as functions of bytes.
//!
//! A target is a module here with a [`Target`], which is added to [`TARGETS`]. It is driven by `tests/bounded.rs`, for
//! some seconds, on stable and always in the same order; and by a fuzzer, through a file of three lines in
//! `fuzz_targets/` and a `[[bin]]` in `Cargo.toml`. An input that once broke it goes into `corpus/NAME/`, and is tried
//! first from then on.

pub mod drive;
pub mod exchanges;
pub mod framing;
pub mod neat_properties;
pub mod nodes;
pub mod policies;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its binary, and of its directory in `corpus/`.
    pub name: &'static str,
    /// Tries one input; panics if something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that make sense, from which others are made by changing them.
    pub seeds: &'static [&'static [u8]],
    /// Words that mean something in an input: some are put into others.
    pub words: &'static [&'static [u8]],
}

/// Every target.
pub const TARGETS: &[Target] =
    &[framing::TARGET, neat_properties::TARGET, policies::TARGET, nodes::TARGET, exchanges::TARGET];

/// The body of a target's binary: a fuzzer's, or, built without one, a drive of a minute.
#[macro_export]
macro_rules! fuzzer {
    ($target:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| ($target.run)(data));

        #[cfg(not(fuzzing))]
        fn main() {
            let driven = $crate::drive::drive(&$target, u64::MAX, std::time::Duration::from_secs(60));
            println!("{}: {} inputs", $target.name, driven.inputs);
        }
    };
}
