//! Frames or plain bytes, in either direction: tokio-util's own codecs behind one type.

use crate::order::Service;
use bytes::{Bytes, BytesMut};
use std::io;
use tokio_util::codec::{BytesCodec, Decoder, Encoder, LengthDelimitedCodec};

pub(super) struct Codec {
    frames: LengthDelimitedCodec,
    /// Set where what comes is not framed.
    takes_bytes: Option<BytesCodec>,
    /// Set where what goes is not framed.
    gives_bytes: Option<BytesCodec>,
}

impl Codec {
    pub(super) fn of(service: Service) -> Self {
        Self {
            frames: LengthDelimitedCodec::new(),
            takes_bytes: (service == Service::CountBytes).then(BytesCodec::new),
            gives_bytes: (service == Service::ProducePieces).then(BytesCodec::new),
        }
    }
}

impl Decoder for Codec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        match &mut self.takes_bytes {
            Some(codec) => codec.decode(bytes),
            None => self.frames.decode(bytes),
        }
    }
}

impl Encoder<Bytes> for Codec {
    type Error = io::Error;

    fn encode(&mut self, item: Bytes, bytes: &mut BytesMut) -> io::Result<()> {
        match &mut self.gives_bytes {
            Some(codec) => codec.encode(item, bytes),
            None => self.frames.encode(item, bytes),
        }
    }
}
