//! What an attached actor is to hear, or is about to.

use super::few::Few;
use crate::events::Event;
use std::cell::RefCell;

/// How many empty queues a thread keeps.
const KEPT: usize = 4;

/// As [`Heard`] has them: they go back and forth without a copy.
type Queue = Box<Few<Event>>;

thread_local! {
    static QUEUES: RefCell<Vec<Queue>> = const { RefCell::new(Vec::new()) };
}

/// A queue of events that occupies nothing while it is empty: its memory is the thread's.
#[derive(Debug, Default)]
pub(crate) struct Heard(Option<Queue>);

impl Heard {
    pub(crate) fn push(&mut self, event: Event) {
        self.0.get_or_insert_with(take).push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| queue.is_empty())
    }

    /// The next one, which leaves.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let popped = self.0.as_mut()?.pop();
        if popped.is_none() {
            self.0.take().into_iter().for_each(give);
        }
        popped
    }
}

impl Iterator for Heard {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.pop()
    }
}

fn take() -> Queue {
    // A thread that ends has none.
    QUEUES.try_with(|queues| queues.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Keeps an empty queue for the next.
fn give(queue: Queue) {
    let _ = QUEUES.try_with(|queues| {
        let mut queues = queues.borrow_mut();
        if queues.len() < KEPT {
            queues.push(queue);
        }
    });
}
