//! What is done to a connection, and what it says.

use bytes::Bytes;
use neatflow_core::connection::{Event, Input, Machine, Outbox, Output, Role, Room, Through};
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Failure, Message, MessageId, Messages, ReceiveFailure,
    ReceiveId, SendFailure, Time,
};
use quickcheck::{Arbitrary, Gen};
use std::sync::LazyLock;

/// One thing that is done to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    // by the application
    Send {
        len: usize,
        is_final: bool,
    },
    Receive,
    Stream(bool),
    TryPull,
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
    FrontRefused,
    SoftError,
    Acknowledged,
    Failed(ConnectionFailure),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        // What ends a connection is rare, so that there are long lives, too.
        match u8::arbitrary(g) % 126 {
            0..24 => Self::Send { len: length(g), is_final: one_in(g, 20) },
            24..36 => Self::Receive,
            36..40 => Self::Stream(bool::arbitrary(g)),
            40..48 => Self::Pull,
            48..50 => Self::BeginPull,
            50 => Self::EndPull,
            51 => Self::TryPull,
            52..53 => Self::Close,
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
            119..123 => Self::FrontRefused,
            123..125 => Self::SoftError,
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
    *g.choose(&[0, 0, 1, 2, 10, 100, 1_000, 100_000, Outbox::HIGH_WATER, LONGEST]).expect("a choice")
}

fn failure(g: &mut Gen) -> ConnectionFailure {
    let all = [
        ConnectionFailure::AbortedByPeer,
        ConnectionFailure::TimedOut,
        ConnectionFailure::Panicked("framer".into()),
        ConnectionFailure::Transport(Failure::Refused),
    ];
    g.choose(&all).expect("a choice").clone()
}

fn one_in(g: &mut Gen, n: usize) -> bool {
    usize::arbitrary(g).is_multiple_of(n)
}

/// A connection, and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) accepted: bool,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    pub(crate) fn role(&self) -> Role {
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

/// Why a message transport refuses a message.
pub(crate) const TOO_LARGE: SendFailure = SendFailure::TooLarge { limit: 1 };

const LONGEST: usize = 2 * Outbox::HIGH_WATER;

/// The message of the step of this number: its bytes tell it from its neighbours.
pub(crate) fn message(serial: usize, len: usize, is_final: bool) -> Message {
    static BYTES: LazyLock<Bytes> =
        LazyLock::new(|| (0..LONGEST + 1_000).map(|n| (n * n / 251 + n) as u8).collect());
    let start = serial % 1_000;
    let message = Message::new(BYTES.slice(start..start + len));
    if is_final { message.last() } else { message }
}

pub(crate) fn arrival(serial: usize) -> Message {
    Message::new(format!("arrival {serial}"))
}

/// What a command returned.
#[derive(Debug)]
pub(crate) enum Reply {
    Send(Result<MessageId, (SendFailure, Message)>),
    Receive(Result<ReceiveId, ReceiveFailure>),
    Pull(Option<Result<Message, ReceiveFailure>>),
    Nothing,
}

/// Does this step, the one of this number.
pub(crate) fn perform(machine: &mut Machine, step: &Step, serial: usize) -> Reply {
    let pending = machine.outbox().pending();
    let input = match step {
        Step::Send { len, is_final } => {
            return Reply::Send(
                machine.send(message(serial, *len, *is_final), Time::ZERO).map(|queued| queued.id),
            );
        }
        Step::Receive => return Reply::Receive(machine.receive()),
        Step::Pull => return Reply::Pull(machine.pull()),
        Step::BeginPull => {
            machine.begin_pull();
            return Reply::Nothing;
        }
        Step::TryPull => return Reply::Pull(machine.try_pull()),
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
        Step::Arrived => Input::Arrived(arrival(serial).into()),
        Step::PeerFinished => Input::PeerFinished,
        Step::Written(share) => Input::Written(pending * usize::from(*share) / 255),
        Step::Overwritten => Input::Written(pending + 1),
        Step::FrontTaken => Input::FrontTaken(1),
        Step::FrontRefused => Input::FrontRefused(TOO_LARGE),
        Step::SoftError => Input::SoftError(Failure::Refused),
        Step::Acknowledged => Input::Acknowledged,
        Step::Failed(failure) => Input::Failed(failure.clone()),
    };
    machine.handle(input);
    Reply::Nothing
}

/// The same, and what it says: what happens all the time takes the short way, and who is quiet is not asked.
pub(crate) fn perform_shortly(machine: &mut Machine, step: &Step, serial: usize) -> Vec<Output> {
    let pending = machine.outbox().pending();
    let (mut said, mut through) = (Vec::new(), Through::default());
    match step {
        Step::Arrived => {
            let messages = Messages::from(arrival(serial));
            match machine.pass(&messages, Room::Parts) {
                Some(asker) => said.push(Output::Event(Event::Received { asker, messages })),
                None => machine.handle(Input::Arrived(messages)),
            }
        }
        Step::Written(share) => through = machine.written(pending * usize::from(*share) / 255),
        Step::Overwritten => through = machine.written(pending + 1),
        Step::FrontTaken => through = machine.front_taken(1),
        step => _ = perform(machine, step, serial),
    }
    said.extend(through.sent.map(Event::Sent).map(Output::Event));
    said.extend(through.writable.then_some(Output::Event(Event::Writable)));
    said.extend(through.all_written.then_some(Output::Event(Event::AllWritten)));
    if !machine.is_quiet() {
        said.extend(drain(machine));
    }
    said
}

pub(crate) fn drain(machine: &mut Machine) -> Vec<Output> {
    std::iter::from_fn(|| machine.poll(true)).collect()
}

/// An output in words, its kind first.
pub(crate) fn say(output: &Output) -> String {
    match output {
        Output::Event(Event::Ready) => "Ready".into(),
        Output::Event(Event::EstablishmentError(why)) => format!("EstablishmentError {why}"),
        Output::Event(Event::Sent(ids)) => format!("Sent {} to {}", ids.start().0, ids.end().0),
        Output::Event(Event::Expired { id, .. }) => format!("Expired {}", id.0),
        Output::Event(Event::SendError { id, reason, .. }) => format!("SendError {} {reason}", id.0),
        Output::Event(Event::Writable) => "Writable".into(),
        Output::Event(Event::AllWritten) => "AllWritten".into(),
        Output::Event(Event::Readable) => "Readable".into(),
        Output::Event(Event::ReceivedPartial { asker, part }) => {
            format!("ReceivedPartial {asker:?} {part:?}")
        }
        Output::Event(Event::Received { asker, messages }) => format!("Received {asker:?} {messages:?}"),
        Output::Event(Event::ReceiveError { asker, reason }) => format!("ReceiveError {asker:?} {reason}"),
        Output::Event(Event::SoftError(why)) => format!("SoftError {why}"),
        Output::Event(Event::Aborted) => "Aborted".into(),
        Output::Event(Event::Timeout) => "Timeout".into(),
        Output::Event(Event::Closed) => "Closed".into(),
        Output::Event(Event::ConnectionError(why)) => format!("ConnectionError {why}"),
        Output::CancelEstablishment => "CancelEstablishment".into(),
        Output::Finish => "Finish".into(),
        Output::Abort => "Abort".into(),
        Output::Release => "Release".into(),
    }
}
