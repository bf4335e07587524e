//! Whatever is done to a connection, at whatever moment, what it says is a word of RFC 9622 §11.
//!
//! A [`Script`] is what is done, a [`Witness`] holds the rules; a [`Network`] that does its part shows that a
//! connection comes to its end.

mod network;
mod script;
mod witness;

use neatflow_core::SendFailure;
use neatflow_core::connection::{Machine, State};
use network::{Network, act};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use script::{Script, Step, drain, perform, perform_shortly, say};
use std::collections::BTreeSet;
use witness::{Fate, Witness};

fn keeps_the_rules(script: Script) {
    let mut witness = Witness::new(script.role());
    for step in &script.steps {
        witness.step(step);
    }
    while witness.machine.state() == State::Established && !witness.arrived.is_empty() {
        witness.step(&Step::Pull);
    }
}

#[test]
fn whatever_is_done_to_a_connection_it_says_a_word_of_rfc_9622() {
    QuickCheck::new().tests(5_000).quickcheck(keeps_the_rules as fn(Script));
}

/// In each direction: what one says and what the other does have no order between them.
fn says_the_same_however_it_is_drained(script: Script, drains: Vec<bool>) {
    let mut eager = Machine::new(script.role());
    let mut lazy = Machine::new(script.role());
    let (mut eager_word, mut lazy_word) = (Vec::new(), Vec::new());
    // Who gets a message depends on who asks at the moment it is told; and the peer's end is told after the messages.
    let timeless = |step: &&Step| {
        !matches!(
            step,
            Step::Stream(_)
                | Step::TryPull
                | Step::Pull
                | Step::BeginPull
                | Step::EndPull
                | Step::PeerFinished
        )
    };
    for (serial, step) in script.steps.iter().filter(timeless).enumerate() {
        perform(&mut eager, step, serial);
        perform(&mut lazy, step, serial);
        eager_word.extend(drain(&mut eager).iter().map(say));
        if drains.get(serial % drains.len().max(1)) == Some(&true) {
            lazy_word.extend(drain(&mut lazy).iter().map(say));
        }
        assert_eq!(eager.state(), lazy.state());
    }
    lazy_word.extend(drain(&mut lazy).iter().map(say));
    let by_direction = |word: Vec<String>| -> (Vec<_>, Vec<_>) {
        word.into_iter().partition(|said| said.starts_with("Receive"))
    };
    assert_eq!(by_direction(eager_word), by_direction(lazy_word));
}

#[test]
fn it_does_not_matter_when_a_connection_is_drained() {
    QuickCheck::new().quickcheck(says_the_same_however_it_is_drained as fn(Script, Vec<bool>));
}

fn says_the_same_the_short_way(script: Script) {
    let mut long = Machine::new(script.role());
    let mut short = Machine::new(script.role());
    for (serial, step) in script.steps.iter().enumerate() {
        perform(&mut long, step, serial);
        let long_word: Vec<_> = drain(&mut long).iter().map(say).collect();
        let short_word: Vec<_> = perform_shortly(&mut short, step, serial).iter().map(say).collect();
        assert_eq!(short_word, long_word, "after {step:?}");
        assert_eq!(short.state(), long.state());
        assert!(drain(&mut short).is_empty(), "it was not quiet");
    }
}

#[test]
fn the_short_way_for_what_happens_all_the_time_says_the_same() {
    QuickCheck::new().tests(3_000).quickcheck(says_the_same_the_short_way as fn(Script));
}

fn closing_ends_in_closed(script: Script, peer_has: u8, message_transport: bool) {
    let mut witness = Witness::new(script.role());
    let mut network = Network { peer_has: peer_has.into(), message_transport };
    act(&script, &mut witness, &mut network);
    witness.step(&Step::Close);
    network.run(&mut witness);

    assert_eq!(witness.machine.state(), State::Closed, "nobody waits for anything, and it is not Closed");
    // Nothing is established for the sake of nothing.
    assert!(witness.said("Closed") || witness.said("CancelEstablishment"), "{:?}", witness.word);
    for (id, (_, fate)) in witness.sends.iter().enumerate() {
        use SendFailure::{AfterFinal, Closed, QueueFull};
        // A message that was refused at once was never given for delivery (RFC 9622 §10).
        let delivered = matches!(fate, Some(Fate::Sent | Fate::Failed(Closed | AfterFinal | QueueFull)));
        assert!(delivered, "message {id}: {fate:?}");
    }
}

#[test]
fn with_a_network_that_does_its_part_closing_ends_in_closed_and_everything_is_sent() {
    QuickCheck::new().tests(2_000).quickcheck(closing_ends_in_closed as fn(Script, u8, bool));
}

fn a_final_message_and_the_peers_end_end_in_closed(script: Script, peer_has: u8, message_transport: bool) {
    let mut witness = Witness::new(script.role());
    let mut network = Network { peer_has: peer_has.into(), message_transport };
    let talk = script.steps.into_iter().filter(|step| !matches!(step, Step::Close)).collect();
    act(&Script { accepted: script.accepted, steps: talk }, &mut witness, &mut network);
    network.run(&mut witness);
    witness.step(&Step::Send { len: 1, is_final: true });
    witness.step(&Step::Stream(true));
    network.run(&mut witness);

    assert_eq!(network.peer_has, 0, "the peer could send everything");
    assert_eq!(witness.word.last_chunk(), Some(&["Closed".to_owned(), "Release".to_owned()]));
    assert!(witness.sends.iter().all(|(_, fate)| !matches!(fate, Some(Fate::Failed(SendFailure::Closed)))));
}

#[test]
fn when_both_ends_have_finished_the_connection_is_closed_without_being_told_to() {
    QuickCheck::new()
        .tests(2_000)
        .quickcheck(a_final_message_and_the_peers_end_end_in_closed as fn(Script, u8, bool));
}

#[test]
fn the_scripts_reach_every_state_and_make_a_connection_say_everything_it_can_say() {
    let mut g = Gen::from_size_and_seed(100, 9622);
    let mut reached = BTreeSet::new();
    for _ in 0..3_000 {
        let script = Script::arbitrary(&mut g);
        let mut witness = Witness::new(script.role());
        for step in &script.steps {
            reached.insert(format!("in {}", witness.machine.state()));
            witness.step(step);
        }
        reached.extend(witness.word.iter().map(|said| said.split(' ').next().unwrap().to_owned()));
        for (_, fate) in witness.sends {
            if let Some(Fate::Failed(reason)) = fate {
                reached.insert(format!("because {reason}"));
            }
        }
    }
    let expected = [
        "in Establishing",
        "in Established",
        "in Closing",
        "in Closed",
        "Ready",
        "EstablishmentError",
        "Sent",
        "SendError",
        "Writable",
        "AllWritten",
        "Readable",
        "Received",
        "ReceiveError",
        "SoftError",
        "Aborted",
        "Timeout",
        "Closed",
        "ConnectionError",
        "CancelEstablishment",
        "Finish",
        "Abort",
        "Release",
        "because the connection is closed",
        "because a final message was sent before",
        "because the send queue is full",
        "because the connection was not established",
        "because the message is too large: the limit is 1 bytes",
        "because aborted by the application",
        "because aborted by the peer",
    ];
    for expected in expected {
        assert!(reached.contains(expected), "no script reaches {expected:?}");
    }
}
