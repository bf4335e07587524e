//! What is done to an outbox.

use neatflow_core::properties::{Lifetime, MessageProperties};
use quickcheck::{Arbitrary, Gen};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Push {
        len: usize,
        said: Said,
    },
    /// So many slices of one size.
    PushSlices {
        len: usize,
        count: usize,
    },
    /// A pack of so many messages, one of these lengths and the next of the other, in a buffer of this capacity.
    PushPack {
        lens: [usize; 2],
        count: usize,
        capacity: usize,
    },
    /// A vectored write with room for `slots` slices, of which the transport takes `share` / 255.
    Write {
        slots: usize,
        share: u8,
    },
    /// A transport that claims to have taken this many bytes, whatever is queued.
    Claim(usize),
    /// So many of the messages that are offered, in 255ths, and `more`.
    TakeFront {
        share: u8,
        more: usize,
    },
    RefuseFront,
    /// So many milliseconds pass.
    Pass(u64),
    Seal,
    RefuseAll,
    Lend(usize),
    Reclaim,
    Trim,
}

/// What is said of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said(pub(crate) MessageProperties);

/// What is said of all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual(pub(crate) MessageProperties);

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 64 {
            0..18 => Self::Push {
                len: pick(g, &[0, 0, 1, 2, 7, 30, 100, 1024, 1025, 5000]),
                said: Said::arbitrary(g),
            },
            18..22 => Self::PushPack {
                lens: [pick(g, &[0, 1, 64, 1024]), pick(g, &[0, 1, 64, 1024])],
                count: pick(g, &[0, 1, 2, 3, 40]),
                capacity: pick(g, &[0, 100, 4096, 65_536]),
            },
            22..26 => Self::PushSlices {
                len: pick(g, &[0, 1, 2, 7, 64, 1024, 1025]),
                count: pick(g, &[1, 1, 1, 2, 3, 40]),
            },
            26..42 => Self::Write { slots: pick(g, &[0, 1, 2, 3, 64]), share: u8::arbitrary(g) },
            42..44 => Self::Claim(pick(g, &[0, 1, 10, 1000, 70_000, usize::MAX])),
            44..49 => Self::TakeFront { share: u8::arbitrary(g), more: pick(g, &[0, 0, 0, 1, 5]) },
            49..51 => Self::RefuseFront,
            51..55 => Self::Pass(pick(g, &[0, 1, 5, 100]) as u64),
            55 => Self::Seal,
            56 => Self::RefuseAll,
            57..60 => Self::Lend(pick(g, &[0, 10, 1000, 4096, 65_536])),
            60..62 => Self::Reclaim,
            _ => Self::Trim,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        match *self {
            Self::Push { len, said } => Box::new(
                said.shrink()
                    .map(move |said| Self::Push { len, said })
                    .chain(len.shrink().map(move |len| Self::Push { len, said })),
            ),
            Self::PushSlices { len, count } => {
                Box::new((len, count).shrink().map(|(len, count)| Self::PushSlices { len, count }))
            }
            Self::PushPack { lens, count, capacity } => {
                Box::new(count.shrink().map(move |count| Self::PushPack { lens, count, capacity }))
            }
            Self::Write { slots, share } => {
                Box::new((slots, share).shrink().map(|(slots, share)| Self::Write { slots, share }))
            }
            Self::TakeFront { share, more } => {
                Box::new((share, more).shrink().map(|(share, more)| Self::TakeFront { share, more }))
            }
            _ => quickcheck::empty_shrinker(),
        }
    }
}

impl Arbitrary for Said {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut said = MessageProperties::new();
        if bool::arbitrary(g) {
            return Self(said);
        }
        said.msg_priority =
            *g.choose(&[None, None, Some(0), Some(99), Some(100), Some(u32::MAX)]).expect("one");
        said.msg_ordered = *g.choose(&[None, None, Some(true), Some(false)]).expect("one");
        said.msg_lifetime = *g.choose(&[None, None, limited(0), limited(3), limited(50)]).expect("one");
        said.safely_replayable = *g.choose(&[None, Some(true)]).expect("one");
        said.is_final = u8::arbitrary(g).is_multiple_of(32).then_some(true);
        Self(said)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let said = self.0;
        let less = [
            MessageProperties::new(),
            with(said, |said| said.msg_priority = None),
            with(said, |said| said.msg_ordered = None),
            with(said, |said| said.msg_lifetime = None),
            with(said, |said| said.safely_replayable = None),
            with(said, |said| said.is_final = None),
        ];
        Box::new(less.into_iter().filter(move |less| *less != said).map(Self))
    }
}

impl Arbitrary for Usual {
    fn arbitrary(g: &mut Gen) -> Self {
        let nothing = MessageProperties::new();
        let said = [
            nothing,
            nothing,
            with(nothing, |said| said.safely_replayable = Some(true)),
            with(nothing, |said| said.msg_priority = Some(99)),
            with(nothing, |said| said.msg_lifetime = limited(20)),
            with(nothing, |said| said.is_final = Some(true)),
        ];
        Self(*g.choose(&said).expect("one"))
    }
}

fn with(mut said: MessageProperties, say: impl Fn(&mut MessageProperties)) -> MessageProperties {
    say(&mut said);
    said
}

fn limited(millis: u64) -> Option<Lifetime> {
    Some(Lifetime::Limited(Duration::from_millis(millis)))
}

fn pick(g: &mut Gen, of: &[usize]) -> usize {
    *g.choose(of).expect("a choice")
}
