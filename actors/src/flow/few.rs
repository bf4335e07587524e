//! A queue that usually has one element or none.

use std::collections::VecDeque;

/// First in, first out. One element needs no memory but the queue's own, and no memory is kept for those that have left.
#[derive(Debug)]
pub(crate) struct Few<T> {
    first: Option<T>,
    /// Those behind `first`; only these, once it has left.
    others: VecDeque<T>,
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, element: T) {
        if self.is_empty() {
            self.first = Some(element);
        } else {
            self.others.push_back(element);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let popped = self.first.take().or_else(|| self.others.pop_front());
        if self.others.is_empty() && self.others.capacity() > 0 {
            self.others = VecDeque::new();
        }
        popped
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: VecDeque::new() }
    }
}

impl<T> Iterator for Few<T> {
    type Item = T;

    /// The next one, which leaves.
    fn next(&mut self) -> Option<T> {
        self.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn it_is_a_queue_that_keeps_no_memory(steps: Vec<Option<u8>>) -> bool {
            let (mut few, mut all) = (Few::default(), VecDeque::new());
            steps.into_iter().all(|step| {
                let same = match step {
                    Some(element) => {
                        few.push(element);
                        all.push_back(element);
                        true
                    }
                    None => few.pop() == all.pop_front(),
                };
                same && few.len() == all.len() && (few.len() > 1 || few.others.capacity() == 0 || few.first.is_none())
            })
        }
    }
}
