//! The connection state machine.
//!
//! RFC 9622 §11, figure 2:
//!
//! ```text
//!                (*)                               (**)
//!  Establishing -----> Established -----> Closing ------> Closed
//!       |                                                   ^
//!       +---------------------------------------------------+
//!                      EstablishmentError
//!
//!  (*)  Ready, ConnectionReceived, RendezvousDone
//!  (**) Closed, ConnectionError
//! ```
//!
//! What it guarantees, whatever it is fed: exactly one fate for each message and one answer for each receive;
//! Sent in the order of sending; nothing received before Established; exactly one terminal event, after every
//! outstanding fate and answer, and nothing after it.

use super::inbox::{Asker, Inbox};
use super::outbox::Outbox;
use super::words::{Event, Input, Output, Role, State};
use crate::failure::{ConnectionFailure, EstablishmentFailure, ReceiveFailure, SendFailure};
use crate::message::{Message, MessageId, ReceiveId};
use std::collections::VecDeque;

/// Our end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OurEnd {
    Open,
    /// To be sent when the outbox is empty.
    Due,
    Sent,
    Acknowledged,
}

/// One connection. Feed it with [`send`](Self::send), [`receive`](Self::receive) and [`handle`](Self::handle),
/// and drain [`poll`](Self::poll) after each.
#[derive(Debug)]
pub struct Machine {
    state: State,
    our_end: OurEnd,
    /// Closed by the application while establishing, with messages queued: close once they are delivered.
    close_when_ready: bool,
    /// The message of `initiate_with_send`, which shares the fate of the establishment.
    first: Option<MessageId>,
    outbox: Outbox,
    inbox: Inbox,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A new connection.
    pub fn new(role: Role) -> Self {
        let state = match role {
            Role::Initiated => State::Establishing,
            Role::Accepted => State::Established,
        };
        Self {
            state,
            our_end: OurEnd::Open,
            close_when_ready: false,
            first: None,
            outbox: Outbox::new(Outbox::HIGH_WATER),
            inbox: Inbox::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a message would be taken (RFC 9622 §8.1.11.2, `canSend`).
    pub fn can_send(&self) -> bool {
        self.state <= State::Established && self.outbox.is_open()
    }

    /// Whether a message may still come (RFC 9622 §8.1.11.3, `canReceive`).
    pub fn can_receive(&self) -> bool {
        self.state <= State::Established && !self.inbox.is_shut() && !self.inbox.is_exhausted()
    }

    /// Queues a message. Its fate is an event, whatever it is, unless the connection is Closed: no event may
    /// follow the terminal one, so the message comes back at once.
    pub fn send(&mut self, message: Message) -> Result<MessageId, (SendFailure, Message)> {
        if self.state == State::Closed {
            return Err((SendFailure::Closed, message));
        }
        let (id, outcome) = self.outbox.push(message);
        if let Err((reason, message)) = outcome {
            self.tell(Event::SendError { id, message, reason });
        }
        Ok(id)
    }

    /// Queues the message of `initiate_with_send`, before any other. Should establishing fail, its fate is the
    /// EstablishmentError, and no SendError is told (RFC 9622 §9.2.5).
    pub fn send_first(&mut self, message: Message) {
        self.first = self.send(message).ok();
    }

    /// Asks for one message. The answer is an event, whatever it is, unless the connection is Closed.
    pub fn receive(&mut self) -> Result<ReceiveId, ReceiveFailure> {
        if self.state == State::Closed {
            return Err(ReceiveFailure::Closed);
        }
        let id = self.inbox.request();
        if self.inbox.is_shut() {
            self.shut_inbox(ReceiveFailure::Closed);
        }
        Ok(id)
    }

    /// Takes a message by hand; `None` if none is here yet. Whoever waits says so by
    /// [`begin_pull`](Self::begin_pull), and lets go by [`end_pull`](Self::end_pull).
    ///
    /// *Errors*: why no message will come; `Finished` after the peer's end, also when that closed the connection.
    pub fn pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        let pulled = self.inbox.pull();
        self.maybe_closed();
        pulled
    }

    /// Somebody waits to pull.
    pub fn begin_pull(&mut self) {
        self.inbox.begin_pull();
    }

    /// That one waits no longer.
    pub fn end_pull(&mut self) {
        self.inbox.end_pull();
    }

    /// Whether somebody waits to pull.
    pub fn is_pulled(&self) -> bool {
        self.inbox.is_pulled()
    }

    /// Whether somebody waits to pull and need wait no longer.
    pub fn is_pull_due(&self) -> bool {
        self.inbox.is_pull_due()
    }

    /// What is to be written.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The messages that are through, and have no event that gives them back: to be dropped where nothing is locked.
    pub fn take_spent(&mut self) -> Vec<Message> {
        self.outbox.take_spent()
    }

    /// Whether there is something to write, and somewhere to write it.
    pub fn wants_write(&self) -> bool {
        matches!(self.state, State::Established | State::Closing) && !self.outbox.is_empty()
    }

    /// Whether the transport should be read: somebody waits for a message, or the connection is closing and
    /// what still comes is discarded, so that a peer that writes before it reads is not stuck.
    pub fn wants_read(&self) -> bool {
        match self.state {
            State::Established => self.inbox.is_hungry(),
            State::Closing => !self.inbox.is_finished(),
            State::Establishing | State::Closed => false,
        }
    }

    /// Whether it matters now when the peer has acknowledged everything.
    pub fn wants_acknowledgement(&self) -> bool {
        let matters = match self.state {
            State::Established => self.inbox.is_finished(),
            State::Closing => true,
            State::Establishing | State::Closed => false,
        };
        // Who was not asked to send our end yet has sent none to be acknowledged.
        let asked = !self.outputs.iter().any(|output| matches!(output, Output::Finish));
        matters && self.our_end == OurEnd::Sent && asked
    }

    /// Feeds it.
    pub fn handle(&mut self, input: Input) {
        if self.state == State::Closed {
            return;
        }
        match input {
            Input::Stream(on) => self.stream(on),
            Input::Close => self.close(),
            Input::Abort if self.state == State::Establishing => self.cancel(),
            Input::Abort => {
                self.outputs.push_back(Output::Abort);
                self.end_with(ConnectionFailure::AbortedLocally);
            }
            Input::Release if self.state == State::Establishing && !self.close_when_ready => self.cancel(),
            Input::Release => self.close(),
            Input::Established => self.established(),
            // The transport is not ours before it is established; whoever raced it reports.
            Input::PeerFinished
            | Input::Written(_)
            | Input::FrontTaken
            | Input::FrontRefused(_)
            | Input::SoftError(_)
            | Input::Failed(_)
                if self.state == State::Establishing => {}
            Input::EstablishmentFailed(failure) => {
                if self.state == State::Establishing {
                    self.fail_establishment(failure);
                }
            }
            Input::Arrived(message) => {
                if self.state == State::Established {
                    self.inbox.arrived(message);
                }
            }
            Input::PeerFinished => {
                self.inbox.finished();
                self.maybe_closed();
            }
            Input::Written(bytes) => self.taken(|outbox, sent| outbox.written(bytes, sent)),
            Input::FrontTaken => self.taken(|outbox, sent| outbox.take_front(sent)),
            Input::FrontRefused(reason) => self.front_refused(reason),
            Input::SoftError(reason) => self.tell(Event::SoftError(reason)),
            Input::Acknowledged => {
                if self.our_end == OurEnd::Sent {
                    self.our_end = OurEnd::Acknowledged;
                    self.maybe_closed();
                }
            }
            Input::Failed(failure) => self.end_with(failure),
        }
    }

    /// What to do next; `None` until it is fed again. Without `room` for a message, messages stay, and everything
    /// else goes past them.
    pub fn poll(&mut self, room: bool) -> Option<Output> {
        if self.outputs.is_empty() && self.state == State::Established {
            self.answer(room);
            self.maybe_closed();
        }
        self.outputs.pop_front()
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn stream(&mut self, on: bool) {
        if !self.inbox.is_shut() {
            self.inbox.stream(on);
        }
    }

    fn established(&mut self) {
        if self.state != State::Establishing {
            return;
        }
        self.state = State::Established;
        self.tell(Event::Ready);
        if self.close_when_ready {
            self.close();
        }
    }

    fn close(&mut self) {
        match self.state {
            // RFC 9622 §10: what was given for delivery is delivered first, even if that needs establishing.
            State::Establishing if !self.outbox.is_empty() => {
                self.close_when_ready = true;
                self.outbox.seal();
                self.shut_inbox(ReceiveFailure::Closed);
            }
            State::Establishing => self.cancel(),
            State::Established => {
                self.state = State::Closing;
                self.shut_inbox(ReceiveFailure::Closed);
                self.outbox.seal();
                if self.our_end == OurEnd::Open {
                    self.our_end = OurEnd::Due;
                }
                self.maybe_finish();
                self.maybe_closed();
            }
            State::Closing | State::Closed => {}
        }
    }

    fn cancel(&mut self) {
        self.outputs.push_back(Output::CancelEstablishment);
        self.fail_establishment(EstablishmentFailure::Cancelled);
    }

    fn fail_establishment(&mut self, failure: EstablishmentFailure) {
        self.refuse_outbox(&SendFailure::NotEstablished);
        self.shut_inbox(ReceiveFailure::NotEstablished);
        self.tell(Event::EstablishmentError(failure));
        self.release();
    }

    fn end_with(&mut self, failure: ConnectionFailure) {
        self.refuse_outbox(&SendFailure::Connection(failure.clone()));
        self.shut_inbox(ReceiveFailure::Connection(failure.clone()));
        match failure {
            ConnectionFailure::AbortedByPeer => self.tell(Event::Aborted),
            ConnectionFailure::TimedOut => self.tell(Event::Timeout),
            _ => {}
        }
        self.tell(Event::ConnectionError(failure));
        self.release();
    }

    fn release(&mut self) {
        self.state = State::Closed;
        self.outputs.push_back(Output::Release);
    }

    fn taken(&mut self, take: impl FnOnce(&mut Outbox, &mut dyn FnMut(MessageId, bool))) {
        let was_empty = self.outbox.is_empty();
        let Self { outbox, outputs, our_end, .. } = self;
        take(outbox, &mut |id, is_final| {
            outputs.push_back(Output::Event(Event::Sent(id)));
            if is_final {
                *our_end = OurEnd::Due;
            }
        });
        if !was_empty && self.outbox.is_empty() {
            self.tell(Event::AllWritten);
        }
        self.maybe_finish();
    }

    fn front_refused(&mut self, reason: SendFailure) {
        let Some((id, message)) = self.outbox.refuse_front() else { return };
        self.tell(Event::SendError { id, message, reason });
        if self.outbox.is_empty() {
            self.tell(Event::AllWritten);
        }
        self.maybe_finish();
    }

    fn maybe_finish(&mut self) {
        if self.our_end == OurEnd::Due && self.outbox.is_empty() {
            self.our_end = OurEnd::Sent;
            self.outputs.push_back(Output::Finish);
        }
    }

    /// A connection ends well when our end is acknowledged, and either the application closed it or the peer's
    /// end has come and everything before it was taken.
    fn maybe_closed(&mut self) {
        let ended = self.our_end == OurEnd::Acknowledged
            && (self.state == State::Closing
                || self.state == State::Established && self.inbox.is_exhausted());
        if ended {
            self.shut_inbox(ReceiveFailure::Finished);
            self.tell(Event::Closed);
            self.release();
        }
    }

    /// Answers whoever asked first; false if nothing is there to be said.
    fn answer(&mut self, room: bool) -> bool {
        let Some((asker, answer)) = self.inbox.answer(room) else { return false };
        self.tell(match answer {
            Ok(message) => Event::Received { asker, message },
            Err(reason) => Event::ReceiveError { asker, reason },
        });
        true
    }

    /// Refuses every request that is open. What has come for those who asked is theirs still, room or not: it is no
    /// more than one read brought.
    fn shut_inbox(&mut self, reason: ReceiveFailure) {
        let answers = self.state != State::Establishing && !self.inbox.is_shut();
        while answers && self.answer(true) {}
        let Self { inbox, outputs, .. } = self;
        inbox.shut(reason.clone(), |id| {
            let asker = Asker::Request(id);
            outputs.push_back(Output::Event(Event::ReceiveError { asker, reason: reason.clone() }));
        });
    }

    fn refuse_outbox(&mut self, reason: &SendFailure) {
        let Self { outbox, outputs, first, .. } = self;
        let told_already = first.filter(|_| *reason == SendFailure::NotEstablished);
        let mut first = None;
        outbox.refuse_all(|id, message| {
            if Some(id) == told_already {
                first = Some(message);
            } else {
                outputs.push_back(Output::Event(Event::SendError { id, message, reason: reason.clone() }));
            }
        });
        if let Some(first) = first {
            outbox.spend(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn the_message_of_initiate_with_send_shares_the_fate_of_the_establishment() {
        let told = |input: fn() -> Input| {
            let mut machine = Machine::new(Role::Initiated);
            machine.send_first("first".into());
            machine.send("second".into()).unwrap();
            machine.handle(input());
            std::iter::from_fn(move || machine.poll(true))
                .map(|output| format!("{output:?}"))
                .collect::<Vec<_>>()
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
            machine.handle(Input::Arrived(Message::new(text)));
        }
        machine.send(Message::new("out").last()).unwrap();
        machine.handle(Input::FrontTaken);
        machine.handle(Input::PeerFinished);
        let past: Vec<_> = std::iter::from_fn(|| machine.poll(false)).collect();
        use Output::{Event as Told, Finish, Release};
        assert!(matches!(past[..], [Told(Event::Sent(_)), Told(Event::AllWritten), Finish]), "{past:?}");

        machine.handle(Input::Acknowledged);
        assert!(machine.poll(false).is_none(), "it ends when everything was taken");
        let rest: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
        let [
            Told(Event::Received { .. }),
            Told(Event::Received { .. }),
            Told(Event::ReceiveError { .. }),
            Told(Event::Closed),
            Release,
        ] = &rest[..]
        else {
            panic!("{rest:?}")
        };
    }

    #[test]
    fn what_has_come_for_who_waits_to_pull_is_theirs_although_the_connection_fails() {
        let mut machine = machine_in("Established", "both ends open");
        machine.begin_pull();
        machine.handle(Input::Arrived(Message::new("last words")));
        machine.handle(Input::Failed(ConnectionFailure::AbortedByPeer));
        assert_eq!(machine.pull(), Some(Ok(Message::new("last words"))));
        assert!(matches!(machine.pull(), Some(Err(ReceiveFailure::Connection(_)))));
    }

    #[test]
    fn what_has_come_for_those_who_asked_is_theirs_although_the_connection_fails() {
        let mut machine = machine_in("Established", "both ends open");
        machine.receive().unwrap();
        machine.handle(Input::Arrived(Message::new("last words")));
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
        let id = machine.send(Message::new("last words")).unwrap();
        for input in
            [Input::Close, Input::Release, Input::Established, Input::FrontTaken, Input::Acknowledged]
        {
            machine.handle(input);
        }
        let outputs: Vec<_> = std::iter::from_fn(|| machine.poll(true)).collect();
        assert!(
            outputs.iter().any(|output| matches!(output, Output::Event(Event::Sent(sent)) if *sent == id))
        );
        assert!(matches!(outputs[..], [.., Output::Event(Event::Closed), Output::Release]));
    }

    #[test]
    fn a_refused_message_comes_back_and_costs_no_other_message() {
        let mut machine = Machine::new(Role::Accepted);
        let ids = ["taken", "too large", "taken too"].map(|text| machine.send(Message::new(text)).unwrap());
        let refusal = SendFailure::TooLarge { limit: 8 };
        for input in
            [Input::FrontTaken, Input::FrontRefused(refusal.clone()), Input::FrontTaken, Input::FrontTaken]
        {
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
        assert_eq!([*first, *id, *third], ids);
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
        machine.handle(Input::Arrived(Message::new("unread")));
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
            [Input::Written(7), Input::FrontTaken, refused, soft, Input::PeerFinished, Input::Acknowledged]
        {
            machine.handle(input);
            assert!(machine.poll(true).is_none());
        }
        assert_eq!(machine.outbox().pending(), 7);
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
            Input::Arrived(Message::new("arrival")),
            Input::PeerFinished,
            Input::Written(1),
            Input::FrontTaken,
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
            Input::FrontTaken => "FrontTaken",
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
            ("Established", "ours sent") => (Role::Accepted, Some(message().last()), vec![Input::FrontTaken]),
            ("Established", "ours acknowledged") => {
                (Role::Accepted, Some(message().last()), vec![Input::FrontTaken, Input::Acknowledged])
            }
            ("Established", "peer's came") => (Role::Accepted, None, vec![Input::PeerFinished]),
            ("Established", "both, ours sent") => {
                (Role::Accepted, Some(message().last()), vec![Input::FrontTaken, Input::PeerFinished])
            }
            ("Closing", "queued") => (Role::Accepted, Some(message()), vec![Input::Close]),
            ("Closing", "ours sent") => (Role::Accepted, None, vec![Input::Close]),
            ("Closed", "-") => (Role::Accepted, None, vec![Input::Abort]),
            other => panic!("how does one get to {other:?}?"),
        };
        let mut machine = Machine::new(role);
        if let Some(message) = sends {
            machine.send(message).unwrap();
        }
        for input in inputs {
            machine.handle(input);
        }
        machine
    }
}
