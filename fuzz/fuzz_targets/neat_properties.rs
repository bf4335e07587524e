//! For a fuzzer: `cargo fuzz run -s none neat_properties`. Without one it drives the target for a minute.

#![cfg_attr(fuzzing, no_main)]

neatflow_fuzz::fuzzer!(neatflow_fuzz::neat_properties::TARGET);
