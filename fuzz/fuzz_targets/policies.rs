//! For a fuzzer: `cargo fuzz run -s none policies`. Without one it drives the target for a minute.

#![cfg_attr(fuzzing, no_main)]

neatflow_fuzz::fuzzer!(neatflow_fuzz::policies::TARGET);
