//! One end of a connection: a stack, and what it has put out.

use bytes::Bytes;
use neatflow_core::framing::{Below, FramerStack, Framers, FramingFailure, Outgoing, Output, Part};
use neatflow_core::{Message, MessageContext};
use std::io::IoSlice;

pub(crate) struct Peer {
    pub(crate) stack: FramerStack,
    pub(crate) out: Outgoing,
    pub(crate) outputs: Vec<Output>,
}

impl Peer {
    pub(crate) fn start(framers: &Framers, below: Below) -> Self {
        Self::start_stack(framers.stack(below), below)
    }

    pub(crate) fn start_stack(stack: FramerStack, below: Below) -> Self {
        let mut peer = Self { stack, out: Outgoing::new(below), outputs: Vec::new() };
        peer.stack.start(&mut peer.out);
        peer.drain();
        peer
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.stack.poll(&mut self.out) {
            assert!(!matches!(self.outputs.last(), Some(Output::Failed(_))), "{output:?} after the failure");
            self.outputs.push(output);
        }
    }

    pub(crate) fn send(
        &mut self,
        data: &[u8],
        context: &MessageContext,
        end: bool,
    ) -> Result<usize, FramingFailure> {
        let before = self.out.len();
        let outcome = self.stack.send(&Bytes::copy_from_slice(data), context, end, &mut self.out);
        assert_eq!(self.out.len() - before, *outcome.as_ref().unwrap_or(&0));
        self.drain();
        outcome
    }

    pub(crate) fn receive(&mut self, data: &[u8]) {
        self.stack.receive(Bytes::copy_from_slice(data));
        self.drain();
    }

    pub(crate) fn finish(&mut self) {
        self.stack.finish();
        self.drain();
    }

    /// Everything it has written, taken in two bites.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let half = self.out.len() / 2;
        for bite in [half, usize::MAX] {
            let mut slices = [IoSlice::new(&[]); 1000];
            let filled = self.out.slices(&mut slices);
            let there: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = bite.min(there.len());
            bytes.extend_from_slice(&there[..taken]);
            self.out.advance(taken);
        }
        assert!(self.out.is_empty(), "more than a thousand pieces");
        bytes
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.outputs.iter().filter_map(|output| match output {
            Output::Received(part) => Some(part),
            _ => None,
        })
    }

    /// The complete messages that it received.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut data = Vec::new();
        for part in self.parts() {
            data.extend_from_slice(&part.data);
            if part.end_of_message {
                let data = Bytes::from(std::mem::take(&mut data));
                messages.push(Message { data, context: part.context.clone() });
            }
        }
        messages
    }

    pub(crate) fn failure(&self) -> Option<&FramingFailure> {
        self.outputs.iter().find_map(|output| match output {
            Output::Failed(failure) => Some(failure),
            _ => None,
        })
    }
}
