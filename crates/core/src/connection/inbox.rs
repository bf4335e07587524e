//! Messages on their way in, and who asked for them.

use crate::failure::ReceiveFailure;
use crate::message::{Message, Messages, ReceiveId};
use std::collections::VecDeque;

/// The receive queue of one connection.
///
/// Four ways to ask: single requests (each answered exactly once, in order), a standing stream, pulls that take a
/// message out by hand, and a watch that tells once when there is something to pull. Whoever waits to pull goes first:
/// an answer may have to wait for room, a pull never.
/// The transport is read only while somebody asks, so the queue holds at most what
/// one read brought.
#[derive(Debug, Default)]
pub struct Inbox {
    messages: VecDeque<Message>,
    /// Requests made, ever; the id of the next one.
    requested: u64,
    /// Requests answered, ever. Requests are answered in order, so two numbers hold any backlog of them.
    answered: u64,
    streaming: bool,
    pulls: usize,
    /// Somebody is to be told when there is something to pull.
    watched: bool,
    /// Nothing is delivered any more, for this reason.
    shut: Option<ReceiveFailure>,
    end: End,
}

/// The peer's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// It has come; the stream, if there is one, has not been told yet.
    Finished,
    /// It has come, and the stream was told.
    Told,
}

/// Whom a message, or the lack of one, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A single request.
    Request(ReceiveId),
    /// The standing stream.
    Stream,
}

impl Inbox {
    /// Asks for one message.
    pub fn request(&mut self) -> ReceiveId {
        let id = ReceiveId(self.requested);
        self.requested += 1;
        id
    }

    /// Asks for every message, or no longer.
    pub fn stream(&mut self, on: bool) {
        self.streaming = on;
    }

    /// Somebody wants to pull.
    pub fn begin_pull(&mut self) {
        self.pulls += 1;
    }

    /// That one has pulled, or has lost interest.
    pub fn end_pull(&mut self) {
        self.pulls = self.pulls.saturating_sub(1);
    }

    /// Whether somebody wants to pull.
    pub fn is_pulled(&self) -> bool {
        self.pulls > 0
    }

    /// Whether somebody wants to pull, and a pull would give something.
    pub fn is_pull_due(&self) -> bool {
        self.pulls > 0 && self.is_given()
    }

    /// Whether a pull would give something.
    fn is_given(&self) -> bool {
        !self.messages.is_empty() || self.end != End::Open || self.shut.is_some()
    }

    /// Tells when there is something to pull, once.
    pub fn watch(&mut self) {
        self.watched = true;
    }

    /// Whether somebody wants to be told of something to pull.
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    /// Whether there is something to pull now, which is to be told; once.
    pub fn take_readable(&mut self) -> bool {
        let readable = self.watched && self.asker().is_none() && self.pulls == 0 && self.is_given();
        self.watched &= !readable;
        readable
    }

