//! Whatever is done to a connection, at whatever moment, what it says is a word of RFC 9622 §11.
//!
//! [`Script`] is what is done, [`Witness`] holds the rules, and the properties are at the end.

use bytes::Bytes;
use neatflow_core::connection::{Asker, Event, Input, Machine, Outbox, Output, Role, State};
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Failure, Message, MessageId, ReceiveFailure, ReceiveId,
    SendFailure,
};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

// ---- what is done

/// One thing that is done to a connection.
#[derive(Clone, Debug)]
enum Step {
    // by the application
    Send {
        len: usize,
        is_final: bool,
    },
    Receive,
    Stream(bool),
    Pull,
    BeginPull,
    EndPull,
    Close,
    Abort,
    Release,
    // by the network
    Established,
    EstablishmentFailed,
    Arrived,
    PeerFinished,
    /// This share of what is pending, in 255ths.
    Written(u8),
    /// More than is pending.
    Overwritten,
    FrontTaken,
    Acknowledged,
    Failed(ConnectionFailure),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        // What ends a connection is rare, so that there are long lives, too.
        match u8::arbitrary(g) % 120 {
            0..24 => Self::Send { len: length(g), is_final: one_in(g, 20) },
            24..36 => Self::Receive,
            36..40 => Self::Stream(bool::arbitrary(g)),
            40..48 => Self::Pull,
            48..50 => Self::BeginPull,
            50 => Self::EndPull,
            51..53 => Self::Close,
            53 => Self::Abort,
            54 => Self::Release,
            55..62 => Self::Established,
            62 => Self::EstablishmentFailed,
            63..79 => Self::Arrived,
            79..81 => Self::PeerFinished,
            81..103 => Self::Written(u8::arbitrary(g)),
            103 => Self::Overwritten,
            104..110 => Self::FrontTaken,
            110..119 => Self::Acknowledged,
            _ => Self::Failed(failure(g)),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Send { len, is_final } => {
                Box::new((len, is_final).shrink().map(|(len, is_final)| Self::Send { len, is_final }))
            }
            Self::Written(share) => Box::new(share.shrink().map(Self::Written)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}

fn length(g: &mut Gen) -> usize {
    *g.choose(&[0, 0, 1, 2, 10, 100, 1_000, 100_000, Outbox::HIGH_WATER, LONGEST]).unwrap()
}

fn failure(g: &mut Gen) -> ConnectionFailure {
    let all = [
        ConnectionFailure::AbortedByPeer,
        ConnectionFailure::TimedOut,
        ConnectionFailure::Panicked("framer".into()),
        ConnectionFailure::Transport(Failure::Refused),
    ];
    g.choose(&all).unwrap().clone()
}

fn one_in(g: &mut Gen, n: usize) -> bool {
    usize::arbitrary(g).is_multiple_of(n)
}

/// A connection, and what is done to it.
#[derive(Clone, Debug)]
struct Script {
    accepted: bool,
    steps: Vec<Step>,
}

impl Script {
    fn role(&self) -> Role {
        if self.accepted { Role::Accepted } else { Role::Initiated }
    }
}

impl Arbitrary for Script {
    fn arbitrary(g: &mut Gen) -> Self {
        Self { accepted: one_in(g, 3), steps: Vec::arbitrary(g) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let accepted = self.accepted;
        Box::new(self.steps.shrink().map(move |steps| Self { accepted, steps }))
    }
}

const LONGEST: usize = 2 * Outbox::HIGH_WATER;

/// The message of the step of this number: its bytes tell it from its neighbours.
fn message(serial: usize, len: usize, is_final: bool) -> Message {
    static BYTES: LazyLock<Bytes> =
        LazyLock::new(|| (0..LONGEST + 1_000).map(|n| (n * n / 251 + n) as u8).collect());
    let start = serial % 1_000;
    let mut message = Message::new(BYTES.slice(start..start + len));
    message.context.is_final = is_final;
    message
}

fn arrival(serial: usize) -> Message {
    Message::new(format!("arrival {serial}"))
}

/// What a command returned.
#[derive(Debug)]
enum Reply {
    Send(Result<MessageId, (SendFailure, Message)>),
    Receive(Result<ReceiveId, ReceiveFailure>),
    Pull(Option<Result<Message, ReceiveFailure>>),
    Nothing,
}

/// Does this step, the one of this number.
fn perform(machine: &mut Machine, step: &Step, serial: usize) -> Reply {
    let pending = machine.outbox().pending();
    let input = match step {
        Step::Send { len, is_final } => return Reply::Send(machine.send(message(serial, *len, *is_final))),
        Step::Receive => return Reply::Receive(machine.receive()),
        Step::Pull => return Reply::Pull(machine.pull()),
        Step::BeginPull => {
            machine.begin_pull();
            return Reply::Nothing;
        }
        Step::EndPull => {
            machine.end_pull();
            return Reply::Nothing;
        }
        Step::Stream(on) => Input::Stream(*on),
        Step::Close => Input::Close,
        Step::Abort => Input::Abort,
        Step::Release => Input::Release,
        Step::Established => Input::Established,
        Step::EstablishmentFailed => {
            Input::EstablishmentFailed(EstablishmentFailure::InvalidConfiguration("scripted".into()))
        }
        Step::Arrived => Input::Arrived(arrival(serial)),
        Step::PeerFinished => Input::PeerFinished,
        Step::Written(share) => Input::Written(pending * usize::from(*share) / 255),
        Step::Overwritten => Input::Written(pending + 1),
        Step::FrontTaken => Input::FrontTaken,
        Step::Acknowledged => Input::Acknowledged,
        Step::Failed(failure) => Input::Failed(failure.clone()),
    };
    machine.handle(input);
    Reply::Nothing
}

fn drain(machine: &mut Machine) -> Vec<Output> {
    std::iter::from_fn(|| {
        let next = machine.peek().map(say);
        let output = machine.poll();
        assert_eq!(next, output.as_ref().map(say), "what was peeked at is what is polled");
        output
    })
    .collect()
}

/// An output in words, its kind first.
fn say(output: &Output) -> String {
    match output {
        Output::Event(Event::Ready) => "Ready".into(),
        Output::Event(Event::EstablishmentError(why)) => format!("EstablishmentError {why}"),
        Output::Event(Event::Sent(id)) => format!("Sent {}", id.0),
        Output::Event(Event::SendError { id, reason, .. }) => format!("SendError {} {reason}", id.0),
        Output::Event(Event::AllWritten) => "AllWritten".into(),
        Output::Event(Event::Received { asker, message }) => format!("Received {asker:?} {:?}", message.data),
        Output::Event(Event::ReceiveError { asker, reason }) => format!("ReceiveError {asker:?} {reason}"),
        Output::Event(Event::Aborted) => "Aborted".into(),
        Output::Event(Event::Timeout) => "Timeout".into(),
        Output::Event(Event::Closed) => "Closed".into(),
        Output::Event(Event::ConnectionError(why)) => format!("ConnectionError {why}"),
        Output::CancelEstablishment => "CancelEstablishment".into(),
        Output::Finish => "Finish".into(),
        Output::Abort => "Abort".into(),
        Output::Release => "Release".into(),
        other => panic!("there is no rule for {other:?}"),
    }
}

// ---- the rules

/// A connection under watch: it is drained after every step, and every output is judged.
struct Witness {
    machine: Machine,
    /// How many steps were done; the number of the next one.
    steps: usize,
    /// What was said.
    word: Vec<String>,
    ready: bool,
    /// The application has closed it.
    closed: bool,
    ended: bool,
    released: bool,
    /// Every message that was to have a fate, and which it was.
    sends: Vec<(Message, Option<Fate>)>,
    final_taken: bool,
    /// The next request that is to be answered, and the next that is to be made.
    answered: u64,
    requested: u64,
    streaming: bool,
    stream_told: bool,
    pulls: usize,
    /// What arrived and was not taken.
    arrived: VecDeque<Message>,
    peer_finished: bool,
    finished: bool,
    acknowledged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Failed(SendFailure),
}

impl Witness {
    fn new(role: Role) -> Self {
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
            pulls: 0,
            arrived: VecDeque::new(),
            peer_finished: false,
            finished: false,
            acknowledged: false,
        }
    }

    fn step(&mut self, step: &Step) {
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
            Step::BeginPull => self.pulls += 1,
            Step::EndPull => self.pulls = self.pulls.saturating_sub(1),
            Step::Close | Step::Release => {
                self.closed = true;
                self.streaming = false;
                self.arrived.clear();
            }
            Step::Arrived if before == State::Established && !self.peer_finished => {
                self.arrived.push_back(arrival(self.steps));
            }
            Step::PeerFinished => self.peer_finished |= connected,
            Step::Acknowledged => self.acknowledged |= self.finished && connected,
            _ => {}
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
                assert!(before == State::Established, "nothing is received while {before}");
                assert_eq!(Some(message), self.arrived.pop_front(), "pulled is what arrived first");
            }
            Reply::Pull(Some(Err(ReceiveFailure::Finished))) => {
                assert!(self.peer_finished && self.arrived.is_empty(), "the end comes after the messages");
            }
            Reply::Pull(Some(Err(_))) => assert!(self.closed || over),
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
            other => panic!("there is no rule for {other:?}"),
        }
    }

