//! What the application does with the bytes of one connection; how it gets and sends them is its mode's business.

use crate::order::Service;
use crate::wire::{FRAME, Frames, PREFIX, frame, number, put};

pub(super) struct Session {
    service: Service,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// What came: frames or bytes.
    count: u64,
    /// The next frame to make, and where to stop.
    next: u64,
    end: u64,
}

impl Session {
    pub(super) fn new(service: Service) -> Self {
        Self { service, partial: Vec::new(), count: 0, next: 0, end: 0 }
    }

    /// Takes what a read brought; answers go to `out`.
    pub(super) fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.service == Service::CountBytes {
            self.count += bytes.len() as u64;
            return;
        }
        let bytes = self.complete(bytes, out);
        let mut frames = Frames::of(bytes);
        match self.service {
            Service::Count => {
                self.count += frames.by_ref().filter(|payload| number(payload).is_some()).count() as u64;
            }
            _ => frames.by_ref().for_each(|payload| self.take_frame(payload, out)),
        }
        self.partial.extend_from_slice(frames.rest());
    }

    /// Completes the frame that has begun, and takes it; what is behind it.
    fn complete<'a>(&mut self, mut bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
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
            let mut frames = Frames::of(&partial);
            match frames.next() {
                Some(payload) => self.take_frame(payload, out),
                None => self.partial = partial,
            }
        }
        bytes
    }

    fn take_frame(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        match self.service {
            Service::Echo => put(out, payload),
            Service::Count => self.count += u64::from(number(payload).is_some()),
            _ => self.end += number(payload).unwrap_or_default(),
        }
    }

    /// Makes up to so many frames of those that were asked for.
    pub(super) fn make(&mut self, most: usize, out: &mut Vec<u8>) {
        let until = self.end.min(self.next + most as u64);
        for number in self.next..until {
            out.extend_from_slice(&frame(number));
        }
        self.next = until;
    }

    /// How many of the units asked for may be sent now, if no more than so many; they count as sent.
    pub(super) fn grant(&mut self, most: u64) -> u64 {
        let granted = most.min(self.end - self.next);
        self.next += granted;
        granted
    }

    /// What to answer the peer's end with.
    pub(super) fn verdict(&self) -> Option<[u8; FRAME]> {
        matches!(self.service, Service::Count | Service::CountBytes).then(|| frame(self.count))
    }
}
