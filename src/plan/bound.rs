//! An anchor under another bound: the same column, read the same way.

use jiff::Timestamp;

use super::{Anchor, Reading};
use crate::base::time::naive_cutoff;

impl Anchor {
    /// The same anchor with another instant as its bound.
    pub fn bounded_by(&self, instant: Timestamp) -> Self {
        let reading = match &self.reading {
            Reading::Instant { .. } => Reading::Instant { bound: instant },
            Reading::Naive { zone, .. } => Reading::Naive { bound: naive_cutoff(instant, zone), zone: zone.clone() },
            Reading::Date { zone, .. } => {
                Reading::Date { bound: naive_cutoff(instant, zone).date(), zone: zone.clone() }
            }
            Reading::Integer { per_second, .. } => {
                Reading::Integer { bound: epoch_bound(instant, *per_second), per_second: *per_second }
            }
            Reading::Float { per_second, .. } => {
                let bound = instant.as_microsecond() as f64 / (1_000_000 / per_second) as f64;
                Reading::Float { bound, per_second: *per_second }
            }
            Reading::Text { format, zone, .. } => Reading::Text {
                format: format.clone(),
                instant,
                naive: naive_cutoff(instant, zone),
                zone: zone.clone(),
            },
        };
        Self { reading, ..self.clone() }
    }
}

/// The smallest whole number of units since 1970 that is not below the instant: for whole v, v < ceil(c) is v < c.
pub fn epoch_bound(instant: Timestamp, per_second: i64) -> i64 {
    let (micros, unit) = (instant.as_microsecond(), 1_000_000 / per_second);
    micros.div_euclid(unit) + i64::from(micros.rem_euclid(unit) > 0)
}
