//! What was heard, and what may not be.

use neatflow_actors::events::{Event, EventKind};
use neatflow_actors::flow::ConnectionId;
use neatflow_actors::listener::ListenerId;
use neatflow_core::{MessageId, ReceiveId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What a subscriber heard, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Vec<Line>,
}

/// One event, without what it holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// When it was handled, since the probe was started.
    pub at: Duration,
    /// Which event.
    pub kind: EventKind,
    /// Whose event, if it is a connection's; of a `ConnectionReceived`, the new connection.
    pub connection: Option<ConnectionId>,
    /// Whose event, if it is a listener's.
    pub listener: Option<ListenerId>,
    /// Whose fate it is.
    pub message: Option<MessageId>,
    /// Which request it answers.
    pub receive: Option<ReceiveId>,
    /// What came, or why not.
    pub text: String,
}

impl Trace {
    pub(super) fn push(&mut self, at: Duration, event: &Event) {
        self.lines.push(Line::new(at, event));
    }

    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The events, by name.
    pub fn words(&self) -> Vec<&'static str> {
        self.lines.iter().map(|line| line.kind.name()).collect()
    }

    /// The lines of this kind.
    pub fn of(&self, kind: EventKind) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.kind == kind)
    }

    /// When the first event of this kind was heard.
    pub fn time_of(&self, kind: EventKind) -> Option<Duration> {
        self.of(kind).next().map(|line| line.at)
    }

    /// Everything that was received, put together.
    pub fn received(&self) -> String {
        self.of(EventKind::Received).map(|line| line.text.as_str()).collect()
    }

    /// Asserts, for each connection and each listener, what holds for every subscriber:
    ///
    /// - at most one terminal event, and nothing after it;
    /// - one fate for each message, Sent in the order of sending;
    /// - one answer for each receive, in the order of the requests;
    /// - before Ready nothing but refusals and soft errors, and EstablishmentError only without it;
    /// - Aborted just before ConnectionError.
    ///
    /// # Panics
    /// When something else was heard.
    #[track_caller]
    pub fn check(&self) {
        let mut connections: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
        let mut listeners: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
        for line in &self.lines {
            match (line.listener, line.connection) {
                (Some(listener), _) => listeners.entry(listener).or_default().push(line),
                (None, Some(connection)) => connections.entry(connection).or_default().push(line),
                (None, None) => {}
            }
        }
        let judged = connections
            .values()
            .map(|heard| connection_fault(heard))
            .chain(listeners.values().map(|heard| end_fault(heard)));
        if let Some(fault) = judged.into_iter().flatten().next() {
            panic!("{fault}:\n{self}");
        }
    }

    /// As [`check`](Self::check); and this connection has ended, with a fate for each of these messages and an
    /// answer to each of these requests.
    ///
    /// # Panics
    /// When it is otherwise.
    #[track_caller]
    pub fn check_ended(&self, connection: ConnectionId, messages: Range<u64>, requests: Range<u64>) {
        self.check();
        let heard: Vec<_> = self.lines.iter().filter(|line| line.connection == Some(connection)).collect();
        let ended = heard.last().is_some_and(|line| line.kind.is_terminal());
        assert!(ended, "#{connection} has not ended:\n{self}");
        let fates: BTreeSet<_> = heard.iter().filter_map(|line| line.message).map(|id| id.0).collect();
        assert!(fates.into_iter().eq(messages.clone()), "the fates are not those of {messages:?}:\n{self}");
        let answers: BTreeSet<_> = heard.iter().filter_map(|line| line.receive).map(|id| id.0).collect();
        assert!(
            answers.into_iter().eq(requests.clone()),
            "the answers are not those to {requests:?}:\n{self}"
        );
    }
}

