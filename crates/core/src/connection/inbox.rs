//! Messages on their way in, and who asked for them.

use super::partly::{Partly, ReceiveLimits, Room, cut};
use crate::failure::ReceiveFailure;
use crate::framing::Part;
use crate::message::{Message, Messages, Queue, ReceiveId};

/// The receive queue of one connection.
///
/// Four ways to ask: single requests (each answered exactly once, in order), a standing stream, pulls that take a
/// message out by hand, and a watch that tells once when there is something to pull. Whoever waits to pull goes first:
/// an answer may have to wait for room, a pull never.
/// The transport is read only while somebody asks, so the queue holds at most what
/// one read brought.
///
/// A message may be delivered in parts (RFC 9622 §9.3.2.2): one that is longer than a request takes, and one that comes
/// in parts. Its parts follow each other. Whoever takes only whole messages is given none that came in parts and is
/// longer than [`Room::COLLECTED`].
#[derive(Debug, Default)]
pub struct Inbox {
    messages: Queue,
    /// Requests made, ever; the id of the next one.
    requested: u64,
    /// Requests answered, ever. Requests are answered in order, so two numbers hold any backlog of them.
    answered: u64,
    streaming: bool,
    pulls: usize,
    /// Somebody is to be told when there is something to pull.
    watched: bool,
    /// Nothing is delivered any more, for this reason.
    shut: Option<Box<ReceiveFailure>>,
    end: End,
    /// What only those need who ask for parts, or get them.
    partly: Option<Box<Partly>>,
}

