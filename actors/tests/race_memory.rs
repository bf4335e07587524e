//! How much memory races take: all that is allocated for them, connections, flows and scripted stacks included.

use neatflow_actors::flow::Connection;
use neatflow_testing::harness::Harness;
use neatflow_testing::stack::{Outcome, ScriptedStack};
use neatflow_testing::{paused, settle};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::Duration;
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KB: usize = 1_024;

/// Bytes that are allocated now.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Bytes for each of so many races at once, each with so many attempts in flight: what is free again when they have been
/// cancelled. What is left then is what the scripted stack remembers of them.
fn measure(races: usize, attempts: usize) -> usize {
    let mut measured = 0;
    paused(async {
        let remotes: Vec<String> = (1..=attempts).map(|port| format!("192.0.2.1:{port}")).collect();
        let stack = remotes.iter().fold(ScriptedStack::new(), |stack, to| stack.to(to, Outcome::silent()));
        let harness = Harness::new(&stack);
        let start = || {
            let first = harness.to(&remotes[0]);
            remotes[1..].iter().fold(first, |intent, remote| intent.or_to(remote)).initiate()
        };
        // What is made once, by whoever is first.
        let first = start();
        sleep(Duration::from_secs(10)).await;
        drop(first);
        settle().await;

        let before = live();
        let connections: Vec<Connection> = (0..races).map(|_| start()).collect();
        sleep(Duration::from_secs(10)).await;
        let count = harness.census().await;
        assert_eq!((count.races, count.candidates), (races, races * attempts));
        let during = live();
        drop(connections);
        settle().await;
        assert_eq!(harness.census().await.races, 0);
        let left = live().saturating_sub(before);
        // Its list has room for twice as many.
        assert!(left / races <= attempts * 1_024, "{left} bytes are left of {races} races");
        measured = (during - before - left) / races;
    });
    measured
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_race_takes_some_kilobytes_and_grows_by_its_attempts_alone() {
    let (two, twenty, of_few) = (measure(1_000, 2), measure(1_000, 20), measure(100, 2));
    println!("2 attempts: {two} B (of 100 races: {of_few} B), 20 attempts: {twenty} B");
    assert!(two <= 16 * KB, "{two}");
    assert!(twenty <= 64 * KB, "{twenty}");
    // As much for each race, however many there are; and for each attempt, however many it has.
    assert!(two.abs_diff(of_few) <= two / 10, "{two} and {of_few}");
    assert!(twenty <= 10 * two, "{two} and {twenty}");
    let each = (twenty - two) / 18;
    assert!(each * 2 <= two, "an attempt {each}, the race {two}");
}
