//! Messages that go out together.

use crate::properties::MessageProperties;

/// `count` messages of exactly `size` bytes each, end to end in `data`, all with the same properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The contents.
    pub data: &'a [u8],
    /// How long each message is; it may be 0.
    pub size: usize,
    /// How many there are.
    pub count: usize,
    /// How they are to be sent.
    pub properties: MessageProperties,
}
