//! Messages that wait for whoever takes them.

use super::messages::Messages;
use super::{Message, Run};
use std::collections::VecDeque;
use std::slice;

/// Messages in the order of arrival, kept as they came: alone, or many in one piece of memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// None of them is empty.
    chunks: VecDeque<Chunk>,
}

/// Messages that came together; one at least.
#[derive(Clone, Debug)]
pub(crate) enum Chunk {
    One(Message),
    Some(VecDeque<Message>),
    Run(Run),
}

impl Chunk {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Some(messages) => messages.len(),
            Self::Run(run) => run.len(),
        }
    }

    /// Bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::One(message) => message.len(),
            Self::Some(messages) => messages.iter().map(Message::len).sum(),
            Self::Run(run) => run.bytes(),
        }
    }

    fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let ((first, second), run): ((&[_], &[_]), _) = match self {
            Self::One(message) => ((slice::from_ref(message), &[]), None),
            Self::Some(messages) => (messages.as_slices(), None),
            Self::Run(run) => ((&[], &[]), Some(run)),
        };
        let alone = first.iter().chain(second).map(|message| &message.data[..]);
        alone.chain(run.into_iter().flat_map(Run::contents))
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
    }

    /// Bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum()
    }

    /// The contents, in order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().flat_map(Chunk::contents)
    }

    /// Puts one to the end.
    pub(crate) fn push(&mut self, message: Message) {
        match self.chunks.back_mut() {
            Some(Chunk::Some(messages)) => messages.push_back(message),
            Some(last @ Chunk::One(_)) => {
                let list = Chunk::Some(VecDeque::with_capacity(4));
                if let (Chunk::One(first), Chunk::Some(list)) = (std::mem::replace(last, list), last) {
                    list.extend([first, message]);
                }
            }
            _ => self.chunks.push_back(Chunk::One(message)),
        }
    }

    /// Puts those to the end that came together.
    pub(crate) fn push_chunk(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::One(message) => self.push(message),
            chunk => self.chunks.push_back(chunk),
        }
    }

    /// The first one, which may be changed.
    pub(crate) fn first_mut(&mut self) -> Option<&mut Message> {
        if let Some(Chunk::Run(_)) = self.chunks.front() {
            let first = self.pop()?;
            self.chunks.push_front(Chunk::One(first));
        }
        match self.chunks.front_mut()? {
            Chunk::One(message) => Some(message),
            Chunk::Some(messages) => messages.front_mut(),
            Chunk::Run(_) => None,
        }
    }

    /// Takes the first one out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let (first, is_empty) = match self.chunks.front_mut()? {
            Chunk::Run(run) => (run.pop(), run.len() == 0),
            Chunk::Some(messages) => (messages.pop_front(), messages.is_empty()),
            Chunk::One(message) => (Some(std::mem::take(message)), true),
        };
        if is_empty {
            self.chunks.pop_front();
            if self.chunks.is_empty() {
                self.chunks = VecDeque::new();
            }
        }
        first
    }

    /// Takes everything out; `None` if there is nothing.
    pub(crate) fn take_all(&mut self) -> Option<Messages> {
        // What came together leaves together: nothing is copied.
        let all = std::mem::take(self);
        if all.is_empty() { None } else { Some(Messages::of(all)) }
    }

    /// The only chunk, if there is no other, and it is no run.
    pub(super) fn into_only(mut self) -> Result<Chunk, Self> {
        if self.chunks.len() == 1
            && !matches!(self.chunks[0], Chunk::Run(_))
            && let Some(only) = self.chunks.pop_front()
        {
            Ok(only)
        } else {
            Err(self)
        }
    }

    /// Puts those of the other one to the end.
    pub(crate) fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else {
            other.chunks.into_iter().for_each(|chunk| self.push_chunk(chunk));
        }
    }

    /// Keeps the first few.
    pub(crate) fn truncate(&mut self, count: usize) {
        if count == 0 {
            self.chunks = VecDeque::new();
        } else if count < self.len() {
            let mut kept = Self::default();
            (0..count).for_each(|_| self.pop().into_iter().for_each(|message| kept.push(message)));
            *self = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageContext;
    use bytes::Bytes;

    fn run(text: &'static str) -> Chunk {
        let mut run = Run::new(Bytes::from_static(text.as_bytes()), MessageContext::default()).unwrap();
        (0..text.len()).for_each(|at| run.push(at, 1));
        Chunk::Run(run)
    }

    fn queue() -> Queue {
        let mut queue = Queue::default();
        queue.push("a".into());
        queue.push_chunk(run("bc"));
        queue.push("d".into());
        queue.push("e".into());
        queue.push_chunk(Chunk::One("f".into()));
        queue.push_chunk(Chunk::Some(VecDeque::from(["g".into(), "h".into()])));
        queue
    }

    fn text(mut queue: Queue) -> String {
        let all = std::iter::from_fn(|| queue.pop())
            .map(|message| String::from_utf8(message.data.to_vec()).unwrap());
        all.collect()
    }

    #[test]
    fn what_goes_in_comes_out_in_its_order() {
        let queue = queue();
        assert_eq!((queue.len(), queue.bytes(), queue.chunks.len()), (8, 8, 4));
        assert_eq!(queue.contents().flatten().copied().collect::<Vec<_>>(), b"abcdefgh");
        assert_eq!(text(queue), "abcdefgh");
    }

    #[test]
    fn the_first_few_are_kept_and_the_first_one_can_be_changed() {
        for kept in 0..10 {
            let mut queue = queue();
            queue.truncate(kept);
            assert_eq!(text(queue), "abcdefgh"[..kept.min(8)]);
        }
        let mut queue = queue();
        queue.pop();
        queue.first_mut().unwrap().data = Bytes::from_static(b"B");
        assert_eq!(text(queue), "Bcdefgh");
    }

    #[test]
    fn one_that_is_appended_follows() {
        let mut first = queue();
        first.append(queue());
        first.append(Queue::default());
        assert_eq!(text(first), "abcdefghabcdefgh");
    }
}
