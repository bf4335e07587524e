//! Tells the parent, the watchers and the log what happens to a child.

use super::catch::contain;
use super::event::{ChildEvent, ChildEventKind, ExitReason};
use super::link::Link;
use super::plan::Plan;
use actix::{Recipient, WeakRecipient};
use slog::Logger;
use std::sync::Arc;
use std::time::Duration;

/// Sees to it that the end of a child is told exactly once: when this is dropped, if not before.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) link: Arc<Link>,
    told: bool,
}

impl Report {
    /// Of this child.
    pub(super) fn of(link: Arc<Link>) -> Self {
        Self { link, told: false }
    }

    /// As it was planned.
    pub(super) fn plan(&self) -> &Plan {
        &self.link.terms.plan
    }

    /// The child ended, and will be restarted.
    pub(super) fn restarting(&self, attempt: u64, reason: ExitReason, wait: Duration) {
        self.log(|log| {
            slog::warn!(log, "restarting"; "child" => %self.link.terms.name, "child_id" => %self.link.child, "attempt" => attempt, "reason" => %reason, "wait" => ?wait);
        });
        self.tell(ChildEventKind::Restarting { attempt, reason, wait });
    }

    /// The child was restarted.
    pub(super) fn restarted(&self, attempt: u64) {
        self.log(|log| slog::debug!(log, "restarted"; "child" => %self.link.terms.name, "child_id" => %self.link.child, "attempt" => attempt));
        self.tell(ChildEventKind::Restarted { attempt });
    }

    /// The child ended, and nobody cures it.
    pub(super) fn gave_up(&mut self, reason: ExitReason) {
        self.log(|log| slog::error!(log, "gave up"; "child" => %self.link.terms.name, "child_id" => %self.link.child, "reason" => %reason));
        self.ended(ChildEventKind::GaveUp { reason: reason.clone() }, reason);
    }

    /// The child ended as it should.
    pub(super) fn finished(&mut self) {
        self.log(|log| slog::debug!(log, "finished"; "child" => %self.link.terms.name, "child_id" => %self.link.child));
        self.ended(ChildEventKind::Finished, ExitReason::Stopped);
    }

    /// The child panicked once more while it was taken down. It changes nothing.
    pub(super) fn panicked_at_its_end(&self, message: &str) {
        self.log(|log| slog::error!(log, "panicked at its end"; "child" => %self.link.terms.name, "child_id" => %self.link.child, "message" => message));
    }

    fn ended(&mut self, what: ChildEventKind, reason: ExitReason) {
        self.told = true;
        self.tell(what);
        self.link.ended(reason);
    }

    fn tell(&self, what: ChildEventKind) {
        let terms = &self.link.terms;
        if let Some(parent) = terms.parent.as_ref().and_then(WeakRecipient::upgrade) {
            send(&parent, ChildEvent { child: self.link.child, name: terms.name.clone(), what });
        }
    }

    /// A drain is foreign code: its panic must not cost the child its supervision.
    fn log(&self, record: impl FnOnce(&Logger)) {
        let Some(log) = &self.link.terms.log else { return };
        // There is nobody left to tell.
        let _ = contain(|| record(log));
    }
}

impl Drop for Report {
    /// Nobody runs the child any more: its arbiter stopped, or had stopped before the child was there.
    fn drop(&mut self) {
        if !self.told {
            self.log(|log| slog::debug!(log, "its arbiter is gone"; "child" => %self.link.terms.name, "child_id" => %self.link.child));
            self.ended(ChildEventKind::GaveUp { reason: ExitReason::Stopped }, ExitReason::Stopped);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounded: two for each restart the budget grants, one for the end"
)]
fn send(parent: &Recipient<ChildEvent>, event: ChildEvent) {
    parent.do_send(event);
}
