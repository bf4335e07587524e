//! What goes over the wire: frames of 64 bytes behind a length of four bytes, and pieces of 64 KiB without one.
//!
//! The first eight bytes of a frame's payload are a number: which frame it is, how many units are asked for, or how
//! many came. So whatever is lost, doubled or out of order is noticed.

/// What a frame carries, in bytes; also the size of a datagram.
pub(crate) const PAYLOAD: usize = 64;

/// The length that goes before it, big-endian.
pub(crate) const PREFIX: usize = 4;

/// A frame on the wire.
pub(crate) const FRAME: usize = PREFIX + PAYLOAD;

/// What bulk transfers are cut into.
pub(crate) const PIECE: usize = 64 * 1024;

/// A frame that carries this number.
pub(crate) fn frame(number: u64) -> [u8; FRAME] {
    let mut frame = [7; FRAME];
    frame[..PREFIX].copy_from_slice(&(PAYLOAD as u32).to_be_bytes());
    renumber(&mut frame, number);
    frame
}

/// Has a frame carry another number.
pub(crate) fn renumber(frame: &mut [u8], number: u64) {
    frame[PREFIX..PREFIX + 8].copy_from_slice(&number.to_be_bytes());
}

/// A payload, or datagram, that carries this number.
pub(crate) fn payload(number: u64) -> [u8; PAYLOAD] {
    let mut payload = [7; PAYLOAD];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    payload
}

/// The number that a payload carries; `None` if it is no payload of ours.
pub(crate) fn number(payload: &[u8]) -> Option<u64> {
    let number = payload.first_chunk()?;
    (payload.len() == PAYLOAD).then(|| u64::from_be_bytes(*number))
}

/// The payloads of the whole frames at the front of some bytes.
pub(crate) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next whole frame, its length included.
    #[inline]
    pub(crate) fn next_whole(&mut self) -> Option<&'a [u8]> {
        let bytes = self.0;
        let payload = self.next()?;
        bytes.get(..PREFIX + payload.len())
    }

    /// What is behind the last whole frame.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (prefix, behind) = self.0.split_first_chunk()?;
        let (payload, behind) = behind.split_at_checked(u32::from_be_bytes(*prefix) as usize)?;
        self.0 = behind;
        Some(payload)
    }
}

/// Appends a frame with this payload.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
}

/// A piece whose bytes tell where in it they are.
pub(crate) fn piece() -> Vec<u8> {
    (0..PIECE / 4).flat_map(|word| (word as u32).wrapping_mul(0x9E37_79B1).to_be_bytes()).collect()
}
