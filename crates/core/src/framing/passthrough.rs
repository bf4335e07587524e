//! The framer that does nothing.

use super::{Framer, FramingFailure, MessageFramer};
use crate::message::MessageContext;
use bytes::Bytes;

/// Passes everything on as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passthrough;

impl Framer for Passthrough {
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        framer.start_passthrough();
        Ok(())
    }

    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        _: bool,
    ) -> Result<(), FramingFailure> {
        framer.send_bytes(data);
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        framer.start_passthrough();
        Ok(())
    }
}
