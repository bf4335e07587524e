//! An outbox, and what it should be.

use crate::model::{Entry, Model};
use crate::step::{Step, Usual};
use bytes::BytesMut;
use neatflow_core::connection::{Outbox, Pack, Pushed};
use neatflow_core::properties::MessageProperties;
use neatflow_core::{Message, MessageId, SendFailure, Time};
use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Why the front is refused.
const REASON: SendFailure = SendFailure::TooLarge { limit: 1 };

/// The longest message that is pushed.
const LONGEST: usize = 5000;

pub(crate) struct Pair {
    real: Outbox,
    model: Model,
    usual: MessageProperties,
    now: Time,
    pushed: u64,
    accepted: Vec<MessageId>,
    fates: Vec<MessageId>,
}

impl Pair {
    pub(crate) fn new(high_water: usize, Usual(mut usual): Usual) -> Self {
        let real = Outbox::new(high_water).with_usual(&usual);
        // Which message is the last one is said of that message alone.
        usual.is_final = None;
        Self {
            real,
            model: Model { high_water, queue: Vec::new(), taken: 0, end: None, was_high: false },
            usual,
            now: Time::ZERO,
            pushed: 0,
            accepted: Vec::new(),
            fates: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { len, said } => self.push(Message::new(self.content(len)).with_properties(&said.0)),
            Step::PushSlices { len, count } => (0..count).for_each(|_| self.push_slice(len)),
            Step::PushPack { lens, count, capacity } => self.push_pack(lens, count, capacity),
            Step::Write { slots, share } => self.write(slots, share),
            Step::Claim(bytes) => self.written(bytes),
            Step::TakeFront { share, more } => self.take_front(share, more),
            Step::RefuseFront => {
                let expected = self.model.refuse_front();
                let mut told = Vec::new();
                let any = self.real.refuse_front(&REASON, |id, message| told.push((id, message)));
                assert_eq!(any, expected.is_some());
                self.given_back(told, expected.into_iter().collect());
            }
            Step::Pass(millis) => self.expire(millis),
            Step::Seal => {
                self.real.seal();
                self.model.end = Some(SendFailure::Closed);
            }
            Step::RefuseAll => self.refuse_all(),
            Step::Lend(capacity) => {
                let mut buffer = BytesMut::with_capacity(capacity);
                buffer.extend_from_slice(&b"old"[..3.min(capacity)]);
                self.real.lend(buffer);
            }
            Step::Reclaim => {
                let given: Vec<_> = std::iter::from_fn(|| self.real.reclaim()).collect();
                assert!(given.len() <= 8, "{} buffers are too many to keep", given.len());
                assert!(given.iter().all(|buffer| buffer.is_empty() && buffer.capacity() > 0));
            }
            Step::Trim => self.real.trim(),
        }
        self.compare();
    }

    /// Whatever is left comes back; then every message has had its fate.
    pub(crate) fn end(&mut self) {
        self.step(&Step::RefuseAll);
        self.fates.sort_unstable();
        assert_eq!(self.fates, self.accepted, "one fate for each message that was taken");
    }

    fn push(&mut self, message: Message) {
        let holds = message.context.properties.or(&self.usual);
        let deadline = holds.lifetime().map(|lifetime| self.now + lifetime);
        let entry = Entry { id: self.next_id(), message: message.clone(), holds, deadline };
        let expected = self.model.push(entry.clone());

        let (id, pushed) = self.real.push(message.clone(), self.now);

        assert_eq!(id, entry.id, "ids rise by one, refused or not");
        let refusal = match pushed {
            Pushed::Kept => None,
            Pushed::Copied(copied) => {
                assert!(copied.len() <= 1024, "what is large is not copied");
                assert_eq!(copied, message, "it is handed back as it was");
                None
            }
            Pushed::Refused(reason, refused) => {
                assert_eq!(refused, message, "it comes back as it was");
                Some(reason)
            }
        };
        assert_eq!(refusal, expected.err());
        if refusal.is_none() {
            self.accepted.push(id);
        }
    }

    fn push_slice(&mut self, len: usize) {
        let content = self.content(len);
        let message = Message::new(content.clone());
        // No time is told, so no lifetime begins.
        let entry = Entry { id: self.next_id(), message, holds: self.usual, deadline: None };
        let expected = self.model.push(entry.clone());
        let (id, pushed) = self.real.push_slice(&content);
        assert_eq!((id, &pushed), (entry.id, &expected));
        if pushed.is_ok() {
            self.accepted.push(id);
        }
    }

