//! Drives a target without a fuzzer: with inputs that are made by changing others, always the same.

use crate::Target;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// No input becomes longer than this, in bytes.
const LONGEST: usize = 4096;

/// What a bounded drive has done.
#[derive(Clone, Copy, Debug)]
pub struct Driven {
    /// How many inputs were tried.
    pub inputs: u64,
}

/// The inputs in `corpus/NAME/`, by name.
///
/// *Panics*: one of them cannot be read.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = match fs::read_dir(&directory) {
        Ok(entries) => entries.map(|entry| entry.expect("a directory can be read").path()).collect(),
        // A target without any.
        Err(_) => return Vec::new(),
    };
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a file of the corpus can be read")).collect()
}

/// Tries every seed and every input of the corpus; and then inputs made of these, `most` of them or for so long,
/// whichever is over first. They are the same in each run.
///
/// *Panics*: the target does; the input is printed first.
pub fn drive(target: &Target, most: u64, longest: Duration) -> Driven {
    let began = Instant::now();
    let mut pool: Vec<Vec<u8>> = target.seeds.iter().map(|seed| seed.to_vec()).collect();
    pool.extend(corpus(target.name));
    pool.push(Vec::new());
    let mut inputs = 0;
    for input in &pool {
        attempt(target, input);
        inputs += 1;
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    while inputs < most && began.elapsed() < longest {
        let mut input = dice.pick(&pool).clone();
        for _ in 0..=dice.below(8) {
            change(&mut input, &pool, target.words, &mut dice);
        }
        input.truncate(LONGEST);
        attempt(target, &input);
        inputs += 1;
    }
    Driven { inputs }
}

/// Tries one input, and says which if it breaks the target.
fn attempt(target: &Target, input: &[u8]) {
    /// Speaks up if it is dropped in a panic.
    struct Witness<'a>(&'a str, &'a [u8]);

    impl Drop for Witness<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{} breaks at this input: {:?}", self.0, self.1);
            }
        }
    }

    let _witness = Witness(target.name, input);
    (target.run)(input);
}

/// Changes an input a little.
fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&[u8]], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let to = (at + dice.below(16)).min(input.len());
    match dice.below(8) {
        // Nothing to be changed: only to be longer.
        0..5 if input.is_empty() => input.push(dice.byte()),
        0 => input[at.min(to.saturating_sub(1))] = dice.byte(),
        1 => {
            let last = input.len() - 1;
            input[at.min(last)] ^= 1 << dice.below(8);
        }
        2 => drop(input.drain(at..to)),
        3 => {
            let copied = input[at..to].to_vec();
            let times = 1 + dice.below(8);
            input.splice(at..at, copied.repeat(times));
        }
        4 => input.truncate(at),
        5 if !words.is_empty() => {
            let word = *dice.pick(words);
            input.splice(at..at, word.iter().copied());
        }
        6 => {
            // The beginning of this one, and the end of another.
            let other = dice.pick(pool);
            let from = dice.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let some: Vec<u8> = (0..dice.below(32)).map(|_| dice.byte()).collect();
            input.splice(at..at, some);
        }
    }
}

/// Numbers without an order, the same in each run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        // Numbers at the edges are worth more than others.
        match self.below(4) {
            0 => [0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'"'][self.below(8)],
            _ => self.next() as u8,
        }
    }

    fn pick<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len())]
    }
}
