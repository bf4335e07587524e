//! For a fuzzer: `cargo fuzz run -s none nodes`. Without one it drives the target for a minute.

#![cfg_attr(fuzzing, no_main)]

neatflow_fuzz::fuzzer!(neatflow_fuzz::nodes::TARGET);
