//! A network that does its part, and an application that uses it.

use crate::script::{Script, Step};
use crate::witness::Witness;
use neatflow_core::connection::{Machine, State};

/// Does what the machine wants, and nothing else: a connection whose wishes are granted must not be stuck.
pub(crate) struct Network {
    /// How many more messages the peer sends before its end.
    pub(crate) peer_has: usize,
    /// Takes whole messages, not bytes.
    pub(crate) message_transport: bool,
}

impl Network {
    /// What it does next; `None` if nothing is wanted.
    fn turn(&mut self, machine: &Machine, share: u8) -> Option<Step> {
        if machine.state() == State::Establishing {
            Some(Step::Established)
        } else if machine.wants_write() && self.message_transport {
            Some(Step::FrontTaken)
        } else if machine.wants_write() {
            Some(Step::Written(share))
        } else if machine.wants_acknowledgement() {
            Some(Step::Acknowledged)
        } else if !machine.wants_read() {
            None
        } else if self.peer_has == 0 {
            Some(Step::PeerFinished)
        } else {
            self.peer_has -= 1;
            Some(Step::Arrived)
        }
    }

    pub(crate) fn run(&mut self, witness: &mut Witness) {
        // Four fifths of what is left, each time, and then all of it: every queue is emptied in few turns.
        for turn in 0..10_000 {
            let share = if turn % 2 == 0 { 204 } else { 255 };
            // Whoever waits to pull pulls when there is something to pull.
            while witness.machine.is_pull_due() && !witness.arrived.is_empty() {
                witness.step(&Step::Pull);
            }
            let Some(step) = self.turn(&witness.machine, share) else { return };
            witness.step(&step);
        }
        panic!("it wants more and more");
    }
}

/// What an application does of its own accord; the script's facts stand for turns of the network.
pub(crate) fn act(script: &Script, witness: &mut Witness, network: &mut Network) {
    for step in &script.steps {
        match step {
            Step::Send { .. }
            | Step::Receive
            | Step::Stream(_)
            | Step::Pull
            | Step::BeginPull
            | Step::EndPull
            | Step::Close => witness.step(step),
            // Whoever closes may let go.
            Step::Release if witness.closed => witness.step(step),
            Step::Written(share) => {
                if let Some(step) = network.turn(&witness.machine, *share) {
                    witness.step(&step);
                }
            }
            _ => {}
        }
    }
}
