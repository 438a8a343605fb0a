//! Reproducible chance: every draw is a function of (seed, table, row) alone, so that any row can be made, or looked at by
//! another row, without the rows before it.

/// The chance of one row: a splitmix64 sequence.
pub(super) struct Draw(u64);

impl Draw {
    pub fn new(seed: u64, table: &str, row: u64) -> Self {
        let mut draw = Self(fnv(table) ^ seed.rotate_left(32) ^ row.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Neighbouring rows start from neighbouring states; one step scatters them.
        draw.0 = draw.next();
        draw
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `bound` - 1; `bound` is far below 2^64, so that the bias of the remainder does not show.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.saturating_sub(low).max(0) as u64 + 1) as i64
    }

    /// The later of two draws between `low` and `high`: what people do thins out towards the past.
    pub fn later_of(&mut self, low: i64, high: i64) -> i64 {
        self.between(low, high).max(self.between(low, high))
    }

    /// 0.0 up to, but not, 1.0.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// FNV-1a.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