    /// Takes a message out by hand, or says that none will come.
    pub fn pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        match self.messages.pop_front() {
            Some(message) => Some(Ok(message)),
            None if self.shut.is_some() => self.shut.clone().map(Err),
            None if self.end == End::Open => None,
            None => Some(Err(ReceiveFailure::Finished)),
        }
    }

    /// The transport brought messages; after the peer's end there are none.
    pub fn arrived(&mut self, messages: Messages) {
        if self.shut.is_none() && self.end == End::Open {
            messages.join(&mut self.messages);
        }
    }

    /// The peer has sent its end.
    pub fn finished(&mut self) {
        if self.end == End::Open {
            self.end = End::Finished;
        }
    }

    /// The next answer that is due: a message to whoever asked first, everything there is to the stream, or that no
    /// message will come. None while a message is here for whoever pulls, or without room for a message.
    pub fn answer(&mut self, room: bool) -> Option<(Asker, Result<Messages, ReceiveFailure>)> {
        let asker = self.asker()?;
        if !self.messages.is_empty() && (self.pulls > 0 || !room) {
            return None;
        }
        let answer = match asker {
            Asker::Request(_) => self.messages.pop_front().map(Messages::from),
            Asker::Stream => Messages::all(&mut self.messages),
        };
        let answer = match answer {
            Some(messages) => Ok(messages),
            None => {
                match (&self.end, asker) {
                    (End::Open, _) | (End::Told, Asker::Stream) => return None,
                    (_, Asker::Stream) => self.end = End::Told,
                    _ => {}
                }
                Err(ReceiveFailure::Finished)
            }
        };
        if matches!(asker, Asker::Request(_)) {
            self.answered += 1;
        }
        Some((asker, answer))
    }

    /// Delivers nothing any more, but for what has come for those who wait to pull, and tells of every request that
    /// was not answered. Whoever pulls later is given the reason, the first one if it is shut again.
    pub fn shut(&mut self, reason: ReceiveFailure, mut refused: impl FnMut(ReceiveId)) {
        if self.shut.is_none() {
            self.messages.truncate(self.pulls);
            self.shut = Some(reason);
        }
        self.streaming = false;
        for id in self.answered..self.requested {
            refused(ReceiveId(id));
        }
        self.answered = self.requested;
    }

    /// Whether nothing is delivered any more.
    pub fn is_shut(&self) -> bool {
        self.shut.is_some()
    }

    /// Whether somebody asks and nothing is here for them.
    pub fn is_hungry(&self) -> bool {
        let asked = self.asker().is_some() || self.pulls > 0 || self.is_watched();
        asked && self.end == End::Open && self.messages.is_empty()
    }

    /// Whether the peer has sent its end and everything was taken.
    pub fn is_exhausted(&self) -> bool {
        self.end != End::Open && self.messages.is_empty()
    }

    /// Whether the peer has sent its end.
    pub fn is_finished(&self) -> bool {
        self.end != End::Open
    }

    fn asker(&self) -> Option<Asker> {
        if self.answered < self.requested {
            Some(Asker::Request(ReceiveId(self.answered)))
        } else if self.streaming {
            Some(Asker::Stream)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_request_goes_before_the_stream() {
        let mut inbox = Inbox::default();
        inbox.stream(true);
        let id = inbox.request();
        inbox.arrived(Message::new("first").into());
        inbox.arrived(Message::new("second").into());
        assert_eq!(inbox.answer(true), Some((Asker::Request(id), Ok(Message::new("first").into()))));
        assert_eq!(inbox.answer(true), Some((Asker::Stream, Ok(Message::new("second").into()))));
        assert_eq!(inbox.answer(true), None);
    }

    #[test]
    fn whoever_waits_to_pull_goes_before_all_others_until_they_have_lost_interest() {
        let mut inbox = Inbox::default();
        let id = inbox.request();
        inbox.begin_pull();
        inbox.arrived(Message::new("first").into());
        assert_eq!(inbox.answer(true), None);
        assert!(inbox.is_pull_due() && !inbox.is_hungry());
        inbox.end_pull();
        assert_eq!(inbox.answer(false), None);
        assert_eq!(inbox.answer(true), Some((Asker::Request(id), Ok(Message::new("first").into()))));
    }

    #[test]
    fn the_end_is_told_to_every_request_and_once_to_the_stream() {
        let mut inbox = Inbox::default();
        inbox.finished();
        let (one, two) = (inbox.request(), inbox.request());
        inbox.stream(true);
        let end = |asker| Some((asker, Err(ReceiveFailure::Finished)));
        assert_eq!(inbox.answer(true), end(Asker::Request(one)));
        assert_eq!(inbox.answer(true), end(Asker::Request(two)));
        assert_eq!(inbox.answer(true), end(Asker::Stream));
        assert_eq!(inbox.answer(true), None);
        let late = inbox.request();
        assert_eq!(inbox.answer(true), end(Asker::Request(late)));
    }

    #[test]
    fn nothing_arrives_after_the_peers_end() {
        let mut inbox = Inbox::default();
        inbox.finished();
        inbox.arrived(Message::new("ghost").into());
        assert!(inbox.is_exhausted());
        assert_eq!(inbox.pull(), Some(Err(ReceiveFailure::Finished)));
    }

    #[test]
    fn what_has_come_for_those_who_wait_to_pull_is_theirs_although_it_is_shut() {
        let mut inbox = Inbox::default();
        inbox.begin_pull();
        inbox.arrived(Message::new("last words").into());
        inbox.arrived(Message::new("for nobody").into());
        inbox.shut(ReceiveFailure::Closed, |id| panic!("{id:?} was never asked for"));
        inbox.shut(ReceiveFailure::Finished, |id| panic!("{id:?} was never asked for"));
        assert!(inbox.is_pull_due());
        assert_eq!(inbox.pull(), Some(Ok(Message::new("last words"))));
        assert_eq!(inbox.pull(), Some(Err(ReceiveFailure::Closed)));
    }

    #[test]
    fn an_inbox_that_is_shut_refuses_every_open_request_once_and_keeps_its_first_reason() {
        let mut inbox = Inbox::default();
        let asked = [inbox.request(), inbox.request()];
        let mut refused = Vec::new();
        inbox.shut(ReceiveFailure::Closed, |id| refused.push(id));
        inbox.shut(ReceiveFailure::Finished, |id| refused.push(id));
        inbox.arrived(Message::new("late").into());
        assert_eq!(refused, asked);
        assert_eq!(inbox.pull(), Some(Err(ReceiveFailure::Closed)));
    }
}
