//! Codecs of tokio-util as framers.

use bytes::{Bytes, BytesMut};
use neatflow_core::MessageContext;
use neatflow_core::framing::{Framer, FramingFailure, MessageFramer};
use std::fmt;
use tokio_util::codec::{Decoder, Encoder};

/// Any codec of tokio-util that encodes [`Bytes`] as a message framer (RFC 9622 §9.1.2).
///
/// Each connection gets a clone of the codec, with its state. What is sent is encoded, one item for each message, and
/// each item that is decoded is a message. What the codec has not decoded yet is bounded by
/// [`Limits::unparsed`](crate::framing::Limits::unparsed), 1 MiB unless said otherwise
/// ([`framing_limits`](crate::Preconnection::framing_limits)). Messages cannot be sent in parts: a codec encodes whole
/// items.
///
/// ```
/// use neatflow::{Preconnection, Transport, adapters::Codec};
/// use tokio_util::codec::LengthDelimitedCodec;
///
/// # fn framed(transport: &Transport) -> Preconnection {
/// Preconnection::new(transport).framer(Codec::new(LengthDelimitedCodec::new()))
/// # }
/// ```
#[derive(Clone)]
pub struct Codec<C> {
    codec: C,
    /// The codec as it was given.
    fresh: C,
    /// What has come from the cursor on, as far as the codec has seen it.
    seen: BytesMut,
}

impl<C: Clone> Codec<C> {
    /// This codec.
    pub fn new(codec: C) -> Self {
        Self { fresh: codec.clone(), codec, seen: BytesMut::new() }
    }
}

impl<C> Framer for Codec<C>
where
    C: Encoder<Bytes, Error: fmt::Display> + Decoder<Item: Into<Bytes>, Error: fmt::Display> + Clone + Send,
{
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        _: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure> {
        if !end_of_message {
            return Err(FramingFailure::unframeable("a part of a message"));
        }
        let mut encoded = BytesMut::new();
        let outcome = Encoder::encode(&mut self.codec, data.clone(), &mut encoded);
        outcome.map_err(|error| FramingFailure::unframeable(error.to_string()))?;
        framer.send_bytes(&encoded.freeze());
        Ok(())
    }

    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        let outcome = self.decode(framer);
        if outcome.is_err() {
            // Over a message transport the next message has nothing to do with this one.
            self.seen.clear();
            self.codec = self.fresh.clone();
        }
        outcome
    }
}

impl<C: Decoder<Item: Into<Bytes>, Error: fmt::Display>> Codec<C> {
    fn decode(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        loop {
            // What has come lies in pieces: the next one is wanted, if there is one.
            let least = self.seen.len() + usize::from(framer.available() > self.seen.len());
            let Some(parsed) = framer.parse(least, usize::MAX) else { return Ok(()) };
            self.seen.extend_from_slice(&parsed.data[self.seen.len()..]);
            let ends = parsed.end_of_message;
            let before = self.seen.len();
            let decoded =
                if ends { self.codec.decode_eof(&mut self.seen) } else { self.codec.decode(&mut self.seen) };
            let decoded = decoded.map_err(|error| FramingFailure::malformed(error.to_string()))?;
            let consumed = before.saturating_sub(self.seen.len());
            framer.advance_receive_cursor(consumed as u64);
            let is_all = framer.available() == self.seen.len();
            match decoded {
                Some(item) => framer.deliver(framer.received_context(), item.into(), true),
                None if ends && !self.seen.is_empty() => return Err(FramingFailure::Truncated),
                // There is nothing more to be shown to it.
                None if is_all && (ends || consumed == 0 || self.seen.is_empty()) => return Ok(()),
                None => {}
            }
        }
    }
}

impl<C> fmt::Debug for Codec<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("seen", &self.seen.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::Message;
    use neatflow_core::framing::{Below, Framers, Outgoing, Output};
    use tokio_util::codec::{BytesCodec, LengthDelimitedCodec};

    /// What a stack makes of these pieces.
    fn received(framers: &Framers, below: Below, pieces: &[&[u8]]) -> Vec<Result<Bytes, FramingFailure>> {
        let mut out = Outgoing::new(below);
        let mut stack = framers.stack(below);
        stack.start(&mut out);
        let mut all = Vec::new();
        for piece in pieces {
            stack.receive_message(Message::new(piece.to_vec()));
            while let Some(output) = stack.poll(&mut out) {
                match output {
                    Output::Received(part) => all.push(Ok(part.data)),
                    Output::ReceiveError(failure) | Output::Failed(failure) => all.push(Err(failure)),
                    _ => {}
                }
            }
        }
        all
    }

    fn lengths() -> Framers {
        let mut framers = Framers::new();
        framers.add(Codec::new(LengthDelimitedCodec::new()));
        framers
    }

    #[test]
    fn a_message_comes_however_it_is_cut() {
        let encoded = b"\0\0\0\x02hi\0\0\0\0\0\0\0\x05there";
        for size in 1..encoded.len() {
            let pieces: Vec<_> = encoded.chunks(size).collect();
            let expected = ["hi", "", "there"].map(|text| Ok(Bytes::from(text)));
            assert_eq!(received(&lengths(), Below::Stream, &pieces), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn many_small_messages_in_one_piece_all_come() {
        let encoded = b"\0\0\0\x01x".repeat(100_000);
        let all = received(&lengths(), Below::Stream, &[&encoded]);
        assert_eq!(all.len(), 100_000);
        assert!(all.iter().all(|item| *item == Ok(Bytes::from("x"))));
    }

    #[test]
    fn what_is_sent_is_what_the_codec_says() {
        let mut out = Outgoing::new(Below::Messages);
        let mut stack = lengths().stack(Below::Messages);
        stack.start(&mut out);
        stack.send(&Bytes::from("hello"), &MessageContext::default(), true, &mut out).unwrap();
        assert_eq!(out.pop_message().unwrap().data, &b"\0\0\0\x05hello"[..]);
    }

    #[test]
    fn a_datagram_that_ends_too_early_costs_no_other() {
        let all = received(&lengths(), Below::Messages, &[b"\0\0\0\x09half", b"\0\0\0\x02hi"]);
        assert!(all[0].is_err(), "{all:?}");
        assert_eq!(all[1..], [Ok(Bytes::from("hi"))]);
    }

    #[test]
    fn a_frame_that_is_too_long_for_the_codec_fails_the_stack() {
        let all = received(&lengths(), Below::Stream, &[b"\xff\xff\xff\xff"]);
        assert!(matches!(all[..], [Err(FramingFailure::Malformed(_))]), "{all:?}");
    }

    #[test]
    fn a_codec_without_frames_passes_on_what_comes() {
        let mut framers = Framers::new();
        framers.add(Codec::new(BytesCodec::new()));
        let all = received(&framers, Below::Stream, &[b"as", b"it", b"is"]);
        assert_eq!(all, ["as", "it", "is"].map(|text| Ok(Bytes::from(text))));
    }
}
