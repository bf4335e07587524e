//! Whatever an application and a peer do to a connection, at whatever moment, it comes to its one end, and what is
//! heard of it is what may be heard.
//!
//! A [`Script`] is what is done; a [`Scene`] does it, over a scripted network in paused time, and judges.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod scene;
mod script;

use neatflow_testing::paused;
use neatflow_testing::stack::SCRIPTED_PANIC;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use scene::{End, Scene};
use script::{Script, Step};
use std::collections::BTreeSet;

fn run(script: &Script, end: End) -> BTreeSet<&'static str> {
    let _quiet = neatflow_testing::quiet_panics(SCRIPTED_PANIC);
    paused(async {
        let mut scene = Scene::set(script).await;
        for step in &script.steps {
            scene.act(step).await;
        }
        scene.end(end).await
    })
}

fn closing_comes_to_an_end(script: Script) {
    run(&script, End::Close);
}

fn aborting_comes_to_an_end(script: Script) {
    run(&script, End::Abort);
}

fn letting_go_comes_to_an_end(script: Script) {
    run(&script, End::Drop);
}

#[test]
fn whatever_was_done_closing_ends_it_once_the_peer_does_its_part() {
    QuickCheck::new().tests(300).quickcheck(closing_comes_to_an_end as fn(Script));
}

#[test]
fn whatever_was_done_aborting_ends_it_whatever_the_peer_does() {
    QuickCheck::new().tests(300).quickcheck(aborting_comes_to_an_end as fn(Script));
}

#[test]
fn whatever_was_done_letting_go_ends_it_once_the_peer_does_its_part() {
    QuickCheck::new().tests(300).quickcheck(letting_go_comes_to_an_end as fn(Script));
}

#[test]
fn the_scripts_make_a_connection_say_everything_it_can_say() {
    let mut g = Gen::from_size_and_seed(60, 9622);
    let mut heard = BTreeSet::new();
    for round in 0..300 {
        heard.extend(run(&Script::arbitrary(&mut g), [End::Close, End::Abort, End::Drop][round % 3]));
    }
    let expected = [
        "Aborted",
        "AllWritten",
        "Closed",
        "ConnectionError",
        "EstablishmentError",
        "Ready",
        "ReceiveError",
        "Received",
        "SendError",
        "Sent",
        "SoftError",
        "Timeout",
    ];
    for word in expected {
        assert!(heard.contains(word), "no script makes it say {word}");
    }
}

/// Found by the properties above, or feared.
#[test]
fn these_come_to_an_end_too() {
    use Step::*;
    let stories: &[&[Step]] = &[
        &[Hold(true), Stream(1), PeerSend(3), PeerSend(3), Settle, Pull, Settle, DropPull, PeerFinish],
        &[Stream(1), PeerSend(1), Pull, Settle, Send { len: 1, is_final: true }, PeerFinish, Settle],
        &[HoldAcknowledgements, Send { len: 100, is_final: true }, PeerFinish, Receive, Settle, Acknowledge],
        &[PeerWindow(0), Send { len: 0, is_final: false }, Close, Settle, PeerReset],
    ];
    for steps in stories {
        for end in [End::Close, End::Abort, End::Drop] {
            for delay in [0, 20] {
                for messages in [false, true] {
                    run(&Script { delay, messages, accepted: false, steps: steps.to_vec() }, end);
                }
            }
        }
    }
}
