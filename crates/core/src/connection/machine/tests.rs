//! The transition table, and what the machine says, sentence by sentence.

use super::*;
use crate::failure::{EstablishmentFailure, Failure, ReceiveFailure};

#[test]
fn the_message_of_initiate_with_send_shares_the_fate_of_the_establishment() {
    let told = |input: fn() -> Input| {
        let mut machine = Machine::new(Role::Initiated);
        drop(machine.send_first("first".into(), Time::ZERO));
        send(&mut machine, "second");
        machine.handle(input());
        std::iter::from_fn(move || machine.poll(true)).map(|output| format!("{output:?}")).collect::<Vec<_>>()
    };
    let failed = told(|| Input::EstablishmentFailed(EstablishmentFailure::Cancelled));
    assert_eq!(failed.len(), 3, "SendError of the second, EstablishmentError, Release: {failed:?}");
    assert!(failed[0].contains("SendError { id: MessageId(1)"), "{failed:?}");
}

#[test]
fn our_end_is_not_acknowledged_before_it_was_asked_for() {
    let mut machine = machine_in("Established", "both ends open");
    machine.handle(Input::Close);
    assert!(!machine.wants_acknowledgement());
    while machine.poll(true).is_some() {}
    assert!(machine.wants_acknowledgement());
}

#[test]
fn without_room_a_message_holds_up_nothing_but_the_answers_after_it() {
    let mut machine = machine_in("Established", "both ends open");
    machine.handle(Input::Stream(true));
    for text in ["one", "two"] {
        machine.handle(Input::Arrived(Message::new(text).into()));
    }
    send(&mut machine, Message::new("out").last());
    machine.handle(Input::FrontTaken(1));
    machine.handle(Input::PeerFinished);
    let past: Vec<_> = std::iter::from_fn(|| machine.poll(false)).collect();
    use Output::{Event as Told, Finish, Release};
    assert!(matches!(past[..], [Told(Event::Sent(_)), Told(Event::AllWritten), Finish]), "{past:?}");

    machine.handle(Input::Acknowledged);
    assert!(machine.poll(false).is_none(), "it ends when everything was taken");
    let rest: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
    let [
        Told(Event::Received { messages, .. }),
        Told(Event::ReceiveError { .. }),
        Told(Event::Closed),
        Release,
    ] = &rest[..]
    else {
        panic!("{rest:?}")
    };
    assert_eq!(messages.len(), 2, "the stream gets everything there is");
}

#[test]
fn what_has_come_for_who_waits_to_pull_is_theirs_although_the_connection_fails() {
    let mut machine = machine_in("Established", "both ends open");
    machine.begin_pull();
    machine.handle(Input::Arrived(Message::new("last words").into()));
    machine.handle(Input::Failed(ConnectionFailure::AbortedByPeer));
    assert_eq!(machine.pull(), Some(Ok(Message::new("last words"))));
    assert!(matches!(machine.pull(), Some(Err(ReceiveFailure::Connection(_)))));
}

#[test]
fn what_has_come_for_those_who_asked_is_theirs_although_the_connection_fails() {
    let mut machine = machine_in("Established", "both ends open");
    machine.receive().unwrap();
    machine.handle(Input::Arrived(Message::new("last words").into()));
    machine.handle(Input::Failed(ConnectionFailure::AbortedByPeer));
    assert!(matches!(machine.poll(false), Some(Output::Event(Event::Received { .. }))));
}

/// For every state, in the situations that matter to it: where each input leads. `-`: it stays where it is.
const TRANSITIONS: &str = "
    Establishing        | nothing queued | queued      | queued, closed
    Stream              | -              | -           | -
    Close               | Closed         | -           | -
    Abort               | Closed         | Closed      | Closed
    Release             | Closed         | Closed      | -
    Established         | Established    | Established | Closing
    EstablishmentFailed | Closed         | Closed      | Closed
    Arrived             | -              | -           | -
    PeerFinished        | -              | -           | -
    Written             | -              | -           | -
    FrontTaken          | -              | -           | -
    FrontRefused        | -              | -           | -
    SoftError           | -              | -           | -
    Acknowledged        | -              | -           | -
    Failed              | -              | -           | -

    Established         | both ends open | ours sent | ours acknowledged | peer's came | both, ours sent
    Stream              | -              | -         | -                 | -           | -
    Close               | Closing        | Closing   | Closed            | Closing     | Closing
    Abort               | Closed         | Closed    | Closed            | Closed      | Closed
    Release             | Closing        | Closing   | Closed            | Closing     | Closing
    Established         | -              | -         | -                 | -           | -
    EstablishmentFailed | -              | -         | -                 | -           | -
    Arrived             | -              | -         | -                 | -           | -
    PeerFinished        | -              | -         | Closed            | -           | -
    Written             | -              | -         | -                 | -           | -
    FrontTaken          | -              | -         | -                 | -           | -
    FrontRefused        | -              | -         | -                 | -           | -
    SoftError           | -              | -         | -                 | -           | -
    Acknowledged        | -              | -         | -                 | -           | Closed
    Failed              | Closed         | Closed    | Closed            | Closed      | Closed

    Closing             | queued | ours sent
    Stream              | -      | -
    Close               | -      | -
    Abort               | Closed | Closed
    Release             | -      | -
    Established         | -      | -
    EstablishmentFailed | -      | -
    Arrived             | -      | -
    PeerFinished        | -      | -
    Written             | -      | -
    FrontTaken          | -      | -
    FrontRefused        | -      | -
    SoftError           | -      | -
    Acknowledged        | -      | Closed
    Failed              | Closed | Closed

    Closed              | -
    Stream              | -
    Close               | -
    Abort               | -
    Release             | -
    Established         | -
    EstablishmentFailed | -
    Arrived             | -
    PeerFinished        | -
    Written             | -
    FrontTaken          | -
    FrontRefused        | -
    SoftError           | -
    Acknowledged        | -
    Failed              | -";