fn connection_fault(heard: &[&Line]) -> Option<String> {
    end_fault(heard)
        .or_else(|| {
            order_fault(heard.iter().filter(|line| line.kind == EventKind::Sent), |line| line.message)
        })
        .or_else(|| repeat_fault(heard.iter().filter_map(|line| line.message), "message"))
        .or_else(|| repeat_fault(heard.iter().filter_map(|line| line.receive), "request"))
        .or_else(|| order_fault(heard.iter(), |line| line.receive))
        .or_else(|| ready_fault(heard))
        .or_else(|| aborted_fault(heard))
}

fn end_fault(heard: &[&Line]) -> Option<String> {
    let end = heard.iter().position(|line| line.kind.is_terminal())?;
    let after = heard.get(end + 1)?;
    Some(format!("{} after the terminal event", after.kind))
}

fn order_fault<'a, T: PartialOrd>(
    lines: impl Iterator<Item = &'a &'a Line>,
    id: impl Fn(&Line) -> Option<T>,
) -> Option<String> {
    let ids: Vec<_> = lines.filter_map(|line| Some((id(line)?, line.kind))).collect();
    let (_, kind) = ids.windows(2).find(|pair| pair[0].0 > pair[1].0).map(|pair| &pair[1])?;
    Some(format!("{kind} out of order"))
}

fn repeat_fault<T: Ord + Copy + fmt::Debug>(mut ids: impl Iterator<Item = T>, what: &str) -> Option<String> {
    let mut seen = BTreeSet::new();
    ids.find(|id| !seen.insert(*id)).map(|id| format!("{what} {id:?} was settled twice"))
}

fn ready_fault(heard: &[&Line]) -> Option<String> {
    use EventKind as E;
    let may_be_early = |line: &&Line| {
        matches!(line.kind, E::SendError | E::ReceiveError | E::SoftError | E::NetworkStatusChanged)
    };
    let readies = heard.iter().filter(|line| line.kind == E::Ready).count();
    let established = heard.iter().position(|line| line.kind == E::Ready);
    let failed = heard.iter().position(|line| line.kind == E::EstablishmentError);
    match (established, failed) {
        _ if readies > 1 => Some("Ready came twice".to_owned()),
        (Some(_), Some(_)) => Some("EstablishmentError after Ready".to_owned()),
        (Some(place), None) | (None, Some(place)) => {
            let early = heard[..place].iter().find(|line| !may_be_early(line))?;
            Some(format!("{} before Ready", early.kind))
        }
        (None, None) => None,
    }
}

fn aborted_fault(heard: &[&Line]) -> Option<String> {
    let after = heard.windows(2).find(|pair| pair[0].kind == EventKind::Aborted).map(|pair| pair[1])?;
    (after.kind != EventKind::ConnectionError).then(|| format!("{} after Aborted", after.kind))
}