    fn judge_event(&mut self, event: &Event, step: &Step, before: State) {
        assert!(!self.ended, "nothing follows the terminal event");
        let last = self.word.last().map_or("", String::as_str).to_owned();
        match event {
            Event::Ready => {
                assert!(!self.ready, "Ready comes once, and never to whom accepted");
                assert!(matches!(step, Step::Established));
                assert!(self.word.iter().all(|said| is_refusal(said)), "only refusals come before Ready");
                self.ready = true;
            }
            Event::Sent(id) => {
                assert!(self.ready, "nothing is sent before Ready");
                assert!(!self.finished, "nothing is sent after our end");
                assert_eq!(self.outstanding(), Some(*id), "messages are sent in the order of sending");
                self.fate(*id, Fate::Sent);
            }
            Event::SendError { id, message, reason } => {
                let fate = Fate::Failed(reason.clone());
                assert!(message == self.fate(*id, fate), "message {id:?} comes back as it was");
            }
            Event::AllWritten => {
                assert!(last.starts_with("Sent "), "it is news only after Sent");
                assert!(self.machine.outbox().is_empty() && self.outstanding().is_none());
            }
            Event::Received { asker, message } => {
                assert!(self.ready && !self.closed, "after Ready, and before the application closes");
                assert_eq!(Some(message), self.arrived.pop_front().as_ref(), "in the order of arrival");
                self.judge_asker(*asker);
            }
            Event::ReceiveError { asker, reason } => {
                if *reason == ReceiveFailure::Finished {
                    assert!(
                        self.peer_finished && self.arrived.is_empty(),
                        "the end comes after the messages"
                    );
                }
                self.judge_asker(*asker);
                if *asker == Asker::Stream {
                    assert!(!self.stream_told, "the stream is told of its end once");
                    self.stream_told = true;
                }
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
                self.ended = true;
            }
            Event::ConnectionError(failure) => {
                assert!(matches!(before, State::Established | State::Closing));
                match step {
                    Step::Abort => assert_eq!(*failure, ConnectionFailure::AbortedLocally),
                    Step::Failed(cause) => assert_eq!(failure, cause),
                    other => panic!("{other:?} is no error"),
                }
                assert_eq!(last == "Aborted", *failure == ConnectionFailure::AbortedByPeer);
                assert_eq!(last == "Timeout", *failure == ConnectionFailure::TimedOut);
                self.ended = true;
            }
            other => panic!("there is no rule for {other:?}"),
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
        let hungry = (asked || self.pulls > 0) && self.arrived.is_empty();
        let reads = match now {
            State::Established => hungry && !self.peer_finished,
            State::Closing => !self.peer_finished,
            State::Establishing | State::Closed => false,
        };
        assert_eq!(self.machine.wants_read(), reads);
        if now == State::Established {
            assert!(!asked || self.arrived.is_empty(), "what is here goes to who asks");
            assert!(!exhausted || self.answered == self.requested, "who asks in vain is told");
            assert!(!exhausted || !self.streaming || self.stream_told, "the stream is told of its end");
        }

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

    fn said(&self, what: &str) -> bool {
        self.word.iter().any(|said| said == what)
    }
}

/// What may be said before Ready: that something is refused.
fn is_refusal(said: &str) -> bool {
    said.starts_with("SendError ") || said.starts_with("ReceiveError ")
}

// ---- a network that does its part

/// Does what the machine wants, and nothing else: a connection whose wishes are granted must not be stuck.
struct Network {
    /// How many more messages the peer sends before its end.
    peer_has: usize,
    /// Takes whole messages, not bytes.
    message_transport: bool,
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

    fn run(&mut self, witness: &mut Witness) {
        // Four fifths of what is left, each time, and then all of it: every queue is emptied in few turns.
        for turn in 0..10_000 {
            let share = if turn % 2 == 0 { 204 } else { 255 };
            let Some(step) = self.turn(&witness.machine, share) else { return };
            witness.step(&step);
        }
        panic!("it wants more and more");
    }
}

/// What an application does of its own accord; the script's facts stand for turns of the network.
fn act(script: &Script, witness: &mut Witness, network: &mut Network) {
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

// ---- the properties

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

fn says_the_same_however_it_is_drained(script: Script, drains: Vec<bool>) {
    let mut eager = Machine::new(script.role());
    let mut lazy = Machine::new(script.role());
    let (mut eager_word, mut lazy_word) = (Vec::new(), Vec::new());
    for (serial, step) in script.steps.iter().enumerate() {
        perform(&mut eager, step, serial);
        perform(&mut lazy, step, serial);
        eager_word.extend(drain(&mut eager).iter().map(say));
        if drains.get(serial % drains.len().max(1)) == Some(&true) {
            lazy_word.extend(drain(&mut lazy).iter().map(say));
        }
        assert_eq!(eager.state(), lazy.state());
    }
    lazy_word.extend(drain(&mut lazy).iter().map(say));
    assert_eq!(eager_word, lazy_word);
}

#[test]
fn it_does_not_matter_when_a_connection_is_drained() {
    QuickCheck::new().quickcheck(says_the_same_however_it_is_drained as fn(Script, Vec<bool>));
}

fn closing_ends_in_closed(script: Script, peer_has: u8, message_transport: bool) {
    let mut witness = Witness::new(script.role());
    let mut network = Network { peer_has: peer_has.into(), message_transport };
    act(&script, &mut witness, &mut network);
    witness.step(&Step::Close);
    network.run(&mut witness);

    assert_eq!(witness.machine.state(), State::Closed, "nobody waits for anything, and it is not Closed");
    if witness.said("CancelEstablishment") {
        assert!(
            !witness.sends.iter().any(|(_, fate)| *fate == Some(Fate::Failed(SendFailure::NotEstablished)))
        );
    } else {
        assert!(witness.said("Closed"), "{:?}", witness.word);
    }
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
    let mut said = BTreeSet::new();
    for _ in 0..3_000 {
        let script = Script::arbitrary(&mut g);
        let mut witness = Witness::new(script.role());
        for step in &script.steps {
            said.insert(witness.machine.state().to_string());
            witness.step(step);
        }
        said.extend(witness.word.iter().map(|said| said.split(' ').next().unwrap().to_owned()));
        let reasons = witness.sends.into_iter().filter_map(|(_, fate)| fate);
        said.extend(reasons.map(|fate| format!("{fate:?}").split("Aborted").next().unwrap().to_owned()));
    }
    let expected = "Abort Aborted AllWritten CancelEstablishment Closed";
    assert_eq!(said.into_iter().collect::<Vec<_>>().join("\n"), expected);
}
