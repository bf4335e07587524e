//! What the handles of a child and the task that supervises it share.

use super::event::Down;
use actix::{Recipient, WeakRecipient};
use futures::task::AtomicWaker;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The wish that the child stop, and who wants to know when it has.
#[derive(Debug, Default)]
pub(super) struct Link {
    stop: AtomicBool,
    task: AtomicWaker,
    watchers: Mutex<Watchers>,
}

#[derive(Debug)]
enum Watchers {
    Waiting(Vec<WeakRecipient<Down>>),
    Told(Down),
}

impl Default for Watchers {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl Link {
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
        let down = match &mut *self.watchers() {
            Watchers::Waiting(watchers) => {
                // A child may outlive many watchers: whenever the list would grow, the dead are let go.
                if watchers.len() == watchers.capacity() {
                    watchers.retain(|watcher| watcher.upgrade().is_some_and(|there| there.connected()));
                }
                return watchers.push(watcher);
            }
            Watchers::Told(down) => down.clone(),
        };
        tell(&watcher, down);
    }

    /// From the task: the child has ended for good. Only the first call counts.
    pub(super) fn ended(&self, down: Down) {
        let waiting = match &mut *self.watchers() {
            Watchers::Told(_) => return,
            watchers => mem::replace(watchers, Watchers::Told(down.clone())),
        };
        if let Watchers::Waiting(waiting) = waiting {
            waiting.iter().for_each(|watcher| tell(watcher, down.clone()));
        }
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
            let link = Link::default();
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
