//! What is done to a connection.

use quickcheck::{Arbitrary, Gen};

/// What an application, its peer and the network do to one connection, in order.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// How long connecting takes, in milliseconds; [`REFUSED`]: it fails.
    pub(crate) delay: u8,
    /// Over a message transport.
    pub(crate) messages: bool,
    /// Opened by the peer.
    pub(crate) accepted: bool,
    pub(crate) steps: Vec<Step>,
}

/// The delay after which connecting fails.
pub(crate) const REFUSED: u8 = 100;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    // ---- the application
    Send {
        len: usize,
        is_final: bool,
    },
    Receive,
    Stream(usize),
    Pull,
    DropPull,
    /// Whether the subscriber holds its events.
    Hold(bool),
    /// Takes the oldest event it holds.
    Take,
    /// Another slow subscriber comes, or goes.
    Join,
    Leave,
    Close,
    Abort,
    // ---- the peer
    PeerSend(usize),
    PeerFinish,
    PeerRead,
    PeerWindow(usize),
    SoftError,
    LongestMessage(usize),
    HoldAcknowledgements,
    Acknowledge,
    PeerReset,
    PeerTimesOut,
    Panic(u8),
    // ---- time
    /// Everyone who can gets a turn.
    Settle,
    /// Milliseconds pass.
    Wait(u8),
}

impl Arbitrary for Script {
    fn arbitrary(g: &mut Gen) -> Self {
        Self {
            delay: *g.choose(&[0, 0, 0, 20, 20, REFUSED]).unwrap_or(&0),
            messages: bool::arbitrary(g),
            accepted: u8::arbitrary(g) % 4 == 0,
            steps: Vec::arbitrary(g),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let simpler = [
            Self { delay: 0, ..self.clone() },
            Self { messages: false, ..self.clone() },
            Self { accepted: false, ..self.clone() },
        ];
        let differs = (self.delay != 0, self.messages, self.accepted);
        let simpler =
            simpler.into_iter().zip([differs.0, differs.1, differs.2]).filter(|(_, differs)| *differs);
        let script = self.clone();
        let shorter = self.steps.shrink().map(move |steps| Self { steps, ..script.clone() });
        Box::new(shorter.chain(simpler.map(|(script, _)| script)))
    }
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let len = *g.choose(&[0, 1, 10, 1000, 100_000, 300_000]).unwrap_or(&1);
        let few = usize::arbitrary(g) % 4;
        match u8::arbitrary(g) % 64 {
            0..=11 => Self::Send { len, is_final: u8::arbitrary(g) % 16 == 0 },
            12..=16 => Self::Receive,
            17..=20 => Self::Stream(few),
            21..=23 => Self::Pull,
            24 => Self::DropPull,
            25..=26 => Self::Hold(bool::arbitrary(g)),
            27..=28 => Self::Take,
            29 => Self::Join,
            30 => Self::Leave,
            31 => Self::Close,
            32..=39 => Self::PeerSend(len.min(1000) + 1),
            40 => Self::PeerFinish,
            41..=43 => Self::PeerRead,
            44..=46 => Self::PeerWindow(len),
            47 => Self::HoldAcknowledgements,
            48 => Self::Acknowledge,
            49..=54 => Self::Settle,
            55..=58 => Self::Wait(u8::arbitrary(g)),
            59..=60 => Self::SoftError,
            61 => Self::LongestMessage(len),
            _ => match u8::arbitrary(g) % 5 {
                0 => Self::Abort,
                1 => Self::PeerReset,
                2 => Self::PeerTimesOut,
                _ => Self::Panic(u8::arbitrary(g)),
            },
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Send { len, is_final } => {
                let lighter = len.shrink().map(move |len| Self::Send { len, is_final });
                Box::new(lighter.chain(is_final.then_some(Self::Send { len, is_final: false })))
            }
            Self::PeerSend(len) => Box::new(len.shrink().filter(|len| *len > 0).map(Self::PeerSend)),
            Self::Wait(_) => Box::new(std::iter::once(Self::Settle)),
            _ => quickcheck::empty_shrinker(),
        }
    }
}