#[test]
fn every_input_leads_from_every_state_where_the_table_says() {
    for block in TRANSITIONS.trim().split("\n\n") {
        let mut rows = block.lines().map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        let head = rows.next().unwrap();
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), kinds(), "under {}", head[0]);
        for (input, row) in inputs().into_iter().zip(rows) {
            for (situation, next) in head[1..].iter().zip(&row[1..]) {
                let mut machine = machine_in(head[0], situation);
                assert_eq!(machine.state().to_string(), head[0], "{situation}");
                machine.handle(input.clone());
                let expected = if *next == "-" { head[0] } else { next };
                let from = format!("{} from {}, {situation}", row[0], head[0]);
                assert_eq!(machine.state().to_string(), expected, "{from}");
            }
        }
    }
}

#[test]
fn whoever_closes_and_lets_go_while_establishing_still_has_everything_delivered() {
    let mut machine = Machine::new(Role::Initiated);
    let id = send(&mut machine, Message::new("last words"));
    for input in [Input::Close, Input::Release, Input::Established, Input::FrontTaken(1), Input::Acknowledged]
    {
        machine.handle(input);
    }
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
    assert!(
        outputs.iter().any(|output| matches!(output, Output::Event(Event::Sent(sent)) if sent.contains(&id)))
    );
    assert!(matches!(outputs[..], [.., Output::Event(Event::Closed), Output::Release]));
}

