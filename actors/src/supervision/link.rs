//! What the handles of a child and the task that supervises it share.

use super::event::{ChildId, Down, ExitReason};
use super::terms::Terms;
use actix::{Recipient, WeakRecipient};
use futures::task::AtomicWaker;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Which child it is and on which terms it lives, the wish that it stop, and who wants to know when it has. There is one
/// for each child, and there are many children: what is rare or the same for all is elsewhere.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) child: ChildId,
    pub(super) terms: Arc<Terms>,
    stop: AtomicBool,
    task: AtomicWaker,
    watchers: Mutex<Watchers>,
}

#[derive(Debug)]
enum Watchers {
    Waiting(Vec<WeakRecipient<Down>>),
    Told(ExitReason),
}

impl Default for Watchers {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl Link {
    /// For a new child.
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        let (stop, task, watchers) = Default::default();
        Self { child: ChildId::next(), terms, stop, task, watchers }
    }

    /// From a handle: the child is to end for good.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.task.wake();
    }

    /// To the task: whether it was told to stop since it last looked. From now on `stop` wakes this task.
    pub(super) fn told_to_stop(&self, task: &Waker) -> bool {
        self.task.register(task);
        self.stop.swap(false, Ordering::AcqRel)
    }

    /// From a handle: tells this watcher when the child has ended, at once if it already has.
    pub(super) fn watch(&self, watcher: WeakRecipient<Down>) {
        let reason = match &mut *self.watchers() {
            Watchers::Waiting(watchers) => {
                // A child may outlive many watchers: whenever the list would grow, the dead are let go.
                if watchers.len() == watchers.capacity() {
                    watchers.retain(|watcher| watcher.upgrade().is_some_and(|there| there.connected()));
                }
                return watchers.push(watcher);
            }
            Watchers::Told(reason) => reason.clone(),
        };
        tell(&watcher, self.down(&reason));
    }

    /// From the task: the child has ended for good. Only the first call counts.
    pub(super) fn ended(&self, reason: ExitReason) {
        let waiting = match &mut *self.watchers() {
            Watchers::Told(_) => return,
            watchers => mem::replace(watchers, Watchers::Told(reason.clone())),
        };
        if let Watchers::Waiting(waiting) = waiting {
            waiting.iter().for_each(|watcher| tell(watcher, self.down(&reason)));
        }
    }

    fn down(&self, reason: &ExitReason) -> Down {
        Down { child: self.child, name: self.terms.name.clone(), reason: reason.clone() }
    }

    /// Nothing that holds the lock can panic half-way.
    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(watcher: &WeakRecipient<Down>, down: Down) {
    if let Some(watcher) = watcher.upgrade() {
        tell_now(&watcher, down);
    }
}

#[expect(clippy::disallowed_methods, reason = "bounded: one message for each call of `watch`")]
fn tell_now(watcher: &Recipient<Down>, down: Down) {
    watcher.do_send(down);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::Plan;
    use actix::prelude::*;

    struct Ear;

    impl Actor for Ear {
        type Context = Context<Self>;
    }

    impl Handler<Down> for Ear {
        type Result = ();

        fn handle(&mut self, _: Down, _: &mut Self::Context) {}
    }

    #[test]
    fn watchers_that_are_gone_are_forgotten() {
        System::new().block_on(async {
            let link = Link::new(Arc::new(Terms::new(Plan::temporary())));
            let there = Ear.start();
            for _ in 0..1_000 {
                let gone = Ear.start();
                link.watch(gone.downgrade().recipient());
                drop(gone);
                actix_rt::task::yield_now().await;
            }
            link.watch(there.downgrade().recipient());
            let Watchers::Waiting(watchers) = &*link.watchers() else { panic!("told") };
            assert!(watchers.len() < 100, "{} watchers are remembered", watchers.len());
            assert!(watchers.last().unwrap().upgrade().is_some());
        });
    }
}
