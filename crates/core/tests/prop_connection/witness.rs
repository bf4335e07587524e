//! What a connection may say, and when.

use crate::script::{Reply, Step, TOO_LARGE, arrival, drain, message, perform, say};
use neatflow_core::connection::{Asker, Event, Machine, Outbox, Output, Role, State};
use neatflow_core::{ConnectionFailure, Failure, Message, MessageId, ReceiveFailure, ReceiveId, SendFailure};
use std::collections::VecDeque;

/// A connection under watch: it is drained after every step, and every output is judged.
pub(crate) struct Witness {
    pub(crate) machine: Machine,
    /// How many steps were done; the number of the next one.
    steps: usize,
    /// What was said.
    pub(crate) word: Vec<String>,
    ready: bool,
    /// The application has closed it.
    pub(crate) closed: bool,
    ended: bool,
    released: bool,
    /// Every message that was to have a fate, and which it was.
    pub(crate) sends: Vec<(Message, Option<Fate>)>,
    final_taken: bool,
    /// The next request that is to be answered, and the next that is to be made.
    answered: u64,
    requested: u64,
    streaming: bool,
    stream_told: bool,
    /// Somebody is to be told when there is something to pull.
    watched: bool,
    pub(crate) pulls: usize,
    /// What arrived and was not taken.
    pub(crate) arrived: VecDeque<Message>,
    peer_finished: bool,
    finished: bool,
    acknowledged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Failed(SendFailure),
}

