//! How an application asks a connection for what comes.

use super::Machine;
use crate::connection::partly::ReceiveLimits;
use crate::connection::words::State;
use crate::failure::ReceiveFailure;
use crate::message::{Message, ReceiveId};

impl Machine {
    /// Asks for one message. The answer is an event, whatever it is, unless the connection is Closed.
    pub fn receive(&mut self) -> Result<ReceiveId, ReceiveFailure> {
        self.receive_with(ReceiveLimits::default())
    }

    /// Asks for one message, or for a part of it (RFC 9622 §9.3.1). The answer is an event, as to
    /// [`receive`](Self::receive).
    pub fn receive_with(&mut self, limits: ReceiveLimits) -> Result<ReceiveId, ReceiveFailure> {
        if self.state == State::Closed {
            return Err(ReceiveFailure::Closed);
        }
        let id = self.inbox.request_with(limits);
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

    /// Takes a message by hand, as [`pull`](Self::pull) does; if there is none, Readable tells when there is.
    pub fn try_pull(&mut self) -> Option<Result<Message, ReceiveFailure>> {
        let pulled = self.pull();
        if pulled.is_none() {
            self.inbox.watch();
        }
        pulled
    }

    /// Whether somebody is to be told when there is something to pull.
    pub fn is_watched(&self) -> bool {
        self.inbox.is_watched()
    }
}
