//! What the application makes of the bytes of one connection; how it gets and sends them is not its business.

use crate::order::Service;
use crate::wire::{FRAME, Frames, PREFIX, frame, number};

/// What is remembered of a connection.
pub(super) struct Session {
    service: Service,
    /// There was no room for what is left.
    pub(super) waits: bool,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// What came: frames or bytes.
    count: u64,
    /// The next unit to send, and where to stop.
    next: u64,
    end: u64,
}

impl Session {
    pub(super) fn new(service: Service) -> Self {
        Self { service, waits: false, partial: Vec::new(), count: 0, next: 0, end: 0 }
    }

    /// Takes what a read brought; frames to be given back go to `answer`.
    pub(super) fn take(&mut self, bytes: &[u8], mut answer: impl FnMut(&[u8])) {
        if self.service == Service::CountBytes {
            self.count += bytes.len() as u64;
            return;
        }
        let bytes = self.complete(bytes, &mut answer);
        let mut frames = Frames::of(bytes);
        match self.service {
            Service::Count => {
                self.count += frames.by_ref().filter(|payload| number(payload).is_some()).count() as u64;
            }
            _ => {
                while let Some(whole) = frames.next_whole() {
                    self.take_frame(whole, &mut answer);
                }
            }
        }
        self.partial.extend_from_slice(frames.rest());
    }

    /// Completes the frame that has begun, and takes it; what is behind it.
    fn complete<'a>(&mut self, mut bytes: &'a [u8], answer: &mut impl FnMut(&[u8])) -> &'a [u8] {
        while !self.partial.is_empty() {
            // First the length, then what it says.
            let wanted = match self.partial.first_chunk() {
                Some(prefix) => prefix.len() + u32::from_be_bytes(*prefix) as usize,
                None => PREFIX,
            };
            let missing = wanted - self.partial.len();
            let Some((head, behind)) = bytes.split_at_checked(missing) else {
                self.partial.extend_from_slice(bytes);
                return &[];
            };
            self.partial.extend_from_slice(head);
            bytes = behind;
            let partial = std::mem::take(&mut self.partial);
            match Frames::of(&partial).next_whole() {
                Some(whole) => self.take_frame(whole, answer),
                None => self.partial = partial,
            }
        }
        bytes
    }

    fn take_frame(&mut self, whole: &[u8], answer: &mut impl FnMut(&[u8])) {
        match self.service {
            Service::Echo => answer(whole),
            Service::Count => self.count += u64::from(number(&whole[PREFIX..]).is_some()),
            _ => self.end += number(&whole[PREFIX..]).unwrap_or_default(),
        }
    }

    /// Sends the units that were asked for, by their numbers, until there is no room for another.
    #[inline]
    pub(super) fn send(&mut self, mut has_room_after: impl FnMut(u64) -> bool) {
        self.waits = false;
        while self.next < self.end && !self.waits {
            self.waits = !has_room_after(self.next);
            self.next += 1;
        }
    }

    /// The same for whoever sends many at once: is given the first number and how many are asked for, and tells how many
    /// were sent and whether there is room for another.
    #[inline]
    pub(super) fn send_many(&mut self, mut send: impl FnMut(u64, u64) -> (u64, bool)) {
        self.waits = false;
        while self.next < self.end && !self.waits {
            let (sent, has_room) = send(self.next, self.end - self.next);
            self.next += sent;
            self.waits = !has_room;
        }
    }

    /// What to answer the peer's end with.
    pub(super) fn verdict(&self) -> Option<[u8; FRAME]> {
        matches!(self.service, Service::Count | Service::CountBytes).then(|| frame(self.count))
    }
}