impl Line {
    fn new(at: Duration, event: &Event) -> Self {
        let mut line = Self {
            at,
            kind: event.kind(),
            connection: event.connection().map(|connection| connection.id()),
            listener: None,
            message: None,
            receive: None,
            text: String::new(),
        };
        match event {
            Event::Sent(sent) => line.message = Some(sent.id),
            Event::SendError(error) => {
                line.message = Some(error.id);
                line.text = error.reason.to_string();
            }
            Event::Received(received) => {
                line.receive = received.receive;
                line.text = received.to_string();
            }
            Event::ReceiveError(error) => {
                line.receive = error.receive;
                line.text = error.reason.to_string();
            }
            Event::SoftError(error) => line.text = error.reason.to_string(),
            Event::EstablishmentError(error) => line.text = error.reason.to_string(),
            Event::ConnectionError(error) => line.text = error.reason.to_string(),
            Event::ConnectionReceived(received) => {
                line.listener = Some(received.listener.id());
                line.connection = Some(received.connection.id());
            }
            Event::ListenError(error) => {
                line.listener = Some(error.listener.id());
                line.text = error.reason.to_string();
            }
            Event::Stopped(stopped) => line.listener = Some(stopped.listener.id()),
            _ => {}
        }
        line
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12?}", self.at)?;
        if let Some(listener) = self.listener {
            write!(f, " listener {listener}")?;
        }
        if let Some(connection) = self.connection {
            write!(f, " #{connection}")?;
        }
        write!(f, " {}", self.kind)?;
        if let Some(message) = self.message {
            write!(f, " {}", message.0)?;
        }
        if let Some(receive) = self.receive {
            write!(f, " for {}", receive.0)?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Talk;
    use crate::{paused, quiet_panics};
    use EventKind as E;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// An event, with the message or the request it settles.
    type Heard = (EventKind, Option<u64>);

    /// A connection's trace.
    fn trace(heard: &[Heard]) -> Trace {
        let connection = paused(async { Talk::begin().await.connection.id() });
        let line = |&(kind, id): &Heard| Line {
            at: Duration::ZERO,
            kind,
            connection: Some(connection),
            listener: None,
            message: id.filter(|_| matches!(kind, E::Sent | E::SendError)).map(MessageId),
            receive: id.filter(|_| matches!(kind, E::Received | E::ReceiveError)).map(ReceiveId),
            text: String::new(),
        };
        Trace { lines: heard.iter().map(line).collect() }
    }

    fn fault(heard: &[Heard]) -> Option<String> {
        let _quiet = quiet_panics(":\n");
        let trace = trace(heard);
        let panic = catch_unwind(AssertUnwindSafe(|| trace.check())).err()?;
        let said = panic.downcast::<String>().unwrap();
        Some(said.split(":\n").next().unwrap().to_owned())
    }

    #[test]
    fn what_may_be_heard_is_not_reproached() {
        let heard = [
            (E::SendError, Some(1)),
            (E::Ready, None),
            (E::Sent, Some(0)),
            (E::AllWritten, None),
            (E::Received, Some(0)),
            (E::Received, None),
            (E::SendError, Some(2)),
            (E::ReceiveError, Some(1)),
            (E::Aborted, None),
            (E::ConnectionError, None),
        ];
        assert_eq!(fault(&heard), None);
    }

    #[test]
    fn what_may_not_be_heard_is_named() {
        let cases: &[(&[Heard], &str)] = &[
            (&[(E::Closed, None), (E::Closed, None)], "Closed after the terminal event"),
            (&[(E::ConnectionError, None), (E::AllWritten, None)], "AllWritten after the terminal event"),
            (&[(E::Sent, Some(1)), (E::Sent, Some(0))], "Sent out of order"),
            (&[(E::Sent, Some(1)), (E::SendError, Some(1))], "message MessageId(1) was settled twice"),
            (&[(E::Received, Some(0)), (E::ReceiveError, Some(0))], "request ReceiveId(0) was settled twice"),
            (&[(E::Received, Some(1)), (E::Received, Some(0))], "Received out of order"),
            (&[(E::Received, None), (E::Ready, None)], "Received before Ready"),
            (&[(E::Ready, None), (E::Ready, None)], "Ready came twice"),
            (&[(E::Ready, None), (E::EstablishmentError, None)], "EstablishmentError after Ready"),
            (&[(E::Sent, Some(0)), (E::EstablishmentError, None)], "Sent before Ready"),
            (&[(E::Aborted, None), (E::AllWritten, None)], "AllWritten after Aborted"),
        ];
        for (heard, expected) in cases {
            assert_eq!(fault(heard).as_deref(), Some(*expected));
        }
    }

    #[test]
    fn an_end_without_every_fate_is_none() {
        let _quiet = quiet_panics(":\n");
        let trace = trace(&[(E::Ready, None), (E::Sent, Some(0)), (E::Closed, None)]);
        let connection = trace.lines[0].connection.unwrap();
        trace.check_ended(connection, 0..1, 0..0);
        for (messages, requests) in [(0..2, 0..0), (0..1, 0..1), (0..0, 0..0)] {
            let check =
                AssertUnwindSafe(|| trace.check_ended(connection, messages.clone(), requests.clone()));
            assert!(catch_unwind(check).is_err());
        }
    }
}