impl Witness {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            machine: Machine::new(role),
            steps: 0,
            word: Vec::new(),
            ready: role == Role::Accepted,
            closed: false,
            ended: false,
            released: false,
            sends: Vec::new(),
            final_taken: false,
            answered: 0,
            requested: 0,
            streaming: false,
            stream_told: false,
            watched: false,
            pulls: 0,
            arrived: VecDeque::new(),
            peer_finished: false,
            finished: false,
            acknowledged: false,
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let before = self.machine.state();
        let refusal = self.refusal();
        self.note(step, before);
        let reply = perform(&mut self.machine, step, self.steps);
        self.judge_reply(step, reply, before);
        for output in drain(&mut self.machine) {
            self.judge(&output, step, before);
            self.word.push(say(&output));
        }
        if let (Step::Send { is_final, .. }, true) = (step, before != State::Closed) {
            let fate = self.sends.last().and_then(|(_, fate)| fate.clone());
            assert_eq!(fate, refusal.map(Fate::Failed), "a message is refused at once, or taken");
            self.final_taken |= *is_final && fate.is_none();
        }
        self.judge_state(before);
        self.steps += 1;
    }

    /// What a step means, whatever the machine makes of it.
    fn note(&mut self, step: &Step, before: State) {
        let connected = matches!(before, State::Established | State::Closing);
        match step {
            Step::Stream(on) => self.streaming = *on && !self.closed,
            Step::TryPull if self.arrived.is_empty() && !self.peer_finished => {
                self.watched |= !self.closed && !self.ended;
            }
            Step::BeginPull => self.pulls += 1,
            Step::EndPull => self.pulls = self.pulls.saturating_sub(1),
            Step::Close | Step::Release => {
                self.keep_what_pulls_wait_for();
                self.closed = true;
                self.streaming = false;
            }
            Step::Failed(_) | Step::Abort => self.keep_what_pulls_wait_for(),
            Step::Arrived if before == State::Established && !self.peer_finished => {
                self.arrived.push_back(arrival(self.steps));
            }
            Step::PeerFinished => self.peer_finished |= connected,
            Step::Acknowledged => self.acknowledged |= self.finished && connected,
            _ => {}
        }
    }

    /// What has come and nobody waits for is gone with the end of delivery.
    fn keep_what_pulls_wait_for(&mut self) {
        if !self.closed && !self.ended {
            self.arrived.truncate(self.pulls);
        }
    }

    /// Why a message would be refused now.
    fn refusal(&self) -> Option<SendFailure> {
        if self.closed {
            Some(SendFailure::Closed)
        } else if self.final_taken {
            Some(SendFailure::AfterFinal)
        } else if self.machine.outbox().pending() >= 2 * Outbox::HIGH_WATER {
            Some(SendFailure::QueueFull)
        } else {
            None
        }
    }

    fn judge_reply(&mut self, step: &Step, reply: Reply, before: State) {
        let over = before == State::Closed;
        match reply {
            Reply::Send(result) => {
                let Step::Send { len, is_final } = step else { panic!("{step:?} sends nothing") };
                let message = message(self.steps, *len, *is_final);
                match result {
                    Ok(id) => {
                        assert!(!over, "nothing is promised once it is Closed");
                        assert_eq!(id, MessageId(self.sends.len() as u64), "ids rise by one");
                        self.sends.push((message, None));
                    }
                    Err(back) => assert!(over && back == (SendFailure::Closed, message)),
                }
            }
            Reply::Receive(Ok(id)) => {
                assert!(!over, "nothing is promised once it is Closed");
                assert_eq!(id, ReceiveId(self.requested), "ids rise by one");
                self.requested += 1;
            }
            Reply::Receive(Err(reason)) => assert!(over && reason == ReceiveFailure::Closed),
            Reply::Pull(None) => {
                assert!(!self.closed && !over, "who pulls at a closed connection is told");
                assert!(!self.ready || self.arrived.is_empty() && !self.peer_finished);
            }
            Reply::Pull(Some(Ok(message))) => {
                assert!(self.ready, "nothing is received before Ready");
                assert_eq!(Some(message), self.arrived.pop_front(), "pulled is what arrived first");
            }
            Reply::Pull(Some(Err(ReceiveFailure::Finished))) => {
                assert!(self.peer_finished && self.arrived.is_empty(), "the end comes after the messages");
            }
            Reply::Pull(Some(Err(_))) => assert!(self.arrived.is_empty() && (self.closed || over)),
            Reply::Nothing => {}
        }
    }

    fn judge(&mut self, output: &Output, step: &Step, before: State) {
        assert!(!self.released, "nothing follows Release");
        match output {
            Output::Event(event) => self.judge_event(event, step, before),
            Output::CancelEstablishment => {
                assert_eq!(before, State::Establishing);
                assert!(matches!(step, Step::Close | Step::Abort | Step::Release), "the application did it");
                assert!(!self.said("CancelEstablishment"), "once");
            }
            Output::Finish => {
                assert!(self.ready && !self.finished, "once, and to a peer");
                assert!(self.outstanding().is_none(), "after everything that was queued");
                assert!(self.closed || self.final_taken, "because the application has no more to send");
                self.finished = true;
            }
            Output::Abort => {
                assert!(matches!(before, State::Established | State::Closing));
                assert!(matches!(step, Step::Abort), "the application did it");
                assert!(!self.said("Abort"), "once");
            }
            Output::Release => {
                assert!(self.ended, "only after the terminal event");
                self.released = true;
            }
        }
    }

    fn judge_event(&mut self, event: &Event, step: &Step, before: State) {
        assert!(!self.ended, "nothing follows the terminal event");
        // That there is room for more may be told in between.
        let last = self.word.iter().rfind(|said| *said != "Writable").cloned().unwrap_or_default();
        match event {
            Event::Ready => {
                assert!(!self.ready, "Ready comes once, and never to whom accepted");
                assert!(matches!(step, Step::Established));
                assert!(self.word.iter().all(|said| is_refusal(said)), "only refusals come before Ready");
                self.ready = true;
            }
            Event::Sent(ids) => {
                assert!(self.ready, "nothing is sent before Ready");
                assert!(!self.finished, "nothing is sent after our end");
                for id in ids.start().0..=ids.end().0 {
                    let id = MessageId(id);
                    assert_eq!(self.outstanding(), Some(id), "messages are sent in the order of sending");
                    self.fate(id, Fate::Sent);
                }
            }
            Event::Expired { id, .. } => panic!("{id:?} has all the time in the world"),
            Event::SendError { id, message, reason } => {
                if *reason == TOO_LARGE {
                    assert!(matches!(step, Step::FrontRefused) && self.ready);
                    assert_eq!(self.outstanding(), Some(*id), "the first in the queue is refused");
                }
                let fate = Fate::Failed(reason.clone());
                let given = self.fate(*id, fate);
                assert!(message == given, "message {id:?} comes back as it was");
                // One that was refused at once was not taken, and is judged where it was sent.
                let was_final = given.is_final();
                self.final_taken &= !(*reason == TOO_LARGE && was_final);
            }
            Event::Writable => {
                use Step::{FrontRefused, FrontTaken, Overwritten, Written};
                let written = matches!(step, Written(_) | Overwritten | FrontTaken | FrontRefused);
                assert!(written, "it is news only when something has left");
                assert!(self.machine.outbox().pending() <= Outbox::HIGH_WATER / 2 && self.machine.can_send());
            }
            Event::Readable => {
                assert!(self.ready && self.watched, "nobody wants to know");
                assert!(!self.arrived.is_empty() || self.peer_finished, "there is nothing to read");
                self.watched = false;
            }
            Event::AllWritten => {
                assert!(leaves_the_outbox(&last), "it is news only after a message has left");
                assert!(self.machine.outbox().is_empty() && self.outstanding().is_none());
            }
            Event::Received { asker, messages } => {
                assert!(self.ready && !self.closed, "after Ready, and before the application closes");
                for message in messages {
                    assert_eq!(Some(message), self.arrived.pop_front().as_ref(), "in the order of arrival");
                }
                assert!(messages.len() == 1 || *asker == Asker::Stream, "who asks for one gets one");
                self.judge_asker(*asker);
            }
            Event::ReceivedPartial { part, .. } => panic!("nobody asks for parts: {part:?}"),
            Event::ReceiveError { asker, reason } => {
                let finished = self.peer_finished && self.arrived.is_empty();
                assert!(finished || *reason != ReceiveFailure::Finished, "the end comes after the messages");
                assert!(self.closed || *reason != ReceiveFailure::Closed, "nobody has closed");
                self.judge_asker(*asker);
                if *asker == Asker::Stream {
                    assert!(!self.stream_told, "the stream is told of its end once");
                    self.stream_told = true;
                }
            }
            Event::SoftError(failure) => {
                assert!(matches!(step, Step::SoftError) && *failure == Failure::Refused);
                assert!(self.ready, "nothing of a transport that has not won");
            }
            Event::Aborted => assert!(matches!(step, Step::Failed(ConnectionFailure::AbortedByPeer))),
            Event::Timeout => assert!(matches!(step, Step::Failed(ConnectionFailure::TimedOut))),
            Event::Closed => {
                assert!(self.acknowledged, "the peer has acknowledged our end");
                assert!(self.closed || self.peer_finished && self.arrived.is_empty(), "both are done");
                self.ended = true;
            }
            Event::EstablishmentError(_) => {
                assert_eq!(before, State::Establishing);
                let failed = matches!(step, Step::EstablishmentFailed);
                assert_eq!(self.said("CancelEstablishment"), !failed, "a race that goes on is to be stopped");
                self.ended = true;
            }
            Event::ConnectionError(failure) => {
                assert!(matches!(before, State::Established | State::Closing));
                match step {
                    Step::Abort => {
                        assert_eq!(*failure, ConnectionFailure::AbortedLocally);
                        assert!(self.said("Abort"), "the transport is to be ended first");
                    }
                    Step::Failed(cause) => assert_eq!(failure, cause),
                    other => panic!("{other:?} is no error"),
                }
                assert_eq!(last == "Aborted", *failure == ConnectionFailure::AbortedByPeer);
                assert_eq!(last == "Timeout", *failure == ConnectionFailure::TimedOut);
                self.ended = true;
            }
        }
        assert_eq!(event.is_terminal(), self.ended);
        if self.ended {
            assert_eq!(self.outstanding(), None, "every fate comes before the terminal event");
            assert_eq!(self.answered, self.requested, "every answer comes before the terminal event");
        }
    }

    fn judge_asker(&mut self, asker: Asker) {
        match asker {
            Asker::Request(id) => {
                assert_eq!(id, ReceiveId(self.answered), "requests are answered in their order");
                assert!(self.answered < self.requested, "nobody asked");
                self.answered += 1;
            }
            Asker::Stream => {
                assert!(self.streaming, "nobody asked");
                assert_eq!(self.answered, self.requested, "who asks for one message goes first");
            }
        }
    }

    /// What holds between the steps.
    fn judge_state(&self, before: State) {
        let now = self.machine.state();
        assert!(before <= now, "from {before} back to {now}");
        assert_eq!(now == State::Closed, self.ended, "Closed is where the terminal event leads");
        assert_eq!(self.released, self.ended, "the terminal event lets go of the transport");
        let connected = matches!(now, State::Established | State::Closing);
        assert!(!connected || self.ready);
        assert_eq!(self.machine.outbox().is_empty(), self.outstanding().is_none());
        assert_eq!(self.machine.wants_write(), connected && self.outstanding().is_some());
        assert_eq!(self.machine.can_send(), !self.ended && !self.closed && !self.final_taken);

        let exhausted = self.peer_finished && self.arrived.is_empty();
        assert_eq!(self.machine.can_receive(), !self.ended && !self.closed && !exhausted);
        let asked = self.answered < self.requested || self.streaming;
        let hungry = (asked || self.pulls > 0 || self.watched) && self.arrived.is_empty();
        let reads = match now {
            State::Established => hungry && !self.peer_finished,
            State::Closing => !self.peer_finished,
            State::Establishing | State::Closed => false,
        };
        assert_eq!(self.machine.wants_read(), reads);
        if now == State::Established {
            assert!(!asked || self.pulls > 0 || self.arrived.is_empty(), "what is here goes to who asks");
            assert!(!exhausted || self.answered == self.requested, "who asks in vain is told");
            assert!(!exhausted || !self.streaming || self.stream_told, "the stream is told of its end");
            let waits = self.watched && !asked && self.pulls == 0;
            assert!(!waits || self.arrived.is_empty() && !exhausted, "Readable is due");
        }

        let written = connected && self.outstanding().is_none();
        let last = self.word.iter().rfind(|said| *said != "Writable").map_or("", String::as_str);
        assert!(!written || !leaves_the_outbox(last), "AllWritten is due");
        assert!(
            !written || self.finished == (self.closed || self.final_taken),
            "Finish is due, or came early"
        );
        let done = self.acknowledged && (self.closed || exhausted);
        assert!(!connected || !done, "Closed is due");

        let unacknowledged = self.finished && !self.acknowledged && connected;
        let matters = now == State::Closing || self.peer_finished;
        assert_eq!(self.machine.wants_acknowledgement(), unacknowledged && matters);
    }

    /// The first message that has no fate yet.
    fn outstanding(&self) -> Option<MessageId> {
        let index = self.sends.iter().position(|(_, fate)| fate.is_none());
        index.map(|index| MessageId(index as u64))
    }

    /// Gives a message its fate.
    fn fate(&mut self, id: MessageId, fate: Fate) -> &Message {
        let (message, slot) = &mut self.sends[id.0 as usize];
        assert_eq!(*slot, None, "message {id:?} has one fate, not {fate:?} as well");
        *slot = Some(fate);
        message
    }

    pub(crate) fn said(&self, what: &str) -> bool {
        self.word.iter().any(|said| said == what)
    }
}

/// Whether a message has left the outbox: taken by the transport, or refused by it.
fn leaves_the_outbox(said: &str) -> bool {
    said.starts_with("Sent ") || said.starts_with("SendError ") && said.ends_with(&TOO_LARGE.to_string())
}

/// What may be said before Ready: that something is refused.
fn is_refusal(said: &str) -> bool {
    said.starts_with("SendError ") || said.starts_with("ReceiveError ")
}