/// An answer to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Messages: one for a request, one or more for the stream.
    Whole(Messages),
    /// A part of a message.
    Part(Part),
    /// None.
    Error(ReceiveFailure),
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

    /// Asks for one message, or for a part of it.
    pub fn request_with(&mut self, limits: ReceiveLimits) -> ReceiveId {
        let id = self.request();
        if limits != ReceiveLimits::default() {
            self.partly.get_or_insert_default().requests.push_back((id.0, limits));
        }
        id
    }

    /// How much of a message without its end the first request is content with, if it is.
    pub fn enough(&self) -> Option<usize> {
        let partly = self.partly.as_deref().filter(|partly| !partly.whole_only && self.pulls == 0)?;
        let limits = partly.limits(self.answered);
        limits.min_incomplete.map(|_| limits.enough())
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
        !self.messages.is_empty()
            || self.end != End::Open
            || self.shut.is_some()
            || self
                .partly
                .as_ref()
                .is_some_and(|partly| partly.begun || partly.spoilt.is_some() || is_too_long(partly))
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

    /// Takes a message out by hand, or says that none will come. A message of which a part was delivered is not for
    /// those who pull, and one that comes in parts is when it is complete.
    pub fn pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        if let Some(partly) = &mut self.partly {
            if partly.begun {
                return Some(Err(ReceiveFailure::InParts));
            }
            if self.messages.is_empty()
                && let Some(failure) = give_up(partly)
            {
                self.tidy();
                return Some(Err(failure));
            }
        }
        match self.messages.pop() {
            Some(message) => Some(Ok(message)),
            None if self.shut.is_some() => self.shut.as_deref().cloned().map(Err),
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

    /// Where whole messages are put as they come, if they may be: no message is open, and more may come.
    #[inline]
    pub(super) fn place(&mut self) -> Option<&mut Queue> {
        let open = self.partly.as_ref().is_some_and(|partly| partly.open.is_some());
        (!open && self.shut.is_none() && self.end == End::Open).then_some(&mut self.messages)
    }

    /// The transport brought a part of a message, which continues what was open.
    pub fn part_arrived(&mut self, part: Part) {
        let open = self.partly.as_ref().is_some_and(|partly| partly.open.is_some());
        if self.shut.is_some() || self.end != End::Open {
        } else if part.end_of_message && !open {
            self.messages.push(Message { data: part.data, context: part.context });
        } else {
            let whole = self.partly.get_or_insert_default().add(part);
            whole.into_iter().for_each(|whole| self.messages.push(whole));
            self.tidy();
        }
    }

    /// What came could not be parsed. The message that was open, if there was one, has no end.
    pub fn spoilt(&mut self, reason: ReceiveFailure) {
        if self.shut.is_none() && self.end == End::Open {
            let partly = self.partly.get_or_insert_default();
            partly.begun &= partly.open.is_none() || !self.messages.is_empty();
            partly.open = None;
            partly.spoilt = Some(reason);
        }
    }

    /// The peer has sent its end.
    pub fn finished(&mut self) {
        if self.end == End::Open {
            self.end = End::Finished;
            if let Some(partly) = &mut self.partly {
                // What has no end now will have none.
                partly.begun &= partly.open.is_none() || !self.messages.is_empty();
                partly.open = None;
            }
        }
    }

    /// The next answer that is due: a message to whoever asked first, everything there is to the stream, or that no
    /// message will come. None while a message is here for whoever pulls, or without room for a message.
    pub fn answer(&mut self, room: Room) -> Option<(Asker, Answer)> {
        let asker = self.asker()?;
        if self.partly.is_some() {
            return self.answer_partly(asker, room);
        }
        if !self.messages.is_empty() && (self.pulls > 0 || room == Room::None) {
            return None;
        }
        let answer = self.answer_whole(asker)?;
        if matches!(asker, Asker::Request(_)) {
            self.answered += 1;
        }
        Some((asker, answer))
    }

    fn answer_whole(&mut self, asker: Asker) -> Option<Answer> {
        let messages = match asker {
            Asker::Request(_) => self.messages.pop().map(Messages::from),
            Asker::Stream => self.messages.take_all(),
        };
        if let Some(messages) = messages {
            return Some(Answer::Whole(messages));
        }
        match (&self.end, asker) {
            (End::Open, _) | (End::Told, Asker::Stream) => return None,
            (_, Asker::Stream) => self.end = End::Told,
            _ => {}
        }
        Some(Answer::Error(ReceiveFailure::Finished))
    }

    #[cold]
    fn answer_partly(&mut self, asker: Asker, room: Room) -> Option<(Asker, Answer)> {
        let partly = self.partly.as_mut()?;
        if room != Room::None {
            partly.whole_only = room == Room::Whole;
        }
        let limits = match asker {
            Asker::Request(ReceiveId(id)) => partly.limits(id),
            Asker::Stream => ReceiveLimits::default(),
        };
        let something = !self.messages.is_empty() || partly.open.is_some() || partly.spoilt.is_some();
        if something && (self.pulls > 0 || room == Room::None) {
            return None;
        }
        let answer = if !self.messages.is_empty() {
            self.answer_first(limits, room)
        } else if let Some(open) = partly.open.as_mut().filter(|open| !open.skipped) {
            if room == Room::Parts {
                (open.len() >= limits.enough()).then(|| {
                    partly.begun = true;
                    Answer::Part(open.take(limits.most()))
                })
            } else if std::mem::take(&mut partly.begun) {
                // Whoever heard of its parts does so no longer.
                open.skip();
                Some(Answer::Error(ReceiveFailure::InParts))
            } else {
                give_up(partly).map(Answer::Error)
            }
        } else if let Some(failure) = give_up(partly) {
            Some(Answer::Error(failure))
        } else if something {
            None
        } else {
            self.answer_whole(asker)
        };
        let answer = match answer {
            None if !self.messages.is_empty() => self.answer_whole(asker)?,
            answer => answer?,
        };
        if let Asker::Request(ReceiveId(id)) = asker {
            self.answered += 1;
            if let Some(partly) = &mut self.partly {
                partly.answered(id);
            }
        }
        self.tidy();
        Some((asker, answer))
    }

    /// What becomes of the first message, if it is not to be delivered whole.
    fn answer_first(&mut self, limits: ReceiveLimits, room: Room) -> Option<Answer> {
        let (message, partly) = (self.messages.first_mut()?, self.partly.as_mut()?);
        if room == Room::Parts && (partly.begun || message.len() > limits.most()) {
            let part = cut(message, limits.most());
            partly.begun = !part.end_of_message;
            if part.end_of_message {
                self.messages.pop();
            }
            Some(Answer::Part(part))
        } else if std::mem::take(&mut partly.begun) {
            self.messages.pop();
            Some(Answer::Error(ReceiveFailure::InParts))
        } else {
            None
        }
    }

    /// Keeps nothing that is of no more use.
    fn tidy(&mut self) {
        self.partly.take_if(|partly| partly.is_idle());
    }

    /// Delivers nothing any more, but for what has come for those who wait to pull, and tells of every request that
    /// was not answered. Whoever pulls later is given the reason, the first one if it is shut again.
    pub fn shut(&mut self, reason: ReceiveFailure, mut refused: impl FnMut(ReceiveId)) {
        if self.partly.take().is_some_and(|partly| partly.begun) {
            // The rest of it is for nobody.
            self.messages.pop();
        }
        if self.shut.is_none() {
            self.messages.truncate(self.pulls);
            self.shut = Some(Box::new(reason));
        }
        self.streaming = false;
        for id in self.answered..self.requested {
            refused(ReceiveId(id));
        }
        self.answered = self.requested;
    }

    /// Whether messages may be delivered in parts, as far as is known.
    pub fn is_partly(&self) -> bool {
        self.partly.is_some()
    }

    /// Who is to have so many messages that came just now, all of them, if nobody and nothing is before them.
    #[inline]
    pub fn claims_all(&mut self, count: usize) -> Option<Asker> {
        let asker = self.asker().filter(|_| self.pulls == 0 && self.is_idle())?;
        match asker {
            Asker::Request(_) if count != 1 => return None,
            Asker::Request(_) => self.answered += 1,
            Asker::Stream => {}
        }
        Some(asker)
    }

    /// Whether nothing is here, and more may come.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.messages.is_empty() && self.end == End::Open && self.shut.is_none() && self.partly.is_none()
    }

    /// Whether nothing is delivered any more.
    pub fn is_shut(&self) -> bool {
        self.shut.is_some()
    }

    /// Whether somebody asks and nothing is here for them.
    pub fn is_hungry(&self) -> bool {
        let asked = self.asker().is_some() || self.pulls > 0 || self.is_watched();
        asked && self.end == End::Open && self.messages.is_empty() && !self.is_enough()
    }

    /// Whether there is enough for whoever asks first, though no message is complete.
    fn is_enough(&self) -> bool {
        let Some(partly) = &self.partly else { return false };
        let is_whole = partly.whole_only || self.pulls > 0 || self.asker().is_none();
        partly.spoilt.is_some()
            || partly.open.as_ref().is_some_and(|open| !open.skipped)
                && if is_whole {
                    partly.begun || is_too_long(partly)
                } else {
                    let limits = match self.asker() {
                        Some(Asker::Request(ReceiveId(id))) => partly.limits(id),
                        _ => ReceiveLimits::default(),
                    };
                    partly.open.as_ref().is_some_and(|open| open.len() >= limits.enough())
                }
    }

    /// Whether the peer has sent its end and everything was taken.
    pub fn is_exhausted(&self) -> bool {
        self.end != End::Open
            && self.messages.is_empty()
            && self.partly.as_ref().is_none_or(|partly| partly.spoilt.is_none())
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

/// Whether a message that comes in parts is longer than those are given who take only whole ones.
fn is_too_long(partly: &Partly) -> bool {
    partly.open.as_ref().is_some_and(|open| open.len() > Room::COLLECTED)
}

/// Why whoever takes only whole messages does not get the next one, if that is known.
fn give_up(partly: &mut Partly) -> Option<ReceiveFailure> {
    match &mut partly.open {
        Some(open) if open.len() > Room::COLLECTED => {
            open.skip();
            Some(ReceiveFailure::TooLong { limit: Room::COLLECTED })
        }
        Some(_) => None,
        None => partly.spoilt.take(),
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
        assert_eq!(
            inbox.answer(Room::Parts),
            Some((Asker::Request(id), Answer::Whole(Message::new("first").into())))
        );
        assert_eq!(
            inbox.answer(Room::Parts),
            Some((Asker::Stream, Answer::Whole(Message::new("second").into())))
        );
        assert_eq!(inbox.answer(Room::Parts), None);
    }

    #[test]
    fn whoever_waits_to_pull_goes_before_all_others_until_they_have_lost_interest() {
        let mut inbox = Inbox::default();
        let id = inbox.request();
        inbox.begin_pull();
        inbox.arrived(Message::new("first").into());
        assert_eq!(inbox.answer(Room::Parts), None);
        assert!(inbox.is_pull_due() && !inbox.is_hungry());
        inbox.end_pull();
        assert_eq!(inbox.answer(Room::None), None);
        assert_eq!(
            inbox.answer(Room::Parts),
            Some((Asker::Request(id), Answer::Whole(Message::new("first").into())))
        );
    }

    #[test]
    fn the_end_is_told_to_every_request_and_once_to_the_stream() {
        let mut inbox = Inbox::default();
        inbox.finished();
        let (one, two) = (inbox.request(), inbox.request());
        inbox.stream(true);
        let end = |asker| Some((asker, Answer::Error(ReceiveFailure::Finished)));
        assert_eq!(inbox.answer(Room::Parts), end(Asker::Request(one)));
        assert_eq!(inbox.answer(Room::Parts), end(Asker::Request(two)));
        assert_eq!(inbox.answer(Room::Parts), end(Asker::Stream));
        assert_eq!(inbox.answer(Room::Parts), None);
        let late = inbox.request();
        assert_eq!(inbox.answer(Room::Parts), end(Asker::Request(late)));
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
