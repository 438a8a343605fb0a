//! Chance that can be had again: every story prints its seed, and `TENURE_SEED` sets it.

use std::env;
use std::time::{Duration, SystemTime};

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        let seed = env::var("TENURE_SEED").ok().map(|seed| seed.parse().expect("TENURE_SEED is a number"));
        let seed = seed.unwrap_or_else(|| {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_micros() as u64)
        });
        println!("TENURE_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    pub fn duration_below(&mut self, bound: Duration) -> Duration {
        Duration::from_micros(self.below(bound.as_micros() as u64))
    }
}

/// How often a story of chance is told: `TENURE_KILLS`, or a few times.
pub fn rounds() -> u64 {
    env::var("TENURE_KILLS").map_or(3, |rounds| rounds.parse().expect("TENURE_KILLS is a number"))
}
