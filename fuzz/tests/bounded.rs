//! Every target, for some seconds: the same inputs in each run, and those that broke something once before all others.
//! `FUZZ_SECONDS` makes it longer.

use neatflow_fuzz::drive::drive;
use neatflow_fuzz::{TARGETS, Target};
use std::time::Duration;

/// How many inputs are tried: some seconds' worth without optimisation.
const INPUTS: u64 = 20_000;

fn bounded(target: &Target) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let (most, longest) = seconds.map_or((INPUTS, 20), |seconds| (u64::MAX, seconds));
    let driven = drive(target, most, Duration::from_secs(longest));
    assert!(driven.inputs as usize > target.seeds.len(), "nothing was made of the seeds");
    println!("{}: {} inputs", target.name, driven.inputs);
}

macro_rules! bounded {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let target = TARGETS.iter().find(|target| target.name == stringify!($name));
                bounded(target.expect("it is in TARGETS"));
            }
        )*

        #[test]
        fn every_target_is_driven_here_and_has_a_binary_for_fuzzers() {
            let driven = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), driven);
            for name in driven {
                let file = format!("{}/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
                assert!(std::fs::exists(&file).expect("a directory can be read"), "there is no {file}");
            }
        }
    };
}

bounded! { framing, neat_properties, policies, nodes, exchanges }

/// The driver itself: it would find a target that is broken.
#[test]
fn a_target_that_is_broken_for_some_inputs_is_found() {
    fn broken(input: &[u8]) {
        assert!(!input.windows(4).any(|window| window == b"oops"), "broken");
    }
    let target = Target { name: "broken", run: broken, seeds: &[b"op"], words: &[b"oo"] };
    let found = std::panic::catch_unwind(|| drive(&target, INPUTS * 50, Duration::from_secs(60)));
    assert!(found.is_err());
}
