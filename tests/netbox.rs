//! Races over real sockets, in real time, through the front door: scenarios and faults in a network in a box.
//!
//! Each test is a process of its own in namespaces of its own, one at a time; those that begin with `ordinary` are run
//! by a user without any rights. What is wrong fails at once, but for one thing: a scenario in which something was late
//! while the machine was too busy is run again, up to [`TRIES`] times, and says so.

#![cfg_attr(
    target_os = "linux",
    expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")
)]

#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "each file uses some of it")]
mod common;
#[cfg(target_os = "linux")]
#[path = "netbox/faults.rs"]
mod faults;
#[cfg(target_os = "linux")]
#[path = "netbox/noise.rs"]
mod noise;
#[cfg(target_os = "linux")]
#[path = "netbox/scenario.rs"]
mod scenario;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // Times are real: two tests at once would be in each other's way.
    arguments.test_threads = Some(1);
    let trials = [scenario::trials(), faults::trials()].into_iter().flatten().collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("SKIPPED netbox: it needs the namespaces of Linux");
}

/// So often a test is run on a machine that is too busy.
#[cfg(target_os = "linux")]
const TRIES: usize = 5;

/// A machine that lets somebody wait so long does not keep the times of a scenario.
#[cfg(target_os = "linux")]
const BUSY: std::time::Duration = std::time::Duration::from_millis(8);

#[cfg(target_os = "linux")]
const WAS_BUSY: &str = "the machine was too busy:";

/// Fails a test: for good, unless something was slow on a machine that was busy.
#[cfg(target_os = "linux")]
fn fail(difference: &str, slow: bool, waited: std::time::Duration) -> ! {
    if slow && waited > BUSY {
        panic!("{WAS_BUSY} somebody had to wait {waited:?}, and {difference}");
    }
    panic!("{difference} (nobody had to wait longer than {waited:?})");
}

/// A test in a box of its own.
#[cfg(target_os = "linux")]
fn trial(
    name: String,
    user: neatflow_testing::netbox::User,
    test: impl Fn() + Send + 'static,
) -> libtest_mimic::Trial {
    use neatflow_testing::netbox;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    libtest_mimic::Trial::test(name.clone(), move || {
        for again in 1.. {
            let ran = catch_unwind(AssertUnwindSafe(|| netbox::run(&name, user, &test)));
            let panic = match ran {
                Ok(Ok(())) => break,
                Ok(Err(unavailable)) => {
                    skip(&name, &unavailable.to_string());
                    break;
                }
                Err(panic) => panic,
            };
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            let why = said.lines().find(|line| line.contains(WAS_BUSY));
            match why {
                Some(why) if !netbox::is_inside() && again < TRIES => eprintln!("{name} again: {why}"),
                _ if netbox::is_inside() => std::panic::resume_unwind(panic),
                _ => return Err(what_failed(&said).into()),
            }
        }
        Ok(())
    })
}

/// What a test said that failed, without what the two programs around it said.
#[cfg(target_os = "linux")]
fn what_failed(said: &str) -> &str {
    let begun = said.split_once("test panicked: ").map_or(said, |(_, rest)| rest);
    begun.split_once("\n\nfailures:").map_or(begun, |(what, _)| what).trim()
}

#[cfg(target_os = "linux")]
fn skip(name: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
    eprintln!("SKIPPED {name}: {why}");
}