#[test]
fn a_refused_message_comes_back_and_costs_no_other_message() {
    let mut machine = Machine::new(Role::Accepted);
    let ids = ["taken", "too large", "taken too"].map(|text| send(&mut machine, Message::new(text)));
    let refusal = SendFailure::TooLarge { limit: 8 };
    for input in [
        Input::FrontTaken(1),
        Input::FrontRefused(refusal.clone()),
        Input::FrontTaken(1),
        Input::FrontTaken(1),
    ] {
        machine.handle(input);
    }
    let told: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
    let [
        Output::Event(Event::Sent(first)),
        Output::Event(Event::SendError { id, message, reason }),
        Output::Event(Event::Sent(third)),
        Output::Event(Event::AllWritten),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!([*first.start(), *id, *third.end()], ids);
    assert_eq!((message, reason), (&Message::new("too large"), &refusal));
    assert_eq!(machine.state(), State::Established);
}

#[test]
fn a_refused_message_does_not_hold_up_the_close() {
    let mut machine = machine_in("Closing", "queued");
    machine.handle(Input::FrontRefused(SendFailure::TooLarge { limit: 1 }));
    let told: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
    assert!(
        matches!(
            told[..],
            [Output::Event(Event::SendError { .. }), Output::Event(Event::AllWritten), Output::Finish]
        ),
        "{told:?}"
    );
}

#[test]
fn a_soft_error_is_told_and_ends_nothing() {
    for (state, situation) in [("Established", "both ends open"), ("Closing", "ours sent")] {
        let mut machine = machine_in(state, situation);
        while machine.poll(true).is_some() {}
        machine.handle(Input::SoftError(Failure::Refused));
        assert!(matches!(machine.poll(true), Some(Output::Event(Event::SoftError(Failure::Refused)))));
        assert_eq!(machine.state().to_string(), state);
    }
}

#[test]
fn a_message_nobody_has_taken_delays_the_end_that_the_peer_asked_for() {
    let mut machine = machine_in("Established", "ours acknowledged");
    machine.handle(Input::Arrived(Message::new("unread").into()));
    machine.handle(Input::PeerFinished);
    assert_eq!(machine.state(), State::Established);
    assert_eq!(machine.pull(), Some(Ok(Message::new("unread"))));
    assert_eq!(machine.state(), State::Closed);
}

#[test]
fn whoever_pulls_is_told_how_it_ended() {
    let failure = ConnectionFailure::Transport(Failure::Refused);
    let ends = [
        ("ours acknowledged", Input::PeerFinished, ReceiveFailure::Finished),
        ("ours acknowledged", Input::Close, ReceiveFailure::Closed),
        ("peer's came", Input::Failed(failure.clone()), ReceiveFailure::Connection(failure)),
    ];
    for (situation, input, reason) in ends {
        let mut machine = machine_in("Established", situation);
        machine.handle(input);
        assert_eq!(machine.state(), State::Closed);
        assert_eq!(machine.pull(), Some(Err(reason)));
    }
}

#[test]
fn what_a_transport_says_before_it_won_is_not_told() {
    let mut machine = machine_in("Establishing", "queued");
    machine.receive().unwrap();
    let refused = Input::FrontRefused(SendFailure::TooLarge { limit: 1 });
    let soft = Input::SoftError(Failure::Refused);
    for input in
        [Input::Written(7), Input::FrontTaken(1), refused, soft, Input::PeerFinished, Input::Acknowledged]
    {
        machine.handle(input);
        assert!(machine.poll(true).is_none());
    }
    assert_eq!(machine.outbox().pending(), 7);
}

fn send(machine: &mut Machine, message: impl Into<Message>) -> MessageId {
    machine.send(message.into(), Time::ZERO).unwrap().id
}

/// One input of each kind, in the order of their declaration.
fn inputs() -> [Input; 14] {
    [
        Input::Stream(true),
        Input::Close,
        Input::Abort,
        Input::Release,
        Input::Established,
        Input::EstablishmentFailed(EstablishmentFailure::Cancelled),
        Input::Arrived(Message::new("arrival").into()),
        Input::PeerFinished,
        Input::Written(1),
        Input::FrontTaken(1),
        Input::FrontRefused(SendFailure::TooLarge { limit: 1 }),
        Input::SoftError(Failure::Refused),
        Input::Acknowledged,
        Input::Failed(ConnectionFailure::TimedOut),
    ]
}

fn kinds() -> Vec<&'static str> {
    let kind = |input| match input {
        Input::Stream(_) => "Stream",
        Input::Close => "Close",
        Input::Abort => "Abort",
        Input::Release => "Release",
        Input::Established => "Established",
        Input::EstablishmentFailed(_) => "EstablishmentFailed",
        Input::Arrived(_) => "Arrived",
        Input::PeerFinished => "PeerFinished",
        Input::Written(_) => "Written",
        Input::FrontTaken(_) => "FrontTaken",
        Input::FrontRefused(_) => "FrontRefused",
        Input::SoftError(_) => "SoftError",
        Input::Acknowledged => "Acknowledged",
        Input::Failed(_) => "Failed",
    };
    inputs().into_iter().map(kind).collect()
}

fn machine_in(state: &str, situation: &str) -> Machine {
    let message = || Message::new("message");
    let (role, sends, inputs) = match (state, situation) {
        ("Establishing", "nothing queued") => (Role::Initiated, None, vec![]),
        ("Establishing", "queued") => (Role::Initiated, Some(message()), vec![]),
        ("Establishing", "queued, closed") => (Role::Initiated, Some(message()), vec![Input::Close]),
        ("Established", "both ends open") => (Role::Accepted, None, vec![]),
        ("Established", "ours sent") => (Role::Accepted, Some(message().last()), vec![Input::FrontTaken(1)]),
        ("Established", "ours acknowledged") => {
            (Role::Accepted, Some(message().last()), vec![Input::FrontTaken(1), Input::Acknowledged])
        }
        ("Established", "peer's came") => (Role::Accepted, None, vec![Input::PeerFinished]),
        ("Established", "both, ours sent") => {
            (Role::Accepted, Some(message().last()), vec![Input::FrontTaken(1), Input::PeerFinished])
        }
        ("Closing", "queued") => (Role::Accepted, Some(message()), vec![Input::Close]),
        ("Closing", "ours sent") => (Role::Accepted, None, vec![Input::Close]),
        ("Closed", "-") => (Role::Accepted, None, vec![Input::Abort]),
        other => panic!("how does one get to {other:?}?"),
    };
    let mut machine = Machine::new(role);
    if let Some(message) = sends {
        send(&mut machine, message);
    }
    for input in inputs {
        machine.handle(input);
    }
    machine
}
