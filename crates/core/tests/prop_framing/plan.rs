//! Which framers, which messages, and how they are cut.

use neatflow_core::framing::{Framers, LengthPrefix, Limits, Lines, Tlv, Width};
use quickcheck::{Arbitrary, Gen};

pub(crate) fn pick<T: Copy>(g: &mut Gen, of: &[T]) -> T {
    *g.choose(of).unwrap()
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Length(Width),
    LengthOfAll(Width),
    Tlv(Width, Width),
    Lf,
    Crlf,
}

const WIDTHS: [Width; 5] = [Width::One, Width::Two, Width::Three, Width::Four, Width::Eight];

impl Arbitrary for Kind {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 6 {
            0 | 1 => Self::Length(pick(g, &WIDTHS)),
            2 => Self::LengthOfAll(pick(g, &WIDTHS)),
            3 => Self::Tlv(pick(g, &WIDTHS), pick(g, &WIDTHS)),
            4 => Self::Lf,
            _ => Self::Crlf,
        }
    }
}

/// Up to four framers, the lowest first, that keep very little or very much.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) whole: usize,
    pub(crate) batch: usize,
}

impl Stack {
    pub(crate) fn framers(&self) -> Framers {
        let mut framers = Framers::new();
        framers.limit(Limits { whole: self.whole, batch: self.batch, ..Limits::default() });
        for kind in &self.kinds {
            match *kind {
                Kind::Length(width) => framers.add(LengthPrefix::new().width(width)),
                Kind::LengthOfAll(width) => framers.add(LengthPrefix::new().counting_itself().width(width)),
                Kind::Tlv(types, lengths) => framers.add(Tlv::new().widths(types, lengths)),
                Kind::Lf => framers.add(Lines::new()),
                Kind::Crlf => framers.add(Lines::crlf()),
            };
        }
        framers
    }
}

impl Arbitrary for Stack {
    fn arbitrary(g: &mut Gen) -> Self {
        let depth = pick(g, &[1, 1, 2, 2, 3, 4]);
        Self {
            kinds: (0..depth).map(|_| Kind::arbitrary(g)).collect(),
            whole: pick(g, &[0, 1, 10, 256 * 1024]),
            batch: pick(g, &[1, 2, 7, 256]),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        let fewer = self.kinds.shrink().filter(|kinds| !kinds.is_empty());
        Box::new(fewer.map(move |kinds| Self { kinds, ..this.clone() }))
    }
}

/// A message, and where it is cut when it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) data: Vec<u8>,
    pub(crate) kind: Option<u8>,
    pub(crate) cuts: Vec<usize>,
}

impl Sent {
    /// The parts it is sent in.
    pub(crate) fn parts(&self) -> Vec<(&[u8], bool)> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut % (self.data.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([self.data.len()]);
        let begins = [0].into_iter().chain(cuts.iter().copied());
        let last = cuts.len();
        begins.zip(ends).enumerate().map(|(n, (begin, end))| (&self.data[begin..end], n == last)).collect()
    }
}

impl Arbitrary for Sent {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = pick(g, &[0, 1, 2, 5, 30, 64, 200, 300, 1_000, 10_000]);
        let bytes: &[u8] = pick(g, &[b"abc".as_slice(), b"ab\r", b"x\ry\nz", &[0, 1, 10, 13, 255]]);
        let cuts = pick(g, &[0, 0, 0, 1, 2, 5]);
        Self {
            data: (0..length).map(|_| pick(g, bytes)).collect(),
            kind: Option::arbitrary(g),
            cuts: (0..cuts).map(|_| usize::arbitrary(g)).collect(),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.clone();
        let shorter = (self.data.clone(), self.cuts.clone()).shrink();
        Box::new(shorter.map(move |(data, cuts)| Self { data, cuts, ..this.clone() }))
    }
}

/// How long the pieces are in which the network brings bytes.
#[derive(Clone, Debug)]
pub(crate) struct Chunks(Vec<usize>);

impl Chunks {
    pub(crate) fn of<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        for length in self.0.iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            // Thousands of tiny ones show nothing more.
            let length = if chunks.len() < 300 { *length } else { (*length).max(1000) };
            let (chunk, rest) = bytes.split_at(length.min(bytes.len()));
            chunks.push(chunk);
            bytes = rest;
        }
        chunks
    }
}

impl Arbitrary for Chunks {
    fn arbitrary(g: &mut Gen) -> Self {
        let some = pick(g, &[1, 2, 5]);
        Self((0..some).map(|_| pick(g, &[1, 2, 3, 7, 50, 1000, 65_536])).collect())
    }
}