    fn push_pack(&mut self, lens: [usize; 2], count: usize, capacity: usize) {
        let mut pack = Pack::new(BytesMut::with_capacity(capacity));
        let (mut expected, mut taken) = (Vec::new(), Vec::new());
        for len in lens.into_iter().cycle().take(count) {
            let content = self.content(len);
            assert!(pack.push(&content), "there is room for 64 KiB");
            let deadline = self.usual.lifetime().map(|lifetime| self.now + lifetime);
            let (id, message) = (self.next_id(), Message::new(content.clone()));
            match self.model.push(Entry { id, message, holds: self.usual, deadline }) {
                Ok(()) => taken.push(id),
                Err(reason) => expected.push((id, content, reason)),
            }
        }
        let mut refused = Vec::new();
        self.real.push_pack(pack, self.now, |id, data, reason| refused.push((id, data.to_vec(), reason)));
        assert_eq!(refused, expected, "each is taken or refused as if it came alone");
        self.accepted.extend(taken);
    }

    fn write(&mut self, slots: usize, share: u8) {
        let rest = self.model.rest();
        let messages = self.model.queue.len();
        let mut slices = vec![IoSlice::new(&[]); slots];
        let filled = self.real.slices(&mut slices);
        assert!(slices[..filled].iter().all(|slice| !slice.is_empty()), "no slice is empty");
        assert!(slices[filled..].iter().all(|slice| slice.is_empty()), "the other slots are left alone");
        let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(rest.starts_with(&offered), "what is offered is what comes next");
        assert!(slots < messages || offered == rest, "all of it is offered if there are slots enough");
        let empty_first = self.model.queue.first().is_some_and(|entry| entry.message.is_empty());
        assert!(filled > 0 || slots == 0 || messages == 0 || empty_first, "something is offered");
        self.written(offered.len() * usize::from(share) / 255);
    }

    fn written(&mut self, bytes: usize) {
        let expected = self.model.written(bytes);
        let mut told = Vec::new();
        self.real.written(bytes, |ids, is_final| told.push((ids, is_final)));
        self.sent(&told, &expected);
    }

    fn take_front(&mut self, share: u8, more: usize) {
        let offered = self.real.front_batch().map(|batch| {
            let expected = &self.model.queue[..batch.count];
            assert!(batch.messages().eq(expected.iter().map(|entry| &*entry.message.data)));
            assert_eq!(batch.data.len(), batch.size * batch.count);
            assert!(expected.iter().all(|entry| entry.holds == batch.properties));
            batch.count
        });
        assert_eq!(offered.is_none(), self.model.queue.is_empty());
        assert_ne!(offered, Some(0));
        let count = offered.unwrap_or(0) * usize::from(share) / 255 + more;
        let expected = self.model.take_front(count);
        let mut told = Vec::new();
        self.real.take_front(count, |ids, is_final| told.push((ids, is_final)));
        self.sent(&told, &expected);
    }

    /// The same ids in the same order, and no range where a longer one would do.
    fn sent(&mut self, told: &[(RangeInclusive<MessageId>, bool)], expected: &[(MessageId, bool)]) {
        let each: Vec<(MessageId, bool)> = told
            .iter()
            .flat_map(|(ids, is_final)| (ids.start().0..=ids.end().0).map(|id| (MessageId(id), *is_final)))
            .collect();
        assert_eq!(each, expected, "sent are those whose last byte was taken");
        for pair in told.windows(2) {
            let follows = pair[0].0.end().0 + 1 == pair[1].0.start().0;
            assert!(!follows || pair[1].1, "{told:?} could be told in fewer ranges");
        }
        self.fates.extend(each.iter().map(|(id, _)| id));
    }

    fn expire(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        let expected = self.model.expire(self.now);
        let mut told = Vec::new();
        self.real.expire(self.now, |id, message| told.push((id, message)));
        self.given_back(told, expected);
    }

    fn refuse_all(&mut self) {
        let expected = self.model.refuse_all();
        let mut told = Vec::new();
        self.real.refuse_all(|id, message| told.push((id, message)));
        self.given_back(told, expected);
    }

    fn given_back(&mut self, told: Vec<(MessageId, Message)>, expected: Vec<(MessageId, Message)>) {
        assert_eq!(told, expected, "what comes back is whole, and in order");
        self.fates.extend(told.iter().map(|(id, _)| id));
    }

    fn compare(&mut self) {
        let (real, model) = (&mut self.real, &mut self.model);
        let (pending, messages) = (model.pending(), model.queue.len());
        assert_eq!(real.pending(), pending, "pending are the bytes that were not taken");
        assert_eq!(real.is_empty(), messages == 0);
        assert_eq!(real.is_open(), model.end.is_none());
        assert_eq!(real.is_high(), model.is_high());
        assert_eq!(real.deadline(), model.deadline());
        assert_eq!(real.take_writable(), model.take_writable());
        assert!(pending <= 2 * model.high_water + LONGEST, "{pending} bytes are too many");
        assert!(messages <= 2 * model.high_water + 1, "{messages} messages are too many");
    }

    fn next_id(&mut self) -> MessageId {
        self.pushed += 1;
        MessageId(self.pushed - 1)
    }

    fn content(&self, len: usize) -> Vec<u8> {
        (0..len as u64).map(|n| (self.pushed * 31 + n) as u8).collect()
    }
}
