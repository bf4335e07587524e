//! Numbers in headers.

/// How long a number is in a header. It is in network byte order (RFC 791 appendix B).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One byte.
    One,
    /// Two bytes.
    Two,
    /// Three bytes.
    Three,
    /// Four bytes.
    Four,
    /// Eight bytes.
    Eight,
}

impl Width {
    /// How many bytes that are.
    pub const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The greatest number that fits.
    pub const fn max(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }

    /// The number at the beginning of these bytes; those that are missing count as zeros at its end.
    pub(super) fn read(self, from: &[u8]) -> u64 {
        match (self, from) {
            (Self::One, &[a, ..]) => a.into(),
            (Self::Two, &[a, b, ..]) => u16::from_be_bytes([a, b]).into(),
            (Self::Four, &[a, b, c, d, ..]) => u32::from_be_bytes([a, b, c, d]).into(),
            _ => (0..self.bytes()).fold(0, |n, at| n << 8 | u64::from(from.get(at).copied().unwrap_or(0))),
        }
    }

    /// Writes a number that fits to the beginning of these bytes, which are as many or more.
    pub(super) fn write(self, number: u64, to: &mut [u8]) {
        let bytes = number.to_be_bytes();
        to[..self.bytes()].copy_from_slice(&bytes[8 - self.bytes()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_reads_what_it_wrote() {
        for width in [Width::One, Width::Two, Width::Three, Width::Four, Width::Eight] {
            for number in [0, 1, 0x7f, width.max() / 3, width.max()] {
                let mut bytes = [0xee; 9];
                width.write(number, &mut bytes);
                assert_eq!((width.read(&bytes), bytes[width.bytes()]), (number, 0xee));
            }
        }
    }

    #[test]
    fn the_greatest_number_has_all_bits() {
        assert_eq!(Width::Three.max(), 0xff_ffff);
        assert_eq!(Width::Eight.max(), u64::MAX);
    }

    #[test]
    fn the_first_byte_is_the_most_significant() {
        let mut bytes = [0; 4];
        Width::Four.write(5, &mut bytes);
        assert_eq!(bytes, [0, 0, 0, 5]);
    }
}
