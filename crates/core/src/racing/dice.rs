//! Chance as an argument.

use std::time::Duration;

/// A number that looks random and is the same for the same seed and what it is for (splitmix64 over FNV-1a).
pub(super) fn roll(seed: u64, what: &[u8]) -> u64 {
    let hash = what.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut mixed = (seed ^ hash).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A part of this duration; all of it is as likely as none.
pub(super) fn part_of(whole: Duration, seed: u64, what: &[u8]) -> Duration {
    let share = (roll(seed, what) >> 11) as f64 / (1_u64 << 53) as f64;
    whole.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_within_the_whole_and_differs_with_the_seed() {
        let whole = Duration::from_secs(1);
        let parts: Vec<_> = (0..100).map(|seed| part_of(whole, seed, b"retry")).collect();
        assert!(parts.iter().all(|part| *part < whole));
        let mean = parts.iter().sum::<Duration>() / 100;
        assert!((Duration::from_millis(350)..Duration::from_millis(650)).contains(&mean), "{mean:?}");
    }
}
