//! Messages that are told of together.

use super::Message;
use super::queue::{Chunk, Queue};
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// One message or more, in the order of arrival.
///
/// It is a slice of messages: it can be indexed, iterated, asked for its length. Many small messages may have come in
/// one piece of memory; each becomes a [`Message`] when somebody takes it. To take them one by one (`for message in
/// messages`) keeps no list of them, to look at the slice makes one, once, and whoever wants their bytes alone has
/// [`contents`](Self::contents).
#[derive(Clone)]
pub struct Messages(Many);

#[derive(Clone)]
enum Many {
    /// The usual case on a byte stream; it needs no allocation.
    One(Message),
    Some(Vec<Message>),
    Queue {
        queue: Queue,
        /// The same, once somebody has looked at the slice.
        list: OnceLock<Vec<Message>>,
    },
}

impl Messages {
    /// Those in the queue, which is not empty.
    pub(super) fn of(queue: Queue) -> Self {
        Self(match queue.into_only() {
            Ok(Chunk::One(message)) => Many::One(message),
            Ok(Chunk::Some(messages)) => Many::Some(messages.into()),
            Ok(run @ Chunk::Run(_)) => {
                let mut queue = Queue::default();
                queue.push_chunk(run);
                Many::Queue { queue, list: OnceLock::new() }
            }
            Err(queue) => Many::Queue { queue, list: OnceLock::new() },
        })
    }

    /// Puts them behind those in the queue.
    pub(crate) fn join(self, queue: &mut Queue) {
        match self.0 {
            Many::One(message) => queue.push(message),
            Many::Some(messages) => queue.push_chunk(Chunk::Some(messages.into())),
            Many::Queue { queue: other, .. } => queue.append(other),
        }
    }

    /// How many there are: one at least.
    #[expect(clippy::len_without_is_empty, reason = "they are never none")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Many::One(_) => 1,
            Many::Some(messages) => messages.len(),
            Many::Queue { queue, .. } => queue.len(),
        }
    }

    /// How many bytes they have together.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Many::One(message) => message.len(),
            Many::Some(messages) => messages.iter().map(Message::len).sum(),
            Many::Queue { queue, .. } => queue.bytes(),
        }
    }

    /// The content of each, in order: the cheapest way to look at many.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let (list, queue) = match &self.0 {
            Many::One(message) => (std::slice::from_ref(message), None),
            Many::Some(messages) => (&messages[..], None),
            Many::Queue { queue, .. } => (&[][..], Some(queue)),
        };
        let listed = list.iter().map(|message| &message.data[..]);
        listed.chain(queue.into_iter().flat_map(Queue::contents))
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Messages {
    /// Whether they are the same messages, however they came.
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Messages {}

impl TryFrom<Vec<Message>> for Messages {
    type Error = NoMessage;

    /// Those in the list, unless it is empty.
    fn try_from(messages: Vec<Message>) -> Result<Self, NoMessage> {
        if messages.is_empty() { Err(NoMessage) } else { Ok(Self(Many::Some(messages))) }
    }
}

/// There is no message among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no message")]
pub struct NoMessage;

impl From<Message> for Messages {
    fn from(message: Message) -> Self {
        Self(Many::One(message))
    }
}

impl Deref for Messages {
    type Target = [Message];

    fn deref(&self) -> &[Message] {
        match &self.0 {
            Many::One(message) => std::slice::from_ref(message),
            Many::Some(messages) => messages,
            Many::Queue { queue, list } => {
                list.get_or_init(|| IntoMessages(Left::Queue(queue.clone())).collect())
            }
        }
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Messages {
    type Item = Message;
    type IntoIter = IntoMessages;

    fn into_iter(self) -> IntoMessages {
        IntoMessages(match self.0 {
            Many::One(message) => Left::One(Some(message)),
            Many::Some(messages) => Left::Some(messages.into_iter()),
            Many::Queue { queue, .. } => Left::Queue(queue),
        })
    }
}

/// Messages, one after the other.
#[derive(Debug)]
pub struct IntoMessages(Left);

#[derive(Debug)]
enum Left {
    One(Option<Message>),
    Some(std::vec::IntoIter<Message>),
    Queue(Queue),
}

impl Iterator for IntoMessages {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        match &mut self.0 {
            Left::One(one) => one.take(),
            Left::Some(some) => some.next(),
            Left::Queue(queue) => queue.pop(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Left::One(one) => usize::from(one.is_some()),
            Left::Some(some) => some.len(),
            Left::Queue(queue) => queue.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for IntoMessages {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageContext, Run};
    use bytes::Bytes;

    /// The same three messages, as they may come.
    fn all_ways() -> [Messages; 3] {
        let mut run = Run::new(Bytes::from_static(b"-b--cc"), MessageContext::default()).unwrap();
        run.push(1, 1);
        run.push(4, 2);
        let mut mixed = Queue::default();
        mixed.push("a".into());
        mixed.push_chunk(Chunk::Run(run));
        let list = || ["a", "b", "cc"].map(Message::new);
        let mut queue = Queue::default();
        list().into_iter().for_each(|message| queue.push(message));
        [list().to_vec().try_into().unwrap(), Messages::of(queue), Messages::of(mixed)]
    }

    #[test]
    fn messages_are_the_same_however_they_came_and_however_they_are_looked_at() {
        for messages in all_ways() {
            assert_eq!(messages, all_ways()[0]);
            assert_eq!((messages.len(), messages.bytes(), messages[2].len()), (3, 4, 2));
            assert!(messages.contents().eq([&b"a"[..], b"b", b"cc"]));
            assert!(messages.iter().map(|message| &message.data[..]).eq(messages.contents()));
            let mut queue = Queue::default();
            messages.clone().join(&mut queue);
            assert_eq!(queue.take_all(), Some(messages.clone()));
            assert_eq!(messages.clone().into_iter().len(), 3);
            assert!(messages.into_iter().eq(["a", "b", "cc"].map(Message::new)));
        }
    }

    #[test]
    fn one_is_itself() {
        let one = Messages::from(Message::new("one"));
        assert_eq!((one.len(), one.bytes(), &one[0]), (1, 3, &Message::new("one")));
        assert!(one.into_iter().eq([Message::new("one")]));
        assert_eq!(Messages::try_from(Vec::new()), Err(NoMessage));
    }
}
